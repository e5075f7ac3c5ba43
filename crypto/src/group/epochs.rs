//! The tree of epochs and the rule that picks its head (PROTOCOL §3). Pure, and ignorant of MLS.
//!
//! Where the group is (the goal) is a function of the commits and of the members' ballots and of nothing else: not of the
//! order of arrival, nor of the depth of a branch, nor of a clock. The head is as far as this node can follow there.
//! Only forgetting asks a clock, and it changes no outcome that was settled.

mod above;
mod ballots;
mod forget;
mod journal;
mod left_behind;
mod named;
mod walk;

#[cfg(test)]
#[expect(clippy::arithmetic_side_effects, reason = "small numbers of a test's own making")]
mod tests;

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
};

use crate::{epoch_id::EpochId, identity::NodeId};

use forget::Memory;
use journal::Journal;
use named::Named;

pub use ballots::{ACCOUNT_WEIGHT, BALLOT_DELAY_MS, Ballot, CHOICES_MAX, Cast, Choice, Electorate};
pub use forget::{
    BOUND_MS, EPOCHS_MAX, Forgotten, HELD_EPOCHS_MAX, HORIZON_MS, REMOVED_EPOCHS_MAX, RemovedEpoch, SETTLING_MS,
};
pub use journal::TreeChanges;
pub use left_behind::{LEFT_BEHIND_AFTER_MS, TURN_MS};
pub use named::{BallotNotes, IDLE_BALLOTS_MAX, Whereabouts};
pub use walk::Standing;

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

/// What this node has of an epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NodeKind {
    /// All of its state.
    Held,
    /// A commit removed this node: the epoch takes part in the rule, but there are no keys for it.
    Tombstone,
    /// Its public state: the secrets are destroyed, and a late commit on it can still be verified.
    Skeleton,
    /// Its public state: it was made by a commit on an epoch whose secrets were destroyed before the commit came.
    Ghost,
    /// All of its state, to read what is late; it takes no part in the rule.
    Detached,
}

/// A node of the tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EpochNode {
    /// The epoch it follows; none for the root and for what is detached.
    pub parent: Option<EpochId>,
    /// MLS's number of the epoch: it counts commits, and siblings share it.
    pub number: u64,
    /// Its place among its siblings.
    pub rank: Rank,
    /// Who committed it; none for the epoch with which a group begins.
    pub committer: Option<NodeId>,
    /// What this node has of it.
    pub kind: NodeKind,
    /// When it entered the tree, or was detached, by this node's clock; 0 if that was never noted.
    pub since_ms: u64,
    /// When it got its first child here.
    pub passed_ms: Option<u64>,
    /// When it was first seen settled, of those that are.
    pub settled_ms: Option<u64>,
}

/// What became of a node that was to be inserted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Insertion {
    /// It is in the tree.
    Inserted,
    /// It was there before.
    Known,
    /// It, or the epoch that it follows, was there once and is not any more.
    Gone,
    /// The tree never had the epoch that it follows.
    UnknownParent,
}

/// Where an epoch is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// In the tree, or detached.
    Here(EpochNode),
    /// It was removed.
    Gone,
    /// It was never here.
    Unknown,
}

/// The tree: one root, and for every other node its parent; what is detached; and the ballots of the members.
#[derive(Clone, Debug)]
pub struct EpochTree {
    nodes: BTreeMap<EpochId, Placed>,
    children: BTreeMap<EpochId, BTreeSet<Rank>>,
    detached: BTreeMap<EpochId, EpochNode>,
    ballots: BTreeMap<NodeId, Ballot>,
    /// Who names an epoch in its ballot, whether the epoch is here or not.
    named: BTreeMap<EpochId, Named>,
    memory: Memory,
    /// The epochs above the root, as far as they are known, the nearest first.
    above: VecDeque<EpochId>,
    /// Epochs that were never here and never will be, since what they follow is gone. Nobody has verified their commits,
    /// and whoever can write here can make more of them: it is not saved, and nothing is counted by it.
    passed_over: Memory,
    /// Members whose last choice was never here, and since when.
    astray: BTreeMap<NodeId, u64>,
    /// Members whose ballots are new since this node looked around. Not saved, like what follows.
    unlooked: BTreeSet<NodeId>,
    looked_ms: u64,
    /// Whether something may be settled since a time that nobody has told the tree.
    unstamped: bool,
    next_turn_ms: Option<u64>,
    left_behind: bool,
    /// What is here comes from a backup: whoever ran on from it may have used these keys since.
    restored: bool,
    root: EpochId,
    head: EpochId,
    goal: EpochId,
    journal: Journal,
}

