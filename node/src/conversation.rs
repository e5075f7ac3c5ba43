//! A conversation: its members, its transcript's tip, what was received and what was proved.
//!
//! `send`, `receive` and `membership` are what can happen to it; `transcript`, `ledger` and `state` decide, purely.

pub mod audience;
pub mod changes;
pub(crate) mod coming;
pub(crate) mod commits;
pub(crate) mod copies;
pub(crate) mod group;
pub(crate) mod history;
pub(crate) mod intents;
pub(crate) mod invites;
pub(crate) mod joining;
pub(crate) mod keeping;
pub(crate) mod leaving;
pub mod ledger;
pub(crate) mod membership;
pub(crate) mod overlooked;
pub(crate) mod receipts;
pub(crate) mod receive;
pub(crate) mod resend;
pub(crate) mod retention;
pub(crate) mod send;
pub(crate) mod settling;
pub mod state;
pub mod transcript;
pub(crate) mod upkeep;
pub(crate) mod way_back;
pub(crate) mod welcomes;
pub(crate) mod wishes;

use std::collections::{BTreeMap, BTreeSet};

use tidings_crypto::envelope::EpochId;
use tidings_crypto::group::GroupId;
use tidings_crypto::identity::NodeId;

use self::audience::{Audience, Told};
use self::ledger::{Ledger, Progress};
use self::transcript::{Leaves, Placed};
use crate::engine::State;
use crate::engine::batch::Batch;
use crate::event::Event;
use crate::handle::MessageState;
use crate::ids::{AccountId, ConversationId, MessageId};
use crate::store::{ConversationRow, MemberRow, StoreError};

/// The places of this many newest messages are kept in memory: parents are nearly always among them.
const PLACES_KEPT: u32 = 512;
/// What was told of this many of the newest own messages is remembered.
const TOLD_KEPT_MAX: usize = 512;

impl ConversationId {
    /// The direct conversation of two accounts: the same on both sides, whoever starts it.
    pub fn direct(one: &AccountId, other: &AccountId) -> Self {
        let (low, high) = if one <= other { (one, other) } else { (other, one) };
        Self::hash("tidings v1 direct conversation id", &[low.0, high.0].concat())
    }

    /// The conversation that a group carries.
    pub fn of_group(group: GroupId) -> Self {
        Self::hash("tidings v1 group conversation id", &group.0)
    }

    fn hash(context: &str, bytes: &[u8]) -> Self {
        let hash = blake3::derive_key(context, bytes);
        let mut id = [0; 16];
        for (to, from) in id.iter_mut().zip(hash) {
            *to = from;
        }
        Self(id)
    }
}

/// A conversation in memory.
#[derive(Debug)]
pub(crate) struct Conversation {
    pub(crate) row: ConversationRow,
    /// The groups that carry it, the one to send in first.
    pub(crate) groups: Vec<GroupId>,
    pub(crate) members: Vec<MemberRow>,
    pub(crate) leaves: Leaves,
    /// What this node received of each author's node.
    pub(crate) received: BTreeMap<NodeId, Progress>,
    /// What was proved of this node's messages.
    pub(crate) ledger: Ledger,
    pub(crate) last_receipt_ms: u64,
    /// Authors' nodes that wait for a receipt.
    pub(crate) receipts_owed: BTreeSet<NodeId>,
    /// Whom messages were for, by number: the newest, and others that were looked at.
    audiences: BTreeMap<u64, Audience>,
    /// The epoch in which this node writes, and its first message there: a ratchet begins with each.
    pub(crate) writes_in: Option<(EpochId, u64)>,
    /// The members' nodes when the head moved last.
    known_members: BTreeSet<NodeId>,
    /// What was told of this node's newest messages, by number.
    told: BTreeMap<u64, Told>,
    places: BTreeMap<MessageId, u64>,
    by_place: BTreeSet<Placed>,
    changed: bool,
    received_changed: BTreeSet<NodeId>,
}

impl Conversation {
    /// A conversation that begins.
    pub(crate) fn new(row: ConversationRow, group: GroupId, members: Vec<MemberRow>) -> Self {
        Self {
            row,
            groups: vec![group],
            known_members: members.iter().map(|member| member.node).collect(),
            members,
            leaves: Leaves::default(),
            received: BTreeMap::new(),
            ledger: Ledger::default(),
            last_receipt_ms: 0,
            receipts_owed: BTreeSet::new(),
            audiences: BTreeMap::new(),
            writes_in: None,
            told: BTreeMap::new(),
            places: BTreeMap::new(),
            by_place: BTreeSet::new(),
            changed: true,
            received_changed: BTreeSet::new(),
        }
    }

