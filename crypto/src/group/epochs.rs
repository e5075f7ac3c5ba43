//! The tree of epochs and the rule that picks its head (PROTOCOL §3). Pure, and ignorant of MLS.
//!
//! The head is a function of the set of nodes and nothing else: from the root, at each node take the child of
//! lowest [`Rank`]. The order of arrival, the depth of a branch and its age never count. What is refused here is
//! refused by everybody who has seen the same commits.

use std::collections::{BTreeMap, BTreeSet};

use crate::{epoch_id::EpochId, identity::NodeId};

/// How many commits of one committer under one parent are kept: two prove that it equivocated, more prove no more.
pub const SIBLINGS_OF_ONE_COMMITTER_MAX: usize = 2;

/// How many epochs of a group are kept at once (a guess; forgetting will keep real groups far below it).
pub const LIVE_EPOCHS_MAX: usize = 64;

/// What a commit does, as far as its rank is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RankClass {
    /// It removes another account. It goes first, so that whoever is removed cannot outrun it.
    Removal = 0,
    /// It takes something away: an invite, a role, a permission.
    TakesAway = 1,
    /// Anything else.
    Other = 2,
}

/// The place of a commit among its siblings: the lowest wins. Fields are compared in the order they stand in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Rank {
    /// Removals before everything else.
    pub class: RankClass,
    /// The committer's power by the parent's roles, the most powerful first: 0 for an owner.
    pub power: u8,
    /// A value that nobody can foresee before the parent exists, one for each committer: nothing to grind.
    pub lottery: [u8; 32],
    /// The commit's own hash. It decides only between two commits of one committer.
    pub commit: EpochId,
}

/// A node of the tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EpochNode {
    /// The epoch it follows; none for the root.
    pub parent: Option<EpochId>,
    /// MLS's number of the epoch: it counts commits, and siblings share it.
    pub number: u64,
    /// Its place among its siblings.
    pub rank: Rank,
    /// Who committed it; none for the root.
    pub committer: Option<NodeId>,
    /// This node was removed by that commit: the epoch takes part in the rule, but there are no keys for it.
    pub tombstone: bool,
}

/// What became of a node that was to be inserted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Insertion {
    /// It is in the tree. What it outranked, with all that followed, is not any more.
    Inserted {
        /// The epochs that left the tree.
        dropped: Vec<EpochId>,
    },
    /// It was there before.
    Known,
    /// The tree lacks the epoch it follows.
    UnknownParent,
    /// Its committer has [`SIBLINGS_OF_ONE_COMMITTER_MAX`] better ones in the same place.
    Outranked,
    /// The tree has [`LIVE_EPOCHS_MAX`] nodes.
    Full,
}

/// The tree: one root, and for every other node its parent.
#[derive(Clone, Debug)]
pub struct EpochTree {
    nodes: BTreeMap<EpochId, EpochNode>,
    children: BTreeMap<EpochId, BTreeSet<Rank>>,
    root: EpochId,
    head: EpochId,
}

/// Rows that do not make one tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotATree {
    /// There is no root, or there are several.
    #[error("it has {roots} roots instead of one")]
    Roots {
        /// How many.
        roots: usize,
    },
    /// A node follows one that is not there.
    #[error("an epoch follows one that is missing")]
    Orphan,
    /// There are more nodes than [`LIVE_EPOCHS_MAX`], or more siblings than a committer may have.
    #[error("it has more epochs than a tree may have")]
    TooMany,
}

impl EpochTree {
    /// A tree of one node. `number` is the MLS epoch that this node founded or joined.
    pub fn new(root: EpochId, number: u64) -> Self {
        let rank = Rank { class: RankClass::Other, power: 0, lottery: [0; 32], commit: root };
        let node = EpochNode { parent: None, number, rank, committer: None, tombstone: false };
        Self { nodes: BTreeMap::from([(root, node)]), children: BTreeMap::new(), root, head: root }
    }

