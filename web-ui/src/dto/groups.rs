//! What crosses the local door about a group: who is in it, what its members agreed on, and how people join it.

use serde::{Deserialize, Serialize};
use ts_rs::TS;
use utoipa::ToSchema;

use super::Conversation;

/// What an account may do in a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Anything.
    Owner,
    /// Adds, removes and edits; what owners may is beyond it.
    Admin,
    /// Writes, and whatever else the group lets everybody do.
    Member,
    /// Reads.
    ReadOnly,
}

/// How this node stands to a conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// In it.
    Member,
    /// I left.
    Left,
    /// Somebody removed me.
    Removed,
    /// The others went on in a way that this node cannot follow: it is being let in again.
    ComingBack,
    /// I asked to join, and nobody let me in yet.
    Joining,
}

/// Who may do something, besides owners and admins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Who {
    /// Every member who may write.
    Everybody,
    /// Owners and admins alone.
    Admins,
}

/// How much of what was written before them new members are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum History {
    /// Nothing.
    Nothing,
    /// The last days.
    Days {
        /// How many.
        days: u16,
    },
    /// Everything that a member still has.
    Everything,
}

/// What keys are agreed on with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Suite {
    /// X25519 alone.
    Classic,
    /// X25519 and ML-KEM-768 together: safe while either of them is.
    Hybrid,
}

/// What can be given to everybody or to admins only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Permission {
    /// Adding people and making links.
    Invite,
    /// Changing the name, the topic and the picture.
    Edit,
}

/// One thing that a change of the group changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[serde(tag = "change", rename_all = "snake_case")]
pub enum SystemChange {
    /// The group was made.
    Created,
    /// Somebody was added.
    Added {
        /// Who.
        account: String,
        /// Their name, as known here.
        name: String,
    },
    /// Somebody was removed.
    Removed {
        /// Who.
        account: String,
        /// Their name, as known here.
        name: String,
    },
    /// Somebody left.
    Left {
        /// Who.
        account: String,
        /// Their name, as known here.
        name: String,
    },
    /// Somebody joined by a link.
    Joined {
        /// Who.
        account: String,
        /// Their name, as known here.
        name: String,
        /// The name of who made the link, where that is known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[ts(optional)]
        invited_by: Option<String>,
    },
    /// Somebody's node found its way back into the group.
    CameBack {
        /// Who.
        account: String,
        /// Their name, as known here.
        name: String,
    },
    /// The group has another name.
    Renamed {
        /// The name before.
        from: String,
        /// The name now.
        to: String,
    },
    /// The group has another topic.
    TopicSet {
        /// The topic now; empty where it was taken away.
        topic: String,
    },
    /// The group has another picture, or none.
    PictureSet,
    /// Somebody has another role.
    RoleSet {
        /// Who.
        account: String,
        /// Their name, as known here.
        name: String,
        /// The role now.
        role: Role,
    },
    /// New members are shown more or less of what was before them.
    HistorySet {
        /// How much.
        history: History,
    },
    /// Messages disappear sooner or later, or no longer.
    DisappearingSet {
        /// After how many seconds; 0 for never.
        seconds: u32,
    },
    /// Who may do something is another.
    PermissionSet {
        /// What.
        what: Permission,
        /// Who may.
        who: Who,
    },
    /// A link to join by was made.
    InviteMade,
    /// A link to join by was revoked.
    InviteRevoked,
}

/// A group with everything that its members agree on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
pub struct Group {
    /// The conversation, as the list shows it: name, topic, picture, members with their roles.
    pub conversation: Conversation,
    /// What new members are shown of what was before them.
    pub history: History,
    /// After how many seconds messages disappear; 0 for never.
    pub disappearing_s: u32,
    /// Who may add people and make links.
    pub may_invite: Who,
    /// Who may change the name, the topic and the picture.
    pub may_edit: Who,
    /// The links by which people may join.
    pub invites: Vec<Invite>,
    /// What its keys are agreed on with.
    pub suite: Suite,
    /// Whether a group of the same people made now would be hybrid.
    pub could_be_hybrid: bool,
    /// Who asks to join and waits for somebody to decide.
    pub requests: Vec<JoinRequest>,
    /// What I changed and my node is making again, as sentences.
    pub pending: Vec<String>,
    /// What I changed and my node gave up lately, each with the reason, as sentences.
    pub given_up: Vec<String>,
}

