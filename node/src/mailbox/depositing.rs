//! Depositing: what is owed to a node that is away goes to the mailboxes that its card names.
//!
//! A deposit settles nothing: the row stays in the outbox until the recipient's node proves that it has the envelope. A
//! mailbox that acknowledged it makes the message *stored*, and no more. A mailbox is asked under a key made for one
//! recipient and a while, so that it learns neither who deposits nor that what it keeps for two came from one.

use std::collections::BTreeMap;

use rand_core::Rng;
use tidings_crypto::card::CardMailbox;
use tidings_crypto::envelope::seal_deposit;
use tidings_crypto::identity::{MailboxPublic, NodeId};
use zeroize::Zeroizing;

use super::tally::{MailboxTag, Tally, mailbox_tag};
use crate::conversation::ledger::merged;
use crate::engine::batch::Batch;
use crate::engine::{Asked, State};
use crate::ids::{ConversationId, PeerKey};
use crate::network::RequestFailure;
use crate::outbox::{PUSH_ENVELOPES_MAX, next_attempt_ms, push_length};
use crate::store::{Depositable, StoreError};
use crate::wire::request::{DepositVerdict, Request, Response};

/// A node that is gone has this long to come back before its mailboxes are called. A guess: a restart.
const AWAY_AFTER_MS: u64 = 5_000;
/// A mailbox that has no room, or refuses, is tried again after this long.
const FULL_PAUSE_MS: u64 = 10 * 60_000;
/// A key under which deposits were brought is used for this long, if more follow.
const KEY_USED_MS: u64 = 10 * 60_000;

/// The depositing side, in memory.
#[derive(Debug, Default)]
pub(crate) struct Depositing {
    /// Nodes that are away and have mailboxes, and when to see what they are owed; nothing while a mailbox has to
    /// answer first.
    away: BTreeMap<PeerKey, Option<u64>>,
    /// How it goes with a mailbox (second) of a node that is away (first).
    keepers: BTreeMap<(PeerKey, PeerKey), Keeper>,
}

/// A mailbox of somebody who is away.
#[derive(Debug, Default)]
struct Keeper {
    /// The deposit under way.
    request: Option<u64>,
    paused_until_ms: u64,
    failures: u32,
    key: Option<Key>,
}

/// What deposits are brought under.
#[derive(Debug)]
struct Key {
    seed: Zeroizing<[u8; 32]>,
    since_ms: u64,
}

/// What is under way to a mailbox.
#[derive(Debug)]
pub(crate) struct DepositAsked {
    /// Whom it is for.
    peer: PeerKey,
    /// The mailbox, as a tally names it.
    tag: MailboxTag,
    /// The rows, in order.
    rows: Vec<DepositedRow>,
}

#[derive(Debug)]
struct DepositedRow {
    id: i64,
    conversation: ConversationId,
    node: NodeId,
    sequence: u64,
}

impl DepositedRow {
    fn of(row: &Depositable) -> Self {
        Self { id: row.id, conversation: row.conversation, node: row.node, sequence: row.sequence }
    }
}

impl Depositing {
    pub(crate) fn due_ms(&self) -> Option<u64> {
        self.away.values().copied().flatten().min()
    }

    /// Something is owed to a node that is away.
    fn owe(&mut self, peer: PeerKey, due_ms: u64) {
        let entry = self.away.entry(peer).or_insert(Some(due_ms));
        *entry = Some(entry.map_or(due_ms, |known| known.min(due_ms)));
    }

    /// A node is back, or is owed nothing more. What is under way is answered all the same.
    fn forget(&mut self, peer: PeerKey) {
        self.away.remove(&peer);
        self.keepers.retain(|(of, _), keeper| *of != peer || keeper.request.is_some());
    }
}

impl State {
    /// The mailboxes of a node, and the key to seal to, by its account's card.
    fn mailboxes_of(&self, peer: &PeerKey) -> Option<(MailboxPublic, &[CardMailbox])> {
        let account = self.accounts_by_peer.get(peer)?;
        let card = self.contacts.get(account)?.card.as_ref()?;
        let node = card.card().nodes.iter().find(|node| node.certificate.peer_key() == *peer)?;
        let some = (node.certificate.mailbox_key(), node.mailboxes.as_slice());
        (!some.1.is_empty()).then_some(some)
    }

    /// A node that is not connected is owed something from `due_ms` on: its mailboxes may keep it.
    pub(crate) fn owe_to_mailboxes(&mut self, peer: PeerKey, due_ms: u64) {
        if self.mailboxes_of(&peer).is_some() {
            self.mailboxes.depositing.owe(peer, due_ms);
        }
    }

