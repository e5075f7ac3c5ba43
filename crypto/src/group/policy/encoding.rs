//! The policy's bytes (PROTOCOL §2.3). Version 1 is what groups had before there were roles: it is still read.

use std::collections::BTreeMap;

use super::{
    DISAPPEARING_S_MAX, GONE_MAX, GROUP_NAME_BYTES_MAX, GROUP_PICTURE_BYTES_MAX, GROUP_TOPIC_BYTES_MAX, History,
    INVITES_MAX, Invite, Kind, MEMBERS_MAX, Policy, Role, Who, picture_media_type,
};
use crate::{
    card::valid_line,
    codec::{Malformed, Reader, Writer},
    identity::{AccountId, SignaturePublic},
};

const VERSION_WITHOUT_ROLES: u8 = 1;
const VERSION: u8 = 2;

impl Policy {
    pub(in crate::group) fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::new();
        writer.u8(VERSION).u8(kind_code(self.kind));
        writer.bytes(self.name.as_bytes()).bytes(self.topic.as_bytes()).bytes(&self.picture);
        match self.history {
            History::Nothing => writer.u8(0),
            History::Days(days) => writer.u8(1).u16(days),
            History::Everything => writer.u8(2),
        };
        writer.u32(self.disappearing_s).u8(who_code(self.may_invite)).u8(who_code(self.may_edit));
        let roles: Vec<_> = self.roles.iter().filter(|(_, role)| **role != Role::Member).collect();
        writer.count(roles.len());
        for (account, role) in roles {
            writer.array(&account.0).u8(role_code(*role));
        }
        writer.count(self.invites.len());
        for invite in &self.invites {
            // No invite is left that lets in nobody more, so 0 is free to say: any number.
            writer.array(&invite.key.0).array(&invite.creator.0).u64(invite.expires_at_ms);
            writer.u16(invite.uses.unwrap_or(0)).u8(role_code(invite.role)).u8(u8::from(invite.approval));
        }
        writer.count(self.gone.len());
        for (account, at_ms) in &self.gone {
            writer.array(&account.0).u64(*at_ms);
        }
        writer.into_bytes()
    }

    pub(in crate::group) fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        if bytes.first() == Some(&VERSION_WITHOUT_ROLES) {
            return Self::decode_without_roles(bytes);
        }
        let mut reader = Reader::new(bytes);
        reader.version(VERSION)?;
        let policy = Self {
            kind: read_kind(&mut reader)?,
            name: read_line(&mut reader, "the group's name", GROUP_NAME_BYTES_MAX)?,
            topic: read_line(&mut reader, "the group's topic", GROUP_TOPIC_BYTES_MAX)?,
            picture: read_picture(&mut reader)?,
            history: read_history(&mut reader)?,
            disappearing_s: reader.u32()?,
            may_invite: read_who(&mut reader)?,
            may_edit: read_who(&mut reader)?,
            roles: read_roles(&mut reader)?,
            invites: read_invites(&mut reader)?,
            gone: read_gone(&mut reader)?,
        };
        reader.finish()?;
        if policy.disappearing_s > DISAPPEARING_S_MAX {
            return Err(Malformed::Invalid { what: "the time after which messages disappear" });
        }
        if policy.kind == Kind::Direct && !policy.is_bare() {
            return Err(Malformed::Invalid { what: "a direct conversation's policy" });
        }
        Ok(policy)
    }

    /// Nothing is said that only a group may say.
    fn is_bare(&self) -> bool {
        let Self { history, disappearing_s, gone, .. } = self.clone();
        *self == Self { history, disappearing_s, gone, ..Self::direct() }
    }

    /// Groups that were founded before there were roles: all are equal.
    fn decode_without_roles(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(bytes);
        reader.version(VERSION_WITHOUT_ROLES)?;
        let kind = read_kind(&mut reader)?;
        let name = reader.text("the group's name", GROUP_NAME_BYTES_MAX)?;
        reader.finish()?;
        if name.chars().any(char::is_control) {
            return Err(Malformed::Invalid { what: "the group's name" });
        }
        Ok(match kind {
            Kind::Direct => Self::direct(),
            // The rules for names were less strict then.
            Kind::Group if valid_line(name, GROUP_NAME_BYTES_MAX) => Self::without_owner(name.to_owned()),
            Kind::Group => Self::without_owner(String::new()),
        })
    }
}

fn kind_code(kind: Kind) -> u8 {
    match kind {
        Kind::Direct => 1,
        Kind::Group => 2,
    }
}

