//! What a commit changed, as the transcript tells it (PROTOCOL §6): a structured body that is kept, and the sentence
//! that each person reads, from their own side. Pure.

use tidings_crypto::codec::{Malformed, Reader, Writer};

use crate::handle::{History, Permission, Role, SystemChange, SystemLine, Who, role_from_number, role_number};
use crate::ids::AccountId;

const VERSION: u8 = 1;
/// One line tells at most this many changes; a commit that adds more people says the rest in numbers elsewhere.
const CHANGES_MAX: usize = 1_024;
const TEXT_BYTES_MAX: usize = 1_024;

/// One change, by accounts instead of names: names change, and each node knows its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// The group began.
    Created,
    /// Somebody was added.
    Added(AccountId),
    /// Somebody was removed.
    Removed(AccountId),
    /// Somebody left.
    Left(AccountId),
    /// Somebody joined by an invite, made by the other where that is known.
    Joined(AccountId, Option<AccountId>),
    /// A node of a member was let back in.
    CameBack(AccountId),
    /// The name, before and now.
    Renamed(String, String),
    /// The topic line now.
    TopicSet(String),
    /// The picture is another.
    PictureSet,
    /// A member's role now.
    RoleSet(AccountId, Role),
    /// What those who join are given now.
    HistorySet(History),
    /// After how many seconds messages disappear now.
    DisappearingSet(u32),
    /// Who has a permission now.
    PermissionSet(Permission, Who),
    /// An invite was made.
    InviteMade,
    /// An invite was revoked.
    InviteRevoked,
}

/// The bytes to keep.
pub fn encode(changes: &[Change]) -> Vec<u8> {
    let mut writer = Writer::new();
    writer.u8(VERSION).count(changes.len().min(CHANGES_MAX));
    for change in changes.iter().take(CHANGES_MAX) {
        match change {
            Change::Created => writer.u8(0),
            Change::Added(account) => writer.u8(1).array(&account.0),
            Change::Removed(account) => writer.u8(2).array(&account.0),
            Change::Left(account) => writer.u8(3).array(&account.0),
            Change::Joined(account, None) => writer.u8(4).array(&account.0).u8(0),
            Change::Joined(account, Some(by)) => writer.u8(4).array(&account.0).u8(1).array(&by.0),
            Change::CameBack(account) => writer.u8(5).array(&account.0),
            Change::Renamed(from, to) => writer.u8(6).bytes(from.as_bytes()).bytes(to.as_bytes()),
            Change::TopicSet(topic) => writer.u8(7).bytes(topic.as_bytes()),
            Change::PictureSet => writer.u8(8),
            Change::RoleSet(account, role) => writer.u8(9).array(&account.0).u8(role_number(*role)),
            Change::HistorySet(History::Nothing) => writer.u8(10).u8(0),
            Change::HistorySet(History::Everything) => writer.u8(10).u8(1),
            Change::HistorySet(History::Days(days)) => writer.u8(10).u8(2).u16(*days),
            Change::DisappearingSet(seconds) => writer.u8(11).u32(*seconds),
            Change::PermissionSet(what, who) => {
                let (what, who) = (u8::from(*what == Permission::Edit), u8::from(*who == Who::Admins));
                writer.u8(12).u8(what).u8(who)
            }
            Change::InviteMade => writer.u8(13),
            Change::InviteRevoked => writer.u8(14),
        };
    }
    writer.into_bytes()
}

/// What was kept.
pub fn decode(bytes: &[u8]) -> Result<Vec<Change>, Malformed> {
    let mut reader = Reader::new(bytes);
    reader.version(VERSION)?;
    let count = reader.count("list of changes", CHANGES_MAX)?;
    let changes = (0..count).map(|_| decode_one(&mut reader)).collect::<Result<_, _>>()?;
    reader.finish()?;
    Ok(changes)
}

fn decode_one(reader: &mut Reader<'_>) -> Result<Change, Malformed> {
    let invalid = || Malformed::Invalid { what: "change" };
    let change = match reader.u8()? {
        0 => Change::Created,
        1 => Change::Added(AccountId(reader.array()?)),
        2 => Change::Removed(AccountId(reader.array()?)),
        3 => Change::Left(AccountId(reader.array()?)),
        4 => {
            let account = AccountId(reader.array()?);
            let by = if reader.u8()? == 1 { Some(AccountId(reader.array()?)) } else { None };
            Change::Joined(account, by)
        }
        5 => Change::CameBack(AccountId(reader.array()?)),
        6 => {
            let from = reader.text("name", TEXT_BYTES_MAX)?.to_owned();
            Change::Renamed(from, reader.text("name", TEXT_BYTES_MAX)?.to_owned())
        }
        7 => Change::TopicSet(reader.text("topic", TEXT_BYTES_MAX)?.to_owned()),
        8 => Change::PictureSet,
        9 => {
            let account = AccountId(reader.array()?);
            Change::RoleSet(account, role_from_number(reader.u8()?).ok_or_else(invalid)?)
        }
        10 => Change::HistorySet(match reader.u8()? {
            0 => History::Nothing,
            1 => History::Everything,
            2 => History::Days(reader.u16()?),
            _ => return Err(invalid()),
        }),
        11 => Change::DisappearingSet(reader.u32()?),
        12 => {
            let what = if reader.u8()? == 1 { Permission::Edit } else { Permission::Invite };
            Change::PermissionSet(what, if reader.u8()? == 1 { Who::Admins } else { Who::Everybody })
        }
        13 => Change::InviteMade,
        14 => Change::InviteRevoked,
        _ => return Err(invalid()),
    };
    Ok(change)
}

