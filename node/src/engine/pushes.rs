//! The connected peers, and what is asked of them and they of us.
//!
//! At most one push is under way to a peer. When a peer appears, all that it is owed goes out in order; after that,
//! rows go out as they fall due.

use super::batch::Batch;
use super::{State, StoreError};
use tidings_crypto::envelope::EnvelopeId;
use tidings_crypto::group::GroupId;

use crate::handle::{Path, Peer};
use crate::ids::{AccountId, Address, ConversationId, PeerKey};
use crate::mailbox::asking::PrekeysAsked;
use crate::mailbox::depositing::DepositAsked;
use crate::network::{NetworkCommand, Published, RequestFailure};
use crate::outbox::{
    LATER_ATTEMPTS_MAX, PUSH_BYTES_MAX, PUSH_ENVELOPES_MAX, REFUSED_ATTEMPTS_MAX, RELAYED_BYTES_MAX,
    STATEMENT_ATTEMPTS_MAX, next_attempt_ms, push_length,
};
use crate::store::Due;
use crate::sync::{Comparing, Reconciling};
use crate::wire::request::{PushVerdict, Request, Response};
use rand_core::Rng;
use tidings_crypto::identity::NodeId;
use tidings_crypto::proof::ProofId;
use zeroize::Zeroizing;

/// A connected peer.
#[derive(Debug)]
pub(super) struct PeerState {
    path: Path,
    /// The push under way.
    push: Option<u64>,
    /// All rows after this one go out whether they are due or not: the peer has just appeared.
    all_after: Option<i64>,
    /// When its next row is due.
    next_due_ms: Option<u64>,
    /// A push failed: nothing is pushed before this time.
    paused_until_ms: u64,
    /// How many pushes failed in a row.
    failures: u32,
}

impl PeerState {
    /// All that it is owed goes out again, at once.
    pub(super) fn start_over(&mut self) {
        (self.paused_until_ms, self.all_after) = (0, Some(0));
    }

    /// When to look at it again; nothing while a push is under way, since its answer is an input of its own.
    pub(super) fn due_ms(&self) -> Option<u64> {
        let next_due_ms = if self.all_after.is_some() { Some(0) } else { self.next_due_ms };
        if self.push.is_some() { None } else { next_due_ms.map(|due_ms| due_ms.max(self.paused_until_ms)) }
    }
}

/// What was asked of a peer.
#[derive(Debug)]
pub(crate) enum Asked {
    /// Its card, against mine.
    Greeting,
    /// Its card, by the account's id.
    Card,
    /// A way into a group.
    WayIn {
        /// Which.
        group: GroupId,
    },
    /// The card of a fellow member of some group.
    Fellow {
        /// Whose.
        account: AccountId,
    },
    /// Key packages, for one use each.
    Packages {
        /// Of which node.
        node: NodeId,
    },
    /// To be let into a group.
    Join {
        /// Which.
        group: GroupId,
    },
    /// To keep envelopes for this node.
    OpenMailbox,
    /// To give what it keeps for this node.
    Collect,
    /// To keep envelopes for another node.
    Deposit(DepositAsked),
    /// To keep a test envelope for this node itself.
    Proof,
    /// To keep what others need to add this node.
    LeavePrekeys,
    /// To give what another left there for that.
    Prekeys(PrekeysAsked),
    /// What time it is there.
    Time {
        /// When it was asked.
        at_ms: u64,
        /// If this node asked itself: by which relay.
        by: Option<PeerKey>,
    },
    /// In which groups this node is.
    Groups,
    /// A proof that a contact's card names.
    IdentityProof {
        /// Whose.
        account: AccountId,
        /// Which.
        id: ProofId,
    },
    /// Nothing that matters.
    Nothing,
    /// To keep these rows' envelopes.
    Push {
        /// The rows.
        rows: Vec<Pushed>,
    },
    /// Which of these groups' sets are others there.
    Compare {
        /// How they are here, in the order of the request.
        groups: Vec<Comparing>,
    },
    /// What is missing in a group on either side.
    Reconcile {
        /// How far it is.
        going: Box<Reconciling>,
    },
    /// To keep what it wanted.
    Give {
        /// The rows of the envelopes, these, and whether this node wrote them.
        gifts: Vec<(i64, EnvelopeId, bool)>,
    },
}

/// A row of the outbox that was pushed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pushed {
    row: i64,
    attempts: u32,
    /// The envelope, if it is a message, and of which conversation.
    message: Option<(ConversationId, EnvelopeId)>,
}

