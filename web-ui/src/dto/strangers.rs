//! What crosses the local door about strangers, who is blocked, and who was verified in person.

use serde::{Deserialize, Serialize};
use ts_rs::TS;
use utoipa::ToSchema;

/// A conversation that somebody began who is no contact. Names are theirs: text, and nothing else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
pub struct StrangerRequest {
    /// Names it.
    pub conversation: String,
    /// Who began it, or brought me into it.
    pub account: String,
    /// That account's thirty digits.
    pub fingerprint: String,
    /// The name that they give themselves: at most 128 bytes.
    pub name: String,
    /// When it came.
    pub at_ms: u64,
    /// Whether it is a direct conversation.
    pub direct: bool,
    /// What they call the group: at most 128 bytes; empty if nothing, or for a direct conversation.
    pub group_name: String,
    /// How many people are in it, me included.
    pub people: u64,
    /// How many texts are kept for when it is accepted.
    pub messages: u64,
    /// Groups in which I am with them already: a few names.
    pub met_in: Vec<String>,
}

/// Somebody of whom I want nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
pub struct Blocked {
    /// Who.
    pub account: String,
    /// What they were called when I blocked them.
    pub name: String,
    /// Since when.
    pub at_ms: u64,
}

/// How somebody was verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum VerifiedHow {
    /// Both compared the safety number.
    InPerson,
}

/// Whether a contact was verified in person, and what is compared for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
pub struct Verification {
    /// The contact's account.
    pub contact: String,
    /// The sixty digits that both see; empty while their card is not here.
    pub safety_number: String,
    /// How; absent while it was not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub how: Option<VerifiedHow>,
    /// When.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub verified_at_ms: Option<u64>,
}

/// Marks a contact as verified in person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewVerification {
    /// The number that both compared; another than the one with this contact now is refused.
    pub safety_number: String,
}
