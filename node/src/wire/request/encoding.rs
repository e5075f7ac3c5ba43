//! How requests and responses are written and read (PROTOCOL §5.4): every limit is held on both ways.

use tidings_crypto::codec::{Malformed, Reader, Writer};
use tidings_crypto::envelope::{DEPOSIT_BYTES_MAX, EnvelopeId, EpochId, PREKEYS_BYTES_MAX, WAY_IN_BYTES_MAX};
use tidings_crypto::group::{BALLOT_BYTES_MAX, GroupId, KEY_PACKAGE_BYTES_MAX};
use tidings_crypto::proof::{PROOF_BYTES_MAX, ProofId};

use zeroize::Zeroizing;

use super::{
    BALLOTS_MAX, CARD_BYTES_MAX, COLLECTED_MAX, COMPARED_GROUPS_MAX, DepositVerdict, Differing, ENVELOPE_BYTES_MAX,
    JoinVerdict, LISTED_IDS_MAX, OpenVerdict, PACKAGES_MAX, PUSH_ENVELOPES_MAX, PushVerdict, REQUEST_BYTES_MAX,
    RESPONSE_BYTES_MAX, Reconciled, Request, Response, VERSION, WayInAnswer,
};
use crate::ids::AccountId;
use crate::sync::MESSAGE_BYTES_MAX;
use crate::wire::join::{JOIN_BYTES_MAX, REASON_BYTES_MAX};

pub(super) const KIND_BUSY: u8 = 0;
pub(super) const KIND_HELLO: u8 = 1;
pub(super) const KIND_PUSH: u8 = 2;
pub(super) const KIND_CARD: u8 = 3;
pub(super) const KIND_WAY_IN: u8 = 5;
pub(super) const KIND_PACKAGES: u8 = 4;
pub(super) const KIND_JOIN: u8 = 6;
pub(super) const KIND_COMPARE: u8 = 7;
pub(super) const KIND_RECONCILE: u8 = 8;
pub(super) const KIND_OPEN_MAILBOX: u8 = 9;
pub(super) const KIND_DEPOSIT: u8 = 10;
pub(super) const KIND_COLLECT: u8 = 11;
pub(super) const KIND_MAIL: u8 = 12;
pub(super) const KIND_LEAVE_PREKEYS: u8 = 13;
pub(super) const KIND_PREKEYS: u8 = 14;
pub(super) const KIND_TIME: u8 = 15;
pub(super) const KIND_GROUPS: u8 = 16;
pub(super) const KIND_PROOF: u8 = 17;

impl Request {
    /// Which limit this request breaks, if any.
    pub fn check(&self) -> Result<(), Malformed> {
        match self {
            Self::Hello { card } => within("card", card.len(), CARD_BYTES_MAX),
            Self::Push { envelopes } => {
                within("list of envelopes", envelopes.len(), PUSH_ENVELOPES_MAX)?;
                let mut total: usize = 4;
                for envelope in envelopes {
                    within("envelope", envelope.len(), ENVELOPE_BYTES_MAX)?;
                    total = total.saturating_add(4).saturating_add(envelope.len());
                }
                within("request", total, REQUEST_BYTES_MAX)
            }
            Self::WayIn { ballots, .. } => check_ballots(ballots),
            Self::Card { .. }
            | Self::Packages
            | Self::OpenMailbox { .. }
            | Self::Mail
            | Self::Prekeys { .. }
            | Self::Proof { .. }
            | Self::Groups
            | Self::Time => Ok(()),
            Self::LeavePrekeys { prekeys, .. } => within("prekeys", prekeys.len(), PREKEYS_BYTES_MAX),
            Self::Join { request } => within("request to join", request.len(), JOIN_BYTES_MAX),
            Self::Compare { groups } => within("list of groups", groups.len(), COMPARED_GROUPS_MAX),
            Self::Reconcile { message, wanted, offered, .. } => {
                within("message", message.len(), MESSAGE_BYTES_MAX)?;
                within("list of envelope ids", wanted.len().max(offered.len()), LISTED_IDS_MAX)
            }
            Self::Deposit { deposits, .. } => {
                check_deposits(deposits.iter(), 40).and_then(|total| within("request", total, REQUEST_BYTES_MAX))
            }
            Self::Collect { done, .. } => within("list of numbers", done.len(), COLLECTED_MAX),
        }
    }

