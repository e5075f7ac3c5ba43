//! What is owed to whom (PROTOCOL §6): when to try again, and how much at once. Pure.
//!
//! An envelope goes out by gossip at once; what is not proved to have arrived by its next attempt is pushed to the
//! recipient's node itself, and again, until that node says that it keeps it. Nothing is ever given up.

/// After gossip, a receipt has this long to come before the envelope is pushed. A guess: a few round trips.
pub const FIRST_ATTEMPT_AFTER_MS: u64 = 1_000;
/// The longest pause between two attempts while the recipient's node is connected and may take it any moment. A guess.
pub const ATTEMPT_PAUSE_MS_MAX: u64 = 60_000;
/// After this many attempts, more than an hour of them, …
const ATTEMPTS_IN_HASTE_MAX: u32 = 80;
/// … a node that goes on saying *later* lacks something that does not come by itself soon, and is asked this often. It
/// begins anew whenever the node connects. A guess.
const ATTEMPT_PAUSE_MS_LONG: u64 = 15 * 60_000;
/// A push carries at most this many envelopes …
pub const PUSH_ENVELOPES_MAX: usize = 256;
/// … and this many bytes (the request's limit is 1 MiB, framing included).
pub const PUSH_BYTES_MAX: usize = 900 * 1024;
/// What a node refused this often it will always refuse. A guess: a few minutes.
pub const REFUSED_ATTEMPTS_MAX: u32 = 8;
/// A message that a node answers with *later* this often is said again in the head, where that is another epoch: the
/// node may have forgotten the topic, and then it cannot even say that the message is gone. A guess: some minutes.
pub const LATER_ATTEMPTS_MAX: u32 = 12;
/// What is neither a message nor a welcome is given up after this many answers of *later*: more than a day with the node
/// connected all the time. Who lacks a commit for so long comes back by asking for a way in. A guess. What is of a branch that
/// the group has left, or for who is no member, is given up after [`LATER_ATTEMPTS_MAX`].
pub const STATEMENT_ATTEMPTS_MAX: u32 = 180;
/// Beyond this many messages that some recipient has not proved, a conversation's messages are pushed in order instead
/// of gossiped: a message that gossip loses must still be within the ratchet's reach when it is pushed
/// ([`tidings_crypto::group::OUT_OF_ORDER_MAX`]), or it could never be read.
pub const GOSSIP_WINDOW_MAX: u64 = 512;
const _: () = assert!(GOSSIP_WINDOW_MAX < tidings_crypto::group::OUT_OF_ORDER_MAX as u64, "the ratchet reaches back");

/// What an outbox row carries, in the store's numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// The welcome to a group: comes before all else of that group.
    Welcome,
    /// A commit of a group.
    Commit,
    /// A message of a person.
    Message,
    /// A receipt; a newer one to the same node replaces it.
    Receipt,
    /// A ballot; a newer one of the same conversation replaces it.
    Ballot,
    /// What a node says for its owner and is no message: history, a request to join, a refusal, that somebody leaves.
    Statement,
}

impl Kind {
    /// The store's number.
    pub fn number(self) -> i64 {
        match self {
            Self::Welcome => 1,
            Self::Commit => 2,
            Self::Message => 3,
            Self::Receipt => 4,
            Self::Ballot => 5,
            Self::Statement => 6,
        }
    }
}

/// When to try again after `attempts` attempts (this one included): doubling from two seconds, at most a minute, after
/// an hour a quarter of one; moved by up to a quarter so that many rows do not fall due together. `chance` is any random
/// number.
pub fn next_attempt_ms(now_ms: u64, attempts: u32, chance: u32) -> u64 {
    let doubled_ms = FIRST_ATTEMPT_AFTER_MS.saturating_mul(1 << attempts.min(6));
    let pause_ms = match attempts {
        0..=ATTEMPTS_IN_HASTE_MAX => doubled_ms.min(ATTEMPT_PAUSE_MS_MAX),
        _ => ATTEMPT_PAUSE_MS_LONG,
    };
    let spread_ms = u64::from(chance) % (pause_ms / 4).max(1);
    now_ms.saturating_add(pause_ms).saturating_add(spread_ms)
}

/// So many bytes go into one push through a relay, or it is one envelope: relays cut a circuit after so many (the library's
/// after 128 KiB), and what is cut begins anew.
pub(crate) const RELAYED_BYTES_MAX: usize = 32 * 1024;

/// How many of these envelopes, given by their lengths and in this order, go into one push of so many bytes: at least one.
pub(crate) fn push_length(lengths: impl IntoIterator<Item = usize>, bytes_max: usize) -> usize {
    let mut bytes = 0_usize;
    let fitting = lengths
        .into_iter()
        .take(PUSH_ENVELOPES_MAX)
        .take_while(|length| {
            bytes = bytes.saturating_add(*length);
            bytes <= bytes_max
        })
        .count();
    fitting.max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attempts_grow_apart_and_never_end() {
        let pauses: Vec<u64> = (0..12).map(|attempts| next_attempt_ms(0, attempts, 0)).collect();
        assert_eq!(
            pauses,
            [1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000, 60_000, 60_000, 60_000, 60_000]
        );
        assert!(next_attempt_ms(0, ATTEMPTS_IN_HASTE_MAX, u32::MAX) <= 75_000);
        assert!(next_attempt_ms(0, u32::MAX, u32::MAX) <= 19 * 60_000);
    }

    #[test]
    fn a_push_is_bounded_in_number_and_bytes_and_never_empty() {
        assert_eq!(push_length(vec![100; 1_000], PUSH_BYTES_MAX), PUSH_ENVELOPES_MAX);
        assert_eq!(push_length(vec![256 * 1024; 10], PUSH_BYTES_MAX), 3);
        assert_eq!(push_length(vec![10 * 1024; 10], RELAYED_BYTES_MAX), 3);
        assert_eq!(push_length([PUSH_BYTES_MAX * 2], PUSH_BYTES_MAX), 1);
    }
}
