//! Ballots: what they count for, what is settled, and what an honest node says.

use super::*;
use crate::codec::{Malformed, Reader, Writer};

#[test]
fn what_more_than_half_settled_on_wins_whatever_its_rank() {
    let mut tree = grown(&[removal(1, 0, 1, 0), node(2, 0, 2, 9)]);
    vote(&mut tree, &[2], 2, NOW_MS);
    assert_eq!((tree.settled_child(id(0)), tree.head()), (None, id(1)));
    vote(&mut tree, &[3], 2, NOW_MS);
    assert_eq!((tree.settled_child(id(0)), tree.head()), (Some(id(2)), id(2)));
}

#[test]
fn where_the_votes_are_equal_and_all_are_cast_the_lower_rank_is_settled() {
    let mut tree = EpochTree::new(EpochNode::root(id(0), 0, NOW_MS), people(2));
    grow(&mut tree, node(1, 0, 1, 9), NOW_MS);
    grow(&mut tree, node(2, 0, 2, 1), NOW_MS);
    vote(&mut tree, &[1], 1, NOW_MS);
    assert_eq!(tree.settled_child(id(0)), None);
    vote(&mut tree, &[2], 2, NOW_MS);
    assert_eq!(tree.settled_child(id(0)), Some(id(2)));
}

#[test]
fn an_account_with_many_nodes_has_one_vote() {
    let many = (10..18).map(|byte| (AccountId([1; 32]), person(byte)));
    let others = [(AccountId([2; 32]), person(2)), (AccountId([3; 32]), person(3))];
    let electorate = Arc::new(Electorate::new(many.chain(others)));
    assert_eq!(electorate.total(), 3 * ACCOUNT_WEIGHT);
    assert_eq!(electorate.weight(person(10)), Some(ACCOUNT_WEIGHT / 8));
    let mut tree = EpochTree::new(EpochNode::root(id(0), 0, NOW_MS), electorate);
    grow(&mut tree, node(1, 0, 1, 1), NOW_MS);
    grow(&mut tree, node(2, 0, 2, 2), NOW_MS);
    vote(&mut tree, &[10, 11, 12, 13, 14, 15, 16, 17], 1, NOW_MS);
    assert_eq!(tree.settled_child(id(0)), None);
    vote(&mut tree, &[2, 3], 2, NOW_MS);
    assert_eq!(tree.settled_child(id(0)), Some(id(2)));
}

#[test]
fn the_weights_of_an_accounts_nodes_are_rounded_down() {
    let eleven = Electorate::new((0..11).map(|byte| (AccountId([1; 32]), person(byte))));
    assert_eq!((eleven.weight(person(0)), eleven.total()), (Some(76), 836));
}

#[test]
fn a_vote_counts_at_every_epoch_above_and_where_one_is_a_member_only() {
    let mut tree = tree(3);
    grow(&mut tree, node(1, 0, 1, 1), NOW_MS);
    assert_eq!(tree.insert(node(2, 1, 1, 1), Some(people(2)), NOW_MS), Insertion::Inserted);
    assert_eq!(tree.insert(node(3, 2, 1, 1), Some(people(2)), NOW_MS), Insertion::Inserted);
    vote(&mut tree, &[3], 3, NOW_MS);
    assert_eq!([1, 2, 3].map(|byte| tree.votes(id(byte))), [ACCOUNT_WEIGHT, ACCOUNT_WEIGHT, 0]);
    assert_eq!(tree.cast(person(9), ballot(1, &[(3, 3)]), NOW_MS), Cast::NotAMember);
}

#[test]
fn of_a_nodes_ballots_the_newest_counts_and_of_two_with_one_number_always_the_same() {
    let one = ballot(5, &[(1, 1)]);
    let other = ballot(5, &[(1, 2)]);
    for order in [[&one, &other], [&other, &one]] {
        let mut tree = grown(&[node(1, 0, 1, 1), node(2, 0, 2, 2)]);
        for ballot in order {
            tree.cast(person(1), ballot.clone(), NOW_MS);
        }
        assert_eq!(tree.ballot(person(1)), Some(&other));
        assert_eq!((tree.votes(id(1)), tree.votes(id(2))), (0, ACCOUNT_WEIGHT));
        assert_eq!(tree.cast(person(1), ballot(4, &[(1, 1)]), NOW_MS), Cast::Known);
        assert_eq!(tree.cast(person(1), ballot(6, &[]), NOW_MS), Cast::Taken);
        assert_eq!(tree.votes(id(2)), 0);
    }
}

