//! What the engine holds in memory: everything here can be read again from the database.

use std::collections::{BTreeMap, BTreeSet};

use tidings_crypto::envelope::EpochId;
use tidings_crypto::group::{Group, GroupId, KeyPackageSecret, Standing};
use tidings_crypto::identity::{LocalNode, NodeCertificate, NodeId, SafetyHalf};

use super::batch::Batch;
use super::checkup::Examination;
use super::packages::checked::CheckedPackages;
use super::people::{Contact, Moving, Profile};
use super::pushes::{Asked, PeerState};
use super::steady::Keeper;
use super::strangers::Strangers;
use super::topics::{TopicChanges, Topics, next_turn_ms};
use super::waiting::Waiting;
use crate::conversation::Conversation;
use crate::conversation::coming::Coming;
use crate::conversation::copies::Copies;
use crate::conversation::joining::Joining;
use crate::conversation::leaving::Said;
use crate::conversation::membership::UPDATE_RETRY_MS;
use crate::conversation::resend::Resends;
use crate::conversation::retention::Retention;
use crate::conversation::settling::Settling;
use crate::conversation::upkeep::{LOOK_EVERY_MS, UPDATE_WITHIN_MS};
use crate::conversation::way_back::{WaysBack, WaysGiven};
use crate::conversation::welcomes::Welcomes;
use crate::ids::{AccountId, ConversationId, MessageId, PeerKey};
use crate::mailbox::Mailboxes;
use crate::network::NetworkCommand;
use crate::outbox::Kind;
use crate::store::{EpochKeys, GroupRow, IntentRow, Me, StoreError, Tx};
use crate::sync::{Partners, Sets};

/// At most this many groups stay in memory between batches.
const GROUPS_LOADED_MAX: usize = 256;
/// At most this many conversations stay in memory between batches.
const CONVERSATIONS_LOADED_MAX: usize = 1_024;
/// At most this many missing parents are watched for; beyond it a late parent does not move its children.
pub(crate) const MISSING_PARENTS_MAX: u32 = 100_000;
/// Of these, one conversation may name this many in one run.
pub(crate) const MISSING_A_CONVERSATION_MAX: u32 = 1_000;

/// A group in memory, with the keys under which the store seals its epochs.
#[derive(Debug)]
pub(crate) struct LoadedGroup {
    pub(crate) group: Group,
    pub(crate) keys: EpochKeys,
}

