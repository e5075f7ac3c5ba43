//! Coming into a group that is there already (PROTOCOL §3.7): by a Welcome after a removal, or after the commit that
//! brought this node in has lost; or by this node's own commit. The epoch that it comes into is the root from then on.

use super::{
    Group, Joined, Member, Role,
    epochs::{Place, Standing},
    storage::Slot,
};
use crate::identity::AccountId;

impl Group {
    /// Whether a Welcome into this group is to be taken. It is if this node is not a member where the group is; if it
    /// comes from the account that brought this node in, which does it again when its commit has lost; or if it comes
    /// from an owner or an admin. A Welcome into an epoch that is or was here is an old one, and one into another suite a
    /// downgrade.
    pub fn may_enter(&self, joined: &Joined) -> bool {
        let Joined { group, inviter, .. } = joined;
        let is_other_suite = self.suite().is_some_and(|suite| group.suite() != Some(suite));
        if group.id != self.id || is_other_suite || self.tree.place(group.head()) != Place::Unknown {
            return false;
        }
        let is_well = self.tree.standing() == Standing::Member;
        !is_well || self.brought_in_by() == Some(inviter.account) || self.is_led_by(inviter)
    }

    /// Goes on in the group where a Welcome leads. What this node held before is only read from now on. Whether the
    /// Welcome is to be taken [`Group::may_enter`] says; here one into another group changes nothing.
    pub fn enter(&mut self, joined: Joined, now_ms: u64) {
        let Self { id, tree, mut states, .. } = joined.group;
        let root = tree.root();
        if let (true, Some(state), Some(node)) = (id == self.id, states.remove(&root), tree.node(root)) {
            self.land(root, node.number, state, now_ms);
        }
    }

    /// The account whose Welcome brought this node into the group; none if this node founded it.
    pub fn brought_in_by(&self) -> Option<AccountId> {
        let bytes = self.head_state()?.rows.get(&Slot::Inviter.key())?;
        bytes.as_slice().try_into().ok().map(AccountId)
    }

    fn is_led_by(&self, inviter: &Member) -> bool {
        let Some(head) = self.head_state() else { return false };
        head.members.iter().any(|member| member.account == inviter.account)
            && matches!(head.policy.acting_role(&inviter.account, &head.members), Role::Owner | Role::Admin)
    }
}
