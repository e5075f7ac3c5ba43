//! What a deposit says besides its envelope (PROTOCOL §4.7): how much its sender was told is kept, so that the reader
//! finds out when a mailbox drops or withholds something. Pure.

use tidings_crypto::card::MAILBOXES_MAX;
use tidings_crypto::codec::{Malformed, Reader, Writer};

use crate::conversation::ledger::Sequences;
use crate::ids::PeerKey;

/// A tally is this many bytes, whatever it says.
pub(crate) const TALLY_BYTES: usize = 16 + 8 + MAILBOXES_MAX * (8 + 8);
/// A stream whose numbers have more holes than this is somebody's play: it is believed no more.
pub(crate) const HOLES_MAX: usize = 1_000;

/// One sender's deposits for one node, at all of its mailboxes; a name by chance.
pub(crate) type Stream = [u8; 16];
/// A mailbox and the word that lets deposit there, as a tally names them.
pub(crate) type MailboxTag = [u8; 8];

/// Names a mailbox and the word that lets deposit there.
pub(crate) fn mailbox_tag(mailbox: &PeerKey, token: &[u8; 32]) -> MailboxTag {
    let mut hasher = blake3::Hasher::new_derive_key("tidings v1 deposit tally");
    hasher.update(&mailbox.0).update(token);
    let mut tag = [0; 8];
    hasher.finalize_xof().fill(&mut tag);
    tag
}

/// What a deposit says besides its envelope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tally {
    /// Whose deposits are counted.
    pub(crate) stream: Stream,
    /// This one's number at the mailbox where it lies, from 1.
    pub(crate) number: u64,
    /// How many were acknowledged by each of the reader's mailboxes, as far as the sender knows.
    pub(crate) kept: Vec<(MailboxTag, u64)>,
}

impl Tally {
    /// The tally and what goes with it.
    pub(crate) fn before(&self, envelope: &[u8]) -> Vec<u8> {
        let mut writer = Writer::new();
        writer.array(&self.stream).u64(self.number);
        for place in 0..MAILBOXES_MAX {
            let (tag, kept) = self.kept.get(place).copied().unwrap_or_default();
            writer.array(&tag).u64(kept);
        }
        writer.array(envelope);
        writer.into_bytes()
    }

    /// The tally, and what goes with it.
    pub(crate) fn split(bytes: &[u8]) -> Result<(Self, &[u8]), Malformed> {
        let (tally, envelope) = bytes.split_at_checked(TALLY_BYTES).ok_or(Malformed::Truncated)?;
        let mut reader = Reader::new(tally);
        let (stream, number) = (reader.array()?, reader.u64()?);
        let mut kept = Vec::with_capacity(MAILBOXES_MAX);
        for _ in 0..MAILBOXES_MAX {
            let (tag, count) = (reader.array()?, reader.u64()?);
            if tag != MailboxTag::default() {
                kept.push((tag, count));
            }
        }
        reader.finish()?;
        Ok((Self { stream, number, kept }, envelope))
    }
}

/// How many of the numbers up to `claimed` did not come.
pub(crate) fn missing(seen: &Sequences, claimed: u64) -> u64 {
    let came = seen.ranges().iter().map(|(first, last)| (*last).min(claimed).saturating_add(1).saturating_sub(*first));
    claimed.saturating_sub(came.sum())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tally_comes_back_as_it_was_and_is_always_as_long() {
        for kept in [vec![], vec![([1; 8], 5)], vec![([1; 8], 5), ([2; 8], 0), ([3; 8], u64::MAX), ([4; 8], 9)]] {
            let tally = Tally { stream: [7; 16], number: 3, kept };
            let bytes = tally.before(b"envelope");
            assert_eq!(bytes.len(), TALLY_BYTES + 8);
            assert_eq!(Tally::split(&bytes), Ok((tally, b"envelope".as_slice())));
            assert!(Tally::split(&bytes[..TALLY_BYTES - 1]).is_err());
        }
    }

    #[test]
    fn what_did_not_come_is_counted_up_to_what_was_claimed() {
        let mut seen = Sequences::default();
        assert_eq!((missing(&seen, 0), missing(&seen, 4)), (0, 4));
        for number in [1, 2, 4, 9] {
            seen.insert(number);
        }
        assert_eq!([1, 2, 3, 4, 5, 9, 10].map(|claimed| missing(&seen, claimed)), [0, 0, 1, 1, 2, 5, 6]);
    }

    #[test]
    fn the_name_of_a_mailbox_depends_on_the_word_too() {
        assert_ne!(mailbox_tag(&PeerKey([1; 32]), &[2; 32]), mailbox_tag(&PeerKey([1; 32]), &[3; 32]));
        assert_ne!(mailbox_tag(&PeerKey([1; 32]), &[2; 32]), mailbox_tag(&PeerKey([2; 32]), &[2; 32]));
    }
}
