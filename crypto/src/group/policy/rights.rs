//! Who may make which change (PROTOCOL §2.3). Everything is judged by the parent's policy and members, the commit, and
//! the evidence in it: no clock, no state of this node, or members would disagree.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    GONE_MAX, GROUP_PICTURE_BYTES_MAX, INVITES_MAX, Invite, InviteId, Kind, MEMBERS_MAX, NODES_OF_ACCOUNT_MAX, Policy,
    Role, Who,
};
use crate::{
    group::{
        GroupId, Member,
        epochs::RankClass,
        evidence::{BadEvidence, Evidence, Join, Proven, prove},
        suite::{HYBRID_MEMBERS_MAX, Suite},
        summary::Why,
    },
    identity::AccountId,
};

/// Why a change is against the policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Forbidden {
    /// A direct conversation has two accounts.
    #[error("a direct conversation is between two accounts")]
    ThirdAccount,
    /// In a direct conversation nobody can put the other out.
    #[error("nobody can be removed from a direct conversation")]
    RemovalFromDirect,
    /// In a direct conversation each adds the nodes of its own account.
    #[error("in a direct conversation each adds only nodes of its own account")]
    OthersNode,
    /// A direct conversation has no name, picture, roles or invites.
    #[error("a direct conversation has no name, picture, roles or invitations")]
    DirectPolicy,
    /// The group would have more nodes than [`MEMBERS_MAX`].
    #[error("a group has at most {MEMBERS_MAX} nodes")]
    TooManyMembers,
    /// The group is hybrid, and would have more nodes than [`HYBRID_MEMBERS_MAX`].
    #[error("a group with post-quantum encryption has at most {HYBRID_MEMBERS_MAX} nodes")]
    TooManyForHybrid,
    /// An account would have more nodes in the group than [`NODES_OF_ACCOUNT_MAX`].
    #[error("an account has at most {NODES_OF_ACCOUNT_MAX} nodes in a group")]
    TooManyNodes,
    /// Whoever may only read does not write.
    #[error("whoever may only read cannot write")]
    Writing,
    /// The committer may not add people.
    #[error("only admins add people to this group")]
    Adding,
    /// The committer may not remove this member.
    #[error("only admins remove members, and only owners remove admins and owners")]
    Removing,
    /// The kind of a conversation never changes.
    #[error("the kind of a conversation never changes")]
    Kind,
    /// The committer may not change name, topic or picture.
    #[error("only admins change the name, the topic and the picture of this group")]
    Editing,
    /// The committer may not change what is shared of the past, or when messages disappear.
    #[error("only admins change what new members see, and when messages disappear")]
    Settings,
    /// The committer may not change who may do what.
    #[error("only owners change who may do what")]
    Permissions,
    /// The committer may not change this role.
    #[error("only admins change who may write, and only owners make admins and owners")]
    Roles,
    /// An owner would give up the role and leave the group without one.
    #[error("a group keeps an owner: make somebody else one first")]
    LastOwner,
    /// A role would be given to somebody who is not a member.
    #[error("a role is for a member")]
    RoleOfStranger,
    /// The committer may not make an invite, or makes it in another's name.
    #[error("only admins make invitations to this group, each in their own name")]
    MakingInvite,
    /// The committer may not revoke this invite.
    #[error("only admins revoke the invitations of others")]
    RevokingInvite,
    /// An invite is made and revoked, and not changed.
    #[error("an invitation cannot be changed: revoke it and make another")]
    AlteringInvite,
    /// The commit leaves in the policy what it had to change there: roles and invites of whoever goes, an invite's
    /// uses, the list of those who are gone.
    #[error("the change does not settle what follows from it")]
    NotSettled,
    /// Evidence proves nothing.
    #[error(transparent)]
    Evidence(#[from] BadEvidence),
}

/// What a commit does, to be judged.
#[derive(Clone, Copy, Debug)]
pub(in crate::group) struct Act<'a> {
    pub(in crate::group) group: GroupId,
    pub(in crate::group) suite: Suite,
    /// The parent's members and policy.
    pub(in crate::group) members: &'a [Member],
    pub(in crate::group) policy: &'a Policy,
    pub(in crate::group) committer: &'a Member,
    pub(in crate::group) added: &'a [Member],
    pub(in crate::group) removed: &'a [Member],
    pub(in crate::group) evidence: &'a [Evidence],
    /// When, by the commit's own word.
    pub(in crate::group) at_ms: u64,
}

/// What an allowed commit means.
#[derive(Debug)]
pub(in crate::group) struct Judged {
    pub(in crate::group) class: RankClass,
    /// Of the committer: 0 for an owner, up to 3.
    pub(in crate::group) power: u8,
    /// Why each of the removed goes, in their order.
    pub(in crate::group) why: Vec<Why>,
    pub(in crate::group) joins: Vec<Join>,
}

