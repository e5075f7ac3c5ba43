//! Who hears ballots for a branch that it never sees learns that the group is there, and two sides never both move.

use super::*;
use crate::group::epochs::LEFT_BEHIND_AFTER_MS;

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

#[test]
fn of_two_sides_that_weigh_the_same_exactly_one_moves() {
    for their_number in [1, 2, 3] {
        for them in 2..=5 {
            let mine = later(&mut hearing(&[(them, their_number, 9)]));
            // The same, seen by the other.
            let mut other = tree(5);
            let head = EpochNode { number: their_number, ..node(9, 0, them, 1) };
            other.insert(head, Some(people(5)), NOW_MS);
            other.cast(person(ME), ballot(1, &[(1, 1)]), NOW_MS);
            other.look_around(person(them), NOW_MS);
            other.look_around(person(them), NOW_MS + LEFT_BEHIND_AFTER_MS);
            let moved = [mine, other.standing()].iter().filter(|one| **one == Standing::Stranded).count();
            assert_eq!(moved, 1, "at {their_number}");
        }
    }
}

#[test]
fn whoever_comes_back_is_not_left_behind_any_more() {
    let mut tree = hearing(&[(2, 2, 9), (3, 2, 9)]);
    assert_eq!(later(&mut tree), Standing::Stranded);
    tree.reroot(of_kind(NodeKind::Skeleton, EpochNode::root(id(9), 2, NOW_MS)), people(5), NOW_MS);
    tree.insert(EpochNode { number: 3, ..node(10, 9, ME, 1) }, Some(people(5)), NOW_MS);
    assert_eq!((tree.head(), tree.standing()), (id(10), Standing::Member));
    assert_eq!(later(&mut tree), Standing::Member);
}

#[test]
fn what_follows_an_epoch_that_is_gone_is_gone_too() {
    let mut tree = hearing(&[]);
    assert_eq!(tree.place(id(8)), Place::Unknown);
    tree.pass_over(id(8), id(7));
    assert_eq!(tree.place(id(8)), Place::Gone);
    tree.cast(person(2), ballot(1, &[(5, 8), (1, 1)]), NOW_MS);
    assert!(tree.votes(id(1)) > 0, "a choice that lies elsewhere hides no vote");
    tree.reroot(EpochNode::root(id(7), 4, NOW_MS), people(5), NOW_MS);
    assert_eq!(tree.insert(EpochNode { number: 5, ..node(8, 7, 2, 1) }, Some(people(5)), NOW_MS), Insertion::Inserted);
}
