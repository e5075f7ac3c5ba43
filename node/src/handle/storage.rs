//! What this node keeps, for how long, and how much of it.

use super::{Handle, Refused, unreadable};
use crate::engine::Command;

/// How long messages are kept at most, if not for ever.
pub const KEEP_DAYS_MAX: u32 = 36_500;

/// What the owner allows this node to keep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StorageLimits {
    /// For how many days messages are kept after they came here; `None` for ever.
    pub keep_days: Option<u32>,
    /// How many bytes of sealed envelopes are kept for fellow members.
    pub held_bytes_max: u64,
    /// How many bytes this node's mailbox keeps for others.
    pub mailbox_bytes_max: u64,
}

/// The defaults, which are guesses: a tenth of a small disk, and what a small server can spare.
impl Default for StorageLimits {
    fn default() -> Self {
        const GIB: u64 = 1024 * 1024 * 1024;
        Self { keep_days: None, held_bytes_max: 4 * GIB, mailbox_bytes_max: 8 * GIB }
    }
}

impl StorageLimits {
    /// As it lies in the database: the days (0 for ever), and the two limits, 8 bytes each.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let days = u64::from(self.keep_days.unwrap_or(0));
        [days, self.held_bytes_max, self.mailbox_bytes_max].into_iter().flat_map(u64::to_be_bytes).collect()
    }

    /// The defaults for whatever is not there.
    pub(crate) fn decode(bytes: Option<&[u8]>) -> Self {
        let numbers = bytes.filter(|bytes| bytes.len() == 24).unwrap_or_default().chunks_exact(8);
        let numbers: Vec<u64> =
            numbers.filter_map(|number| Some(u64::from_be_bytes(number.try_into().ok()?))).collect();
        match numbers.as_slice() {
            [days, held_bytes_max, mailbox_bytes_max] => Self {
                keep_days: u32::try_from(*days).ok().filter(|days| *days > 0),
                held_bytes_max: *held_bytes_max,
                mailbox_bytes_max: *mailbox_bytes_max,
            },
            _ => Self::default(),
        }
    }
}

/// What is kept, and what may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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

impl Handle {
    /// What is kept, and what may be.
    pub async fn storage(&self) -> Result<Storage, Refused> {
        self.reader.storage().await.map_err(unreadable)
    }

    /// Changes what may be kept. Messages that are too old by it go within minutes, and do not come back.
    pub async fn set_storage(&self, limits: StorageLimits) -> Result<Storage, Refused> {
        self.ask(Command::SetStorage(limits)).await?;
        self.storage().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_encoded_is_decoded_and_anything_else_is_the_default() {
        let limits = StorageLimits { keep_days: Some(30), held_bytes_max: 1, mailbox_bytes_max: u64::MAX };
        assert_eq!(StorageLimits::decode(Some(&limits.encode())), limits);
        assert_eq!(StorageLimits::decode(Some(&StorageLimits::default().encode())), StorageLimits::default());
        assert_eq!(StorageLimits::decode(Some(b"short")), StorageLimits::default());
        assert_eq!(StorageLimits::decode(None), StorageLimits::default());
    }
}
