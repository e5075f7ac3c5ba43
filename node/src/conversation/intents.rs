//! What can be wanted of a group (PROTOCOL §6.9), and how it is kept. Pure.

use tidings_crypto::codec::{Malformed, Reader, Writer};
use tidings_crypto::group::{Invite, InviteId, LeaveStatement, Policy};
use tidings_crypto::identity::{NodeId, SignaturePublic};

use super::commits::Wanted;
use crate::handle::{History, Role, Who, role_from_number, role_number};
use crate::ids::AccountId;

/// Why a change was not made again.
pub(crate) const GAVE_WAY: &str = "somebody else changed the same thing at the same time";

const VERSION: u8 = 1;
const ACCOUNTS_MAX: usize = 1_024;
const TEXT_BYTES_MAX: usize = 64 * 1024;
const NODES_MAX: usize = 64;

/// What is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Intent {
    /// These accounts are members.
    Add(Vec<AccountId>),
    /// These are not.
    Remove(Vec<AccountId>),
    /// This account has this role; it had the other when it was wanted.
    Role(AccountId, Role, Role),
    /// The name, topic, picture and settings, each with what it was when it was wanted.
    Patch(Vec<Field>),
    /// This invite exists.
    MakeInvite(Invite),
    /// This one does not.
    RevokeInvite(InviteId),
    /// Somebody left: they are no member.
    LetGo(LeaveStatement),
    /// These nodes' certificates have run out.
    Ended(Vec<NodeId>),
    /// Whoever made this request is a member.
    LetIn(Vec<u8>),
    /// This node's keys are fresh.
    Update,
}

/// A field of the policy: what it was, and what it is to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Field {
    Name(String, String),
    Topic(String, String),
    /// The picture it was by its hash.
    Picture([u8; 32], Vec<u8>),
    History(History, History),
    Disappearing(u32, u32),
    MayInvite(Who, Who),
    MayEdit(Who, Who),
}

/// What is to be done for an intent on some head.
#[derive(Debug)]
pub(crate) enum Plan {
    /// It is so already.
    Done,
    /// The head contradicts it, in a sentence.
    Dropped(String),
    /// This has to be committed.
    Commit(Box<Wanted>),
    /// Not now.
    Later,
}

impl Intent {
    /// Whether a person asked for it, and has to be told what became of it.
    pub(crate) fn is_wish(&self) -> bool {
        !matches!(self, Self::LetGo(_) | Self::Ended(_) | Self::Update)
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::new();
        writer.u8(VERSION);
        match self {
            Self::Add(accounts) => write_accounts(writer.u8(1), accounts),
            Self::Remove(accounts) => write_accounts(writer.u8(2), accounts),
            Self::Role(account, from, to) => {
                writer.u8(3).array(&account.0).u8(role_number(*from)).u8(role_number(*to));
            }
            Self::Patch(fields) => {
                writer.u8(4).count(fields.len());
                for field in fields {
                    field.write(&mut writer);
                }
            }
            Self::MakeInvite(invite) => {
                writer.u8(5).array(&invite.key.0).array(&invite.creator.0).u64(invite.expires_at_ms);
                writer.u8(u8::from(invite.uses.is_some())).u16(invite.uses.unwrap_or(0));
                writer.u8(role_number(invite.role)).u8(u8::from(invite.approval));
            }
            Self::RevokeInvite(id) => {
                writer.u8(6).array(&id.0);
            }
            Self::LetGo(statement) => {
                writer.u8(7).bytes(&statement.encode());
            }
            Self::Ended(nodes) => {
                writer.u8(8).count(nodes.len());
                for node in nodes {
                    writer.array(&node.0);
                }
            }
            Self::LetIn(request) => {
                writer.u8(9).bytes(request);
            }
            Self::Update => {
                writer.u8(10);
            }
        }
        writer.into_bytes()
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(bytes);
        reader.version(VERSION)?;
        let invalid = || Malformed::Invalid { what: "intent" };
        let role = |reader: &mut Reader<'_>| role_from_number(reader.u8()?).ok_or_else(invalid);
        let intent = match reader.u8()? {
            1 => Self::Add(read_accounts(&mut reader)?),
            2 => Self::Remove(read_accounts(&mut reader)?),
            3 => Self::Role(AccountId(reader.array()?), role(&mut reader)?, role(&mut reader)?),
            4 => {
                let count = reader.count("fields", NODES_MAX)?;
                Self::Patch((0..count).map(|_| Field::read(&mut reader)).collect::<Result<_, _>>()?)
            }
            5 => {
                let (key, creator) = (SignaturePublic(reader.array()?), AccountId(reader.array()?));
                let expires_at_ms = reader.u64()?;
                let (limited, uses) = (reader.u8()? == 1, reader.u16()?);
                let (role, approval) = (role(&mut reader)?, reader.u8()? == 1);
                let uses = limited.then_some(uses);
                Self::MakeInvite(Invite { key, creator, expires_at_ms, uses, role, approval })
            }
            6 => Self::RevokeInvite(InviteId(reader.array()?)),
            7 => Self::LetGo(LeaveStatement::decode(reader.bytes("statement", TEXT_BYTES_MAX)?)?),
            8 => {
                let count = reader.count("nodes", NODES_MAX)?;
                Self::Ended((0..count).map(|_| Ok(NodeId(reader.array()?))).collect::<Result<_, Malformed>>()?)
            }
            9 => Self::LetIn(reader.bytes("request", TEXT_BYTES_MAX)?.to_vec()),
            10 => Self::Update,
            _ => return Err(invalid()),
        };
        reader.finish()?;
        Ok(intent)
    }
}

