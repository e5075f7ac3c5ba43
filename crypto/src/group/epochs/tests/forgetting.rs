//! Forgetting: when secrets go, what stays behind, and that a tree has a limit whatever anybody does.

use super::*;

const DAY_MS: u64 = 24 * 3_600_000;

#[test]
fn a_root_goes_a_horizon_after_its_child_was_settled() {
    let mut tree = grown(&[node(1, 0, 1, 1), node(2, 0, 2, 2)]);
    assert_eq!(tree.forget_due_at_ms(), Some(NOW_MS + BOUND_MS));
    let settled_ms = NOW_MS + 3 * DAY_MS;
    vote(&mut tree, &[1, 2], 1, settled_ms);
    assert_eq!(tree.forget_due_at_ms(), Some(settled_ms + HORIZON_MS));
    assert!(tree.forget(settled_ms + HORIZON_MS - 1).is_empty());
    let forgotten = tree.forget(settled_ms + HORIZON_MS);
    assert_eq!(forgotten, Forgotten { removed: vec![id(0), id(2)], stripped: vec![] });
    assert_eq!((tree.root(), tree.head(), tree.place(id(2))), (id(1), id(1), Place::Gone));
    assert_eq!(tree.insert(node(3, 0, 2, 0), Some(people(3)), NOW_MS), Insertion::Gone);
    assert_eq!(tree.insert(node(2, 0, 2, 0), Some(people(3)), NOW_MS), Insertion::Gone);
    assert_eq!(tree.forget_due_at_ms(), None);
    reloaded(&tree);
}

#[test]
fn a_whole_line_of_settled_epochs_goes_at_once() {
    let mut tree = grown(&[node(1, 0, 1, 1), node(2, 1, 2, 2), node(3, 2, 2, 2)]);
    vote(&mut tree, &[1, 2], 3, NOW_MS);
    assert_eq!(tree.forget(NOW_MS + HORIZON_MS).removed, [id(0), id(1), id(2)]);
    assert_eq!((tree.root(), tree.standing()), (id(3), Standing::Member));
    assert_eq!(tree.ballot(person(1)), Some(&ballot(1, &[(3, 3)])), "its voters are members yet");
}

#[test]
fn what_nobody_settled_loses_its_secrets_after_the_bound() {
    let mut tree = grown(&[node(1, 0, 1, 1), node(2, 0, 2, 2)]);
    tree.take_changes();
    let later_ms = NOW_MS + DAY_MS;
    grow(&mut tree, node(3, 1, 1, 1), later_ms);
    tree.take_changes();
    let forgotten = tree.forget(NOW_MS + BOUND_MS);
    assert_eq!(forgotten, Forgotten { removed: vec![], stripped: vec![id(0), id(2)] });
    let changes = tree.take_changes();
    assert_eq!((changes.epochs_deleted, changes.epochs_put), (vec![id(0), id(2)], vec![id(0), id(2)]));
    assert_eq!(tree.forget_due_at_ms(), Some(later_ms + BOUND_MS));
    assert_eq!(tree.forget(later_ms + BOUND_MS).stripped, [id(1)]);
    assert_eq!((tree.head(), tree.standing(), tree.forget_due_at_ms()), (id(3), Standing::Member, None));
    // A commit that comes only now wins without keys: the way back is another's to show.
    grow(&mut tree, of_kind(NodeKind::Ghost, node(4, 0, 2, 0)), later_ms);
    assert_eq!((tree.goal(), tree.standing()), (id(4), Standing::Stranded));
    reloaded(&tree);
}

#[test]
fn a_root_stays_while_this_node_cannot_enter_what_is_settled() {
    let mut tree = grown(&[node(1, 0, 1, 1)]);
    tree.forget(NOW_MS + BOUND_MS);
    grow(&mut tree, of_kind(NodeKind::Ghost, node(2, 0, 2, 9)), NOW_MS + BOUND_MS);
    vote(&mut tree, &[2, 3], 2, NOW_MS + BOUND_MS);
    assert_eq!(tree.standing(), Standing::Stranded);
    assert!(tree.forget(NOW_MS + 5 * BOUND_MS).is_empty());
    assert_eq!((tree.root(), tree.head(), tree.forget_due_at_ms()), (id(0), id(1), None));
}

#[test]
fn whoever_was_removed_keeps_the_removal_and_no_keys() {
    let mut tree = grown(&[node(1, 0, 1, 1)]);
    tree.insert(of_kind(NodeKind::Tombstone, removal(2, 1, 2, 2)), None, NOW_MS);
    tree.forget(NOW_MS + BOUND_MS);
    assert!(tree.nodes().all(|(_, node)| node.kind != NodeKind::Held));
    assert_eq!((tree.standing(), tree.forget_due_at_ms()), (Standing::Removed, None));
}

