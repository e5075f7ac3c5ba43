//! What lies above the root (PROTOCOL §3.6): the epochs that it follows. Whoever comes in from outside is told of them
//! (§4.5, §4.6), and so knows of an epoch that is not in the tree whether the group passed it or went elsewhere.

use super::EpochTree;
use crate::epoch_id::{ABOVE_MAX, EpochId};

impl EpochTree {
    /// The epochs above the root, as far as they are known, the nearest first.
    pub fn above(&self) -> impl Iterator<Item = EpochId> {
        self.above.iter().copied()
    }

    /// The epochs above this one, as far as they are known, the nearest first; none if it is not in the tree.
    pub fn above_epoch(&self, epoch: EpochId) -> Vec<EpochId> {
        let path = self.path(epoch);
        let known = if path.is_empty() { None } else { Some(&self.above) };
        path.into_iter().rev().skip(1).chain(known.into_iter().flatten().copied()).take(ABOVE_MAX).collect()
    }

    /// Learns what is above the root. More than there can be is left out.
    pub fn know_above(&mut self, above: impl IntoIterator<Item = EpochId>) {
        let number = self.node(self.root).map_or(0, |root| root.number);
        let most = usize::try_from(number).unwrap_or(ABOVE_MAX).min(ABOVE_MAX);
        self.above = above.into_iter().take(most).collect();
        self.journal.note_changed(self.root);
    }

    /// Of an epoch that is not in the tree, by MLS's number of it, whether the group passed it on the way to the root, or went
    /// another way; none if that is not known. None of this holds for a number that somebody only claims.
    pub fn is_passed(&self, epoch: EpochId, number: u64) -> Option<bool> {
        if self.above.contains(&epoch) {
            return Some(true);
        }
        let root = self.node(self.root)?.number;
        let reach = u64::try_from(self.above.len()).unwrap_or(u64::MAX);
        (number >= root.saturating_sub(reach)).then_some(false)
    }

    /// The root's child is the root from now on.
    pub(super) fn pass(&mut self, root: EpochId) {
        self.above.push_front(root);
        self.above.truncate(ABOVE_MAX);
    }
}
