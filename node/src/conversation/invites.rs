//! Invites (PROTOCOL §6.10): links that let people in through any member, with or without approval.

use std::collections::BTreeSet;

use tidings_crypto::envelope::Envelope;
use tidings_crypto::group::{
    Evidence, GroupId, Invite, InviteHost, InviteId as MlsInviteId, InviteLink, InviteSeed, Kind as GroupKind, Member,
    Policy, Role, Suite, Who,
};

use super::commits::Wanted;
use super::intents::{Intent, Plan, Tried};
use crate::engine::State;
use crate::engine::batch::{Batch, Halt};
use crate::engine::pushes::Asked;
use crate::handle::{self, GroupDetail, InviteView, JoinRequest as RequestView, NewInvite, Refused, Standing};
use crate::ids::{AccountId, ConversationId, InviteId, PeerKey};
use crate::network::NetworkCommand;
use crate::outbox::Kind;
use crate::store::{ConversationKind, ConversationRow, JoinRequestRow, JoiningRow, StoreError};
use crate::wire::content::Content;
use crate::wire::join::JoinRequest;
use crate::wire::request::{JoinVerdict, Request, Response};

/// Whoever asked a member to be let in asks the next after this long without a Welcome.
const NEXT_HOST_AFTER_MS: u64 = 3_000;
/// While somebody has to approve, the members are asked again after this long.
const ASK_AGAIN_AFTER_MS: u64 = 60_000;
/// An invite is good for a minute at least and a year at most.
const EXPIRES_IN_MS: (u64, u64) = (60_000, 365 * 24 * 60 * 60 * 1_000);
/// So many people may wait for a decision in one group.
const REQUESTS_MAX: usize = 100;
/// So many groups may be asked at once.
const JOININGS_MAX: usize = 100;

/// A group that the owner of this node asked to join.
#[derive(Debug)]
pub(crate) struct Joining {
    link: InviteLink,
    row: JoiningRow,
    /// Which host was asked last.
    last: usize,
    /// Key packages of this node to show, one of each suite.
    packages: Vec<Vec<u8>>,
    /// Who refused.
    refusals: BTreeSet<PeerKey>,
    /// When to ask the next one.
    next_ms: u64,
}

impl Joining {
    pub(crate) fn new(row: JoiningRow) -> Option<Self> {
        let link = InviteLink::parse(&row.link).ok()?;
        Some(Self { link, row, last: usize::MAX, packages: Vec::new(), refusals: BTreeSet::new(), next_ms: 0 })
    }

    /// When to ask the next member; never once it was refused.
    pub(crate) fn due_ms(&self) -> Option<u64> {
        self.row.refused.is_empty().then_some(self.next_ms)
    }

    /// The clock was set back.
    pub(crate) fn hasten(&mut self, now_ms: u64) {
        self.next_ms = self.next_ms.min(now_ms.saturating_add(ASK_AGAIN_AFTER_MS));
    }

    pub(crate) fn hosts(&self) -> impl Iterator<Item = &InviteHost> {
        self.link.hosts.iter()
    }
}

impl State {
    /// Makes an invite.
    pub(crate) async fn create_invite(
        &mut self,
        batch: &mut Batch<'_, '_>,
        id: ConversationId,
        new: NewInvite,
    ) -> Result<InviteView, Halt> {
        let (group, policy) = self.group_of(batch, id).await?;
        if policy.kind == GroupKind::Direct {
            let what = "a direct conversation stays between two people; start a group instead".to_owned();
            return Err(Refused::NotAllowed { what }.into());
        }
        let bad = |why: &str| Halt::Refused(Refused::BadSetting(why.to_owned()));
        if !matches!(new.role, Role::Member | Role::ReadOnly) {
            return Err(bad("who joins by an invite is a member or read-only; an owner can change that afterwards"));
        }
        if !(EXPIRES_IN_MS.0..=EXPIRES_IN_MS.1).contains(&new.expires_in_ms) {
            return Err(bad("an invite is good for a minute at least and a year at most"));
        }
        if new.uses == Some(0) {
            return Err(bad("an invite lets in at least one person"));
        }
        let seed = InviteSeed::generate(batch.rng);
        let invite = Invite {
            key: seed.public(),
            creator: self.me.account_id(),
            expires_at_ms: batch.now_ms.saturating_add(new.expires_in_ms),
            uses: new.uses,
            role: new.role,
            approval: new.approval,
        };
        let invite_id = InviteId(seed.id().0);
        batch.tx.put_invite(group, invite_id, seed.as_bytes(), batch.rng).await?;
        let detail = self.change_group(batch, id, group, &Intent::MakeInvite(invite)).await?;
        detail.invites.into_iter().find(|view| view.id == invite_id).ok_or_else(|| Refused::UnknownInvite.into())
    }

