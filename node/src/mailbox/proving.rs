//! Whether a mailbox keeps its word: what came of what senders say it acknowledged, and a test envelope now and then.
//!
//! A sender's word is no proof, and the page says whose it is. A test envelope is brought like any other, under a key
//! made for it, so that the mailbox cannot treat it better.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use tidings_crypto::envelope::{USUAL_ENVELOPE_BYTES, open_deposit, seal_deposit};
use zeroize::Zeroizing;

use super::quota::KEPT_MS;
use super::tally::{HOLES_MAX, MailboxTag, Stream, Tally, mailbox_tag, missing};
use crate::engine::batch::Batch;
use crate::engine::{Asked, State};
use crate::event::Event;
use crate::ids::PeerKey;
use crate::network::RequestFailure;
use crate::store::{StoreError, TallyRow};
use crate::wire::request::{DepositVerdict, Request, Response};

/// A mailbox is tested this often, and soon after it opened first.
const PROVE_EVERY_MS: u64 = 24 * 60 * 60_000;
const PROVE_SOON_MS: u64 = 10_000;
/// One that failed is tested again after this.
const PROVE_AGAIN_MS: u64 = 60 * 60_000;
/// A test envelope that was acknowledged has this long to come back.
const BACK_WITHIN_MS: u64 = 60_000;
/// Who did not collect for this long cannot know what ran out meanwhile: half a day less than a mailbox keeps things.
const RUNS_OUT_MS: u64 = KEPT_MS - 12 * 60 * 60_000;

/// How it goes with one mailbox.
#[derive(Debug, Default)]
pub(crate) struct Proof {
    /// When to test it next.
    due_ms: Option<u64>,
    test: Option<Test>,
    /// What came, or what was claimed, changed since it was judged.
    is_changed: bool,
    /// Some of what it had may have run out before this round.
    ran_out: bool,
}

/// A test envelope under way.
#[derive(Debug)]
struct Test {
    word: Zeroizing<[u8; 32]>,
    /// Until when it must have come back, once it was acknowledged.
    back_by_ms: Option<u64>,
}

impl Proof {
    pub(super) fn due_ms(&self) -> Option<u64> {
        match &self.test {
            Some(test) => test.back_by_ms,
            None => self.due_ms,
        }
    }

    pub(super) fn hasten(&mut self, now_ms: u64) {
        self.due_ms = self.due_ms.map(|due_ms| due_ms.min(now_ms.saturating_add(PROVE_EVERY_MS)));
        if let Some(back_by_ms) = self.test.as_mut().and_then(|test| test.back_by_ms.as_mut()) {
            *back_by_ms = (*back_by_ms).min(now_ms.saturating_add(BACK_WITHIN_MS));
        }
    }

    /// The mailbox serves this node from now on.
    pub(super) fn opened(&mut self, proved_ms: Option<u64>, now_ms: u64) {
        let due_ms = proved_ms.map_or(0, |at_ms| at_ms.saturating_add(PROVE_EVERY_MS));
        self.due_ms = Some(due_ms.max(now_ms.saturating_add(PROVE_SOON_MS)));
        self.test = None;
    }

    /// All that it has is looked at from now on.
    pub(super) fn round_begins(&mut self, collected_ms: u64, now_ms: u64) {
        self.is_changed = true;
        self.ran_out = now_ms.saturating_sub(collected_ms) > RUNS_OUT_MS;
    }
}

impl State {
    /// Every mailbox of this node is tested now.
    pub(crate) fn prove_mailboxes(&mut self, batch: &Batch<'_, '_>) {
        for own in self.mailboxes.own.boxes.values_mut() {
            (own.proof.due_ms, own.proof.test) = (Some(batch.now_ms), None);
        }
    }

