//! Depositing: what is owed to a node that is away goes to the mailboxes that its card names.
//!
//! A deposit settles nothing: the row stays in the outbox until the recipient's node proves that it has the envelope. A
//! mailbox that acknowledged it makes the message *stored*, and no more.

use std::collections::{BTreeMap, BTreeSet};

use rand_core::Rng;
use tidings_crypto::card::CardMailbox;
use tidings_crypto::envelope::seal_deposit;
use tidings_crypto::identity::{MailboxPublic, NodeId};

use crate::conversation::ledger::merged;
use crate::engine::batch::Batch;
use crate::engine::{Asked, State};
use crate::ids::{ConversationId, PeerKey};
use crate::network::{NetworkCommand, RequestFailure};
use crate::outbox::{PUSH_ENVELOPES_MAX, next_attempt_ms, push_length};
use crate::store::{Depositable, StoreError};
use crate::wire::request::{DepositVerdict, Request, Response};

/// A node that is gone has this long to come back before its mailboxes are called. A guess: a restart.
const AWAY_AFTER_MS: u64 = 5_000;
/// A mailbox that has no room, or refuses, is tried again after this long.
const FULL_PAUSE_MS: u64 = 10 * 60_000;
/// A mailbox that nothing goes to any more is dialled no longer after this.
const IDLE_MS: u64 = 5 * 60_000;

/// The depositing side, in memory.
#[derive(Debug, Default)]
pub(crate) struct Depositing {
    /// Nodes that are away and have mailboxes, and when to see what they are owed; nothing while a mailbox has to
    /// answer, or to connect, first.
    away: BTreeMap<PeerKey, Option<u64>>,
    /// The mailboxes of others.
    keepers: BTreeMap<PeerKey, Keeper>,
}

/// A mailbox of others.
#[derive(Debug, Default)]
struct Keeper {
    /// The deposit under way.
    request: Option<u64>,
    paused_until_ms: u64,
    failures: u32,
    /// It was called because of a deposit, and when the last one was.
    called_ms: u64,
}