impl Change {
    /// The accounts that it names.
    pub fn accounts(&self) -> impl Iterator<Item = AccountId> {
        let (one, other) = match self {
            Self::Added(account)
            | Self::Removed(account)
            | Self::Left(account)
            | Self::CameBack(account)
            | Self::RoleSet(account, _) => (Some(*account), None),
            Self::Joined(account, by) => (Some(*account), *by),
            _ => (None, None),
        };
        one.into_iter().chain(other)
    }

    fn told(&self, name: impl Fn(&AccountId) -> String) -> SystemChange {
        match self {
            Self::Created => SystemChange::Created,
            Self::Added(account) => SystemChange::Added { account: *account, name: name(account) },
            Self::Removed(account) => SystemChange::Removed { account: *account, name: name(account) },
            Self::Left(account) => SystemChange::Left { account: *account, name: name(account) },
            Self::Joined(account, by) => {
                SystemChange::Joined { account: *account, name: name(account), invited_by: by.as_ref().map(name) }
            }
            Self::CameBack(account) => SystemChange::CameBack { account: *account, name: name(account) },
            Self::Renamed(from, to) => SystemChange::Renamed { from: from.clone(), to: to.clone() },
            Self::TopicSet(topic) => SystemChange::TopicSet { topic: topic.clone() },
            Self::PictureSet => SystemChange::PictureSet,
            Self::RoleSet(account, role) => {
                SystemChange::RoleSet { account: *account, name: name(account), role: *role }
            }
            Self::HistorySet(history) => SystemChange::HistorySet { history: *history },
            Self::DisappearingSet(seconds) => SystemChange::DisappearingSet { seconds: *seconds },
            Self::PermissionSet(what, who) => SystemChange::PermissionSet { what: *what, who: *who },
            Self::InviteMade => SystemChange::InviteMade,
            Self::InviteRevoked => SystemChange::InviteRevoked,
        }
    }
}

/// A kept line, with the names known here.
pub fn line(changes: &[Change], name: impl Fn(&AccountId) -> String) -> SystemLine {
    SystemLine { changes: changes.iter().map(|change| change.told(&name)).collect() }
}

/// The line as `me` reads it, made by `author`.
pub fn sentence(changes: &[Change], author: AccountId, me: AccountId, name: impl Fn(&AccountId) -> String) -> String {
    let subject = |account: &AccountId| if *account == me { "You".to_owned() } else { name(account) };
    let object = |account: &AccountId| if *account == me { "you".to_owned() } else { name(account) };
    let by = subject(&author);
    let mut parts = Vec::new();
    let mut added: Vec<String> = Vec::new();
    let mut removed: Vec<String> = Vec::new();
    for change in changes {
        match change {
            Change::Added(account) => added.push(object(account)),
            Change::Removed(account) => removed.push(object(account)),
            _ => {}
        }
    }
    for change in changes {
        parts.push(match change {
            Change::Created => format!("{by} created the group"),
            Change::Added(_) if added.is_empty() => continue,
            Change::Added(_) => format!("{by} added {}", list(&std::mem::take(&mut added))),
            Change::Removed(_) if removed.is_empty() => continue,
            Change::Removed(_) => format!("{by} removed {}", list(&std::mem::take(&mut removed))),
            Change::Left(account) => format!("{} left", subject(account)),
            Change::Joined(account, None) => format!("{} joined by an invite link", subject(account)),
            Change::Joined(account, Some(inviter)) => {
                format!("{} joined by an invite link of {}", subject(account), object(inviter))
            }
            Change::CameBack(account) => format!("{} came back into the group", subject(account)),
            Change::Renamed(_, to) if to.is_empty() => format!("{by} removed the group's name"),
            Change::Renamed(_, to) => format!("{by} renamed the group to “{to}”"),
            Change::TopicSet(topic) if topic.is_empty() => format!("{by} removed the topic"),
            Change::TopicSet(topic) => format!("{by} set the topic to “{topic}”"),
            Change::PictureSet => format!("{by} changed the group's picture"),
            Change::RoleSet(account, role) => {
                let role = match role {
                    Role::Owner => "an owner",
                    Role::Admin => "an admin",
                    Role::Member => "a member",
                    Role::ReadOnly => "read-only",
                };
                format!(
                    "{by} made {} {role}",
                    if *account == author { "themselves".to_owned() } else { object(account) }
                )
            }
            Change::HistorySet(History::Nothing) => format!("{by} hid earlier messages from new members"),
            Change::HistorySet(History::Everything) => format!("{by} let new members read all earlier messages"),
            Change::HistorySet(History::Days(days)) => {
                format!("{by} let new members read the messages of the last {}", count(u64::from(*days), "day"))
            }
            Change::DisappearingSet(0) => format!("{by} turned disappearing messages off"),
            Change::DisappearingSet(seconds) => {
                format!("{by} set messages to disappear after {}", duration(u64::from(*seconds)))
            }
            Change::PermissionSet(what, who) => {
                let who = match who {
                    Who::Everybody => "everybody",
                    Who::Admins => "only admins",
                };
                match what {
                    Permission::Invite => format!("{by} let {who} add people"),
                    Permission::Edit => format!("{by} let {who} change the name, topic and picture"),
                }
            }
            Change::InviteMade => format!("{by} made an invite link"),
            Change::InviteRevoked => format!("{by} revoked an invite link"),
        });
    }
    parts.join("; ")
}

