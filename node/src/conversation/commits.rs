//! Commits of this node and of others (PROTOCOL §3, §6.9): how one goes out, and what follows when the head moves.

use std::collections::BTreeSet;

use tidings_crypto::envelope::{ABOVE_MAX, Apart, Envelope, EpochId, TopicSecret, Week, WelcomeContent};
use tidings_crypto::group::epochs::Standing as TreeStanding;
use tidings_crypto::group::{Change, CommitError, Committed, Evidence, GroupId, Kind as GroupKind, Member, Moment};
use tidings_crypto::group::{Policy, Summary, Why};
use tidings_crypto::identity::NodeId;

use super::changes;
use super::intents::picture_hash;
use super::transcript;
use crate::engine::State;
use crate::engine::batch::Batch;
use crate::event::Event;
use crate::handle::{Permission, Role, Standing};
use crate::ids::{AccountId, ConversationId, MessageId, PeerKey};
use crate::outbox::Kind;
use crate::store::{LineRow, MemberRow, MessageRow, OutboxRow, RowKind, StoreError};

/// Beyond this, the tail of Welcomes travels in envelopes of its own, once for all (§4.5): groups of some forty nodes.
const TAIL_WITHIN_BYTES_MAX: usize = 16 * 1024;

/// A change to commit, with what it needs.
#[derive(Debug, Default)]
pub(crate) struct Wanted {
    /// Key packages of the nodes that come in.
    pub(crate) add: Vec<Vec<u8>>,
    /// The nodes that go.
    pub(crate) remove: Vec<NodeId>,
    /// The new policy.
    pub(crate) policy: Option<Policy>,
    /// What makes it right.
    pub(crate) evidence: Vec<Evidence>,
}

/// The id of the line that tells a commit: the same on every node.
pub(crate) fn line_id(epoch: EpochId) -> MessageId {
    let hash = blake3::derive_key("tidings v1 system line", &epoch.0);
    let mut id = [0; 16];
    for (to, from) in id.iter_mut().zip(hash) {
        *to = from;
    }
    MessageId(id)
}

/// A group's tree before this node went on elsewhere.
#[derive(Debug, Default)]
pub(crate) struct TreeBefore {
    here: BTreeSet<EpochId>,
    stay: BTreeSet<EpochId>,
}

impl TreeBefore {
    fn stays(&self, epoch: EpochId) -> bool {
        self.stay.contains(&epoch) || !self.here.contains(&epoch)
    }
}

impl State {
    /// Commits a change on the head of a group, and owes it to every member and the Welcomes to who comes in.
    pub(crate) async fn commit(
        &mut self,
        batch: &mut Batch<'_, '_>,
        id: GroupId,
        wanted: Wanted,
    ) -> Result<Result<EpochId, CommitError>, StoreError> {
        let Some(row) = self.group_rows.get(&id).copied() else { return Ok(Err(CommitError::NotAMember)) };
        let Some(conversation) = self.conversation(batch, row.conversation).await? else {
            return Ok(Err(CommitError::NotAMember));
        };
        let place = transcript::place(batch.now_ms, conversation.leaves.parents().map(|leaf| leaf.place));
        if self.group(batch, id).await?.is_none() {
            return Ok(Err(CommitError::NotAMember));
        }
        let Some(loaded) = self.groups.get_mut(&id) else { return Ok(Err(CommitError::NotAMember)) };
        let before = loaded.group.members().to_vec();
        let change = Change {
            add: wanted.add.iter().map(Vec::as_slice).collect(),
            remove: wanted.remove,
            policy: wanted.policy,
            evidence: wanted.evidence,
        };
        let moment = Moment { now_ms: batch.steady_ms, place };
        let committed = match loaded.group.change(&self.me, change, moment, batch.rng) {
            Ok(committed) => committed,
            Err(error) => return Ok(Err(error)),
        };
        let parent_secret = loaded.group.topic_secret(committed.content.epoch).cloned();
        self.save_group(batch, id).await?;
        let sealed = parent_secret
            .and_then(|secret| Envelope::seal(&secret, Week::of(batch.steady_ms), &committed.content).ok());
        if let Some(envelope) = sealed {
            // Before the members change: who goes has to learn it too.
            self.spread(batch, row.conversation, &envelope, Kind::Commit, 0).await?;
        }
        self.owe_welcomes(batch, row.conversation, id, &committed).await?;
        self.packages_used(batch, &committed.summary.added, &wanted.add).await?;
        self.note_commit(batch, id, committed.epoch, &committed.summary, &before).await?;
        self.after_commit(batch, id).await?;
        self.share_history(batch, id, &committed.summary.added).await?;
        self.committed_now(batch, id).await?;
        Ok(Ok(committed.epoch))
    }

