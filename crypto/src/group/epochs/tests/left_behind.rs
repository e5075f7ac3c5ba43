//! Who hears ballots for a branch that it never sees learns that the group is there, and two sides never both move.

use super::*;
use crate::group::epochs::{LEFT_BEHIND_AFTER_MS, TURN_MS};

const ME: u8 = 1;

/// Five people at epoch 1 on epoch 0, some of whom have last chosen what is given.
fn hearing(choices: &[(u8, u64, u8)]) -> EpochTree {
    let mut tree = tree(5);
    assert_eq!(tree.insert(node(1, 0, ME, 1), Some(people(5)), NOW_MS), Insertion::Inserted);
    for (voter, number, epoch) in choices {
        assert_eq!(tree.cast(person(*voter), ballot(1, &[(*number, *epoch)]), NOW_MS), Cast::Taken);
    }
    tree.look_around(person(ME), NOW_MS);
    tree
}

fn later(tree: &mut EpochTree) -> Standing {
    tree.look_around(person(ME), NOW_MS + LEFT_BEHIND_AFTER_MS);
    tree.standing()
}

#[test]
fn a_node_is_left_behind_when_more_of_the_members_are_where_it_does_not_know() {
    let mut tree = hearing(&[(2, 2, 9), (3, 2, 9)]);
    assert_eq!(tree.standing(), Standing::Member, "a ballot may overtake its commit");
    assert_eq!(tree.look_around_due_at_ms(), Some(NOW_MS + LEFT_BEHIND_AFTER_MS));
    tree.look_around(person(ME), NOW_MS + LEFT_BEHIND_AFTER_MS - 1);
    assert_eq!(tree.standing(), Standing::Member);
    assert_eq!(later(&mut tree), Standing::Stranded);
    assert_eq!(tree.look_around_due_at_ms(), None);
    // Two stand here with it: three against two.
    assert_eq!(later(&mut hearing(&[(2, 2, 9), (3, 2, 9), (4, 1, 1), (5, 1, 1)])), Standing::Member);
}

#[test]
fn whoever_sleeps_on_the_way_or_on_what_was_passed_is_on_neither_side() {
    assert_eq!(later(&mut hearing(&[(2, 2, 9), (3, 2, 9), (4, 0, 0), (5, 0, 0)])), Standing::Stranded);
    let mut tree = tree(5);
    for sibling in [1, 2] {
        tree.insert(node(sibling, 0, ME, sibling), Some(people(5)), NOW_MS);
    }
    vote(&mut tree, &[1, 2, 3], 1, NOW_MS);
    vote(&mut tree, &[4, 5], 2, NOW_MS);
    tree.insert(node(3, 1, ME, 1), Some(people(5)), NOW_MS);
    let rooted_ms = NOW_MS + HORIZON_MS;
    assert!(!tree.forget(rooted_ms).is_empty());
    tree.look_around(person(ME), rooted_ms);
    tree.look_around(person(ME), rooted_ms + LEFT_BEHIND_AFTER_MS);
    assert_eq!((tree.root(), tree.standing()), (id(1), Standing::Member), "what went was passed with open eyes");
}

#[test]
fn a_commit_that_comes_after_all_ends_it_and_newer_ballots_do_not_delay_it() {
    let mut tree = hearing(&[(2, 2, 9), (3, 2, 9)]);
    tree.cast(person(2), ballot(2, &[(3, 10)]), NOW_MS + LEFT_BEHIND_AFTER_MS - 1);
    assert_eq!(later(&mut tree), Standing::Stranded, "the group moves on where this node cannot see it");
    let number = EpochNode { number: 2, ..node(9, 1, 2, 2) };
    assert_eq!(tree.insert(number, Some(people(5)), NOW_MS), Insertion::Inserted);
    assert_eq!(later(&mut tree), Standing::Member);
}

/// What two people see of each other who stand on two branches, at a turn: whether they move.
fn moved(count: u8, mine: &[u8], theirs: &[u8], their_number: u64, turn: u64) -> (Standing, Standing) {
    let at_ms = (NOW_MS + LEFT_BEHIND_AFTER_MS).next_multiple_of(TURN_MS) + turn * TURN_MS;
    let seen = |us: &[u8], them: &[u8], their_number: u64, number: u64| {
        let mut tree = tree(count);
        let head = EpochNode { number, ..node(us[0], 0, us[0], 1) };
        tree.insert(head, Some(people(count)), NOW_MS);
        for voter in us {
            tree.cast(person(*voter), ballot(1, &[(number, us[0])]), NOW_MS);
        }
        for voter in them {
            tree.cast(person(*voter), ballot(1, &[(their_number, them[0])]), NOW_MS);
        }
        tree.look_around(person(us[0]), NOW_MS);
        tree.look_around(person(us[0]), at_ms);
        let due_ms = tree.look_around_due_at_ms();
        assert!(us.len() != them.len() || due_ms == Some(at_ms + TURN_MS), "the turn ends: {due_ms:?}");
        tree.standing()
    };
    (seen(mine, theirs, their_number, 1), seen(theirs, mine, 1, their_number))
}

