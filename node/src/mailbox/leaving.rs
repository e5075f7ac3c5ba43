//! Leaving prekeys (PROTOCOL §4.9): what others need to add this node while it is away lies at each of its mailboxes, and is
//! replaced whenever the card changes, which it does when a key package or the certificate is renewed.

use tidings_crypto::envelope::Prekeys;

use super::hosting::queue_id;
use crate::engine::batch::Batch;
use crate::engine::{Asked, State};
use crate::ids::PeerKey;
use crate::network::RequestFailure;
use crate::store::StoreError;
use crate::wire::request::{DepositVerdict, Request, Response};

/// After a change: a start brings one after the other, and a mailbox takes one in five seconds.
const SETTLE_MS: u64 = 6_000;
/// A mailbox that did not take them is given them again after the first of these, and after twice as long each time up to the
/// second. One of before there were prekeys answers nothing.
const AGAIN_MS: (u64, u64) = (60_000, 60 * 60_000);

/// How it goes with one mailbox.
#[derive(Debug, Default)]
pub(crate) struct Leaving {
    due_ms: Option<u64>,
    is_under_way: bool,
    failures: u32,
}

impl Leaving {
    /// When to leave them; nothing while the mailbox has to answer first.
    pub(super) fn due_ms(&self) -> Option<u64> {
        self.due_ms.filter(|_| !self.is_under_way)
    }

    /// The connection began anew, and the mailbox serves this node.
    pub(super) fn opened(&mut self, now_ms: u64) {
        *self = Self { due_ms: Some(now_ms), ..Self::default() };
    }

    /// What is left there is not what it should be.
    pub(super) fn is_stale(&mut self, now_ms: u64) {
        let due_ms = now_ms.saturating_add(SETTLE_MS);
        self.due_ms = Some(self.due_ms.map_or(due_ms, |known| known.min(due_ms)));
    }

    pub(super) fn hasten(&mut self, now_ms: u64) {
        self.due_ms = self.due_ms.map(|due_ms| due_ms.min(now_ms.saturating_add(SETTLE_MS)));
    }

    /// The mailbox answered, or did not.
    fn answered(&mut self, is_kept: bool, now_ms: u64) {
        self.is_under_way = false;
        if is_kept {
            self.failures = 0;
            return;
        }
        let pause_ms = AGAIN_MS.0.saturating_mul(1_u64 << self.failures.min(16)).min(AGAIN_MS.1);
        self.failures = self.failures.saturating_add(1);
        self.due_ms = Some(now_ms.saturating_add(pause_ms));
    }
}

impl State {
    /// Leaves prekeys at the mailboxes where it is time.
    pub(super) async fn leave_prekeys_due(&mut self, batch: &mut Batch<'_, '_>) -> Result<(), StoreError> {
        let is_due = |due_ms: Option<u64>| due_ms.is_some_and(|due_ms| due_ms <= batch.now_ms);
        let open = self.mailboxes.own.boxes.values().filter(|own| own.is_open() && is_due(own.leaving.due_ms()));
        let due: Vec<(PeerKey, [u8; 32])> = open.map(|own| (own.row.peer, own.row.token)).collect();
        if due.is_empty() {
            return Ok(());
        }
        let packages = Vec::from_iter(self.hybrid_last_resort(batch).await?);
        let card = self.profile.card.bytes().to_vec();
        let prekeys = Prekeys { left_at_ms: batch.now_ms, card, packages };
        for (peer, token) in due {
            if let Some(own) = self.mailboxes.own.boxes.get_mut(&peer) {
                (own.leaving.due_ms, own.leaving.is_under_way) = (None, true);
            }
            match prekeys.seal(&self.me.account_id(), &token, batch.rng) {
                Ok(prekeys) => {
                    let body = Request::LeavePrekeys { queue: queue_id(&token), prekeys };
                    self.ask(batch, peer, Asked::LeavePrekeys, body);
                }
                Err(error) => tracing::warn!(%error, "prekeys could not be sealed"),
            }
        }
        Ok(())
    }

    /// A mailbox said whether it keeps them.
    pub(crate) fn prekeys_left(
        &mut self,
        batch: &Batch<'_, '_>,
        peer: PeerKey,
        outcome: &Result<Response, RequestFailure>,
    ) {
        let is_kept = matches!(outcome, Ok(Response::LeavePrekeys { verdict: DepositVerdict::Kept }));
        if let Some(own) = self.mailboxes.own.boxes.get_mut(&peer) {
            own.leaving.answered(is_kept, batch.now_ms);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_mailbox_did_not_take_is_given_again_after_longer_and_longer_pauses() {
        let mut leaving = Leaving::default();
        assert_eq!(leaving.due_ms(), None, "nothing is left where nobody serves");
        leaving.opened(1_000);
        assert_eq!(leaving.due_ms(), Some(1_000));
        let mut pauses = Vec::new();
        for _ in 0..8 {
            (leaving.due_ms, leaving.is_under_way) = (None, true);
            leaving.answered(false, 0);
            pauses.push(leaving.due_ms().unwrap() / 60_000);
        }
        assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 60, 60]);
        (leaving.due_ms, leaving.is_under_way) = (None, true);
        leaving.answered(true, 0);
        assert_eq!((leaving.due_ms(), leaving.failures), (None, 0));
    }

    #[test]
    fn a_card_that_changed_while_they_were_under_way_is_left_once_the_mailbox_answered() {
        let mut leaving = Leaving { is_under_way: true, ..Leaving::default() };
        leaving.is_stale(10_000);
        assert_eq!(leaving.due_ms(), None);
        leaving.answered(true, 11_000);
        assert_eq!(leaving.due_ms(), Some(10_000 + SETTLE_MS));
    }
}
