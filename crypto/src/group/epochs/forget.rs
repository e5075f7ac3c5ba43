//! Forgetting (PROTOCOL §3.6): which epochs go, and which go on without their secrets. It depends on this node's own
//! clock, and may: what was settled stays what it is, and whoever forgot too early is stranded and comes back.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::{EpochNode, EpochTree, NodeKind, Rank, Whereabouts};
use crate::{epoch_id::EpochId, identity::NodeId};

/// A root goes this long after its settled child was first seen settled: seven days.
pub const HORIZON_MS: u64 = 7 * 24 * 3_600_000;

/// An epoch that is not the head keeps its secrets this long at most, whatever is settled: thirty days.
pub const BOUND_MS: u64 = 30 * 24 * 3_600_000;

/// So many epochs of a group have secrets here at most (a guess: at 1,000 members each takes a megabyte).
pub const HELD_EPOCHS_MAX: usize = 64;

/// So many epochs a tree has at most, with secrets or without.
pub const EPOCHS_MAX: usize = 128;

/// An epoch may be without votes for so long before it goes for want of room ahead of newer ones: ballots come after
/// the commits that they name, and those of a branch that comes late come one after the other.
pub const SETTLING_MS: u64 = 10 * 60 * 1_000;

/// So many removed epochs are remembered.
pub const REMOVED_EPOCHS_MAX: usize = 1_024;

/// An epoch that was removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RemovedEpoch {
    /// The epoch.
    pub epoch: EpochId,
    /// Whether it is known to lie neither below the root nor below anything else in the tree. An epoch that was removed
    /// for want of room may.
    pub lies_elsewhere: bool,
}

/// What was forgotten.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Forgotten {
    /// Epochs that left the tree.
    pub removed: Vec<EpochId>,
    /// Epochs that are skeletons now: their secrets must go.
    pub stripped: Vec<EpochId>,
}

impl Forgotten {
    /// Whether nothing was.
    pub fn is_empty(&self) -> bool {
        self.removed.is_empty() && self.stripped.is_empty()
    }
}

/// The removed epochs, oldest first.
#[derive(Clone, Debug, Default)]
pub(super) struct Memory {
    order: VecDeque<EpochId>,
    lies_elsewhere: BTreeMap<EpochId, bool>,
}

impl Memory {
    pub(super) fn add(&mut self, removed: RemovedEpoch) {
        if self.lies_elsewhere.insert(removed.epoch, removed.lies_elsewhere).is_none() {
            self.order.push_back(removed.epoch);
        }
        if self.order.len() > REMOVED_EPOCHS_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.lies_elsewhere.remove(&oldest);
        }
    }

    #[cfg(test)]
    pub(super) fn iter(&self) -> impl Iterator<Item = RemovedEpoch> {
        self.order.iter().map(|epoch| RemovedEpoch { epoch: *epoch, lies_elsewhere: self.find(*epoch) == Some(true) })
    }

    pub(super) fn find(&self, epoch: EpochId) -> Option<bool> {
        self.lies_elsewhere.get(&epoch).copied()
    }
}

impl EpochTree {
    /// Forgets what is to be forgotten by this time.
    pub fn forget(&mut self, now_ms: u64) -> Forgotten {
        self.set_back(now_ms);
        let mut forgotten = Forgotten::default();
        for epoch in self.detached_until(now_ms) {
            self.remove_detached(epoch, &mut forgotten);
        }
        while let Some(child) = self.next_root().filter(|child| self.root_due_at_ms(*child) <= now_ms) {
            self.move_root(child, Whereabouts::Settled, &mut forgotten);
        }
        let due = |(id, due_ms): (EpochId, u64)| (due_ms <= now_ms).then_some(id);
        for epoch in self.strips_due().filter_map(due).collect::<Vec<_>>() {
            self.strip(epoch, &mut forgotten);
        }
        self.shrink(now_ms, &mut forgotten);
        if !forgotten.is_empty() {
            self.drop_idle_ballots();
            self.refresh(now_ms);
            forgotten.stripped.retain(|epoch| self.nodes.contains_key(epoch));
        }
        forgotten
    }

