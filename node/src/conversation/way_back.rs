//! Coming back (PROTOCOL §3.7, §6.8): a node that cannot follow its group asks a member for a way in.
//!
//! It is asked when the branch that wins is one that this node has forgotten, when somebody answers that what it
//! wrote in its head can never be read there, and when something has waited for long for an epoch that does not come.

use std::collections::{BTreeMap, BTreeSet};

use rand_core::Rng;
use tidings_crypto::envelope::{Envelope, SealedWayIn, Week};
use tidings_crypto::group::{ComeBackError, GroupId, Moment, Standing};

use super::send::Owed;
use super::transcript;
use crate::engine::batch::Batch;
use crate::engine::{Asked, State};
use crate::ids::{AccountId, PeerKey};
use crate::outbox::Kind;
use crate::store::{MemberRow, StoreError};
use crate::wire::request::{Request, Response, WayInAnswer};

/// The first pause after a member could not help; each further one is twice as long …
const ASK_PAUSE_MS: u64 = 5_000;
/// … up to this. A guess.
const ASK_PAUSE_MS_MAX: u64 = 60 * 60 * 1_000;
/// Whoever was told to be no member asks up to this far apart: who told it may have been on a branch that lost.
const DENIED_PAUSE_MS: u64 = 24 * 60 * 60 * 1_000;
/// So many accounts have to say that this node is no member, or all others if there are fewer.
const DENIALS_NEEDED: usize = 2;
/// Nodes that were away together do not come back in the same moment: only one of them would win.
const ASK_SPREAD_MS: u64 = 3_000;
/// What waits for an epoch for longer than this says that the epoch will not come.
const STUCK_AFTER_MS: u64 = 10 * 60 * 1_000;
/// A node that has just come back may have lost against another that did: what waits tells it so sooner.
const STUCK_AFTER_RETURN_MS: u64 = 15_000;
/// For this long after coming back.
const RETURN_WATCH_MS: u64 = 10 * 60 * 1_000;
/// A peer is answered once in this time for each group: a way in costs work and bytes.
const ANSWER_PAUSE_MS: u64 = 2_000;
/// So many answers are remembered for that.
const ANSWERS_KEPT_MAX: usize = 1_024;

/// Which groups this node looks for a way into.
#[derive(Debug, Default)]
pub(crate) struct WaysBack {
    wanted: BTreeMap<GroupId, Wanted>,
    /// Since when the oldest of what is parked has waited.
    parked_since_ms: BTreeMap<GroupId, u64>,
    returned_ms: BTreeMap<GroupId, u64>,
    /// Accounts in whose heads this node is no member.
    denied_by: BTreeMap<GroupId, BTreeSet<AccountId>>,
    /// Groups in which enough of the members have said so.
    denied: BTreeSet<GroupId>,
    answered_ms: BTreeMap<(GroupId, PeerKey), u64>,
}

#[derive(Debug, Default)]
struct Wanted {
    next_ms: u64,
    attempts: u32,
    /// A member was asked and has not answered.
    asked: bool,
    /// Nobody who could be asked is connected: the next connection is waited for.
    alone: bool,
}

impl WaysBack {
    /// When there is somebody to ask next.
    pub(crate) fn due_ms(&self) -> Option<u64> {
        let asks = self.wanted.values().filter(|wanted| !wanted.asked && !wanted.alone).map(|wanted| wanted.next_ms);
        let unwanted = self.parked_since_ms.iter().filter(|(group, _)| !self.wanted.contains_key(*group));
        asks.chain(unwanted.map(|(group, since_ms)| self.stuck_ms(*group, *since_ms))).min()
    }

    /// Something of this group waits for an epoch.
    pub(crate) fn parked(&mut self, group: GroupId, since_ms: u64) {
        let since = self.parked_since_ms.entry(group).or_insert(since_ms);
        *since = (*since).min(since_ms);
    }

    /// Whether something of this group waits.
    pub(crate) fn is_parked(&self, group: GroupId) -> bool {
        self.parked_since_ms.contains_key(&group)
    }

    /// Since when the oldest of what is left has waited.
    pub(crate) fn unparked(&mut self, group: GroupId, oldest_ms: Option<u64>) {
        match oldest_ms {
            Some(since_ms) => self.parked_since_ms.insert(group, since_ms),
            None => self.parked_since_ms.remove(&group),
        };
    }

    /// A way into this group is wanted.
    pub(crate) fn want(&mut self, group: GroupId, at_ms: u64) {
        self.wanted.entry(group).or_insert_with(|| Wanted { next_ms: at_ms, ..Wanted::default() });
    }

    /// It is not wanted any more.
    pub(crate) fn have(&mut self, group: GroupId) {
        self.wanted.remove(&group);
        self.denied_by.remove(&group);
        self.denied.remove(&group);
    }

    /// Whether this node is no member of a group any more, by what its members say. They may themselves be behind.
    pub(crate) fn is_denied(&self, group: GroupId) -> bool {
        self.denied.contains(&group)
    }

