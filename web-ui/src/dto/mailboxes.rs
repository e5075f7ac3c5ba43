//! What crosses the local door about mailboxes.

use serde::{Deserialize, Serialize};
use ts_rs::TS;
use utoipa::ToSchema;

/// Who keeps envelopes for this node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
pub struct Mailbox {
    /// The node's libp2p peer id, in base 58.
    pub peer_id: String,
    /// The contact who runs it, or its peer id.
    pub name: String,
    /// Since when it is used.
    pub used_since_ms: u64,
    /// When it said first that it serves this node.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub opened_at_ms: Option<u64>,
    /// When all that it kept was collected last, to the minute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub collected_at_ms: Option<u64>,
    /// Why it does not serve this node, where it does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub refused: Option<String>,
    /// Whether it is connected now.
    pub online: bool,
    /// How many envelopes it did not give that it had acknowledged, as their senders say.
    #[serde(default, skip_serializing_if = "is_zero")]
    #[ts(optional, as = "Option<u64>")]
    pub missing: u64,
    /// How many senders say so.
    #[serde(default, skip_serializing_if = "is_zero")]
    #[ts(optional, as = "Option<u64>")]
    pub missing_says: u64,
    /// When a test envelope came back from it last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub proved_at_ms: Option<u64>,
    /// Why the last test envelope did not come back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub unproved: Option<String>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes fields by reference")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// A mailbox to use: its link, or the contact who runs it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
pub struct NewMailbox {
    /// What `tidings mailbox link` printed there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub link: Option<String>,
    /// The contact's account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub contact: Option<String>,
}

/// The link by which others use this node's mailbox.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
pub struct MailboxLink {
    /// Whoever has it is served.
    pub link: String,
}
