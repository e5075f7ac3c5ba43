//! Keeping envelopes for others: who is served, what is taken, what is given back.

use std::collections::BTreeSet;

use zeroize::Zeroizing;

use super::quota::{KEPT_MS, QUEUE_KEPT_MS, QUEUES_A_PEER_MAX, QUEUES_MAX, Usage};
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
            (batch.now_ms.saturating_sub(KEPT_MS), batch.now_ms.saturating_sub(QUEUE_KEPT_MS));
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
        batch.tx.open_queue(queue, me, batch.now_ms).await?;
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
        let all_bytes = match self.mailboxes.hosting.all_bytes {
            Some(all_bytes) => all_bytes,
            None => batch.tx.deposited_bytes().await?,
        };
        let mut usage = Usage { items, bytes, all_bytes };
        let mut verdicts = Vec::with_capacity(deposits.len());
        for deposit in deposits {
            // What comes after one that found no room must not overtake it.
            let is_full = verdicts.last() == Some(&DepositVerdict::Full);
            let verdict = if is_full { DepositVerdict::Full } else { usage.take(deposit.len()) };
            if verdict == DepositVerdict::Kept {
                batch.tx.put_deposit(queue, deposit, batch.now_ms).await?;
            }
            verdicts.push(verdict);
        }
        batch.tx.set_queue_usage(queue, usage.items, usage.bytes).await?;
        self.mailboxes.hosting.all_bytes = Some(usage.all_bytes);
        self.mailboxes.hosting.news.insert(owner);
        Ok(Response::Deposit { verdicts })
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
        batch.tx.collected_by(owner, batch.now_ms).await?;
        let mut deposits = batch.tx.deposits(owner, after, PUSH_ENVELOPES_MAX).await?;
        deposits.truncate(push_length(deposits.iter().map(|(_, bytes)| bytes.len())));
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
