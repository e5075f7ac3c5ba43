//! Sync with connected members' nodes (PROTOCOL §6.13): who is asked when, what is answered, and what then goes over.

use std::collections::BTreeMap;

use rand_core::Rng;
use tidings_crypto::envelope::EnvelopeId;
use tidings_crypto::group::GroupId;
use tidings_crypto::identity::NodeId;

use super::batch::Batch;
use super::pushes::Asked;
use super::{State, StoreError};
use crate::ids::{ConversationId, PeerKey};
use crate::network::RequestFailure;
use crate::outbox::{PUSH_ENVELOPES_MAX, push_length};
use crate::store::Gift;
use crate::sync::{self, Comparing, Fingerprint, PairKey, Reconciling, first_week, pair_key};
use crate::wire::request::{
    COMPARED_GROUPS_MAX, Differing, LISTED_IDS_MAX, PushVerdict, Reconciled, Request, Response,
};

/// A reconciliation has at most this many messages: of 250,000 envelopes all different that is enough.
const ROUNDS_MAX: u32 = 64;
/// A group that this node and a peer are both in.
#[derive(Debug, Clone, Copy)]
struct Shared {
    group: GroupId,
    /// From which epoch on both are.
    from: u64,
}

impl State {
    /// Asks whoever is to be asked now.
    pub(super) async fn sync_due(&mut self, batch: &mut Batch<'_, '_>) -> Result<(), StoreError> {
        for (group, parents) in self.partners.due_gaps(batch.now_ms) {
            let is_open =
                self.ways_back.is_parked(group) || parents.iter().any(|parent| self.missing_parents.contains(parent));
            if is_open {
                let members = self.connected_members(batch, group).await?;
                let peers: Vec<PeerKey> = members.into_iter().map(|member| member.peer).collect();
                let chance = batch.rng.next_u32();
                self.partners.ask_about_gap(group, &peers, batch.now_ms, chance);
            } else {
                self.partners.close_gap(group);
            }
        }
        for peer in self.partners.take_due(self.sets.version(), batch.now_ms) {
            self.compare(batch, peer).await?;
        }
        Ok(())
    }

    /// The groups that a peer is in at this node's own heads, by what the two call them.
    async fn shared_groups(
        &mut self,
        batch: &mut Batch<'_, '_>,
        peer: PeerKey,
    ) -> Result<BTreeMap<PairKey, Shared>, StoreError> {
        let Some(account) = self.accounts_by_peer.get(&peer).copied() else { return Ok(BTreeMap::new()) };
        batch.tx.flush().await?;
        let conversations: BTreeMap<ConversationId, NodeId> =
            batch.tx.shared_with(account, peer).await?.into_iter().collect();
        if conversations.is_empty() {
            return Ok(BTreeMap::new());
        }
        self.read_sets(batch).await?;
        let (me, mine) = (self.me.node_id(), PeerKey(self.me.certificate.peer_key().0));
        let rows = self.group_rows.values().filter_map(|row| Some((row.id, *conversations.get(&row.conversation)?)));
        let shared = rows.map(|(group, node)| {
            let from = self.sets.from(group, [me, node]);
            (pair_key(group, mine, peer), Shared { group, from })
        });
        Ok(shared.collect())
    }

    /// The groups that this node shares with a peer, each from the epoch on in which both are members.
    pub(crate) async fn groups_shared_with(
        &mut self,
        batch: &mut Batch<'_, '_>,
        peer: PeerKey,
    ) -> Result<Vec<(GroupId, u64)>, StoreError> {
        let shared = self.shared_groups(batch, peer).await?;
        Ok(shared.into_values().map(|shared| (shared.group, shared.from)).collect())
    }

