//! Coming back (PROTOCOL §3.7, §6.8): a node that cannot follow its group asks a member for a way in.
//!
//! It is asked when the branch that wins is one that this node has forgotten, or when the ballots of the others say that
//! it is left behind. A node that is well never moves; what does not fit there makes it ask the others for
//! their ballots, and give them its own.

mod asking;

use std::collections::{BTreeMap, BTreeSet};

use rand_core::Rng;
use tidings_crypto::envelope::{Envelope, EpochId, SealedWayIn, Week};
use tidings_crypto::group::{ComeBackError, Group, GroupId, Moment, Standing, Taken};

use super::send::Owed;
use super::transcript;
use crate::engine::batch::Batch;
use crate::engine::{Asked, State};
use crate::ids::{AccountId, PeerKey};
use crate::outbox::Kind;
use crate::store::{MemberRow, StoreError};
use crate::wire::request::{BALLOTS_MAX, Request, Response, WayInAnswer};

use asking::{ASK_SPREAD_MS, STUCK_AFTER_MS};

pub(crate) use asking::WaysBack;

/// A peer is answered once in this time for each group: a way in costs work and bytes.
const ANSWER_PAUSE_MS: u64 = 2_000;
/// So many answers are remembered for that.
const ANSWERS_KEPT_MAX: usize = 1_024;
/// What waits for longer than this is forgotten on the word of any member who is where this node is.
const PARKED_FOR_NOTHING_MS: u64 = 24 * 60 * 60 * 1_000;

/// Who was answered when, so that nobody asks too often.
#[derive(Debug, Default)]
pub(crate) struct WaysGiven(BTreeMap<(GroupId, PeerKey), u64>);

impl WaysGiven {
    /// Whether this peer may be answered; it counts as answered then.
    fn may_answer(&mut self, group: GroupId, peer: PeerKey, now_ms: u64) -> bool {
        let answered_ms = self.0.get(&(group, peer)).copied();
        if answered_ms.is_some_and(|at_ms| at_ms <= now_ms && at_ms.saturating_add(ANSWER_PAUSE_MS) > now_ms) {
            return false;
        }
        if self.0.len() >= ANSWERS_KEPT_MAX {
            self.0.clear();
        }
        self.0.insert((group, peer), now_ms);
        true
    }
}

impl State {
    /// Asks about the groups that are due: for a way in where this node is stranded, otherwise for ballots only.
    pub(crate) async fn ask_ways_in(&mut self, batch: &mut Batch<'_, '_>) -> Result<(), StoreError> {
        for group in self.ways_back.take_due(batch.now_ms) {
            let helpers: Vec<PeerKey> =
                self.connected_members(batch, group).await?.into_iter().map(|member| member.peer).collect();
            let me = self.me.node_id();
            let is_needed = self.ways_back.is_needed(group);
            let Some(loaded) = self.group(batch, group).await?.map(|loaded| &loaded.group) else {
                self.ways_back.have(group);
                continue;
            };
            let standing = loaded.standing();
            let needed = standing == Standing::Stranded || (standing == Standing::Removed && is_needed);
            let ballots = loaded.signed_ballots(me, BALLOTS_MAX);
            let is_restored = loaded.is_restored();
            if is_restored && !helpers.is_empty() && self.ways_back.reads_first(group, batch.now_ms) {
                continue;
            }
            if !needed && self.ways_back.is_settled(group) {
                self.ways_back.have(group);
                continue;
            }
            let mut first = Vec::new();
            if !needed {
                first = self.ways_back.puzzling(group);
                first.extend(batch.tx.parked_by(group).await?);
            }
            let chance = batch.rng.next_u32();
            if let Some(peer) = self.ways_back.choose(group, &helpers, &first, chance) {
                self.ask(batch, peer, Asked::WayIn { group }, Request::WayIn { group, needed, ballots });
            }
        }
        Ok(())
    }

