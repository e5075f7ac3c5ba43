//! How a conversation begins, here or elsewhere, and how its keys are renewed.

use std::collections::btree_map::Entry;

use rand_core::Rng;
use tidings_crypto::card::SignedCard;
use tidings_crypto::envelope::{Envelope, WelcomeContent};
use tidings_crypto::group::{
    Change, Group, GroupId, JoinError, KeyPackage, Kind as GroupKind, Member, Moment, Policy, Suite,
};

use super::Conversation;
use super::receive::Arrival;
use crate::engine::batch::{Batch, Halt};
use crate::engine::{LoadedGroup, State};
use crate::handle::{self, Refused, Role, Standing};
use crate::ids::{AccountId, ConversationId, PeerKey};
use crate::network::NetworkCommand;
use crate::outbox::Kind;
use crate::store::{ConversationKind, ConversationRow, EpochKeys, GroupRow, MemberRow, OutboxRow, StoreError};

/// Conversations of one node: two topics each, and the swarm hears 10,000.
const GROUPS_MAX: usize = 5_000;
/// Two people who start at once make two groups; a few more are somebody who lost a database.
const GROUPS_A_CONVERSATION_MAX: usize = 4;
/// After joining with a key package that others may have used too, a node renews its keys within this time: long
/// enough that several joiners seldom commit at once. A guess.
const UPDATE_AFTER_JOIN_MS: (u64, u64) = (2_000, 10_000);
/// A group whose commit found the tree of epochs full tries again after this long. A guess.
pub(crate) const UPDATE_RETRY_MS: u64 = 60 * 60 * 1_000;

impl State {
    /// Starts a conversation, or finds the direct one that is there already.
    pub(crate) async fn create_conversation(
        &mut self,
        batch: &mut Batch<'_, '_>,
        contacts: &[AccountId],
        name: Option<String>,
    ) -> Result<handle::Conversation, Halt> {
        let mut contacts = contacts.to_vec();
        contacts.sort_unstable();
        contacts.dedup();
        contacts.retain(|account| *account != self.me.account_id());
        let mut cards = Vec::with_capacity(contacts.len());
        for account in &contacts {
            let contact = self.contacts.get(account).ok_or(Refused::UnknownContact)?;
            cards.push(contact.card.clone().ok_or(Refused::CardIncomplete)?);
        }
        let group = GroupId(batch.random());
        let (id, kind, policy) = match (contacts.as_slice(), name) {
            ([], _) => return Err(Refused::NobodyNamed.into()),
            ([contact], None) => {
                let id = ConversationId::direct(&self.me.account_id(), contact);
                (id, ConversationKind::Direct, Policy::direct())
            }
            (_, name) => {
                let name = name.unwrap_or_default();
                if !name.is_empty() && !tidings_crypto::card::valid_name(&name) {
                    return Err(Refused::BadName.into());
                }
                let policy = Policy::group(self.me.account_id(), name);
                (ConversationId::of_group(group), ConversationKind::Group, policy)
            }
        };
        if self.conversation(batch, id).await?.is_none() {
            self.found(batch, id, kind, group, &policy, &cards).await?;
        }
        self.save_conversations(batch).await?;
        batch.tx.flush().await?;
        let view = batch.tx.conversation_view(id, &self.viewer()).await?;
        view.ok_or_else(|| Refused::UnknownConversation.into())
    }

    /// Makes the group, and owes its welcome to every node that was added.
    async fn found(
        &mut self,
        batch: &mut Batch<'_, '_>,
        id: ConversationId,
        kind: ConversationKind,
        group_id: GroupId,
        policy: &Policy,
        cards: &[SignedCard],
    ) -> Result<(), Halt> {
        let damaged = || StoreError::Damaged { what: "group" };
        let nodes = cards.iter().flat_map(|card| &card.card().nodes);
        let mut packages: Vec<&[u8]> = Vec::new();
        for node in nodes {
            // A card could carry somebody else's key package, and what is written to the one would reach the other.
            let is_theirs = KeyPackage::check(&node.key_package, batch.now_ms)
                .is_ok_and(|checked| checked.member.node == node.certificate.node_id());
            if !is_theirs {
                let reason = "their card carries keys that are not theirs or not valid now; ask for a fresh link";
                return Err(Refused::BadLink(reason.to_owned()).into());
            }
            packages.push(&node.key_package);
        }
        if self.group_rows.len() >= GROUPS_MAX {
            return Err(Refused::LimitReached { what: "conversations", limit: GROUPS_MAX as u64 }.into());
        }
        let mut group = Group::create(&self.me, group_id, policy, Suite::Classic, batch.rng).map_err(|_| damaged())?;
        let change = Change { add: packages, ..Change::default() };
        let moment = Moment { now_ms: batch.now_ms, place: batch.now_ms };
        let committed = group.change(&self.me, change, moment, batch.rng).map_err(|error| {
            // The founder is alone in the group: only what the cards say can be wrong.
            Refused::BadLink(format!("their card cannot be used to start a conversation: {error}"))
        })?;
        let members: Vec<Member> = group.members().to_vec();
        let welcome = WelcomeContent {
            group: group_id.0,
            epoch: committed.epoch,
            welcome: committed.welcome.unwrap_or_default(),
            inviter_card: self.profile.card.bytes().to_vec(),
        };
        let me = self.me.node_id();
        let mut sealed = Vec::with_capacity(members.len());
        for member in members.iter().filter(|member| member.node != me) {
            let mailbox = member.certificate.mailbox_key();
            let envelope = Envelope::seal_welcome(&mailbox, &welcome, batch.rng)
                .map_err(|_| Refused::LimitReached { what: "nodes in one conversation", limit: 1_000 })?;
            sealed.push((member, envelope));
        }
        self.begin(batch, id, kind, group, &members, None).await?;
        for (member, envelope) in sealed {
            batch.keep(&envelope);
            let peer = member.certificate.peer_key();
            batch.tx.put_outbox(OutboxRow {
                peer,
                node: member.node,
                kind: Kind::Welcome,
                conversation: id,
                sequence: 0,
                envelope: envelope.id(),
                next_attempt_ms: batch.now_ms,
            });
            self.owe(peer, batch.now_ms);
        }
        Ok(())
    }