    /// One of so many other accounts in a group says that this node is no member there. One alone may be behind.
    fn deny(&mut self, group: GroupId, by: AccountId, others: usize) {
        let accounts = self.denied_by.entry(group).or_default();
        if accounts.len() < DENIALS_NEEDED {
            accounts.insert(by);
        }
        if accounts.len() >= DENIALS_NEEDED.min(others) {
            self.denied.insert(group);
        }
    }

    fn stuck_ms(&self, group: GroupId, since_ms: u64) -> u64 {
        let returned = self.returned_ms.get(&group).filter(|at_ms| since_ms < at_ms.saturating_add(RETURN_WATCH_MS));
        since_ms.saturating_add(if returned.is_some() { STUCK_AFTER_RETURN_MS } else { STUCK_AFTER_MS })
    }

    fn pause(&mut self, group: GroupId, now_ms: u64, chance: u32) {
        if let Some(wanted) = self.wanted.get_mut(&group) {
            let longest_ms = if self.denied.contains(&group) { DENIED_PAUSE_MS } else { ASK_PAUSE_MS_MAX };
            let pause_ms = ASK_PAUSE_MS.saturating_mul(1 << wanted.attempts.min(16)).min(longest_ms);
            wanted.asked = false;
            wanted.attempts = wanted.attempts.saturating_add(1);
            wanted.next_ms = now_ms.saturating_add(pause_ms).saturating_add(u64::from(chance) % ASK_SPREAD_MS);
        }
    }
}

impl State {
    /// Asks for the ways in that are due.
    pub(crate) async fn ask_ways_in(&mut self, batch: &mut Batch<'_, '_>) -> Result<(), StoreError> {
        let now_ms = batch.now_ms;
        let parked = self.ways_back.parked_since_ms.iter();
        let stuck = parked.filter(|(group, since_ms)| self.ways_back.stuck_ms(**group, **since_ms) <= now_ms);
        for group in stuck.map(|(group, _)| *group).collect::<Vec<_>>() {
            self.ways_back.want(group, now_ms);
        }
        let due = self.ways_back.wanted.iter().filter(|(_, wanted)| !wanted.asked && wanted.next_ms <= now_ms);
        for group in due.map(|(group, _)| *group).collect::<Vec<_>>() {
            let helpers = self.connected_members(batch, group).await?;
            let Some(wanted) = self.ways_back.wanted.get_mut(&group) else { continue };
            let turn = usize::try_from(wanted.attempts).unwrap_or(0).checked_rem(helpers.len());
            let helper = turn.and_then(|turn| helpers.get(turn));
            wanted.alone = helper.is_none();
            if let Some(helper) = helper {
                wanted.asked = true;
                self.ask(batch, helper.peer, Asked::WayIn { group }, Request::WayIn { group });
            }
        }
        Ok(())
    }

