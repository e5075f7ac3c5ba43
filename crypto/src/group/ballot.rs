//! Ballots as they travel: statements that a node signs, in place of an MLS message (PROTOCOL §3.3), like receipts.

use std::collections::BTreeSet;

use super::{
    Group, GroupId, Member, Refusal,
    epochs::{Ballot, BallotNotes, CHOICES_MAX},
};
use crate::{
    codec::{Malformed, Reader, Writer},
    identity::{LocalNode, NodeId, Signature},
};

/// No MLS message begins like this: its first field would be the reserved protocol version 0 (RFC 9420 §6). Then the
/// kind of statement.
const MARK: [u8; 3] = [0, 0, 2];
const CONTEXT: &str = "tidings v1 ballot";
const SIGNATURE_BYTES: usize = 64;

/// A ballot is at most this many bytes.
pub const BALLOT_BYTES_MAX: usize = 3 + 32 + 8 + 2 + CHOICES_MAX * 40 + SIGNATURE_BYTES;

/// Whether these bytes are a ballot rather than an MLS message or another statement.
pub fn is_ballot(bytes: &[u8]) -> bool {
    bytes.starts_with(&MARK)
}

/// A ballot, and the bytes that its node signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedBallot {
    /// Whose it is.
    pub node: NodeId,
    /// What it says.
    pub ballot: Ballot,
    /// What is sent, in place of an MLS message, under the topic of the head.
    pub bytes: Vec<u8>,
}

impl SignedBallot {
    pub(super) fn sign(me: &LocalNode, group: GroupId, ballot: Ballot) -> Self {
        let node = me.node_id();
        let mut writer = Writer::new();
        writer.array(&MARK).array(&node.0);
        ballot.encode(&mut writer);
        let signature = me.keys.sign(CONTEXT, &bound(group, writer.written()));
        writer.array(&signature.0);
        Self { node, ballot, bytes: writer.into_bytes() }
    }

    /// Reads a ballot. Nothing in it is proved yet.
    pub fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        if bytes.len() > BALLOT_BYTES_MAX {
            return Err(Malformed::TooLong { what: "a ballot", limit: BALLOT_BYTES_MAX });
        }
        let mut reader = Reader::new(bytes);
        if reader.array()? != MARK {
            return Err(Malformed::Invalid { what: "the ballot's mark" });
        }
        let node = NodeId(reader.array()?);
        let ballot = Ballot::decode(&mut reader)?;
        reader.array::<SIGNATURE_BYTES>()?;
        reader.finish()?;
        Ok(Self { node, ballot, bytes: bytes.to_vec() })
    }

    /// A ballot as it is saved, with what this node has found out about it.
    pub(super) fn to_row(bytes: &[u8], notes: &BallotNotes) -> Vec<u8> {
        let mut writer = Writer::new();
        notes.encode(&mut writer);
        [bytes, writer.written()].concat()
    }

    /// Reads what [`SignedBallot::to_row`] made, or a ballot that was saved without notes.
    pub(super) fn of_row(row: &[u8]) -> Result<(Self, BallotNotes), Malformed> {
        // The number of its choices says how long a ballot is: one without notes is not one with notes and shorter.
        let end = row.len().saturating_sub(BallotNotes::BYTES);
        if let Some((bytes, notes)) = row.split_at_checked(end)
            && let Ok(signed) = Self::decode(bytes)
        {
            let mut reader = Reader::new(notes);
            let notes = BallotNotes::decode(&mut reader, signed.ballot.choices.len())?;
            reader.finish()?;
            return Ok((signed, notes));
        }
        Ok((Self::decode(row)?, BallotNotes::default()))
    }

    /// Whether this member signed it for this group.
    pub(super) fn verify(&self, group: GroupId, member: &Member) -> Result<(), Refusal> {
        let end = self.bytes.len().saturating_sub(SIGNATURE_BYTES);
        let (signed, signature) = self.bytes.split_at_checked(end).ok_or(Refusal::Malformed)?;
        let signature = signature.try_into().map(Signature).map_err(|_| Refusal::Malformed)?;
        let key = member.certificate.signature_key();
        key.verify(CONTEXT, &bound(group, signed), &signature).map_err(|_| Refusal::Invalid)
    }
}

impl Group {
    /// The members' ballots as they were signed, at most so many: whoever lacks one takes it from anybody. This node's
    /// own goes first, then those of members at the head who chose last what the head has not passed, then those of other
    /// members there, and at last those that count only further back.
    pub fn signed_ballots(&self, me: NodeId, limit: usize) -> Vec<Vec<u8>> {
        let head = self.head();
        let passed: BTreeSet<_> = self.tree().path(head).into_iter().filter(|epoch| *epoch != head).collect();
        let voters = self.tree().electorate(head);
        let place = |node: NodeId| {
            let has_passed = |ballot: &Ballot| ballot.choices.last().is_none_or(|last| passed.contains(&last.epoch));
            let is_member = voters.is_some_and(|voters| voters.weight(node).is_some());
            (node != me, !is_member, self.tree().ballot(node).is_none_or(has_passed))
        };
        let counted = self.ballots.iter().filter(|(node, _)| self.tree().is_voter(**node));
        let mut ballots: Vec<_> = counted.map(|(node, bytes)| (place(*node), bytes)).collect();
        ballots.sort_by_key(|(place, _)| *place);
        ballots.into_iter().take(limit).map(|(_, bytes)| bytes.clone()).collect()
    }
}

/// A ballot counts in its own group only.
fn bound(group: GroupId, bytes: &[u8]) -> Vec<u8> {
    [group.0.as_slice(), bytes].concat()
}