    /// A node is away.
    pub(crate) fn went_away(&mut self, batch: &Batch<'_, '_>, peer: PeerKey) {
        self.owe_to_mailboxes(peer, batch.now_ms.saturating_add(AWAY_AFTER_MS));
    }

    /// Nodes that were owed something when this one stopped, and may be away.
    pub(crate) async fn look_who_is_away(&mut self, batch: &mut Batch<'_, '_>) -> Result<(), StoreError> {
        for peer in batch.tx.owed_peers().await? {
            self.went_away(batch, peer);
        }
        Ok(())
    }

    /// A mailbox of others can be reached: whoever waited for it is looked at.
    pub(crate) fn keeper_appeared(&mut self, batch: &Batch<'_, '_>, peer: PeerKey) {
        let depositing = &mut self.mailboxes.depositing;
        for ((of, _), keeper) in depositing.keepers.iter_mut().filter(|((_, mailbox), _)| *mailbox == peer) {
            keeper.paused_until_ms = 0;
            if let Some(due_ms) = depositing.away.get_mut(of) {
                *due_ms = Some(batch.now_ms);
            }
        }
    }

    /// Deposits what is due.
    pub(crate) async fn deposit_due(&mut self, batch: &mut Batch<'_, '_>) -> Result<(), StoreError> {
        let is_due = |(peer, due_ms): (&PeerKey, &Option<u64>)| {
            due_ms.is_some_and(|due_ms| due_ms <= batch.now_ms).then_some(*peer)
        };
        let due: Vec<PeerKey> = self.mailboxes.depositing.away.iter().filter_map(is_due).collect();
        for peer in due {
            self.deposit_for(batch, peer).await?;
        }
        Ok(())
    }

    async fn deposit_for(&mut self, batch: &mut Batch<'_, '_>, peer: PeerKey) -> Result<(), StoreError> {
        let known = if self.is_connected(&peer) { None } else { self.mailboxes_of(&peer) };
        let Some((key, mailboxes)) = known.map(|(key, mailboxes)| (key, mailboxes.to_vec())) else {
            self.mailboxes.depositing.forget(peer);
            return Ok(());
        };
        let me = self.me.keys.peer_key();
        let (mut waits, mut next_ms) = (false, None::<u64>);
        for at in (0..mailboxes.len()).filter(|at| mailboxes.get(*at).is_some_and(|mailbox| mailbox.peer != me)) {
            let Some(mailbox) = mailboxes.get(at) else { continue };
            let Some(due_ms) = batch.tx.depositable_due_ms(peer, mailbox.peer).await? else { continue };
            let keeper = self.mailboxes.depositing.keepers.entry((peer, mailbox.peer)).or_default();
            let due_ms = due_ms.max(keeper.paused_until_ms);
            if keeper.request.is_some() {
                waits = true;
            } else if due_ms > batch.now_ms {
                next_ms = Some(next_ms.map_or(due_ms, |known| known.min(due_ms)));
            } else {
                waits = true;
                self.deposit(batch, peer, &key, (at, &mailboxes)).await?;
            }
        }
        if waits || next_ms.is_some() {
            self.mailboxes.depositing.away.insert(peer, next_ms);
        } else {
            self.mailboxes.depositing.forget(peer);
        }
        Ok(())
    }

