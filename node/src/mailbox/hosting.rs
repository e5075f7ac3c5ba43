//! Keeping envelopes for others: who is served, what is taken, what is given back.

use std::collections::{BTreeMap, BTreeSet};

use tidings_crypto::envelope::is_prekeys_length;
use zeroize::Zeroizing;

use super::quota::{
    ASKED_IN_A_MINUTE_MAX, KEPT_MS, PREKEYS_PAUSE_MS, QUEUE_KEPT_MS, QUEUES_A_PEER_MAX, QUEUES_MAX, Usage,
};
use crate::engine::batch::Batch;
use crate::engine::{Asked, State};
use crate::ids::PeerKey;
use crate::outbox::{PUSH_ENVELOPES_MAX, push_length};
use crate::store::StoreError;
use crate::wire::request::{DepositVerdict, OpenVerdict, Request, Response};

/// The serving side, in memory.
#[derive(Debug, Default)]
pub(crate) struct Hosting {
    /// The word that admits whoever shows it; nothing while this node keeps nothing for others.
    pub(crate) admission: Option<Zeroizing<[u8; 32]>>,
    /// Owners to tell at the end of the batch that something came for them.
    news: BTreeSet<[u8; 32]>,
    /// Bytes kept for all, once they were counted.
    all_bytes: Option<u64>,
    /// How often each queue's prekeys were asked for since a time.
    asked: BTreeMap<[u8; 32], u32>,
    asked_since_ms: u64,
}

impl Hosting {
    /// Whether prekeys may be asked for once more in this minute; if so, it counts.
    fn may_be_asked(&mut self, queue: [u8; 32], now_ms: u64) -> bool {
        if now_ms.abs_diff(self.asked_since_ms) >= 60_000 {
            self.asked.clear();
            self.asked_since_ms = now_ms;
        }
        let asked = self.asked.entry(queue).or_default();
        *asked = asked.saturating_add(1);
        *asked <= ASKED_IN_A_MINUTE_MAX
    }
}

/// The name of the queue that a word deposits into.
pub(crate) fn queue_id(token: &[u8; 32]) -> [u8; 32] {
    blake3::derive_key("tidings v1 mailbox queue", token)
}

/// What is kept of whose a queue is: enough to recognise the peer that collects.
fn owner_id(peer: &PeerKey) -> [u8; 32] {
    blake3::derive_key("tidings v1 mailbox owner", &peer.0)
}

impl State {
    /// From here on this node keeps envelopes for others, or does not.
    pub(crate) async fn serve_mailboxes(&mut self, batch: &mut Batch<'_, '_>, serves: bool) -> Result<(), StoreError> {
        self.mailboxes.hosting.admission = None;
        if serves {
            let admission = if let Some(admission) = batch.tx.mailbox_admission().await? {
                admission
            } else {
                let admission = Zeroizing::new(batch.random::<32>());
                batch.tx.put_mailbox_admission(&admission, batch.rng).await?;
                admission
            };
            self.mailboxes.hosting.admission = Some(admission);
            self.expire_deposits(batch).await?;
        }
        Ok(())
    }

    /// What nobody collected for long enough goes.
    pub(crate) async fn expire_deposits(&mut self, batch: &mut Batch<'_, '_>) -> Result<(), StoreError> {
        if self.mailboxes.hosting.admission.is_none() {
            return Ok(());
        }
        let (before_ms, queue_before_ms) =
            (batch.age_ms.saturating_sub(KEPT_MS), batch.age_ms.saturating_sub(QUEUE_KEPT_MS));
        batch.tx.expire_deposits(before_ms, queue_before_ms).await?;
        self.mailboxes.hosting.all_bytes = None;
        Ok(())
    }

