//! How an epoch enters the tree: its rank, its node, and what leaves when it comes.

use std::sync::Arc;

use openmls::prelude::MlsGroup;

use super::{
    Group,
    check::Checked,
    epochs::{Electorate, EpochNode, Insertion, NodeKind, Rank},
    forgetting::Shell,
    key_package::LibraryFailure,
    state::{self, EpochState},
};
use crate::epoch_id::EpochId;

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
        let lottery = state::lottery(&*state::rank_key(group)?, committer);
        let rank = Rank { class: checked.class, power: checked.power, lottery, commit: id };
        let number = group.epoch().as_u64().checked_add(1).ok_or(LibraryFailure)?;
        let kind = if tombstone { NodeKind::Tombstone } else { NodeKind::Held };
        Ok(EpochNode { parent: Some(parent), committer: Some(committer), rank, kind, ..EpochNode::root(id, number, 0) })
    }

    /// Puts a new epoch into the tree.
    pub(super) fn adopt(&mut self, child: Child, now_ms: u64) -> Insertion {
        let id = child.node.rank.commit;
        let electorate = child.state.as_ref().map(|state| self.electorate_of(child.node.parent, state));
        let insertion = self.tree.insert(child.node, electorate, now_ms);
        if insertion == Insertion::Inserted
            && let Some(state) = child.state
        {
            self.states.insert(id, state);
            self.note_use(id);
        }
        self.make_room(now_ms);
        insertion
    }

    /// Most epochs have the members of the one before: they share one electorate.
    fn electorate_of(&self, parent: Option<EpochId>, state: &EpochState) -> Arc<Electorate> {
        let electorate = state.electorate();
        match parent.and_then(|parent| self.tree.electorate(parent)) {
            Some(same) if **same == electorate => Arc::clone(same),
            _ => Arc::new(electorate),
        }
    }

    /// Puts this node into an epoch that it came into from outside: the epoch is the root from now on. What it held
    /// before is only read.
    pub(super) fn land(&mut self, root: EpochNode, above: Vec<EpochId>, state: EpochState, now_ms: u64) {
        let electorate = Arc::new(state.electorate());
        let root_id = root.rank.commit;
        let forgotten = self.tree.reroot(EpochNode::root(root_id, root.number, now_ms), electorate, above, now_ms);
        self.let_go(&forgotten);
        self.shells.clear();
        self.states.insert(root_id, state);
        self.note_use(root_id);
    }

    /// Puts this node into an epoch of its own making, below one of which it knows what is public and the rank key:
    /// that one is the root from now on.
    pub(super) fn land_below(&mut self, parent: Shell, above: Vec<EpochId>, child: Child, now_ms: u64) {
        let (Some(root), Some(number)) = (child.node.parent, child.node.number.checked_sub(1)) else { return };
        let node = EpochNode { kind: NodeKind::Skeleton, ..EpochNode::root(root, number, now_ms) };
        let forgotten = self.tree.reroot(node, Arc::new(parent.electorate()), above, now_ms);
        self.let_go(&forgotten);
        self.states.remove(&root);
        self.recently_used.retain(|used| *used != root);
        self.shells.clear();
        self.shells.insert(root, parent);
        self.adopt(child, now_ms);
    }
}
