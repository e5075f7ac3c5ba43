//! Sending: when this returns, the message is in the transaction, and the outbox owes it to every other node.

use tidings_crypto::envelope::{Envelope, EnvelopeId, EpochId, Week};
use tidings_crypto::group::GroupId;

use super::transcript::{self, Placed};
use crate::engine::State;
use crate::engine::batch::{Batch, Halt};
use crate::event::Event;
use crate::handle::{Message, MessageKind, MessageState, NewMessage, Refused, Role, Standing, TEXT_BYTES_MAX};
use crate::ids::{ConversationId, MessageId};
use crate::network::NetworkCommand;
use crate::outbox::{FIRST_ATTEMPT_AFTER_MS, GOSSIP_WINDOW_MAX, Kind};
use crate::store::{MemberRow, MessageRow, OutboxRow, RowKind, SentRow, StoreError};
use crate::wire::content::{Content, Text};

/// What an envelope is that somebody is owed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Owed {
    pub(crate) kind: Kind,
    /// My message's number; 0 for what is not a message.
    pub(crate) sequence: u64,
    /// It is pushed after this long.
    pub(crate) wait_ms: u64,
}

impl State {
    /// Sends a text.
    pub(crate) async fn send(&mut self, batch: &mut Batch<'_, '_>, new: NewMessage) -> Result<Message, Halt> {
        if new.text.is_empty() {
            return Err(Refused::EmptyText.into());
        }
        if new.text.len() > TEXT_BYTES_MAX {
            return Err(Refused::TextTooLong { bytes: new.text.len() }.into());
        }
        if let Some(sent) = self.sent_before(batch, &new).await? {
            return Ok(sent);
        }
        let answered = match new.reply_to {
            None => None,
            Some(id) => {
                let place = batch.tx.message_place(new.conversation, id).await?;
                Some(place.ok_or(Refused::UnknownMessage)?)
            }
        };
        let me = self.me.account_id();
        let conversation = self.conversation(batch, new.conversation).await?.ok_or(Refused::UnknownConversation)?;
        match conversation.row.standing {
            Standing::Member | Standing::ComingBack => {}
            Standing::Joining => return Err(Refused::NotJoinedYet.into()),
            Standing::Left | Standing::Removed => return Err(Refused::NotAMember.into()),
        }
        let group = *conversation.groups.first().ok_or(Refused::UnknownConversation)?;
        let sequence = conversation.row.next_sequence;
        let parents: Vec<Placed> = conversation.leaves.parents().collect();
        let place = transcript::place(batch.now_ms, parents.iter().map(|parent| parent.place).chain(answered));
        let text = Text {
            nonce: batch.random(),
            sequence,
            sent_at_ms: batch.now_ms,
            place,
            parents: parents.iter().map(|parent| parent.id).collect(),
            reply_to: new.reply_to,
            text: new.text,
        };
        let id = text.id(&me, &new.conversation);
        let payload = Content::Text(text.clone());
        self.group(batch, group).await?;
        if self.may_only_read(group) {
            return Err(Refused::NotAllowed { what: "you may only read in this group".to_owned() }.into());
        }
        let is_restored = self.groups.get(&group).is_some_and(|loaded| loaded.group.is_restored());
        let envelope = if is_restored {
            None
        } else {
            Some(self.encrypt(batch, group, &payload).await?.ok_or(Refused::UnknownConversation)?)
        };
        let head = self.groups.get(&group).map(|loaded| loaded.group.head()).ok_or(Refused::UnknownConversation)?;
        // It is of no epoch until this node came back (§8.6): then it is encrypted like what was written in one that is lost.
        let (sealed_as, epoch) = match &envelope {
            Some(envelope) => (envelope.id(), head),
            None => (EnvelopeId(batch.random()), EpochId([0; 32])),
        };
        let audience = self.audience_now(batch, new.conversation).await?;

        let row = MessageRow {
            id,
            conversation: new.conversation,
            author: me,
            author_node: self.me.node_id(),
            sequence,
            mine: true,
            seen: true,
            sent_at_ms: batch.now_ms,
            received_at_ms: batch.stamp_ms,
            place,
            parents: text.parents,
            reply_to: text.reply_to,
            text: text.text,
            envelope: sealed_as,
            audience,
            idempotency_key: new.idempotency_key,
            kind: RowKind::Text,
            late: false,
            shared_by: None,
        };
        self.add_message(batch, row.clone()).await?;
        batch.tx.put_sent(SentRow {
            conversation: new.conversation,
            sequence,
            message: id,
            group,
            epoch,
            nonce: text.nonce,
            sent_at_ms: batch.stamp_ms,
        });
        if envelope.is_some() {
            self.writes_in(batch, new.conversation, epoch, sequence).await?;
        }
        if let Some(conversation) = self.conversations.get_mut(&new.conversation) {
            conversation.change().next_sequence = sequence.saturating_add(1);
        }
        if let Some(envelope) = &envelope {
            self.spread(batch, new.conversation, envelope, Kind::Message, sequence).await?;
        }
        let message = self.message_of(&row);
        batch.events.push(Event::Message(message.clone()));
        Ok(message)
    }

