//! What crosses the local door about messages: what one holds, what is proved of it, and how it is sent and read.

use serde::{Deserialize, Serialize};
use ts_rs::TS;
use utoipa::{IntoParams, ToSchema};

use super::groups::SystemChange;

/// What has been proved of a message, never a guess.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum MessageState {
    /// Durable on this node.
    Queued,
    /// A mailbox or another member keeps the envelope.
    Stored,
    /// Every recipient acknowledged that it was decrypted and stored.
    Delivered,
    /// Every recipient looked at it, and shares that.
    Seen,
    /// Somebody else's message, which this node holds.
    Received,
}

/// What a message holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum MessageKind {
    /// Text, written by a person.
    Text,
    /// A line about the group itself: who changed what.
    System,
}

/// A message as a person sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
pub struct Message {
    /// The message's id.
    pub message: String,
    /// The conversation it is in.
    pub conversation: String,
    /// The account that wrote it.
    pub sender: String,
    /// That person's name, as known here.
    pub sender_name: String,
    /// Whether I wrote it, on any of my nodes.
    pub mine: bool,
    /// The author's clock.
    pub sent_at_ms: u64,
    /// This node's clock when it was stored here.
    pub received_at_ms: u64,
    /// Its place in the transcript: messages sort by (`place`, `message`), the same on every node.
    pub place: u64,
    /// The text; of a line about the group, a sentence.
    pub text: String,
    /// What is proved of it.
    pub state: MessageState,
    /// What it holds.
    pub kind: MessageKind,
    /// The message it answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub reply_to: Option<String>,
    /// What a line about the group says, for programs; absent for text.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[ts(optional, as = "Option<Vec<SystemChange>>")]
    pub changes: Vec<SystemChange>,
    /// Whether it came here after messages that stand below it.
    pub late: bool,
    /// The account that shared it with me, where it was written before I joined.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub shared_by: Option<String>,
    /// That person's name, as known here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub shared_by_name: Option<String>,
}

/// A message's state for one recipient.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
pub struct Recipient {
    /// The recipient's account.
    pub account: String,
    /// Their name, as known here.
    pub name: String,
    /// What is proved for that recipient.
    pub state: MessageState,
    /// When that was learnt here.
    pub at_ms: u64,
    /// They are no longer in the conversation, so the message does not wait for them.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    #[ts(optional, as = "Option<bool>")]
    pub removed: bool,
    /// Who keeps it for them, while it is stored.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[ts(optional, as = "Option<Vec<KeptBy>>")]
    pub kept_by: Vec<KeptBy>,
}

/// Who keeps a message for somebody who does not have it yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
pub struct KeptBy {
    /// A mailbox of theirs: its peer id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub mailbox: Option<String>,
    /// Another member, who has it: the account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub account: Option<String>,
    /// That member's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub name: Option<String>,
}

/// A message with its state for each recipient.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
pub struct MessageDetail {
    /// The message.
    #[serde(flatten)]
    pub message: Message,
    /// One row a recipient; empty for a message of somebody else.
    pub recipients: Vec<Recipient>,
}

/// A page of history, oldest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
pub struct MessagePage {
    /// The messages.
    pub messages: Vec<Message>,
    /// Whether there are older ones before the first.
    pub more_before: bool,
    /// Whether there are newer ones after the last.
    pub more_after: bool,
}

/// Sends a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewMessage {
    /// The text: 1 byte to 64 KiB of UTF-8.
    pub text: String,
    /// The message it answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub reply_to: Option<String>,
}

/// Says how far the person has looked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SeenUpTo {
    /// The newest message that they looked at.
    pub message: String,
}

/// Which page of history; without `before` and `after` the newest messages.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct HistoryQuery {
    /// At most this many messages: 1 to 500, 50 where it is left out.
    pub limit: Option<u32>,
    /// Those just before this message.
    pub before: Option<String>,
    /// Those just after this message.
    pub after: Option<String>,
}
