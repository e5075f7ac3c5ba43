//! Which epoch is the head: ranks, kinds of nodes, and what may be inserted.

use super::*;

#[test]
fn the_head_is_the_lowest_ranked_child_however_deep_the_other_branch_is() {
    let mut tree = grown(&[node(1, 0, 1, 9), node(2, 1, 1, 1), node(3, 2, 1, 1)]);
    assert_eq!(tree.head(), id(3));
    grow(&mut tree, node(4, 0, 2, 8), NOW_MS);
    assert_eq!(tree.head(), id(4));
    assert!(!tree.leads_to_head(id(3)) && tree.leads_to_head(id(0)) && tree.leads_to_head(id(4)));
    assert_eq!(tree.path(id(3)), [id(0), id(1), id(2), id(3)]);
}

#[test]
fn ranks_are_compared_by_class_then_power_then_lottery_then_hash() {
    let rank = |class, power, lottery, commit| Rank { class, power, lottery: [lottery; 32], commit: id(commit) };
    let ordered = [
        rank(RankClass::Removal, 2, 9, 9),
        rank(RankClass::TakesAway, 0, 9, 9),
        rank(RankClass::TakesAway, 1, 1, 9),
        rank(RankClass::Other, 0, 7, 9),
        rank(RankClass::Other, 1, 5, 1),
        rank(RankClass::Other, 1, 6, 0),
        rank(RankClass::Other, 1, 6, 1),
    ];
    assert!(ordered.is_sorted());
}

#[test]
fn a_removal_goes_before_everything_else() {
    assert_eq!(grown(&[node(1, 0, 1, 0), removal(2, 0, 2, 255)]).head(), id(2));
}

#[test]
fn the_order_of_arrival_does_not_matter() {
    let nodes = [node(1, 0, 1, 5), node(2, 0, 2, 3), node(3, 1, 2, 1), node(4, 2, 1, 4), removal(5, 2, 2, 9)];
    let orders = [[0, 1, 2, 3, 4], [1, 4, 3, 0, 2], [0, 2, 1, 3, 4], [1, 3, 4, 0, 2]];
    assert_eq!(orders.map(|order| grown(&order.map(|index| nodes[index])).head()), [id(5); 4]);
}

#[test]
fn every_commit_of_an_equivocating_committer_is_kept() {
    let siblings = [node(1, 0, 7, 5), node(2, 0, 7, 5), node(3, 0, 7, 5)];
    for order in [[0, 1, 2], [2, 1, 0], [1, 2, 0]] {
        let tree = grown(&order.map(|index| siblings[index]));
        assert_eq!(tree.head(), id(1));
        assert_eq!(tree.children(id(0)).collect::<Vec<_>>(), [id(1), id(2), id(3)]);
    }
}

#[test]
fn a_commit_released_late_does_not_undo_what_its_committer_made_the_others_settle_on() {
    let mut tree = grown(&[node(9, 0, 1, 5), node(10, 9, 2, 5)]);
    vote(&mut tree, &[2, 3], 10, NOW_MS);
    for byte in 1..6 {
        grow(&mut tree, removal(byte, 0, 1, 0), NOW_MS);
    }
    assert_eq!(tree.head(), id(10));
}

#[test]
fn a_commit_that_removed_this_node_wins_like_any_other() {
    let mut tree = tree(3);
    assert_eq!(tree.standing(), Standing::Member);
    let tombstone = of_kind(NodeKind::Tombstone, removal(2, 0, 2, 5));
    assert_eq!(tree.insert(tombstone, None, NOW_MS), Insertion::Inserted);
    grow(&mut tree, node(1, 0, 1, 0), NOW_MS);
    assert_eq!((tree.head(), tree.standing()), (id(2), Standing::Removed));
    vote(&mut tree, &[1, 3], 1, NOW_MS);
    assert_eq!((tree.head(), tree.standing()), (id(1), Standing::Member));
}