/// An epoch in the tree. `votes` weighs the votes for it among its siblings.
#[derive(Clone, Debug)]
struct Placed {
    node: EpochNode,
    electorate: Option<Arc<Electorate>>,
    votes: u64,
}

/// A tree as it was saved.
#[derive(Clone, Debug, Default)]
pub struct SavedTree {
    /// The nodes in any order, each with those who may vote there (nobody, for a tombstone).
    pub nodes: Vec<(EpochNode, Option<Arc<Electorate>>)>,
    /// The members' ballots, each with what this node found out about it.
    pub ballots: Vec<(NodeId, Ballot, BallotNotes)>,
    /// The epochs that were removed, oldest first.
    pub removed: Vec<RemovedEpoch>,
    /// The epochs above the root, as far as they are known, the nearest first.
    pub above: Vec<EpochId>,
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
    /// There are more nodes than [`EPOCHS_MAX`] and the one that is taken before room is made.
    #[error("it has more epochs than a tree may have")]
    TooMany,
}

impl EpochNode {
    /// The epoch with which a tree begins here: one that this node founded or joined. `number` is MLS's.
    pub fn root(epoch: EpochId, number: u64, now_ms: u64) -> Self {
        let rank = Rank { class: RankClass::Other, power: 0, lottery: [0; 32], commit: epoch };
        Self {
            parent: None,
            number,
            rank,
            committer: None,
            kind: NodeKind::Held,
            since_ms: now_ms,
            passed_ms: None,
            settled_ms: None,
        }
    }
}

impl EpochTree {
    /// A tree of one node.
    pub fn new(root: EpochNode, electorate: Arc<Electorate>) -> Self {
        let id = root.rank.commit;
        let mut tree = Self {
            nodes: BTreeMap::new(),
            children: BTreeMap::new(),
            detached: BTreeMap::new(),
            ballots: BTreeMap::new(),
            named: BTreeMap::new(),
            memory: Memory::default(),
            above: VecDeque::new(),
            passed_over: Memory::default(),
            astray: BTreeMap::new(),
            unlooked: BTreeSet::new(),
            looked_ms: 0,
            unstamped: false,
            next_turn_ms: None,
            left_behind: false,
            restored: false,
            root: id,
            head: id,
            goal: id,
            journal: Journal::default(),
        };
        tree.plant(root, electorate);
        tree
    }

    /// The tree that was saved.
    pub fn load(saved: SavedTree) -> Result<Self, NotATree> {
        let (detached, nodes): (Vec<_>, Vec<_>) =
            saved.nodes.into_iter().partition(|(node, _)| node.kind == NodeKind::Detached);
        if nodes.len() > EPOCHS_MAX.saturating_add(1) {
            return Err(NotATree::TooMany);
        }
        let roots: Vec<EpochId> =
            nodes.iter().filter(|(node, _)| node.parent.is_none()).map(|(node, _)| node.rank.commit).collect();
        let &[root] = roots.as_slice() else { return Err(NotATree::Roots { roots: roots.len() }) };
        let mut tree = Self {
            nodes: BTreeMap::new(),
            children: BTreeMap::new(),
            detached: detached.into_iter().map(|(node, _)| (node.rank.commit, node)).collect(),
            ballots: BTreeMap::new(),
            named: BTreeMap::new(),
            memory: Memory::default(),
            above: saved.above.into(),
            passed_over: Memory::default(),
            astray: BTreeMap::new(),
            unlooked: BTreeSet::new(),
            looked_ms: 0,
            unstamped: true,
            next_turn_ms: None,
            left_behind: false,
            restored: false,
            root,
            head: root,
            goal: root,
            journal: Journal::default(),
        };
        for (node, electorate) in nodes {
            if let Some(parent) = node.parent {
                tree.children.entry(parent).or_default().insert(node.rank);
            }
            tree.nodes.insert(node.rank.commit, Placed { node, electorate, votes: 0 });
        }
        if tree.subtree(root).len() != tree.nodes.len() {
            return Err(NotATree::Orphan);
        }
        for removed in saved.removed {
            tree.memory.add(removed);
        }
        for (node, ballot, notes) in saved.ballots {
            tree.hold_ballot(node, ballot);
            tree.note(node, &notes);
        }
        for node in tree.ballots.keys().copied().collect::<Vec<_>>() {
            tree.count(node);
        }
        tree.find_head();
        Ok(tree)
    }