    /// Tells a peer how this node's sets are, in one request.
    async fn compare(&mut self, batch: &mut Batch<'_, '_>, peer: PeerKey) -> Result<(), StoreError> {
        let week = first_week(batch.steady_ms);
        let mut groups = Vec::new();
        let mut asked = Vec::new();
        for (key, shared) in self.shared_groups(batch, peer).await? {
            let ours = self.sets.fingerprint(shared.group, shared.from, week);
            if self.partners.is_to_compare(peer, shared.group, ours) && asked.len() < COMPARED_GROUPS_MAX {
                groups.push((key, ours));
                asked.push(Comparing { group: shared.group, from: shared.from, ours, theirs: ours });
            }
        }
        let chance = batch.rng.next_u32();
        self.partners.looked_at(peer, !asked.is_empty(), self.sets.version(), batch.now_ms, chance);
        if !asked.is_empty() {
            self.ask(batch, peer, Asked::Compare { groups: asked }, Request::Compare { groups });
        }
        Ok(())
    }

    /// A peer tells how its sets are: says which are others here. Of what it does not share with this node it learns
    /// nothing.
    pub(super) async fn answer_compare(
        &mut self,
        batch: &mut Batch<'_, '_>,
        peer: PeerKey,
        groups: &[(PairKey, Fingerprint)],
    ) -> Result<Response, StoreError> {
        if !self.partners.may_answer(peer, batch.now_ms) {
            return Ok(Response::Busy);
        }
        let shared = self.shared_groups(batch, peer).await?;
        let week = first_week(batch.steady_ms);
        let mut differing = Vec::new();
        for (index, (key, theirs)) in (0_u16..).zip(groups) {
            let Some(Shared { group, from }) = shared.get(key).copied() else { continue };
            let ours = self.sets.fingerprint(group, from, week);
            if ours == *theirs {
                self.partners.compared(peer, Comparing { group, from, ours, theirs: *theirs });
            } else {
                differing.push(Differing { index, fingerprint: ours, from });
            }
        }
        self.partners.was_asked(peer, groups.len() >= shared.len());
        Ok(Response::Compare { differing })
    }

    /// A peer said which sets are others there.
    pub(super) fn compared(
        &mut self,
        batch: &mut Batch<'_, '_>,
        peer: PeerKey,
        groups: Vec<Comparing>,
        outcome: Result<Response, RequestFailure>,
    ) -> Vec<Comparing> {
        let Ok(Response::Compare { differing }) = outcome else {
            self.partners.failed(peer, batch.now_ms);
            return Vec::new();
        };
        let differing: BTreeMap<u16, Differing> = differing.into_iter().map(|one| (one.index, one)).collect();
        for (index, mut comparing) in (0_u16..).zip(groups) {
            if let Some(theirs) = differing.get(&index) {
                comparing.theirs = theirs.fingerprint;
                comparing.from = comparing.from.max(theirs.from);
            }
            self.partners.compared(peer, comparing);
        }
        self.partners.answered(peer);
        std::iter::from_fn(|| self.partners.next_group(peer)).collect()
    }

    /// Begins to reconcile these groups with a peer.
    pub(super) async fn reconcile_all(
        &mut self,
        batch: &mut Batch<'_, '_>,
        peer: PeerKey,
        groups: Vec<Comparing>,
    ) -> Result<(), StoreError> {
        for comparing in groups {
            let items = self.items(batch, comparing.group, comparing.from).await?;
            let message = sync::begin(&items).unwrap_or_default();
            self.ask_to_reconcile(batch, peer, Reconciling::new(comparing), message);
        }
        Ok(())
    }

    async fn items(
        &mut self,
        batch: &mut Batch<'_, '_>,
        group: GroupId,
        from: u64,
    ) -> Result<Vec<sync::Item>, StoreError> {
        batch.tx.flush().await?;
        batch.tx.held_of(group, from, first_week(batch.steady_ms)).await
    }