/// What the engine holds in memory.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) me: LocalNode,
    pub(crate) profile: Profile,
    pub(crate) key_packages: BTreeMap<[u8; 32], KeyPackageSecret>,
    pub(crate) checked_packages: Box<CheckedPackages>,
    /// The owner's half of all safety numbers, once it was needed.
    pub(super) safety_half: Option<Box<SafetyHalf>>,
    pub(crate) contacts: BTreeMap<AccountId, Contact>,
    /// The peers of contacts' nodes and of members' nodes.
    pub(crate) accounts_by_peer: BTreeMap<PeerKey, AccountId>,
    /// The connected peers.
    pub(super) peers: BTreeMap<PeerKey, PeerState>,
    /// Peers that may be owed something now.
    pub(super) peers_to_push: BTreeSet<PeerKey>,
    pub(crate) asked: BTreeMap<u64, Asked>,
    pub(super) next_request: u64,
    /// What `doctor` found out.
    pub(super) examination: Box<Examination>,
    pub(crate) publications: BTreeMap<u64, (ConversationId, Kind, u64)>,
    pub(crate) next_publication: u64,
    pub(crate) conversations: BTreeMap<ConversationId, Conversation>,
    pub(crate) groups: BTreeMap<GroupId, LoadedGroup>,
    pub(crate) group_rows: BTreeMap<GroupId, GroupRow>,
    pub(crate) topics: Topics,
    turn_due_ms: u64,
    /// Whether the clock can be believed.
    pub(crate) clock: Keeper,
    /// When this run began.
    pub(crate) started_ms: u64,
    /// When to ask again for the cards of fellow members that are missing, and how long to wait after that.
    pub(super) fellows_due_ms: Option<u64>,
    pub(super) fellows_pause_ms: u64,
    /// What is told and asked when somebody moved.
    pub(crate) moving: Box<Moving>,
    pub(crate) settling: Settling,
    pub(crate) missing_parents: BTreeSet<MessageId>,
    /// How many parents each conversation has named in this run that were not here.
    pub(crate) missing_by_conversation: BTreeMap<ConversationId, u32>,
    /// What is wanted of the groups, until it is certain.
    pub(crate) intents: Vec<IntentRow>,
    /// The ways to the heads of groups of which something is wanted, as they were last.
    pub(crate) walks: BTreeMap<GroupId, Vec<EpochId>>,
    /// When requests to join were said again to a node that could not read them.
    pub(crate) requests_said_ms: BTreeMap<(GroupId, NodeId), u64>,
    /// Groups that the owner asked to join.
    pub(crate) joinings: BTreeMap<GroupId, Joining>,
    /// When certificates and key packages are looked at next.
    pub(crate) upkeep_due_ms: u64,
    /// After which group the look at others' certificates goes on.
    pub(crate) upkeep_from: Option<GroupId>,
    /// Conversations whose members wait for a receipt, and when it goes.
    pub(crate) receipts_due: BTreeMap<ConversationId, u64>,
    /// The heads of groups when they were looked at last.
    pub(crate) heads: BTreeMap<GroupId, EpochId>,
    /// Where this node stood in groups then, and whether their members said that it is none.
    pub(crate) stood: BTreeMap<GroupId, (Standing, bool)>,
    /// Groups that the owner left, as the others were told.
    pub(crate) leaves_said: BTreeMap<GroupId, Said>,
    /// What has to be sent again, and when.
    pub(crate) resends: Resends,
    /// Groups that this node cannot follow.
    pub(crate) ways_back: WaysBack,
    /// Who asked where a group is, and when.
    pub(crate) ways_given: WaysGiven,
    /// Welcomes that lead nowhere yet.
    pub(crate) welcomes: Welcomes,
    /// Welcomes of which not all is here.
    pub(crate) coming: Box<Coming>,
    /// Commands that are done in a moment.
    pub(super) waiting: Vec<Waiting>,
    /// What is held for the members of each group.
    pub(crate) sets: Box<Sets>,
    /// With whom that is compared.
    pub(crate) partners: Box<Partners>,
    /// What may be kept, and for how long.
    pub(crate) retention: Retention,
    /// What is known of other copies of this node.
    pub(crate) copies: Copies,
    /// What strangers began, who is blocked, and who was verified in person.
    pub(crate) strangers: Box<Strangers>,
    /// In a box: what is held while a node starts stays small.
    pub(crate) mailboxes: Box<Mailboxes>,
}

impl State {
    /// Reads what must be in memory at all times.
    pub(super) async fn load(me: LocalNode, name: &str, batch: &mut Batch<'_, '_>) -> Result<Self, StoreError> {
        let mut me = me;
        if let Some(bytes) = batch.tx.setting("certificate").await?
            && let Ok(renewed) = NodeCertificate::decode(&bytes)
            && renewed.node_id() == me.node_id()
            && renewed.number() > me.certificate.number()
        {
            me.certificate = renewed;
        }
        let (profile, key_packages) = super::people::load_profile(&me, name, batch).await?;
        let moving = Box::pin(Moving::load(batch)).await?;
        let strangers = Box::pin(Strangers::load(batch, me.account_id())).await?;
        let mut state = Self {
            me,
            profile,
            key_packages,
            checked_packages: Box::default(),
            safety_half: None,
            contacts: BTreeMap::new(),
            accounts_by_peer: BTreeMap::new(),
            peers: BTreeMap::new(),
            peers_to_push: BTreeSet::new(),
            asked: BTreeMap::new(),
            next_request: 0,
            examination: Box::default(),
            publications: BTreeMap::new(),
            next_publication: 0,
            conversations: BTreeMap::new(),
            groups: BTreeMap::new(),
            group_rows: batch.tx.groups().await?.into_iter().map(|row| (row.id, row)).collect(),
            topics: Topics::default(),
            turn_due_ms: next_turn_ms(batch.now_ms),
            clock: Keeper::load(batch).await?,
            started_ms: batch.now_ms,
            fellows_due_ms: None,
            fellows_pause_ms: 0,
            moving: Box::new(moving),
            settling: Settling::default(),
            missing_parents: batch.tx.missing_parents(MISSING_PARENTS_MAX).await?.into_iter().collect(),
            missing_by_conversation: BTreeMap::new(),
            receipts_due: BTreeMap::new(),
            heads: BTreeMap::new(),
            stood: BTreeMap::new(),
            leaves_said: BTreeMap::new(),
            resends: Resends::default(),
            ways_back: WaysBack::default(),
            ways_given: WaysGiven::default(),
            welcomes: Welcomes::default(),
            coming: Box::default(),
            waiting: Vec::new(),
            sets: Box::default(),
            partners: Box::default(),
            mailboxes: Box::default(),
            strangers: Box::new(strangers),
            copies: Copies::load(batch).await?,
            retention: Retention::new(batch.tx.storage_limits().await?, batch.now_ms),
            intents: batch.tx.intents().await?,
            walks: BTreeMap::new(),
            requests_said_ms: BTreeMap::new(),
            joinings: BTreeMap::new(),
            upkeep_due_ms: batch.now_ms,
            upkeep_from: None,
        };
        for row in batch.tx.joinings().await? {
            state.joinings.extend(Joining::new(row.clone()).map(|joining| (row.group, joining)));
        }
        for row in batch.tx.contacts().await? {
            state.hold_contact(row);
        }
        for row in batch.tx.mailboxes().await? {
            state.mailboxes.own.hold(row);
        }
        for (account, peer) in batch.tx.member_peers().await? {
            state.accounts_by_peer.insert(peer, account);
        }
        Ok(state)
    }

