//! THE door: every envelope from outside comes through here, however it came.
//!
//! Taken means durable: by the end of the batch's transaction this node has read the envelope, or keeps it until it can.

use std::collections::VecDeque;

use tidings_crypto::envelope::{Content as EnvelopeContent, Envelope, Kind as EnvelopeKind};
use tidings_crypto::group::{GroupId, Member, Received, Refusal, Standing, Taken, is_ballot};

use super::{leaving, transcript};
use crate::engine::batch::Batch;
use crate::engine::topics::Topic;
use crate::engine::{MISSING_A_CONVERSATION_MAX, MISSING_PARENTS_MAX, State};
use crate::event::Event;
use crate::ids::{ConversationId, PeerKey};
use crate::network::Verdict;
use crate::store::{MessageRow, Parked, ParkedBy, RowKind, StoreError};
use crate::wire::content::{Content, Text};
use crate::wire::receipt::UnverifiedReceipt;
use crate::wire::request::PushVerdict;

/// A message is late if newer ones of others had been here for longer than this: people may have read past its place. A
/// guess: within a minute everybody is still reading.
const LATE_AFTER_MS: u64 = 60_000;
/// So many envelopes of one group may wait for an epoch that is not known yet.
const PARKED_MAX: u32 = 1_000;
/// Of these, one peer may bring so many: nobody fills the place of all.
const PARKED_BY_PEER_MAX: u32 = 500;

/// An envelope, who brought it, and when.
struct Brought {
    envelope: Envelope,
    by: PeerKey,
    at_ms: u64,
}

impl Brought {
    fn of_parked(parked: Parked) -> Option<Self> {
        let Parked { bytes, peer, at_ms, .. } = parked;
        Some(Self { envelope: Envelope::decode(&bytes).ok()?, by: peer, at_ms })
    }

    fn parked(&self, parked_max: u32, parked_by_peer_max: u32) -> ParkedBy {
        ParkedBy { peer: self.by, at_ms: self.at_ms, parked_max, parked_by_peer_max }
    }
}

/// What becomes of an envelope.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Arrival {
    /// It is new, and durable with this batch.
    Taken,
    /// It went through this node before.
    Known,
    /// It means nothing here yet: the sender should try again.
    Later,
    /// It is malformed or forged.
    Refused,
    /// Its epoch was forgotten here, or was never there: it can never be read, and its author has to say it anew.
    Gone,
    /// Its owner does not want it, or not now; nobody is told: the answer is that for what was taken (PROTOCOL §6.16).
    PassedOver,
}

impl Arrival {
    pub(crate) fn for_gossip(self) -> Verdict {
        match self {
            Self::Taken => Verdict::Accept,
            Self::Known | Self::Later | Self::Gone | Self::PassedOver => Verdict::Ignore,
            Self::Refused => Verdict::Reject,
        }
    }

    pub(crate) fn for_push(self) -> PushVerdict {
        match self {
            Self::Taken | Self::PassedOver => PushVerdict::Taken,
            Self::Known => PushVerdict::Known,
            Self::Later => PushVerdict::Later,
            Self::Refused => PushVerdict::Refused,
            Self::Gone => PushVerdict::Gone,
        }
    }
}

impl State {
    /// Takes an envelope from `from`, who carried it and need not be who wrote it.
    pub(crate) async fn receive(
        &mut self,
        batch: &mut Batch<'_, '_>,
        bytes: &[u8],
        from: PeerKey,
    ) -> Result<Arrival, StoreError> {
        let Ok(envelope) = Envelope::decode(bytes) else { return Ok(Arrival::Refused) };
        if batch.is_known(envelope.id()) {
            return Ok(Arrival::Known);
        }
        let arrival = match envelope.kind() {
            EnvelopeKind::Welcome => self.receive_welcome(batch, &envelope).await?,
            EnvelopeKind::Message if self.coming.needs(envelope.id()) => self.receive_rest(batch, &envelope).await?,
            EnvelopeKind::Message => match self.topic_of(batch, &envelope, from).await? {
                Some(topic) => self.receive_message(batch, envelope.clone(), &topic, from).await?,
                // It may be of a conversation that was passed over when it began.
                None if self.is_of_blocked(&from) => Arrival::PassedOver,
                None => Arrival::Later,
            },
        };
        if arrival == Arrival::Taken {
            batch.remember(envelope.id());
        }
        Ok(arrival)
    }