    fn ask_to_reconcile(&mut self, batch: &mut Batch<'_, '_>, peer: PeerKey, mut going: Reconciling, message: Vec<u8>) {
        going.round = going.round.saturating_add(1);
        let first = |ids: &mut Vec<EnvelopeId>| -> Vec<EnvelopeId> {
            let count = ids.len().min(LISTED_IDS_MAX);
            ids.drain(..count).collect()
        };
        let (wanted, offered) = (first(&mut going.wanted), first(&mut going.offered));
        let key = pair_key(going.comparing.group, PeerKey(self.me.certificate.peer_key().0), peer);
        let request = Request::Reconcile { key, from: going.comparing.from, message, wanted, offered };
        self.ask(batch, peer, Asked::Reconcile { going: Box::new(going) }, request);
    }

    /// A peer reconciles a group with this node, wants what it has found, or offers what this node lacks.
    pub(super) async fn answer_reconcile(
        &mut self,
        batch: &mut Batch<'_, '_>,
        peer: PeerKey,
        request: (PairKey, u64, &[u8]),
        wanted: &[EnvelopeId],
        offered: Vec<EnvelopeId>,
    ) -> Result<Response, StoreError> {
        if !self.partners.may_answer(peer, batch.now_ms) {
            return Ok(Response::Busy);
        }
        let (key, from, message) = request;
        let nothing = Ok(Response::Reconcile { answer: None });
        let Some(shared) = self.shared_groups(batch, peer).await?.remove(&key) else { return nothing };
        if from < shared.from {
            return nothing;
        }
        let mut answer = Reconciled { message: Vec::new(), wanted: Vec::new() };
        if !message.is_empty() {
            let items = self.items(batch, shared.group, from).await?;
            self.partners.worked(peer, items.len());
            let Some(message) = sync::respond(&items, message) else { return nothing };
            answer.message = message;
        }
        self.give(batch, peer, shared.group, from, wanted).await?;
        answer.wanted = self.lacks(batch, peer, offered).await?.0;
        Ok(Response::Reconcile { answer: Some(answer) })
    }

    /// Of what a peer has, what this node lacks and nobody else was asked for; and whether something is left to another.
    async fn lacks(
        &mut self,
        batch: &mut Batch<'_, '_>,
        peer: PeerKey,
        mut ids: Vec<EnvelopeId>,
    ) -> Result<(Vec<EnvelopeId>, bool), StoreError> {
        // What went through this node before is not wanted, though its bytes may be gone.
        let known = batch.tx.known_envelopes(&ids).await?;
        ids.retain(|id| !known.contains(id));
        Ok(self.partners.want(peer, ids, batch.now_ms))
    }

    /// Gives a peer what it wants, as far as it is here, after what it is owed.
    async fn give(
        &mut self,
        batch: &mut Batch<'_, '_>,
        peer: PeerKey,
        group: GroupId,
        from: u64,
        ids: &[EnvelopeId],
    ) -> Result<(), StoreError> {
        let ids: Vec<EnvelopeId> = ids.iter().copied().filter(|id| self.partners.may_offer(peer, *id)).collect();
        let rows = batch.tx.held_rows(group, from, &ids).await?;
        self.partners.give(peer, rows);
        self.look_at(peer);
        Ok(())
    }

    /// A peer answered a message about a group.
    pub(super) async fn reconciled(
        &mut self,
        batch: &mut Batch<'_, '_>,
        peer: PeerKey,
        mut going: Reconciling,
        outcome: Result<Response, RequestFailure>,
    ) -> Result<(), StoreError> {
        let Comparing { group, from, .. } = going.comparing;
        let mut next = None;
        let mut is_whole = false;
        if let Ok(Response::Reconcile { answer: Some(answer) }) = outcome {
            going.moves |= !answer.wanted.is_empty();
            self.give(batch, peer, group, from, &answer.wanted).await?;
            let items = if answer.message.is_empty() { Vec::new() } else { self.items(batch, group, from).await? };
            let found = if answer.message.is_empty() {
                Some(sync::Found::default())
            } else {
                sync::go_on(&items, &answer.message)
            };
            if let Some(found) = found {
                let (wanted, skipped) = self.lacks(batch, peer, found.only_there).await?;
                going.moves |= !wanted.is_empty();
                going.skipped |= skipped;
                going.wanted.extend(wanted);
                let may_offer = |id: &EnvelopeId| self.partners.may_offer(peer, *id);
                going.offered.extend(found.only_here.into_iter().filter(may_offer));
                next = found.message;
                is_whole = true;
            }
        }
        let is_over = next.is_none() && going.wanted.is_empty() && going.offered.is_empty();
        if is_whole && !is_over && going.round < ROUNDS_MAX {
            self.ask_to_reconcile(batch, peer, going, next.unwrap_or_default());
            return Ok(());
        }
        self.partners.ended(peer, &going, is_whole && is_over, batch.now_ms);
        let more: Vec<Comparing> = std::iter::from_fn(|| self.partners.next_group(peer)).collect();
        self.reconcile_all(batch, peer, more).await
    }

