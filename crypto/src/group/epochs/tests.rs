//! The tree and the rule, by themselves: each test names one property of PROTOCOL §3.

mod forgetting;
mod left_behind;
mod random;
mod rule;
mod voting;

use std::sync::Arc;

use super::*;
use crate::identity::AccountId;

const NOW_MS: u64 = 1_800_000_000_000;

fn id(byte: u8) -> EpochId {
    EpochId([byte; 32])
}

fn person(byte: u8) -> NodeId {
    NodeId([byte; 32])
}

/// So many accounts of one node each: persons 1, 2, 3 …
fn people(count: u8) -> Arc<Electorate> {
    Arc::new(Electorate::new((1..=count).map(|byte| (AccountId([byte; 32]), person(byte)))))
}

fn node(byte: u8, parent: u8, committer: u8, lottery: u8) -> EpochNode {
    let rank = Rank { class: RankClass::Other, power: 0, lottery: [lottery; 32], commit: id(byte) };
    EpochNode {
        parent: Some(id(parent)),
        committer: Some(person(committer)),
        rank,
        ..EpochNode::root(id(byte), u64::from(parent) + 1, 0)
    }
}

fn of_kind(kind: NodeKind, node: EpochNode) -> EpochNode {
    EpochNode { kind, ..node }
}

fn removal(byte: u8, parent: u8, committer: u8, lottery: u8) -> EpochNode {
    let mut node = node(byte, parent, committer, lottery);
    node.rank.class = RankClass::Removal;
    node
}

/// A tree whose root is epoch 0, with so many people in it.
fn tree(count: u8) -> EpochTree {
    EpochTree::new(EpochNode::root(id(0), 0, NOW_MS), people(count))
}

/// A tree with these nodes, all inserted now; three people are members everywhere.
fn grown(nodes: &[EpochNode]) -> EpochTree {
    let mut tree = tree(3);
    for node in nodes {
        grow(&mut tree, *node, NOW_MS);
    }
    tree
}

fn grow(tree: &mut EpochTree, node: EpochNode, now_ms: u64) {
    assert_eq!(tree.insert(node, Some(people(3)), now_ms), Insertion::Inserted);
}

fn ballot(number: u64, choices: &[(u64, u8)]) -> Ballot {
    let choices = choices.iter().map(|(number, byte)| Choice { number: *number, epoch: id(*byte) }).collect();
    Ballot { number, choices }
}

/// Every one of these people votes for an epoch.
fn vote(tree: &mut EpochTree, voters: &[u8], epoch: u8, now_ms: u64) {
    let number = tree.node(id(epoch)).unwrap().number;
    for voter in voters {
        let newer = tree.ballot(person(*voter)).map_or(1, |ballot| ballot.number + 1);
        assert_eq!(tree.cast(person(*voter), ballot(newer, &[(number, epoch)]), now_ms), Cast::Taken);
    }
}

/// What would be saved of a tree.
fn saved(tree: &EpochTree) -> SavedTree {
    let nodes = tree.nodes().map(|(id, node)| (*node, tree.electorate(id).cloned()));
    let detached = tree.detached().map(|(_, node)| (*node, None));
    SavedTree {
        nodes: nodes.chain(detached).collect(),
        ballots: tree.ballots.iter().map(|(node, ballot)| (*node, ballot.clone(), tree.ballot_notes(*node))).collect(),
        removed: tree.memory.iter().collect(),
        above: tree.above().collect(),
    }
}

/// A crash: the tree as it comes back from what was saved.
fn reloaded(tree: &EpochTree) -> EpochTree {
    let loaded = EpochTree::load(saved(tree)).unwrap();
    assert_same(&loaded, tree);
    loaded
}

/// Two trees are the same in all that counts, down to each tally.
fn assert_same(one: &EpochTree, other: &EpochTree) {
    let seen = |tree: &EpochTree| -> Vec<_> {
        tree.nodes()
            .map(|(id, node)| {
                let settled = tree.settled_child(id);
                (id, node.parent, node.rank, node.kind, tree.votes(id), settled)
            })
            .collect()
    };
    assert_eq!(seen(one), seen(other));
    assert_eq!((one.root(), one.goal(), one.head()), (other.root(), other.goal(), other.head()));
    assert!(one.detached().eq(other.detached()));
}