    /// Tests the mailboxes whose turn it is, and sees which test envelopes did not come back.
    pub(super) async fn prove_due(&mut self, batch: &mut Batch<'_, '_>) -> Result<(), StoreError> {
        let is_due = |proof: &Proof| proof.due_ms().is_some_and(|due_ms| due_ms <= batch.now_ms);
        let open = self.mailboxes.own.boxes.values().filter(|own| own.is_open() && is_due(&own.proof));
        let due: Vec<(PeerKey, bool)> = open.map(|own| (own.row.peer, own.proof.test.is_some())).collect();
        for (peer, has_test) in due {
            if has_test {
                self.mailbox_unproved(batch, peer, "it took a test envelope and did not give it back").await?;
            } else {
                self.test_mailbox(batch, peer);
            }
        }
        Ok(())
    }

    fn test_mailbox(&mut self, batch: &mut Batch<'_, '_>, peer: PeerKey) {
        let (word, stream) = (Zeroizing::new(batch.random::<32>()), batch.random());
        let mut test = word.to_vec();
        test.resize(USUAL_ENVELOPE_BYTES, 0);
        let bytes = Tally { stream, number: 0, kept: Vec::new() }.before(&test);
        let Ok(deposit) = seal_deposit(&bytes, &self.me.keys.mailbox_public(), batch.rng) else { return };
        let Some(own) = self.mailboxes.own.boxes.get_mut(&peer) else { return };
        own.proof.due_ms = Some(batch.now_ms.saturating_add(PROVE_EVERY_MS));
        own.proof.test = Some(Test { word, back_by_ms: None });
        let (token, addresses) = (own.row.token, own.row.addresses.clone());
        let key = Zeroizing::new(batch.random());
        let body = Request::Deposit { token, deposits: vec![deposit] };
        self.ask_apart(batch, key, (peer, addresses), Asked::Proof, body);
    }

    /// A mailbox answered whether it keeps a test envelope.
    pub(crate) async fn proof_kept(
        &mut self,
        batch: &mut Batch<'_, '_>,
        peer: PeerKey,
        outcome: Result<Response, RequestFailure>,
    ) -> Result<(), StoreError> {
        let Some(own) = self.mailboxes.own.boxes.get_mut(&peer) else { return Ok(()) };
        let Some(test) = &mut own.proof.test else { return Ok(()) };
        let reason = match outcome {
            Ok(Response::Deposit { verdicts }) => match verdicts.as_slice() {
                [DepositVerdict::Kept] => {
                    test.back_by_ms = Some(batch.now_ms.saturating_add(BACK_WITHIN_MS));
                    own.look(batch.now_ms);
                    return Ok(());
                }
                [DepositVerdict::Full] => "it has no more room for what is sent to you",
                _ => "it does not take what is sent to you",
            },
            Err(RequestFailure::NotConnected) => "others cannot reach it at the addresses that it gave you",
            _ => "it did not answer when a test envelope was brought",
        };
        self.mailbox_unproved(batch, peer, reason).await
    }

    async fn mailbox_unproved(
        &mut self,
        batch: &mut Batch<'_, '_>,
        peer: PeerKey,
        reason: &str,
    ) -> Result<(), StoreError> {
        let Some(own) = self.mailboxes.own.boxes.get_mut(&peer) else { return Ok(()) };
        own.proof.test = None;
        own.proof.due_ms = Some(batch.now_ms.saturating_add(PROVE_AGAIN_MS));
        reason.clone_into(&mut own.row.unproved);
        let row = own.row.clone();
        batch.events.push(Event::Profile);
        batch.tx.put_mailbox(&row, batch.rng).await
    }

    async fn mailbox_proved(&mut self, batch: &mut Batch<'_, '_>, peer: PeerKey) -> Result<(), StoreError> {
        let Some(own) = self.mailboxes.own.boxes.get_mut(&peer) else { return Ok(()) };
        own.proof.test = None;
        (own.row.proved_at_ms, own.row.unproved) = (Some(batch.now_ms), String::new());
        let row = own.row.clone();
        batch.events.push(Event::Profile);
        batch.tx.put_mailbox(&row, batch.rng).await
    }