    /// The message that the same key made before.
    async fn sent_before(&mut self, batch: &mut Batch<'_, '_>, new: &NewMessage) -> Result<Option<Message>, Halt> {
        let Some(key) = &new.idempotency_key else { return Ok(None) };
        let Some(id) = batch.tx.message_by_key(key).await? else { return Ok(None) };
        batch.tx.flush().await?;
        let sent = batch.tx.message_view(id, &self.viewer()).await?.ok_or(Refused::UnknownMessage)?;
        let same = sent.conversation == new.conversation && sent.text == new.text;
        if same { Ok(Some(sent)) } else { Err(Refused::KeyUsed.into()) }
    }

    /// Whether all others would refuse what this account writes in a group.
    fn may_only_read(&self, group: GroupId) -> bool {
        let Some(loaded) = self.groups.get(&group) else { return false };
        let me = self.me.account_id();
        let role = loaded.group.policy().map(|policy| policy.acting_role(&me, loaded.group.members()));
        role == Some(Role::ReadOnly)
    }

    /// Encrypts for a group's head epoch and seals for that epoch's topic; `None` if this node is no member any more.
    pub(crate) async fn encrypt(
        &mut self,
        batch: &mut Batch<'_, '_>,
        group: GroupId,
        payload: &Content,
    ) -> Result<Option<Envelope>, StoreError> {
        if self.group(batch, group).await?.is_none() {
            return Ok(None);
        }
        let Some(loaded) = self.groups.get_mut(&group) else { return Ok(None) };
        let Ok(content) = loaded.group.encrypt(&self.me, &payload.encode(), batch.rng) else { return Ok(None) };
        let secret = loaded.group.topic_secret(content.epoch);
        let envelope = secret.and_then(|secret| Envelope::seal(secret, Week::of(batch.steady_ms), &content).ok());
        self.save_group(batch, group).await?;
        Ok(envelope)
    }

    /// Adds a message to the transcript, and places what waited for it.
    pub(crate) async fn add_message(&mut self, batch: &mut Batch<'_, '_>, row: MessageRow) -> Result<(), StoreError> {
        let placed = Placed { place: row.place, id: row.id };
        let conversation = row.conversation;
        if let Some(conversation) = self.conversations.get_mut(&conversation) {
            conversation.add_message(placed, &row.parents, batch.now_ms);
        }
        batch.tx.put_message(row);
        if self.missing_parents.remove(&placed.id) {
            self.place_waiting(batch, conversation, placed).await?;
        }
        Ok(())
    }

    /// Sends an envelope on its two ways: gossip, which is fast, and the outbox, which is sure.
    pub(crate) async fn spread(
        &mut self,
        batch: &mut Batch<'_, '_>,
        id: ConversationId,
        envelope: &Envelope,
        kind: Kind,
        sequence: u64,
    ) -> Result<(), StoreError> {
        let published = self.publish(batch, id, envelope, kind, sequence);
        let wait_ms = if published { FIRST_ATTEMPT_AFTER_MS } else { 0 };
        self.owe_to_others(batch, id, envelope, kind, sequence, wait_ms).await
    }

    /// Owes an envelope to every other node of a conversation: it is pushed after `wait_ms`.
    pub(crate) async fn owe_to_others(
        &mut self,
        batch: &mut Batch<'_, '_>,
        id: ConversationId,
        envelope: &Envelope,
        kind: Kind,
        sequence: u64,
        wait_ms: u64,
    ) -> Result<(), StoreError> {
        let me = self.me.node_id();
        let others: Vec<_> = self.conversation(batch, id).await?.map(|c| c.others(me).collect()).unwrap_or_default();
        self.owe_to(batch, id, envelope, &others, Owed { kind, sequence, wait_ms });
        Ok(())
    }