    /// When there is something to forget next.
    pub fn forget_due_at_ms(&self) -> Option<u64> {
        let root = self.next_root().map(|child| self.root_due_at_ms(child));
        let strips = self.strips_due().map(|(_, due_ms)| due_ms);
        let detached = self.detached.values().map(|node| node.since_ms.saturating_add(HORIZON_MS));
        strips.chain(detached).chain(root).min()
    }

    /// Whether the tree is larger than it may stay: [`EpochTree::forget`] makes room.
    pub fn is_crowded(&self) -> bool {
        self.held() > HELD_EPOCHS_MAX || self.nodes.len().saturating_add(self.detached.len()) > EPOCHS_MAX
    }

    /// No time may lie ahead, or what waits for it would wait for ever: a clock was wrong, or there was none.
    pub fn set_back(&mut self, now_ms: u64) {
        for (id, placed) in &mut self.nodes {
            let node = &mut placed.node;
            let before = *node;
            node.since_ms = if node.since_ms == 0 { now_ms } else { node.since_ms.min(now_ms) };
            node.settled_ms = node.settled_ms.map(|at_ms| at_ms.min(now_ms));
            if self.children.contains_key(id) {
                let noted_ms = node.passed_ms.filter(|at_ms| *at_ms > 0);
                node.passed_ms = Some(noted_ms.unwrap_or(now_ms).min(now_ms));
            }
            if *node != before {
                self.journal.note_changed(*id);
            }
        }
        for (id, node) in self.detached.iter_mut().filter(|(_, node)| node.since_ms > now_ms) {
            node.since_ms = now_ms;
            self.journal.note_changed(*id);
        }
    }

    /// The settled child of the root, if this node can go there.
    fn next_root(&self) -> Option<EpochId> {
        self.settled_child(self.root).filter(|child| self.is_enterable(*child))
    }

    fn root_due_at_ms(&self, child: EpochId) -> u64 {
        let settled_ms = self.nodes.get(&child).and_then(|placed| placed.node.settled_ms);
        settled_ms.map_or(u64::MAX, |at_ms| at_ms.saturating_add(HORIZON_MS))
    }

    fn detached_until(&self, now_ms: u64) -> Vec<EpochId> {
        let is_due = |node: &EpochNode| node.since_ms.saturating_add(HORIZON_MS) <= now_ms;
        self.detached.iter().filter(|(_, node)| is_due(node)).map(|(id, _)| *id).collect()
    }

    fn strips_due(&self) -> impl Iterator<Item = (EpochId, u64)> {
        let held = self.nodes.iter().filter(|(id, placed)| placed.node.kind == NodeKind::Held && **id != self.head);
        held.map(|(id, placed)| {
            let from_ms = placed.node.passed_ms.unwrap_or(placed.node.since_ms);
            (*id, from_ms.saturating_add(BOUND_MS))
        })
    }

    /// Makes room, with what is missed least first. It always ends within the limits.
    fn shrink(&mut self, now_ms: u64, forgotten: &mut Forgotten) {
        while self.is_crowded() {
            if let Some(oldest) = self.detached.iter().min_by_key(|(id, node)| (node.since_ms, **id)).map(|(id, _)| *id)
            {
                self.remove_detached(oldest, forgotten);
            } else if let Some(child) = self.next_root() {
                self.move_root(child, Whereabouts::Settled, forgotten);
            } else if let Some(epoch) = self.least_missed(self.held() > HELD_EPOCHS_MAX, now_ms) {
                if self.children.contains_key(&epoch) {
                    self.strip(epoch, forgotten);
                } else {
                    self.evict(epoch, forgotten);
                }
            } else if let Some(oldest) = self.oldest_held().filter(|_| self.held() > HELD_EPOCHS_MAX) {
                self.strip(oldest, forgotten);
            } else if let Some(child) = self.path(self.head).get(1).copied() {
                self.move_root(child, Whereabouts::Left, forgotten);
            } else {
                break;
            }
        }
    }

