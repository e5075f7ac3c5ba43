//! Invites (PROTOCOL §6.10): links that let people in through any member, with or without approval.

use std::collections::BTreeSet;

use tidings_crypto::envelope::Envelope;
use tidings_crypto::group::{
    Evidence, GroupId, Invite, InviteHost, InviteId as MlsInviteId, InviteLink, InviteSeed, Kind as GroupKind, Member,
    Policy, Role, Who,
};

use super::commits::Wanted;
use super::intents::{Intent, Plan};
use super::send::Owed;
use super::wishes::Tried;
use crate::engine::State;
use crate::engine::batch::{Batch, Halt};
use crate::handle::{GroupDetail, InviteView, JoinRequest as RequestView, NewInvite, Refused, Standing};
use crate::ids::{AccountId, ConversationId, InviteId, PeerKey};
use crate::outbox::Kind;
use crate::store::{JoinRequestRow, StoreError};
use crate::wire::content::Content;
use crate::wire::join::JoinRequest;
use crate::wire::request::{JoinVerdict, Response};

/// After its start a node lets nobody in by an invite for this long: those who were there meanwhile tell it first what
/// happened, or one use of an invite would let in two, of whom one loses.
const CATCH_UP_MS: u64 = 10_000;
/// An invite is good for a minute at least and a year at most.
const EXPIRES_IN_MS: (u64, u64) = (60_000, 365 * 24 * 60 * 60 * 1_000);
/// So many people may wait for a decision in one group.
const REQUESTS_MAX: usize = 100;
/// That somebody was declined is remembered this long: no invite is good for longer.
const DECLINED_FOR_MS: u64 = EXPIRES_IN_MS.1;
/// A node that could not read them is told all requests again at most this often.
const SAY_AGAIN_AFTER_MS: u64 = 60 * 60 * 1_000;
/// So many such nodes are remembered.
const SAID_KEPT_MAX: usize = 10_000;

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
            expires_at_ms: batch.steady_ms.saturating_add(new.expires_in_ms),
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
        if matches!(standing, Some(Standing::Left | Standing::Removed)) {
            return refuse("who was asked is not in the group any more");
        }
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
        // Who was in the group before, and went or was put out, comes back by hand only (PROTOCOL §2.8).
        let was_here = policy.gone.contains_key(&request.proof.account);
        if was_here || policy.invite(request.proof.invite).is_some_and(|invite| invite.approval) {
            if known.is_none() {
                let may_tell = policy.role(&self.me.account_id()) != Role::ReadOnly;
                if !may_tell || undecided(&requests) >= REQUESTS_MAX {
                    return answer(JoinVerdict::Later);
                }
                self.keep_request(batch, &request, bytes).await?;
                self.tell_group(batch, request.group, &Content::JoinRequest(bytes.to_vec())).await?;
            }
            return answer(JoinVerdict::Waiting);
        }
        if self.may_have_missed_something(batch, id).await? {
            return answer(JoinVerdict::Later);
        }
        match self.want(batch, request.group, &Intent::LetIn(bytes.to_vec())).await? {
            Tried::Done | Tried::Committed(_) => answer(JoinVerdict::Coming),
            Tried::Dropped(reason) => refuse(&reason),
            Tried::Failed(error) => refuse(&error.to_string()),
            Tried::Later => answer(JoinVerdict::Later),
        }
    }

    /// Whether this node has just started and others may be about to tell it what happened meanwhile: that an invite was
    /// used up, say.
    async fn may_have_missed_something(
        &mut self,
        batch: &mut Batch<'_, '_>,
        id: ConversationId,
    ) -> Result<bool, StoreError> {
        let me = self.me.node_id();
        let is_fresh = batch.now_ms.checked_sub(self.started_ms).is_some_and(|run_ms| run_ms < CATCH_UP_MS);
        let Some(conversation) = self.conversation(batch, id).await? else { return Ok(false) };
        Ok(is_fresh && conversation.others(me).next().is_some())
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
            return Err("the invite was revoked or used up, or has not reached the member who was asked".to_owned());
        };
        if request.proof.verify(request.group, &invite.key).is_err() {
            return Err("the link does not prove that it is one of this group".to_owned());
        }
        if invite.expires_at_ms < batch.steady_ms {
            return Err("the invite has expired".to_owned());
        }
        if request.usable_packages(self.suite_of(request.group), batch.steady_ms).is_empty() {
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
            add: request.usable_packages(self.suite_of(group), batch.steady_ms),
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
            asked_at_ms: batch.steady_ms,
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
        if known
            || !fits
            || undecided(&requests) >= REQUESTS_MAX
            || self.is_member_account(group, &request.proof.account)
        {
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
        // Whom nobody asked for is not declined: a member cannot fill the tables of the others.
        if batch.tx.join_requests(group).await?.iter().any(|row| row.account == account) {
            self.decline(batch, group, account).await?;
        }
        Ok(())
    }

    /// Lets go of requests by invites that are good no longer, and of old refusals.
    pub(crate) async fn forget_requests(
        &mut self,
        batch: &mut Batch<'_, '_>,
        group: GroupId,
    ) -> Result<(), StoreError> {
        let policy = self.groups.get(&group).and_then(|loaded| loaded.group.policy()).cloned();
        for row in batch.tx.join_requests(group).await? {
            let invite = JoinRequest::decode(&row.request).ok().map(|request| request.proof.invite);
            let stands = match (invite, &policy) {
                (_, None) => false,
                (None, Some(policy)) => {
                    !policy.invites.is_empty() && row.asked_at_ms.saturating_add(DECLINED_FOR_MS) > batch.steady_ms
                }
                (Some(invite), Some(policy)) => {
                    policy.invite(invite).is_some_and(|invite| invite.expires_at_ms >= batch.steady_ms)
                }
            };
            if !stands {
                batch.tx.drop_join_request(group, row.account).await?;
                batch.touched.insert(ConversationId::of_group(group));
            }
        }
        Ok(())
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
        let row = JoinRequestRow { group, account, request: Vec::new(), asked_at_ms: batch.steady_ms };
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

    /// Says who asked to join, and who was declined, once more to nodes that could not read it where it was said.
    pub(crate) async fn say_requests_again(&mut self, batch: &mut Batch<'_, '_>) -> Result<(), StoreError> {
        for (id, node) in std::mem::take(&mut batch.requests_gone) {
            let Some(conversation) = self.conversation(batch, id).await? else { continue };
            let member = conversation.members.iter().find(|member| member.node == node).copied();
            let Some((member, group)) = member.zip(conversation.groups.first().copied()) else { continue };
            let said_ms = self.requests_said_ms.get(&(group, node)).copied();
            if said_ms.is_some_and(|at_ms| batch.now_ms.abs_diff(at_ms) < SAY_AGAIN_AFTER_MS) {
                continue; // It cannot read this either: one of the two is behind.
            }
            if self.requests_said_ms.len() >= SAID_KEPT_MAX {
                self.requests_said_ms.clear();
            }
            self.requests_said_ms.insert((group, node), batch.now_ms);
            let may_decline = self.may_add(batch, group, &self.me.account_id()).await?;
            for row in batch.tx.join_requests(group).await? {
                let content = match row.request {
                    request if !request.is_empty() => Content::JoinRequest(request),
                    _ if may_decline => Content::JoinRefused(row.account),
                    _ => continue,
                };
                let Some(envelope) = self.encrypt(batch, group, &content).await? else { break };
                let owed = Owed { kind: Kind::Statement, sequence: 0, wait_ms: 0 };
                self.owe_to(batch, id, &envelope, &[member], owed);
            }
        }
        Ok(())
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
            self.spread(batch, conversation, &envelope, Kind::Statement, 0).await?;
        }
        Ok(())
    }
}

/// How many of these wait for a decision.
fn undecided(requests: &[JoinRequestRow]) -> usize {
    requests.iter().filter(|row| !row.request.is_empty()).count()
}