    /// Makes an invite worthless.
    pub(crate) async fn revoke_invite(
        &mut self,
        batch: &mut Batch<'_, '_>,
        id: ConversationId,
        invite: InviteId,
    ) -> Result<GroupDetail, Halt> {
        let (group, policy) = self.group_of(batch, id).await?;
        let invite = MlsInviteId(invite.0);
        policy.invite(invite).ok_or(Refused::UnknownInvite)?;
        self.change_group(batch, id, group, &Intent::RevokeInvite(invite)).await
    }

    /// The link of an invite, on the node that made it.
    pub(crate) async fn invite_link(
        &mut self,
        batch: &mut Batch<'_, '_>,
        group: GroupId,
        id: InviteId,
    ) -> Result<Option<String>, StoreError> {
        let Some(seed) = batch.tx.invite(group, id).await? else { return Ok(None) };
        let Some(loaded) = self.groups.get(&group) else { return Ok(None) };
        let name = loaded.group.policy().map(|policy| policy.name.clone()).unwrap_or_default();
        let me = self.me.keys.peer_key();
        let mut hosts: Vec<InviteHost> = self
            .profile
            .card
            .card()
            .nodes
            .iter()
            .map(|node| InviteHost { peer: node.certificate.peer_key(), addresses: node.addresses.clone() })
            .collect();
        let mut named = BTreeSet::from([me]);
        for member in loaded.group.members() {
            if let Some(contact) = self.contacts.get(&member.account)
                && named.insert(member.certificate.peer_key())
            {
                let of_member = contact.peers().into_iter().filter(|(peer, _)| *peer == member.certificate.peer_key());
                hosts.extend(of_member.map(|(peer, addresses)| InviteHost { peer, addresses }));
            }
        }
        hosts.truncate(tidings_crypto::group::INVITE_HOSTS_MAX);
        let link = InviteLink { group, seed: InviteSeed::from_bytes(*seed), name, hosts };
        Ok(Some(link.link().to_string()))
    }

    /// Asks to join a group.
    pub(crate) async fn join(&mut self, batch: &mut Batch<'_, '_>, link: &str) -> Result<handle::Conversation, Halt> {
        let parsed = InviteLink::parse(link).map_err(|error| Refused::BadLink(error.to_string()))?;
        let (group, id) = (parsed.group, ConversationId::of_group(parsed.group));
        let standing = self.conversation(batch, id).await?.map(|conversation| conversation.row.standing);
        if !matches!(standing, Some(Standing::Member | Standing::ComingBack)) {
            if self.joinings.len() >= JOININGS_MAX && !self.joinings.contains_key(&group) {
                let limit = JOININGS_MAX as u64;
                return Err(Refused::LimitReached { what: "groups asked to be let in", limit }.into());
            }
            if parsed.hosts.is_empty() {
                return Err(Refused::BadLink("this invite names nobody who could let you in".to_owned()).into());
            }
            let row = JoiningRow {
                group,
                link: zeroize::Zeroizing::new(link.split_whitespace().collect()),
                asked_at_ms: batch.now_ms,
                refused: String::new(),
            };
            batch.tx.put_joining(&row, batch.rng).await?;
            if let Some(conversation) = self.conversation(batch, id).await? {
                conversation.change().standing = Standing::Joining;
            } else {
                let row = ConversationRow {
                    id,
                    kind: ConversationKind::Group,
                    name: parsed.name.clone(),
                    created_at_ms: batch.now_ms,
                    last_at_ms: batch.now_ms,
                    next_sequence: 1,
                    leaves: Vec::new(),
                    receipt_owed: false,
                    topic: String::new(),
                    picture: None,
                    standing: Standing::Joining,
                };
                let mut conversation = super::Conversation::new(row, group, Vec::new());
                conversation.groups.clear();
                self.conversations.insert(id, conversation);
            }
            if let Some(joining) = Joining::new(row) {
                for host in joining.hosts() {
                    batch.network(NetworkCommand::Know { peer: host.peer, addresses: host.addresses.clone() });
                }
                self.joinings.insert(group, joining);
            }
            self.ask_to_join(batch, group).await?;
        }
        self.save_conversations(batch).await?;
        batch.tx.flush().await?;
        let view = batch.tx.conversation_view(id, &self.viewer()).await?;
        view.ok_or_else(|| Refused::UnknownConversation.into())
    }