    /// The request's bytes, or which limit it breaks.
    pub fn encode(&self) -> Result<Vec<u8>, Malformed> {
        self.check()?;
        let mut writer = Writer::new();
        writer.u8(VERSION);
        match self {
            Self::Hello { card } => writer.u8(KIND_HELLO).bytes(card),
            Self::Push { envelopes } => {
                writer.u8(KIND_PUSH).count(envelopes.len());
                envelopes.iter().fold(&mut writer, |writer, envelope| writer.bytes(envelope))
            }
            Self::Card { account } => writer.u8(KIND_CARD).array(&account.0),
            Self::WayIn { group, needed, ballots } => {
                writer.u8(KIND_WAY_IN).array(&group.0).u8(u8::from(*needed));
                write_ballots(&mut writer, ballots)
            }
            Self::Packages => writer.u8(KIND_PACKAGES),
            Self::Join { request } => writer.u8(KIND_JOIN).bytes(request),
            Self::Compare { groups } => {
                writer.u8(KIND_COMPARE).count(groups.len());
                groups.iter().fold(&mut writer, |writer, (key, print)| writer.array(key).array(print))
            }
            Self::Reconcile { key, from, message, wanted, offered } => {
                writer.u8(KIND_RECONCILE).array(key).u64(*from).bytes(message);
                write_ids(write_ids(&mut writer, wanted), offered)
            }
            Self::OpenMailbox { admission, queue } => writer.u8(KIND_OPEN_MAILBOX).array(&**admission).array(queue),
            Self::Deposit { token, deposits } => {
                writer.u8(KIND_DEPOSIT).array(token).count(deposits.len());
                deposits.iter().fold(&mut writer, |writer, deposit| writer.bytes(deposit))
            }
            Self::Collect { after, done } => {
                writer.u8(KIND_COLLECT).u64(*after).count(done.len());
                done.iter().fold(&mut writer, |writer, number| writer.u64(*number))
            }
            Self::Mail => writer.u8(KIND_MAIL),
            Self::LeavePrekeys { queue, prekeys } => writer.u8(KIND_LEAVE_PREKEYS).array(queue).bytes(prekeys),
            Self::Prekeys { token } => writer.u8(KIND_PREKEYS).array(token),
            Self::Time => writer.u8(KIND_TIME),
            Self::Groups => writer.u8(KIND_GROUPS),
            Self::Proof { id } => writer.u8(KIND_PROOF).array(&id.0),
        };
        Ok(writer.into_bytes())
    }

    /// Reads a whole request.
    pub fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        within("request", bytes.len(), REQUEST_BYTES_MAX)?;
        let mut reader = Reader::new(bytes);
        reader.version(VERSION)?;
        let request = match reader.u8()? {
            KIND_HELLO => Self::Hello { card: reader.bytes("card", CARD_BYTES_MAX)?.to_vec() },
            KIND_PUSH => {
                let count = reader.count("list of envelopes", PUSH_ENVELOPES_MAX)?;
                let envelopes = (0..count).map(|_| Ok(reader.bytes("envelope", ENVELOPE_BYTES_MAX)?.to_vec()));
                Self::Push { envelopes: envelopes.collect::<Result<_, _>>()? }
            }
            KIND_CARD => Self::Card { account: AccountId(reader.array()?) },
            KIND_WAY_IN => {
                let group = GroupId(reader.array()?);
                let needed = match reader.u8()? {
                    0 => false,
                    1 => true,
                    _ => return Err(Malformed::Invalid { what: "mark of a need" }),
                };
                Self::WayIn { group, needed, ballots: read_ballots(&mut reader)? }
            }
            KIND_PACKAGES => Self::Packages,
            KIND_JOIN => Self::Join { request: reader.bytes("request to join", JOIN_BYTES_MAX)?.to_vec() },
            KIND_COMPARE => {
                let count = reader.count("list of groups", COMPARED_GROUPS_MAX)?;
                let groups = (0..count).map(|_| Ok((reader.array()?, reader.array()?)));
                Self::Compare { groups: groups.collect::<Result<_, _>>()? }
            }
            KIND_RECONCILE => Self::Reconcile {
                key: reader.array()?,
                from: reader.u64()?,
                message: reader.bytes("message", MESSAGE_BYTES_MAX)?.to_vec(),
                wanted: read_ids(&mut reader)?,
                offered: read_ids(&mut reader)?,
            },
            KIND_OPEN_MAILBOX => {
                Self::OpenMailbox { admission: Zeroizing::new(reader.array()?), queue: reader.array()? }
            }
            KIND_DEPOSIT => {
                let token = reader.array()?;
                let count = reader.count("list of deposits", PUSH_ENVELOPES_MAX)?;
                let deposits = (0..count).map(|_| Ok(reader.bytes("deposit", DEPOSIT_BYTES_MAX)?.to_vec()));
                Self::Deposit { token, deposits: deposits.collect::<Result<_, _>>()? }
            }
            KIND_COLLECT => {
                let after = reader.u64()?;
                let count = reader.count("list of numbers", COLLECTED_MAX)?;
                Self::Collect { after, done: (0..count).map(|_| reader.u64()).collect::<Result<_, _>>()? }
            }
            KIND_MAIL => Self::Mail,
            KIND_LEAVE_PREKEYS => {
                let queue = reader.array()?;
                Self::LeavePrekeys { queue, prekeys: reader.bytes("prekeys", PREKEYS_BYTES_MAX)?.to_vec() }
            }
            KIND_PREKEYS => Self::Prekeys { token: reader.array()? },
            KIND_TIME => Self::Time,
            KIND_GROUPS => Self::Groups,
            KIND_PROOF => Self::Proof { id: ProofId(reader.array()?) },
            _ => return Err(Malformed::Invalid { what: "kind of request" }),
        };
        reader.finish()?;
        Ok(request)
    }
}