    /// A member brought an envelope of a topic that nobody here knows: it may be of any group that both are in.
    pub(crate) fn puzzled_by(&mut self, batch: &Batch<'_, '_>, groups: &[GroupId], peer: PeerKey) {
        for group in groups {
            self.ways_back.puzzled(*group, peer, batch.now_ms);
        }
        self.partners.puzzled_by(peer, groups, batch.now_ms);
    }

    /// The connected nodes of other members.
    pub(crate) async fn connected_members(
        &mut self,
        batch: &mut Batch<'_, '_>,
        group: GroupId,
    ) -> Result<Vec<MemberRow>, StoreError> {
        let me = self.me.node_id();
        let Some(row) = self.group_rows.get(&group).copied() else { return Ok(Vec::new()) };
        let Some(conversation) = self.conversation(batch, row.conversation).await? else { return Ok(Vec::new()) };
        let others: Vec<MemberRow> = conversation.others(me).collect();
        Ok(others.into_iter().filter(|other| self.is_connected(&other.peer)).collect())
    }

    /// A peer asks about a group, or for a way into it: both are for nodes that are members in the head here.
    pub(crate) async fn answer_way_in(
        &mut self,
        batch: &mut Batch<'_, '_>,
        peer: PeerKey,
        group: GroupId,
        needed: bool,
        theirs: &[Vec<u8>],
    ) -> Result<Response, StoreError> {
        if !self.ways_given.may_answer(group, peer, batch.now_ms) {
            return Ok(Response::Busy);
        }
        if self.group_rows.contains_key(&group) {
            self.take_ballots(batch, group, theirs).await?;
        }
        let Some(loaded) = self.groups.get(&group).map(|loaded| &loaded.group) else {
            return Ok(Response::WayIn { answer: WayInAnswer::Unable, ballots: Vec::new() });
        };
        let standing = loaded.standing();
        let mut members = loaded.members().iter();
        let Some(asker) = members.find(|member| member.certificate.peer_key().0 == peer.0) else {
            // A node that is not well does not know where the group is.
            let is_well = standing == Standing::Member;
            let answer = if is_well { WayInAnswer::NotAMember } else { WayInAnswer::Unable };
            return Ok(Response::WayIn { answer, ballots: Vec::new() });
        };
        let answer = match (standing, needed) {
            (Standing::Member, false) => WayInAnswer::Here(loaded.head()),
            (Standing::Member, true) => {
                let sealed = loaded.way_in(&self.me, asker.node, batch.rng);
                sealed.map_or(WayInAnswer::Unable, |sealed| WayInAnswer::Sealed(sealed.bytes().to_vec()))
            }
            _ => WayInAnswer::Unable,
        };
        Ok(Response::WayIn { answer, ballots: loaded.signed_ballots(self.me.node_id(), BALLOTS_MAX) })
    }

    /// Takes ballots that were handed on: who signed them counts, and not who brought them.
    pub(crate) async fn take_ballots(
        &mut self,
        batch: &mut Batch<'_, '_>,
        id: GroupId,
        ballots: &[Vec<u8>],
    ) -> Result<(), StoreError> {
        let now_ms = batch.steady_ms;
        let Some(loaded) = self.group(batch, id).await? else { return Ok(()) };
        let stood = |group: &Group| (group.head(), group.standing());
        let before = stood(&loaded.group);
        let mut counted = false;
        for bytes in ballots.iter().take(BALLOTS_MAX) {
            counted |= matches!(loaded.group.take_ballot(bytes, now_ms), Ok(Taken::Counted { .. }));
        }
        if !counted {
            return Ok(());
        }
        self.save_group(batch, id).await?;
        if self.groups.get(&id).is_some_and(|loaded| stood(&loaded.group) != before) {
            self.after_commit(batch, id).await?;
        }
        Ok(())
    }

