//! Requests and responses between two connected nodes (PROTOCOL §5.4).
//!
//! A message is a version byte, a kind byte and a body of fixed shape; it is preceded on its stream by its length.
//! Whatever is longer than a limit, cut off, or followed by bytes that do not belong to it, is refused whole.

#![deny(clippy::arithmetic_side_effects, clippy::as_conversions)]

mod encoding;

use tidings_crypto::envelope::{EnvelopeId, EpochId, WAY_IN_BYTES_MAX};
use tidings_crypto::group::{BALLOT_BYTES_MAX, GroupId};
#[cfg(doc)]
use tidings_crypto::proof::PROOF_BYTES_MAX;
use tidings_crypto::proof::ProofId;

use zeroize::Zeroizing;

use crate::ids::AccountId;
#[cfg(doc)]
use crate::sync::MESSAGE_BYTES_MAX;
use crate::sync::{Fingerprint, PairKey};

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
/// So many groups are compared at once.
pub const COMPARED_GROUPS_MAX: usize = 10_000;
/// So many envelopes are wanted, and offered, with one message.
pub const LISTED_IDS_MAX: usize = 1_024;
/// So many ballots go with the question for a way in, and with its answer.
pub const BALLOTS_MAX: usize = 64;
/// So many numbers of what was collected are told at once.
pub const COLLECTED_MAX: usize = 1_024;

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
    /// "This is how my sets are; which are others with you?": from a member's node (PROTOCOL §6.13).
    Compare {
        /// What the two call a group, and the fingerprint of its set: at most [`COMPARED_GROUPS_MAX`].
        groups: Vec<(PairKey, Fingerprint)>,
    },
    /// "What is missing in this group?", with what is wanted and what is offered.
    Reconcile {
        /// What the two call the group.
        key: PairKey,
        /// From which epoch on, by MLS's number.
        from: u64,
        /// A message of the reconciliation, at most [`MESSAGE_BYTES_MAX`] bytes; empty if there is no more to find out.
        message: Vec<u8>,
        /// What the asking node lacks and asks for, at most [`LISTED_IDS_MAX`].
        wanted: Vec<EnvelopeId>,
        /// What it could give, as many.
        offered: Vec<EnvelopeId>,
    },
    /// "Keep envelopes for me while I am away" (PROTOCOL §6.14).
    OpenMailbox {
        /// The word that admits; zeros for a contact.
        admission: Zeroizing<[u8; 32]>,
        /// The name of the queue.
        queue: [u8; 32],
    },
    /// "Keep these for the owner of the queue."
    Deposit {
        /// The word that lets deposit.
        token: [u8; 32],
        /// At most [`PUSH_ENVELOPES_MAX`] of at most [`tidings_crypto::envelope::DEPOSIT_BYTES_MAX`] bytes.
        deposits: Vec<Vec<u8>>,
    },
    /// "Give me what you keep for me."
    Collect {
        /// What comes after this number.
        after: u64,
        /// What need not be kept any more: at most [`COLLECTED_MAX`] numbers.
        done: Vec<u64>,
    },
    /// "Something came for you."
    Mail,
    /// "Keep these for whoever wants to add me while I am away" (PROTOCOL §4.9): in place of what lay in the queue before.
    LeavePrekeys {
        /// The name of the queue.
        queue: [u8; 32],
        /// Sealed; [`tidings_crypto::envelope::PREKEYS_BYTES_MAX`] bytes at most.
        prekeys: Vec<u8>,
    },
    /// "Give me what the owner of the queue left for who has its card."
    Prekeys {
        /// The word that lets deposit.
        token: [u8; 32],
    },
    /// "What time is it with you?"
    Time,
    /// "In which groups am I, as you have them?": from a node that was restored (PROTOCOL §8.6).
    Groups,
    /// "Give me this proof of yours": from a contact whose card names it (PROTOCOL §7).
    Proof {
        /// Which.
        id: ProofId,
    },
}

/// A group whose set is another with the answering node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Differing {
    /// Which of the request, from 0 on.
    pub index: u16,
    /// What its set's fingerprint is there.
    pub fingerprint: Fingerprint,
    /// From which epoch on the answering node compares it.
    pub from: u64,
}

/// What a node answers that is asked what is missing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reconciled {
    /// The next message; empty if it got none.
    pub message: Vec<u8>,
    /// Which of what was offered it wants.
    pub wanted: Vec<EnvelopeId>,
}

/// Whether a mailbox serves who asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OpenVerdict {
    /// It does.
    Open,
    /// It does not: the reason, as part of a sentence.
    Refused(String),
}

