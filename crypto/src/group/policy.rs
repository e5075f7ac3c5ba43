//! What a group is and who may change it: our extension of MLS's group context (PROTOCOL §2), so that every member
//! agrees on it and it cannot be changed in passing.

use std::collections::BTreeSet;

use openmls::prelude::{
    CredentialType, Extension, ExtensionType, Extensions, GroupContext, InvalidExtensionError,
    RequiredCapabilitiesExtension, UnknownExtension,
};

use super::{Member, epochs::RankClass};
use crate::{
    codec::{Malformed, Reader, Writer},
    identity::AccountId,
};

/// The extension's type, from the range for private use (RFC 9420 §17.3).
pub(super) const POLICY_EXTENSION: u16 = 0xf7d1;

/// A group's name has at most this many bytes.
pub const GROUP_NAME_BYTES_MAX: usize = 128;

/// How many nodes a group may have (TLS would allow more; a commit would not fit an envelope).
pub const MEMBERS_MAX: usize = 1000;

const VERSION: u8 = 1;

/// Which kind of conversation a group is. It never changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Two accounts with all their nodes. Nobody else joins, and neither puts the other out.
    Direct,
    /// Any number of accounts.
    Group,
}

/// What all members of a group agree on besides who they are.
#[derive(Clone, PartialEq, Eq)]
pub struct Policy {
    /// Which kind of conversation it is.
    pub kind: Kind,
    /// What the group is called; empty for a direct conversation.
    pub name: String,
}

impl std::fmt::Debug for Policy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Policy").field("kind", &self.kind).finish_non_exhaustive()
    }
}

/// Why a change of membership is against the policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Forbidden {
    /// A direct conversation has two accounts.
    #[error("a direct conversation is between two accounts")]
    ThirdAccount,
    /// In a direct conversation nobody can put the other out.
    #[error("nobody can be removed from a direct conversation")]
    RemovalFromDirect,
    /// The group would have more nodes than [`MEMBERS_MAX`].
    #[error("a group has at most {MEMBERS_MAX} nodes")]
    TooManyMembers,
}

/// A change of membership, to be judged.
#[derive(Clone, Copy)]
pub(super) struct Change<'a> {
    pub(super) members: &'a [Member],
    pub(super) committer: &'a Member,
    pub(super) added: &'a [Member],
    pub(super) removed: &'a [Member],
}

impl Policy {
    /// A direct conversation.
    pub fn direct() -> Self {
        Self { kind: Kind::Direct, name: String::new() }
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let kind = match self.kind {
            Kind::Direct => 1,
            Kind::Group => 2,
        };
        let mut writer = Writer::new();
        writer.u8(VERSION).u8(kind).bytes(self.name.as_bytes());
        writer.into_bytes()
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(bytes);
        reader.version(VERSION)?;
        let kind = match reader.u8()? {
            1 => Kind::Direct,
            2 => Kind::Group,
            _ => return Err(Malformed::Invalid { what: "the kind of group" }),
        };
        let name = reader.text("the group's name", GROUP_NAME_BYTES_MAX)?;
        reader.finish()?;
        if name.chars().any(char::is_control) {
            return Err(Malformed::Invalid { what: "the group's name" });
        }
        Ok(Self { kind, name: name.to_owned() })
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
        let mut count = 0_usize;
        let accounts: BTreeSet<AccountId> =
            members.inspect(|_| count = count.saturating_add(1)).map(|member| member.account).collect();
        if count > MEMBERS_MAX {
            return Err(Forbidden::TooManyMembers);
        }
        if self.kind == Kind::Direct && accounts.len() > 2 {
            return Err(Forbidden::ThirdAccount);
        }
        Ok(())
    }

    /// Whether the committer may make this change, and of which class it is.
    pub(super) fn permits(&self, change: Change<'_>) -> Result<RankClass, Forbidden> {
        let Change { members, committer, added, removed } = change;
        let stays = |member: &&Member| !removed.iter().any(|gone| gone.leaf == member.leaf);
        self.permits_members(members.iter().filter(stays).chain(added))?;
        if removed.iter().all(|gone| gone.account == committer.account) {
            return Ok(RankClass::Other);
        }
        match self.kind {
            Kind::Direct => Err(Forbidden::RemovalFromDirect),
            Kind::Group => Ok(RankClass::Removal),
        }
    }
}

pub(super) fn required_capabilities() -> Extension {
    let extensions = [ExtensionType::Unknown(POLICY_EXTENSION)];
    Extension::RequiredCapabilities(RequiredCapabilitiesExtension::new(&extensions, &[], &[CredentialType::Basic]))
}
