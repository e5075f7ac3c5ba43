//! What a person may notice: the only events that leave the node's engine.
//!
//! Every event is an *upsert*: applying it twice, or after a fresh read, does no harm.

use crate::handle::{Contact, Conversation, Message, MessageState};
use crate::ids::{ConversationId, MessageId};

/// Something that a person may notice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A message is new, or changed in any way.
    Message(Message),
    /// A line of the transcript is gone: the change that it told lost against another.
    MessageGone {
        /// The conversation it was in.
        conversation: ConversationId,
        /// The message.
        message: MessageId,
    },
    /// The states of messages that I sent moved on.
    States {
        /// The conversation they are in.
        conversation: ConversationId,
        /// Each message with its new state.
        states: Vec<(MessageId, MessageState)>,
    },
    /// A conversation is new, or its summary changed.
    Conversation(Conversation),
    /// A contact is new, or changed.
    Contact(Contact),
    /// The number of connected peers changed.
    Peers {
        /// How many peers are connected now.
        connected: u32,
    },
    /// What strangers began, or who is blocked, changed: it is to be read again.
    Requests {
        /// How many wait for a decision.
        waiting: u32,
    },
    /// My own name or addresses changed, and so my card did.
    Profile,
}

/// The place of an event in the stream of one run of the node.
///
/// A listener that reconnects names the last one it saw; one from another run is unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventId {
    /// Random for each start of the node.
    pub run: u64,
    /// Counts from 1 within the run.
    pub number: u64,
}

/// What a listener receives.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "nearly every notice is an event")]
pub enum Notice {
    /// The next event.
    Event(EventId, Event),
    /// Events were missed (another run, or too far behind): read everything again; what follows continues from here.
    Lagged(EventId),
}
