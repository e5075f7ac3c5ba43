//! The tree of epochs beside a small model of it (PROTOCOL §3): over thousands of random trees and orders of arrival they
//! agree on what is settled at every epoch, on the goal and on the head.

#[cfg(test)]
mod random;
#[cfg(test)]
mod rule;

#[cfg(test)]
mod compare {
    use std::sync::Arc;

    use tidings_crypto::epoch_id::EpochId;
    use tidings_crypto::group::epochs::{
        BOUND_MS, Cast, Electorate, EpochNode, EpochTree, HORIZON_MS, Insertion, NodeKind, Rank, RankClass, Standing,
        TURN_MS,
    };

    use crate::random::{Dice, Fact, history};
    use crate::rule::{Commit, Model};

    const NOW_MS: u64 = 1_800_000_000_000;

    fn electorate(commit: &Commit) -> Arc<Electorate> {
        Arc::new(Electorate::new(commit.members.iter().map(|(node, account)| (*account, *node))))
    }

    fn tree(root: EpochId, commit: &Commit) -> EpochTree {
        EpochTree::new(EpochNode::root(root, commit.number, NOW_MS), electorate(commit))
    }

    /// Gives the tree a commit; false if it must wait for its parent.
    fn insert(tree: &mut EpochTree, commit: &Commit, now_ms: u64) -> Insertion {
        let node = EpochNode {
            parent: commit.parent,
            number: commit.number,
            rank: commit.rank,
            kind: commit.kind,
            ..EpochNode::root(commit.rank.commit, commit.number, now_ms)
        };
        tree.insert(node, (commit.kind != NodeKind::Tombstone).then(|| electorate(commit)), now_ms)
    }

    /// Gives tree and model the facts in this order; what cannot be taken yet is tried again after each.
    fn deliver(tree: &mut EpochTree, model: &mut Model, facts: Vec<Fact>, mut look: impl FnMut(&EpochTree, &Model)) {
        let mut waiting = facts;
        let mut parked = Vec::new();
        while !waiting.is_empty() {
            let before = waiting.len();
            for fact in std::mem::take(&mut waiting) {
                let is_taken = match &fact {
                    Fact::Commit(epoch, commit) => {
                        let is_taken = insert(tree, commit, NOW_MS) != Insertion::UnknownParent;
                        if is_taken {
                            model.commits.insert(*epoch, commit.clone());
                        }
                        is_taken
                    }
                    Fact::Ballot(voter, ballot) => {
                        let is_taken = tree.cast(*voter, ballot.clone(), NOW_MS) != Cast::NotAMember;
                        if is_taken {
                            model.cast(*voter, ballot.clone());
                        }
                        is_taken
                    }
                };
                if is_taken {
                    look(tree, model);
                } else {
                    parked.push(fact);
                }
            }
            if parked.len() == before {
                break; // What is left are ballots of those who are members nowhere.
            }
            waiting = std::mem::take(&mut parked);
        }
    }

    fn assert_agree(tree: &EpochTree, model: &Model, seed: u64) {
        for epoch in model.commits.keys() {
            assert_eq!(tree.settled_child(*epoch), model.settled(*epoch), "settled at {epoch:?}, seed {seed}");
        }
        assert_eq!(tree.goal(), model.goal(), "goal, seed {seed}");
        assert_eq!(tree.head(), model.head(), "head, seed {seed}");
    }

    #[test]
    fn tree_and_model_agree_whatever_arrives_in_whatever_order() {
        for seed in 0..1_500 {
            let mut dice = Dice::new(seed);
            let ((root, first), mut facts) = history(&mut dice);
            let mut ends = Vec::new();
            for _ in 0..2 {
                dice.shuffle(&mut facts);
                let (mut tree, mut model) = (tree(root, &first), Model::new(root, first.clone()));
                let mut looks = 0;
                deliver(&mut tree, &mut model, facts.clone(), |tree, model| {
                    looks += 1;
                    if looks % 9 == 0 {
                        assert_agree(tree, model, seed);
                    }
                });
                assert_agree(&tree, &model, seed);
                let settled: Vec<_> = model.commits.keys().map(|epoch| tree.settled_child(*epoch)).collect();
                ends.push((tree.goal(), tree.head(), settled));
            }
            assert_eq!(ends[0], ends[1], "two orders of arrival, seed {seed}");
        }
    }