    /// A peer wants a queue: it is served if it shows the word, or is a contact's.
    pub(crate) async fn answer_open_mailbox(
        &mut self,
        batch: &mut Batch<'_, '_>,
        peer: PeerKey,
        admission: &[u8; 32],
        queue: [u8; 32],
    ) -> Result<Response, StoreError> {
        let refused = |reason: &str| Ok(Response::OpenMailbox { verdict: OpenVerdict::Refused(reason.to_owned()) });
        let Some(own) = &self.mailboxes.hosting.admission else {
            return refused("this node keeps nothing for others");
        };
        let shown: bool = subtle::ConstantTimeEq::ct_eq(own.as_slice(), admission.as_slice()).into();
        let account = self.accounts_by_peer.get(&peer);
        let is_contact = account.and_then(|account| self.contacts.get(account)).is_some_and(|known| known.row.added);
        if !shown && !is_contact {
            return refused("the mailbox does not serve this account: ask its owner for a link to it");
        }
        let me = owner_id(&peer);
        let (owner, of_owner, all) = batch.tx.mailbox_queues(queue, me).await?;
        if owner.is_some_and(|owner| owner != me) {
            return refused("this queue belongs to another node");
        }
        if owner.is_none() && all >= QUEUES_MAX {
            return refused("the mailbox serves as many as it can");
        }
        if owner.is_none() && of_owner >= QUEUES_A_PEER_MAX {
            batch.tx.drop_oldest_queue(me).await?;
            self.mailboxes.hosting.all_bytes = None;
        }
        batch.tx.open_queue(queue, me, batch.stamp_ms).await?;
        Ok(Response::OpenMailbox { verdict: OpenVerdict::Open })
    }

    /// Somebody brings deposits; who that is does not matter.
    pub(crate) async fn answer_deposit(
        &mut self,
        batch: &mut Batch<'_, '_>,
        token: &[u8; 32],
        deposits: &[Vec<u8>],
    ) -> Result<Response, StoreError> {
        let refused = || Response::Deposit { verdicts: vec![DepositVerdict::Refused; deposits.len()] };
        if self.mailboxes.hosting.admission.is_none() {
            return Ok(refused());
        }
        let queue = queue_id(token);
        let Some((owner, items, bytes)) = batch.tx.queue(queue).await? else { return Ok(refused()) };
        let all_bytes = self.all_deposited_bytes(batch).await?;
        let all_bytes_max = self.retention.limits.mailbox_bytes_max;
        let mut usage = Usage { items, bytes, all_bytes, all_bytes_max };
        let mut verdicts = Vec::with_capacity(deposits.len());
        for deposit in deposits {
            // What comes after one that found no room must not overtake it.
            let is_full = verdicts.last() == Some(&DepositVerdict::Full);
            let verdict = if is_full { DepositVerdict::Full } else { usage.take(deposit.len()) };
            if verdict == DepositVerdict::Kept {
                batch.tx.put_deposit(queue, deposit, batch.stamp_ms).await?;
            }
            verdicts.push(verdict);
        }
        batch.tx.set_queue_usage(queue, usage.items, usage.bytes).await?;
        self.mailboxes.hosting.all_bytes = Some(usage.all_bytes);
        self.mailboxes.hosting.news.insert(owner);
        Ok(Response::Deposit { verdicts })
    }

    /// The owner of a queue leaves there what others need to add it while it is away.
    pub(crate) async fn answer_leave_prekeys(
        &mut self,
        batch: &mut Batch<'_, '_>,
        peer: PeerKey,
        queue: [u8; 32],
        prekeys: &[u8],
    ) -> Result<Response, StoreError> {
        let verdict = self.keep_prekeys(batch, peer, queue, prekeys).await?;
        Ok(Response::LeavePrekeys { verdict })
    }