    /// Where an envelope belongs. Only a member may bring one that is older than the subscribed weeks.
    async fn topic_of(
        &mut self,
        batch: &mut Batch<'_, '_>,
        envelope: &Envelope,
        from: PeerKey,
    ) -> Result<Option<Topic>, StoreError> {
        let tag = envelope.tag();
        if let Some(topic) = self.topics.find(&tag) {
            return Ok(Some(topic));
        }
        let is_carried = from.0 == self.me.certificate.peer_key().0;
        if is_carried || self.mailboxes.own.has(&from) {
            // Whoever brought it there, or gave it to be carried, is not known here; it may be of any group.
            let groups: Vec<GroupId> = self.group_rows.keys().copied().collect();
            return Ok(self.topics.find_older(&tag, &groups, batch.times_ms()));
        }
        let Some(account) = self.accounts_by_peer.get(&from) else { return Ok(None) };
        let shared = batch.tx.conversations_with(*account).await?;
        let rows = self.group_rows.values().filter(|row| shared.contains(&row.conversation));
        let groups: Vec<GroupId> = rows.map(|row| row.id).collect();
        let older = self.topics.find_older(&tag, &groups, batch.times_ms());
        if older.is_none() {
            // It may be of a topic that the group has turned to, and this node not.
            self.puzzled_by(batch, &groups, from);
        }
        Ok(older)
    }

    /// Reads an envelope of a group, and then whatever waited for the epochs that it made.
    async fn receive_message(
        &mut self,
        batch: &mut Batch<'_, '_>,
        envelope: Envelope,
        topic: &Topic,
        from: PeerKey,
    ) -> Result<Arrival, StoreError> {
        let mut waiting = VecDeque::new();
        let brought = Brought { envelope, by: from, at_ms: batch.now_ms };
        let arrival = self.read_one(batch, &brought, topic, &mut waiting).await?;
        self.read_waiting(batch, topic.group, waiting).await?;
        Ok(arrival)
    }

    /// Reads all that waits in a group: its epochs may be others than they were.
    pub(crate) async fn read_parked(&mut self, batch: &mut Batch<'_, '_>, group: GroupId) -> Result<(), StoreError> {
        let waiting = batch.tx.unpark(group, None).await?.into_iter().filter_map(Brought::of_parked).collect();
        self.read_waiting(batch, group, waiting).await
    }

    async fn read_waiting(
        &mut self,
        batch: &mut Batch<'_, '_>,
        group: GroupId,
        mut waiting: VecDeque<Brought>,
    ) -> Result<(), StoreError> {
        if waiting.is_empty() {
            return Ok(());
        }
        while let Some(brought) = waiting.pop_front() {
            let id = brought.envelope.id();
            // What was parked may be sealed for another week than the envelope that freed it.
            let topic = self.topics.find_older(&brought.envelope.tag(), &[group], batch.times_ms());
            let arrival = match &topic {
                Some(topic) => self.read_one(batch, &brought, topic, &mut waiting).await?,
                None => Arrival::Gone,
            };
            match (arrival, topic) {
                (Arrival::Later, Some(topic)) => {
                    // It was taken once, so it is kept until it can be read.
                    if let Ok(content) = brought.envelope.open(&topic.secret, topic.week) {
                        let by = brought.parked(u32::MAX, u32::MAX);
                        batch.tx.park(group, content.epoch, id, brought.envelope.bytes(), by).await?;
                    }
                }
                (Arrival::Gone, _) => batch.tx.forget_envelope(id).await?,
                _ => {}
            }
        }
        let oldest_ms = batch.tx.oldest_parked_ms(group).await?;
        self.ways_back.unparked(group, oldest_ms);
        Ok(())
    }

    async fn read_one(
        &mut self,
        batch: &mut Batch<'_, '_>,
        brought: &Brought,
        topic: &Topic,
        waiting: &mut VecDeque<Brought>,
    ) -> Result<Arrival, StoreError> {
        let envelope = &brought.envelope;
        let Ok(content) = envelope.open(&topic.secret, topic.week) else { return Ok(Arrival::Refused) };
        let Some(conversation) = self.group_rows.get(&topic.group).map(|row| row.conversation) else {
            return Ok(Arrival::Later);
        };
        let held_at = self.held_at(batch, topic, &content).await?;
        let (arrival, is_for_all) = self.read_content(batch, brought, topic, &content, conversation, waiting).await?;
        if let Some(at) = held_at.filter(|_| is_for_all && matches!(arrival, Arrival::Taken | Arrival::Known)) {
            self.hold(batch, envelope, at);
        }
        Ok(arrival)
    }