    /// Asks the next connected member of the link to be let in.
    pub(crate) async fn ask_to_join(&mut self, batch: &mut Batch<'_, '_>, group: GroupId) -> Result<(), StoreError> {
        let Some(joining) = self.joinings.get(&group) else { return Ok(()) };
        if joining.packages.is_empty() {
            let hybrid = self.make_key_package(batch, Suite::Hybrid, false).await?;
            let classic = self.make_key_package(batch, Suite::Classic, false).await?;
            let Some(joining) = self.joinings.get_mut(&group) else { return Ok(()) };
            joining.packages = hybrid.into_iter().chain(classic).collect();
        }
        let Some(joining) = self.joinings.get(&group) else { return Ok(()) };
        let count = joining.link.hosts.len();
        let order = (1..=count).map(|step| joining.last.wrapping_add(step) % count.max(1));
        let next = order.into_iter().find(|index| {
            let host = joining.link.hosts.get(*index);
            host.is_some_and(|host| self.is_connected(&host.peer) && !joining.refusals.contains(&host.peer))
        });
        let proof = joining.link.seed.prove(group, self.me.account_id());
        let peer = next.and_then(|index| joining.link.hosts.get(index)).map(|host| host.peer);
        let packages = joining.packages.clone();
        let request = JoinRequest { group, proof, card: self.profile.card.clone(), packages };
        if let Some(joining) = self.joinings.get_mut(&group) {
            joining.next_ms = batch.now_ms.saturating_add(NEXT_HOST_AFTER_MS);
            joining.last = next.unwrap_or(joining.last);
        }
        if let Some(peer) = peer {
            self.ask(batch, peer, Asked::Join { group }, Request::Join { request: request.encode() });
        }
        Ok(())
    }

    /// A peer appeared: it may let me in.
    pub(crate) async fn host_appeared(&mut self, batch: &mut Batch<'_, '_>, peer: PeerKey) -> Result<(), StoreError> {
        let waiting: Vec<GroupId> = self
            .joinings
            .iter()
            .filter(|(_, joining)| joining.due_ms().is_some() && joining.hosts().any(|host| host.peer == peer))
            .map(|(group, _)| *group)
            .collect();
        for group in waiting {
            self.ask_to_join(batch, group).await?;
        }
        Ok(())
    }

    /// Asks whose turn it is by now.
    pub(crate) async fn ask_due_joins(&mut self, batch: &mut Batch<'_, '_>) -> Result<(), StoreError> {
        let now_ms = batch.now_ms;
        let due = self.joinings.iter().filter(|(_, joining)| joining.due_ms().is_some_and(|due_ms| due_ms <= now_ms));
        let due: Vec<GroupId> = due.map(|(group, _)| *group).collect();
        for group in due {
            self.ask_to_join(batch, group).await?;
        }
        Ok(())
    }