    /// Off the ways to the head and to the goal: without votes before with; of those what has been here long enough to be
    /// voted for; then what its committer has made most of; then the farthest and the highest rank. If secrets are
    /// too many, one that has some; if epochs are, one without children.
    fn least_missed(&self, must_be_held: bool, now_ms: u64) -> Option<EpochId> {
        let kept: BTreeSet<EpochId> = self.path(self.head).into_iter().chain(self.path(self.goal)).collect();
        let off_the_way = || self.nodes.iter().filter(|(id, _)| !kept.contains(id));
        let may_go = |id: &EpochId, kind: NodeKind| {
            if must_be_held { kind == NodeKind::Held } else { !self.children.contains_key(id) }
        };
        let distance = |id: &EpochId| self.path(*id).iter().filter(|on| !kept.contains(on)).count();
        // Whoever commits again and again loses its own first.
        let mut made: BTreeMap<Option<NodeId>, usize> = BTreeMap::new();
        for (_, placed) in off_the_way().filter(|(_, placed)| placed.votes == 0) {
            let count = made.entry(placed.node.committer).or_default();
            *count = count.saturating_add(1);
        }
        let missed = |id: &EpochId, placed: &super::Placed| -> (bool, bool, usize, usize, Rank) {
            let is_settling = placed.node.since_ms.saturating_add(SETTLING_MS) > now_ms;
            let made = made.get(&placed.node.committer).copied().unwrap_or_default();
            (placed.votes == 0, !is_settling, made, distance(id), placed.node.rank)
        };
        let candidates = off_the_way().filter(|(id, placed)| may_go(id, placed.node.kind));
        candidates.map(|(id, placed)| missed(id, placed)).max().map(|(_, _, _, _, rank)| rank.commit)
    }

    fn oldest_held(&self) -> Option<EpochId> {
        let on_the_way = self.path(self.head).into_iter().filter(|id| *id != self.head);
        on_the_way.into_iter().find(|id| self.node(*id).is_some_and(|node| node.kind == NodeKind::Held))
    }

    fn held(&self) -> usize {
        let held = self.nodes.values().filter(|placed| placed.node.kind == NodeKind::Held).count();
        held.saturating_add(self.detached.len())
    }

    /// The child becomes the root: the root goes with all its other branches.
    fn move_root(&mut self, child: EpochId, whereabouts: Whereabouts, forgotten: &mut Forgotten) {
        let kept: BTreeSet<EpochId> = self.subtree(child).into_iter().collect();
        let gone: Vec<EpochId> = self.nodes.keys().copied().filter(|id| !kept.contains(id)).collect();
        for epoch in gone {
            self.lose(epoch, whereabouts);
            self.remove(RemovedEpoch { epoch, lies_elsewhere: true }, forgotten);
        }
        self.pass(self.root);
        self.root = child;
        if let Some(placed) = self.nodes.get_mut(&child) {
            placed.node.parent = None;
            placed.node.settled_ms = None;
            placed.votes = 0;
            self.journal.note_changed(child);
        }
    }

    fn evict(&mut self, epoch: EpochId, forgotten: &mut Forgotten) {
        let voters = self.voters_naming(epoch);
        for voter in &voters {
            self.uncount(*voter);
        }
        if let Some(rank) = self.nodes.get(&epoch).map(|placed| placed.node.rank)
            && let Some(parent) = self.nodes.get(&epoch).and_then(|placed| placed.node.parent)
            && let Some(siblings) = self.children.get_mut(&parent)
        {
            siblings.remove(&rank);
            if siblings.is_empty() {
                self.children.remove(&parent);
            }
        }
        self.remove(RemovedEpoch { epoch, lies_elsewhere: false }, forgotten);
        for voter in voters {
            self.count(voter);
        }
    }

    fn remove(&mut self, removed: RemovedEpoch, forgotten: &mut Forgotten) {
        self.nodes.remove(&removed.epoch);
        self.children.remove(&removed.epoch);
        self.note_removed(removed, forgotten);
    }

    pub(super) fn note_removed(&mut self, removed: RemovedEpoch, forgotten: &mut Forgotten) {
        self.memory.add(removed);
        self.journal.note_removed(removed);
        forgotten.removed.push(removed.epoch);
    }

    fn remove_detached(&mut self, epoch: EpochId, forgotten: &mut Forgotten) {
        self.lose(epoch, Whereabouts::Left);
        self.detached.remove(&epoch);
        self.note_removed(RemovedEpoch { epoch, lies_elsewhere: true }, forgotten);
    }

    fn strip(&mut self, epoch: EpochId, forgotten: &mut Forgotten) {
        if let Some(placed) = self.nodes.get_mut(&epoch) {
            placed.node.kind = NodeKind::Skeleton;
            self.journal.note_stripped(epoch);
            forgotten.stripped.push(epoch);
        }
    }
}
