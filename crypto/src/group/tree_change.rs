//! How an epoch enters the tree: its rank, its node, and what leaves when it comes.

use openmls::prelude::MlsGroup;

use super::{
    Group,
    check::Checked,
    epochs::{EpochNode, EpochTree, Insertion, Rank},
    key_package::LibraryFailure,
    state::{self, EpochState},
};
use crate::epoch_id::EpochId;

const RANK_EXPORT_LABEL: &str = "tidings v1 fork rank";

/// A new epoch. Without state it is a tombstone.
pub(super) struct Child {
    pub(super) node: EpochNode,
    pub(super) state: Option<EpochState>,
}

impl Group {
    /// The node of a commit, ranked with the secrets of its parent: `group` is still in that epoch.
    pub(super) fn child_node(
        parent: EpochId,
        id: EpochId,
        group: &MlsGroup,
        checked: &Checked,
        tombstone: bool,
    ) -> Result<EpochNode, LibraryFailure> {
        let committer = checked.committer.node;
        let lottery = state::export(group, RANK_EXPORT_LABEL, &committer.0, 32)?;
        let lottery = lottery.as_slice().try_into().map_err(|_| LibraryFailure)?;
        let rank = Rank { class: checked.class, power: checked.power, lottery, commit: id };
        let number = group.epoch().as_u64().checked_add(1).ok_or(LibraryFailure)?;
        Ok(EpochNode { parent: Some(parent), number, rank, committer: Some(committer), tombstone })
    }

    /// Puts a new epoch into the tree, and forgets what it displaces.
    pub(super) fn adopt(&mut self, child: Child) -> Insertion {
        let id = child.node.rank.commit;
        let insertion = self.tree.insert(child.node);
        let Insertion::Inserted { dropped } = &insertion else { return insertion };
        for gone in dropped {
            self.states.remove(gone);
            if !self.epochs_unsaved.remove(gone) {
                self.epochs_dropped.insert(*gone);
            }
        }
        self.epochs_unsaved.insert(id);
        if let Some(state) = child.state {
            self.states.insert(id, state);
            self.note_use(id);
        }
        insertion
    }

    /// Puts this node into an epoch that it came into from outside: the epoch is the root from now on.
    pub(super) fn land(&mut self, root: EpochId, number: u64, state: EpochState) {
        for gone in std::mem::take(&mut self.states).into_keys() {
            if !self.epochs_unsaved.remove(&gone) {
                self.epochs_dropped.insert(gone);
            }
        }
        self.tree = EpochTree::new(root, number);
        self.states.insert(root, state);
        self.epochs_unsaved.insert(root);
        self.recently_used.clear();
        self.note_use(root);
    }
}