    /// A member's answer to a request to join.
    pub(crate) async fn join_answered(
        &mut self,
        batch: &mut Batch<'_, '_>,
        group: GroupId,
        peer: PeerKey,
        verdict: Option<JoinVerdict>,
    ) -> Result<(), StoreError> {
        let Some(joining) = self.joinings.get_mut(&group) else { return Ok(()) };
        match verdict {
            Some(JoinVerdict::Waiting) => joining.next_ms = batch.now_ms.saturating_add(ASK_AGAIN_AFTER_MS),
            Some(JoinVerdict::Refused(reason)) => {
                joining.refusals.insert(peer);
                if joining.link.hosts.iter().any(|host| !joining.refusals.contains(&host.peer)) {
                    // One member may be behind the others, or wrong.
                    let others = joining.link.hosts.iter().filter(|host| !joining.refusals.contains(&host.peer));
                    let others: Vec<PeerKey> = others.map(|host| host.peer).collect();
                    if others.iter().any(|peer| self.is_connected(peer)) {
                        return self.ask_to_join(batch, group).await;
                    }
                }
                let Some(joining) = self.joinings.get_mut(&group) else { return Ok(()) };
                joining.row.refused = reason;
                batch.tx.put_joining(&joining.row, batch.rng).await?;
                let id = ConversationId::of_group(group);
                if let Some(conversation) = self.conversation(batch, id).await? {
                    conversation.change().standing = Standing::Removed;
                }
                batch.touched.insert(id);
            }
            Some(JoinVerdict::Coming | JoinVerdict::Later) | None => {}
        }
        Ok(())
    }

    /// Why joining this conversation's group was refused.
    pub(crate) fn joining_refusal(&self, id: ConversationId) -> Option<String> {
        let joining = self.joinings.values().find(|joining| ConversationId::of_group(joining.row.group) == id);
        let refused = joining.filter(|joining| !joining.row.refused.is_empty());
        refused.map(|joining| format!("The invite was refused: {}.", joining.row.refused))
    }

    /// The Welcome came.
    pub(crate) async fn joined(&mut self, batch: &mut Batch<'_, '_>, group: GroupId) -> Result<(), StoreError> {
        if self.joinings.remove(&group).is_some() {
            batch.tx.drop_joining(group).await?;
        }
        Ok(())
    }

    /// Somebody asks to be let in.
    pub(crate) async fn answer_join(
        &mut self,
        batch: &mut Batch<'_, '_>,
        peer: PeerKey,
        bytes: &[u8],
    ) -> Result<Response, StoreError> {
        let answer = |verdict| Ok(Response::Join { verdict });
        let refuse = |reason: &str| Ok(Response::Join { verdict: JoinVerdict::Refused(reason.to_owned()) });
        let Ok(request) = JoinRequest::decode(bytes) else { return refuse("the request is malformed") };
        if !request.card.card().nodes.iter().any(|node| node.certificate.peer_key() == peer) {
            return refuse("the request was made by somebody else");
        }
        let policy = self.group(batch, request.group).await?.and_then(|loaded| loaded.group.policy().cloned());
        let id = ConversationId::of_group(request.group);
        let standing = self.conversation(batch, id).await?.map(|conversation| conversation.row.standing);
        let (Some(policy), Some(Standing::Member)) = (policy, standing) else {
            return answer(JoinVerdict::Later);
        };
        if let Err(reason) = self.judge_request(batch, &policy, &request) {
            return refuse(&reason);
        }
        if self.is_member_account(request.group, &request.proof.account) {
            return answer(JoinVerdict::Coming);
        }
        let requests = batch.tx.join_requests(request.group).await?;
        let known = requests.iter().find(|row| row.account == request.proof.account);
        if known.is_some_and(|row| row.request.is_empty()) {
            return refuse("somebody who may decide it declined");
        }
        self.put_met_card(batch, request.card.clone()).await?;
        let approval = policy.invite(request.proof.invite).is_some_and(|invite| invite.approval);
        if approval {
            if known.is_none() {
                if requests.len() >= REQUESTS_MAX {
                    return answer(JoinVerdict::Later);
                }
                self.keep_request(batch, &request, bytes).await?;
                self.tell_group(batch, request.group, &Content::JoinRequest(bytes.to_vec())).await?;
            }
            return answer(JoinVerdict::Waiting);
        }
        match self.want(batch, request.group, &Intent::LetIn(bytes.to_vec())).await? {
            Tried::Done | Tried::Committed(_) => answer(JoinVerdict::Coming),
            Tried::Dropped(reason) => refuse(&reason),
            Tried::Failed(error) => refuse(&error.to_string()),
            Tried::Later => answer(JoinVerdict::Later),
        }
    }