    /// Takes up a conversation that this node founded or joined.
    async fn begin(
        &mut self,
        batch: &mut Batch<'_, '_>,
        id: ConversationId,
        kind: ConversationKind,
        group: Group,
        members: &[Member],
        update_due_ms: Option<u64>,
    ) -> Result<(), StoreError> {
        let group_id = group.id();
        let rows = member_rows(members);
        let row = GroupRow { id: group_id, conversation: id, update_due_ms };
        batch.tx.put_group(row).await?;
        self.group_rows.insert(group_id, row);
        let name = group.policy().map(|policy| policy.name.clone()).unwrap_or_default();
        self.groups.insert(group_id, LoadedGroup { group, keys: EpochKeys::default() });
        self.save_group(batch, group_id).await?;
        self.follow_topics(batch, group_id).await?;
        if let Some(conversation) = self.conversation(batch, id).await? {
            conversation.add_group(group_id);
            if conversation.groups.first() == Some(&group_id) {
                conversation.members.clone_from(&rows);
                batch.tx.put_members(id, &rows).await?;
            }
        } else {
            let row = ConversationRow {
                id,
                kind,
                name,
                created_at_ms: batch.now_ms,
                last_at_ms: batch.now_ms,
                next_sequence: 1,
                leaves: Vec::new(),
                receipt_owed: false,
                topic: String::new(),
                picture: None,
                standing: Standing::Member,
            };
            batch.tx.put_members(id, &rows).await?;
            self.conversations.insert(id, Conversation::new(row, group_id, rows.clone()));
        }
        let me = self.me.node_id();
        for member in rows.iter().filter(|member| member.node != me) {
            self.meet(batch, member);
        }
        batch
            .changed_contacts
            .extend(rows.iter().map(|member| member.account).filter(|id| self.contacts.contains_key(id)));
        Ok(())
    }

    /// A member's node: from now on it is recognised, and reached for where no card says how.
    fn meet(&mut self, batch: &mut Batch<'_, '_>, member: &MemberRow) {
        if let Entry::Vacant(unknown) = self.accounts_by_peer.entry(member.peer) {
            unknown.insert(member.account);
            batch.network(NetworkCommand::Know { peer: member.peer, addresses: Vec::new() });
        }
    }

