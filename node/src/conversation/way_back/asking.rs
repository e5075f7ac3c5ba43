//! Whom to ask about a group that this node cannot follow, and when (PROTOCOL §3.7). Pure.
//!
//! Nobody is asked in a row: whoever gave the last way in does not give the next. And whatever a member brings that
//! cannot be read, it costs the others one small question now and then.

use std::collections::{BTreeMap, BTreeSet};

use tidings_crypto::group::GroupId;

use crate::ids::{AccountId, PeerKey};

/// The first pause after a member could not help; each further one is twice as long …
const ASK_PAUSE_MS: u64 = 5_000;
/// … up to this. A guess.
const ASK_PAUSE_MS_MAX: u64 = 60 * 60 * 1_000;
/// Whoever was told to be no member asks up to this far apart: who told it may have been on a branch that lost.
const DENIED_PAUSE_MS: u64 = 24 * 60 * 60 * 1_000;
/// So many accounts have to say to a stranded node that it is no member, or all others if there are fewer.
const DENIALS_NEEDED: usize = 2;
/// Nodes that were away together do not come back in the same moment: only one of them would win.
pub(super) const ASK_SPREAD_MS: u64 = 3_000;
/// What waits for an epoch for longer than this says that the epoch will not come.
pub(super) const STUCK_AFTER_MS: u64 = 10 * 60 * 1_000;
/// A node that has just come back may have lost against another that did: what waits tells it so sooner.
const STUCK_AFTER_RETURN_MS: u64 = 15_000;
/// For this long after coming back.
const RETURN_WATCH_MS: u64 = 10 * 60 * 1_000;
/// For this long a stranded node waits for a way in for which the ballots of two accounts vouch: an hour. Ballots are
/// cast within half a minute, so it comes from the next who is asked, as long as two others are awake.
const UNVOUCHED_AFTER_MS: u64 = 60 * 60 * 1_000;
/// Who was restored from a backup first reads what the others hold of where it stands: once this node came back, what it had
/// of its new root's epoch cannot be read. It asks when nothing came for this long …
const READ_FIRST_MS: u64 = 10_000;
/// … and at the latest after this. Both are guesses.
const READ_FIRST_MS_MAX: u64 = 10 * 60 * 1_000;
/// So many peers of one group are remembered for what they brought.
const PUZZLING_MAX: usize = 64;

/// In which groups this node asks the others where they are.
#[derive(Debug, Default)]
pub(crate) struct WaysBack {
    wanted: BTreeMap<GroupId, Wanted>,
    /// Since when the oldest of what is parked has waited.
    parked_since_ms: BTreeMap<GroupId, u64>,
    /// Members who brought what belongs to no topic that is known here, or say that what is written here is gone; and
    /// since when.
    puzzling: BTreeMap<GroupId, BTreeMap<PeerKey, u64>>,
    turns: BTreeMap<GroupId, Turn>,
    returned_ms: BTreeMap<GroupId, u64>,
    /// Accounts in whose heads this node is no member.
    denied_by: BTreeMap<GroupId, BTreeSet<AccountId>>,
    /// Groups in which enough of the members have said so.
    denied: BTreeSet<GroupId>,
}

#[derive(Debug, Default)]
struct Wanted {
    since_ms: u64,
    next_ms: u64,
    attempts: u32,
    /// A way in is needed, and not only what the others know.
    needed: bool,
    /// A member was asked and has not answered.
    asked: bool,
    /// Nobody who could be asked is connected: the next connection is waited for.
    alone: bool,
    /// Since when members are there of whom this node first gets what they hold.
    reads_since_ms: Option<u64>,
}

/// Whose turn it is to be asked. It is kept when the node is back.
#[derive(Debug, Default)]
struct Turn {
    next: usize,
    last_giver: Option<PeerKey>,
}

impl WaysBack {
    /// When there is somebody to ask next.
    pub(crate) fn due_ms(&self) -> Option<u64> {
        let asks = self.wanted.values().filter(|wanted| !wanted.asked && !wanted.alone).map(|wanted| wanted.next_ms);
        asks.chain(self.stuck().filter(|(group, _)| !self.wanted.contains_key(group)).map(|(_, at_ms)| at_ms)).min()
    }

    /// Groups in which something does not fit, and from when on that says something.
    fn stuck(&self) -> impl Iterator<Item = (GroupId, u64)> {
        let parked = self.parked_since_ms.iter().map(|(group, since_ms)| (*group, self.stuck_ms(*group, *since_ms)));
        let puzzling = self.puzzling.iter().flat_map(|(group, peers)| peers.values().map(|at_ms| (*group, *at_ms)));
        parked.chain(puzzling.map(|(group, since_ms)| (group, since_ms.saturating_add(STUCK_AFTER_MS))))
    }

