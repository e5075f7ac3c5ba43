//! Messages that are sent again (PROTOCOL §6.8): what somebody cannot read where it was written goes out once more, in
//! the epoch that everybody is in, under the same id.
//!
//! A message is for those who were members when it was sent. When the head moves to another branch it is for the
//! members there, too: to them it was written at the same time. Receivers know it by its id, so once more is harmless.

use std::collections::BTreeSet;

use tidings_crypto::envelope::{Envelope, EpochId};
use tidings_crypto::group::GroupId;
use tidings_crypto::identity::NodeId;

use super::audience::Audience;
use super::send::Owed;
use crate::engine::State;
use crate::engine::batch::Batch;
use crate::ids::ConversationId;
use crate::outbox::Kind;
use crate::store::{MemberRow, OutboxRow, SentRow, SentText, SentTogether, StoreError, Taken};
use crate::wire::content::{Content, Text};

/// One batch sends at most this many messages again, so that a long absence does not stop the loop. A guess.
const RESENDS_A_BATCH_MAX: usize = 128;
/// The rest follow after this long.
const RESEND_PAUSE_MS: u64 = 20;
/// A message that everybody proved is kept ready this long: as long as a branch may lose that nobody forgot (§3.6).
const KEPT_PROVED_MS: u64 = 7 * 24 * 60 * 60 * 1_000;
/// One that somebody did not prove who is no member now is kept ready this long. A guess.
const KEPT_UNPROVED_MS: u64 = 60 * 24 * 60 * 60 * 1_000;
/// So long members keep a message for each other (§6.13): beyond it nobody is said to.
const KEPT_BY_OTHERS_MS: u64 = 30 * 24 * 60 * 60 * 1_000;
/// How often all is looked through without a reason: what a node took and then could not read, nobody tells its author.
const LOOK_EVERY_MS: u64 = 60 * 60 * 1_000;
/// So many are looked at in one purge.
const PURGE_ROWS_MAX: u32 = 10_000;
/// So many audiences of a conversation stay in memory.
const AUDIENCES_KEPT_MAX: usize = 32;

/// What has to be sent again, and when.
#[derive(Debug, Default)]
pub(crate) struct Resends {
    /// Conversations to look through.
    pub(crate) owed: BTreeSet<ConversationId>,
    next_ms: u64,
    look_due_ms: u64,
}

impl Resends {
    /// When there is something to do.
    pub(crate) fn due_ms(&self) -> Option<u64> {
        let owed = (!self.owed.is_empty()).then_some(self.next_ms);
        owed.into_iter().chain([self.look_due_ms]).min()
    }

    /// Nothing waits longer from here than it would have by this clock.
    pub(crate) fn hasten(&mut self, now_ms: u64) {
        self.next_ms = self.next_ms.min(now_ms.saturating_add(RESEND_PAUSE_MS));
        self.look_due_ms = self.look_due_ms.min(now_ms.saturating_add(LOOK_EVERY_MS));
    }
}

/// How messages that share an epoch and an audience reach those who lack them.
struct Route {
    /// The other members' nodes that they are for.
    nodes: Vec<MemberRow>,
    /// All of these can read the epoch: the envelopes are good as they are.
    readable: bool,
    /// The epoch is not in the tree any more, so nobody knows which branch it was on: only what one of these nodes
    /// lacks goes out again, and what all of them have stays with them.
    unless_proved_by: Option<BTreeSet<NodeId>>,
}

impl State {
    /// Whom a message was for; those who are members now, where that was not kept.
    pub(crate) async fn audience(
        &mut self,
        batch: &mut Batch<'_, '_>,
        id: ConversationId,
        number: u64,
    ) -> Result<Audience, StoreError> {
        let Some(conversation) = self.conversation(batch, id).await? else { return Ok(Audience::default()) };
        if let Some(audience) = conversation.audiences.get(&number) {
            return Ok(audience.clone());
        }
        let Some(audience) = batch.tx.audience(id, number).await? else { return Ok(conversation.audience_now()) };
        conversation.hold_audience(number, audience.clone());
        Ok(audience)
    }

    /// The number of the audience of a message that is sent now.
    pub(crate) async fn audience_now(
        &mut self,
        batch: &mut Batch<'_, '_>,
        id: ConversationId,
    ) -> Result<u64, StoreError> {
        let audience = self.conversation(batch, id).await?.map(|conversation| conversation.audience_now());
        self.audience_number(batch, id, audience.unwrap_or_default()).await
    }

