//! What the API answers, as far as the command line reads it; unknown fields are let through for newer nodes.

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
    /// It came after newer ones had been here for a while.
    #[serde(default)]
    pub(crate) late: bool,
    /// Who shared it with me, where it was written before I joined.
    #[serde(default)]
    pub(crate) shared_by_name: Option<String>,
}

impl Message {
    /// Whether it says what happened to the conversation, rather than what somebody wrote.
    pub(crate) fn is_system(&self) -> bool {
        self.kind == "system"
    }
}

/// What was looked at, and what is wrong with it.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Finding {
    pub(crate) check: String,
    pub(crate) verdict: String,
    pub(crate) says: String,
    #[serde(default)]
    pub(crate) advice: Option<String>,
}

/// Who keeps envelopes for me.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Mailbox {
    pub(crate) peer_id: String,
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) opened_at_ms: Option<u64>,
    #[serde(default)]
    pub(crate) collected_at_ms: Option<u64>,
    #[serde(default)]
    pub(crate) refused: Option<String>,
    pub(crate) online: bool,
    #[serde(default)]
    pub(crate) missing: u64,
    #[serde(default)]
    pub(crate) missing_says: u64,
    #[serde(default)]
    pub(crate) proved_at_ms: Option<u64>,
    #[serde(default)]
    pub(crate) unproved: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct MailboxLink {
    pub(crate) link: String,
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
    #[serde(default)]
    pub(crate) removed: bool,
    #[serde(default)]
    pub(crate) kept_by: Vec<KeptBy>,
}

/// Who keeps a message for somebody who does not have it yet: a mailbox, or a member.
#[derive(Debug, Clone, Deserialize, Serialize)]
pub(crate) struct KeptBy {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) mailbox: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) account: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) name: Option<String>,
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
    #[serde(default)]
    pub(crate) topic: String,
    pub(crate) members: Vec<Member>,
    #[serde(default)]
    pub(crate) standing: Standing,
    #[serde(default)]
    pub(crate) refused: Option<String>,
    pub(crate) unread: u64,
    #[serde(default)]
    pub(crate) last_message: Option<Message>,
    pub(crate) last_at_ms: u64,
}

/// What an account may do in a conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Role {
    Owner,
    Admin,
    #[default]
    Member,
    ReadOnly,
}

/// How this node stands to a conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Standing {
    #[default]
    Member,
    Left,
    Removed,
    ComingBack,
    Joining,
}

#[derive(Debug, Clone, Deserialize, Serialize)]
pub(crate) struct Member {
    pub(crate) account: String,
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) me: bool,
    #[serde(default)]
    pub(crate) role: Role,
    #[serde(default)]
    pub(crate) nodes: u32,
}

/// A conversation with everything that its members agree on.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Group {
    pub(crate) conversation: Conversation,
    pub(crate) history: History,
    pub(crate) disappearing_s: u64,
    pub(crate) may_invite: String,
    pub(crate) may_edit: String,
    pub(crate) invites: Vec<Invite>,
    pub(crate) suite: String,
    pub(crate) could_be_hybrid: bool,
    pub(crate) requests: Vec<JoinRequest>,
    pub(crate) pending: Vec<String>,
    #[serde(default)]
    pub(crate) given_up: Vec<String>,
}

/// What new members are shown of what was before them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(crate) enum History {
    Nothing,
    Days { days: u16 },
    Everything,
}

/// A link by which people may join.
#[derive(Debug, Clone, Deserialize, Serialize)]
pub(crate) struct Invite {
    #[serde(rename = "invite")]
    pub(crate) id: String,
    /// Only on the node that made it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) link: Option<String>,
    pub(crate) creator_name: String,
    pub(crate) expires_at_ms: u64,
    #[serde(default)]
    pub(crate) uses: Option<u16>,
    pub(crate) role: Role,
    pub(crate) approval: bool,
}

/// Somebody who asks to join.
#[derive(Debug, Clone, Deserialize, Serialize)]
pub(crate) struct JoinRequest {
    pub(crate) account: String,
    pub(crate) name: String,
    pub(crate) asked_at_ms: u64,
}

#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
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
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) blocked: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) verified_at_ms: Option<u64>,
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
    #[serde(default)]
    pub(crate) disk_full: bool,
    #[serde(default)]
    pub(crate) mailbox: bool,
}

/// What is kept; printed as it comes.
#[derive(Debug, Clone, Deserialize, Serialize)]
pub(crate) struct Storage {
    pub(crate) database_bytes: u64,
    pub(crate) free_bytes: u64,
    pub(crate) messages: u64,
    pub(crate) held_bytes: u64,
    pub(crate) mailbox_bytes: u64,
    pub(crate) limits: StorageLimits,
}

#[derive(Debug, Clone, Deserialize, Serialize)]
pub(crate) struct StorageLimits {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) keep_days: Option<u32>,
    pub(crate) held_bytes_max: u64,
    pub(crate) mailbox_bytes_max: u64,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Peer {
    #[serde(rename = "peer_id")]
    pub(crate) id: String,
    pub(crate) path: Path,
    #[serde(default)]
    pub(crate) account: Option<String>,
    #[serde(default)]
    pub(crate) name: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Path {
    Direct,
    Punched,
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