    /// The tree that these nodes make, in whatever order they come.
    pub fn from_nodes(nodes: impl IntoIterator<Item = (EpochId, EpochNode)>) -> Result<Self, NotATree> {
        let nodes: BTreeMap<EpochId, EpochNode> = nodes.into_iter().collect();
        let mut roots = nodes.iter().filter(|(_, node)| node.parent.is_none());
        let (Some((root, _)), None) = (roots.next(), roots.next()) else {
            let roots = nodes.values().filter(|node| node.parent.is_none()).count();
            return Err(NotATree::Roots { roots });
        };
        let root = *root;
        let mut children: BTreeMap<EpochId, BTreeSet<Rank>> = BTreeMap::new();
        for node in nodes.values() {
            if let Some(parent) = node.parent {
                children.entry(parent).or_default().insert(node.rank);
            }
        }
        let mut tree = Self { nodes, children, root, head: root };
        if tree.nodes.len() > LIVE_EPOCHS_MAX {
            return Err(NotATree::TooMany);
        }
        if tree.subtree(root).len() != tree.nodes.len() {
            return Err(NotATree::Orphan);
        }
        tree.head = tree.walk();
        Ok(tree)
    }

    /// THE RULE's answer: the epoch that is written in.
    pub fn head(&self) -> EpochId {
        self.head
    }

    /// The oldest epoch there is.
    pub fn root(&self) -> EpochId {
        self.root
    }

    /// The node of an epoch.
    pub fn node(&self, epoch: EpochId) -> Option<&EpochNode> {
        self.nodes.get(&epoch)
    }

    /// All epochs and their nodes, by id.
    pub fn nodes(&self) -> impl Iterator<Item = (EpochId, &EpochNode)> {
        self.nodes.iter().map(|(id, node)| (*id, node))
    }

    /// Whether no further epoch has a place.
    pub fn is_full(&self) -> bool {
        self.nodes.len() >= LIVE_EPOCHS_MAX
    }

    /// Whether the head is this epoch or descends from it.
    pub fn leads_to_head(&self, epoch: EpochId) -> bool {
        let mut here = Some(self.head);
        while let Some(id) = here {
            if id == epoch {
                return true;
            }
            here = self.nodes.get(&id).and_then(|node| node.parent);
        }
        false
    }

    /// Adds the epoch that `node.rank.commit` names, and finds the head anew.
    pub fn insert(&mut self, node: EpochNode) -> Insertion {
        let id = node.rank.commit;
        if self.nodes.contains_key(&id) {
            return Insertion::Known;
        }
        let Some(parent) = node.parent.filter(|parent| self.nodes.contains_key(parent)) else {
            return Insertion::UnknownParent;
        };
        if self.is_full() {
            return Insertion::Full;
        }
        let surplus = self.surplus(parent, &node);
        if surplus == Some(node.rank) {
            return Insertion::Outranked;
        }
        let mut dropped = Vec::new();
        if let Some(outranked) = surplus {
            dropped = self.drop_subtree(parent, outranked);
        }
        self.nodes.insert(id, node);
        self.children.entry(parent).or_default().insert(node.rank);
        self.head = self.walk();
        Insertion::Inserted { dropped }
    }

    /// The highest rank among one committer's commits under a parent, this one included, if they are too many.
    fn surplus(&self, parent: EpochId, new: &EpochNode) -> Option<Rank> {
        let siblings = self.children.get(&parent)?;
        let same_committer = |rank: &&Rank| self.nodes.get(&rank.commit).is_some_and(|n| n.committer == new.committer);
        let mut ranks: BTreeSet<Rank> = siblings.iter().filter(same_committer).copied().collect();
        ranks.insert(new.rank);
        if ranks.len() > SIBLINGS_OF_ONE_COMMITTER_MAX { ranks.last().copied() } else { None }
    }

    fn drop_subtree(&mut self, parent: EpochId, top: Rank) -> Vec<EpochId> {
        let dropped = self.subtree(top.commit);
        for id in &dropped {
            self.nodes.remove(id);
            self.children.remove(id);
        }
        if let Some(siblings) = self.children.get_mut(&parent) {
            siblings.remove(&top);
        }
        dropped
    }

    /// An epoch and all that follow it.
    fn subtree(&self, top: EpochId) -> Vec<EpochId> {
        let mut found = vec![top];
        let mut next = 0;
        while let Some(id) = found.get(next).copied() {
            found.extend(self.children.get(&id).into_iter().flatten().map(|rank| rank.commit));
            next = next.saturating_add(1);
        }
        found
    }