    /// Seals the Welcome to each node that was added.
    pub(crate) async fn owe_welcomes(
        &mut self,
        batch: &mut Batch<'_, '_>,
        conversation: ConversationId,
        group: GroupId,
        committed: &Committed,
    ) -> Result<(), StoreError> {
        let Some(welcomes) = &committed.welcome else { return Ok(()) };
        if ConversationId::of_group(group) == conversation {
            // An earlier one could lead its node to a branch that lost, and after this one.
            batch.tx.flush().await?;
            for member in &committed.summary.added {
                batch.tx.drop_owed_welcomes(conversation, member.node).await?;
            }
        }
        let above = self.groups.get(&group).map(|loaded| loaded.group.tree().above_epoch(committed.epoch));
        let above = above.unwrap_or_default();
        let is_large = welcomes.tail().len() > TAIL_WITHIN_BYTES_MAX;
        let secret = TopicSecret::from_bytes(batch.random());
        let apart = is_large.then(|| Apart::seal(secret, committed.epoch, welcomes.tail())).transpose();
        let (apart, rest) = apart.map_err(|_| StoreError::Damaged { what: "welcome" })?.unzip();
        for member in &committed.summary.added {
            let head = || welcomes.head(&member.node).map(<[u8]>::to_vec);
            let welcome = if is_large { head() } else { welcomes.of(&member.node) };
            let content = WelcomeContent {
                group: group.0,
                epoch: committed.epoch,
                welcome: welcome.unwrap_or_default(),
                apart: apart.clone(),
                inviter_card: self.profile.card.bytes().to_vec(),
                above: above.clone(),
            };
            let Ok(envelope) = Envelope::seal_welcome(&member.certificate.mailbox_key(), &content, batch.rng) else {
                tracing::warn!("a welcome could not be sealed: the mailbox key is not valid");
                continue;
            };
            for envelope in [&envelope].into_iter().chain(rest.iter().flatten()) {
                self.owe_to_node(batch, conversation, member, envelope, Kind::Welcome);
            }
        }
        Ok(())
    }

    /// Owes an envelope to one node alone.
    pub(crate) fn owe_to_node(
        &mut self,
        batch: &mut Batch<'_, '_>,
        conversation: ConversationId,
        member: &Member,
        envelope: &Envelope,
        kind: Kind,
    ) {
        batch.keep(envelope);
        let peer = PeerKey(member.certificate.peer_key().0);
        batch.tx.put_outbox(OutboxRow {
            peer,
            node: member.node,
            kind,
            conversation,
            sequence: 0,
            envelope: envelope.id(),
            next_attempt_ms: batch.now_ms,
        });
        self.owe(peer, batch.now_ms);
    }

    /// Remembers what a commit says in the transcript. `before` are the members of the epoch that it was made in.
    pub(crate) async fn note_commit(
        &mut self,
        batch: &mut Batch<'_, '_>,
        id: GroupId,
        epoch: EpochId,
        summary: &Summary,
        before: &[Member],
    ) -> Result<(), StoreError> {
        let came_back = summary.came_back.then_some(summary.committer.node);
        if let Some(node) = came_back {
            self.node_came_back(batch, id, node).await?;
        }
        if self.groups.get(&id).is_some_and(|loaded| loaded.group.is_on_branch(epoch)) {
            let added: Vec<NodeId> = summary.added.iter().map(|member| member.node).collect();
            let here_now: Vec<NodeId> = added.iter().copied().chain(came_back).collect();
            self.note_since(batch, id, epoch, &here_now).await?;
            self.nodes_came_in(batch, id, &added).await?;
            let accounts: Vec<AccountId> = summary.added.iter().map(|member| member.account).collect();
            self.stop_letting_go(batch, id, &accounts).await?;
        }
        let Some(loaded) = self.groups.get(&id) else { return Ok(()) };
        let changes = changes_of(summary, before, loaded.group.members_at(epoch));
        if changes.is_empty() {
            return Ok(());
        }
        let line = LineRow {
            epoch,
            author: summary.committer.account,
            author_node: summary.committer.node,
            committed_at_ms: summary.committed_at_ms,
            number: loaded.group.tree().node(epoch).map_or(0, |node| node.number),
            // A stated place is its author's word: bounded as a message's is, or one commit would end all order.
            place: transcript::place(summary.place, []),
            body: changes::encode(&changes),
            shown: false,
        };
        batch.tx.put_line(id, &line).await
    }