#[test]
fn a_clock_that_was_wrong_keeps_nothing_for_ever() {
    let mut tree = EpochTree::new(EpochNode::root(id(0), 0, NOW_MS * 2), people(3));
    grow(&mut tree, node(1, 0, 1, 1), NOW_MS * 2);
    assert!(tree.forget(NOW_MS).is_empty());
    assert_eq!(tree.forget_due_at_ms(), Some(NOW_MS + BOUND_MS));
    // Of what an earlier version saved, no time is known: it begins now.
    let mut tree = EpochTree::new(EpochNode::root(id(0), 0, 0), people(3));
    grow(&mut tree, node(1, 0, 1, 1), 0);
    assert!(tree.forget(NOW_MS).is_empty());
    assert_eq!(tree.forget_due_at_ms(), Some(NOW_MS + BOUND_MS));
}

#[test]
fn what_is_due_is_forgotten_when_it_is_due() {
    let mut tree = grown(&[node(1, 0, 1, 1), node(2, 0, 2, 2), node(3, 1, 1, 1), node(4, 3, 1, 1)]);
    vote(&mut tree, &[1, 2], 3, NOW_MS + DAY_MS);
    for _ in 0..20 {
        let Some(due_ms) = tree.forget_due_at_ms() else { return };
        assert!(!tree.forget(due_ms).is_empty(), "or the node would be woken for nothing, again and again");
    }
    panic!("there is always something due");
}

#[test]
fn one_member_who_commits_without_end_fills_nothing() {
    for (siblings, chain) in [(true, false), (false, true), (true, true)] {
        let mut tree = tree(3);
        let mut parent = id(0);
        for round in 0..400_u16 {
            let number = u64::from(round) + 1;
            let mut new = EpochNode { number, ..node(0, 0, 1, u8::try_from(round % 251).unwrap()) };
            new.rank.commit = EpochId::of_commit(&round.to_be_bytes());
            if tree.node(parent).is_none() {
                parent = tree.head();
            }
            new.parent = Some(if chain { parent } else { tree.root() });
            if !siblings || round % 2 == 0 {
                parent = new.rank.commit;
            }
            assert_eq!(tree.insert(new, Some(people(3)), NOW_MS), Insertion::Inserted);
            if tree.is_crowded() {
                assert!(!tree.forget(NOW_MS).is_empty());
            }
            let held = tree.nodes().filter(|(_, node)| node.kind == NodeKind::Held).count();
            assert!(held <= HELD_EPOCHS_MAX && tree.nodes().count() <= EPOCHS_MAX);
            assert_eq!(tree.node(tree.head()).unwrap().kind, NodeKind::Held);
            tree.take_changes();
        }
        reloaded(&tree);
    }
}

#[test]
fn in_a_flood_what_has_votes_stays_and_an_outsiders_branch_goes_first() {
    let mut tree = grown(&[node(200, 0, 3, 200), node(201, 200, 3, 9)]);
    vote(&mut tree, &[3], 201, NOW_MS);
    for byte in 1..=100 {
        grow(&mut tree, node(byte, 0, 1, byte), NOW_MS);
        tree.forget(NOW_MS);
    }
    assert!(tree.node(id(201)).is_some() && tree.head() == id(1));
    assert_eq!(tree.place(id(64)), Place::Gone);
    assert_eq!(tree.insert(node(64, 0, 1, 64), Some(people(3)), NOW_MS), Insertion::Gone);
}

#[test]
fn a_branch_that_comes_late_is_not_pushed_out_by_what_one_member_made() {
    // A read-only member has filled the tree with siblings, and with chains as long as the branch that is to come.
    for (chain, early) in [(1, 1), (6, 1), (1, 60), (6, 60)] {
        let mut tree = tree(3);
        grow(&mut tree, node(250, 0, 1, 0), NOW_MS);
        let mut last = EpochNode::root(id(0), 0, 0);
        for made in 0..120_u16 {
            if made % chain == 0 {
                last = EpochNode::root(id(0), 0, 0);
            }
            let commit = EpochId::of_commit(&made.to_be_bytes());
            let mut new = EpochNode { parent: Some(last.rank.commit), number: last.number + 1, ..node(0, 0, 2, 9) };
            new.rank.commit = commit;
            last = new;
            tree.insert(new, Some(people(3)), NOW_MS);
            tree.forget(NOW_MS);
        }
        // The others' branch: its first votes come when all of it is here.
        let now_ms = NOW_MS + early * 60_000;
        for byte in 200..210 {
            let parent = if byte == 200 { 0 } else { byte - 1 };
            let branch = EpochNode { number: u64::from(byte) - 199, ..node(byte, parent, 3, 200) };
            tree.insert(branch, Some(people(3)), now_ms);
            tree.forget(now_ms);
            assert_eq!(tree.place(id(byte)), Place::Here(*tree.node(id(byte)).unwrap()), "{byte}, {chain}");
        }
        assert!((200..210).all(|byte| tree.node(id(byte)).is_some_and(|node| node.kind == NodeKind::Held)));
        vote(&mut tree, &[1, 3], 209, now_ms);
        assert_eq!((tree.head(), tree.standing()), (id(209), Standing::Member));
    }
}

