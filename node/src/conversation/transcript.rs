//! The order of messages (PROTOCOL §6): the same on every node that holds the same messages. Pure.
//!
//! A message's *place* is its author's clock, pushed past the places of all its parents and of what it answers. So a
//! reply never sorts before what it answers whatever the clocks say, and a clock that is wrong moves only what its own
//! author wrote. The author states the place, so that who lacks older messages sorts as everybody does; a reader pushes
//! it past what it holds of the parents, so that an author who lies gains nothing.

use crate::ids::MessageId;

/// A message names at most this many parents.
pub const PARENTS_MAX: usize = 8;
/// A claimed time or place after this (the year 2286) counts as this, so that places never overflow.
const STATED_MAX: u64 = 10_000_000_000_000;

/// A placed message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Placed {
    /// Messages sort by this first.
    pub place: u64,
    /// And by their ids where the places are equal.
    pub id: MessageId,
}

/// Where a message belongs: for its author, given the clock, and for a reader, given the place that the author states;
/// with the places of those of its parents (and of what it answers) that are here.
pub fn place(stated: u64, parents: impl IntoIterator<Item = u64>) -> u64 {
    let after_parents = parents.into_iter().max().map_or(0, |place| place.saturating_add(1));
    stated.min(STATED_MAX).max(after_parents)
}

/// The newest messages of a conversation: those that no other message names as a parent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Leaves {
    leaves: Vec<Placed>,
}

impl Leaves {
    /// More leaves than this are forgotten, the lowest places first: parents order messages, they do not carry them.
    const LEAVES_MAX: usize = 32;

    /// Takes in a message: it is a leaf now, and its parents are none any more.
    pub fn add(&mut self, message: Placed, parents: &[MessageId]) {
        self.leaves.retain(|leaf| leaf.id != message.id && !parents.contains(&leaf.id));
        self.leaves.push(message);
        self.leaves.sort_unstable();
        if self.leaves.len() > Self::LEAVES_MAX {
            self.leaves.remove(0);
        }
    }

    /// A line is gone.
    pub fn remove(&mut self, id: MessageId) {
        self.leaves.retain(|leaf| leaf.id != id);
    }

    /// A message moved to another place.
    pub fn moved(&mut self, message: Placed) {
        if let Some(leaf) = self.leaves.iter_mut().find(|leaf| leaf.id == message.id) {
            *leaf = message;
            self.leaves.sort_unstable();
        }
    }

    /// What the next message names as its parents: the [`PARENTS_MAX`] newest leaves, newest first.
    pub fn parents(&self) -> impl Iterator<Item = Placed> + '_ {
        self.leaves.iter().rev().take(PARENTS_MAX).copied()
    }

    /// As bytes for the store: 24 bytes a leaf (id, place).
    pub fn to_bytes(&self) -> Vec<u8> {
        self.leaves.iter().flat_map(|leaf| leaf.id.0.into_iter().chain(leaf.place.to_be_bytes())).collect()
    }

    /// From bytes of the store; a damaged tail is left out.
    pub fn from_bytes(bytes: &[u8]) -> Self {
        let (rows, _) = bytes.as_chunks::<24>();
        let leaves = rows
            .iter()
            .map(|row| {
                let mut id = [0; 16];
                let mut place = [0; 8];
                id.copy_from_slice(row.first_chunk::<16>().unwrap_or(&[0; 16]));
                place.copy_from_slice(row.last_chunk::<8>().unwrap_or(&[0; 8]));
                Placed { place: u64::from_be_bytes(place), id: MessageId(id) }
            })
            .collect();
        Self { leaves }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn placed(place: u64, id: u8) -> Placed {
        Placed { place, id: MessageId([id; 16]) }
    }

    #[test]
    fn a_reply_never_sorts_before_what_it_answers_whatever_the_clocks_say() {
        let question = place(9_000, []);
        assert_eq!(place(5, [question]), 9_001);
        assert_eq!(place(20_000, [question]), 20_000);
    }

    #[test]
    fn an_absurd_clock_does_not_overflow() {
        assert!(place(u64::MAX, [place(u64::MAX, [])]) < u64::MAX);
        assert_eq!(place(0, [u64::MAX]), u64::MAX);
    }

    #[test]
    fn leaves_are_what_nobody_answered() {
        let mut leaves = Leaves::default();
        leaves.add(placed(1, 1), &[]);
        leaves.add(placed(2, 2), &[]);
        assert_eq!(leaves.parents().map(|leaf| leaf.place).collect::<Vec<_>>(), [2, 1]);
        leaves.add(placed(3, 3), &[MessageId([1; 16]), MessageId([2; 16])]);
        assert_eq!(leaves.parents().collect::<Vec<_>>(), [placed(3, 3)]);
        assert_eq!(Leaves::from_bytes(&leaves.to_bytes()), leaves);
    }
}