impl Response {
    /// Which limit this response breaks, if any.
    pub fn check(&self) -> Result<(), Malformed> {
        match self {
            Self::Hello { card } | Self::Card { card: Some(card) } => within("card", card.len(), CARD_BYTES_MAX),
            Self::Push { verdicts } => within("list of verdicts", verdicts.len(), PUSH_ENVELOPES_MAX),
            Self::WayIn { answer, ballots } => {
                let sealed = if let WayInAnswer::Sealed(sealed) = answer { sealed.len() } else { 0 };
                within("way in", sealed, WAY_IN_BYTES_MAX)?;
                check_ballots(ballots)
            }
            Self::Packages { packages } => {
                within("list of key packages", packages.len(), PACKAGES_MAX)?;
                let longest = packages.iter().map(Vec::len).max().unwrap_or(0);
                within("key package", longest, KEY_PACKAGE_BYTES_MAX)
            }
            Self::Join { verdict: JoinVerdict::Refused(reason) } => within("reason", reason.len(), REASON_BYTES_MAX),
            Self::Groups { groups } => within("list of groups", groups.len(), COMPARED_GROUPS_MAX),
            Self::Compare { differing } => within("list of groups", differing.len(), COMPARED_GROUPS_MAX),
            Self::Reconcile { answer: Some(answer) } => {
                within("message", answer.message.len(), MESSAGE_BYTES_MAX)?;
                within("list of envelope ids", answer.wanted.len(), LISTED_IDS_MAX)
            }
            Self::OpenMailbox { verdict: OpenVerdict::Refused(reason) } => {
                within("reason", reason.len(), REASON_BYTES_MAX)
            }
            Self::Deposit { verdicts } => within("list of verdicts", verdicts.len(), PUSH_ENVELOPES_MAX),
            Self::Collect { deposits, .. } => {
                let each = deposits.iter().map(|(_, deposit)| deposit);
                let total = check_deposits(each, deposits.len().saturating_mul(8).saturating_add(8))?;
                within("response", total, RESPONSE_BYTES_MAX)
            }
            Self::Prekeys { prekeys: Some(prekeys) } => within("prekeys", prekeys.len(), PREKEYS_BYTES_MAX),
            Self::Proof { proof: Some(proof) } => within("proof", proof.len(), PROOF_BYTES_MAX),
            Self::Card { card: None }
            | Self::Proof { proof: None }
            | Self::Join { .. }
            | Self::LeavePrekeys { .. }
            | Self::Prekeys { prekeys: None }
            | Self::OpenMailbox { verdict: OpenVerdict::Open }
            | Self::Reconcile { answer: None }
            | Self::Mail
            | Self::Time { .. }
            | Self::Busy => Ok(()),
        }
    }