fn who_code(who: Who) -> u8 {
    match who {
        Who::Everybody => 1,
        Who::Admins => 2,
    }
}

fn role_code(role: Role) -> u8 {
    match role {
        Role::Owner => 1,
        Role::Admin => 2,
        Role::Member => 3,
        Role::ReadOnly => 4,
    }
}

fn read_kind(reader: &mut Reader<'_>) -> Result<Kind, Malformed> {
    match reader.u8()? {
        1 => Ok(Kind::Direct),
        2 => Ok(Kind::Group),
        _ => Err(Malformed::Invalid { what: "the kind of group" }),
    }
}

fn read_who(reader: &mut Reader<'_>) -> Result<Who, Malformed> {
    match reader.u8()? {
        1 => Ok(Who::Everybody),
        2 => Ok(Who::Admins),
        _ => Err(Malformed::Invalid { what: "who may do something" }),
    }
}

fn read_role(reader: &mut Reader<'_>) -> Result<Role, Malformed> {
    match reader.u8()? {
        1 => Ok(Role::Owner),
        2 => Ok(Role::Admin),
        3 => Ok(Role::Member),
        4 => Ok(Role::ReadOnly),
        _ => Err(Malformed::Invalid { what: "a role" }),
    }
}

fn read_line(reader: &mut Reader<'_>, what: &'static str, bytes_max: usize) -> Result<String, Malformed> {
    let text = reader.text(what, bytes_max)?;
    if text.is_empty() || valid_line(text, bytes_max) { Ok(text.to_owned()) } else { Err(Malformed::Invalid { what }) }
}

fn read_picture(reader: &mut Reader<'_>) -> Result<Vec<u8>, Malformed> {
    let what = "the group's picture";
    let picture = reader.bytes(what, GROUP_PICTURE_BYTES_MAX)?;
    if picture.is_empty() || picture_media_type(picture).is_some() {
        Ok(picture.to_vec())
    } else {
        Err(Malformed::Invalid { what })
    }
}

fn read_history(reader: &mut Reader<'_>) -> Result<History, Malformed> {
    let invalid = Malformed::Invalid { what: "how much history is shared" };
    match reader.u8()? {
        0 => Ok(History::Nothing),
        1 => match reader.u16()? {
            0 => Err(invalid),
            days => Ok(History::Days(days)),
        },
        2 => Ok(History::Everything),
        _ => Err(invalid),
    }
}

fn read_roles(reader: &mut Reader<'_>) -> Result<BTreeMap<AccountId, Role>, Malformed> {
    let mut roles = BTreeMap::new();
    for _ in 0..reader.count("the list of roles", MEMBERS_MAX)? {
        let account = AccountId(reader.array()?);
        let role = read_role(reader)?;
        if role == Role::Member || roles.last_key_value().is_some_and(|(last, _)| *last >= account) {
            return Err(Malformed::Invalid { what: "the list of roles" });
        }
        roles.insert(account, role);
    }
    Ok(roles)
}

fn read_invites(reader: &mut Reader<'_>) -> Result<Vec<Invite>, Malformed> {
    let mut invites: Vec<Invite> = Vec::new();
    for _ in 0..reader.count("the list of invites", INVITES_MAX)? {
        let invite = Invite {
            key: SignaturePublic(reader.array()?),
            creator: AccountId(reader.array()?),
            expires_at_ms: reader.u64()?,
            uses: Some(reader.u16()?).filter(|uses| *uses > 0),
            role: read_role(reader)?,
            approval: match reader.u8()? {
                0 => false,
                1 => true,
                _ => return Err(Malformed::Invalid { what: "whether an invite needs approval" }),
            },
        };
        let sorted = invites.last().is_none_or(|last| last.id() < invite.id());
        if !sorted || !matches!(invite.role, Role::Member | Role::ReadOnly) {
            return Err(Malformed::Invalid { what: "the list of invites" });
        }
        invites.push(invite);
    }
    Ok(invites)
}

fn read_gone(reader: &mut Reader<'_>) -> Result<BTreeMap<AccountId, u64>, Malformed> {
    let mut gone = BTreeMap::new();
    for _ in 0..reader.count("the list of accounts that are gone", GONE_MAX)? {
        let account = AccountId(reader.array()?);
        if gone.last_key_value().is_some_and(|(last, _)| *last >= account) {
            return Err(Malformed::Invalid { what: "the list of accounts that are gone" });
        }
        gone.insert(account, reader.u64()?);
    }
    Ok(gone)
}
