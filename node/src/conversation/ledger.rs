//! Who has what (PROTOCOL §6): sets of sequence numbers, and what a receipt adds to them. Pure.
//!
//! Every author's node numbers its messages in a conversation 1, 2, 3 …; a receipt says which numbers of which author
//! its sender holds and has looked at. Receipts are cumulative: the newest says all that the earlier ones said.

use std::collections::BTreeMap;

use tidings_crypto::codec::{Malformed, Reader, Writer};
use tidings_crypto::identity::NodeId;

/// A receipt says this many ranges of a set, the lowest: what is left out is said by a later one.
pub const RANGES_MAX: usize = 64;
/// A node keeps this many; only somebody who numbers messages with holes on purpose makes so many.
const RANGES_KEPT_MAX: usize = 65_535;

/// A set of sequence numbers as sorted, disjoint, non-adjacent ranges (both ends included).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sequences {
    ranges: Vec<(u64, u64)>,
}

impl Sequences {
    /// Whether it holds this number.
    pub fn contains(&self, number: u64) -> bool {
        let after = self.ranges.partition_point(|(first, _)| *first <= number);
        after.checked_sub(1).and_then(|at| self.ranges.get(at)).is_some_and(|(_, last)| number <= *last)
    }

    /// The lowest number from `from` on that it does not hold.
    pub fn first_missing(&self, from: u64) -> u64 {
        let after = self.ranges.partition_point(|(first, _)| *first <= from);
        let around = after.checked_sub(1).and_then(|at| self.ranges.get(at)).filter(|(_, last)| from <= *last);
        around.map_or(from, |(_, last)| last.saturating_add(1))
    }

    /// Whether it holds no number.
    pub fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// The ranges, in order.
    pub fn ranges(&self) -> &[(u64, u64)] {
        &self.ranges
    }

    /// Adds one number; `false` if it was there.
    pub fn insert(&mut self, number: u64) -> bool {
        !self.insert_range(number, number).is_empty()
    }

    /// Adds a range and returns the parts of it that are new. An empty range (`last < first`) adds nothing.
    pub fn insert_range(&mut self, first: u64, last: u64) -> Vec<(u64, u64)> {
        if last < first {
            return Vec::new();
        }
        let meets = |range: &(u64, u64)| range.1.saturating_add(1) >= first && range.0 <= last.saturating_add(1);
        let start = self.ranges.partition_point(|range| range.1.saturating_add(1) < first);
        let merged: Vec<(u64, u64)> =
            self.ranges.iter().skip(start).take_while(|range| meets(range)).copied().collect();

        let mut new = Vec::new();
        let mut from = Some(first);
        for (have_first, have_last) in &merged {
            if let Some(at) = from
                && at < *have_first
            {
                new.push((at, last.min(have_first - 1)));
            }
            from = match (from, have_last.checked_add(1)) {
                (Some(at), Some(next)) => Some(at.max(next)),
                _ => None,
            };
        }
        if let Some(at) = from
            && at <= last
        {
            new.push((at, last));
        }

        let new_first = merged.first().map_or(first, |range| range.0.min(first));
        let new_last = merged.last().map_or(last, |range| range.1.max(last));
        self.ranges.splice(start..start + merged.len(), [(new_first, new_last)]);
        new
    }

    /// Adds all of another set and returns what is new.
    pub fn insert_all(&mut self, other: &Self) -> Vec<(u64, u64)> {
        other.ranges.iter().flat_map(|(first, last)| self.insert_range(*first, *last)).collect()
    }

    /// Writes the first [`RANGES_MAX`] ranges: a count (u16), then first and last (u64 each).
    pub fn encode(&self, writer: &mut Writer) {
        self.encode_first(RANGES_MAX, writer);
    }

    fn encode_first(&self, ranges_max: usize, writer: &mut Writer) {
        let count = self.ranges.len().min(ranges_max);
        writer.u16(u16::try_from(count).unwrap_or(u16::MAX));
        for (first, last) in self.ranges.iter().take(count) {
            writer.u64(*first).u64(*last);
        }
    }

    /// Reads what [`Self::encode`] wrote; refuses ranges that are out of order, empty, touching, or start at 0.
    pub fn decode(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        Self::decode_first(RANGES_MAX, reader)
    }

    fn decode_first(ranges_max: usize, reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        let count = usize::from(reader.u16()?);
        if count > ranges_max {
            return Err(Malformed::Invalid { what: "a set of sequence numbers" });
        }
        let mut ranges: Vec<(u64, u64)> = Vec::new();
        for _ in 0..count {
            let (first, last) = (reader.u64()?, reader.u64()?);
            let lowest = ranges.last().map_or(1, |range| range.1.saturating_add(2));
            if first < lowest || last < first || last == u64::MAX {
                return Err(Malformed::Invalid { what: "a set of sequence numbers" });
            }
            ranges.push((first, last));
        }
        Ok(Self { ranges })
    }

    /// As bytes of their own, for the store.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut writer = Writer::new();
        self.encode_first(RANGES_KEPT_MAX, &mut writer);
        writer.into_bytes()
    }

    /// From bytes of their own.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(bytes);
        let sequences = Self::decode_first(RANGES_KEPT_MAX, &mut reader)?;
        reader.finish()?;
        Ok(sequences)
    }
}

/// What one node holds, and has looked at, of one author's messages.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Progress {
    /// Decrypted and stored.
    pub delivered: Sequences,
    /// Looked at; what is seen is delivered too.
    pub seen: Sequences,
    /// Some mailbox acknowledged that it keeps these for it. No receipt says so, and none is believed that does.
    pub stored: Sequences,
}