    /// PROTOCOL §3.5: who is left behind, for every member's eyes, at both turns, and right after another commit.
    #[test]
    fn tree_and_model_agree_on_who_is_left_behind() {
        let (mut left_behind, mut by_turn, mut asleep) = (0, 0, 0);
        for seed in 0..1_500 {
            let mut dice = Dice::new(seed);
            let ((root, first), facts) = history(&mut dice);
            let (mut tree, mut model) = (tree(root, &first), Model::new(root, first));
            deliver(&mut tree, &mut model, facts, |_, _| {});
            let (head, quarter) = (tree.head(), NOW_MS / TURN_MS + 1);
            if tree.standing() != Standing::Member {
                continue;
            }
            let mut young = tree.clone();
            for member in model.commits[&head].members.keys() {
                tree.look_around(*member, NOW_MS);
                let seen = [quarter, quarter + 1].map(|quarter| {
                    tree.look_around(*member, quarter * TURN_MS);
                    let is_left_behind = tree.standing() == Standing::Stranded;
                    assert_eq!(is_left_behind, model.is_left_behind(*member, false, quarter), "seed {seed}");
                    is_left_behind
                });
                left_behind += usize::from(seen == [true, true]);
                by_turn += usize::from(seen[0] != seen[1]);
            }
            let above = model.commits[&head].clone();
            let rank = Rank { commit: EpochId(dice.bytes()), ..above.rank };
            let next = Commit { parent: Some(head), number: above.number + 1, rank, ..above };
            let members: Vec<_> = next.members.keys().copied().collect();
            for member in &members {
                young.look_around(*member, NOW_MS);
            }
            assert_eq!(insert(&mut young, &next, quarter * TURN_MS), Insertion::Inserted);
            model.commits.insert(rank.commit, next);
            for member in members {
                young.look_around(member, quarter * TURN_MS);
                let is_left_behind = young.standing() == Standing::Stranded;
                assert_eq!(is_left_behind, model.is_left_behind(member, true, quarter), "young, seed {seed}");
                asleep += usize::from(!is_left_behind && model.is_left_behind(member, false, quarter));
            }
        }
        assert!(left_behind > 10 && by_turn > 10 && asleep > 10, "{left_behind} {by_turn} {asleep}");
    }

    /// The trees are not all alike: what decides in the specification decides somewhere.
    #[test]
    fn random_trees_hold_what_the_rule_is_about() {
        let (mut settled_against_rank, mut removed, mut stranded, mut removals_win) = (0, 0, 0, 0);
        for seed in 0..500 {
            let mut dice = Dice::new(seed);
            let ((root, first), facts) = history(&mut dice);
            let (mut tree, mut model) = (tree(root, &first), Model::new(root, first));
            deliver(&mut tree, &mut model, facts, |_, _| {});
            for epoch in model.commits.keys() {
                let lowest = tree.children(*epoch).next();
                settled_against_rank += usize::from(tree.settled_child(*epoch).is_some_and(|it| Some(it) != lowest));
            }
            let goal = &model.commits[&tree.goal()];
            removed += usize::from(goal.kind == NodeKind::Tombstone);
            stranded += usize::from(tree.goal() != tree.head());
            removals_win += usize::from(goal.rank.class == RankClass::Removal);
        }
        for count in [settled_against_rank, removed, stranded, removals_win] {
            assert!(count > 20, "{settled_against_rank} {removed} {stranded} {removals_win}");
        }
    }

    /// Forgetting is each node's own affair (PROTOCOL §3.6): whatever it forgets at whatever hour, it is on the way to
    /// where those are who forgot nothing.
    #[test]
    fn whoever_forgets_is_on_the_way_to_the_same_goal() {
        let (mut moved, mut stripped) = (0, 0);
        for seed in 0..800 {
            let mut dice = Dice::new(seed);
            let ((root, first), mut facts) = history(&mut dice);
            dice.shuffle(&mut facts);
            let (mut full, mut model) = (tree(root, &first), Model::new(root, first.clone()));
            deliver(&mut full, &mut model, facts, |_, _| {});
            let mut forgetful = full.clone();
            let mut now_ms = NOW_MS;
            for _ in 0..6 {
                now_ms += HORIZON_MS / 2 + dice.below(usize::try_from(BOUND_MS / 3).unwrap()) as u64;
                let forgotten = forgetful.forget(now_ms);
                moved += usize::from(forgetful.root() != root);
                stripped += forgotten.stripped.len();
                assert_eq!(forgetful.goal(), model.goal(), "seed {seed}");
                assert_eq!(forgetful.head(), model.head(), "seed {seed}");
            }
            for (epoch, _) in forgetful.nodes() {
                assert_eq!(forgetful.settled_child(epoch), model.settled(epoch), "seed {seed}");
            }
        }
        assert!(moved > 200 && stripped > 200, "{moved} {stripped}");
    }
}
