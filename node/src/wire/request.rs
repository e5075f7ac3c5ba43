//! Requests and responses between two connected nodes (PROTOCOL §5.4).
//!
//! A message is a version byte, a kind byte and a body of fixed shape; it is preceded on its stream by its length.
//! Whatever is longer than a limit, cut off, or followed by bytes that do not belong to it, is refused whole.

#![deny(clippy::arithmetic_side_effects, clippy::as_conversions)]

mod encoding;

use tidings_crypto::envelope::{EpochId, WAY_IN_BYTES_MAX};
use tidings_crypto::group::{BALLOT_BYTES_MAX, GroupId};

use crate::ids::AccountId;

/// The name under which two nodes agree on this protocol.
pub const PROTOCOL_NAME: &str = "/tidings/1";
/// The version byte of every message.
pub const VERSION: u8 = 1;
/// An envelope is at most this many bytes.
pub const ENVELOPE_BYTES_MAX: usize = 256 * 1024;
/// A push carries at most this many envelopes.
pub const PUSH_ENVELOPES_MAX: usize = 256;
/// A contact card is at most this many bytes.
pub const CARD_BYTES_MAX: usize = 64 * 1024;
/// So many key packages are given at once: two of each suite.
pub const PACKAGES_MAX: usize = 4;
/// A request, without the length in front of it, is at most this many bytes.
pub const REQUEST_BYTES_MAX: usize = 1024 * 1024;
/// A response, without the length in front of it, is at most this many bytes.
pub const RESPONSE_BYTES_MAX: usize = WAY_IN_BYTES_MAX + 64 + BALLOTS_MAX * (BALLOT_BYTES_MAX + 4);
/// So many ballots go with the question for a way in, and with its answer.
pub const BALLOTS_MAX: usize = 64;

/// What one node asks of another.
#[derive(Clone, PartialEq, Eq)]
pub enum Request {
    /// "This is who I am": the first thing on a connection between people who may not know each other yet.
    Hello {
        /// The asking node's signed contact card, [`CARD_BYTES_MAX`] bytes at most.
        card: Vec<u8>,
    },
    /// "Keep these": envelopes handed over directly, each of which is answered for.
    Push {
        /// At most [`PUSH_ENVELOPES_MAX`] envelopes of at most [`ENVELOPE_BYTES_MAX`] bytes.
        envelopes: Vec<Vec<u8>>,
    },
    /// "Give me the card of this account."
    Card {
        /// Whose card.
        account: AccountId,
    },
    /// "Where is this group, and let me back into it": from a node that is a member and cannot follow (PROTOCOL §3.7).
    WayIn {
        /// Which group.
        group: GroupId,
        /// Whether a way in is needed; otherwise only what the other knows.
        needed: bool,
        /// Members' signed ballots, at most [`BALLOTS_MAX`].
        ballots: Vec<Vec<u8>>,
    },
    /// "Give me key packages of yours, for one use each."
    Packages,
    /// "Let me into this group": answered by a member.
    Join {
        /// An encoded [`super::join::JoinRequest`].
        request: Vec<u8>,
    },
}

/// What becomes of a request to join.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JoinVerdict {
    /// The Welcome is on its way.
    Coming,
    /// Somebody has to approve first.
    Waiting,
    /// The invite is not good: the reason, as part of a sentence.
    Refused(String),
    /// Not now, and not for a fault of the invite: ask somebody else, or again.
    Later,
}

/// What became of one pushed envelope.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PushVerdict {
    /// It is durable at the other node now.
    Taken,
    /// It was there already.
    Known,
    /// It cannot be judged yet, or there is no room at the moment: offer it again later.
    Later,
    /// It is not wanted: offering it again is useless.
    Refused,
    /// It can never be read there: its epoch is forgotten. A message has to be sent anew.
    Gone,
}

/// What a node answers that is asked for a way in.
#[derive(Clone, PartialEq, Eq)]
pub enum WayInAnswer {
    /// It cannot help.
    Unable,
    /// The way in, sealed to the asking node.
    Sealed(Vec<u8>),
    /// The asking node is no member in the head of the answering one.
    NotAMember,
    /// No way in was needed: this is the head of the answering node.
    Here(EpochId),
}

/// What the other node answered.
#[derive(Clone, PartialEq, Eq)]
pub enum Response {
    /// Answers [`Request::Hello`].
    Hello {
        /// The answering node's signed contact card.
        card: Vec<u8>,
    },
    /// Answers [`Request::Push`].
    Push {
        /// One verdict an envelope, in the order of the request.
        verdicts: Vec<PushVerdict>,
    },
    /// Answers [`Request::Card`].
    Card {
        /// The card, where there is one to give.
        card: Option<Vec<u8>>,
    },
    /// Answers [`Request::WayIn`].
    WayIn {
        /// The way in, or why there is none.
        answer: WayInAnswer,
        /// Members' signed ballots, at most [`BALLOTS_MAX`].
        ballots: Vec<Vec<u8>>,
    },
    /// Answers [`Request::Packages`].
    Packages {
        /// At most [`PACKAGES_MAX`]; none if there is a shortage.
        packages: Vec<Vec<u8>>,
    },
    /// Answers [`Request::Join`].
    Join {
        /// What becomes of it.
        verdict: JoinVerdict,
    },
    /// Answers any request: too much is asked at the moment, ask again later.
    Busy,
}

/// Says what kind it is and how long, never what is in it.
impl std::fmt::Debug for Request {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Hello { card } => f.debug_struct("Hello").field("card_bytes", &card.len()).finish(),
            Self::Push { envelopes } => f.debug_struct("Push").field("envelopes", &envelopes.len()).finish(),
            Self::Card { .. } => f.debug_struct("Card").finish_non_exhaustive(),
            Self::WayIn { needed, ballots, .. } => {
                let mut told = f.debug_struct("WayIn");
                told.field("needed", needed).field("ballots", &ballots.len()).finish_non_exhaustive()
            }
            Self::Packages => f.write_str("Packages"),
            Self::Join { request } => f.debug_struct("Join").field("bytes", &request.len()).finish(),
        }
    }
}

/// Says what kind it is and how long, never what is in it.
impl std::fmt::Debug for Response {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Hello { card } => f.debug_struct("Hello").field("card_bytes", &card.len()).finish(),
            Self::Push { verdicts } => f.debug_struct("Push").field("verdicts", verdicts).finish(),
            Self::Card { card } => {
                f.debug_struct("Card").field("card_bytes", &card.as_ref().map_or(0, Vec::len)).finish()
            }
            Self::WayIn { answer, ballots } => {
                f.debug_struct("WayIn").field("answer", answer).field("ballots", &ballots.len()).finish()
            }
            Self::Packages { packages } => f.debug_struct("Packages").field("packages", &packages.len()).finish(),
            Self::Join { .. } => f.debug_struct("Join").finish_non_exhaustive(),
            Self::Busy => f.write_str("Busy"),
        }
    }
}

/// Says what it is and how long, never what is in it.
impl std::fmt::Debug for WayInAnswer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unable => f.write_str("Unable"),
            Self::Sealed(sealed) => f.debug_tuple("Sealed").field(&sealed.len()).finish(),
            Self::NotAMember => f.write_str("NotAMember"),
            Self::Here(_) => f.write_str("Here"),
        }
    }
}

#[cfg(test)]
mod tests;
