//! What crosses the local door about conversations, as the list shows them.

use serde::{Deserialize, Serialize};
use ts_rs::TS;
use utoipa::ToSchema;

use super::Message;
use super::groups::{Role, Standing};

/// A conversation, as the list shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
pub struct Conversation {
    /// The conversation's id.
    pub conversation: String,
    /// Its name: the contact's for a direct conversation.
    pub name: String,
    /// What it is about, in a line; empty where nobody said.
    pub topic: String,
    /// Names its picture, and changes with it; absent where it has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub picture: Option<String>,
    /// How this node stands to it.
    pub standing: Standing,
    /// Why the invite by which I asked to join was refused, in a sentence; absent if it was not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub refused: Option<String>,
    /// What I may do here.
    pub my_role: Role,
    /// Whether what I write now would be accepted.
    pub can_write: bool,
    /// Whether it is the direct conversation with one person.
    pub direct: bool,
    /// The accounts in it, mine included.
    pub members: Vec<Member>,
    /// How many messages of others I have not seen.
    pub unread: u64,
    /// The newest message of others that I have seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub seen_up_to: Option<String>,
    /// The last message, by the transcript's order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub last_message: Option<Message>,
    /// When something last happened here.
    pub last_at_ms: u64,
}

/// An account in a conversation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
pub struct Member {
    /// The account.
    pub account: String,
    /// Their name, as known here.
    pub name: String,
    /// Whether it is me.
    pub me: bool,
    /// What they may do here.
    pub role: Role,
    /// How many of their nodes are in it.
    pub nodes: u32,
}

/// Starts a conversation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewConversation {
    /// With whom: account ids of contacts.
    pub contacts: Vec<String>,
    /// Its name; left out, one contact means the direct conversation with them, old or new.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub name: Option<String>,
}
