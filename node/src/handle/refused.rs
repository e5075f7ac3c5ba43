//! Why the node did not do what was asked: each reason is a sentence that says what to do.

use super::{NAME_BYTES_MAX, PICTURE_BYTES_MAX, TEXT_BYTES_MAX, TOPIC_BYTES_MAX};
use crate::ids::MessageId;

/// Why the node did not do what was asked. Nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// No such conversation here.
    #[error("there is no such conversation here")]
    UnknownConversation,
    /// No such message here.
    #[error("there is no such message here")]
    UnknownMessage,
    /// A prefix that fits several messages.
    #[error("that is the beginning of several ids")]
    Ambiguous {
        /// The first few that fit.
        candidates: Vec<MessageId>,
    },
    /// No such contact here.
    #[error("there is no such contact here; add their card first")]
    UnknownContact,
    /// Only a short link is known of this contact, and their node was not reached yet.
    #[error(
        "their card has not arrived yet: it comes as soon as one of you can reach the other, or ask for their full link"
    )]
    CardIncomplete,
    /// The idempotency key made another message.
    #[error("this idempotency key was used for another message; use a fresh one for each message")]
    KeyUsed,
    /// The text is empty.
    #[error("there is nothing to send: the text is empty")]
    EmptyText,
    /// The text is too long.
    #[error("the text has {bytes} bytes; the limit is {TEXT_BYTES_MAX}. Send it in parts")]
    TextTooLong {
        /// How long it is.
        bytes: usize,
    },
    /// A name that is empty, too long, or holds control characters.
    #[error("a name has 1 to {NAME_BYTES_MAX} bytes and no line breaks or control characters")]
    BadName,
    /// The card link cannot be used.
    #[error("{0}")]
    BadLink(String),
    /// No such mailbox.
    #[error("this node does not use that mailbox; `tidings mailbox list` shows those it does")]
    UnknownMailbox,
    /// The file is no bundle, or not whole.
    #[error("{0}")]
    BadBundle(String),
    /// This node keeps nothing for others.
    #[error("this node keeps nothing for others: start it with `tidings up --mailbox`")]
    NoMailbox,
    /// Nobody with that account is blocked.
    #[error("that person is not blocked; `tidings block` lists who is")]
    NotBlocked,
    /// The safety number that was compared is another than the one with this contact.
    #[error("that is not the safety number with this contact: compare the one shown now")]
    OtherSafetyNumber,
    /// My own card.
    #[error("that is your own card; send it to somebody else and add theirs here")]
    OwnCard,
    /// A conversation with nobody.
    #[error("a conversation is with at least one contact")]
    NobodyNamed,
    /// The group's policy, or what kind of conversation it is, does not allow it.
    #[error("you may not do that here: {what}")]
    NotAllowed {
        /// What is not allowed, and to whom.
        what: String,
    },
    /// I am not a member of the conversation, or not any more.
    #[error("you are not in this conversation any more")]
    NotAMember,
    /// I asked to join, and nobody let me in yet.
    #[error("you are not in this conversation yet: it opens as soon as one of its members can be reached")]
    NotJoinedYet,
    /// The account is no member.
    #[error("that person is not in this conversation")]
    NoSuchMember,
    /// The account is a member already.
    #[error("that person is in this conversation already")]
    AlreadyMember,
    /// I cannot remove myself.
    #[error("to go yourself, leave the conversation")]
    OwnRemoval,
    /// A topic that is too long or holds control characters.
    #[error("a topic has at most {TOPIC_BYTES_MAX} bytes and no line breaks or control characters")]
    BadTopic,
    /// A picture that is too large or of another kind.
    #[error("a picture is a PNG, JPEG or WebP image of at most {PICTURE_BYTES_MAX} bytes")]
    BadPicture,
    /// A history, a timer or an invite with numbers that no group takes.
    #[error("{0}")]
    BadSetting(String),
    /// No such invite.
    #[error("there is no such invite here; it may be used up, too old or revoked")]
    UnknownInvite,
    /// Nobody with that account asked to join.
    #[error("that person has not asked to join, or it was decided already")]
    UnknownRequest,
    /// A member refused the invite.
    #[error("the invite was refused: {reason}")]
    InviteRefused {
        /// Why.
        reason: String,
    },
    /// The change cannot be made at the moment; nothing is wrong with it.
    #[error("that cannot be done just now: {why}")]
    NotNow {
        /// Why, and what helps.
        why: String,
    },
    /// A limit of this node is reached.
    #[error("this node's limit of {limit} {what} is reached")]
    LimitReached {
        /// Of what.
        what: &'static str,
        /// How many.
        limit: u64,
    },
    /// The sign-in link or session is unknown, used, or too old.
    #[error("this sign-in link was used already or is too old; `tidings link` makes a fresh one")]
    NotSignedIn,
    /// No issuer of that name is accepted, or the owner has no program there.
    #[error("this node knows no program of yours at that issuer; `tidings identity accept` names one")]
    UnknownIssuer,
    /// No such proof of mine.
    #[error("no such identity is linked; `tidings identity list` shows those that are")]
    UnknownIdentity,
    /// The sign-in elsewhere is unknown, over, or too old.
    #[error("this sign-in is over or too old: begin again")]
    UnknownSignIn,
    /// What was brought proves nothing.
    #[error("that proves nothing: {0}")]
    BadProof(String),
    /// A server that was asked gave no answer that can be used.
    #[error("{0}")]
    ProviderFailed(String),
    /// No such API token: it was never there, was revoked, or has expired.
    #[error("there is no such token here; `tidings token list` shows those there are")]
    UnknownToken,
    /// The disk is full: nothing was accepted.
    #[error("the disk is full, so nothing was accepted or changed; free some space and try again")]
    DiskFull,
    /// The database cannot be read.
    #[error("the database cannot be read; the log says why")]
    StoreFailed,
    /// The node is shutting down or has stopped.
    #[error("the node has stopped")]
    Stopped,
}