    fn is_member_account(&self, group: GroupId, account: &AccountId) -> bool {
        let members = self.groups.get(&group).map(|loaded| loaded.group.members()).unwrap_or_default();
        members.iter().any(|member| member.account == *account)
    }

    /// Whether a request's invite is good on the head; otherwise why not.
    fn judge_request(&self, batch: &Batch<'_, '_>, policy: &Policy, request: &JoinRequest) -> Result<(), String> {
        if self.is_member_account(request.group, &request.proof.account) {
            return Ok(());
        }
        let Some(invite) = policy.invite(request.proof.invite) else {
            return Err("the invite was revoked or used up".to_owned());
        };
        if request.proof.verify(request.group, &invite.key).is_err() {
            return Err("the link does not prove that it is one of this group".to_owned());
        }
        if invite.expires_at_ms < batch.now_ms {
            return Err("the invite has expired".to_owned());
        }
        if request.usable_packages(self.suite_of(request.group), batch.now_ms).is_empty() {
            return Err("the request carries no keys that are valid now".to_owned());
        }
        Ok(())
    }

    /// What letting somebody in asks for on the head.
    pub(crate) async fn plan_to_let_in(
        &mut self,
        batch: &mut Batch<'_, '_>,
        group: GroupId,
        bytes: &[u8],
    ) -> Result<Plan, StoreError> {
        let Ok(request) = JoinRequest::decode(bytes) else { return Ok(Plan::Done) };
        let Some(loaded) = self.group(batch, group).await? else { return Ok(Plan::Done) };
        let Some(policy) = loaded.group.policy().cloned() else { return Ok(Plan::Done) };
        if self.is_member_account(group, &request.proof.account) {
            return Ok(Plan::Done);
        }
        if let Err(reason) = self.judge_request(batch, &policy, &request) {
            return Ok(Plan::Dropped(reason));
        }
        Ok(Plan::Commit(Box::new(Wanted {
            add: request.usable_packages(self.suite_of(group), batch.now_ms),
            evidence: vec![Evidence::Invitation(request.proof)],
            ..Wanted::default()
        })))
    }

    async fn keep_request(
        &mut self,
        batch: &mut Batch<'_, '_>,
        request: &JoinRequest,
        bytes: &[u8],
    ) -> Result<(), StoreError> {
        let row = JoinRequestRow {
            group: request.group,
            account: request.proof.account,
            request: bytes.to_vec(),
            asked_at_ms: batch.now_ms,
        };
        batch.tx.put_join_request(&row).await?;
        batch.touched.insert(ConversationId::of_group(request.group));
        Ok(())
    }

    /// A member passed on a request to join.
    pub(crate) async fn take_join_request(
        &mut self,
        batch: &mut Batch<'_, '_>,
        group: GroupId,
        bytes: &[u8],
    ) -> Result<(), StoreError> {
        let Ok(request) = JoinRequest::decode(bytes) else { return Ok(()) };
        let Some(loaded) = self.group(batch, group).await? else { return Ok(()) };
        let Some(policy) = loaded.group.policy().cloned() else { return Ok(()) };
        let requests = batch.tx.join_requests(group).await?;
        let known = requests.iter().any(|row| row.account == request.proof.account);
        let fits = request.group == group && self.judge_request(batch, &policy, &request).is_ok();
        if known || !fits || requests.len() >= REQUESTS_MAX || self.is_member_account(group, &request.proof.account) {
            return Ok(());
        }
        self.put_met_card(batch, request.card.clone()).await?;
        self.keep_request(batch, &request, bytes).await
    }

