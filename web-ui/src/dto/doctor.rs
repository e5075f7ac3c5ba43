//! What crosses the local door about what is wrong with a node.

use serde::{Deserialize, Serialize};
use ts_rs::TS;
use utoipa::ToSchema;

/// What was looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Check {
    /// The clock.
    Clock,
    /// The disk.
    Disk,
    /// The database.
    Database,
    /// Whether this node is the only one of its kind.
    Copy,
    /// How others reach this node.
    Reachability,
    /// A relay at which this node has a place.
    Relay,
    /// A mailbox of this node.
    Mailbox,
    /// Somebody who cannot be reached.
    Person,
    /// What waits to be delivered.
    Queue,
}

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Nothing is wrong.
    Good,
    /// It works, and could be better.
    Note,
    /// Something does not work.
    Bad,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
pub struct Finding {
    /// What.
    pub check: Check,
    /// How bad it is.
    pub verdict: Verdict,
    /// What was found, as a sentence.
    pub says: String,
    /// What to do, where something is to be done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub advice: Option<String>,
}