fn write_accounts(writer: &mut Writer, accounts: &[AccountId]) {
    writer.count(accounts.len());
    for account in accounts {
        writer.array(&account.0);
    }
}

fn read_accounts(reader: &mut Reader<'_>) -> Result<Vec<AccountId>, Malformed> {
    let count = reader.count("accounts", ACCOUNTS_MAX)?;
    (0..count).map(|_| Ok(AccountId(reader.array()?))).collect()
}

impl Field {
    fn write(&self, writer: &mut Writer) {
        match self {
            Self::Name(from, to) => writer.u8(1).bytes(from.as_bytes()).bytes(to.as_bytes()),
            Self::Topic(from, to) => writer.u8(2).bytes(from.as_bytes()).bytes(to.as_bytes()),
            Self::Picture(from, to) => writer.u8(3).array(from).bytes(to),
            Self::History(from, to) => write_history(write_history(writer.u8(4), *from), *to),
            Self::Disappearing(from, to) => writer.u8(5).u32(*from).u32(*to),
            Self::MayInvite(from, to) => writer.u8(6).u8(who_number(*from)).u8(who_number(*to)),
            Self::MayEdit(from, to) => writer.u8(7).u8(who_number(*from)).u8(who_number(*to)),
        };
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        let text = |reader: &mut Reader<'_>| Ok::<_, Malformed>(reader.text("text", TEXT_BYTES_MAX)?.to_owned());
        let who =
            |reader: &mut Reader<'_>| Ok::<_, Malformed>(if reader.u8()? == 1 { Who::Admins } else { Who::Everybody });
        Ok(match reader.u8()? {
            1 => Self::Name(text(reader)?, text(reader)?),
            2 => Self::Topic(text(reader)?, text(reader)?),
            3 => Self::Picture(reader.array()?, reader.bytes("picture", TEXT_BYTES_MAX)?.to_vec()),
            4 => Self::History(read_history(reader)?, read_history(reader)?),
            5 => Self::Disappearing(reader.u32()?, reader.u32()?),
            6 => Self::MayInvite(who(reader)?, who(reader)?),
            7 => Self::MayEdit(who(reader)?, who(reader)?),
            _ => return Err(Malformed::Invalid { what: "field" }),
        })
    }