    /// Reads what an envelope holds; and whether it is for all members, who keep it for each other then.
    async fn read_content(
        &mut self,
        batch: &mut Batch<'_, '_>,
        brought: &Brought,
        topic: &Topic,
        content: &EnvelopeContent,
        conversation: ConversationId,
        waiting: &mut VecDeque<Brought>,
    ) -> Result<(Arrival, bool), StoreError> {
        let envelope = &brought.envelope;
        let for_all = |arrival| Ok((arrival, true));
        let for_me = |arrival| Ok((arrival, false));
        if self.conversation(batch, conversation).await?.is_none() {
            return for_me(Arrival::Later);
        }
        if leaving::is_leave(&content.message) {
            return for_all(self.take_leave(batch, topic.group, content).await?);
        }
        if UnverifiedReceipt::is_receipt(&content.message) {
            return for_me(self.take_receipt(batch, conversation, topic.group, content).await?);
        }
        if is_private(&content.message) && self.passes_over(batch, conversation).await? {
            return for_me(Arrival::PassedOver);
        }
        let Some(loaded) = self.group(batch, topic.group).await? else { return for_me(Arrival::Later) };
        if is_ballot(&content.message) {
            let before = loaded.group.standing();
            let taken = loaded.group.take_ballot(&content.message, batch.steady_ms);
            return for_me(self.after_ballot(batch, topic.group, before, taken).await?);
        }
        match loaded.group.receive(content, batch.stamp_ms) {
            Received::Message { sender, payload, .. } => {
                if loaded.group.is_restored() {
                    self.ways_back.read_on(topic.group, batch.now_ms);
                }
                self.save_group(batch, topic.group).await?;
                self.take_payload(batch, conversation, topic.group, &sender, &payload, envelope).await?;
                Ok((Arrival::Taken, Content::is_for_all(&payload)))
            }
            Received::Committed { epoch, summary, .. } => {
                self.save_group(batch, topic.group).await?;
                self.note_received(batch, topic.group, epoch, &summary).await?;
                self.after_commit(batch, topic.group).await?;
                let freed = batch.tx.unpark(topic.group, Some(epoch)).await?;
                waiting.extend(freed.into_iter().filter_map(Brought::of_parked));
                for_all(Arrival::Taken)
            }
            Received::Late(epoch) => {
                self.look_for_copies(batch, topic.group, epoch, content).await?;
                self.save_group(batch, topic.group).await?;
                self.after_commit(batch, topic.group).await?;
                // Commits that follow it take part in the rule, and messages in it will never be read.
                let freed = batch.tx.unpark(topic.group, Some(epoch)).await?;
                waiting.extend(freed.into_iter().filter_map(Brought::of_parked));
                for_all(Arrival::Taken)
            }
            Received::RemovedHere { summary } => {
                let removed = loaded.group.policy().is_none().then(|| loaded.group.head());
                self.save_group(batch, topic.group).await?;
                if let Some((summary, epoch)) = summary.zip(removed) {
                    self.note_received(batch, topic.group, epoch, &summary).await?;
                }
                self.after_commit(batch, topic.group).await?;
                for_all(Arrival::Taken)
            }
            Received::UnknownEpoch(epoch) => {
                let by = brought.parked(PARKED_MAX, PARKED_BY_PEER_MAX);
                let parked = batch.tx.park(topic.group, epoch, envelope.id(), envelope.bytes(), by).await?;
                if parked {
                    self.ways_back.parked(topic.group, brought.at_ms);
                    self.partners.gap(topic.group, None, batch.now_ms);
                }
                for_me(if parked { Arrival::Taken } else { Arrival::Later })
            }
            Received::Known => for_all(Arrival::Known),
            Received::Gone => for_me(Arrival::Gone),
            // So far ahead of what is here that the ratchet does not reach: what is missing comes first.
            Received::Unreadable | Received::TooEarly => for_me(Arrival::Later),
            Received::Refused(_) => for_me(Arrival::Refused),
        }
    }

    async fn after_ballot(
        &mut self,
        batch: &mut Batch<'_, '_>,
        group: GroupId,
        before: Standing,
        taken: Result<Taken, Refusal>,
    ) -> Result<Arrival, StoreError> {
        match taken {
            Ok(Taken::Counted { head_moved }) => {
                self.save_group(batch, group).await?;
                if head_moved || self.groups.get(&group).is_some_and(|loaded| loaded.group.standing() != before) {
                    self.after_commit(batch, group).await?;
                }
                Ok(Arrival::Taken)
            }
            Ok(Taken::Known) => Ok(Arrival::Known),
            Ok(Taken::Unknown) => Ok(Arrival::Later),
            Err(_) => Ok(Arrival::Refused),
        }
    }