    /// A member answered; its ballots are taken already.
    pub(crate) async fn take_way_in(
        &mut self,
        batch: &mut Batch<'_, '_>,
        group: GroupId,
        from: PeerKey,
        answer: WayInAnswer,
    ) -> Result<(), StoreError> {
        if !self.group_rows.contains_key(&group) {
            return match answer {
                WayInAnswer::Sealed(sealed) => Box::pin(self.come_in(batch, group, from, &sealed)).await,
                _ => Ok(()),
            };
        }
        let mut way_in = None;
        match answer {
            WayInAnswer::Sealed(sealed) => {
                way_in = SealedWayIn::decode(&sealed).ok().and_then(|sealed| sealed.open(&self.me.keys).ok());
            }
            WayInAnswer::NotAMember => self.take_denial(batch, group, from).await?,
            WayInAnswer::Here(head) => self.is_there(batch, group, from, head).await?,
            WayInAnswer::Unable => {}
        }
        self.ways_back.explained(group, from);
        if let Some(way_in) = way_in.filter(|_| self.ways_back.is_wanted(group)) {
            if self.ways_back.affirm(group) {
                batch.groups_saved.insert(group);
            }
            if self.come_back(batch, group, &way_in).await? {
                self.ways_back.returned(group, from, batch.now_ms);
                return Ok(());
            }
        }
        self.ask_later(batch, group);
        Ok(())
    }

    /// Asks somebody else, or again, after a pause.
    pub(crate) fn ask_later(&mut self, batch: &mut Batch<'_, '_>, group: GroupId) {
        let chance = batch.rng.next_u32();
        self.ways_back.pause(group, batch.now_ms, chance);
    }

    /// A member knows this node as one, and says where it is itself. If that is where this node is, what it brought for
    /// an epoch that is not there is of nobody's use.
    async fn is_there(
        &mut self,
        batch: &mut Batch<'_, '_>,
        group: GroupId,
        from: PeerKey,
        head: EpochId,
    ) -> Result<(), StoreError> {
        if self.ways_back.affirm(group) {
            batch.groups_saved.insert(group);
        }
        let Some(loaded) = self.groups.get(&group).map(|loaded| &loaded.group) else { return Ok(()) };
        if !loaded.is_on_branch(head) {
            // What removed this node may have lost.
            if loaded.standing() == Standing::Removed {
                self.ways_back.want(group, batch.now_ms);
            }
            return Ok(());
        }
        let (stuck_ms, old_ms) =
            (batch.age_ms.saturating_sub(STUCK_AFTER_MS), batch.age_ms.saturating_sub(PARKED_FOR_NOTHING_MS));
        batch.tx.forget_parked(group, from, stuck_ms, old_ms).await?;
        let oldest_ms = batch.tx.oldest_parked_ms(group).await?;
        self.ways_back.unparked(group, oldest_ms);
        Ok(())
    }

    /// A member says that this node is none where that member is.
    async fn take_denial(
        &mut self,
        batch: &mut Batch<'_, '_>,
        group: GroupId,
        from: PeerKey,
    ) -> Result<(), StoreError> {
        let Some(row) = self.group_rows.get(&group).copied() else { return Ok(()) };
        if self.groups.get(&group).is_some_and(|loaded| loaded.group.standing() == Standing::Removed) {
            self.ways_back.have(group);
            return Ok(());
        }
        let mine = self.me.account_id();
        let Some(conversation) = self.conversation(batch, row.conversation).await? else { return Ok(()) };
        let others: BTreeMap<PeerKey, AccountId> =
            conversation.members.iter().map(|member| (member.peer, member.account)).collect();
        let accounts: BTreeSet<AccountId> = others.values().copied().filter(|account| *account != mine).collect();
        if let Some(by) = others.get(&from).filter(|by| **by != mine && self.ways_back.is_wanted(group)) {
            self.ways_back.deny(group, *by, accounts.len());
            batch.groups_saved.insert(group);
        }
        Ok(())
    }