#[test]
fn of_what_has_no_votes_the_old_goes_before_what_may_still_be_voted_for() {
    let mut tree = tree(3);
    grow(&mut tree, node(250, 0, 1, 0), NOW_MS);
    for byte in 1..=62 {
        grow(&mut tree, node(byte, 0, byte, byte), NOW_MS);
    }
    let later_ms = NOW_MS + SETTLING_MS;
    for byte in 100..110 {
        grow(
            &mut tree,
            EpochNode { number: u64::from(byte) - 99, ..node(byte, if byte == 100 { 0 } else { byte - 1 }, 3, 200) },
            later_ms,
        );
        tree.forget(later_ms);
    }
    assert!((100..110).all(|byte| tree.node(id(byte)).is_some()));
}

#[test]
fn an_evicted_epoch_still_hides_where_its_voter_stands() {
    let mut tree = grown(&[node(200, 0, 3, 200), node(201, 200, 3, 9)]);
    tree.cast(person(2), ballot(1, &[(201, 201), (1, 1)]), NOW_MS);
    for byte in 1..=100 {
        grow(&mut tree, node(byte, 0, 1, byte), NOW_MS);
        vote(&mut tree, &[3], byte, NOW_MS);
        tree.forget(NOW_MS);
        reloaded(&tree);
    }
    assert_eq!(tree.votes(id(1)), 0);
}

#[test]
fn the_last_thousand_removed_epochs_are_remembered() {
    let mut memory = Memory::default();
    let epoch = |round: u16| EpochId::of_commit(&round.to_be_bytes());
    for round in 0..1_100 {
        memory.add(RemovedEpoch { epoch: epoch(round), lies_elsewhere: true });
    }
    assert_eq!(memory.iter().count(), REMOVED_EPOCHS_MAX);
    assert_eq!((memory.find(epoch(75)), memory.find(epoch(76))), (None, Some(true)));
}

#[test]
fn whoever_came_in_elsewhere_reads_what_it_held_before_until_the_horizon() {
    let mut tree = grown(&[node(1, 0, 1, 1), node(2, 0, 2, 2)]);
    tree.forget(NOW_MS + BOUND_MS);
    grow(&mut tree, of_kind(NodeKind::Ghost, node(3, 0, 2, 0)), NOW_MS + BOUND_MS);
    vote(&mut tree, &[1], 1, NOW_MS + BOUND_MS);
    tree.take_changes();
    let back_ms = NOW_MS + BOUND_MS + DAY_MS;
    let root = of_kind(NodeKind::Skeleton, EpochNode::root(id(9), 9, back_ms));
    tree.reroot(root, people(3), [], back_ms);
    grow(&mut tree, EpochNode { number: 10, ..node(10, 9, 1, 1) }, back_ms);
    assert_eq!((tree.root(), tree.head(), tree.standing()), (id(9), id(10), Standing::Member));
    assert_eq!(tree.detached().map(|(id, _)| id).collect::<Vec<_>>(), [id(1)]);
    let changes = tree.take_changes();
    assert_eq!(changes.epochs_put, [id(1), id(9), id(10)]);
    assert_eq!(changes.epochs_deleted, [id(0), id(2), id(3)]);
    assert_eq!(tree.place(id(3)), Place::Unknown, "what had no keys here may come again, and have some");
    assert_eq!(tree.insert(node(4, 1, 2, 0), Some(people(3)), back_ms), Insertion::Gone);
    assert_eq!(tree.forget_due_at_ms(), Some(back_ms + HORIZON_MS));
    reloaded(&tree);
    assert_eq!(tree.forget(back_ms + HORIZON_MS).removed, [id(1)]);
    // The comer-back's own commit may still lose: it knows its parent well enough to see that.
    grow(&mut tree, of_kind(NodeKind::Ghost, EpochNode { number: 10, ..node(11, 9, 2, 0) }), back_ms);
    assert_eq!((tree.goal(), tree.standing()), (id(11), Standing::Stranded));
}