    async fn audience_number(
        &mut self,
        batch: &mut Batch<'_, '_>,
        id: ConversationId,
        audience: Audience,
    ) -> Result<u64, StoreError> {
        let Some(conversation) = self.conversation(batch, id).await? else { return Ok(0) };
        if let Some((number, _)) = conversation.audiences.iter().rev().find(|(_, known)| **known == audience) {
            return Ok(*number);
        }
        let newest = conversation.audiences.last_key_value().map_or(0, |(number, _)| *number);
        let number = newest.saturating_add(1);
        batch.tx.put_audience(id, number, &audience).await?;
        conversation.hold_audience(number, audience);
        Ok(number)
    }

    /// This node writes in an epoch from one of its messages on.
    pub(crate) async fn writes_in(
        &mut self,
        batch: &mut Batch<'_, '_>,
        id: ConversationId,
        epoch: EpochId,
        sequence: u64,
    ) -> Result<(), StoreError> {
        let Some(conversation) = self.conversation(batch, id).await? else { return Ok(()) };
        if conversation.writes_in.is_none_or(|(known, _)| known != epoch) {
            let first = batch.tx.first_sent_in(id, epoch).await?.unwrap_or(sequence);
            conversation.writes_in = Some((epoch, first.min(sequence)));
        }
        Ok(())
    }

    /// Where a group's head moved, who is a member may be another, and what was written elsewhere may have to be sent
    /// again.
    pub(crate) async fn follow_heads(&mut self, batch: &mut Batch<'_, '_>) -> Result<(), StoreError> {
        while let Some(group) = batch.groups_saved.pop_first() {
            let Some(head) = self.groups.get(&group).map(|loaded| loaded.group.head()) else { continue };
            let moved = self.heads.insert(group, head).is_some_and(|before| before != head);
            if let Some(row) = self.group_rows.get(&group).filter(|_| moved).copied() {
                self.ways_back.have(group);
                if self.ways_back.is_parked(group) {
                    // What waited may be readable now, or before the root, and so never.
                    self.read_parked(batch, group).await?;
                }
                self.head_moved(batch, row.conversation).await?;
            }
            self.review_intents(batch, group).await?;
            self.follow_standing(batch, group).await?;
        }
        Ok(())
    }

    async fn head_moved(&mut self, batch: &mut Batch<'_, '_>, id: ConversationId) -> Result<(), StoreError> {
        if self.conversation(batch, id).await?.is_none() {
            return Ok(());
        }
        batch.tx.flush().await?;
        let owed = batch.tx.owed_nodes(id).await?;
        let Some(conversation) = self.conversations.get_mut(&id) else { return Ok(()) };
        let members: BTreeSet<NodeId> = conversation.members.iter().map(|member| member.node).collect();
        for node in owed.into_iter().filter(|node| !members.contains(node)) {
            batch.tx.drop_owed_to(id, node).await?;
        }
        // Who is there (again) may have written what nobody told them has arrived.
        let known = std::mem::replace(&mut conversation.known_members, members.clone());
        let came_in: Vec<NodeId> = members.difference(&known).filter(|_| !known.is_empty()).copied().collect();
        let waiting = members.difference(&known).filter(|node| conversation.received.contains_key(*node));
        let waiting: Vec<NodeId> = waiting.chain(&conversation.receipts_owed).copied().collect();
        for author in waiting {
            self.owe_receipt(batch, id, author);
        }
        for node in came_in {
            batch.tx.node_came_in(id, node).await?;
        }
        self.resends.owed.insert(id);
        batch.tx.put_resend_owed(id, true).await
    }