    /// Asks for a way in as soon as this node is stranded, and tells people where it stands.
    pub(crate) async fn follow_standing(
        &mut self,
        batch: &mut Batch<'_, '_>,
        group: GroupId,
    ) -> Result<(), StoreError> {
        let Some(standing) = self.groups.get(&group).map(|loaded| loaded.group.standing()) else { return Ok(()) };
        let stood = self.stood.get(&group).map(|(before, _)| *before);
        if standing == Standing::Stranded {
            let spread_ms = u64::from(batch.rng.next_u32()) % ASK_SPREAD_MS;
            self.ways_back.want(group, batch.now_ms.saturating_add(spread_ms));
        } else if stood == Some(Standing::Stranded) {
            self.ways_back.have(group);
        }
        let stands = (standing, self.ways_back.is_denied(group));
        if self.stood.insert(group, stands) != Some(stands)
            && let Some(row) = self.group_rows.get(&group).copied()
            && self.conversation(batch, row.conversation).await?.is_some()
        {
            self.project(batch, row.conversation, group).await?;
        }
        Ok(())
    }

    async fn come_back(
        &mut self,
        batch: &mut Batch<'_, '_>,
        id: GroupId,
        way_in: &tidings_crypto::envelope::WayIn,
    ) -> Result<bool, StoreError> {
        let Some(row) = self.group_rows.get(&id).copied() else { return Ok(false) };
        let Some(conversation) = self.conversation(batch, row.conversation).await? else { return Ok(false) };
        let place = transcript::place(batch.now_ms, conversation.leaves.parents().map(|leaf| leaf.place));
        if self.group(batch, id).await?.is_none() {
            return Ok(false);
        }
        if self.copies.is_copied() {
            return Ok(false); // The other copy is there in this one's place.
        }
        let before = self.tree_before(id, way_in.epoch);
        let takes_any = self.ways_back.takes_any(id, batch.now_ms);
        let Some(loaded) = self.groups.get_mut(&id) else { return Ok(false) };
        // Who was removed goes nowhere on the word of one member.
        let takes_any = takes_any && loaded.group.standing() == Standing::Stranded;
        // Who was restored knows the epoch by itself where it could follow all there.
        let is_known = loaded.group.is_restored() && loaded.group.tree().node(way_in.epoch).is_some();
        if !takes_any && !is_known && !loaded.group.is_vouched_for(way_in, self.me.account_id()) {
            return Ok(false);
        }
        let moment = Moment { now_ms: batch.steady_ms, place };
        let committed = match loaded.group.come_back(&self.me, way_in, moment, batch.rng) {
            Ok(committed) => committed,
            Err(error) => {
                if error == ComeBackError::Copied {
                    self.note_copy(batch).await?;
                }
                if error != ComeBackError::NotNeeded {
                    tracing::info!(%error, "a way back into a group could not be taken");
                }
                return Ok(false);
            }
        };
        self.save_group(batch, id).await?;
        let members: Vec<_> = self.groups.get(&id).map(|loaded| loaded.group.members().to_vec()).unwrap_or_default();
        self.note_commit(batch, id, committed.epoch, &committed.summary, &members).await?;
        self.take_lost_lines_out(batch, id, &before).await?;
        self.reopen_intents(batch, id).await?;
        self.after_commit(batch, id).await?;
        self.committed_now(batch, id).await?;
        let me = self.me.node_id();
        let others: Vec<MemberRow> =
            self.conversation(batch, row.conversation).await?.map(|c| c.others(me).collect()).unwrap_or_default();
        if let Ok(envelope) = Envelope::seal(&way_in.topic, Week::of(batch.steady_ms), &committed.content) {
            let owed = Owed { kind: Kind::Commit, sequence: 0, wait_ms: 0 };
            self.owe_to(batch, row.conversation, &envelope, &others, owed);
        }
        self.read_parked(batch, id).await?;
        Ok(true)
    }
}