    fn walk(&self) -> EpochId {
        let mut here = self.root;
        while let Some(best) = self.children.get(&here).and_then(BTreeSet::first) {
            here = best.commit;
        }
        here
    }
}

#[cfg(test)]
#[expect(clippy::arithmetic_side_effects, reason = "small numbers of a test's own making")]
mod tests {
    use rand_chacha::ChaCha20Rng;
    use rand_core::{Rng, SeedableRng};

    use super::*;

    fn id(byte: u8) -> EpochId {
        EpochId([byte; 32])
    }

    fn node(byte: u8, parent: u8, committer: u8, lottery: u8) -> EpochNode {
        EpochNode {
            parent: Some(id(parent)),
            number: 1,
            rank: Rank { class: RankClass::Other, power: 0, lottery: [lottery; 32], commit: id(byte) },
            committer: Some(NodeId([committer; 32])),
            tombstone: false,
        }
    }

    fn removal(byte: u8, parent: u8, committer: u8, lottery: u8) -> EpochNode {
        let mut node = node(byte, parent, committer, lottery);
        node.rank.class = RankClass::Removal;
        node
    }

    fn inserted() -> Insertion {
        Insertion::Inserted { dropped: vec![] }
    }

    #[test]
    fn the_head_is_the_lowest_ranked_child_however_deep_the_other_branch_is() {
        let mut tree = EpochTree::new(id(0), 0);
        assert_eq!(tree.insert(node(1, 0, 1, 9)), inserted());
        assert_eq!(tree.insert(node(2, 1, 1, 1)), inserted());
        assert_eq!(tree.insert(node(3, 2, 1, 1)), inserted());
        assert_eq!(tree.head(), id(3));
        assert_eq!(tree.insert(node(4, 0, 2, 8)), inserted());
        assert_eq!(tree.head(), id(4));
        assert!(!tree.leads_to_head(id(3)) && tree.leads_to_head(id(0)) && tree.leads_to_head(id(4)));
    }

    #[test]
    fn a_removal_goes_before_everything_else() {
        let mut tree = EpochTree::new(id(0), 0);
        tree.insert(node(1, 0, 1, 0));
        tree.insert(removal(2, 0, 2, 255));
        assert_eq!(tree.head(), id(2));
    }

    #[test]
    fn the_order_of_arrival_does_not_matter() {
        let nodes = [node(1, 0, 1, 5), node(2, 0, 2, 3), node(3, 1, 2, 1), node(4, 2, 1, 4), removal(5, 2, 2, 9)];
        let orders = [[0, 1, 2, 3, 4], [1, 4, 3, 0, 2], [0, 2, 1, 3, 4], [1, 3, 4, 0, 2]];
        let heads = orders.map(|order| {
            let mut tree = EpochTree::new(id(0), 0);
            for index in order {
                assert_eq!(tree.insert(nodes[index]), inserted());
            }
            tree.head()
        });
        assert_eq!(heads, [id(5); 4]);
    }

    #[test]
    fn of_three_commits_by_one_committer_the_two_lowest_stay_in_every_order() {
        let siblings = [node(1, 0, 7, 5), node(2, 0, 7, 5), node(3, 0, 7, 5)];
        for order in [[0, 1, 2], [2, 1, 0], [1, 2, 0], [2, 0, 1]] {
            let mut tree = EpochTree::new(id(0), 0);
            for index in order {
                tree.insert(siblings[index]);
            }
            assert_eq!(tree.head(), id(1));
            let kept: Vec<EpochId> = tree.nodes().map(|(id, _)| id).collect();
            assert_eq!(kept, [id(0), id(1), id(2)]);
        }
    }