    /// Opens what a mailbox gave: the envelopes, by their numbers there, and nothing for what is none. What was said with
    /// them is written down.
    pub(super) async fn open_deposits(
        &mut self,
        batch: &mut Batch<'_, '_>,
        peer: PeerKey,
        deposits: Vec<(u64, Vec<u8>)>,
    ) -> Result<Vec<(u64, Option<Vec<u8>>)>, StoreError> {
        let (mut opened, mut tallies) = (Vec::with_capacity(deposits.len()), Vec::new());
        let mut is_proved = false;
        for (number, deposit) in deposits {
            let bytes = open_deposit(&deposit, &self.me.keys).ok();
            let split = bytes.as_deref().and_then(|bytes| Tally::split(bytes).ok());
            let test = self.mailboxes.own.boxes.get(&peer).and_then(|own| own.proof.test.as_ref());
            if let (Some((_, envelope)), Some(test)) = (&split, test)
                && envelope.starts_with(test.word.as_slice())
            {
                is_proved = true;
            }
            let envelope = split.map(|(tally, envelope)| {
                tallies.push(tally);
                envelope.to_vec()
            });
            opened.push((number, envelope));
        }
        if is_proved {
            self.mailbox_proved(batch, peer).await?;
        }
        self.note_tallies(batch, peer, &tallies).await?;
        Ok(opened)
    }

    /// Writes down which numbers came, and how much is claimed of each mailbox.
    async fn note_tallies(
        &mut self,
        batch: &mut Batch<'_, '_>,
        from: PeerKey,
        tallies: &[Tally],
    ) -> Result<(), StoreError> {
        let own = self.mailboxes.own.boxes.values();
        let own: BTreeMap<MailboxTag, PeerKey> =
            own.map(|own| (mailbox_tag(&own.row.peer, &own.row.token), own.row.peer)).collect();
        let mut rows: BTreeMap<(PeerKey, Stream), TallyRow> = BTreeMap::new();
        for tally in tallies.iter().filter(|tally| tally.number != 0) {
            let claims = tally.kept.iter().filter_map(|(tag, kept)| Some((*own.get(tag)?, *kept)));
            // That it came is worth as much as that it was acknowledged.
            for (mailbox, claimed) in claims.chain([(from, 0)]) {
                let row = match rows.entry((mailbox, tally.stream)) {
                    Entry::Occupied(known) => known.into_mut(),
                    Entry::Vacant(unknown) => unknown.insert(batch.tx.tally(mailbox, tally.stream).await?),
                };
                row.claimed = row.claimed.max(claimed);
            }
            if let Some(row) = rows.get_mut(&(from, tally.stream)) {
                row.seen.insert(tally.number);
            }
        }
        for ((mailbox, stream), row) in rows {
            if row.seen.ranges().len() <= HOLES_MAX {
                batch.tx.put_tally(mailbox, stream, &row).await?;
            }
            if let Some(own) = self.mailboxes.own.boxes.get_mut(&mailbox) {
                own.proof.is_changed = true;
            }
        }
        Ok(())
    }

    /// All that a mailbox has was looked at: what was claimed before that and did not come is missing.
    pub(super) async fn judge_mailbox(&mut self, batch: &mut Batch<'_, '_>, peer: PeerKey) -> Result<(), StoreError> {
        let Some(own) = self.mailboxes.own.boxes.get_mut(&peer) else { return Ok(()) };
        if !std::mem::take(&mut own.proof.is_changed) {
            return Ok(());
        }
        let ran_out = std::mem::take(&mut own.proof.ran_out);
        let (mut all, mut says) = (0_u64, 0_u64);
        for (stream, mut row) in batch.tx.tallies(peer).await? {
            let missing = missing(&row.seen, row.judged);
            if missing > 0 && ran_out {
                row.seen.insert_range(1, row.judged);
                batch.tx.put_tally(peer, stream, &row).await?;
            } else if missing > 0 {
                (all, says) = (all.saturating_add(missing), says.saturating_add(1));
            }
        }
        let Some(own) = self.mailboxes.own.boxes.get_mut(&peer) else { return Ok(()) };
        if (own.row.missing, own.row.missing_says) == (all, says) {
            return Ok(());
        }
        (own.row.missing, own.row.missing_says) = (all, says);
        let row = own.row.clone();
        batch.events.push(Event::Profile);
        batch.tx.put_mailbox(&row, batch.rng).await
    }
}