    /// Requests and publications of the state before are not mistaken for this one's.
    pub(super) fn numbered_after(self, last: &Self) -> Self {
        Self { next_request: last.next_request, next_publication: last.next_publication, ..self }
    }

    /// Takes up what was under way: subscriptions, contacts to dial, receipts that are owed.
    pub(super) async fn resume(&mut self, batch: &mut Batch<'_, '_>) -> Result<(), StoreError> {
        let mut secrets: BTreeMap<GroupId, Vec<_>> = BTreeMap::new();
        for (group, secret) in batch.tx.topics().await? {
            secrets.entry(group).or_default().push(secret);
        }
        for (group, secrets) in secrets {
            let changes = self.topics.set(group, secrets, batch.now_ms);
            subscribe(batch, changes);
        }
        for conversation in batch.tx.receipts_owed().await? {
            self.receipts_due.insert(conversation, batch.now_ms);
        }
        for (group, since_ms) in batch.tx.parked_since().await? {
            self.ways_back.parked(group, since_ms);
        }
        self.welcomes = Welcomes::of_kept(batch.tx.groups_with_welcomes().await?);
        self.resends.owed = batch.tx.resends_owed().await?.into_iter().collect();
        for (account, contact) in &self.contacts {
            if !self.strangers.is_blocked(account) {
                contact.know(batch);
            }
        }
        self.mailboxes.own.know(batch);
        self.look_who_is_away(batch).await?;
        for joining in self.joinings.values().filter(|joining| joining.due_ms().is_some()) {
            for host in joining.hosts() {
                batch.network(NetworkCommand::Know { peer: host.peer, addresses: host.addresses.clone() });
            }
        }
        // Members who are no contacts are reached where they are met: on the local network, or by calling themselves.
        let covered: BTreeSet<PeerKey> =
            self.contacts.values().flat_map(Contact::peers).map(|(peer, _)| peer).collect();
        for (account, peer) in batch.tx.member_peers().await? {
            if account != self.me.account_id() && !covered.contains(&peer) {
                batch.network(NetworkCommand::Know { peer, addresses: Vec::new() });
            }
        }
        for group in self.group_rows.keys() {
            self.settling.set(*group, Some(batch.now_ms));
        }
        self.schedule_updates(batch).await?;
        // The last run's clock may have been wrong.
        self.set_clock_back(batch).await
    }