    async fn take_payload(
        &mut self,
        batch: &mut Batch<'_, '_>,
        conversation: ConversationId,
        group: GroupId,
        sender: &Member,
        payload: &[u8],
        envelope: &Envelope,
    ) -> Result<(), StoreError> {
        match Content::decode(payload) {
            Ok(Content::Text(text)) => self.take_text(batch, (conversation, group), sender, text, envelope).await,
            Ok(Content::History(shared)) => self.take_history(batch, conversation, group, sender, shared).await,
            Ok(Content::JoinRequest(request)) => self.take_join_request(batch, group, &request).await,
            Ok(Content::JoinRefused(account)) => self.take_join_refusal(batch, group, sender, account).await,
            Ok(Content::Card(card)) => self.take_told_card(batch, sender, &card).await,
            Ok(Content::Proof(proof)) => self.take_told_proof(batch, sender, proof).await,
            Ok(Content::Newer) => {
                tracing::info!("a member sent something that only a newer version understands");
                Ok(())
            }
            Err(_) => {
                tracing::warn!("a member sent something malformed; it was left out");
                Ok(())
            }
        }
    }

    async fn take_text(
        &mut self,
        batch: &mut Batch<'_, '_>,
        (id, group): (ConversationId, GroupId),
        sender: &Member,
        text: Text,
        envelope: &Envelope,
    ) -> Result<(), StoreError> {
        let message = text.id(&sender.account, &id);
        let Some(conversation) = self.conversations.get_mut(&id) else { return Ok(()) };
        conversation.received_of(sender.node).delivered.insert(text.sequence);
        self.owe_receipt(batch, id, sender.node);
        // A sequence number is the author's word, and may name two messages: only the id decides.
        if let Some(home) = batch.tx.message_home(message).await? {
            batch.tx.flush().await?;
            // What somebody shared is their word only: the author's own takes its place, whole.
            if !batch.tx.drop_shared(message).await? {
                return Ok(());
            }
            if home != id {
                batch.events.push(Event::MessageGone { conversation: home, message });
            }
        }
        let mut places = Vec::with_capacity(text.parents.len());
        for parent in text.parents.iter().chain(&text.reply_to) {
            let held = self.conversations.get(&id).and_then(|conversation| conversation.place_of(parent));
            let place = match held {
                Some(place) => Some(place),
                None => batch.tx.message_place(id, *parent).await?,
            };
            match place {
                Some(place) => places.push(place),
                None if self.may_miss(id) => {
                    self.missing_parents.insert(*parent);
                    self.partners.gap(group, Some(*parent), batch.now_ms);
                    batch.tx.put_missing_parent(*parent, message).await?;
                }
                None => {}
            }
        }
        if sender.account != self.me.account_id() {
            self.clock.steady.vouch(text.sent_at_ms);
        }
        let place = transcript::place(text.place, places);
        let newer_before_ms = batch.now_ms.saturating_sub(LATE_AFTER_MS);
        let late = batch.tx.holds_newer(id, place, sender.account, newer_before_ms).await?;
        let row = MessageRow {
            id: message,
            conversation: id,
            author: sender.account,
            author_node: sender.node,
            sequence: text.sequence,
            mine: sender.account == self.me.account_id(),
            seen: sender.account == self.me.account_id(),
            late,
            sent_at_ms: text.sent_at_ms,
            received_at_ms: batch.stamp_ms,
            place,
            parents: text.parents,
            reply_to: text.reply_to,
            text: text.text,
            envelope: envelope.id(),
            audience: 0,
            idempotency_key: None,
            kind: RowKind::Text,
            shared_by: None,
        };
        batch.events.push(Event::Message(self.message_of(&row)));
        self.add_message(batch, row).await
    }

    /// Whether one more missing parent of a conversation is watched for: nobody can use up what is there for all.
    fn may_miss(&mut self, id: ConversationId) -> bool {
        let missing = self.missing_by_conversation.entry(id).or_default();
        *missing = missing.saturating_add(1);
        *missing <= MISSING_A_CONVERSATION_MAX && self.missing_parents.len() < MISSING_PARENTS_MAX as usize
    }
}

/// Whether it is an MLS `PrivateMessage` (RFC 9420 §6): what somebody wrote, and no change of the group.
fn is_private(message: &[u8]) -> bool {
    message.starts_with(&[0, 1, 0, 2])
}