    /// As [`Self::note_commit`], for a commit of somebody else.
    pub(crate) async fn note_received(
        &mut self,
        batch: &mut Batch<'_, '_>,
        id: GroupId,
        epoch: EpochId,
        summary: &Summary,
    ) -> Result<(), StoreError> {
        let Some(loaded) = self.groups.get(&id) else { return Ok(()) };
        let before = loaded.group.members_at(summary.parent).to_vec();
        self.note_commit(batch, id, epoch, summary, &before).await
    }

    /// A group has a new epoch, or another head: its members, topics, lines and what is wanted of it may be others.
    pub(crate) async fn after_commit(&mut self, batch: &mut Batch<'_, '_>, id: GroupId) -> Result<(), StoreError> {
        self.welcomes.look_at(id);
        self.follow_topics(batch, id).await?;
        let Some(conversation) = self.group_rows.get(&id).map(|row| row.conversation) else { return Ok(()) };
        if self.conversation(batch, conversation).await?.is_none() {
            return Ok(());
        }
        self.project(batch, conversation, id).await?;
        self.follow_lines(batch, conversation, id).await?;
        self.review_intents(batch, id).await?;
        self.leave_again(batch, id).await?;
        self.look_for_ended(batch, id).await
    }

    /// Writes what the head says of the conversation: members with their roles, name, topic, picture, standing.
    pub(crate) async fn project(
        &mut self,
        batch: &mut Batch<'_, '_>,
        id: ConversationId,
        group: GroupId,
    ) -> Result<(), StoreError> {
        let Some(loaded) = self.groups.get(&group) else { return Ok(()) };
        let Some(conversation) = self.conversations.get_mut(&id) else { return Ok(()) };
        if conversation.groups.first() != Some(&group) {
            return Ok(());
        }
        let mut met = Vec::new();
        match loaded.group.policy() {
            None => {
                if matches!(conversation.row.standing, Standing::Member | Standing::ComingBack) {
                    conversation.change().standing = Standing::Removed;
                    batch.tx.flush().await?;
                    batch.tx.drop_own_statements(id).await?;
                }
            }
            Some(policy) => {
                let rows = member_rows(loaded.group.members(), policy);
                if conversation.members != rows {
                    met.extend(rows.iter().copied().filter(|row| !conversation.members.contains(row)));
                    conversation.members.clone_from(&rows);
                    conversation.members_changed();
                    batch.tx.put_members(id, &rows).await?;
                }
                let picture = (!policy.picture.is_empty()).then(|| picture_hash(&policy.picture));
                let row = &conversation.row;
                if row.name != policy.name || row.topic != policy.topic || row.picture != picture {
                    let (name, topic) = (policy.name.clone(), policy.topic.clone());
                    let row = conversation.change();
                    (row.name, row.topic, row.picture) = (name, topic, picture);
                }
                let stands = match loaded.group.tree().standing() {
                    _ if self.ways_back.is_denied(group) => Standing::Removed,
                    TreeStanding::Stranded => Standing::ComingBack,
                    TreeStanding::Member | TreeStanding::Removed => Standing::Member,
                };
                if conversation.row.standing != stands && conversation.row.standing != Standing::Left {
                    conversation.change().standing = stands;
                }
            }
        }
        let me = self.me.node_id();
        for member in met.iter().filter(|member| member.node != me) {
            self.meet(batch, member);
        }
        Ok(())
    }

    /// Brings the lines of the way to the head into the transcript, and takes those of other branches out.
    async fn follow_lines(
        &mut self,
        batch: &mut Batch<'_, '_>,
        conversation: ConversationId,
        id: GroupId,
    ) -> Result<(), StoreError> {
        let lines = batch.tx.lines(id).await?;
        for line in lines {
            let Some(loaded) = self.groups.get(&id) else { return Ok(()) };
            let tree = loaded.group.tree();
            let in_tree = tree.node(line.epoch).is_some();
            let on_path = in_tree && loaded.group.is_on_branch(line.epoch);
            let root = tree.node(tree.root()).map_or(0, |root| root.number);
            let is_far = line.number.saturating_add(ABOVE_MAX as u64) < root;
            if !in_tree && line.shown && !is_far {
                // It was on the way to the head. If this node comes in elsewhere it may turn out that it lost.
            } else if !in_tree {
                batch.tx.drop_line(id, line.epoch).await?;
            } else if on_path && !line.shown {
                batch.tx.show_line(id, line.epoch, true).await?;
                self.add_line(batch, conversation, line).await?;
            } else if !on_path && line.shown {
                self.take_line_out(batch, conversation, id, line.epoch).await?;
            }
        }
        Ok(())
    }