/// What is under way to a mailbox.
#[derive(Debug)]
pub(crate) struct DepositAsked {
    /// Whom it is for.
    peer: PeerKey,
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
        let idle = self.keepers.values().map(|keeper| keeper.called_ms.saturating_add(IDLE_MS));
        self.away.values().copied().flatten().chain(idle).min()
    }

    /// Something is owed to a node that is away.
    fn owe(&mut self, peer: PeerKey, due_ms: u64) {
        let entry = self.away.entry(peer).or_insert(Some(due_ms));
        *entry = Some(entry.map_or(due_ms, |known| known.min(due_ms)));
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
        if let Some(keeper) = self.mailboxes.depositing.keepers.get_mut(&peer) {
            keeper.request = None;
        }
    }

    /// Nodes that were owed something when this one stopped, and may be away.
    pub(crate) async fn look_who_is_away(&mut self, batch: &mut Batch<'_, '_>) -> Result<(), StoreError> {
        for peer in batch.tx.owed_peers().await? {
            self.went_away(batch, peer);
        }
        Ok(())
    }

    /// A mailbox of others may have appeared: everybody who waited for it is looked at.
    pub(crate) fn keeper_appeared(&mut self, batch: &Batch<'_, '_>, peer: PeerKey) {
        let Some(keeper) = self.mailboxes.depositing.keepers.get_mut(&peer) else { return };
        (keeper.request, keeper.paused_until_ms) = (None, 0);
        self.look_at_all_away(batch.now_ms);
    }

    fn look_at_all_away(&mut self, now_ms: u64) {
        for due_ms in self.mailboxes.depositing.away.values_mut() {
            due_ms.get_or_insert(now_ms);
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
        self.let_go_of_idle(batch);
        Ok(())
    }

    async fn deposit_for(&mut self, batch: &mut Batch<'_, '_>, peer: PeerKey) -> Result<(), StoreError> {
        let known = if self.is_connected(&peer) { None } else { self.mailboxes_of(&peer) };
        let Some((key, mailboxes)) = known.map(|(key, mailboxes)| (key, mailboxes.to_vec())) else {
            self.mailboxes.depositing.away.remove(&peer);
            return Ok(());
        };
        let me = self.me.keys.peer_key();
        let (mut waits, mut next_ms) = (false, None::<u64>);
        for mailbox in mailboxes.iter().filter(|mailbox| mailbox.peer != me) {
            let Some(due_ms) = batch.tx.depositable_due_ms(peer, mailbox.peer).await? else { continue };
            let is_connected = self.is_connected(&mailbox.peer);
            let keeper = self.mailboxes.depositing.keepers.entry(mailbox.peer).or_default();
            let due_ms = due_ms.max(keeper.paused_until_ms);
            if due_ms > batch.now_ms {
                next_ms = Some(next_ms.map_or(due_ms, |known| known.min(due_ms)));
                continue;
            }
            keeper.called_ms = batch.now_ms;
            waits = true;
            if !is_connected {
                batch.network(NetworkCommand::Know { peer: mailbox.peer, addresses: mailbox.addresses.clone() });
            } else if keeper.request.is_none() {
                self.deposit(batch, peer, &key, mailbox).await?;
            }
        }
        if waits || next_ms.is_some() {
            self.mailboxes.depositing.away.insert(peer, next_ms);
        } else {
            self.mailboxes.depositing.away.remove(&peer);
        }
        Ok(())
    }

    async fn deposit(
        &mut self,
        batch: &mut Batch<'_, '_>,
        peer: PeerKey,
        key: &MailboxPublic,
        mailbox: &CardMailbox,
    ) -> Result<(), StoreError> {
        let mut rows = batch.tx.depositable(peer, mailbox.peer, PUSH_ENVELOPES_MAX).await?;
        rows.truncate(push_length(rows.iter().map(|row| row.bytes.len())));
        let sealed: Result<Vec<_>, _> = rows.iter().map(|row| seal_deposit(&row.bytes, key, batch.rng)).collect();
        let Ok(deposits) = sealed else {
            tracing::warn!("a node's mailbox key is not valid: nothing is deposited for it");
            return Ok(());
        };
        let asked = DepositAsked { peer, rows: rows.iter().map(DepositedRow::of).collect() };
        let body = Request::Deposit { token: mailbox.token, deposits };
        let request = self.ask(batch, mailbox.peer, Asked::Deposit(asked), body);
        if let Some(keeper) = self.mailboxes.depositing.keepers.get_mut(&mailbox.peer) {
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
        let state = self.mailboxes.depositing.keepers.entry(keeper).or_default();
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
            self.note_stored(batch, keeper, kept).await?;
        }
        self.look_at_all_away(batch.now_ms);
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

    /// Mailboxes that nothing went to for a while are not dialled any more, unless they are somebody's we know.
    fn let_go_of_idle(&mut self, batch: &mut Batch<'_, '_>) {
        let is_idle =
            |keeper: &Keeper| keeper.request.is_none() && keeper.called_ms.saturating_add(IDLE_MS) <= batch.now_ms;
        let idle = self.mailboxes.depositing.keepers.iter().filter(|(_, keeper)| is_idle(keeper));
        let idle: Vec<PeerKey> = idle.map(|(peer, _)| *peer).collect();
        if idle.is_empty() {
            return;
        }
        let waited_for = self.mailboxes.depositing.away.keys().filter_map(|peer| self.mailboxes_of(peer));
        let waited_for = waited_for.flat_map(|(_, mailboxes)| mailboxes.iter().map(|mailbox| mailbox.peer));
        let waited_for: BTreeSet<PeerKey> = waited_for.collect();
        for peer in idle {
            if waited_for.contains(&peer) {
                self.mailboxes.depositing.keepers.entry(peer).or_default().called_ms = batch.now_ms;
                continue;
            }
            self.mailboxes.depositing.keepers.remove(&peer);
            if !self.accounts_by_peer.contains_key(&peer) && !self.mailboxes.own.has(&peer) {
                batch.network(NetworkCommand::Forget(peer));
            }
        }
    }
}