    /// THE RULE's answer as far as this node can follow it: the epoch that is written in.
    pub fn head(&self) -> EpochId {
        self.head
    }

    /// THE RULE's answer: where the group is.
    pub fn goal(&self) -> EpochId {
        self.goal
    }

    /// The oldest epoch that takes part in the rule.
    pub fn root(&self) -> EpochId {
        self.root
    }

    /// The node of an epoch in the tree.
    pub fn node(&self, epoch: EpochId) -> Option<&EpochNode> {
        self.nodes.get(&epoch).map(|placed| &placed.node)
    }

    /// The epochs in the tree and their nodes, by id.
    pub fn nodes(&self) -> impl Iterator<Item = (EpochId, &EpochNode)> {
        self.nodes.iter().map(|(id, placed)| (*id, &placed.node))
    }

    /// The epochs that are held to be read only, by id.
    pub fn detached(&self) -> impl Iterator<Item = (EpochId, &EpochNode)> {
        self.detached.iter().map(|(id, node)| (*id, node))
    }

    /// Where an epoch is.
    pub fn place(&self, epoch: EpochId) -> Place {
        match self.node(epoch).or_else(|| self.detached.get(&epoch)) {
            Some(node) => Place::Here(*node),
            None if self.memory.find(epoch).or_else(|| self.passed_over.find(epoch)).is_some() => Place::Gone,
            None => Place::Unknown,
        }
    }

    /// Whether an epoch is here, or was before it was removed. What follows a removed epoch is gone without ever having
    /// been here.
    pub fn is_or_was_here(&self, epoch: EpochId) -> bool {
        let is_here = self.node(epoch).is_some() || self.detached.contains_key(&epoch);
        is_here || self.memory.find(epoch).is_some() || self.above.contains(&epoch)
    }

    /// The epochs that follow an epoch, of lowest rank first.
    pub fn children(&self, epoch: EpochId) -> impl Iterator<Item = EpochId> {
        self.children.get(&epoch).into_iter().flatten().map(|rank| rank.commit)
    }

    /// The epochs from the root to this one, both included; none if it is not in the tree.
    pub fn path(&self, to: EpochId) -> Vec<EpochId> {
        let mut path = Vec::new();
        let mut here = Some(to);
        while let Some((id, placed)) = here.and_then(|id| self.nodes.get_key_value(&id)) {
            path.push(*id);
            here = placed.node.parent;
        }
        path.reverse();
        path
    }

    /// Whether the head is this epoch or descends from it.
    pub fn leads_to_head(&self, epoch: EpochId) -> bool {
        self.path(self.head).contains(&epoch)
    }

    /// Those who may vote at an epoch.
    pub fn electorate(&self, epoch: EpochId) -> Option<&Arc<Electorate>> {
        self.nodes.get(&epoch).and_then(|placed| placed.electorate.as_ref())
    }

    /// Adds the epoch that `node.rank.commit` names, with those who may vote there (nobody, for a tombstone).
    pub fn insert(&mut self, node: EpochNode, electorate: Option<Arc<Electorate>>, now_ms: u64) -> Insertion {
        let id = node.rank.commit;
        match self.place(id) {
            Place::Here(_) => return Insertion::Known,
            Place::Gone if self.memory.find(id).is_some() => return Insertion::Gone,
            Place::Gone | Place::Unknown => {}
        }
        let Some(parent_id) = node.parent else { return Insertion::UnknownParent };
        if !self.nodes.contains_key(&parent_id) {
            let was_here = self.place(parent_id) != Place::Unknown;
            return if was_here { Insertion::Gone } else { Insertion::UnknownParent };
        }
        let voters = self.voters_naming(id);
        for voter in &voters {
            self.uncount(*voter);
        }
        let node = EpochNode { since_ms: now_ms, passed_ms: None, settled_ms: None, ..node };
        self.children.entry(parent_id).or_default().insert(node.rank);
        self.nodes.insert(id, Placed { node, electorate, votes: 0 });
        self.journal.note_new(id);
        self.find_again(id);
        if let Some(parent) = self.nodes.get_mut(&parent_id).filter(|parent| parent.node.passed_ms.is_none()) {
            parent.node.passed_ms = Some(now_ms);
            self.journal.note_changed(parent_id);
        }
        for voter in voters {
            self.count(voter);
        }
        self.refresh(now_ms);
        Insertion::Inserted
    }