    /// The connected nodes of other members.
    async fn connected_members(
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

    /// A peer asks for a way into a group: it is for nodes that are members in the head.
    pub(crate) async fn answer_way_in(
        &mut self,
        batch: &mut Batch<'_, '_>,
        peer: PeerKey,
        group: GroupId,
    ) -> Result<Response, StoreError> {
        let answered_ms = self.ways_back.answered_ms.get(&(group, peer)).copied();
        if answered_ms.is_some_and(|at_ms| at_ms.saturating_add(ANSWER_PAUSE_MS) > batch.now_ms) {
            return Ok(Response::Busy);
        }
        let nobody = Ok(Response::WayIn { answer: WayInAnswer::Unable });
        if !self.group_rows.contains_key(&group) || self.group(batch, group).await?.is_none() {
            return nobody;
        }
        let Some(loaded) = self.groups.get(&group) else { return nobody };
        if loaded.group.standing() != Standing::Member {
            return nobody; // It does not know where the group is.
        }
        let mut members = loaded.group.members().iter();
        let answer = match members.find(|member| member.certificate.peer_key().0 == peer.0) {
            Some(asker) => match loaded.group.way_in(&self.me, asker.node, batch.rng) {
                Some(sealed) => WayInAnswer::Sealed(sealed.bytes().to_vec()),
                None => WayInAnswer::Unable,
            },
            None => WayInAnswer::NotAMember,
        };
        if self.ways_back.answered_ms.len() >= ANSWERS_KEPT_MAX {
            self.ways_back.answered_ms.clear();
        }
        self.ways_back.answered_ms.insert((group, peer), batch.now_ms);
        Ok(Response::WayIn { answer })
    }

    /// A member answered.
    pub(crate) async fn take_way_in(
        &mut self,
        batch: &mut Batch<'_, '_>,
        group: GroupId,
        from: PeerKey,
        answer: WayInAnswer,
    ) -> Result<(), StoreError> {
        let way_in = match answer {
            WayInAnswer::Sealed(sealed) => {
                SealedWayIn::decode(&sealed).ok().and_then(|sealed| sealed.open(&self.me.keys).ok())
            }
            WayInAnswer::NotAMember => {
                self.take_denial(batch, group, from).await?;
                None
            }
            WayInAnswer::Unable => None,
        };
        let returned = match way_in {
            Some(way_in) if self.ways_back.wanted.contains_key(&group) => self.come_back(batch, group, &way_in).await?,
            _ => false,
        };
        if returned {
            self.ways_back.have(group);
            self.ways_back.returned_ms.insert(group, batch.now_ms);
        } else {
            let chance = batch.rng.next_u32();
            self.ways_back.pause(group, batch.now_ms, chance);
        }
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
        let mine = self.me.account_id();
        let Some(conversation) = self.conversation(batch, row.conversation).await? else { return Ok(()) };
        let others: BTreeMap<PeerKey, AccountId> =
            conversation.members.iter().map(|member| (member.peer, member.account)).collect();
        let accounts: BTreeSet<AccountId> = others.values().copied().filter(|account| *account != mine).collect();
        if let Some(by) = others.get(&from).filter(|by| **by != mine && self.ways_back.wanted.contains_key(&group)) {
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
        let stay = self.epochs_that_stay(id, way_in.epoch);
        let Some(loaded) = self.groups.get_mut(&id) else { return Ok(false) };
        let moment = Moment { now_ms: batch.now_ms, place };
        let committed = match loaded.group.come_back(&self.me, way_in, moment, batch.rng) {
            Ok(committed) => committed,
            Err(error) => {
                if error != ComeBackError::NotNeeded {
                    tracing::info!(%error, "a way back into a group could not be taken");
                }
                return Ok(false);
            }
        };
        self.save_group(batch, id).await?;
        let members: Vec<_> = self.groups.get(&id).map(|loaded| loaded.group.members().to_vec()).unwrap_or_default();
        self.note_commit(batch, id, committed.epoch, &committed.summary, &members).await?;
        self.take_lost_lines_out(batch, id, &stay).await?;
        self.reopen_intents(batch, id).await?;
        self.after_commit(batch, id).await?;
        self.committed_now(batch, id).await?;
        let me = self.me.node_id();
        let others: Vec<MemberRow> =
            self.conversation(batch, row.conversation).await?.map(|c| c.others(me).collect()).unwrap_or_default();
        if let Ok(envelope) = Envelope::seal(&way_in.topic, Week::of(batch.now_ms), &committed.content) {
            let owed = Owed { kind: Kind::Commit, sequence: 0, wait_ms: 0 };
            self.owe_to(batch, row.conversation, &envelope, &others, owed);
        }
        self.read_parked(batch, id).await?;
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GROUP: GroupId = GroupId([1; 16]);

    #[test]
    fn members_are_asked_further_and_further_apart() {
        let mut ways = WaysBack::default();
        ways.want(GROUP, 100);
        assert_eq!(ways.due_ms(), Some(100));
        let mut pauses = Vec::new();
        for _ in 0..12 {
            ways.pause(GROUP, 0, 0);
            pauses.extend(ways.due_ms());
        }
        assert_eq!(pauses[..4], [5_000, 10_000, 20_000, 40_000]);
        assert_eq!(pauses.last(), Some(&ASK_PAUSE_MS_MAX));
        ways.have(GROUP);
        assert_eq!(ways.due_ms(), None);
    }

    #[test]
    fn two_accounts_have_to_say_that_a_node_is_no_member_or_the_only_other_one() {
        let (one, other) = (AccountId([1; 32]), AccountId([2; 32]));
        let mut ways = WaysBack::default();
        ways.want(GROUP, 100);
        ways.deny(GROUP, one, 3);
        ways.deny(GROUP, one, 3);
        assert!(!ways.is_denied(GROUP));
        ways.deny(GROUP, other, 3);
        assert!(ways.is_denied(GROUP));
        for _ in 0..20 {
            ways.pause(GROUP, 0, 0);
        }
        assert_eq!(ways.due_ms(), Some(DENIED_PAUSE_MS), "they may be behind themselves, so it goes on asking");
        ways.have(GROUP);
        assert!(!ways.is_denied(GROUP));
        ways.deny(GROUP, one, 1);
        assert!(ways.is_denied(GROUP));
    }

    #[test]
    fn what_waits_long_is_a_reason_to_ask_and_sooner_after_coming_back() {
        let mut ways = WaysBack::default();
        ways.parked(GROUP, 1_000);
        ways.parked(GROUP, 9_000);
        assert_eq!(ways.due_ms(), Some(1_000 + STUCK_AFTER_MS));
        ways.returned_ms.insert(GROUP, 500);
        assert_eq!(ways.due_ms(), Some(1_000 + STUCK_AFTER_RETURN_MS));
        ways.unparked(GROUP, Some(500 + RETURN_WATCH_MS));
        assert_eq!(ways.due_ms(), Some(500 + RETURN_WATCH_MS + STUCK_AFTER_MS));
        ways.unparked(GROUP, None);
        assert_eq!(ways.due_ms(), None);
    }
}