    async fn take_line_out(
        &mut self,
        batch: &mut Batch<'_, '_>,
        conversation: ConversationId,
        id: GroupId,
        epoch: EpochId,
    ) -> Result<(), StoreError> {
        let message = line_id(epoch);
        batch.tx.show_line(id, epoch, false).await?;
        batch.tx.remove_message(conversation, message).await?;
        if let Some(loaded) = self.conversation(batch, conversation).await? {
            loaded.remove_message(message);
        }
        batch.moved.remove(&message);
        batch.events.push(Event::MessageGone { conversation, message });
        Ok(())
    }

    /// Where a group was, to be asked before this node goes on at `epoch`, by a way in or a Welcome: its tree then begins
    /// anew. What stays on its way as far as the tree tells: what is above `epoch`, where the tree has it; what is on the way
    /// to where the others went, as far as this node followed it; otherwise what was settled.
    pub(crate) fn tree_before(&self, id: GroupId, epoch: EpochId) -> TreeBefore {
        let Some(loaded) = self.groups.get(&id) else { return TreeBefore::default() };
        let tree = loaded.group.tree();
        let here = tree.nodes().map(|(epoch, _)| epoch).collect();
        let stay = if tree.node(epoch).is_some() {
            tree.path(epoch)
        } else if tree.goal() != tree.head() || tree.standing() == TreeStanding::Removed {
            tree.path(tree.goal())
        } else {
            let is_settled = |epoch: &EpochId| tree.node(*epoch).is_some_and(|node| node.settled_ms.is_some());
            let mut settled = tree.path(tree.head());
            let certain = settled.iter().rposition(is_settled).map_or(1, |last| last.saturating_add(1));
            settled.truncate(certain);
            settled
        };
        TreeBefore { here, stay: stay.into_iter().collect() }
    }

    /// This node went on elsewhere: the lines of what does not stay on the group's way are taken out. Whoever let it in said
    /// what is above; further up, what the tree itself told before counts, and what had left it was certain.
    pub(crate) async fn take_lost_lines_out(
        &mut self,
        batch: &mut Batch<'_, '_>,
        id: GroupId,
        before: &TreeBefore,
    ) -> Result<(), StoreError> {
        let Some(conversation) = self.group_rows.get(&id).map(|row| row.conversation) else { return Ok(()) };
        batch.tx.flush().await?;
        for line in batch.tx.lines(id).await? {
            let Some(tree) = self.groups.get(&id).map(|loaded| loaded.group.tree()) else { return Ok(()) };
            let is_passed = tree.is_passed(line.epoch, line.number).filter(|is_passed| *is_passed || line.number > 0);
            let stays = is_passed.unwrap_or_else(|| before.stays(line.epoch));
            if line.shown && tree.node(line.epoch).is_none() && !stays {
                self.take_line_out(batch, conversation, id, line.epoch).await?;
            }
        }
        Ok(())
    }

    async fn add_line(
        &mut self,
        batch: &mut Batch<'_, '_>,
        conversation: ConversationId,
        line: LineRow,
    ) -> Result<(), StoreError> {
        let id = line_id(line.epoch);
        if batch.tx.message_home(id).await?.is_some() {
            // Only a member who shares words under the id of a line could have put something there.
            batch.tx.flush().await?;
            batch.tx.drop_shared(id).await?;
        }
        let row = MessageRow {
            id,
            conversation,
            author: line.author,
            author_node: line.author_node,
            sequence: 0,
            mine: false,
            seen: true,
            sent_at_ms: line.committed_at_ms,
            received_at_ms: batch.stamp_ms,
            place: line.place,
            parents: Vec::new(),
            reply_to: None,
            text: String::new(),
            envelope: tidings_crypto::envelope::EnvelopeId(line.epoch.0),
            idempotency_key: None,
            kind: RowKind::Line(line.body),
            late: false,
            shared_by: None,
            audience: 0,
        };
        self.add_message(batch, row).await?;
        batch.moved.insert(id);
        Ok(())
    }