    /// Sends again what has to be, a part in each batch; and lets go of what need not be kept ready for it.
    pub(crate) async fn send_again_due(&mut self, batch: &mut Batch<'_, '_>) -> Result<(), StoreError> {
        let mut budget = RESENDS_A_BATCH_MAX;
        while let Some(id) = self.resends.owed.first().copied() {
            batch.tx.flush().await?;
            if !self.look_through(batch, id, &mut budget).await? {
                self.resends.next_ms = batch.now_ms.saturating_add(RESEND_PAUSE_MS);
                break;
            }
            self.resends.owed.remove(&id);
            batch.tx.put_resend_owed(id, false).await?;
        }
        if batch.now_ms >= self.resends.look_due_ms {
            self.resends.look_due_ms = batch.now_ms.saturating_add(LOOK_EVERY_MS);
            self.purge_sent(batch).await?;
            self.resends.owed.extend(batch.tx.sent_in().await?);
            self.resends.next_ms = batch.now_ms.saturating_add(RESEND_PAUSE_MS);
        }
        Ok(())
    }

    /// Whether it got through all messages of a conversation.
    async fn look_through(
        &mut self,
        batch: &mut Batch<'_, '_>,
        id: ConversationId,
        budget: &mut usize,
    ) -> Result<bool, StoreError> {
        for set in batch.tx.sent_together(id).await? {
            let route = self.route(batch, id, &set).await?;
            let mut after = 0;
            loop {
                let numbers = batch.tx.sent_numbers(id, &set, after, RESENDS_A_BATCH_MAX).await?;
                let Some(last) = numbers.last() else { break };
                after = *last;
                for number in numbers {
                    let lacking = self.lacking(id, &route, number);
                    if lacking.is_empty() {
                        continue;
                    }
                    if *budget == 0 {
                        return Ok(false);
                    }
                    let Some(text) = batch.tx.sent_text(id, number).await? else { continue };
                    if route.readable {
                        *budget -= usize::from(self.owe_again(batch, id, &text, &lacking).await?);
                    } else {
                        *budget -= 1;
                        if !self.encrypt_again(batch, id, text, &lacking).await? {
                            return Ok(true); // This node cannot write now; when it can, the head has moved.
                        }
                    }
                }
            }
        }
        Ok(true)
    }

    async fn route(
        &mut self,
        batch: &mut Batch<'_, '_>,
        id: ConversationId,
        set: &SentTogether,
    ) -> Result<Route, StoreError> {
        let audience = self.audience(batch, id, set.audience).await?;
        let me = self.me.node_id();
        let others: Vec<MemberRow> =
            self.conversation(batch, id).await?.map(|c| c.others(me).collect()).unwrap_or_default();
        let (mut on_branch, mut in_tree) = (false, false);
        let mut readers: BTreeSet<NodeId> = BTreeSet::new();
        if let Some(loaded) = self.group(batch, set.group).await? {
            on_branch = loaded.group.is_on_branch(set.epoch);
            in_tree = loaded.group.tree().node(set.epoch).is_some();
            readers = loaded.group.members_at(set.epoch).iter().map(|member| member.node).collect();
        }
        let was_for = |member: &MemberRow| audience.contains(&member.node);
        let unless_proved_by = (!in_tree).then(|| others.iter().filter(|m| was_for(m)).map(|m| m.node).collect());
        let nodes: Vec<MemberRow> = others.into_iter().filter(|member| !on_branch || was_for(member)).collect();
        let readable = nodes.iter().all(|member| readers.contains(&member.node));
        Ok(Route { nodes, readable, unless_proved_by })
    }

    /// The nodes on a route that have not proved a message.
    fn lacking(&self, id: ConversationId, route: &Route, number: u64) -> Vec<MemberRow> {
        let Some(conversation) = self.conversations.get(&id) else { return Vec::new() };
        let proved = |node: &NodeId| {
            conversation.ledger.reader(node).is_some_and(|progress| progress.delivered.contains(number))
        };
        if route.unless_proved_by.as_ref().is_some_and(|nodes| nodes.iter().all(proved)) {
            return Vec::new();
        }
        route.nodes.iter().filter(|member| !proved(&member.node)).copied().collect()
    }

    /// Owes a message's envelope, as it is, to those who are not owed it; whether there were any.
    async fn owe_again(
        &mut self,
        batch: &mut Batch<'_, '_>,
        id: ConversationId,
        text: &SentText,
        lacking: &[MemberRow],
    ) -> Result<bool, StoreError> {
        let owed = batch.tx.message_owed_to(id, text.sequence).await?;
        let missing: Vec<&MemberRow> = lacking.iter().filter(|member| !owed.contains(&member.node)).collect();
        for member in &missing {
            batch.tx.put_outbox(OutboxRow {
                peer: member.peer,
                node: member.node,
                kind: Kind::Message,
                conversation: id,
                sequence: text.sequence,
                envelope: text.envelope,
                next_attempt_ms: batch.now_ms,
            });
            self.owe(member.peer, batch.now_ms);
        }
        Ok(!missing.is_empty())
    }