#[test]
fn a_choice_of_a_commit_that_has_not_come_is_not_replaced_by_the_next_one() {
    // Person 1 settled on 9, which follows 2, and went over to 1 later. Whoever lacks 9 must not count it for 1.
    let mut tree = grown(&[node(1, 0, 1, 1), node(2, 0, 2, 2)]);
    tree.cast(person(1), ballot(1, &[(2, 9), (1, 1)]), NOW_MS);
    tree.cast(person(2), ballot(1, &[(1, 1)]), NOW_MS);
    assert_eq!((tree.votes(id(1)), tree.votes(id(2))), (ACCOUNT_WEIGHT, 0));
    assert_eq!(tree.settled_child(id(0)), None);
    grow(&mut tree, EpochNode { number: 2, ..node(9, 2, 2, 1) }, NOW_MS);
    assert_eq!((tree.votes(id(1)), tree.votes(id(2))), (ACCOUNT_WEIGHT, ACCOUNT_WEIGHT));
    assert_eq!(tree.settled_child(id(0)), None);
    reloaded(&tree);
}

#[test]
fn a_choice_too_shallow_to_lie_below_an_epoch_hides_nothing_there() {
    let mut tree = grown(&[node(1, 0, 1, 1), EpochNode { number: 2, ..node(2, 1, 1, 1) }]);
    tree.cast(person(1), ballot(1, &[(1, 9), (2, 2)]), NOW_MS);
    assert_eq!((tree.votes(id(1)), tree.votes(id(2))), (0, ACCOUNT_WEIGHT));
}

#[test]
fn a_node_votes_for_its_head_once_it_has_been_there_for_a_while() {
    let mut tree = tree(3);
    let me = person(1);
    assert_eq!(tree.ballot_due_at_ms(me), None, "there is nothing to vote on");
    grow(&mut tree, node(1, 0, 1, 5), NOW_MS);
    let due_ms = NOW_MS + BALLOT_DELAY_MS;
    assert_eq!(tree.ballot_due_at_ms(me), Some(due_ms));
    assert_eq!(tree.next_ballot(me, due_ms - 1), None);
    let first = tree.next_ballot(me, due_ms).unwrap();
    assert_eq!(first, ballot(due_ms, &[(1, 1)]));
    tree.cast(me, first, due_ms);
    assert_eq!(tree.ballot_due_at_ms(me), None);
}

#[test]
fn an_honest_vote_at_a_fork_stays_what_it_was() {
    let mut tree = grown(&[node(5, 0, 1, 5)]);
    let me = person(1);
    let mut now_ms = NOW_MS;
    let mut settle = |tree: &mut EpochTree| {
        now_ms += BALLOT_DELAY_MS;
        let ballot = tree.next_ballot(me, now_ms).unwrap();
        tree.cast(me, ballot, now_ms);
        tree.ballot(me).unwrap().choices.iter().map(|choice| choice.epoch).collect::<Vec<_>>()
    };
    assert_eq!(settle(&mut tree), [id(5)]);
    grow(&mut tree, EpochNode { number: 2, ..node(6, 5, 1, 5) }, NOW_MS);
    assert_eq!(settle(&mut tree), [id(6)], "further on the same branch");
    grow(&mut tree, node(7, 0, 2, 4), NOW_MS);
    assert_eq!(settle(&mut tree), [id(6), id(7)], "another branch won");
    assert_eq!((tree.votes(id(5)), tree.votes(id(7))), (ACCOUNT_WEIGHT, 0));
    grow(&mut tree, EpochNode { number: 2, ..node(8, 7, 2, 5) }, NOW_MS);
    assert_eq!(settle(&mut tree), [id(6), id(8)]);
    assert_eq!((tree.votes(id(5)), tree.votes(id(7)), tree.votes(id(8))), (ACCOUNT_WEIGHT, 0, ACCOUNT_WEIGHT));
}

