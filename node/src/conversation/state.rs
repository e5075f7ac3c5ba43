//! A message's state, computed from what is proved. Pure.

use super::ledger::Progress;
use crate::handle::MessageState;

/// The state for one account: the best that any of its nodes proved. A node that proved nothing is `None`.
pub fn state_for<'a>(nodes: impl IntoIterator<Item = Option<&'a Progress>>, sequence: u64) -> MessageState {
    let of_node = |progress: &Progress| {
        if progress.seen.contains(sequence) {
            MessageState::Seen
        } else if progress.delivered.contains(sequence) {
            MessageState::Delivered
        } else if progress.stored.contains(sequence) {
            MessageState::Stored
        } else {
            MessageState::Queued
        }
    };
    nodes.into_iter().flatten().map(of_node).max().unwrap_or(MessageState::Queued)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_node_of_an_account_is_enough_and_nothing_proved_is_queued() {
        let mut progress = Progress::default();
        progress.delivered.insert_range(1, 3);
        progress.seen.insert_range(1, 1);
        assert_eq!(state_for([None, Some(&progress)], 1), MessageState::Seen);
        assert_eq!(state_for([None, Some(&progress)], 3), MessageState::Delivered);
        assert_eq!(state_for([None, Some(&progress)], 4), MessageState::Queued);
        progress.stored.insert_range(3, 5);
        assert_eq!(state_for([None, Some(&progress)], 3), MessageState::Delivered);
        assert_eq!(state_for([None, Some(&progress)], 5), MessageState::Stored);
        assert_eq!(state_for([], 1), MessageState::Queued);
    }
}