    /// Encrypts a message in the head and owes it to those who lack it; `false` if this node cannot write now.
    async fn encrypt_again(
        &mut self,
        batch: &mut Batch<'_, '_>,
        id: ConversationId,
        text: SentText,
        lacking: &[MemberRow],
    ) -> Result<bool, StoreError> {
        let Some(conversation) = self.conversations.get(&id) else { return Ok(false) };
        let Some(group) = conversation.groups.first().copied() else { return Ok(false) };
        let content = Content::Text(Text {
            nonce: text.nonce,
            sequence: text.sequence,
            sent_at_ms: text.sent_at_ms,
            place: text.placed.place,
            parents: text.parents,
            reply_to: text.reply_to,
            text: text.text,
        });
        let Some(envelope) = self.encrypt(batch, group, &content).await? else { return Ok(false) };
        let Some(epoch) = self.groups.get(&group).map(|loaded| loaded.group.head()) else { return Ok(false) };
        let lack = Audience::of(lacking.iter().map(|member| (member.node, member.account)));
        let audience = self.audience(batch, id, text.audience).await?.and(&lack);
        let number = self.audience_number(batch, id, audience).await?;
        batch.tx.drop_numbered(id, Kind::Message, text.sequence).await?;
        self.owe_to(batch, id, &envelope, lacking, Owed { kind: Kind::Message, sequence: text.sequence, wait_ms: 0 });
        batch.tx.put_message_sent(text.placed.id, number, envelope.id()).await?;
        batch.tx.put_sent(SentRow {
            conversation: id,
            sequence: text.sequence,
            message: text.placed.id,
            group,
            epoch,
            nonce: text.nonce,
            sent_at_ms: text.sent_at_ms,
        });
        batch.tx.flush().await?;
        // Its state may be another: it is for more people now.
        batch.proved.entry(id).or_default().push((text.sequence, text.sequence));
        Ok(true)
    }

    /// A node answered that it can never read what it was pushed.
    pub(crate) async fn gone(&mut self, batch: &mut Batch<'_, '_>, owed: Taken) -> Result<(), StoreError> {
        let id = owed.conversation;
        if owed.is_statement {
            batch.requests_gone.insert((id, owed.node));
        }
        if !owed.is_message {
            return Ok(()); // A commit that is too old says nothing there any more.
        }
        batch.tx.flush().await?;
        let Some(text) = batch.tx.sent_text(id, owed.sequence).await? else { return Ok(()) };
        if text.envelope != owed.envelope {
            return Ok(()); // It went out again since.
        }
        let me = self.me.node_id();
        let Some(conversation) = self.conversation(batch, id).await? else { return Ok(()) };
        let Some(group) = conversation.groups.first().copied() else { return Ok(()) };
        let others: Vec<MemberRow> = conversation.others(me).collect();
        if self.head_of(batch, group).await? == Some(text.epoch) {
            // This node itself is behind: what it wrote goes out when its head has moved.
            self.ways_back.told_gone(group, owed.peer, batch.now_ms);
            return Ok(());
        }
        let audience = self.audience(batch, id, text.audience).await?;
        let was_for = |member: &MemberRow| audience.contains(&member.node) || member.node == owed.node;
        let nodes = others.into_iter().filter(was_for).collect();
        let lacking = self.lacking(id, &Route { nodes, readable: false, unless_proved_by: None }, owed.sequence);
        if !lacking.is_empty() {
            self.encrypt_again(batch, id, text, &lacking).await?;
        }
        Ok(())
    }

    /// Whether a message that is owed was written in another epoch than the head, or went out again since.
    pub(crate) async fn could_be_said_again(
        &mut self,
        batch: &mut Batch<'_, '_>,
        owed: &Taken,
    ) -> Result<bool, StoreError> {
        batch.tx.flush().await?;
        let Some(text) = batch.tx.sent_text(owed.conversation, owed.sequence).await? else { return Ok(false) };
        let Some(conversation) = self.conversation(batch, owed.conversation).await? else { return Ok(false) };
        let Some(group) = conversation.groups.first().copied() else { return Ok(false) };
        Ok(text.envelope != owed.envelope || self.head_of(batch, group).await?.is_some_and(|head| head != text.epoch))
    }