    /// The response's bytes, or which limit it breaks.
    pub fn encode(&self) -> Result<Vec<u8>, Malformed> {
        self.check()?;
        let mut writer = Writer::new();
        writer.u8(VERSION);
        match self {
            Self::Hello { card } => writer.u8(KIND_HELLO).bytes(card),
            Self::Push { verdicts } => {
                writer.u8(KIND_PUSH).count(verdicts.len());
                verdicts.iter().fold(&mut writer, |writer, verdict| writer.u8(verdict.to_byte()))
            }
            Self::Card { card: Some(card) } => writer.u8(KIND_CARD).u8(1).bytes(card),
            Self::Card { card: None } => writer.u8(KIND_CARD).u8(0),
            Self::WayIn { answer, ballots } => {
                writer.u8(KIND_WAY_IN);
                match answer {
                    WayInAnswer::Unable => writer.u8(0),
                    WayInAnswer::Sealed(sealed) => writer.u8(1).bytes(sealed),
                    WayInAnswer::NotAMember => writer.u8(2),
                    WayInAnswer::Here(head) => writer.u8(3).array(&head.0),
                };
                write_ballots(&mut writer, ballots)
            }
            Self::Packages { packages } => {
                writer.u8(KIND_PACKAGES).count(packages.len());
                packages.iter().fold(&mut writer, |writer, package| writer.bytes(package))
            }
            Self::Join { verdict } => {
                writer.u8(KIND_JOIN);
                match verdict {
                    JoinVerdict::Coming => writer.u8(0),
                    JoinVerdict::Waiting => writer.u8(1),
                    JoinVerdict::Refused(reason) => writer.u8(2).bytes(reason.as_bytes()),
                    JoinVerdict::Later => writer.u8(3),
                }
            }
            Self::Compare { differing } => {
                writer.u8(KIND_COMPARE).count(differing.len());
                let write = |writer, one: &Differing| -> &mut Writer {
                    Writer::u16(writer, one.index).array(&one.fingerprint).u64(one.from)
                };
                differing.iter().fold(&mut writer, write)
            }
            Self::Reconcile { answer: None } => writer.u8(KIND_RECONCILE).u8(0),
            Self::Reconcile { answer: Some(answer) } => {
                write_ids(writer.u8(KIND_RECONCILE).u8(1).bytes(&answer.message), &answer.wanted)
            }
            Self::OpenMailbox { verdict } => {
                writer.u8(KIND_OPEN_MAILBOX);
                match verdict {
                    OpenVerdict::Open => writer.u8(0),
                    OpenVerdict::Refused(reason) => writer.u8(1).bytes(reason.as_bytes()),
                }
            }
            Self::Deposit { verdicts } => {
                writer.u8(KIND_DEPOSIT).count(verdicts.len());
                verdicts.iter().fold(&mut writer, |writer, verdict| writer.u8(verdict.to_byte()))
            }
            Self::Collect { serves, deposits } => {
                writer.u8(KIND_COLLECT).u8(u8::from(*serves)).count(deposits.len());
                deposits.iter().fold(&mut writer, |writer, (number, deposit)| writer.u64(*number).bytes(deposit))
            }
            Self::Mail => writer.u8(KIND_MAIL),
            Self::LeavePrekeys { verdict } => writer.u8(KIND_LEAVE_PREKEYS).u8(verdict.to_byte()),
            Self::Prekeys { prekeys: Some(prekeys) } => writer.u8(KIND_PREKEYS).u8(1).bytes(prekeys),
            Self::Prekeys { prekeys: None } => writer.u8(KIND_PREKEYS).u8(0),
            Self::Time { at_ms } => writer.u8(KIND_TIME).u64(*at_ms),
            Self::Proof { proof: Some(proof) } => writer.u8(KIND_PROOF).u8(1).bytes(proof),
            Self::Proof { proof: None } => writer.u8(KIND_PROOF).u8(0),
            Self::Groups { groups } => {
                writer.u8(KIND_GROUPS).count(groups.len());
                groups.iter().fold(&mut writer, |writer, group| writer.array(&group.0))
            }
            Self::Busy => writer.u8(KIND_BUSY),
        };
        Ok(writer.into_bytes())
    }