impl State {
    pub(super) fn connected(&mut self, batch: &mut Batch<'_, '_>, peer: PeerKey, path: Path) {
        let fresh = PeerState { path, push: None, all_after: None, next_due_ms: None, paused_until_ms: 0, failures: 0 };
        let state = self.peers.entry(peer).or_insert(fresh);
        state.path = path;
        state.paused_until_ms = 0;
        state.all_after = Some(0);
        self.peers_to_push.insert(peer);
        let begins = self.me.certificate.peer_key().0 < peer.0;
        self.partners.connected(peer, begins, batch.now_ms);
        self.greet(batch, peer);
        self.ask_for_groups(batch, peer);
        self.open_own_mailbox(batch, peer);
        self.keeper_appeared(batch, peer);
        self.moving.ask_soon(batch.now_ms);
        self.presence_changed(batch, peer);
    }

    pub(super) fn disconnected(&mut self, batch: &mut Batch<'_, '_>, peer: PeerKey) {
        self.peers.remove(&peer);
        self.peers_to_push.remove(&peer);
        self.partners.disconnected(peer);
        self.went_away(batch, peer);
        self.presence_changed(batch, peer);
    }

    fn presence_changed(&self, batch: &mut Batch<'_, '_>, peer: PeerKey) {
        batch.peers_changed = true;
        batch.changed_contacts.extend(self.accounts_by_peer.get(&peer).filter(|id| self.contacts.contains_key(id)));
    }