/// What a receipt taught.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Learnt {
    /// Newly delivered numbers.
    pub delivered: Vec<(u64, u64)>,
    /// Newly seen numbers.
    pub seen: Vec<(u64, u64)>,
}

/// What the other nodes of a conversation proved of this node's messages.
#[derive(Debug, Clone, Default)]
pub struct Ledger {
    readers: BTreeMap<NodeId, Progress>,
}

impl Ledger {
    /// Takes over what the store remembers of one reader.
    pub fn restore(&mut self, reader: NodeId, progress: Progress) {
        self.readers.insert(reader, progress);
    }

    /// A mailbox keeps this node's messages `range` for a reader: all that any keeps for it.
    pub fn store(&mut self, reader: NodeId, range: (u64, u64)) -> &Sequences {
        let progress = self.readers.entry(reader).or_default();
        progress.stored.insert_range(range.0, range.1);
        &progress.stored
    }

    /// What is proved for one reader.
    pub fn reader(&self, reader: &NodeId) -> Option<&Progress> {
        self.readers.get(reader)
    }

    /// Applies what a reader's authenticated receipt says of this node's messages.
    ///
    /// Numbers from `next_sequence` on were never sent: a receipt that claims them is wrong and that part is ignored.
    pub fn apply(&mut self, reader: NodeId, claim: &Progress, next_sequence: u64) -> Learnt {
        let progress = self.readers.entry(reader).or_default();
        let mut learnt = Learnt::default();
        let sent = |ranges: &[(u64, u64)]| -> Vec<(u64, u64)> {
            ranges
                .iter()
                .filter(|(first, _)| *first < next_sequence)
                .map(|(first, last)| (*first, (*last).min(next_sequence.saturating_sub(1))))
                .collect()
        };
        for (first, last) in sent(claim.delivered.ranges()) {
            learnt.delivered.extend(progress.delivered.insert_range(first, last));
        }
        for (first, last) in sent(claim.seen.ranges()) {
            learnt.delivered.extend(progress.delivered.insert_range(first, last));
            learnt.seen.extend(progress.seen.insert_range(first, last));
        }
        learnt
    }
}

/// The same numbers in as few ranges as possible, in order.
pub(crate) fn merged(mut ranges: Vec<(u64, u64)>) -> Vec<(u64, u64)> {
    ranges.sort_unstable();
    let mut merged: Vec<(u64, u64)> = Vec::with_capacity(ranges.len());
    for (first, last) in ranges {
        match merged.last_mut() {
            Some((_, known)) if first <= known.saturating_add(1) => *known = (*known).max(last),
            _ => merged.push((first, last)),
        }
    }
    merged
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_merge_and_tell_what_is_new() {
        let mut set = Sequences::default();
        assert_eq!(set.insert_range(5, 7), [(5, 7)]);
        assert_eq!(set.insert_range(1, 2), [(1, 2)]);
        assert_eq!(set.insert_range(2, 9), [(3, 4), (8, 9)]);
        assert_eq!(set.ranges(), [(1, 9)]);
        assert!(!set.insert(4));
        assert!(set.insert(10));
        assert_eq!(set.ranges(), [(1, 10)]);
        assert_eq!(set.insert_range(12, 11), []);
        assert_eq!([1, 7, 10, 11, 40].map(|from| set.first_missing(from)), [11, 11, 11, 11, 40]);
    }

    #[test]
    fn a_set_agrees_with_a_plain_list_of_numbers() {
        let mut plain = std::collections::BTreeSet::new();
        let mut set = Sequences::default();
        let mut state = 7_u64;
        for _ in 0..2_000 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let first = 1 + (state >> 33) % 300;
            let last = first + (state >> 20) % 9;
            let new: Vec<u64> = set.insert_range(first, last).iter().flat_map(|(a, b)| *a..=*b).collect();
            let expected: Vec<u64> = (first..=last).filter(|n| plain.insert(*n)).collect();
            assert_eq!(new, expected);
            assert!((0..320).all(|n| set.contains(n) == plain.contains(&n)));
        }
        assert_eq!(Sequences::from_bytes(&set.to_bytes()).unwrap(), set);
    }

    #[test]
    fn a_receipt_for_what_was_never_sent_proves_nothing() {
        let mut ledger = Ledger::default();
        let reader = NodeId([1; 32]);
        let mut claim = Progress::default();
        claim.delivered.insert_range(1, 1_000);
        assert_eq!(ledger.apply(reader, &claim, 4).delivered, [(1, 3)]);
        assert_eq!(ledger.apply(reader, &claim, 4), Learnt::default());
        assert!(!ledger.reader(&reader).unwrap().delivered.contains(4));
    }

    #[test]
    fn what_is_seen_is_delivered() {
        let mut ledger = Ledger::default();
        let mut claim = Progress::default();
        claim.seen.insert_range(2, 3);
        let learnt = ledger.apply(NodeId([1; 32]), &claim, 9);
        assert_eq!((learnt.delivered, learnt.seen), (vec![(2, 3)], vec![(2, 3)]));
    }

    #[test]
    fn ranges_that_touch_or_overlap_become_one() {
        assert_eq!(merged(vec![(5, 6), (1, 2), (3, 3), (2, 2), (9, 9)]), [(1, 3), (5, 6), (9, 9)]);
        assert_eq!(merged(vec![(0, u64::MAX), (4, 9)]), [(0, u64::MAX)]);
    }
}
