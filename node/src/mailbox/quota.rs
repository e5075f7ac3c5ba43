//! How much a mailbox keeps (PROTOCOL §6.14). Pure.

use tidings_crypto::envelope::DEPOSIT_BYTES_MAX;

use crate::wire::request::DepositVerdict;

/// One queue keeps at most so many deposits …
pub(crate) const QUEUE_ITEMS_MAX: u64 = 10_000;
/// … and so many bytes. A guess: some weeks of a lively group.
pub(crate) const QUEUE_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// A mailbox has at most so many queues …
pub(crate) const QUEUES_MAX: u64 = 10_000;
/// … and for one peer so many: the present one, and one that is being emptied.
pub(crate) const QUEUES_A_PEER_MAX: u64 = 2;
/// What a node left for who wants to add it is replaced at most this often …
pub(crate) const PREKEYS_PAUSE_MS: u64 = 5_000;
/// … and given at most so often in a minute. A guess: everybody of a large group who meets a link at once.
pub(crate) const ASKED_IN_A_MINUTE_MAX: u32 = 120;
/// What nobody collected goes after so long.
pub(crate) const KEPT_MS: u64 = 30 * 24 * 60 * 60 * 1_000;
/// A queue that nobody collected from for so long goes.
pub(crate) const QUEUE_KEPT_MS: u64 = 180 * 24 * 60 * 60 * 1_000;

/// How full a queue and its mailbox are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Usage {
    /// Deposits in the queue.
    pub(crate) items: u64,
    /// Their bytes.
    pub(crate) bytes: u64,
    /// The bytes of all queues.
    pub(crate) all_bytes: u64,
    /// How many they may be: what the mailbox's owner can spare.
    pub(crate) all_bytes_max: u64,
}

impl Usage {
    /// Whether one more deposit of this length finds room; if so, it counts.
    pub(crate) fn take(&mut self, length: usize) -> DepositVerdict {
        if length > DEPOSIT_BYTES_MAX {
            return DepositVerdict::Refused;
        }
        let length = u64::try_from(length).unwrap_or(u64::MAX);
        let (bytes, all_bytes) = (self.bytes.saturating_add(length), self.all_bytes.saturating_add(length));
        if self.items >= QUEUE_ITEMS_MAX || bytes > QUEUE_BYTES_MAX || all_bytes > self.all_bytes_max {
            return DepositVerdict::Full;
        }
        *self = Self { items: self.items.saturating_add(1), bytes, all_bytes, ..*self };
        DepositVerdict::Kept
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_queue_is_full_by_number_by_bytes_and_with_the_whole_mailbox() {
        let empty = Usage { items: 0, bytes: 0, all_bytes: 0, all_bytes_max: 1_000_000 };
        let mut usage = empty;
        assert_eq!(usage.take(300), DepositVerdict::Kept);
        assert_eq!(usage, Usage { items: 1, bytes: 300, all_bytes: 300, ..empty });
        for full in [
            Usage { items: QUEUE_ITEMS_MAX, ..empty },
            Usage { bytes: QUEUE_BYTES_MAX - 299, ..empty },
            Usage { all_bytes: 1_000_000 - 299, ..empty },
        ] {
            let mut usage = full;
            assert_eq!((usage.take(300), usage), (DepositVerdict::Full, full));
        }
        assert_eq!(usage.take(DEPOSIT_BYTES_MAX + 1), DepositVerdict::Refused);
    }
}