    pub(crate) fn connected_peers(&self) -> impl Iterator<Item = PeerKey> + '_ {
        self.peers.keys().copied()
    }

    pub(crate) fn is_connected(&self, peer: &PeerKey) -> bool {
        self.peers.contains_key(peer)
    }

    pub(crate) fn connected_count(&self) -> usize {
        self.peers.len()
    }

    /// The connected peers, for people.
    pub(super) fn peers(&self) -> Vec<Peer> {
        let view = |(peer, state): (&PeerKey, &PeerState)| {
            let account = self.accounts_by_peer.get(peer).copied();
            let known = account.filter(|account| self.is_named(account));
            let name = known.map(|account| self.name_of(&account)).unwrap_or_default();
            Peer { peer: *peer, path: state.path, account, name }
        };
        self.peers.iter().map(view).collect()
    }

    /// This peer may be owed something by `due_ms`.
    pub(crate) fn owe(&mut self, peer: PeerKey, due_ms: u64) {
        if let Some(state) = self.peers.get_mut(&peer) {
            state.next_due_ms = Some(state.next_due_ms.map_or(due_ms, |known| known.min(due_ms)));
            self.peers_to_push.insert(peer);
        } else {
            self.owe_to_mailboxes(peer, due_ms);
            self.moving.ask_soon(due_ms);
        }
    }

    /// Look at what this peer is owed in this batch.
    pub(super) fn look_at(&mut self, peer: PeerKey) {
        self.peers_to_push.insert(peer);
    }

    /// Asks a peer something.
    pub(crate) fn ask(&mut self, batch: &mut Batch<'_, '_>, peer: PeerKey, asked: Asked, body: Request) -> u64 {
        self.next_request += 1;
        self.asked.insert(self.next_request, asked);
        batch.network(NetworkCommand::Request { peer, request: self.next_request, body });
        self.next_request
    }

    /// Asks a node under a key of its own, which need not be connected: it does not learn who asks.
    pub(crate) fn ask_apart(
        &mut self,
        batch: &mut Batch<'_, '_>,
        key: Zeroizing<[u8; 32]>,
        (peer, addresses): (PeerKey, Vec<Address>),
        asked: Asked,
        body: Request,
    ) -> u64 {
        self.next_request += 1;
        self.asked.insert(self.next_request, asked);
        batch.network(NetworkCommand::RequestApart { key, peer, addresses, request: self.next_request, body });
        self.next_request
    }

    /// Answers what a peer asks.
    pub(super) async fn answer(
        &mut self,
        batch: &mut Batch<'_, '_>,
        peer: PeerKey,
        body: Request,
    ) -> Result<Response, StoreError> {
        match body {
            Request::Hello { card } => self.answer_hello(batch, peer, &card).await,
            Request::Push { envelopes } => {
                let mut verdicts = Vec::with_capacity(envelopes.len());
                for bytes in &envelopes {
                    verdicts.push(self.receive(batch, bytes, peer).await?.for_push());
                }
                for (verdict, bytes) in verdicts.iter_mut().zip(&envelopes) {
                    // What came first may have been taken with what came after it (§4.5).
                    if *verdict == PushVerdict::Later && batch.is_taken(bytes) {
                        *verdict = PushVerdict::Taken;
                    }
                }
                Ok(Response::Push { verdicts })
            }
            Request::WayIn { group, needed, ballots } => self.answer_way_in(batch, peer, group, needed, &ballots).await,
            Request::Card { account } => self.answer_card(batch, peer, account).await,
            Request::Packages => self.answer_packages(batch, peer).await,
            Request::Join { request } => self.answer_join(batch, peer, &request).await,
            Request::Compare { groups } => Box::pin(self.answer_compare(batch, peer, &groups)).await,
            Request::Reconcile { key, from, message, wanted, offered } => {
                Box::pin(self.answer_reconcile(batch, peer, (key, from, &message), &wanted, offered)).await
            }
            Request::OpenMailbox { admission, queue } => self.answer_open_mailbox(batch, peer, &admission, queue).await,
            Request::Deposit { token, deposits } => Box::pin(self.answer_deposit(batch, &token, &deposits)).await,
            Request::Collect { after, done } => Box::pin(self.answer_collect(batch, peer, after, &done)).await,
            Request::Mail => {
                self.mail_came(batch, peer);
                Ok(Response::Mail)
            }
            Request::LeavePrekeys { queue, prekeys } => {
                Box::pin(self.answer_leave_prekeys(batch, peer, queue, &prekeys)).await
            }
            Request::Prekeys { token } => Box::pin(self.answer_prekeys(batch, &token)).await,
            Request::Groups => self.answer_groups(batch, peer).await,
            Request::Proof { id } => self.answer_proof(batch, peer, id).await,
            Request::Time => Ok(Response::Time { at_ms: batch.now_ms }),
        }
    }

    /// Takes a peer's answer.
    pub(super) async fn answered(
        &mut self,
        batch: &mut Batch<'_, '_>,
        peer: PeerKey,
        request: u64,
        outcome: Result<Response, RequestFailure>,
    ) -> Result<(), StoreError> {
        match self.asked.remove(&request) {
            None | Some(Asked::Nothing) => Ok(()),
            Some(Asked::Greeting) => match outcome {
                Ok(Response::Hello { card }) => self.take_card(batch, peer, &card).await,
                Ok(_) => {
                    self.ask_for_card(batch, peer);
                    Ok(())
                }
                Err(_) => Ok(()),
            },
            Some(Asked::Card) => match outcome {
                Ok(Response::Card { card: Some(card) }) => self.take_card(batch, peer, &card).await,
                _ => Ok(()),
            },
            Some(Asked::WayIn { group }) => {
                let Ok(Response::WayIn { answer, ballots }) = outcome else {
                    self.ask_later(batch, group);
                    return Ok(());
                };
                self.take_ballots(batch, group, &ballots).await?;
                self.take_way_in(batch, group, peer, answer).await
            }
            Some(Asked::Fellow { account }) => match outcome {
                Ok(Response::Card { card: Some(card) }) => self.take_fellow_card(batch, account, &card).await,
                _ => Ok(()),
            },
            Some(Asked::Packages { node }) => match outcome {
                Ok(Response::Packages { packages }) => self.take_packages(batch, peer, node, &packages).await,
                _ => Ok(()),
            },
            Some(Asked::Join { group }) => {
                let verdict = match outcome {
                    Ok(Response::Join { verdict }) => Some(verdict),
                    _ => None,
                };
                self.join_answered(batch, group, peer, verdict).await
            }
            Some(Asked::OpenMailbox) => Box::pin(self.mailbox_opened(batch, peer, outcome)).await,
            Some(Asked::Collect) => Box::pin(self.collected(batch, peer, outcome)).await,
            Some(Asked::Deposit(asked)) => Box::pin(self.deposited(batch, peer, asked, outcome)).await,
            Some(Asked::Time { at_ms, by }) => {
                self.time_told(batch, (at_ms, by), &outcome);
                Ok(())
            }
            Some(Asked::IdentityProof { account, id }) => match outcome {
                Ok(Response::Proof { proof: Some(bytes) }) => {
                    Box::pin(self.take_proof(batch, (account, id), bytes)).await
                }
                _ => Ok(()), // Asked again when they appear again.
            },
            Some(Asked::Groups) => {
                if let Ok(Response::Groups { groups }) = outcome {
                    self.groups_told(batch, peer, &groups);
                }
                Ok(())
            }
            Some(Asked::Proof) => Box::pin(self.proof_kept(batch, peer, outcome)).await,
            Some(Asked::LeavePrekeys) => {
                self.prekeys_left(batch, peer, &outcome);
                Ok(())
            }
            Some(Asked::Prekeys(asked)) => Box::pin(self.prekeys_came(batch, asked, outcome)).await,
            Some(Asked::Push { rows }) => match self.pushed(batch, peer, request, rows.len(), outcome) {
                Some(verdicts) => self.settle(batch, peer, &rows, &verdicts).await,
                None => Ok(()),
            },
            Some(Asked::Give { gifts }) => {
                if let Some(verdicts) = self.pushed(batch, peer, request, gifts.len(), outcome) {
                    self.gave(batch, peer, &gifts, &verdicts);
                }
                Ok(())
            }
            Some(Asked::Compare { groups }) => {
                let differing = self.compared(batch, peer, groups, outcome);
                Box::pin(self.reconcile_all(batch, peer, differing)).await
            }
            Some(Asked::Reconcile { going }) => Box::pin(self.reconciled(batch, peer, *going, outcome)).await,
        }
    }

    /// A push was answered, with these verdicts; or it failed.
    fn pushed(
        &mut self,
        batch: &mut Batch<'_, '_>,
        peer: PeerKey,
        request: u64,
        count: usize,
        outcome: Result<Response, RequestFailure>,
    ) -> Option<Vec<PushVerdict>> {
        let is_current = self.peers.get(&peer).is_some_and(|state| state.push == Some(request));
        if let Some(state) = self.peers.get_mut(&peer).filter(|_| is_current) {
            state.push = None;
            state.next_due_ms = Some(batch.now_ms);
        }
        self.peers_to_push.insert(peer);
        match outcome {
            Ok(Response::Push { verdicts }) if verdicts.len() == count => {
                if let Some(state) = self.peers.get_mut(&peer) {
                    state.failures = 0;
                }
                Some(verdicts)
            }
            _ => {
                // What ended with an earlier connection says nothing of this one.
                if is_current {
                    self.pause(batch, peer);
                }
                None
            }
        }
    }

    /// A push failed as a whole. After a pause everything starts again from the first row: later rows must not run
    /// ahead of earlier ones further than the ratchet reaches.
    fn pause(&mut self, batch: &mut Batch<'_, '_>, peer: PeerKey) {
        let chance = batch.rng.next_u32();
        if let Some(state) = self.peers.get_mut(&peer) {
            state.paused_until_ms = next_attempt_ms(batch.now_ms, state.failures.min(6), chance);
            state.failures = state.failures.saturating_add(1);
            state.all_after = Some(0);
        }
    }

    async fn settle(
        &mut self,
        batch: &mut Batch<'_, '_>,
        peer: PeerKey,
        rows: &[Pushed],
        verdicts: &[PushVerdict],
    ) -> Result<(), StoreError> {
        let mut kept = Vec::new();
        for (Pushed { row: id, attempts, message }, verdict) in rows.iter().zip(verdicts) {
            match verdict {
                PushVerdict::Taken | PushVerdict::Known => {
                    kept.push(*id);
                    if let Some((conversation, envelope)) = message
                        && self.conversation(batch, *conversation).await?.is_some_and(|known| known.members.len() > 2)
                    {
                        self.is_kept_by(batch, *envelope, peer);
                    }
                }
                PushVerdict::Gone => {
                    if let Some(owed) = batch.tx.take_owed(*id).await? {
                        self.gone(batch, owed).await?;
                    }
                }
                PushVerdict::Later | PushVerdict::Refused => {
                    let attempts = attempts.saturating_add(1);
                    if self.give_up(batch, *id, *verdict, attempts).await? {
                        continue;
                    }
                    let at_ms = next_attempt_ms(batch.now_ms, attempts, batch.rng.next_u32());
                    batch.tx.attempted(&[*id], at_ms).await?;
                }
            }
        }
        batch.tx.settle(&kept).await
    }

    /// Whether a row that its node did not take needs no further attempt; it is taken out then.
    async fn give_up(
        &mut self,
        batch: &mut Batch<'_, '_>,
        id: i64,
        verdict: PushVerdict,
        attempts: u32,
    ) -> Result<bool, StoreError> {
        let least = if verdict == PushVerdict::Refused { REFUSED_ATTEMPTS_MAX } else { LATER_ATTEMPTS_MAX };
        if attempts < least {
            return Ok(false);
        }
        let Some(owed) = batch.tx.owed(id).await? else { return Ok(true) };
        let again = owed.is_message && self.could_be_said_again(batch, &owed).await?;
        let matters =
            self.is_member(batch, owed.conversation, owed.node).await? && self.is_on_the_way(batch, &owed).await?;
        let least = if matters { STATEMENT_ATTEMPTS_MAX } else { 0 };
        let hopeless = !owed.is_message && !owed.is_welcome && attempts >= least;
        let over = again || hopeless || verdict == PushVerdict::Refused;
        if over && let Some(owed) = batch.tx.take_owed(id).await? {
            if owed.is_welcome {
                batch.tx.drop_owed_welcomes(owed.conversation, owed.node).await?; // It is all or nothing.
            } else if again {
                self.gone(batch, owed).await?;
            }
        }
        Ok(over)
    }

    /// Whether a node is a member where this one stands. Who is none may still learn that it was removed; if it cannot read
    /// that, it learns it when it asks for a way in.
    async fn is_member(
        &mut self,
        batch: &mut Batch<'_, '_>,
        conversation: ConversationId,
        node: NodeId,
    ) -> Result<bool, StoreError> {
        let conversation = self.conversation(batch, conversation).await?;
        Ok(conversation.is_some_and(|conversation| conversation.members.iter().any(|member| member.node == node)))
    }

    /// Gossip says what became of a publication: what it did not carry is pushed at once.
    pub(super) async fn published(
        &mut self,
        batch: &mut Batch<'_, '_>,
        publication: u64,
        outcome: Published,
    ) -> Result<(), StoreError> {
        let Some((conversation, kind, sequence)) = self.publications.remove(&publication) else { return Ok(()) };
        if matches!(outcome, Published::Sent | Published::Duplicate) {
            return Ok(());
        }
        for peer in batch.tx.hasten(conversation, kind, sequence, batch.now_ms).await? {
            self.owe(peer, batch.now_ms);
        }
        Ok(())
    }

    /// How much goes to a peer at once.
    pub(crate) fn push_bytes_max(&self, peer: PeerKey) -> usize {
        let is_relayed = self.peers.get(&peer).is_some_and(|state| state.path == Path::Relayed);
        if is_relayed { RELAYED_BYTES_MAX } else { PUSH_BYTES_MAX }
    }

    /// Pushes what connected peers are owed.
    pub(super) async fn push_due(&mut self, batch: &mut Batch<'_, '_>) -> Result<(), StoreError> {
        for peer in std::mem::take(&mut self.peers_to_push) {
            let Some(state) = self.peers.get(&peer) else { continue };
            let due = state.all_after.is_some() || state.next_due_ms.is_some_and(|due_ms| due_ms <= batch.now_ms);
            let due = due || self.partners.has_gifts(peer);
            if state.push.is_some() || !due || state.paused_until_ms > batch.now_ms {
                continue;
            }
            let (after, due_ms) = state.all_after.map_or((0, batch.now_ms), |after| (after, u64::MAX));
            let mut rows = batch.tx.due(peer, after, due_ms, PUSH_ENVELOPES_MAX).await?;
            rows.truncate(push_length(rows.iter().map(|row| row.bytes.len()), self.push_bytes_max(peer)));
            if rows.is_empty() {
                let next_due_ms = batch.tx.next_due_ms(peer).await?;
                if let Some(state) = self.peers.get_mut(&peer) {
                    state.all_after = None;
                    state.next_due_ms = next_due_ms;
                }
                if self.partners.has_gifts(peer) {
                    Box::pin(self.push_gifts(batch, peer)).await?;
                }
                continue;
            }
            let last = rows.last().map(|row| row.id);
            let pushed = |row: &Due| Pushed { row: row.id, attempts: row.attempts, message: row.message };
            let asked = Asked::Push { rows: rows.iter().map(pushed).collect() };
            let envelopes = rows.into_iter().map(|row| row.bytes).collect();
            let request = self.ask(batch, peer, asked, Request::Push { envelopes });
            if let Some(state) = self.peers.get_mut(&peer) {
                state.push = Some(request);
                if state.all_after.is_some() {
                    state.all_after = last;
                }
            }
        }
        Ok(())
    }

    /// When a peer has all that it is owed: pushes what it wanted.
    async fn push_gifts(&mut self, batch: &mut Batch<'_, '_>, peer: PeerKey) -> Result<(), StoreError> {
        let gifts = self.next_gifts(batch, peer).await?;
        if gifts.is_empty() {
            return Ok(());
        }
        let asked = gifts.iter().map(|gift| (gift.row, gift.id, !gift.at.received)).collect();
        let envelopes = gifts.into_iter().map(|gift| gift.bytes).collect();
        let request = self.ask(batch, peer, Asked::Give { gifts: asked }, Request::Push { envelopes });
        if let Some(state) = self.peers.get_mut(&peer) {
            state.push = Some(request);
        }
        Ok(())
    }
}
