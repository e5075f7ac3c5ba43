//! What the members of a group agree on besides who they are (PROTOCOL §2.3): our extension of MLS's group context, so
//! that it is authenticated, the same for everybody, and only changed by a commit whose author may change it.

mod encoding;
mod picture;
mod rights;

use std::collections::{BTreeMap, BTreeSet};

use openmls::prelude::{
    CredentialType, Extension, ExtensionType, Extensions, GroupContext, InvalidExtensionError,
    RequiredCapabilitiesExtension, UnknownExtension,
};

use super::Member;
use crate::{
    codec::Malformed,
    identity::{AccountId, SignaturePublic, id},
};

pub use picture::picture_media_type;
pub use rights::Forbidden;
pub(super) use rights::{Act, Judged};

/// The extension's type, from the range for private use (RFC 9420 §17.3).
pub(super) const POLICY_EXTENSION: u16 = 0xf7d1;

/// A group's name has at most this many bytes.
pub const GROUP_NAME_BYTES_MAX: usize = 128;

/// A group's topic line has at most this many bytes.
pub const GROUP_TOPIC_BYTES_MAX: usize = 512;

/// A group's picture has at most this many bytes: it is in every commit that changes the policy.
pub const GROUP_PICTURE_BYTES_MAX: usize = 12 * 1024;

/// The longest time after which messages may be set to disappear: a year.
pub const DISAPPEARING_S_MAX: u32 = 365 * 24 * 60 * 60;

/// How many nodes a group may have (TLS would allow more; a commit would not fit an envelope).
pub const MEMBERS_MAX: usize = 1000;

/// How many nodes of one account may be in a group: as many as a card shows.
pub const NODES_OF_ACCOUNT_MAX: usize = crate::card::NODES_MAX;

/// How many invites a group may have at once.
pub const INVITES_MAX: usize = 32;

/// How many accounts that are gone are remembered (a guess: 10 KiB). The one that went first is forgotten first.
pub const GONE_MAX: usize = 256;

/// Which kind of conversation a group is. It never changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Two accounts with all their nodes. Nobody else joins, and neither puts the other out.
    Direct,
    /// Any number of accounts.
    Group,
}

/// What an account may do in a group. The most powerful is the lowest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Everything.
    Owner,
    /// Everything but what concerns owners, other admins, and who may do what.
    Admin,
    /// To write, and what the policy allows everybody.
    Member,
    /// To read.
    ReadOnly,
}

/// Who may do something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Who {
    /// Owners, admins and members; who may only read, may not.
    Everybody,
    /// Owners and admins.
    Admins,
}

/// How much of what was written before is shared with whoever joins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum History {
    /// Nothing.
    Nothing,
    /// What was written in the last days, 1 at least.
    Days(u16),
    /// Everything that whoever shares it has.
    Everything,
}

id!(
    /// An invite: the hash of its public key.
    InviteId,
    16
);

/// A way into the group for whoever has the link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invite {
    /// What proves that somebody has the link. It names the invite.
    pub key: SignaturePublic,
    /// Who made it.
    pub creator: AccountId,
    /// The last millisecond since 1970 at which it lets somebody in.
    pub expires_at_ms: u64,
    /// How many more accounts it lets in; any number if there is none.
    pub uses: Option<u16>,
    /// What whoever comes in by it may do: [`Role::Member`] or [`Role::ReadOnly`].
    pub role: Role,
    /// Whether somebody who may add people has to agree. Otherwise any member lets them in.
    pub approval: bool,
}

impl Invite {
    /// Its name.
    pub fn id(&self) -> InviteId {
        InviteId::of(&self.key)
    }
}

impl InviteId {
    pub(super) fn of(key: &SignaturePublic) -> Self {
        let mut id = [0; 16];
        blake3::Hasher::new_derive_key("tidings v1 invite id").update(&key.0).finalize_xof().fill(&mut id);
        Self(id)
    }
}

/// What all members of a group agree on besides who they are.
#[derive(Clone, PartialEq, Eq)]
pub struct Policy {
    /// Which kind of conversation it is.
    pub kind: Kind,
    /// What the group is called; may be empty, and is for a direct conversation.
    pub name: String,
    /// What it is about, in a line; may be empty.
    pub topic: String,
    /// Its picture: a PNG, JPEG or WebP file, or empty.
    pub picture: Vec<u8>,
    /// What those who join are shown of the past.
    pub history: History,
    /// After how many seconds messages disappear; 0: never.
    pub disappearing_s: u32,
    /// Who may add people and make invites.
    pub may_invite: Who,
    /// Who may change name, topic and picture.
    pub may_edit: Who,
    /// The roles of members that are not [`Role::Member`].
    pub roles: BTreeMap<AccountId, Role>,
    /// The invites that still let somebody in, by id.
    pub invites: Vec<Invite>,
    /// Accounts that were members once, and the time at which the last of their nodes went: a leave statement made
    /// by then is void, so that nobody uses it against whoever has come back. The commits themselves keep this.
    pub gone: BTreeMap<AccountId, u64>,
}