    /// The next envelopes for a peer, of those that it wants: in the order in which they came in here, as the ratchet
    /// needs it.
    pub(super) async fn next_gifts(
        &mut self,
        batch: &mut Batch<'_, '_>,
        peer: PeerKey,
    ) -> Result<Vec<Gift>, StoreError> {
        loop {
            let rows = self.partners.gifts(peer, PUSH_ENVELOPES_MAX);
            if rows.is_empty() {
                return Ok(Vec::new());
            }
            let mut gifts = batch.tx.gifts(&rows).await?;
            let fitting =
                push_length(gifts.iter().map(|gift| gift.bytes.len()), self.push_bytes_max(peer)).min(gifts.len());
            // What is behind the last that fits goes with the next push.
            let last = gifts.get(fitting.saturating_sub(1)).map_or(i64::MAX, |gift| gift.row);
            gifts.truncate(fitting);
            let mut of_use = Vec::with_capacity(gifts.len());
            for gift in gifts {
                if self.is_for(batch, &gift, peer).await? {
                    of_use.push(gift);
                }
            }
            let stays = |row: &i64| of_use.iter().any(|gift| gift.row == *row);
            let gone = rows.into_iter().filter(|row| *row <= last && !stays(row));
            self.partners.gave(peer, gone);
            if !of_use.is_empty() {
                return Ok(of_use);
            }
        }
    }

    pub(super) async fn is_for(
        &mut self,
        batch: &mut Batch<'_, '_>,
        gift: &Gift,
        peer: PeerKey,
    ) -> Result<bool, StoreError> {
        if self.group(batch, gift.at.group).await?.is_none() {
            return Ok(false);
        }
        let Some(loaded) = self.groups.get(&gift.at.group) else { return Ok(false) };
        let member = loaded.group.members().iter().find(|member| member.certificate.peer_key().0 == peer.0);
        let Some(node) = member.map(|member| member.node) else { return Ok(false) };
        self.is_of_use(batch, &gift.at, node).await
    }

    /// A peer said what becomes of what it was given.
    pub(super) fn gave(
        &mut self,
        batch: &mut Batch<'_, '_>,
        peer: PeerKey,
        gifts: &[(i64, EnvelopeId, bool)],
        verdicts: &[PushVerdict],
    ) {
        self.partners.gave(peer, gifts.iter().map(|(row, ..)| *row));
        for ((_, id, mine), verdict) in gifts.iter().zip(verdicts) {
            match verdict {
                PushVerdict::Taken | PushVerdict::Known if *mine => self.is_kept_by(batch, *id, peer),
                PushVerdict::Taken => {}
                PushVerdict::Known | PushVerdict::Gone | PushVerdict::Refused => {
                    self.partners.declined(peer, *id, true);
                }
                PushVerdict::Later => self.partners.declined(peer, *id, false),
            }
        }
    }

    /// A member's node keeps an own envelope for the others.
    pub(super) fn is_kept_by(&mut self, batch: &mut Batch<'_, '_>, id: EnvelopeId, peer: PeerKey) {
        if self.partners.is_keeper(id) {
            batch.tx.put_keeper(id, peer, batch.stamp_ms);
        }
    }
}