    /// Makes another epoch the root: this node came into the group there. What it held before is only read from now
    /// on; what it had no keys for goes. `above` are the epochs that the root follows, as far as they are known, the nearest
    /// first.
    pub fn reroot(
        &mut self,
        root: EpochNode,
        electorate: Arc<Electorate>,
        above: impl IntoIterator<Item = EpochId>,
        now_ms: u64,
    ) -> Forgotten {
        let mut forgotten = Forgotten::default();
        for (id, placed) in std::mem::take(&mut self.nodes) {
            if id == root.rank.commit {
                self.journal.note_stripped(id);
            } else if placed.node.kind == NodeKind::Held {
                let node = EpochNode {
                    parent: None,
                    kind: NodeKind::Detached,
                    since_ms: now_ms,
                    settled_ms: None,
                    ..placed.node
                };
                self.detached.insert(id, node);
                self.journal.note_changed(id);
            } else if placed.node.kind == NodeKind::Ghost {
                // Where this node comes in now, it may be able to follow the same commit.
                self.journal.note_dropped(id);
                forgotten.removed.push(id);
            } else {
                self.note_removed(RemovedEpoch { epoch: id, lies_elsewhere: false }, &mut forgotten);
            }
        }
        if self.detached.remove(&root.rank.commit).is_some() {
            self.journal.note_stripped(root.rank.commit);
        }
        self.children.clear();
        self.passed_over = Memory::default();
        self.left_behind = false;
        self.restored = false;
        self.next_turn_ms = None;
        self.plant(EpochNode { since_ms: now_ms, ..root }, electorate);
        self.know_above(above);
        self.find_all_again();
        self.drop_idle_ballots();
        self.refresh(now_ms);
        forgotten
    }

    /// All that is here comes from a backup: it can be read, and this node is stranded until it comes into the group
    /// elsewhere ([`EpochTree::reroot`]).
    pub fn hold_back(&mut self) {
        self.restored = true;
    }

    /// Whether it does.
    pub fn is_held_back(&self) -> bool {
        self.restored
    }

    /// Remembers an epoch that never will be here: it follows one that is gone, detached or from before the root.
    pub fn pass_over(&mut self, epoch: EpochId, parent: EpochId) {
        if self.place(epoch) != Place::Unknown {
            return;
        }
        // What follows an epoch that went for want of room may lie below one that is here.
        let lies_elsewhere = self.place(parent) == Place::Unknown || self.lies_elsewhere(parent);
        self.passed_over.add(RemovedEpoch { epoch, lies_elsewhere });
        if lies_elsewhere && self.named.contains_key(&epoch) {
            let voters = self.voters_naming(epoch);
            for voter in &voters {
                self.uncount(*voter);
            }
            self.lose(epoch, Whereabouts::PassedOver);
            for voter in voters {
                self.count(voter);
            }
            self.find_head();
            self.unstamped = true;
        }
    }

    /// Whether there is something that must be saved.
    pub fn has_changes(&self) -> bool {
        !self.journal.is_empty()
    }

    /// What must be saved since the last call.
    pub fn take_changes(&mut self) -> TreeChanges {
        self.journal.take()
    }

    fn plant(&mut self, root: EpochNode, electorate: Arc<Electorate>) {
        let id = root.rank.commit;
        let node = EpochNode { parent: None, passed_ms: None, settled_ms: None, ..root };
        self.nodes.insert(id, Placed { node, electorate: Some(electorate), votes: 0 });
        self.root = id;
        self.head = id;
        self.goal = id;
        self.journal.note_new(id);
    }

    /// Whether it is certain that an epoch lies below nothing that is in the tree.
    fn lies_elsewhere(&self, epoch: EpochId) -> bool {
        let gone = self.memory.find(epoch).or_else(|| self.passed_over.find(epoch));
        self.detached.contains_key(&epoch) || gone == Some(true)
    }

    /// Those who may vote anywhere: most epochs share one electorate, and each is given once.
    fn electorates(&self) -> Vec<&Arc<Electorate>> {
        let all = self.nodes.values().filter_map(|placed| placed.electorate.as_ref());
        let by_place: BTreeMap<_, _> = all.map(|electorate| (Arc::as_ptr(electorate), electorate)).collect();
        by_place.into_values().collect()
    }

    /// An epoch and all that follow it.
    fn subtree(&self, top: EpochId) -> Vec<EpochId> {
        let mut found = vec![top];
        let mut next = 0;
        while let Some(id) = found.get(next).copied() {
            found.extend(self.children(id));
            next = next.saturating_add(1);
        }
        found
    }
}