    /// Puts the field into a policy; why not, if somebody else changed the same field meanwhile.
    pub(crate) fn apply(&self, policy: &mut Policy) -> Result<(), String> {
        fn set<T: PartialEq + Clone>(slot: &mut T, from: &T, to: &T) -> bool {
            let stays = slot != to && slot != from;
            if !stays {
                slot.clone_from(to);
            }
            !stays
        }
        let done = match self {
            Self::Name(from, to) => set(&mut policy.name, from, to),
            Self::Topic(from, to) => set(&mut policy.topic, from, to),
            Self::Picture(from, to) => {
                let stays = policy.picture != *to && picture_hash(&policy.picture) != *from;
                if !stays {
                    policy.picture.clone_from(to);
                }
                !stays
            }
            Self::History(from, to) => set(&mut policy.history, from, to),
            Self::Disappearing(from, to) => set(&mut policy.disappearing_s, from, to),
            Self::MayInvite(from, to) => set(&mut policy.may_invite, from, to),
            Self::MayEdit(from, to) => set(&mut policy.may_edit, from, to),
        };
        if done { Ok(()) } else { Err(GAVE_WAY.to_owned()) }
    }

    /// Which field it is, in words.
    pub(crate) fn what(&self) -> &'static str {
        match self {
            Self::Name(..) => "the name",
            Self::Topic(..) => "the topic",
            Self::Picture(..) => "the picture",
            Self::History(..) => "what new members see",
            Self::Disappearing(..) => "when messages disappear",
            Self::MayInvite(..) => "who may add people",
            Self::MayEdit(..) => "who may change name and picture",
        }
    }
}

/// A picture's hash; that of no picture is of no bytes.
pub(crate) fn picture_hash(bytes: &[u8]) -> [u8; 32] {
    *blake3::hash(bytes).as_bytes()
}

fn who_number(who: Who) -> u8 {
    u8::from(who == Who::Admins)
}

fn write_history(writer: &mut Writer, history: History) -> &mut Writer {
    match history {
        History::Nothing => writer.u8(0).u16(0),
        History::Days(days) => writer.u8(1).u16(days),
        History::Everything => writer.u8(2).u16(0),
    }
}

fn read_history(reader: &mut Reader<'_>) -> Result<History, Malformed> {
    match (reader.u8()?, reader.u16()?) {
        (0, _) => Ok(History::Nothing),
        (1, days) => Ok(History::Days(days)),
        (2, _) => Ok(History::Everything),
        _ => Err(Malformed::Invalid { what: "history" }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_intent_is_kept_as_it_is() {
        let invite = Invite {
            key: SignaturePublic([1; 32]),
            creator: AccountId([2; 32]),
            expires_at_ms: 3,
            uses: None,
            role: Role::ReadOnly,
            approval: true,
        };
        let fields = vec![
            Field::Name("a".into(), "b".into()),
            Field::Topic(String::new(), "t".into()),
            Field::Picture([7; 32], vec![1, 2]),
            Field::History(History::Nothing, History::Days(3)),
            Field::Disappearing(0, 60),
            Field::MayInvite(Who::Everybody, Who::Admins),
            Field::MayEdit(Who::Admins, Who::Everybody),
        ];
        for intent in [
            Intent::Add(vec![AccountId([1; 32])]),
            Intent::Remove(vec![AccountId([1; 32]), AccountId([2; 32])]),
            Intent::Role(AccountId([1; 32]), Role::Member, Role::Admin),
            Intent::Patch(fields),
            Intent::MakeInvite(invite),
            Intent::RevokeInvite(InviteId([4; 16])),
            Intent::Ended(vec![NodeId([5; 32])]),
            Intent::LetIn(vec![1, 2, 3]),
            Intent::Update,
        ] {
            assert_eq!(Intent::decode(&intent.encode()).unwrap(), intent);
        }
    }

    #[test]
    fn a_field_that_somebody_else_set_meanwhile_stays() {
        let mut policy = Policy::group(AccountId([1; 32]), "Hiking".to_owned());
        assert!(Field::Name("Walking".into(), "Running".into()).apply(&mut policy).is_err());
        assert_eq!(policy.name, "Hiking");
        assert!(Field::Name("Hiking".into(), "Running".into()).apply(&mut policy).is_ok());
        assert_eq!(policy.name, "Running");
    }
}