#[test]
fn a_node_without_room_for_a_choice_does_not_change_its_vote() {
    let mut tree = tree(3);
    for byte in (1..40).rev() {
        grow(&mut tree, node(byte, 0, byte, byte), NOW_MS);
        if let Some(ballot) = tree.next_ballot(person(1), NOW_MS + BALLOT_DELAY_MS) {
            tree.cast(person(1), ballot, NOW_MS);
        }
        let due_ms = tree.ballot_due_at_ms(person(1));
        assert_eq!(due_ms, None, "a ballot that is due and cannot be cast would wake the node without end");
    }
    assert_eq!(tree.ballot(person(1)).unwrap().choices.len(), CHOICES_MAX);
    assert_eq!(tree.votes(id(39)), ACCOUNT_WEIGHT, "it stays where it was at first");
}

#[test]
fn a_ballot_is_read_as_it_was_written_and_no_longer_one_is() {
    let ballot = ballot(7, &[(1, 1), (2, 2)]);
    let mut writer = Writer::new();
    ballot.encode(&mut writer);
    let bytes = writer.into_bytes();
    assert_eq!(Ballot::decode(&mut Reader::new(&bytes)), Ok(ballot));
    for length in 0..bytes.len() {
        assert!(Ballot::decode(&mut Reader::new(&bytes[..length])).is_err());
    }
    let mut writer = Writer::new();
    writer.u64(1).u16(17);
    let long = Ballot::decode(&mut Reader::new(writer.written()));
    assert_eq!(long, Err(Malformed::TooLong { what: "a ballot", limit: CHOICES_MAX }));
}

/// Persons 1 and 2 went over from epoch 5 to 7, which is settled: each has both among its choices.
fn gone_over() -> EpochTree {
    let mut tree = grown(&[node(5, 0, 1, 5)]);
    tree.cast(person(1), ballot(1, &[(1, 5)]), NOW_MS);
    grow(&mut tree, node(7, 0, 2, 4), NOW_MS);
    tree.cast(person(1), tree.next_ballot(person(1), NOW_MS + BALLOT_DELAY_MS).unwrap(), NOW_MS);
    tree
}

#[test]
fn a_new_ballot_does_not_name_what_went_with_a_settled_root() {
    let mut tree = gone_over();
    vote(&mut tree, &[2, 3], 7, NOW_MS);
    assert_eq!(tree.settled_child(id(0)), Some(id(7)));
    grow(&mut tree, EpochNode { number: 2, ..node(8, 7, 2, 5) }, NOW_MS);
    let before = tree.next_ballot(person(1), NOW_MS + BALLOT_DELAY_MS).unwrap();
    assert_eq!(before.choices, ballot(0, &[(1, 5), (2, 8)]).choices, "its vote at the fork stays");
    assert!(!tree.forget(NOW_MS + HORIZON_MS).is_empty());
    let tree = reloaded(&tree);
    let after = tree.next_ballot(person(1), NOW_MS + HORIZON_MS).unwrap();
    assert_eq!(after.choices, ballot(0, &[(2, 8)]).choices, "newcomers never heard of the other");
}

#[test]
fn a_new_ballot_goes_on_naming_what_was_left_without_anything_being_settled() {
    let mut tree = gone_over();
    tree.reroot(EpochNode::root(id(20), 4, NOW_MS), people(3), [], NOW_MS);
    grow(&mut tree, EpochNode { number: 5, ..node(21, 20, 2, 5) }, NOW_MS);
    let tree = reloaded(&tree);
    let after = tree.next_ballot(person(1), NOW_MS + HORIZON_MS).unwrap();
    assert_eq!(after.choices, ballot(0, &[(1, 5), (1, 7), (5, 21)]).choices);
}