#[test]
fn of_two_sides_that_weigh_the_same_one_moves_and_then_the_other_whatever_numbers_they_claim() {
    for (count, mine, theirs) in [(2, &[1][..], &[2][..]), (4, &[2, 3], &[1, 4]), (4, &[1, 2], &[3, 4])] {
        for their_number in [1, 2, u64::MAX] {
            for turn in 0..4 {
                let lower_moves = turn % 2 == 0;
                let expected = if (mine[0] < theirs[0]) == lower_moves {
                    (Standing::Stranded, Standing::Member)
                } else {
                    (Standing::Member, Standing::Stranded)
                };
                assert_eq!(moved(count, mine, theirs, their_number, turn), expected, "{count} {turn} {their_number}");
            }
        }
    }
}

#[test]
fn one_account_alone_strands_nobody_where_there_are_others_to_ask() {
    let ever = |mut tree: EpochTree| {
        let mut turns = (1..=2).map(|turn| {
            tree.look_around(person(ME), NOW_MS + turn * TURN_MS);
            tree.standing()
        });
        turns.find(|standing| *standing == Standing::Stranded)
    };
    for claimed in [2, u64::MAX] {
        assert_eq!(ever(hearing(&[(2, claimed, 9)])), None);
    }
    let nodes =
        [(2, 2), (2, 3), (2, 4), (1, 1), (3, 5)].map(|(account, byte)| (AccountId([account; 32]), person(byte)));
    let mut tree = EpochTree::new(EpochNode::root(id(0), 0, NOW_MS), Arc::new(Electorate::new(nodes)));
    for byte in [2, 3, 4] {
        tree.cast(person(byte), ballot(1, &[(5, 9)]), NOW_MS);
    }
    tree.look_around(person(ME), NOW_MS);
    assert_eq!(ever(tree.clone()), None, "its many nodes are one account");
    tree.cast(person(5), ballot(1, &[(5, 9)]), NOW_MS);
    tree.look_around(person(ME), NOW_MS);
    assert_eq!(ever(tree), Some(Standing::Stranded));
}

#[test]
fn right_after_a_commit_those_who_have_not_voted_again_are_here() {
    let mut tree = hearing(&[(2, u64::MAX, 9), (3, u64::MAX, 9), (4, 1, 1), (5, 1, 1)]);
    let now_ms = NOW_MS + 3 * LEFT_BEHIND_AFTER_MS;
    tree.look_around(person(ME), now_ms - 1);
    tree.insert(EpochNode { number: 2, ..node(2, 1, 4, 1) }, Some(people(5)), now_ms);
    tree.look_around(person(ME), now_ms);
    assert_eq!(tree.standing(), Standing::Member, "two invented choices are not more than three members");
    assert_eq!(tree.look_around_due_at_ms(), Some(now_ms + LEFT_BEHIND_AFTER_MS));
    vote(&mut tree, &[4], 2, now_ms);
    tree.look_around(person(ME), now_ms + LEFT_BEHIND_AFTER_MS - 1);
    assert_eq!(tree.standing(), Standing::Member);
    vote(&mut tree, &[5], 2, now_ms);
    tree.look_around(person(ME), now_ms + LEFT_BEHIND_AFTER_MS);
    assert_eq!(tree.standing(), Standing::Member, "in the end they have");
}

#[test]
fn whoever_is_left_behind_by_all_others_is_told_so_by_their_ballots_alone() {
    for count in 2..=5 {
        for me in 1..=count {
            let mut tree = tree(count);
            for other in (1..=count).filter(|other| *other != me) {
                tree.cast(person(other), ballot(1, &[(3, 9)]), NOW_MS);
            }
            let mut now_ms = NOW_MS;
            tree.look_around(person(me), now_ms);
            assert_eq!(tree.standing(), Standing::Member);
            while tree.standing() == Standing::Member {
                now_ms = tree.look_around_due_at_ms().unwrap();
                tree.look_around(person(me), now_ms);
            }
            assert!(now_ms <= NOW_MS + LEFT_BEHIND_AFTER_MS + TURN_MS, "{me} of {count}");
        }
    }
}

#[test]
fn whoever_hears_that_others_are_elsewhere_says_where_it_is_though_it_has_nothing_to_vote_on() {
    let mut tree = tree(2);
    assert_eq!(tree.ballot_due_at_ms(person(ME)), None);
    tree.cast(person(2), ballot(1, &[(3, 9)]), NOW_MS);
    tree.look_around(person(ME), NOW_MS);
    let due_ms = tree.ballot_due_at_ms(person(ME)).unwrap();
    let own = tree.next_ballot(person(ME), due_ms).unwrap();
    assert_eq!(own.choices, ballot(0, &[(0, 0)]).choices);
    tree.cast(person(ME), own, due_ms);
    assert_eq!(tree.ballot_due_at_ms(person(ME)), None);
}