    /// Reads a whole response.
    pub fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        within("response", bytes.len(), RESPONSE_BYTES_MAX)?;
        let mut reader = Reader::new(bytes);
        reader.version(VERSION)?;
        let response = match reader.u8()? {
            KIND_HELLO => Self::Hello { card: reader.bytes("card", CARD_BYTES_MAX)?.to_vec() },
            KIND_PUSH => {
                let count = reader.count("list of verdicts", PUSH_ENVELOPES_MAX)?;
                let verdicts = reader.take(count)?.iter().map(|byte| PushVerdict::from_byte(*byte));
                Self::Push { verdicts: verdicts.collect::<Result<_, _>>()? }
            }
            KIND_CARD => match reader.u8()? {
                0 => Self::Card { card: None },
                1 => Self::Card { card: Some(reader.bytes("card", CARD_BYTES_MAX)?.to_vec()) },
                _ => return Err(Malformed::Invalid { what: "mark of a card" }),
            },
            KIND_WAY_IN => {
                let answer = match reader.u8()? {
                    0 => WayInAnswer::Unable,
                    1 => WayInAnswer::Sealed(reader.bytes("way in", WAY_IN_BYTES_MAX)?.to_vec()),
                    2 => WayInAnswer::NotAMember,
                    3 => WayInAnswer::Here(EpochId(reader.array()?)),
                    _ => return Err(Malformed::Invalid { what: "mark of a way in" }),
                };
                Self::WayIn { answer, ballots: read_ballots(&mut reader)? }
            }
            KIND_PACKAGES => {
                let count = reader.count("list of key packages", PACKAGES_MAX)?;
                let packages = (0..count).map(|_| Ok(reader.bytes("key package", KEY_PACKAGE_BYTES_MAX)?.to_vec()));
                Self::Packages { packages: packages.collect::<Result<_, _>>()? }
            }
            KIND_JOIN => {
                let verdict = match reader.u8()? {
                    0 => JoinVerdict::Coming,
                    1 => JoinVerdict::Waiting,
                    2 => JoinVerdict::Refused(reader.text("reason", REASON_BYTES_MAX)?.to_owned()),
                    3 => JoinVerdict::Later,
                    _ => return Err(Malformed::Invalid { what: "verdict" }),
                };
                Self::Join { verdict }
            }
            KIND_COMPARE => {
                let count = reader.count("list of groups", COMPARED_GROUPS_MAX)?;
                let differing = (0..count)
                    .map(|_| Ok(Differing { index: reader.u16()?, fingerprint: reader.array()?, from: reader.u64()? }));
                Self::Compare { differing: differing.collect::<Result<_, _>>()? }
            }
            KIND_RECONCILE => match reader.u8()? {
                0 => Self::Reconcile { answer: None },
                1 => {
                    let message = reader.bytes("message", MESSAGE_BYTES_MAX)?.to_vec();
                    Self::Reconcile { answer: Some(Reconciled { message, wanted: read_ids(&mut reader)? }) }
                }
                _ => return Err(Malformed::Invalid { what: "mark of an answer" }),
            },
            KIND_OPEN_MAILBOX => {
                let verdict = match reader.u8()? {
                    0 => OpenVerdict::Open,
                    1 => OpenVerdict::Refused(reader.text("reason", REASON_BYTES_MAX)?.to_owned()),
                    _ => return Err(Malformed::Invalid { what: "verdict" }),
                };
                Self::OpenMailbox { verdict }
            }
            KIND_DEPOSIT => {
                let count = reader.count("list of verdicts", PUSH_ENVELOPES_MAX)?;
                let verdicts = reader.take(count)?.iter().map(|byte| DepositVerdict::from_byte(*byte));
                Self::Deposit { verdicts: verdicts.collect::<Result<_, _>>()? }
            }
            KIND_COLLECT => {
                let serves = match reader.u8()? {
                    0 => false,
                    1 => true,
                    _ => return Err(Malformed::Invalid { what: "mark of a mailbox" }),
                };
                let count = reader.count("list of deposits", PUSH_ENVELOPES_MAX)?;
                let mut deposit = || Ok((reader.u64()?, reader.bytes("deposit", DEPOSIT_BYTES_MAX)?.to_vec()));
                Self::Collect { serves, deposits: (0..count).map(|_| deposit()).collect::<Result<_, _>>()? }
            }
            KIND_MAIL => Self::Mail,
            KIND_LEAVE_PREKEYS => Self::LeavePrekeys { verdict: DepositVerdict::from_byte(reader.u8()?)? },
            KIND_PREKEYS => match reader.u8()? {
                0 => Self::Prekeys { prekeys: None },
                1 => Self::Prekeys { prekeys: Some(reader.bytes("prekeys", PREKEYS_BYTES_MAX)?.to_vec()) },
                _ => return Err(Malformed::Invalid { what: "mark of prekeys" }),
            },
            KIND_TIME => Self::Time { at_ms: reader.u64()? },
            KIND_GROUPS => {
                let count = reader.count("list of groups", COMPARED_GROUPS_MAX)?;
                let groups = (0..count).map(|_| Ok(GroupId(reader.array()?)));
                Self::Groups { groups: groups.collect::<Result<_, _>>()? }
            }
            KIND_PROOF => match reader.u8()? {
                0 => Self::Proof { proof: None },
                1 => Self::Proof { proof: Some(reader.bytes("proof", PROOF_BYTES_MAX)?.to_vec()) },
                _ => return Err(Malformed::Invalid { what: "mark of a proof" }),
            },
            KIND_BUSY => Self::Busy,
            _ => return Err(Malformed::Invalid { what: "kind of response" }),
        };
        reader.finish()?;
        Ok(response)
    }
}