#[test]
fn a_flood_of_removed_epochs_changes_no_tally() {
    let mut tree = gone_over();
    vote(&mut tree, &[2, 3], 7, NOW_MS);
    tree.forget(NOW_MS + HORIZON_MS);
    let now_ms = NOW_MS + HORIZON_MS;
    grow(&mut tree, EpochNode { number: 2, ..node(8, 7, 2, 5) }, now_ms);
    tree.cast(person(3), ballot(9, &[(u64::MAX, 5), (2, 8)]), now_ms);
    assert_eq!(tree.votes(id(8)), ACCOUNT_WEIGHT);
    for round in 0..1_300_u16 {
        let mut new = EpochNode { number: 2, ..node(0, 7, 1, 200) };
        new.rank.commit = EpochId::of_commit(&round.to_be_bytes());
        tree.insert(new, Some(people(3)), now_ms);
        tree.forget(now_ms);
    }
    assert_eq!(tree.place(id(5)), Place::Unknown, "it was pushed out of memory");
    assert_eq!(tree.votes(id(8)), ACCOUNT_WEIGHT);
    let mut tree = reloaded(&tree);
    tree.cast(person(3), ballot(10, &[(2, 2)]), now_ms);
    assert_eq!(tree.votes(id(8)), 0, "no vote stays that nobody casts");
    reloaded(&tree);
}

#[test]
fn a_flood_of_commits_on_what_is_gone_changes_no_tally() {
    let mut tree = grown(&[node(1, 0, 1, 1)]);
    tree.pass_over(id(8), id(7));
    tree.cast(person(2), ballot(1, &[(5, 8), (1, 1)]), NOW_MS);
    tree.cast(person(3), ballot(1, &[(5, 9), (1, 1)]), NOW_MS);
    assert_eq!(tree.votes(id(1)), ACCOUNT_WEIGHT);
    tree.take_changes();
    tree.pass_over(id(9), id(7));
    assert_eq!(tree.votes(id(1)), 2 * ACCOUNT_WEIGHT);
    assert_eq!(tree.take_changes().ballots_put, [person(3)]);
    for round in 0..1_100_u16 {
        tree.pass_over(EpochId::of_commit(&round.to_be_bytes()), id(7));
    }
    let mut tree = reloaded(&tree);
    assert_eq!(tree.votes(id(1)), 2 * ACCOUNT_WEIGHT);
    tree.cast(person(2), ballot(2, &[]), NOW_MS);
    assert_eq!(tree.votes(id(1)), ACCOUNT_WEIGHT);
}

#[test]
fn what_a_commit_on_what_is_gone_brings_to_light_is_settled_from_then_on() {
    let mut tree = grown(&[node(1, 0, 1, 1)]);
    for voter in [2, 3] {
        tree.cast(person(voter), ballot(1, &[(5, 8), (1, 1)]), NOW_MS);
    }
    assert_eq!(tree.settled_child(id(0)), None);
    tree.pass_over(id(8), id(7));
    assert_eq!(tree.settled_child(id(0)), Some(id(1)));
    let mut again = reloaded(&tree);
    for tree in [&mut tree, &mut again] {
        tree.look_around(person(1), NOW_MS + 5);
        assert_eq!(tree.forget_due_at_ms(), Some(NOW_MS + 5 + HORIZON_MS));
    }
}

#[test]
fn a_trickle_of_ghosts_does_not_put_off_the_vote() {
    let day_ms = HORIZON_MS / 7;
    let mut tree = grown(&[node(100, 0, 1, 100), node(101, 100, 1, 100)]);
    tree.forget(NOW_MS + BOUND_MS);
    let first_ms = NOW_MS + BOUND_MS;
    for (round, parent) in [(0, 100), (1, 100), (2, 0), (3, 0)] {
        let now_ms = first_ms + u64::from(round) * 6 * day_ms;
        let number = u64::from(parent != 0) + 1;
        let ghost = EpochNode { number, ..node(90 - round, parent, 2, 90 - round) };
        grow(&mut tree, of_kind(NodeKind::Ghost, ghost), now_ms);
        assert_eq!((tree.head(), tree.standing()), (id(101), Standing::Stranded));
        assert_eq!(tree.ballot_due_at_ms(person(1)), Some(first_ms + HORIZON_MS), "in round {round}");
    }
    // One that was outvoted, or never came first, strands nobody and counts no more.
    vote(&mut tree, &[1, 2, 3], 101, first_ms);
    grow(&mut tree, EpochNode { number: 3, ..node(102, 101, 1, 1) }, first_ms);
    assert_eq!(tree.ballot_due_at_ms(person(1)), Some(first_ms + BALLOT_DELAY_MS));
}