    /// Nothing waits longer from here than it would have by this clock.
    pub(super) async fn set_clock_back(&mut self, batch: &mut Batch<'_, '_>) -> Result<(), StoreError> {
        let latest_ms = batch.now_ms.saturating_add(UPDATE_RETRY_MS);
        let latest_update_ms = batch.now_ms.saturating_add(UPDATE_WITHIN_MS);
        batch.tx.hasten_all(latest_ms, latest_update_ms).await?;
        for row in self.group_rows.values_mut() {
            row.update_due_ms = row.update_due_ms.map(|due_ms| due_ms.min(latest_update_ms));
        }
        for row in &mut self.intents {
            row.due_ms = row.due_ms.map(|due_ms| due_ms.min(latest_ms));
        }
        for joining in self.joinings.values_mut() {
            joining.hasten(batch.now_ms);
        }
        for waiting in &mut self.waiting {
            waiting.hasten(batch.now_ms);
        }
        for said in self.leaves_said.values_mut() {
            said.again_ms = said.again_ms.min(latest_ms);
        }
        self.resends.hasten(batch.now_ms);
        self.ways_back.hasten(batch.now_ms);
        self.settling.hasten(batch.now_ms);
        self.fellows_due_ms = self.fellows_due_ms.map(|due_ms| due_ms.min(latest_ms));
        self.mailboxes.own.hasten(batch.now_ms);
        self.mailboxes.asking.hasten();
        self.moving.hasten(batch.now_ms);
        self.retention.hasten(batch.now_ms);
        self.upkeep_due_ms = self.upkeep_due_ms.min(batch.now_ms.saturating_add(LOOK_EVERY_MS));
        for due_ms in self.receipts_due.values_mut() {
            *due_ms = (*due_ms).min(batch.now_ms);
        }
        for conversation in self.conversations.values_mut() {
            conversation.last_receipt_ms = 0;
        }
        for state in self.peers.values_mut() {
            state.start_over();
        }
        self.partners.set_clock_back(batch.now_ms);
        self.turn_due_ms = next_turn_ms(batch.now_ms);
        let changes = self.topics.turn(batch.now_ms);
        subscribe(batch, changes);
        let peers: Vec<PeerKey> = self.connected_peers().collect();
        self.peers_to_push.extend(peers);
        Ok(())
    }

    /// Time passed: do what is due. Pushes and receipts are looked at after every batch anyway.
    pub(super) async fn deadline(&mut self, batch: &mut Batch<'_, '_>) -> Result<(), StoreError> {
        let peers: Vec<PeerKey> = self.connected_peers().collect();
        self.peers_to_push.extend(peers);
        if batch.now_ms >= self.turn_due_ms {
            self.turn_due_ms = next_turn_ms(batch.now_ms);
            let changes = self.topics.turn(batch.now_ms);
            subscribe(batch, changes);
            Box::pin(self.let_go_of_held(batch)).await?;
        }
        Box::pin(self.expire_due(batch)).await?;
        self.settle_groups(batch).await?;
        self.make_due_intents(batch).await?;
        self.ask_due_joins(batch).await?;
        self.say_due_leaves(batch).await?;
        self.ask_due_fellows(batch).await?;
        Box::pin(self.follow_moves(batch)).await?;
        if batch.now_ms >= self.upkeep_due_ms {
            self.look_after_keys(batch).await?;
        }
        let due = |row: &&GroupRow| row.update_due_ms.is_some_and(|due_ms| due_ms <= batch.now_ms);
        let due: Vec<GroupId> = self.group_rows.values().filter(due).map(|row| row.id).collect();
        for group in due {
            self.update_keys(batch, group).await?;
        }
        Ok(())
    }

    /// When something is due next.
    pub(super) fn wake_at_ms(&self) -> Option<u64> {
        let pushes = self.peers.values().filter_map(PeerState::due_ms);
        let receipts = self.receipts_due.values().copied();
        let updates = self.group_rows.values().filter_map(|row| row.update_due_ms);
        let intents = self.intents.iter().filter_map(|row| row.due_ms);
        let joins = self.joinings.values().filter(|joining| joining.hosts().any(|host| self.is_connected(&host.peer)));
        let joins = joins.filter_map(Joining::due_ms);
        let own = [self.turn_due_ms, self.upkeep_due_ms];
        let leaves = self.leaves_said.values().map(|said| said.again_ms);
        let due = pushes.chain(leaves).chain(receipts).chain(updates).chain(intents).chain(joins).chain(own);
        let due = due.chain(self.fellows_due_ms).chain(self.waiting.iter().map(Waiting::until_ms));
        let due = due.chain(self.partners.due_ms(self.sets.version()));
        let due = due.chain(self.mailboxes.due_ms()).chain(self.moving.due_ms()).chain(self.retention.due_ms());
        let due = due.chain([self.clock.steady.look_again_ms()]);
        due.chain(self.resends.due_ms()).chain(self.ways_back.due_ms()).chain(self.settling.due_ms()).min()
    }

    /// A conversation, read if it is not in memory.
    pub(crate) async fn conversation(
        &mut self,
        batch: &mut Batch<'_, '_>,
        id: ConversationId,
    ) -> Result<Option<&mut Conversation>, StoreError> {
        if !self.conversations.contains_key(&id) {
            let groups = self.group_rows.values().filter(|row| row.conversation == id).map(|row| row.id).collect();
            let Some(conversation) = Conversation::load(batch, id, groups).await? else { return Ok(None) };
            self.conversations.insert(id, conversation);
        }
        Ok(self.conversations.get_mut(&id))
    }