/// The length of so many deposits, each with its own length in front, and of `more` bytes.
fn check_deposits<'a>(deposits: impl Iterator<Item = &'a Vec<u8>>, more: usize) -> Result<usize, Malformed> {
    let (mut count, mut total) = (0_usize, more);
    for deposit in deposits {
        within("deposit", deposit.len(), DEPOSIT_BYTES_MAX)?;
        (count, total) = (count.saturating_add(1), total.saturating_add(4).saturating_add(deposit.len()));
    }
    within("list of deposits", count, PUSH_ENVELOPES_MAX)?;
    Ok(total)
}

fn check_ballots(ballots: &[Vec<u8>]) -> Result<(), Malformed> {
    within("list of ballots", ballots.len(), BALLOTS_MAX)?;
    within("ballot", ballots.iter().map(Vec::len).max().unwrap_or(0), BALLOT_BYTES_MAX)
}

fn write_ballots<'a>(writer: &'a mut Writer, ballots: &[Vec<u8>]) -> &'a mut Writer {
    writer.count(ballots.len());
    ballots.iter().fold(writer, |writer, ballot| writer.bytes(ballot))
}

fn read_ballots(reader: &mut Reader<'_>) -> Result<Vec<Vec<u8>>, Malformed> {
    let count = reader.count("list of ballots", BALLOTS_MAX)?;
    (0..count).map(|_| Ok(reader.bytes("ballot", BALLOT_BYTES_MAX)?.to_vec())).collect()
}

fn write_ids<'a>(writer: &'a mut Writer, ids: &[EnvelopeId]) -> &'a mut Writer {
    writer.count(ids.len());
    ids.iter().fold(writer, |writer, id| writer.array(&id.0))
}

fn read_ids(reader: &mut Reader<'_>) -> Result<Vec<EnvelopeId>, Malformed> {
    let count = reader.count("list of envelope ids", LISTED_IDS_MAX)?;
    (0..count).map(|_| Ok(EnvelopeId(reader.array()?))).collect()
}

fn within(what: &'static str, found: usize, limit: usize) -> Result<(), Malformed> {
    if found <= limit { Ok(()) } else { Err(Malformed::TooLong { what, limit }) }
}

impl DepositVerdict {
    fn to_byte(self) -> u8 {
        match self {
            Self::Kept => 0,
            Self::Full => 1,
            Self::Refused => 2,
        }
    }

    fn from_byte(byte: u8) -> Result<Self, Malformed> {
        match byte {
            0 => Ok(Self::Kept),
            1 => Ok(Self::Full),
            2 => Ok(Self::Refused),
            _ => Err(Malformed::Invalid { what: "verdict" }),
        }
    }
}

impl PushVerdict {
    fn to_byte(self) -> u8 {
        match self {
            Self::Taken => 0,
            Self::Known => 1,
            Self::Later => 2,
            Self::Refused => 3,
            Self::Gone => 4,
        }
    }

    fn from_byte(byte: u8) -> Result<Self, Malformed> {
        match byte {
            0 => Ok(Self::Taken),
            1 => Ok(Self::Known),
            2 => Ok(Self::Later),
            3 => Ok(Self::Refused),
            4 => Ok(Self::Gone),
            _ => Err(Malformed::Invalid { what: "verdict" }),
        }
    }
}