    /// Reads a conversation.
    pub(crate) async fn load(
        batch: &mut Batch<'_, '_>,
        id: ConversationId,
        mut groups: Vec<GroupId>,
    ) -> Result<Option<Self>, StoreError> {
        let Some(row) = batch.tx.conversation(id).await? else { return Ok(None) };
        groups.sort_unstable();
        let mut conversation = Self {
            members: batch.tx.members(id).await?,
            leaves: Leaves::from_bytes(&row.leaves),
            received: batch.tx.received(id).await?.into_iter().collect(),
            receipts_owed: batch.tx.receipts_owed_to(id).await?.into_iter().collect(),
            audiences: batch.tx.newest_audience(id).await?.into_iter().collect(),
            groups,
            changed: false,
            ..Self::new(row, GroupId([0; 16]), Vec::new())
        };
        conversation.known_members = conversation.members.iter().map(|member| member.node).collect();
        for (reader, progress) in batch.tx.ledger(id).await? {
            conversation.ledger.restore(reader, progress);
        }
        for placed in batch.tx.newest_places(id, PLACES_KEPT).await? {
            conversation.hold_place(placed);
        }
        Ok(Some(conversation))
    }

    /// Another group of the same two people: the lowest id is sent in (PROTOCOL §2).
    pub(crate) fn add_group(&mut self, group: GroupId) {
        self.groups.push(group);
        self.groups.sort_unstable();
        self.groups.dedup();
    }

    /// Nothing counts as received any more.
    pub(crate) fn forget_received(&mut self) {
        self.received.clear();
        self.received_changed.clear();
        self.receipts_owed.clear();
        self.change().receipt_owed = false;
    }

    /// The row is to be written at the end of the batch.
    pub(crate) fn change(&mut self) -> &mut ConversationRow {
        self.changed = true;
        &mut self.row
    }

    /// What was received of an author's node; to be written at the end of the batch.
    pub(crate) fn received_of(&mut self, author: NodeId) -> &mut Progress {
        self.received_changed.insert(author);
        self.received.entry(author).or_default()
    }

    /// Remembers where a message is.
    pub(crate) fn hold_place(&mut self, placed: Placed) {
        if let Some(old) = self.places.insert(placed.id, placed.place) {
            self.by_place.remove(&Placed { place: old, id: placed.id });
        }
        self.by_place.insert(placed);
        if self.by_place.len() > PLACES_KEPT as usize
            && let Some(oldest) = self.by_place.pop_first()
        {
            self.places.remove(&oldest.id);
        }
    }

    /// A line is taken out of the transcript.
    pub(crate) fn remove_message(&mut self, id: MessageId) {
        if let Some(place) = self.places.remove(&id) {
            self.by_place.remove(&Placed { place, id });
        }
        self.leaves.remove(id);
        self.change();
    }

    /// Where a message is, if that is in memory.
    pub(crate) fn place_of(&self, id: &MessageId) -> Option<u64> {
        self.places.get(id).copied()
    }

    /// Takes in a message at the tip.
    pub(crate) fn add_message(&mut self, placed: Placed, parents: &[MessageId], now_ms: u64) {
        self.hold_place(placed);
        self.leaves.add(placed, parents);
        self.change().last_at_ms = now_ms;
    }

    /// The members' nodes other than this one.
    pub(crate) fn others(&self, me: NodeId) -> impl Iterator<Item = MemberRow> + '_ {
        self.members.iter().copied().filter(move |member| member.node != me)
    }

    /// Whom a message is for that is sent now.
    pub(crate) fn audience_now(&self) -> Audience {
        Audience::of(self.members.iter().map(|member| (member.node, member.account)))
    }

    /// Whether a node is a member's now.
    pub(crate) fn is_member(&self, node: &NodeId) -> bool {
        self.members.iter().any(|member| member.node == *node)
    }

    /// Whether nothing that these accounts proved changes what was told of this node's message.
    fn is_told(&self, audience: u64, sequence: u64, provers: &BTreeSet<AccountId>) -> bool {
        self.told.get(&sequence).is_some_and(|told| told.holds(audience, provers))
    }

    /// The state of this node's message, given whom it was for, if it is another than was told: what is proved for
    /// everybody who is still there.
    fn new_state_of(&mut self, number: u64, audience: &Audience, sequence: u64, me: AccountId) -> Option<MessageState> {
        let members: BTreeSet<NodeId> = self.members.iter().map(|member| member.node).collect();
        let is_member = |node: &NodeId| members.contains(node);
        let standings = audience.standings(me, sequence, is_member, |node| self.ledger.reader(node));
        let told = Told::of(number, &standings);
        let before = self.told.insert(sequence, told);
        while self.told.len() > TOLD_KEPT_MAX {
            self.told.pop_first();
        }
        before.is_none_or(|before| before.state() != told.state()).then(|| told.state())
    }

    /// Others are members now: what was told of messages may be another, and they may wait for others.
    pub(crate) fn members_changed(&mut self) {
        self.told.clear();
        self.change();
    }

    /// How many of this node's messages in its present epoch the slowest of the others has not proved yet.
    pub(crate) fn unproved(&self, me: NodeId) -> u64 {
        let first = self.writes_in.map_or(1, |(_, first)| first);
        let missing = |member: MemberRow| {
            self.ledger.reader(&member.node).map_or(first, |progress| progress.delivered.first_missing(first))
        };
        let next = self.row.next_sequence;
        next.saturating_sub(self.others(me).map(missing).min().unwrap_or(next))
    }
}