#[test]
fn whoever_has_no_keys_where_the_group_went_is_stranded_and_writes_where_it_can() {
    let root = of_kind(NodeKind::Skeleton, EpochNode::root(id(0), 0, NOW_MS));
    let mut tree = EpochTree::new(root, people(3));
    grow(&mut tree, node(1, 0, 1, 5), NOW_MS);
    assert_eq!(tree.standing(), Standing::Member, "below a skeleton it goes on as before");
    grow(&mut tree, of_kind(NodeKind::Ghost, node(2, 0, 2, 3)), NOW_MS);
    assert_eq!((tree.goal(), tree.head(), tree.standing()), (id(2), id(1), Standing::Stranded));
    vote(&mut tree, &[1, 2], 1, NOW_MS);
    assert_eq!((tree.goal(), tree.head(), tree.standing()), (id(1), id(1), Standing::Member));
}

#[test]
fn votes_for_what_follows_a_ghost_count_for_the_ghost() {
    let root = of_kind(NodeKind::Skeleton, EpochNode::root(id(0), 0, NOW_MS));
    let mut tree = EpochTree::new(root, people(3));
    grow(&mut tree, node(1, 0, 1, 1), NOW_MS);
    grow(&mut tree, of_kind(NodeKind::Ghost, node(2, 0, 2, 9)), NOW_MS);
    grow(&mut tree, of_kind(NodeKind::Ghost, node(3, 2, 2, 0)), NOW_MS);
    assert_eq!(tree.standing(), Standing::Member);
    vote(&mut tree, &[2, 3], 3, NOW_MS);
    assert_eq!((tree.goal(), tree.head()), (id(2), id(1)), "what wins below a ghost cannot be told");
}

#[test]
fn what_cannot_be_inserted_says_why() {
    let mut tree = grown(&[node(1, 0, 1, 1)]);
    assert_eq!(tree.insert(node(1, 0, 1, 1), Some(people(3)), NOW_MS), Insertion::Known);
    assert_eq!(tree.insert(node(3, 2, 1, 1), Some(people(3)), NOW_MS), Insertion::UnknownParent);
    assert_eq!(tree.insert(EpochNode::root(id(4), 0, 0), Some(people(3)), NOW_MS), Insertion::UnknownParent);
    assert_eq!(tree.place(id(2)), Place::Unknown);
}

#[test]
fn rows_that_do_not_make_a_tree_are_refused() {
    let tree = grown(&[node(1, 0, 1, 1)]);
    let rows = saved(&tree).nodes;
    let load = |nodes: Vec<_>| EpochTree::load(SavedTree { nodes, ..SavedTree::default() });
    assert_eq!(load(rows.clone()).unwrap().head(), id(1));
    assert_eq!(load(rows[1..].to_vec()).unwrap_err(), NotATree::Roots { roots: 0 });
    let two = vec![rows[0].clone(), (EpochNode::root(id(9), 0, 0), None)];
    assert_eq!(load(two).unwrap_err(), NotATree::Roots { roots: 2 });
    assert_eq!(load(vec![rows[0].clone(), (node(3, 2, 1, 1), None)]).unwrap_err(), NotATree::Orphan);
    let many = (0..=u8::try_from(EPOCHS_MAX).unwrap() + 1).map(|byte| (node(byte, byte, 1, 1), None)).collect();
    assert_eq!(load(many).unwrap_err(), NotATree::TooMany);
}

#[test]
fn only_what_changed_is_to_be_saved() {
    let mut tree = tree(3);
    assert_eq!(tree.take_changes().epochs_put, [id(0)]);
    assert_eq!(tree.take_changes(), TreeChanges::default());
    grow(&mut tree, node(1, 0, 1, 1), NOW_MS);
    assert_eq!(tree.take_changes().epochs_put, [id(0), id(1)], "the parent has its first child");
    grow(&mut tree, node(2, 0, 1, 2), NOW_MS);
    assert_eq!(tree.take_changes().epochs_put, [id(2)]);
    vote(&mut tree, &[1], 1, NOW_MS);
    assert_eq!(tree.take_changes(), TreeChanges { ballots_put: vec![person(1)], ..TreeChanges::default() });
    vote(&mut tree, &[2], 1, NOW_MS);
    let changes = tree.take_changes();
    assert_eq!((changes.epochs_put, changes.ballots_put), (vec![id(1)], vec![person(2)]), "it is settled");
}