    async fn keep_prekeys(
        &mut self,
        batch: &mut Batch<'_, '_>,
        peer: PeerKey,
        queue: [u8; 32],
        prekeys: &[u8],
    ) -> Result<DepositVerdict, StoreError> {
        if self.mailboxes.hosting.admission.is_none() || !is_prekeys_length(prekeys.len()) {
            return Ok(DepositVerdict::Refused);
        }
        let known = batch.tx.queue_prekeys(queue).await?.filter(|(owner, ..)| *owner == owner_id(&peer));
        let Some((_, before_bytes, before_ms)) = known else { return Ok(DepositVerdict::Refused) };
        let all_bytes = self.all_deposited_bytes(batch).await?.saturating_sub(before_bytes);
        let all_bytes = all_bytes.saturating_add(u64::try_from(prekeys.len()).unwrap_or(u64::MAX));
        // By a clock that was set back the last ones are of the future.
        let is_early = before_ms <= batch.now_ms && batch.now_ms < before_ms.saturating_add(PREKEYS_PAUSE_MS);
        if is_early || all_bytes > self.retention.limits.mailbox_bytes_max {
            return Ok(DepositVerdict::Full);
        }
        batch.tx.put_prekeys(queue, prekeys, batch.now_ms).await?;
        self.mailboxes.hosting.all_bytes = Some(all_bytes);
        Ok(DepositVerdict::Kept)
    }

    /// Somebody who has the card of a queue's owner asks for what was left there; who that is does not matter.
    pub(crate) async fn answer_prekeys(
        &mut self,
        batch: &mut Batch<'_, '_>,
        token: &[u8; 32],
    ) -> Result<Response, StoreError> {
        let queue = queue_id(token);
        let serves = self.mailboxes.hosting.admission.is_some();
        if !serves || batch.tx.queue_prekeys(queue).await?.is_none_or(|(_, bytes, _)| bytes == 0) {
            return Ok(Response::Prekeys { prekeys: None });
        }
        if !self.mailboxes.hosting.may_be_asked(queue, batch.now_ms) {
            return Ok(Response::Busy);
        }
        Ok(Response::Prekeys { prekeys: batch.tx.prekeys(queue).await? })
    }

    async fn all_deposited_bytes(&self, batch: &mut Batch<'_, '_>) -> Result<u64, StoreError> {
        match self.mailboxes.hosting.all_bytes {
            Some(all_bytes) => Ok(all_bytes),
            None => batch.tx.deposited_bytes().await,
        }
    }

    /// The owner of queues collects, and says what need not be kept any more.
    pub(crate) async fn answer_collect(
        &mut self,
        batch: &mut Batch<'_, '_>,
        peer: PeerKey,
        after: u64,
        done: &[u64],
    ) -> Result<Response, StoreError> {
        let (serves, owner) = (self.mailboxes.hosting.admission.is_some(), owner_id(&peer));
        if !done.is_empty() && batch.tx.drop_deposits(owner, done).await? {
            self.mailboxes.hosting.all_bytes = None;
        }
        batch.tx.collected_by(owner, batch.stamp_ms).await?;
        let mut deposits = batch.tx.deposits(owner, after, PUSH_ENVELOPES_MAX).await?;
        deposits.truncate(push_length(deposits.iter().map(|(_, bytes)| bytes.len()), self.push_bytes_max(peer)));
        Ok(Response::Collect { serves, deposits })
    }

    /// Tells connected owners that something came for them.
    pub(crate) fn tell_of_deposits(&mut self, batch: &mut Batch<'_, '_>) {
        let news = std::mem::take(&mut self.mailboxes.hosting.news);
        if news.is_empty() {
            return;
        }
        let owners: Vec<PeerKey> = self.connected_peers().filter(|peer| news.contains(&owner_id(peer))).collect();
        for peer in owners {
            self.ask(batch, peer, Asked::Nothing, Request::Mail);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prekeys_are_asked_for_so_often_in_a_minute_and_again_in_the_next_one() {
        let mut hosting = Hosting::default();
        let asked = |hosting: &mut Hosting, queue, now_ms| hosting.may_be_asked([queue; 32], now_ms);
        assert!((0..ASKED_IN_A_MINUTE_MAX).all(|_| asked(&mut hosting, 1, 100_000)));
        assert!(!asked(&mut hosting, 1, 159_999));
        assert!(asked(&mut hosting, 2, 159_999), "another queue's is another's");
        assert!(asked(&mut hosting, 1, 160_000));
        // The clock was set back.
        assert!(
            (1..ASKED_IN_A_MINUTE_MAX).all(|_| asked(&mut hosting, 1, 160_000)) && !asked(&mut hosting, 1, 160_000)
        );
        assert!(asked(&mut hosting, 1, 1_000));
    }
}