impl State {
    /// Writes the conversations that this batch changed.
    pub(crate) async fn save_conversations(&mut self, batch: &mut Batch<'_, '_>) -> Result<(), StoreError> {
        for (id, conversation) in &mut self.conversations {
            for author in std::mem::take(&mut conversation.received_changed) {
                if let Some(progress) = conversation.received.get(&author) {
                    let owed = conversation.receipts_owed.contains(&author);
                    batch.tx.put_received(*id, author, progress, owed).await?;
                }
            }
            if std::mem::take(&mut conversation.changed) {
                conversation.row.leaves = conversation.leaves.to_bytes();
                batch.tx.put_conversation(&conversation.row).await?;
                batch.touched.insert(*id);
            }
        }
        Ok(())
    }

    /// Says what a person may notice of this batch, beyond new messages.
    pub(crate) async fn announce(&mut self, batch: &mut Batch<'_, '_>) -> Result<(), StoreError> {
        let (me, node) = (self.me.account_id(), self.me.node_id());
        for (id, ranges) in std::mem::take(&mut batch.proved) {
            let provers = batch.provers.remove(&id).unwrap_or_default();
            let mut states = Vec::new();
            // Many receipts of one batch speak of the same messages: each is looked at once.
            for (first, last) in ledger::merged(ranges) {
                for (message, sequence, number) in batch.tx.my_messages(id, node, first, last).await? {
                    if self.conversations.get(&id).is_some_and(|known| known.is_told(number, sequence, &provers)) {
                        continue;
                    }
                    let audience = self.audience(batch, id, number).await?;
                    let Some(conversation) = self.conversations.get_mut(&id) else { continue };
                    let state = conversation.new_state_of(number, &audience, sequence, me);
                    states.extend(state.map(|state| (message, state)));
                }
            }
            if !states.is_empty() {
                batch.events.push(Event::States { conversation: id, states });
            }
        }
        let viewer = self.viewer();
        for id in std::mem::take(&mut batch.moved) {
            if let Some(message) = batch.tx.message_view(id, &viewer).await? {
                batch.events.push(Event::Message(message));
            }
        }
        for account in std::mem::take(&mut batch.changed_contacts) {
            if let Some(contact) = self.contact_view(batch, account).await? {
                batch.events.push(Event::Contact(contact));
            }
        }
        if std::mem::take(&mut batch.peers_changed) {
            let connected = u32::try_from(self.connected_count()).unwrap_or(u32::MAX);
            batch.events.push(Event::Peers { connected });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_two_hundred_receipts_for_a_message_few_are_looked_at_closely_and_one_is_told() {
        let id = |number: u8| (NodeId([number; 32]), AccountId([number; 32]));
        let row = ConversationRow {
            id: ConversationId([1; 16]),
            kind: crate::store::ConversationKind::Group,
            name: String::new(),
            created_at_ms: 0,
            last_at_ms: 0,
            next_sequence: 2,
            leaves: Vec::new(),
            receipt_owed: false,
            topic: String::new(),
            picture: None,
            standing: crate::handle::Standing::Member,
            refused: String::new(),
        };
        let member = |(node, account)| MemberRow {
            node,
            account,
            peer: crate::ids::PeerKey([0; 32]),
            role: crate::handle::Role::Member,
        };
        let mut conversation = Conversation::new(row, GroupId([1; 16]), (0..=200).map(id).map(member).collect());
        let (audience, me) = (conversation.audience_now(), id(0).1);
        let mut claim = Progress::default();
        claim.delivered.insert(1);
        // An order of arrival that has nothing to do with the order of the accounts.
        let order = (0..200_u64).map(|step| u8::try_from(1 + step * 73 % 200).unwrap());
        let (mut looked_at, mut told) = (0, Vec::new());
        for number in order {
            let (node, account) = id(number);
            conversation.ledger.apply(node, &claim, 2);
            if !conversation.is_told(7, 1, &BTreeSet::from([account])) {
                looked_at += 1;
                told.extend(conversation.new_state_of(7, &audience, 1, me));
            }
        }
        assert_eq!(told, [MessageState::Stored, MessageState::Delivered]);
        assert!(looked_at < 20, "{looked_at}");
        assert!(!conversation.is_told(8, 1, &BTreeSet::new()), "it is for others now");
        conversation.members_changed();
        assert!(!conversation.is_told(7, 1, &BTreeSet::new()));
    }

    #[test]
    fn a_direct_conversation_has_one_id_from_both_sides() {
        let (alice, bob) = (AccountId([1; 32]), AccountId([2; 32]));
        assert_eq!(ConversationId::direct(&alice, &bob), ConversationId::direct(&bob, &alice));
        assert_ne!(ConversationId::direct(&alice, &bob), ConversationId::direct(&alice, &alice));
    }
}