    /// A member who may add people declined somebody.
    pub(crate) async fn take_join_refusal(
        &mut self,
        batch: &mut Batch<'_, '_>,
        group: GroupId,
        sender: &Member,
        account: AccountId,
    ) -> Result<(), StoreError> {
        if !self.may_add(batch, group, &sender.account).await? {
            return Ok(());
        }
        self.decline(batch, group, account).await
    }

    async fn may_add(
        &mut self,
        batch: &mut Batch<'_, '_>,
        group: GroupId,
        account: &AccountId,
    ) -> Result<bool, StoreError> {
        let Some(loaded) = self.group(batch, group).await? else { return Ok(false) };
        let Some(policy) = loaded.group.policy() else { return Ok(false) };
        let role = policy.acting_role(account, loaded.group.members());
        Ok(role <= Role::Admin || (policy.may_invite == Who::Everybody && role == Role::Member))
    }

    async fn decline(
        &mut self,
        batch: &mut Batch<'_, '_>,
        group: GroupId,
        account: AccountId,
    ) -> Result<(), StoreError> {
        let row = JoinRequestRow { group, account, request: Vec::new(), asked_at_ms: batch.now_ms };
        batch.tx.put_join_request(&row).await?;
        batch.touched.insert(ConversationId::of_group(group));
        Ok(())
    }

    /// Decides about somebody who asked.
    pub(crate) async fn decide(
        &mut self,
        batch: &mut Batch<'_, '_>,
        id: ConversationId,
        account: AccountId,
        accept: bool,
    ) -> Result<GroupDetail, Halt> {
        let (group, _) = self.group_of(batch, id).await?;
        let rows = batch.tx.join_requests(group).await?;
        let row = rows.into_iter().find(|row| row.account == account && !row.request.is_empty());
        let row = row.ok_or(Refused::UnknownRequest)?;
        if !self.may_add(batch, group, &self.me.account_id()).await? {
            return Err(Refused::NotAllowed { what: "only those who may add people decide".to_owned() }.into());
        }
        if accept {
            let detail = self.change_group(batch, id, group, &Intent::LetIn(row.request)).await?;
            batch.tx.drop_join_request(group, account).await?;
            let requests = detail.requests.into_iter().filter(|request| request.account != account).collect();
            return Ok(GroupDetail { requests, ..detail });
        }
        self.decline(batch, group, account).await?;
        self.tell_group(batch, group, &Content::JoinRefused(account)).await?;
        self.group_detail(batch, id).await
    }

    /// Who waits for a decision, if I may decide it.
    pub(crate) async fn join_requests(
        &mut self,
        batch: &mut Batch<'_, '_>,
        group: GroupId,
    ) -> Result<Vec<RequestView>, StoreError> {
        let me = self.me.account_id();
        if !self.may_add(batch, group, &me).await? {
            return Ok(Vec::new());
        }
        let mut views = Vec::new();
        for row in batch.tx.join_requests(group).await? {
            let Ok(request) = JoinRequest::decode(&row.request) else { continue };
            if self.is_member_account(group, &row.account) {
                batch.tx.drop_join_request(group, row.account).await?;
                continue;
            }
            views.push(RequestView {
                account: row.account,
                name: request.card.card().name.clone(),
                invite: InviteId(request.proof.invite.0),
                asked_at_ms: row.asked_at_ms,
            });
        }
        Ok(views)
    }

    /// Says something to all nodes of a group that is no message of a person.
    pub(crate) async fn tell_group(
        &mut self,
        batch: &mut Batch<'_, '_>,
        group: GroupId,
        content: &Content,
    ) -> Result<(), StoreError> {
        let Some(conversation) = self.group_rows.get(&group).map(|row| row.conversation) else { return Ok(()) };
        let sealed: Option<Envelope> = self.encrypt(batch, group, content).await?;
        if let Some(envelope) = sealed {
            self.spread(batch, conversation, &envelope, Kind::Commit, 0).await?;
        }
        Ok(())
    }
}
