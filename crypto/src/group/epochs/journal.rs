//! What has changed in the tree since it was last saved.

use std::collections::{BTreeMap, BTreeSet};

use super::RemovedEpoch;
use crate::{epoch_id::EpochId, identity::NodeId};

/// What must be saved of one epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Change {
    /// It was never saved.
    New,
    /// It was saved, and something in it is another.
    Changed,
    /// It was saved with its secrets, and goes on without: what was saved must be gone before it is saved again.
    Stripped,
    /// It was saved and is gone.
    Removed,
}

/// What has changed since the last save.
#[derive(Clone, Debug, Default)]
pub(super) struct Journal {
    epochs: BTreeMap<EpochId, Change>,
    removed: Vec<RemovedEpoch>,
    ballots: BTreeSet<NodeId>,
    ballots_dropped: BTreeSet<NodeId>,
}

/// What must be saved of a tree, and in this order: what is deleted, then what is put.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TreeChanges {
    /// Epochs of which nothing that was saved may stay, because they are gone or because they lost their secrets.
    pub epochs_deleted: Vec<EpochId>,
    /// Epochs that are new or have changed. One that is in `epochs_deleted` too is saved as a new one.
    pub epochs_put: Vec<EpochId>,
    /// Epochs that were removed, to be remembered after those before.
    pub epochs_removed: Vec<RemovedEpoch>,
    /// Nodes with a new ballot, or with other notes to theirs.
    pub ballots_put: Vec<NodeId>,
    /// Nodes whose ballot counts nowhere any more.
    pub ballots_deleted: Vec<NodeId>,
}

impl Journal {
    pub(super) fn is_empty(&self) -> bool {
        self.epochs.is_empty() && self.removed.is_empty() && self.ballots.is_empty() && self.ballots_dropped.is_empty()
    }

    pub(super) fn note_new(&mut self, epoch: EpochId) {
        let change = if self.epochs.contains_key(&epoch) { Change::Stripped } else { Change::New };
        self.epochs.insert(epoch, change);
    }

    pub(super) fn note_changed(&mut self, epoch: EpochId) {
        self.epochs.entry(epoch).or_insert(Change::Changed);
    }

    pub(super) fn note_stripped(&mut self, epoch: EpochId) {
        if self.epochs.get(&epoch) != Some(&Change::New) {
            self.epochs.insert(epoch, Change::Stripped);
        }
    }

    pub(super) fn note_removed(&mut self, removed: RemovedEpoch) {
        self.note_dropped(removed.epoch);
        self.removed.push(removed);
    }

    /// It is gone and need not be remembered.
    pub(super) fn note_dropped(&mut self, epoch: EpochId) {
        if self.epochs.remove(&epoch) != Some(Change::New) {
            self.epochs.insert(epoch, Change::Removed);
        }
    }

    pub(super) fn note_ballot(&mut self, node: NodeId) {
        self.ballots_dropped.remove(&node);
        self.ballots.insert(node);
    }

    pub(super) fn note_ballot_dropped(&mut self, node: NodeId) {
        self.ballots.remove(&node);
        self.ballots_dropped.insert(node);
    }

    pub(super) fn take(&mut self) -> TreeChanges {
        let journal = std::mem::take(self);
        let ids = |of: &[Change]| -> Vec<EpochId> {
            journal.epochs.iter().filter(|(_, change)| of.contains(change)).map(|(id, _)| *id).collect()
        };
        TreeChanges {
            epochs_deleted: ids(&[Change::Removed, Change::Stripped]),
            epochs_put: ids(&[Change::New, Change::Changed, Change::Stripped]),
            epochs_removed: journal.removed,
            ballots_put: journal.ballots.into_iter().collect(),
            ballots_deleted: journal.ballots_dropped.into_iter().collect(),
        }
    }
}