impl std::fmt::Debug for Policy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Policy").field("kind", &self.kind).finish_non_exhaustive()
    }
}

impl Policy {
    /// A direct conversation.
    pub fn direct() -> Self {
        Self {
            kind: Kind::Direct,
            may_invite: Who::Admins,
            may_edit: Who::Admins,
            ..Self::without_owner(String::new())
        }
    }

    /// A group as it begins: its founder owns it, and everybody may add people and edit.
    pub fn group(founder: AccountId, name: String) -> Self {
        Self { roles: BTreeMap::from([(founder, Role::Owner)]), ..Self::without_owner(name) }
    }

    /// A group in which all are equal, and so all have an owner's rights.
    fn without_owner(name: String) -> Self {
        Self {
            kind: Kind::Group,
            name,
            topic: String::new(),
            picture: Vec::new(),
            history: History::Nothing,
            disappearing_s: 0,
            may_invite: Who::Everybody,
            may_edit: Who::Everybody,
            roles: BTreeMap::new(),
            invites: Vec::new(),
            gone: BTreeMap::new(),
        }
    }

    /// The role that an account was given.
    pub fn role(&self, account: &AccountId) -> Role {
        self.roles.get(account).copied().unwrap_or(Role::Member)
    }

    /// The role whose rights an account has among these members: where no owner is left, those who have the most
    /// powerful role of all have an owner's rights, so that no group is ever without somebody who can do everything.
    pub fn acting_role<'a>(&self, account: &AccountId, members: impl IntoIterator<Item = &'a Member>) -> Role {
        let own = self.role(account);
        let highest = members.into_iter().map(|member| self.role(&member.account)).min();
        if highest.is_none_or(|highest| own <= highest) { Role::Owner } else { own }
    }

    /// Whether an account may write among these members.
    pub fn may_write<'a>(&self, account: &AccountId, members: impl IntoIterator<Item = &'a Member>) -> bool {
        self.role(account) != Role::ReadOnly || self.acting_role(account, members) != Role::ReadOnly
    }

    /// An invite by its id.
    pub fn invite(&self, id: InviteId) -> Option<&Invite> {
        self.invites.iter().find(|invite| invite.id() == id)
    }

    /// Says whether everything in it keeps to its limits: nobody takes a policy that does not.
    pub fn check(&self) -> Result<(), Malformed> {
        let kept = Self::decode(&self.encode())? == *self;
        if kept { Ok(()) } else { Err(Malformed::Invalid { what: "the group's policy" }) }
    }

    /// The group context's extensions: the policy, and that every member must understand it.
    pub(super) fn to_extensions(&self) -> Result<Extensions<GroupContext>, InvalidExtensionError> {
        let policy = Extension::Unknown(POLICY_EXTENSION, UnknownExtension(self.encode()));
        vec![required_capabilities(), policy].try_into()
    }

    pub(super) fn from_extensions(extensions: &Extensions<GroupContext>) -> Result<Self, Malformed> {
        let missing = Malformed::Invalid { what: "the group's policy" };
        Self::decode(&extensions.unknown(POLICY_EXTENSION).ok_or(missing)?.0)
    }

    /// Whether the group may consist of these members.
    pub(super) fn permits_members<'a>(&self, members: impl Iterator<Item = &'a Member>) -> Result<(), Forbidden> {
        let mut nodes: BTreeMap<AccountId, usize> = BTreeMap::new();
        for member in members {
            let count = nodes.entry(member.account).or_default();
            *count = count.saturating_add(1);
        }
        if nodes.values().sum::<usize>() > MEMBERS_MAX {
            return Err(Forbidden::TooManyMembers);
        }
        if nodes.values().any(|count| *count > NODES_OF_ACCOUNT_MAX) {
            return Err(Forbidden::TooManyNodes);
        }
        // Whoever is gone from a direct conversation keeps the place.
        let accounts: BTreeSet<&AccountId> = nodes.keys().chain(self.gone.keys()).collect();
        if self.kind == Kind::Direct && accounts.len() > 2 { Err(Forbidden::ThirdAccount) } else { Ok(()) }
    }
}

pub(super) fn required_capabilities() -> Extension {
    let extensions = [ExtensionType::Unknown(POLICY_EXTENSION)];
    Extension::RequiredCapabilities(RequiredCapabilitiesExtension::new(&extensions, &[], &[CredentialType::Basic]))
}