impl Act<'_> {
    /// A policy with what follows from the commit by itself: whoever goes takes roles and invites along and is noted
    /// as gone, and an invite has fewer uses left. Applied to the parent's policy, it is the least that the commit
    /// must change; applied to what an own commit wants, it is what that has to say.
    pub(in crate::group) fn settle(&self, policy: Policy) -> Result<Policy, Forbidden> {
        Ok(self.settled(policy, &prove(self)?))
    }

    /// Whether the committer may do this; `after` is the policy that the commit brings, if it brings one.
    pub(in crate::group) fn judge(&self, after: Option<&Policy>) -> Result<Judged, Forbidden> {
        let proven = prove(self)?;
        let settled = self.settled(self.policy.clone(), &proven);
        let brought = after.unwrap_or(self.policy);
        brought.permits_members(self.members_after())?;
        self.suite.permits_members(self.members_after().count())?;
        let committer = &self.committer.account;
        let right = Right { act: self, role: self.policy.acting_role(committer, self.members) };
        right.to_add(&proven)?;
        let why = self.removed.iter().map(|member| right.to_remove(member, &proven)).collect::<Result<Vec<_>, _>>()?;
        if after.is_none() && settled != *self.policy {
            return Err(Forbidden::NotSettled);
        }
        let takes_away = right.to_change(&settled, brought)?;
        let class = if why.contains(&Why::Removed) {
            RankClass::Removal
        } else if takes_away {
            RankClass::TakesAway
        } else {
            RankClass::Other
        };
        Ok(Judged { class, power: power(right.role), why, joins: proven.joins })
    }

    fn members_after(&self) -> impl Iterator<Item = &Member> {
        let stays = |member: &&Member| !self.removed.iter().any(|gone| gone.leaf == member.leaf);
        self.members.iter().filter(stays).chain(self.added)
    }

    fn accounts_after(&self) -> BTreeSet<AccountId> {
        self.members_after().map(|member| member.account).collect()
    }

    fn settled(&self, mut policy: Policy, proven: &Proven) -> Policy {
        let staying = self.accounts_after();
        let removed = self.removed.iter().map(|member| member.account);
        let leaving: BTreeSet<AccountId> = removed.filter(|account| !staying.contains(account)).collect();
        policy.roles.retain(|account, role| *role != Role::Member && !leaving.contains(account));
        policy.invites.retain(|invite| !leaving.contains(&invite.creator));
        for join in &proven.joins {
            for invite in policy.invites.iter_mut().filter(|invite| invite.id() == join.invite) {
                invite.uses = invite.uses.map(|uses| uses.saturating_sub(1));
            }
            if join.role == Role::ReadOnly {
                policy.roles.insert(join.account, Role::ReadOnly);
            }
        }
        policy.invites.retain(|invite| invite.uses != Some(0));
        policy.invites.sort_by_key(Invite::id);
        for account in leaving {
            let said_at_ms = proven.left.get(&account).copied().unwrap_or(0);
            let known_ms = policy.gone.get(&account).copied().unwrap_or(0);
            policy.gone.insert(account, self.at_ms.max(said_at_ms).max(known_ms));
        }
        while policy.gone.len() > GONE_MAX {
            let oldest = policy.gone.iter().min_by_key(|(account, at_ms)| (**at_ms, **account)).map(|(id, _)| *id);
            policy.gone.retain(|account, _| Some(*account) != oldest);
        }
        policy
    }
}

fn power(role: Role) -> u8 {
    match role {
        Role::Owner => 0,
        Role::Admin => 1,
        Role::Member => 2,
        Role::ReadOnly => 3,
    }
}

/// What the committer may do.
struct Right<'a> {
    act: &'a Act<'a>,
    role: Role,
}