    /// Owes an envelope to these nodes.
    pub(crate) fn owe_to(
        &mut self,
        batch: &mut Batch<'_, '_>,
        conversation: ConversationId,
        envelope: &Envelope,
        nodes: &[MemberRow],
        owed: Owed,
    ) {
        if matches!(owed.kind, Kind::Commit | Kind::Message | Kind::Statement) {
            self.hold_own(batch, envelope);
        }
        batch.keep(envelope);
        let next_attempt_ms = batch.now_ms.saturating_add(owed.wait_ms);
        for node in nodes {
            batch.tx.put_outbox(OutboxRow {
                peer: node.peer,
                node: node.node,
                kind: owed.kind,
                conversation,
                sequence: owed.sequence,
                envelope: envelope.id(),
                next_attempt_ms,
            });
            self.owe(node.peer, next_attempt_ms);
        }
    }

    /// Hands an envelope to gossip, unless nobody would hear it, or so much is unproved that it had better be pushed
    /// in order.
    fn publish(
        &mut self,
        batch: &mut Batch<'_, '_>,
        id: ConversationId,
        envelope: &Envelope,
        kind: Kind,
        sequence: u64,
    ) -> bool {
        let me = self.me.node_id();
        let Some(conversation) = self.conversations.get(&id) else { return false };
        let somebody = conversation.others(me).any(|other| self.is_connected(&other.peer));
        if !somebody || conversation.unproved(me) > GOSSIP_WINDOW_MAX {
            return false;
        }
        self.next_publication += 1;
        self.publications.insert(self.next_publication, (id, kind, sequence));
        batch.network(NetworkCommand::Publish {
            topic: envelope.tag(),
            publication: self.next_publication,
            bytes: envelope.bytes().to_vec(),
        });
        true
    }

    /// A message as a person sees it at this moment.
    pub(crate) fn message_of(&self, row: &MessageRow) -> Message {
        Message {
            id: row.id,
            conversation: row.conversation,
            sender: row.author,
            sender_name: self.name_of(&row.author),
            mine: row.mine,
            sent_at_ms: row.sent_at_ms,
            received_at_ms: row.received_at_ms,
            place: row.place,
            text: row.text.clone(),
            state: if row.mine { MessageState::Queued } else { MessageState::Received },
            reply_to: row.reply_to,
            kind: MessageKind::Text,
            late: row.late,
            shared_by: row.shared_by,
            shared_by_name: row.shared_by.as_ref().map(|account| self.name_of(account)).unwrap_or_default(),
        }
    }

    /// Messages that waited for this parent move behind it, and their children behind them.
    async fn place_waiting(
        &mut self,
        batch: &mut Batch<'_, '_>,
        id: ConversationId,
        parent: Placed,
    ) -> Result<(), StoreError> {
        // Few messages wait at any time; these bound the work that one late message can make.
        const PAGE: usize = 256;
        const PAGES_MAX: usize = 40;
        batch.tx.flush().await?;
        let waiting = batch.tx.take_waiting(parent.id).await?;
        let mut lowest = u64::MAX;
        for child in &waiting {
            lowest = lowest.min(batch.tx.message_place(id, *child).await?.unwrap_or(u64::MAX));
        }
        if lowest > parent.place {
            return Ok(()); // All of them stand behind it already.
        }
        // A child's place is always above its parents': one pass in order finds everything that must move.
        let mut moved = std::collections::BTreeMap::from([(parent.id, parent.place)]);
        let mut highest = parent.place;
        let mut from = Placed { place: lowest.saturating_sub(1), id: MessageId([u8::MAX; 16]) };
        for _ in 0..PAGES_MAX {
            let to = highest;
            let rows = batch.tx.placed_between(id, from, to, PAGE).await?;
            for (placed, parents) in &rows {
                let after = parents.iter().filter_map(|parent: &MessageId| moved.get(parent)).max().copied();
                if let Some(after) = after
                    && after >= placed.place
                {
                    moved.insert(placed.id, after.saturating_add(1));
                    highest = highest.max(after.saturating_add(1));
                }
            }
            from = match rows.last() {
                Some((last, _)) if rows.len() == PAGE => *last,
                _ if highest > to => Placed { place: to, id: MessageId([u8::MAX; 16]) },
                _ => break,
            };
        }
        moved.remove(&parent.id);
        for (message, place) in moved {
            let placed = Placed { place, id: message };
            batch.tx.move_message(placed).await?;
            batch.moved.insert(message);
            if let Some(conversation) = self.conversations.get_mut(&id) {
                conversation.hold_place(placed);
                conversation.leaves.moved(placed);
                conversation.change();
            }
        }
        Ok(())
    }
}