#[test]
fn since_when_others_are_elsewhere_outlives_a_crash() {
    let mut tree = hearing(&[(2, 2, 9), (3, 2, 9)]);
    assert_eq!(tree.take_changes().ballots_put, [person(2), person(3)]);
    let mut tree = reloaded(&tree);
    tree.look_around(person(ME), NOW_MS + LEFT_BEHIND_AFTER_MS / 2);
    assert_eq!(tree.take_changes().ballots_put, [], "nothing is new");
    assert_eq!(later(&mut tree), Standing::Stranded);
}

#[test]
fn whoever_comes_back_is_not_left_behind_any_more() {
    let mut tree = hearing(&[(2, 2, 9), (3, 2, 9)]);
    assert_eq!(later(&mut tree), Standing::Stranded);
    tree.reroot(of_kind(NodeKind::Skeleton, EpochNode::root(id(9), 2, NOW_MS)), people(5), [], NOW_MS);
    tree.insert(EpochNode { number: 3, ..node(10, 9, ME, 1) }, Some(people(5)), NOW_MS);
    assert_eq!((tree.head(), tree.standing()), (id(10), Standing::Member));
    assert_eq!(later(&mut tree), Standing::Member);
}

/// Who came in on a branch that lost, with epochs 6, 5 and 4 above it, of the numbers 5 to 3.
fn led_astray(votes: &[(u64, u8)]) -> EpochTree {
    let mut tree = hearing(&[]);
    tree.reroot(EpochNode::root(id(7), 6, NOW_MS), people(5), [id(6), id(5), id(4)], NOW_MS);
    for (voter, (number, epoch)) in (2..).zip(votes) {
        tree.cast(person(voter), ballot(1, &[(*number, *epoch)]), NOW_MS);
    }
    let mut tree = reloaded(&tree);
    tree.look_around(person(ME), NOW_MS);
    tree
}

#[test]
fn whoever_came_in_beside_the_others_learns_it_even_from_lower_numbers() {
    let mut others = led_astray(&[(4, 20), (4, 20), (4, 20)]);
    assert_eq!(later(&mut others), Standing::Stranded, "they went on from 4, and not by 5");
    let mut asleep = led_astray(&[(4, 5), (4, 5), (4, 5)]);
    assert_eq!(later(&mut asleep), Standing::Member, "they chose what is above");
    let mut unknown = led_astray(&[(2, 21), (2, 21), (2, 21)]);
    assert_eq!(later(&mut unknown), Standing::Member, "nobody knows what is above 3");
}

#[test]
fn whoever_left_an_epoch_by_a_welcome_and_finds_the_others_still_there_is_left_behind() {
    let mut tree = hearing(&[]);
    let here = tree.head();
    tree.reroot(EpochNode::root(id(7), 1, NOW_MS), people(5), [], NOW_MS);
    for voter in [2, 3] {
        tree.cast(person(voter), ballot(1, &[(1, 1)]), NOW_MS);
    }
    assert!(matches!(tree.place(here), Place::Here(node) if node.kind == NodeKind::Detached));
    tree.look_around(person(ME), NOW_MS);
    assert_eq!(later(&mut tree), Standing::Stranded);
}

#[test]
fn what_the_root_leaves_behind_is_above_it() {
    let mut tree = EpochTree::new(EpochNode::root(id(0), 0, NOW_MS), people(1));
    tree.insert(node(1, 0, ME, 1), Some(people(1)), NOW_MS);
    tree.cast(person(ME), ballot(1, &[(1, 1)]), NOW_MS);
    tree.forget(NOW_MS + HORIZON_MS);
    assert_eq!((tree.root(), tree.above().collect::<Vec<_>>()), (id(1), vec![id(0)]));
    assert_eq!((tree.is_passed(id(0), 0), tree.is_passed(id(9), 0)), (Some(true), Some(false)));
    assert!(tree.is_or_was_here(id(0)) && tree.above_epoch(id(1)) == [id(0)]);
    assert!(tree.above_epoch(id(9)).is_empty());
    reloaded(&tree);
}

#[test]
fn what_follows_an_epoch_that_is_gone_is_gone_too() {
    let mut tree = hearing(&[]);
    assert_eq!(tree.place(id(8)), Place::Unknown);
    tree.pass_over(id(8), id(7));
    assert_eq!(tree.place(id(8)), Place::Gone);
    tree.cast(person(2), ballot(1, &[(5, 8), (1, 1)]), NOW_MS);
    assert!(tree.votes(id(1)) > 0, "a choice that lies elsewhere hides no vote");
    reloaded(&tree);
    tree.reroot(EpochNode::root(id(7), 4, NOW_MS), people(5), [], NOW_MS);
    assert_eq!(tree.insert(EpochNode { number: 5, ..node(8, 7, 2, 1) }, Some(people(5)), NOW_MS), Insertion::Inserted);
}