fn list(names: &[String]) -> String {
    match names {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

fn count(number: u64, unit: &str) -> String {
    if number == 1 { format!("1 {unit}") } else { format!("{number} {unit}s") }
}

fn duration(seconds: u64) -> String {
    const UNITS: [(u64, &str); 4] = [(604_800, "week"), (86_400, "day"), (3_600, "hour"), (60, "minute")];
    let fitting = UNITS.iter().find(|(length, _)| seconds.is_multiple_of(*length) && seconds >= *length);
    fitting.map_or_else(|| count(seconds, "second"), |(length, unit)| count(seconds / length, unit))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALICE: AccountId = AccountId([1; 32]);
    const BOB: AccountId = AccountId([2; 32]);
    const CAROL: AccountId = AccountId([3; 32]);

    fn name(account: &AccountId) -> String {
        let names = [(ALICE, "Alice"), (BOB, "Bob"), (CAROL, "Carol")];
        names.iter().find(|(of, _)| of == account).map_or("somebody", |(_, name)| name).to_owned()
    }

    fn every_change() -> Vec<Change> {
        vec![
            Change::Created,
            Change::Added(BOB),
            Change::Removed(BOB),
            Change::Left(BOB),
            Change::Joined(BOB, None),
            Change::Joined(BOB, Some(CAROL)),
            Change::CameBack(BOB),
            Change::Renamed("Walking".to_owned(), "Hiking".to_owned()),
            Change::TopicSet("Saturdays".to_owned()),
            Change::PictureSet,
            Change::RoleSet(BOB, Role::ReadOnly),
            Change::HistorySet(History::Nothing),
            Change::HistorySet(History::Days(7)),
            Change::HistorySet(History::Everything),
            Change::DisappearingSet(3_600),
            Change::PermissionSet(Permission::Invite, Who::Admins),
            Change::PermissionSet(Permission::Edit, Who::Everybody),
            Change::InviteMade,
            Change::InviteRevoked,
        ]
    }

    #[test]
    fn every_change_is_kept_as_it_is() {
        assert_eq!(decode(&encode(&every_change())).unwrap(), every_change());
        for change in every_change() {
            let bytes = encode(std::slice::from_ref(&change));
            assert!((0..bytes.len()).all(|length| decode(&bytes[..length]).is_err()), "{change:?}");
        }
    }

    #[test]
    fn each_reads_a_change_from_their_own_side() {
        let added = [Change::Added(BOB), Change::Added(CAROL)];
        assert_eq!(sentence(&added, ALICE, ALICE, name), "You added Bob and Carol");
        assert_eq!(sentence(&added, ALICE, BOB, name), "Alice added you and Carol");
        let renamed = [Change::Renamed(String::new(), "Hiking".to_owned())];
        assert_eq!(sentence(&renamed, ALICE, BOB, name), "Alice renamed the group to “Hiking”");
        assert_eq!(sentence(&[Change::Left(BOB)], ALICE, CAROL, name), "Bob left");
        let timer = [Change::DisappearingSet(86_400)];
        assert_eq!(sentence(&timer, ALICE, BOB, name), "Alice set messages to disappear after 1 day");
        let both = [Change::Removed(BOB), Change::RoleSet(CAROL, Role::Admin)];
        assert_eq!(sentence(&both, ALICE, CAROL, name), "Alice removed Bob; Alice made you an admin");
    }
}