    /// Somebody added this node to a group.
    pub(crate) async fn receive_welcome(
        &mut self,
        batch: &mut Batch<'_, '_>,
        envelope: &Envelope,
    ) -> Result<Arrival, StoreError> {
        let Ok(welcome) = envelope.open_welcome(&self.me.keys) else { return Ok(Arrival::Refused) };
        if self.group_rows.contains_key(&GroupId(welcome.group)) {
            return Ok(Arrival::Taken); // The same invitation, sealed again.
        }
        let packages = &self.key_packages;
        let lookup = |reference: &[u8; 32]| packages.get(reference).cloned();
        let joined = match Group::join(&self.me, &welcome, lookup, batch.now_ms) {
            Ok(joined) => joined,
            Err(JoinError::NotValidNow(_)) => return Ok(Arrival::Later), // One of the two clocks is wrong.
            Err(_) => return Ok(Arrival::Refused),
        };
        let Ok(card) = SignedCard::decode(&welcome.inviter_card) else { return Ok(Arrival::Refused) };
        let inviter = joined.inviter.account;
        if card.card().account.id() != inviter {
            return Ok(Arrival::Refused);
        }
        let members = joined.group.members().to_vec();
        let Some((id, kind)) = self.conversation_of(&joined.group, inviter) else { return Ok(Arrival::Refused) };
        let carried = self.group_rows.values().filter(|row| row.conversation == id).count();
        let stranger = self.contacts.get(&inviter).is_none_or(|contact| !contact.row.added);
        // Who is not a contact may write to me, and no more than that.
        if carried >= GROUPS_A_CONVERSATION_MAX
            || self.group_rows.len() >= GROUPS_MAX
            || (stranger && kind == ConversationKind::Group)
        {
            return Ok(Arrival::Later);
        }
        match self.contacts.get(&inviter) {
            None if !self.has_room_for_stranger() => return Ok(Arrival::Later),
            None => self.put_card(batch, card, false).await?,
            Some(known) => {
                let newer = known.card.as_ref().is_none_or(|known| known.card().serial < card.card().serial);
                let added = known.row.added;
                if newer {
                    self.put_card(batch, card, added).await?;
                }
            }
        }
        let (least_ms, most_ms) = UPDATE_AFTER_JOIN_MS;
        let wait_ms = least_ms + u64::from(batch.rng.next_u32()) % (most_ms - least_ms);
        let due_ms = batch.now_ms.saturating_add(wait_ms);
        self.begin(batch, id, kind, joined.group, &members, Some(due_ms)).await?;
        Ok(Arrival::Taken)
    }

    /// Which conversation a joined group carries; `None` for a direct one that is not between the inviter and me.
    fn conversation_of(&self, group: &Group, inviter: AccountId) -> Option<(ConversationId, ConversationKind)> {
        let me = self.me.account_id();
        match group.policy()?.kind {
            GroupKind::Direct => {
                let both = group.members().iter().all(|member| member.account == me || member.account == inviter);
                (both && inviter != me).then(|| (ConversationId::direct(&me, &inviter), ConversationKind::Direct))
            }
            GroupKind::Group => Some((ConversationId::of_group(group.id()), ConversationKind::Group)),
        }
    }

    /// Renews this node's keys in a group.
    pub(crate) async fn update_keys(&mut self, batch: &mut Batch<'_, '_>, id: GroupId) -> Result<(), StoreError> {
        let Some(mut row) = self.group_rows.get(&id).copied() else { return Ok(()) };
        row.update_due_ms = None;
        if self.conversation(batch, row.conversation).await?.is_some() && self.group(batch, id).await?.is_some() {
            let Some(loaded) = self.groups.get_mut(&id) else { return Ok(()) };
            let moment = Moment { now_ms: batch.now_ms, place: batch.now_ms };
            match loaded.group.change(&self.me, Change::default(), moment, batch.rng) {
                Ok(committed) => {
                    let parent_secret = loaded.group.topic_secret(committed.content.epoch).cloned();
                    self.save_group(batch, id).await?;
                    self.after_commit(batch, id).await?;
                    let week = tidings_crypto::envelope::Week::of(batch.now_ms);
                    let sealed =
                        parent_secret.and_then(|secret| Envelope::seal(&secret, week, &committed.content).ok());
                    if let Some(envelope) = sealed {
                        self.spread(batch, row.conversation, &envelope, Kind::Commit, 0).await?;
                    }
                }
                Err(tidings_crypto::group::CommitError::TreeFull) => {
                    row.update_due_ms = Some(batch.now_ms.saturating_add(UPDATE_RETRY_MS));
                }
                Err(error) => tracing::warn!(%error, "a group's keys could not be renewed"),
            }
        }
        batch.tx.put_group(row).await?;
        self.group_rows.insert(id, row);
        Ok(())
    }

    /// A group has a new epoch: its members and topics may be others.
    pub(crate) async fn after_commit(&mut self, batch: &mut Batch<'_, '_>, id: GroupId) -> Result<(), StoreError> {
        self.follow_topics(batch, id).await?;
        let Some(conversation) = self.group_rows.get(&id).map(|row| row.conversation) else { return Ok(()) };
        let Some(loaded) = self.groups.get(&id) else { return Ok(()) };
        let rows = member_rows(loaded.group.members());
        let Some(conversation) = self.conversations.get_mut(&conversation) else { return Ok(()) };
        if conversation.groups.first() == Some(&id) && conversation.members != rows && !rows.is_empty() {
            conversation.members.clone_from(&rows);
            conversation.change();
            let id = conversation.row.id;
            batch.tx.put_members(id, &rows).await?;
        }
        Ok(())
    }
}

fn member_rows(members: &[Member]) -> Vec<MemberRow> {
    let mut rows: Vec<MemberRow> = members
        .iter()
        .map(|member| MemberRow {
            node: member.node,
            account: member.account,
            peer: PeerKey(member.certificate.peer_key().0),
            role: Role::Member,
        })
        .collect();
    rows.sort_unstable_by_key(|row| row.node);
    rows
}