#[test]
fn an_old_ballot_of_a_member_who_comes_back_is_not_heard() {
    let mut tree = tree(3);
    grow(&mut tree, node(1, 0, 1, 1), NOW_MS);
    tree.cast(person(3), ballot(7, &[(1, 1)]), NOW_MS);
    tree.insert(removal(2, 1, 1, 1), Some(people(2)), NOW_MS);
    vote(&mut tree, &[1, 2], 2, NOW_MS);
    tree.forget(NOW_MS + HORIZON_MS);
    assert_eq!((tree.root(), tree.is_voter(person(3))), (id(2), false));
    let mut tree = reloaded(&tree);
    grow(&mut tree, EpochNode { number: 3, ..node(3, 2, 1, 1) }, NOW_MS);
    assert_eq!(tree.cast(person(3), ballot(6, &[(3, 3)]), NOW_MS), Cast::Known);
    assert_eq!(tree.cast(person(3), ballot(8, &[(3, 3)]), NOW_MS), Cast::Taken);
    // There is a limit to it, and the oldest go first.
    let mut tree = EpochTree::new(EpochNode::root(id(0), 0, NOW_MS), Arc::new(Electorate::new(crowd())));
    for (_, node) in crowd() {
        tree.cast(node, ballot(u64::from(node.0[0]) * 256 + u64::from(node.0[1]), &[(9, 9)]), NOW_MS);
    }
    tree.take_changes();
    tree.reroot(EpochNode::root(id(1), 1, NOW_MS), people(2), [], NOW_MS);
    assert_eq!(tree.take_changes().ballots_deleted.len(), 400 - IDLE_BALLOTS_MAX);
    assert!(tree.ballot(crowd()[0].1).is_none() && tree.ballot(crowd()[399].1).is_some());
    reloaded(&tree);
}

#[test]
fn many_nodes_do_not_all_vote_in_one_moment() {
    let due = |voters: Vec<(AccountId, NodeId)>| {
        let electorate = Arc::new(Electorate::new(voters.clone()));
        let mut tree = EpochTree::new(EpochNode::root(id(0), 0, NOW_MS), Arc::clone(&electorate));
        let mut head = node(1, 0, 1, 1);
        head.rank.commit = EpochId::of_commit(b"a head");
        tree.insert(head, Some(electorate), NOW_MS);
        let due = voters.iter().map(|(_, node)| tree.ballot_due_at_ms(*node).unwrap());
        due.map(|due_ms| due_ms - NOW_MS - BALLOT_DELAY_MS).collect::<Vec<_>>()
    };
    let scattered = |(account, node): (AccountId, NodeId)| (account, NodeId(blake3::hash(&node.0).into()));
    let crowd: Vec<_> = crowd().into_iter().map(scattered).collect();
    assert_eq!(due(crowd[..16].to_vec()), [0; 16]);
    let due = due(crowd);
    let spread_ms = (400 - 16) * 60;
    for part in 0..8 {
        let within = due.iter().filter(|ms| **ms >= part * spread_ms / 8 && **ms < (part + 1) * spread_ms / 8).count();
        assert!(within > 25 && within < 75, "{within}");
    }
}

/// Four hundred accounts of one node each.
fn crowd() -> Vec<(AccountId, NodeId)> {
    let bytes = |index: u16| {
        let mut bytes = [77; 32];
        bytes[..2].copy_from_slice(&index.to_be_bytes());
        bytes
    };
    (0..400).map(|index| (AccountId(bytes(index)), NodeId(bytes(index)))).collect()
}

#[test]
fn what_is_known_of_a_ballot_is_read_as_it_was_written() {
    use Whereabouts::{Left, PassedOver, Settled, Unclear};
    let whereabouts = [Unclear, PassedOver, Left, Settled].repeat(4);
    for notes in [
        BallotNotes { astray_ms: Some(NOW_MS), whereabouts: whereabouts.clone() },
        BallotNotes { astray_ms: None, whereabouts: whereabouts[..3].to_vec() },
        BallotNotes::default(),
    ] {
        let mut writer = Writer::new();
        notes.encode(&mut writer);
        assert_eq!(writer.written().len(), BallotNotes::BYTES);
        let mut reader = Reader::new(writer.written());
        assert_eq!(BallotNotes::decode(&mut reader, notes.whereabouts.len()), Ok(notes));
    }
}