    /// A group, read if it is not in memory.
    pub(crate) async fn group(
        &mut self,
        batch: &mut Batch<'_, '_>,
        id: GroupId,
    ) -> Result<Option<&mut LoadedGroup>, StoreError> {
        if !self.groups.contains_key(&id) {
            let Some((stored, keys)) = batch.tx.load_group(id).await? else { return Ok(None) };
            let mut group = Group::load(stored).map_err(|_| StoreError::Damaged { what: "group" })?;
            if self.group_rows.get(&id).is_some_and(|row| row.restored) {
                group.restore();
            }
            self.heads.insert(id, group.head());
            self.groups.insert(id, LoadedGroup { group, keys });
            if !self.walks.contains_key(&id) {
                self.note_walk(id);
            }
        }
        Ok(self.groups.get_mut(&id))
    }

    /// Writes what changed in a group, and follows its topics.
    pub(crate) async fn save_group(&mut self, batch: &mut Batch<'_, '_>, id: GroupId) -> Result<(), StoreError> {
        if let Some(loaded) = self.groups.get_mut(&id) {
            batch.groups_saved.insert(id);
            if loaded.group.tree_has_changed() {
                // What was stamped by a clock that is doubted was stamped ahead.
                loaded.group.set_back(batch.steady_ms);
                loaded.group.look_around(self.me.node_id(), batch.steady_ms);
            }
            let changes = loaded.group.take_changes();
            batch.tx.save_group(id, changes, &mut loaded.keys, batch.rng).await?;
            let group = &loaded.group;
            let due_ms = group.forget_due_at_ms().into_iter().chain(group.ballot_due_at_ms(self.me.node_id()));
            let due_ms = due_ms.chain(group.look_around_due_at_ms()).min();
            self.settling.set(id, due_ms.map(|due_ms| self.clock.steady.by_the_clock_ms(due_ms)));
            let is_restored = group.is_restored();
            if let Some(row) = self.group_rows.get_mut(&id).filter(|row| row.restored && !is_restored) {
                row.restored = false;
                batch.tx.put_group(*row).await?;
            }
        }
        Ok(())
    }

    /// A group's set of live epochs changed: follow its topics.
    pub(crate) async fn follow_topics(&mut self, batch: &mut Batch<'_, '_>, id: GroupId) -> Result<(), StoreError> {
        let Some(loaded) = self.groups.get(&id) else { return Ok(()) };
        let secrets = loaded.group.topic_secrets();
        if !self.topics.are(id, &secrets) {
            batch.tx.put_topics(id, &secrets, batch.rng).await?;
        }
        let changes = self.topics.set(id, secrets, batch.now_ms);
        subscribe(batch, changes);
        Ok(())
    }

    /// Lets go of what need not be in memory.
    pub(crate) fn unload_idle(&mut self) {
        while self.groups.len() > GROUPS_LOADED_MAX {
            self.groups.pop_first();
        }
        while self.conversations.len() > CONVERSATIONS_LOADED_MAX {
            self.conversations.pop_first();
        }
    }

    /// The owner, for views.
    pub(crate) fn viewer(&self) -> Me {
        Me { account: self.me.account_id(), name: self.profile.name.clone() }
    }

    pub(super) async fn authenticator(
        &mut self,
        tx: &mut Tx<'_>,
        conversation: ConversationId,
    ) -> Result<Option<Vec<u8>>, StoreError> {
        let groups = self.group_rows.values().filter(|row| row.conversation == conversation).map(|row| row.id);
        let Some(id) = groups.min() else { return Ok(None) };
        if let Some(loaded) = self.groups.get(&id) {
            return Ok(loaded.group.authenticator().map(<[u8]>::to_vec));
        }
        let Some((stored, _)) = tx.load_group(id).await? else { return Ok(None) };
        let group = Group::load(stored).map_err(|_| StoreError::Damaged { what: "group" })?;
        Ok(group.authenticator().map(<[u8]>::to_vec))
    }
}

fn subscribe(batch: &mut Batch<'_, '_>, changes: TopicChanges) {
    for tag in changes.subscribe {
        batch.network(NetworkCommand::Subscribe(tag));
    }
    for tag in changes.unsubscribe {
        batch.network(NetworkCommand::Unsubscribe(tag));
    }
}