impl Right<'_> {
    fn is_owner(&self) -> bool {
        self.role == Role::Owner
    }

    fn is_admin(&self) -> bool {
        self.role <= Role::Admin
    }

    /// Whether the committer is among those that a permission is given to.
    fn is_among(&self, who: Who) -> bool {
        self.is_admin() || (who == Who::Everybody && self.role == Role::Member)
    }

    fn is_own(&self, account: &AccountId) -> bool {
        *account == self.act.committer.account
    }

    fn to_add(&self, proven: &Proven) -> Result<(), Forbidden> {
        let may_add = self.is_among(self.act.policy.may_invite);
        for added in self.act.added.iter().filter(|added| !self.is_own(&added.account)) {
            match proven.joins.iter().find(|join| join.account == added.account) {
                Some(join) if join.approval && !may_add => return Err(BadEvidence::NeedsApproval.into()),
                Some(_) => {}
                None if self.act.policy.kind == Kind::Direct => {
                    // The other account comes in once; its further nodes are its own affair.
                    if self.act.members.iter().any(|member| member.account == added.account) {
                        return Err(Forbidden::OthersNode);
                    }
                }
                None if may_add => {}
                None => return Err(Forbidden::Adding),
            }
        }
        Ok(())
    }

    fn to_remove(&self, removed: &Member, proven: &Proven) -> Result<Why, Forbidden> {
        let is_direct = self.act.policy.kind == Kind::Direct;
        if self.is_own(&removed.account) {
            return Ok(Why::OwnNode);
        }
        if proven.left.contains_key(&removed.account) {
            return if is_direct { Err(Forbidden::RemovalFromDirect) } else { Ok(Why::Left) };
        }
        if proven.revoked.contains(&removed.node) || removed.certificate.not_after_ms() < self.act.at_ms {
            return Ok(Why::Ended);
        }
        if is_direct {
            return Err(Forbidden::RemovalFromDirect);
        }
        let is_below_admin = self.act.policy.role(&removed.account) > Role::Admin;
        let may = self.is_owner() || (self.is_admin() && is_below_admin);
        if may { Ok(Why::Removed) } else { Err(Forbidden::Removing) }
    }

    /// Whether the committer may turn one policy into another; says whether that takes something away from somebody.
    fn to_change(&self, before: &Policy, after: &Policy) -> Result<bool, Forbidden> {
        if after == before {
            return Ok(false);
        }
        if after.kind != before.kind {
            return Err(Forbidden::Kind);
        }
        if after.gone != before.gone {
            return Err(Forbidden::NotSettled);
        }
        if before.kind == Kind::Direct {
            let Policy { history, disappearing_s, .. } = *after;
            let allowed = Policy { history, disappearing_s, ..before.clone() };
            return if *after == allowed { Ok(false) } else { Err(Forbidden::DirectPolicy) };
        }
        let content = |policy: &Policy| (policy.name.clone(), policy.topic.clone(), policy.picture.clone());
        if content(after) != content(before) && !self.is_among(before.may_edit) {
            return Err(Forbidden::Editing);
        }
        let settings = |policy: &Policy| (policy.history, policy.disappearing_s);
        if settings(after) != settings(before) && !self.is_admin() {
            return Err(Forbidden::Settings);
        }
        let narrows = self.to_permit(before, after)?;
        let lowers = self.to_give_roles(before, after)?;
        let revokes = self.to_invite(before, after)?;
        Ok(narrows || lowers || revokes)
    }

    fn to_permit(&self, before: &Policy, after: &Policy) -> Result<bool, Forbidden> {
        let permissions = [(before.may_invite, after.may_invite), (before.may_edit, after.may_edit)];
        if permissions.iter().any(|(before, after)| before != after) && !self.is_owner() {
            return Err(Forbidden::Permissions);
        }
        Ok(permissions.contains(&(Who::Everybody, Who::Admins)))
    }

    fn to_give_roles(&self, before: &Policy, after: &Policy) -> Result<bool, Forbidden> {
        let members = self.act.accounts_after();
        let mut lowers = false;
        let accounts: BTreeSet<&AccountId> = before.roles.keys().chain(after.roles.keys()).collect();
        for account in accounts {
            let (old, new) = (before.role(account), after.role(account));
            if old == new {
                continue;
            }
            if !members.contains(account) {
                return Err(Forbidden::RoleOfStranger);
            }
            let steps_down = self.is_own(account) && new > old;
            let below_admin = old > Role::Admin && new > Role::Admin;
            if !(self.is_owner() || steps_down || (self.is_admin() && below_admin)) {
                return Err(Forbidden::Roles);
            }
            lowers |= new > old;
        }
        let has_owner = |policy: &Policy| members.iter().any(|account| policy.role(account) == Role::Owner);
        if has_owner(before) && !has_owner(after) { Err(Forbidden::LastOwner) } else { Ok(lowers) }
    }

    fn to_invite(&self, before: &Policy, after: &Policy) -> Result<bool, Forbidden> {
        let may_invite = self.is_among(before.may_invite);
        let by_id = |policy: &Policy| -> BTreeMap<InviteId, Invite> {
            policy.invites.iter().map(|invite| (invite.id(), invite.clone())).collect()
        };
        let (old, new) = (by_id(before), by_id(after));
        let mut revokes = false;
        for (id, invite) in &old {
            match new.get(id) {
                Some(same) if same == invite => {}
                Some(_) => return Err(Forbidden::AlteringInvite),
                // What lets nobody in any more is cleared away by whoever needs the room.
                None if may_invite && invite.expires_at_ms < self.act.at_ms => {}
                None if self.is_admin() || self.is_own(&invite.creator) => revokes = true,
                None => return Err(Forbidden::RevokingInvite),
            }
        }
        for invite in new.iter().filter(|(id, _)| !old.contains_key(id)).map(|(_, invite)| invite) {
            if !may_invite || !self.is_own(&invite.creator) {
                return Err(Forbidden::MakingInvite);
            }
        }
        Ok(revokes)
    }
}

const _: () = assert!(INVITES_MAX < GONE_MAX && GROUP_PICTURE_BYTES_MAX < 16 * 1024, "a policy stays below 64 KiB");
