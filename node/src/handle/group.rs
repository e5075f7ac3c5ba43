//! What people see of a group: its members' roles, what it allows, its invites, and the lines that tell its changes.

pub use tidings_crypto::group::{History, Role, Who};

use crate::ids::{AccountId, InviteId};

use super::Conversation;

/// The store's number of a role.
pub(crate) fn role_number(role: Role) -> u8 {
    match role {
        Role::Owner => 0,
        Role::Admin => 1,
        Role::Member => 2,
        Role::ReadOnly => 3,
    }
}

/// A role from the store's number.
pub(crate) fn role_from_number(number: u8) -> Option<Role> {
    [Role::Owner, Role::Admin, Role::Member, Role::ReadOnly].into_iter().find(|role| role_number(*role) == number)
}

/// How a conversation is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Suite {
    /// X25519.
    Classic,
    /// X25519 and ML-KEM-768 together: it stays closed to who records it now and has a quantum computer later.
    Hybrid,
}

/// How I stand to a conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Standing {
    /// I am in it.
    Member,
    /// I left.
    Left,
    /// Somebody removed me.
    Removed,
    /// I am in it, but this node was away for so long that the others have to let it back in.
    ComingBack,
    /// I asked to join, and wait to be let in.
    Joining,
}

impl Standing {
    /// The store's number.
    pub(crate) fn number(self) -> u8 {
        match self {
            Self::Member => 1,
            Self::Left => 2,
            Self::Removed => 3,
            Self::ComingBack => 4,
            Self::Joining => 5,
        }
    }

    /// From the store's number.
    pub(crate) fn from_number(number: u8) -> Option<Self> {
        let all = [Self::Member, Self::Left, Self::Removed, Self::ComingBack, Self::Joining];
        all.into_iter().find(|standing| standing.number() == number)
    }
}

/// Everything about a group that the list does not say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupDetail {
    /// What the list says, members with their roles included.
    pub conversation: Conversation,
    /// What those who join are given of what was written before.
    pub history: History,
    /// Messages disappear after this many seconds; 0 is never.
    pub disappearing_s: u32,
    /// Who may add people.
    pub may_invite: Who,
    /// Who may change the name, the topic and the picture.
    pub may_edit: Who,
    /// The invites that can still be used.
    pub invites: Vec<InviteView>,
    /// How it is encrypted.
    pub suite: Suite,
    /// Whether every member's node could do better than `suite`.
    pub could_be_hybrid: bool,
    /// Who asked to join by an invite that needs approval, if I may decide it.
    pub requests: Vec<JoinRequest>,
    /// Changes of mine that are being made again, as sentences.
    pub pending: Vec<String>,
    /// Changes of mine that were given up lately, each with the reason, as sentences.
    pub given_up: Vec<String>,
}

/// An invite, as a member sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InviteView {
    /// Its id.
    pub id: InviteId,
    /// Who made it.
    pub creator: AccountId,
    /// That person's name, as known here.
    pub creator_name: String,
    /// It cannot be used after this time, in milliseconds since 1970.
    pub expires_at_ms: u64,
    /// How many accounts can still join by it; `None` is any number.
    pub uses: Option<u16>,
    /// What who joins by it may do: [`Role::Member`] or [`Role::ReadOnly`].
    pub role: Role,
    /// Whether an admin has to agree each time.
    pub approval: bool,
    /// The link to give away; only on the node that made the invite.
    pub link: Option<String>,
}

/// Somebody asked to join.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JoinRequest {
    /// Who.
    pub account: AccountId,
    /// The name on the card they showed.
    pub name: String,
    /// By which invite.
    pub invite: InviteId,
    /// When the request reached this node, in milliseconds since 1970.
    pub asked_at_ms: u64,
}

/// A group's picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// `image/png`, `image/jpeg` or `image/webp`.
    pub media_type: &'static str,
    /// The image.
    pub bytes: Vec<u8>,
}

/// What to change of a group; what is `None` stays.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PolicyPatch {
    /// The name; empty names it by its members.
    pub name: Option<String>,
    /// The topic line.
    pub topic: Option<String>,
    /// The picture, or none: PNG, JPEG or WebP.
    pub picture: Option<Option<Vec<u8>>>,
    /// What those who join are given.
    pub history: Option<History>,
    /// After how many seconds messages disappear; 0 is never.
    pub disappearing_s: Option<u32>,
    /// Who may add people.
    pub may_invite: Option<Who>,
    /// Who may change the name, the topic and the picture.
    pub may_edit: Option<Who>,
}

/// An invite to make.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NewInvite {
    /// What who joins by it may do: [`Role::Member`] or [`Role::ReadOnly`].
    pub role: Role,
    /// How long it can be used.
    pub expires_in_ms: u64,
    /// How many accounts can join by it; `None` is any number.
    pub uses: Option<u16>,
    /// Whether an admin has to agree each time.
    pub approval: bool,
}

impl Default for NewInvite {
    /// One person, within a week, at once.
    fn default() -> Self {
        Self { role: Role::Member, expires_in_ms: 7 * 24 * 60 * 60 * 1_000, uses: Some(1), approval: false }
    }
}

/// What an entry of the transcript is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MessageKind {
    /// Text, written by a person.
    Text,
    /// A line that tells a change of the group; the message's sender is who made the change.
    System(SystemLine),
}

/// What one commit changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SystemLine {
    /// The changes, at least one.
    pub changes: Vec<SystemChange>,
}

/// A permission that can be given to everybody or to admins only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Permission {
    /// Adding people.
    Invite,
    /// Changing the name, the topic and the picture.
    Edit,
}

/// One change of a group. Names are those known here now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SystemChange {
    /// The group began.
    Created,
    /// Somebody was added.
    Added {
        /// Who.
        account: AccountId,
        /// Their name.
        name: String,
    },
    /// Somebody was removed.
    Removed {
        /// Who.
        account: AccountId,
        /// Their name.
        name: String,
    },
    /// Somebody left.
    Left {
        /// Who.
        account: AccountId,
        /// Their name.
        name: String,
    },
    /// Somebody joined by an invite link.
    Joined {
        /// Who.
        account: AccountId,
        /// Their name.
        name: String,
        /// Who made the invite, where that is known.
        invited_by: Option<String>,
    },
    /// A node of a member that had been away for long was let back in.
    CameBack {
        /// Whose.
        account: AccountId,
        /// Their name.
        name: String,
    },
    /// The group has another name.
    Renamed {
        /// Before.
        from: String,
        /// Now.
        to: String,
    },
    /// The group has another topic line.
    TopicSet {
        /// Now.
        topic: String,
    },
    /// The group has another picture, or none.
    PictureSet,
    /// A member may do other things than before.
    RoleSet {
        /// Who.
        account: AccountId,
        /// Their name.
        name: String,
        /// What they may do now.
        role: Role,
    },
    /// Those who join are given other history than before.
    HistorySet {
        /// What they are given now.
        history: History,
    },
    /// Messages disappear after another time than before.
    DisappearingSet {
        /// In seconds; 0 is never.
        seconds: u32,
    },
    /// A permission was widened or narrowed.
    PermissionSet {
        /// Which.
        what: Permission,
        /// Who has it now.
        who: Who,
    },
    /// An invite was made.
    InviteMade,
    /// An invite was revoked.
    InviteRevoked,
}
