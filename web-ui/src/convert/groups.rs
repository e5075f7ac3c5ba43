//! What the node says of groups as the API says it, and back.

use tidings_node::handle;

use crate::dto::groups;

impl From<handle::Role> for groups::Role {
    fn from(it: handle::Role) -> Self {
        match it {
            handle::Role::Owner => Self::Owner,
            handle::Role::Admin => Self::Admin,
            handle::Role::Member => Self::Member,
            handle::Role::ReadOnly => Self::ReadOnly,
        }
    }
}

impl From<groups::Role> for handle::Role {
    fn from(it: groups::Role) -> Self {
        match it {
            groups::Role::Owner => Self::Owner,
            groups::Role::Admin => Self::Admin,
            groups::Role::Member => Self::Member,
            groups::Role::ReadOnly => Self::ReadOnly,
        }
    }
}

impl From<handle::Who> for groups::Who {
    fn from(it: handle::Who) -> Self {
        match it {
            handle::Who::Everybody => Self::Everybody,
            handle::Who::Admins => Self::Admins,
        }
    }
}

impl From<groups::Who> for handle::Who {
    fn from(it: groups::Who) -> Self {
        match it {
            groups::Who::Everybody => Self::Everybody,
            groups::Who::Admins => Self::Admins,
        }
    }
}

impl From<handle::Standing> for groups::Standing {
    fn from(it: handle::Standing) -> Self {
        match it {
            handle::Standing::Member => Self::Member,
            handle::Standing::Left => Self::Left,
            handle::Standing::Removed => Self::Removed,
            handle::Standing::ComingBack => Self::ComingBack,
            handle::Standing::Joining => Self::Joining,
        }
    }
}

impl From<handle::Suite> for groups::Suite {
    fn from(it: handle::Suite) -> Self {
        match it {
            handle::Suite::Classic => Self::Classic,
            handle::Suite::Hybrid => Self::Hybrid,
        }
    }
}

impl From<handle::History> for groups::History {
    fn from(it: handle::History) -> Self {
        match it {
            handle::History::Nothing => Self::Nothing,
            handle::History::Days(days) => Self::Days { days },
            handle::History::Everything => Self::Everything,
        }
    }
}

impl From<groups::History> for handle::History {
    fn from(it: groups::History) -> Self {
        match it {
            groups::History::Nothing => Self::Nothing,
            groups::History::Days { days } => Self::Days(days),
            groups::History::Everything => Self::Everything,
        }
    }
}

impl From<handle::SystemChange> for groups::SystemChange {
    fn from(change: handle::SystemChange) -> Self {
        use handle::SystemChange as Node;
        match change {
            Node::Created => Self::Created,
            Node::Added { account, name } => Self::Added { account: account.to_string(), name },
            Node::Removed { account, name } => Self::Removed { account: account.to_string(), name },
            Node::Left { account, name } => Self::Left { account: account.to_string(), name },
            Node::Joined { account, name, invited_by } => {
                Self::Joined { account: account.to_string(), name, invited_by }
            }
            Node::CameBack { account, name } => Self::CameBack { account: account.to_string(), name },
            Node::Renamed { from, to } => Self::Renamed { from, to },
            Node::TopicSet { topic } => Self::TopicSet { topic },
            Node::PictureSet => Self::PictureSet,
            Node::RoleSet { account, name, role } => {
                Self::RoleSet { account: account.to_string(), name, role: role.into() }
            }
            Node::HistorySet { history } => Self::HistorySet { history: history.into() },
            Node::DisappearingSet { seconds } => Self::DisappearingSet { seconds },
            Node::PermissionSet { what, who } => {
                let what = match what {
                    handle::Permission::Invite => groups::Permission::Invite,
                    handle::Permission::Edit => groups::Permission::Edit,
                };
                Self::PermissionSet { what, who: who.into() }
            }
            Node::InviteMade => Self::InviteMade,
            Node::InviteRevoked => Self::InviteRevoked,
        }
    }
}

impl From<handle::GroupDetail> for groups::Group {
    fn from(group: handle::GroupDetail) -> Self {
        Self {
            conversation: group.conversation.into(),
            history: group.history.into(),
            disappearing_s: group.disappearing_s,
            may_invite: group.may_invite.into(),
            may_edit: group.may_edit.into(),
            invites: group.invites.into_iter().map(groups::Invite::from).collect(),
            suite: group.suite.into(),
            could_be_hybrid: group.could_be_hybrid,
            requests: group.requests.into_iter().map(groups::JoinRequest::from).collect(),
            pending: group.pending,
            given_up: group.given_up,
        }
    }
}

impl From<handle::InviteView> for groups::Invite {
    fn from(invite: handle::InviteView) -> Self {
        Self {
            invite: invite.id.to_string(),
            creator: invite.creator.to_string(),
            creator_name: invite.creator_name,
            expires_at_ms: invite.expires_at_ms,
            uses: invite.uses,
            role: invite.role.into(),
            approval: invite.approval,
            link: invite.link,
        }
    }
}

impl From<handle::JoinRequest> for groups::JoinRequest {
    fn from(request: handle::JoinRequest) -> Self {
        Self {
            account: request.account.to_string(),
            name: request.name,
            invite: request.invite.to_string(),
            asked_at_ms: request.asked_at_ms,
        }
    }
}

impl From<groups::GroupPatch> for handle::PolicyPatch {
    fn from(patch: groups::GroupPatch) -> Self {
        Self {
            name: patch.name,
            topic: patch.topic,
            picture: None,
            history: patch.history.map(handle::History::from),
            disappearing_s: patch.disappearing_s,
            may_invite: patch.may_invite.map(handle::Who::from),
            may_edit: patch.may_edit.map(handle::Who::from),
        }
    }
}

impl From<groups::NewInvite> for handle::NewInvite {
    fn from(invite: groups::NewInvite) -> Self {
        let usual = Self::default();
        Self {
            role: invite.role.into(),
            expires_in_ms: invite.expires_in_ms.unwrap_or(usual.expires_in_ms),
            uses: invite.uses,
            approval: invite.approval,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_to_join_by_is_what_the_node_makes_of_nothing_said() {
        let nothing_said = serde_json::from_str::<groups::NewInvite>("{}").unwrap();
        assert_eq!(handle::NewInvite::from(nothing_said), handle::NewInvite::default());
    }

    #[test]
    fn a_change_of_a_group_keeps_its_promised_field_names() {
        let account = tidings_node::ids::AccountId([7; 32]);
        let change = handle::SystemChange::RoleSet { account, name: "Ada".to_owned(), role: handle::Role::ReadOnly };
        let json = serde_json::to_value(groups::SystemChange::from(change)).unwrap();
        let expected = serde_json::json!({
            "change": "role_set", "account": "07".repeat(32), "name": "Ada", "role": "read_only",
        });
        assert_eq!(json, expected);
    }
}
