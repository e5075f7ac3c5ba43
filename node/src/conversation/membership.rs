//! How a conversation begins, here or elsewhere, and how its keys are renewed.

use std::collections::btree_map::Entry;

use tidings_crypto::card::SignedCard;
use tidings_crypto::envelope::{Envelope, WelcomeContent};
use tidings_crypto::group::{
    Change, CommitError, Forbidden, Group, GroupId, Invitation, JoinError, Joined, Kind as GroupKind, MEMBERS_MAX,
    Moment, Policy, Suite,
};

use super::Conversation;
use super::commits::member_rows;
use super::intents::Intent;
use super::receive::Arrival;
use super::upkeep::update_turn_ms;
use super::wishes::Tried;
use crate::engine::batch::{Batch, Halt};
use crate::engine::{LoadedGroup, State};
use crate::handle::{self, Refused, Standing};
use crate::ids::{AccountId, ConversationId};
use crate::network::NetworkCommand;
use crate::store::{ConversationKind, ConversationRow, EpochKeys, GroupRow, MemberRow, StoreError};

/// Conversations of one node: two topics each, and the swarm hears 10,000.
pub(super) const GROUPS_MAX: usize = 5_000;
/// Two people who start at once make two groups; a few more are somebody who lost a database.
pub(super) const GROUPS_A_CONVERSATION_MAX: usize = 4;
/// So many bytes of a commit are for key packages and for its path; the rest is for a policy that may change with it.
const ADDING_BYTES_MAX: usize = 224 * 1024;
/// MLS's number of the epoch that a group's founding commit makes.
const FOUNDING_NUMBER: u64 = 1;
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
        for account in &contacts {
            self.card_of(account)?;
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
        if kind == ConversationKind::Direct && contacts.iter().any(|account| self.strangers.is_blocked(account)) {
            return Err(Refused::NotAllowed { what: "you blocked this person; unblock them first".to_owned() }.into());
        }
        self.open_request(batch, id).await?;
        if self.conversation(batch, id).await?.is_none() {
            self.found(batch, id, kind, group, &policy, &contacts).await?;
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
        accounts: &[AccountId],
    ) -> Result<(), Halt> {
        let damaged = || StoreError::Damaged { what: "group" };
        let suite = self.suite_for(batch, accounts).await?;
        let (mut add, mut nodes) = (Vec::new(), 0_usize);
        let mut steps = self.steps_to_add(accounts, suite, 1);
        let first = if steps.is_empty() { Vec::new() } else { steps.remove(0) };
        // Looked at for all before anything is made for some.
        for account in accounts {
            let Some(packages) = self.packages_for(batch, suite, account).await? else {
                if self.has_mailbox(account) {
                    let why = "the keys on their card are not valid now, and neither they nor a mailbox of theirs could be \
                        reached for new ones; try again in a while, or ask for a fresh link";
                    return Err(Refused::NotNow { why: why.to_owned() }.into());
                }
                let reason = "their card carries keys that are not theirs or not valid now; ask for a fresh link";
                return Err(Refused::BadLink(reason.to_owned()).into());
            };
            nodes = nodes.saturating_add(packages.len());
            if first.contains(account) {
                add.extend(packages);
            }
        }
        if nodes >= MEMBERS_MAX {
            return Err(Refused::LimitReached { what: "devices in a group", limit: MEMBERS_MAX as u64 }.into());
        }
        if self.group_rows.len() >= GROUPS_MAX {
            return Err(Refused::LimitReached { what: "conversations", limit: GROUPS_MAX as u64 }.into());
        }
        let mut group = Group::create(&self.me, group_id, policy, suite, batch.rng).map_err(|_| damaged())?;
        let change = Change { add: add.iter().map(Vec::as_slice).collect(), ..Change::default() };
        let moment = Moment { now_ms: batch.steady_ms, place: 0 };
        let committed = group.change(&self.me, change, moment, batch.rng).map_err(|error| {
            // The founder is alone in the group: only how large it is, or what the cards say, can be wrong.
            let too_many = matches!(
                error,
                CommitError::WelcomeTooLarge { .. }
                    | CommitError::TooLarge { .. }
                    | CommitError::Forbidden(Forbidden::TooManyMembers | Forbidden::TooManyNodes)
            );
            if too_many {
                return Refused::NotNow { why: error.to_string() };
            }
            Refused::BadLink(format!("a card cannot be used to start a conversation: {error}"))
        })?;
        self.begin(batch, id, kind, group, None).await?;
        if kind == ConversationKind::Group {
            let founder = committed.summary.committer.clone();
            self.add_founding_line(batch, id, committed.epoch, &founder).await?;
        }
        self.owe_welcomes(batch, id, group_id, &committed).await?;
        self.packages_used(batch, &committed.summary.added, &add).await?;
        self.committed_now(batch, group_id).await?;
        Box::pin(self.tell_proofs_in(batch, group_id)).await?;
        for step in steps {
            self.add_or_want(batch, group_id, Intent::Add(step)).await?;
        }
        Ok(())
    }

    /// These people in the parties in which commits add them to a group that has so many nodes: a commit has to fit an
    /// envelope.
    pub(crate) fn steps_to_add(&self, accounts: &[AccountId], suite: Suite, members: usize) -> Vec<Vec<AccountId>> {
        let (package_bytes, path_bytes) = bytes_a_node(suite);
        let mut steps: Vec<Vec<AccountId>> = Vec::new();
        let (mut members, mut room_bytes) = (members, 0_usize);
        for account in accounts {
            let nodes = self.card_of(account).map_or(1, |card| card.card().nodes.len());
            let bytes = nodes.saturating_mul(package_bytes);
            if let Some(step) = steps.last_mut().filter(|_| bytes <= room_bytes) {
                step.push(*account);
            } else {
                steps.push(vec![*account]);
                room_bytes = ADDING_BYTES_MAX.saturating_sub(members.saturating_mul(path_bytes));
            }
            room_bytes = room_bytes.saturating_sub(bytes);
            members = members.saturating_add(nodes);
        }
        steps
    }

    /// A later step of something that has begun: what cannot be done now is tried again, and told if it never can.
    pub(crate) async fn add_or_want(
        &mut self,
        batch: &mut Batch<'_, '_>,
        group: GroupId,
        step: Intent,
    ) -> Result<(), StoreError> {
        match self.want(batch, group, &step).await? {
            Tried::Done | Tried::Committed(_) => Ok(()),
            Tried::Dropped(_) | Tried::Later | Tried::Failed(_) => self.want_soon(batch, group, &step).await,
        }
    }

    /// Takes up a conversation that this node founded or joined.
    pub(super) async fn begin(
        &mut self,
        batch: &mut Batch<'_, '_>,
        id: ConversationId,
        kind: ConversationKind,
        group: Group,
        update_due_ms: Option<u64>,
    ) -> Result<(), StoreError> {
        let group_id = group.id();
        let rows = group.policy().map(|policy| member_rows(group.members(), policy)).unwrap_or_default();
        let row = GroupRow { id: group_id, conversation: id, update_due_ms, restored: false };
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
                conversation.members_changed();
                conversation.change().standing = Standing::Member;
                conversation.change().refused = String::new();
                batch.tx.put_members(id, &rows).await?;
            }
        } else {
            let row = ConversationRow::new(id, kind, name, Standing::Member, batch.now_ms);
            batch.tx.put_members(id, &rows).await?;
            self.conversations.insert(id, Conversation::new(row, group_id, rows.clone()));
        }
        let me = self.me.node_id();
        for member in rows.iter().filter(|member| member.node != me) {
            self.meet(batch, member);
        }
        let here = |account: &AccountId| self.contacts.contains_key(account);
        batch.changed_contacts.extend(rows.iter().map(|member| member.account).filter(here));
        self.after_commit(batch, group_id).await
    }

    /// A member's node: from now on it is recognised, and reached for where no card says how.
    pub(crate) fn meet(&mut self, batch: &mut Batch<'_, '_>, member: &MemberRow) {
        if let Entry::Vacant(unknown) = self.accounts_by_peer.entry(member.peer) {
            unknown.insert(member.account);
            batch.network(NetworkCommand::Know { peer: member.peer, addresses: Vec::new() });
        }
        if !self.contacts.contains_key(&member.account) {
            self.look_for_fellows(batch.now_ms);
        }
    }

    /// Somebody added this node to a group.
    pub(crate) async fn receive_welcome(
        &mut self,
        batch: &mut Batch<'_, '_>,
        envelope: &Envelope,
    ) -> Result<Arrival, StoreError> {
        let Ok(welcome) = envelope.open_welcome(&self.me.keys) else { return Ok(Arrival::Refused) };
        if welcome.apart.is_some() {
            return Ok(self.await_rest(envelope, welcome));
        }
        self.take_welcome(batch, welcome, envelope.bytes()).await
    }

    /// Takes a whole Welcome; `kept` are its envelopes, to be kept where it leads nowhere yet.
    pub(crate) async fn take_welcome(
        &mut self,
        batch: &mut Batch<'_, '_>,
        welcome: WelcomeContent,
        kept: &[u8],
    ) -> Result<Arrival, StoreError> {
        let group_id = GroupId(welcome.group);
        let joined = match self.open_welcome(&welcome, batch.stamp_ms) {
            Ok(joined) => joined,
            Err(JoinError::NotValidNow(_)) => return Ok(Arrival::Later), // One of the two clocks is wrong.
            Err(_) => return Ok(Arrival::Refused),
        };
        let Ok(card) = SignedCard::decode(&welcome.inviter_card) else { return Ok(Arrival::Refused) };
        let inviter = joined.inviter.account;
        if card.card().account.id() != inviter {
            return Ok(Arrival::Refused);
        }
        if self.strangers.is_blocked(&inviter) && !self.group_rows.contains_key(&group_id) {
            return Ok(Arrival::PassedOver);
        }
        let invitation = self.invitation(group_id, inviter);
        if invitation == Invitation::Unasked && self.has_left(batch, group_id).await? {
            return Ok(Arrival::Later); // Who left is invited anew like anybody else.
        }
        if let Some(known) = self.group(batch, group_id).await? {
            // The same invitation, sealed again, or one back into the group.
            if known.group.may_enter(&joined, invitation) {
                self.enter(batch, group_id, joined).await?;
                if invitation == Invitation::Wanted
                    && let Some(id) = self.group_rows.get(&group_id).map(|row| row.conversation)
                {
                    self.open_request(batch, id).await?;
                }
            } else {
                return self.keep_welcome(batch, group_id, &joined, kept, invitation).await;
            }
            return Ok(Arrival::Taken);
        }
        let Some((id, kind)) = self.conversation_of(&joined.group, inviter) else { return Ok(Arrival::Refused) };
        let carried = self.group_rows.values().filter(|row| row.conversation == id).count();
        let stranger = self.contacts.get(&inviter).is_none_or(|contact| !contact.row.added);
        let wanted = self.joinings.contains_key(&group_id);
        if carried >= GROUPS_A_CONVERSATION_MAX || self.group_rows.len() >= GROUPS_MAX {
            return Ok(Arrival::Later);
        }
        // What a stranger begins waits for the owner (§6.16); another group for what is here already does not.
        let is_new = self.conversation(batch, id).await?.is_none();
        let is_request = stranger && is_new && !wanted;
        if is_request && !self.has_room_for_stranger(batch, inviter).await? {
            return Ok(Arrival::Later);
        }
        let account = card.card().account;
        self.put_met_card(batch, card).await?;
        if is_request {
            self.put_request(batch, id, &account).await?;
        }
        self.key_package_used(batch, &joined.key_package).await?;
        let due_ms = update_turn_ms(batch, joined.group.members().len());
        let root = joined.group.tree().node(joined.group.head()).map_or(0, |node| node.number);
        let epoch = joined.group.head();
        let founder = joined.inviter.clone();
        self.begin(batch, id, kind, joined.group, Some(due_ms)).await?;
        if kind == ConversationKind::Group && root == FOUNDING_NUMBER {
            self.add_founding_line(batch, id, epoch, &founder).await?;
        }
        self.note_own_since(batch, group_id, epoch).await?;
        self.joined(batch, group_id).await?;
        self.ask_fellows_of(batch, inviter).await?;
        Ok(Arrival::Taken)
    }

    /// Whether the owner wants to be invited into a group by somebody: a contact, or anybody having asked to join.
    pub(crate) fn invitation(&self, group: GroupId, inviter: AccountId) -> Invitation {
        let is_contact = self.contacts.get(&inviter).is_some_and(|contact| contact.row.added);
        if is_contact || self.joinings.contains_key(&group) { Invitation::Wanted } else { Invitation::Unasked }
    }

    /// Whether the owner left this group.
    pub(crate) async fn has_left(&mut self, batch: &mut Batch<'_, '_>, group: GroupId) -> Result<bool, StoreError> {
        let Some(row) = self.group_rows.get(&group).copied() else { return Ok(false) };
        let standing = self.conversation(batch, row.conversation).await?.map(|known| known.row.standing);
        Ok(standing == Some(Standing::Left))
    }

    /// A Welcome leads back into a group that is here: removed and added again, or added on a branch that lost.
    pub(crate) async fn enter(
        &mut self,
        batch: &mut Batch<'_, '_>,
        id: GroupId,
        joined: Joined,
    ) -> Result<(), StoreError> {
        self.key_package_used(batch, &joined.key_package).await?;
        let Some(mut row) = self.group_rows.get(&id).copied() else { return Ok(()) };
        let before = self.tree_before(id, joined.group.head());
        let Some(loaded) = self.groups.get_mut(&id) else { return Ok(()) };
        loaded.group.enter(joined, batch.steady_ms);
        let members = loaded.group.members().len();
        self.save_group(batch, id).await?;
        row.update_due_ms = Some(update_turn_ms(batch, members));
        batch.tx.put_group(row).await?;
        self.group_rows.insert(id, row);
        if let Some(conversation) = self.conversation(batch, row.conversation).await? {
            let row = conversation.change();
            (row.standing, row.refused) = (Standing::Member, String::new());
        }
        if let Some(head) = self.groups.get(&id).map(|loaded| loaded.group.head()) {
            self.note_own_since(batch, id, head).await?;
        }
        self.joined(batch, id).await?;
        self.take_lost_lines_out(batch, id, &before).await?;
        self.reopen_intents(batch, id).await?;
        self.after_commit(batch, id).await
    }

    /// Which conversation a joined group carries; `None` for a direct one that is not between the inviter and me.
    pub(super) fn conversation_of(
        &self,
        group: &Group,
        inviter: AccountId,
    ) -> Option<(ConversationId, ConversationKind)> {
        let me = self.me.account_id();
        match group.policy()?.kind {
            GroupKind::Direct => {
                let both = group.members().iter().all(|member| member.account == me || member.account == inviter);
                (both && inviter != me).then(|| (ConversationId::direct(&me, &inviter), ConversationKind::Direct))
            }
            GroupKind::Group => Some((ConversationId::of_group(group.id()), ConversationKind::Group)),
        }
    }
}

/// How many bytes of a commit a key package needs at most, and a member to whom the new keys go.
fn bytes_a_node(suite: Suite) -> (usize, usize) {
    match suite {
        Suite::Classic => (660, 96),
        Suite::Hybrid => (3_300, 1_450),
    }
}
