//! What crosses the local door about storage.

use serde::{Deserialize, Serialize};
use ts_rs::TS;
use utoipa::ToSchema;

use tidings_node::handle;

/// What the owner allows this node to keep.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
pub struct StorageLimits {
    /// For how many days messages are kept after they came here, 1 to 36,500; without it for ever.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub keep_days: Option<u32>,
    /// How many bytes of sealed envelopes are kept for fellow members.
    pub held_bytes_max: u64,
    /// How many bytes this node's mailbox keeps for others.
    pub mailbox_bytes_max: u64,
}

/// What is kept, and what may be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
pub struct Storage {
    /// The bytes of the database, without its log.
    pub database_bytes: u64,
    /// How many of these are free, and used again before the file grows.
    pub free_bytes: u64,
    /// How many messages are kept.
    pub messages: u64,
    /// How many bytes of sealed envelopes are kept for fellow members.
    pub held_bytes: u64,
    /// How many bytes this node's mailbox keeps for others.
    pub mailbox_bytes: u64,
    /// What may be.
    pub limits: StorageLimits,
}

impl From<handle::Storage> for Storage {
    fn from(storage: handle::Storage) -> Self {
        Self {
            database_bytes: storage.database_bytes,
            free_bytes: storage.free_bytes,
            messages: storage.messages,
            held_bytes: storage.held_bytes,
            mailbox_bytes: storage.mailbox_bytes,
            limits: StorageLimits {
                keep_days: storage.limits.keep_days,
                held_bytes_max: storage.limits.held_bytes_max,
                mailbox_bytes_max: storage.limits.mailbox_bytes_max,
            },
        }
    }
}

impl From<StorageLimits> for handle::StorageLimits {
    fn from(limits: StorageLimits) -> Self {
        Self {
            keep_days: limits.keep_days,
            held_bytes_max: limits.held_bytes_max,
            mailbox_bytes_max: limits.mailbox_bytes_max,
        }
    }
}
