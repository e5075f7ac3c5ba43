//! What crosses the local door about the live stream: what happened, and where the stream goes on.

use serde::{Deserialize, Serialize};
use ts_rs::TS;
use utoipa::{IntoParams, ToSchema};

use super::{Contact, Conversation, Message, MessageState};

/// One frame of the live stream. Every event is an upsert: applying it twice does no harm.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
pub struct Frame {
    /// Where in the stream: the run in hexadecimal, `-`, the number in decimal. Resume after it.
    pub id: String,
    /// What happened.
    #[serde(flatten)]
    pub event: Event,
}

/// Something that a person may notice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Event {
    /// First on every connection; what follows comes after its id.
    Hello {
        /// My account.
        account: String,
    },
    /// A message is new, or changed in any way.
    Message {
        /// The message.
        message: Message,
    },
    /// The states of messages that I sent moved on.
    States {
        /// The conversation they are in.
        conversation: String,
        /// Each message with its new state.
        states: Vec<StateChange>,
    },
    /// A conversation is new, or its summary changed.
    Conversation {
        /// The conversation.
        conversation: Conversation,
    },
    /// A message is no longer in the transcript.
    MessageGone {
        /// The message.
        message: String,
    },
    /// A contact is new, or changed.
    Contact {
        /// The contact.
        contact: Contact,
    },
    /// The number of connected peers changed.
    Peers {
        /// How many peers are connected now.
        connected: u32,
    },
    /// What strangers began, or who is blocked, changed: read it again.
    Requests {
        /// How many wait for my decision.
        waiting: u32,
    },
    /// My own name or addresses changed, and so my card did.
    Profile,
    /// Events were missed: read everything again; what follows continues from here.
    Lagged,
}

impl Event {
    /// The value of `type`: the name of the event in a server-sent stream.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Hello { .. } => "hello",
            Self::Message { .. } => "message",
            Self::States { .. } => "states",
            Self::Conversation { .. } => "conversation",
            Self::MessageGone { .. } => "message_gone",
            Self::Contact { .. } => "contact",
            Self::Peers { .. } => "peers",
            Self::Requests { .. } => "requests",
            Self::Profile => "profile",
            Self::Lagged => "lagged",
        }
    }
}

/// A message whose state moved on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
pub struct StateChange {
    /// The message.
    pub message: String,
    /// What is proved of it now.
    pub state: MessageState,
}

/// Where a live stream goes on.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ResumeQuery {
    /// The id of the last frame that was seen; left out, the stream starts now.
    pub after: Option<String>,
}
