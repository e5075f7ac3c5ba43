//! Coming into a group that is there already (PROTOCOL §3.7): by a Welcome after a removal, or after the commit that
//! brought this node in has lost; or by this node's own commit. The epoch that it comes into is the root from then on.

use super::{Group, Joined, Kind, Member, Role, epochs::Standing, storage::Slot};
use crate::identity::AccountId;

/// What is known of whoever invites, apart from the group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Invitation {
    /// The owner wants to be invited by them: they are a contact, or the owner asked to join.
    Wanted,
    /// Nobody asked for it.
    Unasked,
}

impl Group {
    /// Whether a Welcome into this group is to be taken now. Where this node is well, it is if it comes from the account
    /// that brought this node in, which does it again when its commit has lost, or from an owner or an admin; each only
    /// while a member at the head. Where it is not, if whoever invites was a member in an epoch that is here, or is
    /// wanted. A Welcome into an epoch that is or was here is an old one, and so is for who was removed one from before
    /// the removal; one into another suite is a downgrade, and a direct conversation never becomes a group.
    pub fn may_enter(&self, joined: &Joined, invitation: Invitation) -> bool {
        if !self.leads_on(joined) {
            return false;
        }
        let inviter = &joined.inviter;
        if self.tree.standing() == Standing::Member {
            return self.is_led_by(inviter) || (self.is_here(inviter) && self.brought_in_by() == Some(inviter.account));
        }
        self.is_after_removal(joined) && (invitation == Invitation::Wanted || self.has_met(inviter))
    }

    /// Whether a Welcome that is not to be taken now is worth keeping: it may come before the removal that it answers.
    /// Who invites is judged now and not when it is used, since by then they may have been removed.
    pub fn may_keep(&self, joined: &Joined, invitation: Invitation) -> bool {
        self.leads_on(joined) && (invitation == Invitation::Wanted || self.is_here(&joined.inviter))
    }

    /// Whether a Welcome that was kept is to be taken now.
    pub fn may_enter_kept(&self, joined: &Joined) -> bool {
        self.tree.standing() != Standing::Member && self.leads_on(joined) && self.is_after_removal(joined)
    }

    /// Goes on in the group where a Welcome leads. What this node held before is only read from now on. Whether the
    /// Welcome is to be taken [`Group::may_enter`] says; here one into another group changes nothing.
    pub fn enter(&mut self, joined: Joined, now_ms: u64) {
        let Self { id, tree, mut states, .. } = joined.group;
        let root = tree.root();
        if let (true, Some(state), Some(node)) = (id == self.id, states.remove(&root), tree.node(root)) {
            self.land(*node, tree.above().collect(), state, now_ms);
        }
    }

    /// The account whose Welcome brought this node into the group; none if this node founded it.
    pub fn brought_in_by(&self) -> Option<AccountId> {
        let bytes = self.head_state()?.rows.get(&Slot::Inviter.key())?;
        bytes.as_slice().try_into().ok().map(AccountId)
    }

    /// Whether a group is a direct conversation: that never changes.
    pub(super) fn kind(&self) -> Option<Kind> {
        self.head_state().or_else(|| self.states.values().next()).map(|state| state.policy.kind)
    }

    /// Whether a Welcome leads into this group, as it is, and where this node never was.
    fn leads_on(&self, joined: &Joined) -> bool {
        let group = &joined.group;
        let is_same_suite = self.suite().is_none_or(|suite| group.suite() == Some(suite));
        let is_same_kind = self.kind().is_none_or(|kind| group.kind() == Some(kind));
        let is_new = !self.tree.is_or_was_here(group.head());
        group.id == self.id && is_same_suite && is_same_kind && is_new
    }

    /// MLS counts the commits: whoever adds a node again does it after the commit that removed it.
    fn is_after_removal(&self, joined: &Joined) -> bool {
        let number = |group: &Self| group.tree.node(group.head()).map_or(0, |node| node.number);
        self.tree.standing() != Standing::Removed || number(&joined.group) > number(self)
    }

    fn is_here(&self, inviter: &Member) -> bool {
        self.members_here().iter().any(|member| member.account == inviter.account)
    }

    fn has_met(&self, inviter: &Member) -> bool {
        let held = self.states.values().map(|state| &state.members);
        let bare = self.shells.values().map(|shell| &shell.members);
        held.chain(bare).flatten().any(|member| member.account == inviter.account)
    }

    fn is_led_by(&self, inviter: &Member) -> bool {
        let role = self.acting_role(&inviter.account);
        matches!(role, Some(Role::Owner | Role::Admin))
    }
}