    /// Brings what a node is owed to one of its mailboxes, and tells it what all of them acknowledged before.
    async fn deposit(
        &mut self,
        batch: &mut Batch<'_, '_>,
        peer: PeerKey,
        key: &MailboxPublic,
        (at, mailboxes): (usize, &[CardMailbox]),
    ) -> Result<(), StoreError> {
        let Some(mailbox) = mailboxes.get(at) else { return Ok(()) };
        let mut rows = batch.tx.depositable(peer, mailbox.peer, PUSH_ENVELOPES_MAX).await?;
        rows.truncate(push_length(rows.iter().map(|row| row.bytes.len()), self.push_bytes_max(mailbox.peer)));
        let tags: Vec<MailboxTag> = mailboxes.iter().map(|one| mailbox_tag(&one.peer, &one.token)).collect();
        let (stream, counts) = batch.tx.deposit_counts(peer, &tags).await?;
        let stream = stream.unwrap_or_else(|| batch.random());
        let Some(tag) = tags.get(at).copied() else { return Ok(()) };
        let before = counts.get(at).copied().unwrap_or_default();
        if before == 0 {
            batch.tx.begin_deposits(peer, tag, stream).await?;
        }
        let kept: Vec<(MailboxTag, u64)> = tags.into_iter().zip(counts).collect();
        let mut deposits = Vec::with_capacity(rows.len());
        for (row, number) in rows.iter().zip(before.saturating_add(1)..) {
            let tally = Tally { stream, number, kept: kept.clone() };
            let Ok(deposit) = seal_deposit(&tally.before(&row.bytes), key, batch.rng) else {
                tracing::warn!("a node's mailbox key is not valid: nothing is deposited for it");
                return Ok(());
            };
            deposits.push(deposit);
        }
        let asked = DepositAsked { peer, tag, rows: rows.iter().map(DepositedRow::of).collect() };
        let body = Request::Deposit { token: mailbox.token, deposits };
        let fresh = batch.random();
        let keeper = self.mailboxes.depositing.keepers.entry((peer, mailbox.peer)).or_default();
        let key = match keeper.key.take() {
            Some(key) if batch.now_ms.saturating_sub(key.since_ms) < KEY_USED_MS => key,
            _ => Key { seed: Zeroizing::new(fresh), since_ms: batch.now_ms },
        };
        let seed = key.seed.clone();
        keeper.key = Some(key);
        let (to, addresses) = (mailbox.peer, mailbox.addresses.clone());
        let request = self.ask_apart(batch, seed, (to, addresses), Asked::Deposit(asked), body);
        if let Some(keeper) = self.mailboxes.depositing.keepers.get_mut(&(peer, to)) {
            keeper.request = Some(request);
        }
        Ok(())
    }

    /// A mailbox of others answered.
    pub(crate) async fn deposited(
        &mut self,
        batch: &mut Batch<'_, '_>,
        keeper: PeerKey,
        asked: DepositAsked,
        outcome: Result<Response, RequestFailure>,
    ) -> Result<(), StoreError> {
        let verdicts = match outcome {
            Ok(Response::Deposit { verdicts }) if verdicts.len() == asked.rows.len() => Some(verdicts),
            _ => None,
        };
        let kept = verdicts
            .as_ref()
            .map_or(0, |verdicts| verdicts.iter().take_while(|verdict| **verdict == DepositVerdict::Kept).count());
        let all = kept == asked.rows.len();
        let chance = batch.rng.next_u32();
        let state = self.mailboxes.depositing.keepers.entry((asked.peer, keeper)).or_default();
        state.request = None;
        if all {
            state.failures = 0;
        } else if verdicts.is_some() {
            state.paused_until_ms = batch.now_ms.saturating_add(FULL_PAUSE_MS);
            tracing::info!("a mailbox has no room, or does not serve its owner any more");
        } else {
            state.paused_until_ms = next_attempt_ms(batch.now_ms, state.failures.min(6), chance);
            state.failures = state.failures.saturating_add(1);
        }
        let kept = asked.rows.get(..kept).unwrap_or_default();
        if let Some(last) = kept.last() {
            batch.tx.set_deposited(asked.peer, keeper, last.id).await?;
            batch.tx.count_deposits(asked.peer, asked.tag, kept.len() as u64).await?;
            self.note_stored(batch, keeper, kept).await?;
        }
        self.mailboxes.depositing.owe(asked.peer, batch.now_ms);
        Ok(())
    }

    /// These messages are *stored* now.
    async fn note_stored(
        &mut self,
        batch: &mut Batch<'_, '_>,
        keeper: PeerKey,
        rows: &[DepositedRow],
    ) -> Result<(), StoreError> {
        let mut numbers: BTreeMap<(ConversationId, NodeId), Vec<(u64, u64)>> = BTreeMap::new();
        for row in rows.iter().filter(|row| row.sequence != 0) {
            numbers.entry((row.conversation, row.node)).or_default().push((row.sequence, row.sequence));
        }
        for ((id, node), ranges) in numbers {
            let Some(conversation) = self.conversation(batch, id).await? else { continue };
            let account = conversation.members.iter().find(|member| member.node == node).map(|member| member.account);
            for range in merged(ranges) {
                let Some(conversation) = self.conversations.get_mut(&id) else { continue };
                let stored = conversation.ledger.store(node, range);
                let stored = stored.clone();
                batch.tx.put_stored(id, node, keeper, range, &stored, batch.now_ms).await?;
                batch.proved.entry(id).or_default().push(range);
            }
            batch.provers.entry(id).or_default().extend(account);
            batch.touched.insert(id);
        }
        Ok(())
    }
}