    #[test]
    fn what_followed_an_outranked_commit_leaves_with_it() {
        let mut tree = EpochTree::new(id(0), 0);
        tree.insert(node(2, 0, 7, 5));
        tree.insert(node(9, 0, 7, 5));
        tree.insert(node(10, 9, 8, 5));
        let insertion = tree.insert(node(1, 0, 7, 5));
        assert_eq!(insertion, Insertion::Inserted { dropped: vec![id(9), id(10)] });
        assert_eq!(tree.insert(node(11, 10, 8, 5)), Insertion::UnknownParent);
        assert_eq!(tree.insert(node(9, 0, 7, 5)), Insertion::Outranked);
    }

    #[test]
    fn a_full_tree_takes_no_more() {
        let mut tree = EpochTree::new(id(0), 0);
        for byte in 1..u8::try_from(LIVE_EPOCHS_MAX).unwrap() {
            assert_eq!(tree.insert(node(byte, byte - 1, 1, 1)), inserted());
        }
        assert!(tree.is_full());
        assert_eq!(tree.insert(node(200, 0, 2, 0)), Insertion::Full);
        assert_eq!(tree.insert(node(3, 2, 1, 1)), Insertion::Known);
    }

    #[test]
    fn rows_that_do_not_make_a_tree_are_refused() {
        let mut tree = EpochTree::new(id(0), 0);
        tree.insert(node(1, 0, 1, 1));
        let rows: Vec<(EpochId, EpochNode)> = tree.nodes().map(|(id, node)| (id, *node)).collect();
        assert_eq!(EpochTree::from_nodes(rows.clone()).unwrap().head(), id(1));
        assert_eq!(EpochTree::from_nodes(rows[1..].to_vec()).unwrap_err(), NotATree::Roots { roots: 0 });
        let orphan = [rows[0], (id(3), node(3, 2, 1, 1))];
        assert_eq!(EpochTree::from_nodes(orphan).unwrap_err(), NotATree::Orphan);
    }

    /// A tree in which committers equivocate freely, in no order.
    fn random_nodes(chance: &mut ChaCha20Rng) -> Vec<EpochNode> {
        let count = 2 + below(chance, 40);
        let mut nodes: Vec<EpochNode> = Vec::new();
        for byte in 1..=u8::try_from(count).unwrap() {
            let parent = u8::try_from(below(chance, usize::from(byte))).unwrap();
            let committer = u8::try_from(below(chance, 3)).unwrap();
            // As with the exporter, a committer has one value on each parent.
            let lottery = parent.wrapping_mul(31).wrapping_add(committer.wrapping_mul(77));
            let class = if below(chance, 6) == 0 { RankClass::Removal } else { RankClass::Other };
            let mut new = node(byte, parent, committer, lottery);
            new.rank = Rank { class, commit: scattered(byte), ..new.rank };
            new.parent = Some(if parent == 0 { id(0) } else { scattered(parent) });
            nodes.push(new);
        }
        nodes
    }

    /// Ids that say nothing of the order in which they were made.
    fn scattered(byte: u8) -> EpochId {
        EpochId::of_commit(&[byte])
    }

    fn below(chance: &mut ChaCha20Rng, bound: usize) -> usize {
        usize::try_from(chance.next_u32()).unwrap() % bound
    }

    /// Inserts in a random order, offering again what came before its parent.
    fn grown(nodes: &[EpochNode], chance: &mut ChaCha20Rng) -> EpochTree {
        let mut tree = EpochTree::new(id(0), 0);
        let mut waiting = nodes.to_vec();
        for last in (1..waiting.len()).rev() {
            waiting.swap(last, below(chance, last + 1));
        }
        loop {
            let before = waiting.len();
            waiting.retain(|node| tree.insert(*node) == Insertion::UnknownParent);
            if waiting.len() == before {
                return tree;
            }
        }
    }

    #[test]
    fn the_same_commits_make_the_same_tree_in_every_order_whoever_equivocates() {
        let mut chance = ChaCha20Rng::seed_from_u64(1);
        for _ in 0..500 {
            let nodes = random_nodes(&mut chance);
            let one = grown(&nodes, &mut chance);
            let other = grown(&nodes, &mut chance);
            assert!(one.nodes().eq(other.nodes()));
            assert_eq!(one.head(), other.head());
            let saved = one.nodes().map(|(id, node)| (id, *node));
            assert_eq!(EpochTree::from_nodes(saved).unwrap().head(), one.head());
        }
    }
}
