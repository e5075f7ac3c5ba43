//! Receipts (PROTOCOL §6): what this node says that it holds and has shown, and what others' receipts prove.
//!
//! A receipt is signed by a member's node, so nobody can forge one; it is cumulative, so a lost one costs nothing and
//! an old one that is played again says nothing new. It goes to the node whose messages it speaks of, and to no other:
//! in a group of a hundred a message is answered by a hundred small receipts, not by ten thousand.

use std::collections::BTreeMap;

use tidings_crypto::envelope::{Content, Envelope, Week};
use tidings_crypto::group::GroupId;
use tidings_crypto::identity::NodeId;

use super::ledger::Progress;
use super::receive::Arrival;
use super::send::Owed;
use super::transcript::Placed;
use crate::engine::State;
use crate::engine::batch::{Batch, Halt};
use crate::handle::Refused;
use crate::ids::{ConversationId, MessageId};
use crate::outbox::Kind;
use crate::store::StoreError;
use crate::wire::receipt::{Receipt, UnverifiedReceipt};

/// Receipts of one conversation are at least this far apart: under load each one speaks for many messages. A guess.
const RECEIPT_PAUSE_MS: u64 = 100;

impl State {
    /// This author's node waits for a receipt.
    pub(crate) fn owe_receipt(&mut self, batch: &Batch<'_, '_>, id: ConversationId, author: NodeId) {
        let Some(conversation) = self.conversations.get_mut(&id) else { return };
        if author == self.me.node_id() {
            return;
        }
        conversation.receipts_owed.insert(author);
        conversation.received_of(author);
        conversation.change().receipt_owed = true;
        let due_ms = conversation.last_receipt_ms.saturating_add(RECEIPT_PAUSE_MS).max(batch.now_ms);
        self.receipts_due.entry(id).or_insert(due_ms);
    }

    /// Sends the receipts that are due.
    pub(crate) async fn send_due_receipts(&mut self, batch: &mut Batch<'_, '_>) -> Result<(), StoreError> {
        let due = self.receipts_due.iter().filter(|(_, due_ms)| **due_ms <= batch.now_ms);
        let due: Vec<ConversationId> = due.map(|(id, _)| *id).collect();
        for id in due {
            self.receipts_due.remove(&id);
            // What is owed stays owed until the owner has decided (PROTOCOL §6.16).
            if !self.strangers.is_silent(&id) {
                self.send_receipt(batch, id).await?;
            }
        }
        Ok(())
    }

    async fn send_receipt(&mut self, batch: &mut Batch<'_, '_>, id: ConversationId) -> Result<(), StoreError> {
        let Some(conversation) = self.conversation(batch, id).await? else { return Ok(()) };
        let Some(group) = conversation.groups.first().copied() else { return Ok(()) };
        // A node of before receipts had addressees remembers only that one is owed.
        let everybody = conversation.receipts_owed.is_empty();
        let is_owed = |node: &NodeId| everybody || conversation.receipts_owed.contains(node);
        let owed =
            conversation.members.iter().filter(|member| is_owed(&member.node)).filter_map(|member| {
                conversation.received.get(&member.node).map(|progress| (*member, progress.clone()))
            });
        let owed: Vec<_> = owed.collect();
        let Some(loaded) = self.group(batch, group).await? else { return Ok(()) };
        let epoch = loaded.group.head();
        let Some(secret) = loaded.group.topic_secret(epoch).cloned() else { return Ok(()) };
        for (author, progress) in owed {
            let receipt = Receipt { authors: vec![(author.node, progress)] };
            let content = Content { epoch, message: receipt.sign(&self.me, group) };
            let Ok(envelope) = Envelope::seal(&secret, Week::of(batch.steady_ms), &content) else { continue };
            batch.tx.drop_receipts(id, author.node).await?;
            self.owe_to(batch, id, &envelope, &[author], Owed { kind: Kind::Receipt, sequence: 0, wait_ms: 0 });
        }
        if let Some(conversation) = self.conversations.get_mut(&id) {
            // Who is no member now is owed one when it comes back.
            let answered = std::mem::take(&mut conversation.receipts_owed);
            for author in answered {
                conversation.received_of(author);
            }
            conversation.change().receipt_owed = false;
            conversation.last_receipt_ms = batch.now_ms;
        }
        Ok(())
    }

