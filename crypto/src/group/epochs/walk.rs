//! THE RULE (PROTOCOL §3.5): from the root, at each epoch, on to the settled child, or else to the one of lowest rank.

use std::collections::BTreeSet;

use super::{EpochTree, NodeKind};
use crate::epoch_id::EpochId;

/// Where this node stands in its group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It is a member where the group is.
    Member,
    /// It was removed.
    Removed,
    /// The group went on where this node has no keys, or what it has comes from a backup: it has to come back.
    Stranded,
}

impl EpochTree {
    /// Where the group is and this node in it.
    pub fn standing(&self) -> Standing {
        match self.nodes.get(&self.head).map(|head| head.node.kind) {
            Some(NodeKind::Held) if self.head == self.goal && !self.left_behind && !self.restored => Standing::Member,
            Some(NodeKind::Tombstone) if self.head == self.goal => Standing::Removed,
            _ => Standing::Stranded,
        }
    }

    /// Settles what is settled, and finds goal and head anew.
    pub(super) fn refresh(&mut self, now_ms: u64) {
        let settled = self.find_head();
        for (id, placed) in &mut self.nodes {
            // A ballot that comes before the commit that it names hides what was settled for a while: the first time counts.
            if settled.contains(id) && placed.node.settled_ms.is_none() {
                placed.node.settled_ms = Some(now_ms);
                self.journal.note_changed(*id);
            }
        }
    }

    /// Finds goal and head anew; gives all that are settled.
    pub(super) fn find_head(&mut self) -> BTreeSet<EpochId> {
        let settled: BTreeSet<EpochId> =
            self.children.keys().filter_map(|parent| self.settled_child(*parent)).collect();
        self.goal = self.walk(|_| true, &settled);
        let enterable = self.enterable();
        self.head = self.walk(|id| enterable.contains(&id), &settled);
        settled
    }

    /// An epoch that can be written in, or was removed from, or leads to one such.
    pub(super) fn is_enterable(&self, epoch: EpochId) -> bool {
        self.enterable().contains(&epoch)
    }

    fn walk(&self, may_enter: impl Fn(EpochId) -> bool, settled: &BTreeSet<EpochId>) -> EpochId {
        let mut here = self.root;
        // What follows a ghost has no lottery here: the walk cannot tell what wins there.
        while self.nodes.get(&here).is_some_and(|placed| placed.node.kind != NodeKind::Ghost) {
            let children = self.children.get(&here).into_iter().flatten().map(|rank| rank.commit);
            let mut open = children.filter(|child| may_enter(*child));
            let Some(lowest) = open.next() else { break };
            here = std::iter::once(lowest).chain(open).find(|child| settled.contains(child)).unwrap_or(lowest);
        }
        here
    }

    fn enterable(&self) -> BTreeSet<EpochId> {
        let mut enterable = BTreeSet::new();
        for (id, placed) in &self.nodes {
            if !matches!(placed.node.kind, NodeKind::Held | NodeKind::Tombstone) {
                continue;
            }
            let mut here = Some(*id);
            while let Some(id) = here.filter(|id| enterable.insert(*id)) {
                here = self.nodes.get(&id).and_then(|placed| placed.node.parent);
            }
        }
        enterable
    }
}