/// A link by which people may join.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
pub struct Invite {
    /// The link's id.
    pub invite: String,
    /// Whose link it is.
    pub creator: String,
    /// Their name, as known here.
    pub creator_name: String,
    /// When it ends.
    pub expires_at_ms: u64,
    /// How many may still join by it; any number where it is absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub uses: Option<u16>,
    /// What those who join are: `member` or `read_only`.
    pub role: Role,
    /// Whether somebody has to let them in.
    pub approval: bool,
    /// The link itself: only the node that made it has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub link: Option<String>,
}

/// Somebody who asks to join.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
pub struct JoinRequest {
    /// Who.
    pub account: String,
    /// The name on their card.
    pub name: String,
    /// The link that they have.
    pub invite: String,
    /// When they asked.
    pub asked_at_ms: u64,
}

/// Changes what a group's members agree on; what is left out stays.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct GroupPatch {
    /// The name: at most 128 bytes, no control characters; empty names it by its members.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub name: Option<String>,
    /// The topic; empty for none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub topic: Option<String>,
    /// What new members are shown of what was before them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub history: Option<History>,
    /// After how many seconds messages disappear; 0 for never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub disappearing_s: Option<u32>,
    /// Who may add people and make links.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub may_invite: Option<Who>,
    /// Who may change the name, the topic and the picture.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub may_edit: Option<Who>,
}

/// Adds people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewMembers {
    /// Account ids of contacts.
    pub accounts: Vec<String>,
}

/// Removes people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Removals {
    /// Account ids of members.
    pub accounts: Vec<String>,
}

/// Gives somebody another role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewRole {
    /// The role.
    pub role: Role,
}

/// Makes a link to join by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewInvite {
    /// What those who join are: `member`, where it is left out, or `read_only`.
    #[serde(default = "member")]
    #[ts(as = "Option<Role>", optional)]
    pub role: Role,
    /// For how long it works; seven days where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub expires_in_ms: Option<u64>,
    /// How many may join by it: one where it is left out, any number for null.
    #[serde(default = "one_use")]
    #[ts(type = "number | null", optional)]
    pub uses: Option<u16>,
    /// Whether somebody has to let them in.
    #[serde(default)]
    #[ts(as = "Option<bool>", optional)]
    pub approval: bool,
}

fn member() -> Role {
    Role::Member
}

#[expect(clippy::unnecessary_wraps, reason = "the form that serde wants of a default")]
fn one_use() -> Option<u16> {
    Some(1)
}

/// Joins a group by a link.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Join {
    /// The link: whoever has it may use it, so it is in no log.
    pub link: String,
}

impl std::fmt::Debug for Join {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Join").finish_non_exhaustive()
    }
}

/// Lets somebody in who asks to join, or turns them away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Decision {
    /// Whether they may come in.
    pub accept: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_for_one_person_unless_the_number_is_said_to_be_open() {
        let asked = |json: &str| serde_json::from_str::<NewInvite>(json).unwrap();
        assert_eq!(asked("{}"), NewInvite { role: Role::Member, expires_in_ms: None, uses: Some(1), approval: false });
        assert_eq!(asked(r#"{"uses":null}"#).uses, None);
        assert_eq!(asked(r#"{"uses":5,"role":"read_only"}"#).uses, Some(5));
    }

    #[test]
    fn a_link_to_join_by_is_not_in_debug_output() {
        let shown = format!("{:?}", Join { link: "tidings://join/secret".to_owned() });
        assert!(!shown.contains("secret"), "{shown}");
    }

    #[test]
    fn a_patch_names_what_it_changes_and_nothing_else() {
        let patch = GroupPatch { topic: Some(String::new()), ..GroupPatch::default() };
        assert_eq!(serde_json::to_string(&patch).unwrap(), r#"{"topic":""}"#);
        let days = serde_json::from_str::<GroupPatch>(r#"{"history":{"kind":"days","days":30}}"#).unwrap();
        assert_eq!(days.history, Some(History::Days { days: 30 }));
        assert!(serde_json::from_str::<GroupPatch>(r#"{"picture":"x"}"#).is_err());
    }
}