    /// Takes in what a member's receipt proves of this node's messages.
    pub(crate) async fn take_receipt(
        &mut self,
        batch: &mut Batch<'_, '_>,
        id: ConversationId,
        group: GroupId,
        content: &Content,
    ) -> Result<Arrival, StoreError> {
        let Ok(unverified) = UnverifiedReceipt::decode(&content.message) else { return Ok(Arrival::Refused) };
        let Some(loaded) = self.group(batch, group).await? else { return Ok(Arrival::Later) };
        let members = loaded.group.members_at(content.epoch).iter().chain(loaded.group.members());
        let Some(member) = members.into_iter().find(|member| member.node == unverified.node).cloned() else {
            return Ok(Arrival::Later); // The commit that added this node may still be on its way.
        };
        let Some(receipt) = unverified.verify(group, &member) else { return Ok(Arrival::Refused) };
        let me = self.me.node_id();
        if let Some((_, claim)) = receipt.authors.iter().find(|(author, _)| *author == me) {
            batch.provers.entry(id).or_default().insert(member.account);
            self.prove(batch, id, member.node, claim).await?;
        }
        Ok(Arrival::Taken)
    }

    async fn prove(
        &mut self,
        batch: &mut Batch<'_, '_>,
        id: ConversationId,
        reader: NodeId,
        claim: &Progress,
    ) -> Result<(), StoreError> {
        let Some(conversation) = self.conversations.get_mut(&id) else { return Ok(()) };
        let learnt = conversation.ledger.apply(reader, claim, conversation.row.next_sequence);
        let Some(progress) = conversation.ledger.reader(&reader) else { return Ok(()) };
        if learnt.delivered.is_empty() && learnt.seen.is_empty() {
            return Ok(());
        }
        let is_stored_nowhere = progress.stored.is_empty();
        batch.tx.put_ledger(id, reader, progress).await?;
        for range in &learnt.delivered {
            batch.tx.put_progress(id, reader, false, *range, batch.now_ms).await?;
            batch.tx.settle_messages(id, reader, range.0, range.1).await?;
            if !is_stored_nowhere {
                batch.tx.drop_stored(id, reader, *range).await?;
            }
        }
        for range in &learnt.seen {
            batch.tx.put_progress(id, reader, true, *range, batch.now_ms).await?;
        }
        batch.proved.entry(id).or_default().extend(learnt.delivered.into_iter().chain(learnt.seen));
        batch.touched.insert(id);
        Ok(())
    }

    /// The owner looked at everything up to a message.
    pub(crate) async fn mark_seen(
        &mut self,
        batch: &mut Batch<'_, '_>,
        id: ConversationId,
        up_to: MessageId,
    ) -> Result<(), Halt> {
        self.conversation(batch, id).await?.ok_or(Refused::UnknownConversation)?;
        let place = batch.tx.message_place(id, up_to).await?.ok_or(Refused::UnknownMessage)?;
        batch.tx.flush().await?;
        let seen = batch.tx.mark_seen(id, Placed { place, id: up_to }).await?;
        if seen.is_empty() {
            return Ok(());
        }
        let mut by_author: BTreeMap<NodeId, Vec<u64>> = BTreeMap::new();
        for (author, sequence) in seen {
            by_author.entry(author).or_default().push(sequence);
        }
        let authors: Vec<NodeId> = by_author.keys().copied().collect();
        if let Some(conversation) = self.conversations.get_mut(&id) {
            for (author, sequences) in by_author {
                let progress = conversation.received_of(author);
                for sequence in sequences {
                    progress.seen.insert(sequence);
                }
            }
        }
        for author in authors {
            self.owe_receipt(batch, id, author);
        }
        Ok(())
    }
}