/// What became of one deposit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DepositVerdict {
    /// It is durable at the mailbox now.
    Kept,
    /// There is no room at the moment.
    Full,
    /// There is no such queue, or this is no deposit.
    Refused,
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
    /// Answers [`Request::Compare`].
    Compare {
        /// The groups that both are in and whose sets differ.
        differing: Vec<Differing>,
    },
    /// Answers [`Request::Reconcile`].
    Reconcile {
        /// None if the two do not share the group, or the message is malformed.
        answer: Option<Reconciled>,
    },
    /// Answers [`Request::OpenMailbox`].
    OpenMailbox {
        /// Whether it serves.
        verdict: OpenVerdict,
    },
    /// Answers [`Request::Deposit`].
    Deposit {
        /// One verdict a deposit, in the order of the request.
        verdicts: Vec<DepositVerdict>,
    },
    /// Answers [`Request::Collect`].
    Collect {
        /// Whether it keeps anything for others.
        serves: bool,
        /// Deposits with their numbers, which rise; none if there are no more.
        deposits: Vec<(u64, Vec<u8>)>,
    },
    /// Answers [`Request::Mail`].
    Mail,
    /// Answers [`Request::LeavePrekeys`].
    LeavePrekeys {
        /// Whether they are kept.
        verdict: DepositVerdict,
    },
    /// Answers [`Request::Prekeys`].
    Prekeys {
        /// What was left, sealed; nothing if nothing was.
        prekeys: Option<Vec<u8>>,
    },
    /// Answers [`Request::Time`].
    Time {
        /// The answering node's clock, in milliseconds since 1970.
        at_ms: u64,
    },
    /// Answers [`Request::Proof`].
    Proof {
        /// The proof, [`PROOF_BYTES_MAX`] bytes at most, where there is one for who asks.
        proof: Option<Vec<u8>>,
    },
    /// Answers [`Request::Groups`].
    Groups {
        /// Those in which the asking node is a member at the answering one's head, at most [`COMPARED_GROUPS_MAX`].
        groups: Vec<GroupId>,
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
            Self::Compare { groups } => f.debug_struct("Compare").field("groups", &groups.len()).finish(),
            Self::Reconcile { message, wanted, offered, .. } => {
                let mut told = f.debug_struct("Reconcile");
                told.field("bytes", &message.len()).field("wanted", &wanted.len()).field("offered", &offered.len());
                told.finish_non_exhaustive()
            }
            Self::OpenMailbox { .. } => f.debug_struct("OpenMailbox").finish_non_exhaustive(),
            Self::Deposit { deposits, .. } => {
                f.debug_struct("Deposit").field("deposits", &deposits.len()).finish_non_exhaustive()
            }
            Self::Collect { done, .. } => f.debug_struct("Collect").field("done", &done.len()).finish_non_exhaustive(),
            Self::Mail => f.write_str("Mail"),
            Self::LeavePrekeys { prekeys, .. } => {
                f.debug_struct("LeavePrekeys").field("bytes", &prekeys.len()).finish_non_exhaustive()
            }
            Self::Prekeys { .. } => f.debug_struct("Prekeys").finish_non_exhaustive(),
            Self::Time => f.write_str("Time"),
            Self::Groups => f.write_str("Groups"),
            Self::Proof { .. } => f.debug_struct("Proof").finish_non_exhaustive(),
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
            Self::Compare { differing } => f.debug_struct("Compare").field("differing", &differing.len()).finish(),
            Self::Reconcile { answer } => {
                let answer = answer.as_ref().map(|answer| (answer.message.len(), answer.wanted.len()));
                f.debug_struct("Reconcile").field("bytes_and_wanted", &answer).finish()
            }
            Self::OpenMailbox { .. } => f.debug_struct("OpenMailbox").finish_non_exhaustive(),
            Self::Deposit { verdicts } => f.debug_struct("Deposit").field("verdicts", verdicts).finish(),
            Self::Collect { deposits, .. } => {
                f.debug_struct("Collect").field("deposits", &deposits.len()).finish_non_exhaustive()
            }
            Self::Mail => f.write_str("Mail"),
            Self::LeavePrekeys { verdict } => f.debug_struct("LeavePrekeys").field("verdict", verdict).finish(),
            Self::Prekeys { prekeys } => {
                f.debug_struct("Prekeys").field("bytes", &prekeys.as_ref().map_or(0, Vec::len)).finish()
            }
            Self::Time { .. } => f.write_str("Time"),
            Self::Groups { groups } => f.debug_struct("Groups").field("groups", &groups.len()).finish(),
            Self::Proof { proof } => {
                f.debug_struct("Proof").field("bytes", &proof.as_ref().map_or(0, Vec::len)).finish()
            }
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
