//! What the API answers, as far as the command line reads it; unknown fields are let through for newer nodes.

use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};

/// What has been proved of a message, in the order in which it happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum State {
    Queued,
    Stored,
    Delivered,
    Seen,
    Received,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Message {
    #[serde(rename = "message")]
    pub(crate) id: String,
    pub(crate) conversation: String,
    pub(crate) sender: String,
    pub(crate) sender_name: String,
    pub(crate) mine: bool,
    pub(crate) sent_at_ms: u64,
    pub(crate) received_at_ms: u64,
    pub(crate) text: String,
    pub(crate) state: State,
    pub(crate) kind: String,
    #[serde(default)]
    pub(crate) reply_to: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct MessageDetail {
    #[serde(flatten)]
    pub(crate) message: Message,
    pub(crate) recipients: Vec<Recipient>,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Recipient {
    pub(crate) account: String,
    pub(crate) name: String,
    pub(crate) state: State,
    pub(crate) at_ms: u64,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct MessagePage {
    pub(crate) messages: Vec<Message>,
    pub(crate) more_before: bool,
    pub(crate) more_after: bool,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Conversation {
    #[serde(rename = "conversation")]
    pub(crate) id: String,
    pub(crate) name: String,
    /// Only how many there are is of interest here.
    pub(crate) members: Vec<IgnoredAny>,
    pub(crate) unread: u64,
    #[serde(default)]
    pub(crate) last_message: Option<Message>,
    pub(crate) last_at_ms: u64,
}

#[derive(Debug, Clone, Deserialize, Serialize)]
pub(crate) struct Contact {
    #[serde(rename = "contact")]
    pub(crate) account: String,
    pub(crate) name: String,
    pub(crate) added: bool,
    pub(crate) card_complete: bool,
    pub(crate) safety_number: String,
    pub(crate) online: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) conversation: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Status {
    pub(crate) account: String,
    pub(crate) name: String,
    pub(crate) peer_id: String,
    pub(crate) addresses: Vec<String>,
    pub(crate) peers: Vec<Peer>,
    pub(crate) queued: u64,
    pub(crate) passphrase: bool,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Peer {
    #[serde(rename = "peer_id")]
    pub(crate) id: String,
    pub(crate) path: Path,
    #[serde(default)]
    pub(crate) account: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Path {
    Direct,
    Relayed,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct CardLinks {
    pub(crate) link: String,
    pub(crate) short_link: String,
    pub(crate) account: String,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct SignInLink {
    pub(crate) url: String,
}

/// RFC 9457, with our stable code.
#[derive(Debug, Deserialize)]
pub(crate) struct Problem {
    #[serde(default)]
    pub(crate) title: String,
    #[serde(default)]
    pub(crate) code: String,
    #[serde(default)]
    pub(crate) detail: String,
    #[serde(default)]
    pub(crate) candidates: Vec<String>,
}