    /// Whether what is owed is of a topic that the group has on the way to its head. What is of another branch says nothing to a
    /// node that never had its topic.
    pub(crate) async fn is_on_the_way(&mut self, batch: &mut Batch<'_, '_>, owed: &Taken) -> Result<bool, StoreError> {
        batch.tx.flush().await?;
        let Some(bytes) = batch.tx.envelope_bytes(owed.envelope).await? else { return Ok(false) };
        let Ok(envelope) = Envelope::decode(&bytes) else { return Ok(false) };
        let Some(conversation) = self.conversation(batch, owed.conversation).await? else { return Ok(false) };
        let groups = conversation.groups.clone();
        let topic = self.topics.find_older(&envelope.tag(), &groups, batch.times_ms());
        let Some(topic) = topic else { return Ok(false) };
        let Some(loaded) = self.group(batch, topic.group).await? else { return Ok(false) };
        let way = loaded.group.tree().path(loaded.group.head());
        Ok(way.into_iter().any(|epoch| loaded.group.topic_secret(epoch) == Some(&topic.secret)))
    }

    /// What a member's node that came back is owed from before says nothing to it.
    pub(crate) async fn node_came_back(
        &mut self,
        batch: &mut Batch<'_, '_>,
        group: GroupId,
        node: NodeId,
    ) -> Result<(), StoreError> {
        let Some(row) = self.group_rows.get(&group).copied().filter(|_| node != self.me.node_id()) else {
            return Ok(());
        };
        batch.tx.flush().await?;
        batch.tx.node_came_back(row.conversation, node).await
    }

    /// Nodes were added: of those that had been here before something may be on its way that they cannot place.
    pub(crate) async fn nodes_came_in(
        &mut self,
        batch: &mut Batch<'_, '_>,
        group: GroupId,
        nodes: &[NodeId],
    ) -> Result<(), StoreError> {
        let Some(row) = self.group_rows.get(&group).copied().filter(|_| !nodes.is_empty()) else { return Ok(()) };
        batch.tx.flush().await?;
        for node in nodes {
            batch.tx.node_came_in(row.conversation, *node).await?;
        }
        Ok(())
    }

    async fn head_of(&mut self, batch: &mut Batch<'_, '_>, group: GroupId) -> Result<Option<EpochId>, StoreError> {
        Ok(self.group(batch, group).await?.map(|loaded| loaded.group.head()))
    }

    /// Lets go of messages that nobody can lack any more.
    async fn purge_sent(&mut self, batch: &mut Batch<'_, '_>) -> Result<(), StoreError> {
        batch.tx.flush().await?;
        batch.tx.drop_keepers(batch.age_ms.saturating_sub(KEPT_BY_OTHERS_MS)).await?;
        let proved_ms = batch.age_ms.saturating_sub(KEPT_PROVED_MS);
        let unproved_ms = batch.age_ms.saturating_sub(KEPT_UNPROVED_MS);
        let me = self.me.node_id();
        for old in batch.tx.sent_before(proved_ms, PURGE_ROWS_MAX).await? {
            let id = old.conversation;
            let audience = self.audience(batch, id, old.audience).await?;
            let Some(conversation) = self.conversations.get(&id) else { continue };
            let proved = |node: &NodeId| {
                conversation.ledger.reader(node).is_some_and(|progress| progress.delivered.contains(old.sequence))
            };
            let mut lacking = audience.nodes().filter(|node| *node != me && !proved(node)).peekable();
            let nobody = lacking.peek().is_none();
            if nobody || (old.sent_at_ms < unproved_ms && !lacking.any(|node| conversation.is_member(&node))) {
                batch.tx.drop_keepers_of(id, old.sequence).await?;
                batch.tx.delete_sent(id, old.sequence).await?;
            }
        }
        Ok(())
    }
}

impl super::Conversation {
    fn hold_audience(&mut self, number: u64, audience: Audience) {
        self.audiences.insert(number, audience);
        // The newest stays: the next message is probably for the same nodes.
        while self.audiences.len() > AUDIENCES_KEPT_MAX {
            self.audiences.pop_first();
        }
    }
}