    fn stuck_ms(&self, group: GroupId, since_ms: u64) -> u64 {
        let returned = self.returned_ms.get(&group).filter(|at_ms| since_ms < at_ms.saturating_add(RETURN_WATCH_MS));
        since_ms.saturating_add(if returned.is_some() { STUCK_AFTER_RETURN_MS } else { STUCK_AFTER_MS })
    }

    /// The groups of which somebody is to be asked now.
    pub(super) fn take_due(&mut self, now_ms: u64) -> Vec<GroupId> {
        let stuck: Vec<GroupId> = self.stuck().filter(|(_, at_ms)| *at_ms <= now_ms).map(|(group, _)| group).collect();
        for group in stuck {
            let asked = || Wanted { since_ms: now_ms, next_ms: now_ms, ..Wanted::default() };
            self.wanted.entry(group).or_insert_with(asked);
        }
        let due = self.wanted.iter().filter(|(_, wanted)| !wanted.asked && wanted.next_ms <= now_ms);
        due.map(|(group, _)| *group).collect()
    }

    /// The clock was set back: nothing began later than now, and nobody is asked later than by this clock.
    pub(crate) fn hasten(&mut self, now_ms: u64) {
        let latest_ms = now_ms.saturating_add(ASK_PAUSE_MS_MAX);
        for wanted in self.wanted.values_mut() {
            wanted.next_ms = wanted.next_ms.min(latest_ms);
            wanted.since_ms = wanted.since_ms.min(now_ms);
            wanted.reads_since_ms = wanted.reads_since_ms.map(|since_ms| since_ms.min(now_ms));
        }
        let puzzling = self.puzzling.values_mut().flat_map(BTreeMap::values_mut);
        for since_ms in self.parked_since_ms.values_mut().chain(puzzling).chain(self.returned_ms.values_mut()) {
            *since_ms = (*since_ms).min(now_ms);
        }
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

    /// A member brought what this node cannot place, though it may be of this group.
    pub(crate) fn puzzled(&mut self, group: GroupId, peer: PeerKey, since_ms: u64) {
        let peers = self.puzzling.entry(group).or_default();
        if peers.len() < PUZZLING_MAX || peers.contains_key(&peer) {
            let since = peers.entry(peer).or_insert(since_ms);
            *since = (*since).min(since_ms);
        }
    }

    /// A member says that what is written in the head here is gone there: it knows more, and is asked at once.
    pub(crate) fn told_gone(&mut self, group: GroupId, peer: PeerKey, now_ms: u64) {
        self.puzzled(group, peer, now_ms.saturating_sub(STUCK_AFTER_MS));
    }

    /// This peer has said what it knows.
    pub(super) fn explained(&mut self, group: GroupId, peer: PeerKey) {
        if let Some(peers) = self.puzzling.get_mut(&group) {
            peers.remove(&peer);
            if peers.is_empty() {
                self.puzzling.remove(&group);
            }
        }
    }

    /// Who brought what does not fit, the longest ago first.
    pub(super) fn puzzling(&self, group: GroupId) -> Vec<PeerKey> {
        let peers = self.puzzling.get(&group).into_iter().flatten();
        let mut peers: Vec<(u64, PeerKey)> = peers.map(|(peer, since_ms)| (*since_ms, *peer)).collect();
        peers.sort_unstable();
        peers.into_iter().map(|(_, peer)| peer).collect()
    }

    /// A way into this group is needed, from that time on.
    pub(crate) fn want(&mut self, group: GroupId, at_ms: u64) {
        let wanted = self.wanted.entry(group).or_default();
        if !wanted.needed {
            *wanted = Wanted { since_ms: at_ms, next_ms: at_ms, needed: true, ..Wanted::default() };
        }
    }

    /// Whether what connected members hold is to be read before one of them is asked for a way in.
    pub(super) fn reads_first(&mut self, group: GroupId, now_ms: u64) -> bool {
        let Some(wanted) = self.wanted.get_mut(&group).filter(|wanted| wanted.reads_since_ms.is_none()) else {
            return false;
        };
        (wanted.reads_since_ms, wanted.alone) = (Some(now_ms), false);
        wanted.next_ms = now_ms.saturating_add(READ_FIRST_MS);
        true
    }

    /// Something of a group was read into which this node has to come back.
    pub(crate) fn read_on(&mut self, group: GroupId, now_ms: u64) {
        let Some(wanted) = self.wanted.get_mut(&group) else { return };
        if let Some(since_ms) = wanted.reads_since_ms {
            let until_ms = now_ms.saturating_add(READ_FIRST_MS).min(since_ms.saturating_add(READ_FIRST_MS_MAX));
            wanted.next_ms = wanted.next_ms.max(until_ms);
        }
    }

    /// Whether a way in has been needed for so long that one is taken for which nobody but its giver vouches: the others
    /// may all be asleep.
    pub(super) fn takes_any(&self, group: GroupId, now_ms: u64) -> bool {
        let wanted = self.wanted.get(&group).filter(|wanted| wanted.needed);
        wanted.is_some_and(|wanted| wanted.since_ms.saturating_add(UNVOUCHED_AFTER_MS) <= now_ms)
    }

    /// Whether a way into this group is needed.
    pub(super) fn is_needed(&self, group: GroupId) -> bool {
        self.wanted.get(&group).is_some_and(|wanted| wanted.needed)
    }

    /// Whether the members are asked about this group.
    pub(super) fn is_wanted(&self, group: GroupId) -> bool {
        self.wanted.contains_key(&group)
    }

    /// No way in is needed any more. What does not fit is asked about further, no sooner than before.
    pub(crate) fn have(&mut self, group: GroupId) {
        self.denied_by.remove(&group);
        self.denied.remove(&group);
        if self.parked_since_ms.contains_key(&group) || self.puzzling.contains_key(&group) {
            if let Some(wanted) = self.wanted.get_mut(&group) {
                (wanted.needed, wanted.asked) = (false, false);
            }
        } else {
            self.wanted.remove(&group);
        }
    }

    /// Nothing is to be asked of a group where this node is well, unless something does not fit there.
    pub(super) fn is_settled(&self, group: GroupId) -> bool {
        let fits = !self.parked_since_ms.contains_key(&group) && !self.puzzling.contains_key(&group);
        fits && !self.denied.contains(&group)
    }

    /// This node came back by a way in of this peer.
    pub(super) fn returned(&mut self, group: GroupId, giver: PeerKey, now_ms: u64) {
        self.have(group);
        self.returned_ms.insert(group, now_ms);
        self.turns.entry(group).or_default().last_giver = Some(giver);
    }

    /// Whom to ask, of those who can be. Whoever needs a way in asks one after the other, from a random one on, and not
    /// the one that gave it the last; whoever needs none asks first who brought what does not fit.
    pub(super) fn choose(
        &mut self,
        group: GroupId,
        helpers: &[PeerKey],
        first: &[PeerKey],
        chance: u32,
    ) -> Option<PeerKey> {
        let wanted = self.wanted.get_mut(&group)?;
        let begin = usize::try_from(chance).unwrap_or_default();
        let turn = self.turns.entry(group).or_insert_with(|| Turn { next: begin, last_giver: None });
        let first: Vec<PeerKey> = first.iter().filter(|peer| helpers.contains(peer)).copied().collect();
        let mut open = helpers.to_vec();
        if !first.is_empty() && wanted.attempts.is_multiple_of(2) {
            open = first;
        } else if let Some(last) = turn.last_giver.filter(|_| wanted.needed && helpers.len() > 1) {
            open.retain(|peer| *peer != last);
        }
        let chosen = turn.next.checked_rem(open.len()).and_then(|place| open.get(place)).copied();
        turn.next = turn.next.wrapping_add(1);
        (wanted.alone, wanted.asked) = (chosen.is_none(), chosen.is_some());
        chosen
    }

    /// Whether this node is no member of a group any more, by what its members say. They may themselves be behind.
    pub(crate) fn is_denied(&self, group: GroupId) -> bool {
        self.denied.contains(&group)
    }

    /// One of so many other accounts in a group says that this node is no member there. One alone may be behind; and
    /// where this node is well, more than half of all others have to say it.
    pub(super) fn deny(&mut self, group: GroupId, by: AccountId, others: usize) {
        let is_stranded = self.wanted.get(&group).is_some_and(|wanted| wanted.needed);
        let half = others.checked_div(2).unwrap_or_default().saturating_add(1);
        let needed = if is_stranded { DENIALS_NEEDED } else { half }.min(others);
        let accounts = self.denied_by.entry(group).or_default();
        accounts.insert(by);
        if accounts.len() >= needed {
            self.denied.insert(group);
        }
    }

    /// A member says that this node is one.
    pub(super) fn affirm(&mut self, group: GroupId) -> bool {
        self.denied_by.remove(&group);
        self.denied.remove(&group)
    }

    /// Asks again after a pause that is twice as long each time.
    pub(super) fn pause(&mut self, group: GroupId, now_ms: u64, chance: u32) {
        if let Some(wanted) = self.wanted.get_mut(&group) {
            let longest_ms = if self.denied.contains(&group) { DENIED_PAUSE_MS } else { ASK_PAUSE_MS_MAX };
            let pause_ms = ASK_PAUSE_MS.saturating_mul(1 << wanted.attempts.min(16)).min(longest_ms);
            wanted.asked = false;
            wanted.attempts = wanted.attempts.saturating_add(1);
            wanted.next_ms = now_ms.saturating_add(pause_ms).saturating_add(u64::from(chance) % ASK_SPREAD_MS);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GROUP: GroupId = GroupId([1; 16]);

    fn peers(count: u8) -> Vec<PeerKey> {
        (0..count).map(|number| PeerKey([number; 32])).collect()
    }

    #[test]
    fn members_are_asked_further_and_further_apart() {
        let mut ways = WaysBack::default();
        ways.want(GROUP, 100);
        assert_eq!(ways.due_ms(), Some(100));
        let mut pauses = Vec::new();
        for _ in 0..12 {
            ways.pause(GROUP, 0, 0);
            pauses.extend(ways.due_ms());
            ways.want(GROUP, 1);
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
        assert!(ways.affirm(GROUP) && !ways.is_denied(GROUP), "and one who knows it as a member is enough");
        ways.have(GROUP);
        ways.want(GROUP, 100);
        ways.deny(GROUP, one, 1);
        assert!(ways.is_denied(GROUP));
    }

    #[test]
    fn where_a_node_is_well_more_than_half_have_to_deny_it() {
        let mut ways = WaysBack::default();
        ways.parked(GROUP, 0);
        assert_eq!(ways.take_due(STUCK_AFTER_MS), [GROUP]);
        for number in 0..2 {
            ways.deny(GROUP, AccountId([number; 32]), 4);
            assert!(!ways.is_denied(GROUP));
        }
        ways.deny(GROUP, AccountId([2; 32]), 4);
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

    #[test]
    fn what_one_peer_brings_for_nothing_makes_a_node_ask_seldom_however_often_the_head_moves() {
        let mut ways = WaysBack::default();
        ways.parked(GROUP, 0);
        let mut now_ms = STUCK_AFTER_MS;
        let mut asked = 0;
        while now_ms < 24 * 60 * 60 * 1_000 {
            for group in ways.take_due(now_ms) {
                assert!(ways.choose(group, &peers(3), &[], 0).is_some());
                asked += 1;
                ways.pause(group, now_ms, 0);
            }
            ways.have(GROUP);
            now_ms += 1_000;
        }
        assert!(asked <= 34, "{asked} times in a day");
    }

    #[test]
    fn the_next_way_in_is_asked_of_another_and_begins_anywhere() {
        let helpers = peers(3);
        let mut begun = BTreeSet::new();
        for chance in 0..3 {
            let mut ways = WaysBack::default();
            ways.want(GROUP, 0);
            let first = ways.choose(GROUP, &helpers, &[], chance).unwrap();
            begun.insert(first);
            ways.returned(GROUP, first, 0);
            ways.want(GROUP, 0);
            let mut next = BTreeSet::new();
            for _ in 0..4 {
                next.extend(ways.choose(GROUP, &helpers, &[], chance));
            }
            assert_eq!(next.len(), 2);
            assert!(!next.contains(&first));
            assert_eq!(ways.choose(GROUP, &[first], &[], chance), Some(first), "unless there is nobody else");
        }
        assert_eq!(begun.len(), 3);
    }

    #[test]
    fn after_an_hour_a_way_in_is_taken_for_which_nobody_else_vouches() {
        let mut ways = WaysBack::default();
        ways.parked(GROUP, 0);
        assert_eq!(ways.take_due(STUCK_AFTER_MS), [GROUP]);
        assert!(!ways.takes_any(GROUP, u64::MAX), "and never where none is needed");
        ways.want(GROUP, 1_000);
        ways.want(GROUP, 9_000);
        assert!(!ways.takes_any(GROUP, 999 + UNVOUCHED_AFTER_MS));
        assert!(ways.takes_any(GROUP, 1_000 + UNVOUCHED_AFTER_MS));
    }

    #[test]
    fn who_brought_what_does_not_fit_is_asked_first_and_then_the_others_too() {
        let helpers = peers(4);
        let mut ways = WaysBack::default();
        ways.puzzled(GROUP, helpers[3], 0);
        assert_eq!(ways.due_ms(), Some(STUCK_AFTER_MS));
        assert_eq!(ways.take_due(STUCK_AFTER_MS), [GROUP]);
        let first = ways.puzzling(GROUP);
        assert_eq!(ways.choose(GROUP, &helpers, &first, 0), Some(helpers[3]));
        ways.explained(GROUP, helpers[3]);
        assert!(ways.is_settled(GROUP));
        ways.puzzled(GROUP, PeerKey([9; 32]), 0);
        let mut asked = BTreeSet::new();
        for _ in 0..8 {
            asked.extend(ways.choose(GROUP, &helpers, &ways.puzzling(GROUP), 0));
            ways.pause(GROUP, 0, 0);
        }
        assert_eq!(asked.len(), 4, "a stranger's peer is not asked, and everybody else is");
    }
}