    /// The line with which a group begins, for its founder and those who were there from the beginning: the founding
    /// commit is not seen by those it brings in, so it is placed before everything.
    pub(crate) async fn add_founding_line(
        &mut self,
        batch: &mut Batch<'_, '_>,
        conversation: ConversationId,
        epoch: EpochId,
        founder: &Member,
    ) -> Result<(), StoreError> {
        let line = LineRow {
            epoch,
            author: founder.account,
            author_node: founder.node,
            committed_at_ms: batch.now_ms,
            number: 0,
            place: 0,
            body: changes::encode(&[changes::Change::Created]),
            shown: true,
        };
        self.add_line(batch, conversation, line).await
    }
}

/// The nodes of a group with what their accounts may do.
pub(crate) fn member_rows(members: &[Member], policy: &Policy) -> Vec<MemberRow> {
    let mut rows: Vec<MemberRow> = members
        .iter()
        .map(|member| MemberRow {
            node: member.node,
            account: member.account,
            peer: PeerKey(member.certificate.peer_key().0),
            role: policy.role(&member.account),
        })
        .collect();
    rows.sort_unstable_by_key(|row| row.node);
    rows
}

/// What a commit tells people; nothing for one that only renews keys.
fn changes_of(summary: &Summary, before: &[Member], after: &[Member]) -> Vec<changes::Change> {
    use changes::Change;
    let was = |account: &AccountId| before.iter().any(|member| member.account == *account);
    let is = |account: &AccountId| after.iter().any(|member| member.account == *account);
    let mut told = Vec::new();
    let is_direct = summary.policy.as_ref().is_some_and(|(_, after)| after.kind == GroupKind::Direct);
    if summary.came_back {
        told.push(Change::CameBack(summary.committer.account));
    }
    let mut added: Vec<AccountId> = summary.added.iter().map(|member| member.account).collect();
    added.dedup();
    for account in added.into_iter().filter(|account| !was(account) && !is_direct) {
        told.push(match summary.joins.iter().find(|join| join.account == account) {
            Some(join) => Change::Joined(account, Some(join.creator)),
            None => Change::Added(account),
        });
    }
    let mut gone: Vec<AccountId> = Vec::new();
    for (member, why) in summary.removed.iter().filter(|(member, _)| !is(&member.account)) {
        if !gone.contains(&member.account) {
            gone.push(member.account);
            let left = *why == Why::Left;
            told.push(if left { Change::Left(member.account) } else { Change::Removed(member.account) });
        }
    }
    if let Some((from, to)) = &summary.policy {
        told.extend(policy_changes(summary, from, to, |account| was(account) && !gone.contains(account)));
    }
    told
}

fn policy_changes(
    summary: &Summary,
    from: &Policy,
    to: &Policy,
    stays: impl Fn(&AccountId) -> bool,
) -> Vec<changes::Change> {
    use changes::Change;
    let mut told = Vec::new();
    if from.name != to.name {
        told.push(Change::Renamed(from.name.clone(), to.name.clone()));
    }
    if from.topic != to.topic {
        told.push(Change::TopicSet(to.topic.clone()));
    }
    if from.picture != to.picture {
        told.push(Change::PictureSet);
    }
    if from.history != to.history {
        told.push(Change::HistorySet(to.history));
    }
    if from.disappearing_s != to.disappearing_s {
        told.push(Change::DisappearingSet(to.disappearing_s));
    }
    if from.may_invite != to.may_invite {
        told.push(Change::PermissionSet(Permission::Invite, to.may_invite));
    }
    if from.may_edit != to.may_edit {
        told.push(Change::PermissionSet(Permission::Edit, to.may_edit));
    }
    let accounts: BTreeSet<&AccountId> = from.roles.keys().chain(to.roles.keys()).collect();
    for account in accounts.into_iter().filter(|account| stays(account)) {
        let (old, new): (Role, Role) = (from.role(account), to.role(account));
        if old != new {
            told.push(Change::RoleSet(*account, new));
        }
    }
    if to.invites.iter().any(|invite| from.invite(invite.id()).is_none()) {
        told.push(Change::InviteMade);
    }
    let used = |invite| summary.joins.iter().any(|join| join.invite == invite);
    let revoked = from.invites.iter().filter(|invite| {
        let stale = invite.expires_at_ms < summary.committed_at_ms || !stays(&invite.creator);
        to.invite(invite.id()).is_none() && !stale && !used(invite.id())
    });
    if revoked.count() > 0 {
        told.push(Change::InviteRevoked);
    }
    told
}
