//! The frame of a commit: MLS's `PublicMessage` (RFC 9420 §6.2), read as far as its name and its epoch need.
//!
//! OpenMLS keeps the authenticated data of a public message to itself until the message is verified, and the epoch must
//! be found before that. The name of an epoch covers what the committer signed and not the tags that follow: who
//! has forgotten an epoch's secrets cannot check the tags, and must not take one commit for many.

use crate::{
    codec::{Malformed, Reader},
    epoch_id::EpochId,
};

const PROTOCOL_VERSION: u16 = 1;
const PUBLIC_MESSAGE: u16 = 1;
const SENDER_MEMBER: u8 = 1;
const SENDER_NEW_MEMBER_COMMIT: u8 = 4;
const CONTENT_COMMIT: u8 = 3;
const SOURCE_COMMIT: u8 = 3;
/// The tags are HMAC-SHA256.
const TAG_BYTES: usize = 32;

/// What a commit shows before it is verified.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct CommitFrame<'a> {
    /// The epoch that it makes.
    pub(super) id: EpochId,
    /// MLS's authenticated data.
    pub(super) authenticated: &'a [u8],
    /// Where the `PublicMessage` begins.
    pub(super) body_at: usize,
}

impl<'a> CommitFrame<'a> {
    /// Reads the frame of an encoded `MLSMessage`. Whatever is not a commit in a public message is malformed.
    pub(super) fn read(message: &'a [u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(message);
        expect(reader.u16()? == PROTOCOL_VERSION)?;
        expect(reader.u16()? == PUBLIC_MESSAGE)?;
        let body_at = message.len().saturating_sub(reader.clone().rest().len());
        let _group = vector(&mut reader)?;
        let _epoch = reader.u64()?;
        let sender = reader.u8()?;
        expect(matches!(sender, SENDER_MEMBER | SENDER_NEW_MEMBER_COMMIT))?;
        if sender == SENDER_MEMBER {
            let _leaf = reader.u32()?;
        }
        let authenticated = vector(&mut reader)?;
        expect(reader.u8()? == CONTENT_COMMIT)?;
        let _proposals = vector(&mut reader)?;
        skip_path(&mut reader)?;
        let _signature = vector(&mut reader)?;
        let tags_bytes = reader.clone().rest().len();
        let _confirmation = tag(&mut reader)?;
        if sender == SENDER_MEMBER {
            let _membership = tag(&mut reader)?;
        }
        reader.finish()?;
        let (signed, _) = message.split_at_checked(message.len().saturating_sub(tags_bytes)).ok_or(MALFORMED)?;
        Ok(Self { id: EpochId::of_commit(signed), authenticated, body_at })
    }
}

const MALFORMED: Malformed = Malformed::Invalid { what: "the commit" };

fn expect(condition: bool) -> Result<(), Malformed> {
    if condition { Ok(()) } else { Err(MALFORMED) }
}

/// `optional<UpdatePath>` (RFC 9420 §7.2, §7.6).
fn skip_path(reader: &mut Reader<'_>) -> Result<(), Malformed> {
    let flag = reader.u8()?;
    expect(flag <= 1)?;
    if flag == 0 {
        return Ok(());
    }
    let _encryption_key = vector(reader)?;
    let _signature_key = vector(reader)?;
    let _credential_type = reader.u16()?;
    let _credential = vector(reader)?;
    for _versions_suites_extensions_proposals_credentials in 0..5 {
        vector(reader)?;
    }
    expect(reader.u8()? == SOURCE_COMMIT)?;
    let _parent_hash = vector(reader)?;
    let _extensions = vector(reader)?;
    let _signature = vector(reader)?;
    let _nodes = vector(reader)?;
    Ok(())
}

fn tag<'a>(reader: &mut Reader<'a>) -> Result<&'a [u8], Malformed> {
    let tag = vector(reader)?;
    expect(tag.len() == TAG_BYTES)?;
    Ok(tag)
}

/// A vector with its length in front, in the shortest of MLS's encodings (RFC 9420 §2.1.2).
pub(super) fn vector<'a>(reader: &mut Reader<'a>) -> Result<&'a [u8], Malformed> {
    let first = reader.u8()?;
    let (length, shortest_from) = match first >> 6 {
        0 => (u32::from(first), 0),
        1 => (u32::from_be_bytes([0, 0, first & 0x3f, reader.u8()?]), 1 << 6),
        2 => {
            let [second, third, fourth] = reader.array()?;
            (u32::from_be_bytes([first & 0x3f, second, third, fourth]), 1 << 14)
        }
        _ => return Err(MALFORMED),
    };
    expect(length >= shortest_from)?;
    reader.take(usize::try_from(length).map_err(|_| MALFORMED)?)
}
