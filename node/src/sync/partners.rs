//! Whom this node compares with, when, and what came of it. Everything here may be lost: it is found out again.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use tidings_crypto::envelope::EnvelopeId;
use tidings_crypto::group::GroupId;

use super::Fingerprint;
use crate::ids::{MessageId, PeerKey};

/// After connecting, an author's own pushes go first: what they bring need not be found out. A guess.
const AFTER_CONNECTING_MS: u64 = 1_000;
/// One of two peers begins, the lower; if nothing is heard of it, the other does.
const OTHER_BEGINS_AFTER_MS: u64 = 6_000;
/// The slow clock: if anything came in since a peer was asked, it is asked again after this and up to as much more.
const SLOW_CLOCK_MS: u64 = 5 * 60 * 1_000;
/// Whether all that was wanted has come is looked at after this long; and after a failure it is tried again.
const LOOK_AGAIN_MS: u64 = 60 * 1_000;
/// What is missing may be on its way: so long after the first sign somebody is asked, and then again. A guess.
const GAP_PAUSES_MS: [u64; 3] = [5_000, 30_000, 180_000];
/// A gap remembers this many missing parents.
const GAP_PARENTS_MAX: usize = 8;
/// So many groups may have a gap at once.
const GAPS_MAX: usize = 1_000;
/// What was asked of one peer is not asked of another for so long …
const AWAITED_ELSEWHERE_MS: u64 = 30_000;
/// … and not of the same one again.
const AWAITED_HERE_MS: u64 = 60 * 60 * 1_000;
/// So many envelopes are awaited at once; beyond that they may come twice.
const AWAITED_MAX: usize = 50_000;
/// What a peer answered with *later* this often is not offered to it again.
const LATER_MAX: u8 = 3;
/// So many are remembered that a peer did not take.
const DECLINED_MAX: usize = 10_000;
/// So many peers are remembered for that.
const DECLINERS_MAX: usize = 256;
/// So many groups are reconciled with one peer at once.
const RECONCILING_MAX: usize = 4;
/// So many envelopes wait to be given to one peer; the rest is found missing again later.
const GIFTS_MAX: usize = 20_000;
/// A peer is answered this many questions about sets in a minute; beyond that it is told to ask later. One about a large set
/// counts for more: for one more with each so many envelopes.
const PARTNER_REQUESTS_MAX: u32 = 1_000;
const ENVELOPES_A_REQUEST: usize = 4_096;
const MINUTE_MS: u64 = 60_000;
/// Of an own message so many keepers are written down, of which one would do.
const KEEPERS_MAX: u8 = 3;
/// Of so many own messages it is remembered how many have been.
const KEEPERS_COUNTED_MAX: usize = 10_000;

/// A group that is to be reconciled, and how it was found to differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Comparing {
    pub(crate) group: GroupId,
    /// From which epoch on.
    pub(crate) from: u64,
    pub(crate) ours: Fingerprint,
    pub(crate) theirs: Fingerprint,
}

/// A reconciliation that is under way.
#[derive(Debug)]
pub(crate) struct Reconciling {
    pub(crate) comparing: Comparing,
    /// How many messages went.
    pub(crate) round: u32,
    /// What this node lacks and will ask for.
    pub(crate) wanted: Vec<EnvelopeId>,
    /// What the other seems to lack.
    pub(crate) offered: Vec<EnvelopeId>,
    /// Whether anything is to come or go.
    pub(crate) moves: bool,
    /// Whether something was left to another peer, who was asked for it.
    pub(crate) skipped: bool,
}

impl Reconciling {
    /// One that begins.
    pub(crate) fn new(comparing: Comparing) -> Self {
        Self { comparing, round: 0, wanted: Vec::new(), offered: Vec::new(), moves: false, skipped: false }
    }
}

/// A connected peer.
#[derive(Debug, Default)]
struct Partner {
    due_ms: Option<u64>,
    /// The answer to a comparison is awaited.
    is_asked: bool,
    /// At which version of the sets it was asked last, and when it may be asked again if there is a newer one.
    asked_at: Option<u64>,
    slow_due_ms: u64,
    /// Groups to compare even if nothing changed there.
    forced: BTreeSet<GroupId>,
    /// Compare all groups, whether they changed or not.
    all: bool,
    waiting: VecDeque<Comparing>,
    reconciling: usize,
    /// Rows of envelopes to give, in the order in which they came in here.
    gifts: BTreeSet<i64>,
    /// How both sides were when there was nothing more to exchange.
    settled: BTreeMap<GroupId, (Fingerprint, Fingerprint)>,
    answered_since_ms: u64,
    answered: u32,
    /// When it last brought what cannot be placed here, and was therefore asked.
    puzzled_ms: Option<u64>,
}

/// Something is missing in a group.
#[derive(Debug, Default)]
struct Gap {
    due_ms: u64,
    asked: usize,
    parents: BTreeSet<MessageId>,
}

/// All of them.
#[derive(Debug, Default)]
pub(crate) struct Partners {
    connected: BTreeMap<PeerKey, Partner>,
    gaps: BTreeMap<GroupId, Gap>,
    /// Whom this node asked for an envelope, and when.
    awaited: BTreeMap<EnvelopeId, (PeerKey, u64)>,
    /// What peers did not take, and how often.
    declined: BTreeMap<PeerKey, BTreeMap<EnvelopeId, u8>>,
    /// How many keepers of own messages were written down, of late.
    keepers: BTreeMap<EnvelopeId, u8>,
}

impl Partners {
    /// A peer is there; `begins` says which of the two asks first.
    pub(crate) fn connected(&mut self, peer: PeerKey, begins: bool, now_ms: u64) {
        let after_ms = if begins { AFTER_CONNECTING_MS } else { OTHER_BEGINS_AFTER_MS };
        let due_ms = Some(now_ms.saturating_add(after_ms));
        self.connected.insert(peer, Partner { due_ms, all: true, ..Partner::default() });
    }

    /// A peer is gone.
    pub(crate) fn disconnected(&mut self, peer: PeerKey) {
        self.connected.remove(&peer);
        // What it was asked for may be had from another.
        self.awaited.retain(|_, (asked, _)| *asked != peer);
    }

    /// The clock was set back: nothing waits for longer than it would have from here.
    pub(crate) fn set_clock_back(&mut self, now_ms: u64) {
        for partner in self.connected.values_mut() {
            partner.due_ms = partner.due_ms.map(|due_ms| due_ms.min(now_ms.saturating_add(LOOK_AGAIN_MS)));
            partner.slow_due_ms = partner.slow_due_ms.min(now_ms.saturating_add(SLOW_CLOCK_MS));
            partner.answered_since_ms = partner.answered_since_ms.min(now_ms);
            partner.puzzled_ms = None;
        }
        for gap in self.gaps.values_mut() {
            gap.due_ms = gap.due_ms.min(now_ms.saturating_add(LOOK_AGAIN_MS));
        }
        self.awaited.clear();
    }

    /// When there is something to do; `version` is that of the sets.
    pub(crate) fn due_ms(&self, version: u64) -> Option<u64> {
        let partners = self.connected.values().filter_map(|partner| partner.due_ms(version));
        let alone = self.connected.is_empty();
        partners.chain(self.gaps.values().filter(|_| !alone).map(|gap| gap.due_ms)).min()
    }

    /// The peers to ask now.
    pub(crate) fn take_due(&mut self, version: u64, now_ms: u64) -> Vec<PeerKey> {
        let is_due = |partner: &Partner| partner.due_ms(version).is_some_and(|due_ms| due_ms <= now_ms);
        self.connected.iter().filter(|(_, partner)| is_due(partner)).map(|(peer, _)| *peer).collect()
    }

    /// Which groups a peer is asked about: all of them, or those for which this says so, given how they are here now.
    pub(crate) fn is_to_compare(&self, peer: PeerKey, group: GroupId, ours: Fingerprint) -> bool {
        self.connected.get(&peer).is_some_and(|partner| {
            let settled = partner.settled.get(&group).is_some_and(|(settled, _)| *settled == ours);
            partner.all || partner.forced.contains(&group) || !settled
        })
    }

    /// A peer was looked at, and is asked or need not be. `chance` is any random number.
    pub(crate) fn looked_at(&mut self, peer: PeerKey, is_asked: bool, version: u64, now_ms: u64, chance: u32) {
        if let Some(partner) = self.connected.get_mut(&peer) {
            partner.due_ms = None;
            partner.is_asked = is_asked;
            partner.asked_at = Some(version);
            partner.slow_due_ms =
                now_ms.saturating_add(SLOW_CLOCK_MS).saturating_add(u64::from(chance) % SLOW_CLOCK_MS);
            partner.forced.clear();
            partner.all = false;
        }
    }

    /// A peer asked this node: it need not be asked.
    pub(crate) fn was_asked(&mut self, peer: PeerKey, all: bool) {
        if let Some(partner) = self.connected.get_mut(&peer).filter(|partner| partner.all && all) {
            (partner.due_ms, partner.all) = (None, false);
        }
    }

    /// A peer gave no answer that helps: it is asked again, about everything.
    pub(crate) fn failed(&mut self, peer: PeerKey, now_ms: u64) {
        if let Some(partner) = self.connected.get_mut(&peer) {
            partner.is_asked = false;
            partner.all = true;
            partner.due_ms = Some(now_ms.saturating_add(LOOK_AGAIN_MS));
        }
    }

    /// A peer has answered about this group: as it is here, or not.
    pub(crate) fn compared(&mut self, peer: PeerKey, comparing: Comparing) {
        let Some(partner) = self.connected.get_mut(&peer) else { return };
        let pair = (comparing.ours, comparing.theirs);
        if comparing.ours == comparing.theirs {
            partner.settled.insert(comparing.group, pair);
        } else if partner.settled.get(&comparing.group) != Some(&pair)
            && !partner.waiting.iter().any(|waiting| waiting.group == comparing.group)
        {
            partner.waiting.push_back(comparing);
        }
    }

    /// A peer has answered about all groups.
    pub(crate) fn answered(&mut self, peer: PeerKey) {
        if let Some(partner) = self.connected.get_mut(&peer) {
            partner.is_asked = false;
        }
    }

    /// The next group to reconcile with a peer.
    pub(crate) fn next_group(&mut self, peer: PeerKey) -> Option<Comparing> {
        let partner = self.connected.get_mut(&peer).filter(|partner| partner.reconciling < RECONCILING_MAX)?;
        let next = partner.waiting.pop_front()?;
        partner.reconciling = partner.reconciling.saturating_add(1);
        Some(next)
    }

    /// A reconciliation ended, well or not.
    pub(crate) fn ended(&mut self, peer: PeerKey, ended: &Reconciling, is_whole: bool, now_ms: u64) {
        let Some(partner) = self.connected.get_mut(&peer) else { return };
        partner.reconciling = partner.reconciling.saturating_sub(1);
        let Comparing { group, ours, theirs, .. } = ended.comparing;
        if is_whole && !ended.moves && !ended.skipped {
            partner.settled.insert(group, (ours, theirs));
            return;
        }
        partner.forced.insert(group);
        let due_ms = now_ms.saturating_add(LOOK_AGAIN_MS);
        partner.due_ms = Some(partner.due_ms.map_or(due_ms, |known| known.min(due_ms)));
    }

    /// Something is missing in a group: an epoch, or the parent of a message.
    pub(crate) fn gap(&mut self, group: GroupId, parent: Option<MessageId>, now_ms: u64) {
        if self.gaps.len() >= GAPS_MAX && !self.gaps.contains_key(&group) {
            return;
        }
        let [first_ms, ..] = GAP_PAUSES_MS;
        let fresh = || Gap { due_ms: now_ms.saturating_add(first_ms), ..Gap::default() };
        let gap = self.gaps.entry(group).or_insert_with(fresh);
        if gap.parents.len() < GAP_PARENTS_MAX {
            gap.parents.extend(parent);
        }
    }

    /// A peer brought what cannot be placed here: it may be of a topic that the group has turned to meanwhile.
    pub(crate) fn puzzled_by(&mut self, peer: PeerKey, groups: &[GroupId], now_ms: u64) {
        let Some(partner) = self.connected.get_mut(&peer) else { return };
        let [first_ms, ..] = GAP_PAUSES_MS;
        // As often as a peer may be looked at again anyway, whatever it brings.
        let may_ms = partner.puzzled_ms.map_or(0, |at_ms| at_ms.saturating_add(LOOK_AGAIN_MS));
        if partner.due_ms.is_none() && may_ms <= now_ms {
            partner.puzzled_ms = Some(now_ms);
            partner.forced.extend(groups);
            partner.due_ms = Some(now_ms.saturating_add(first_ms));
        }
    }

    /// Gaps of which somebody is to be asked now, with the parents that were missing.
    pub(crate) fn due_gaps(&self, now_ms: u64) -> Vec<(GroupId, Vec<MessageId>)> {
        let due = self.gaps.iter().filter(|(_, gap)| gap.due_ms <= now_ms && !self.connected.is_empty());
        due.map(|(group, gap)| (*group, gap.parents.iter().copied().collect())).collect()
    }

    /// A gap is closed.
    pub(crate) fn close_gap(&mut self, group: GroupId) {
        self.gaps.remove(&group);
    }

    /// One of these peers is asked about a gap; after a few times nobody is any more.
    pub(crate) fn ask_about_gap(&mut self, group: GroupId, peers: &[PeerKey], now_ms: u64, chance: u32) {
        let Some(gap) = self.gaps.get_mut(&group) else { return };
        gap.asked = gap.asked.saturating_add(1);
        match GAP_PAUSES_MS.get(gap.asked) {
            Some(pause_ms) => gap.due_ms = now_ms.saturating_add(*pause_ms),
            None => drop(self.gaps.remove(&group)),
        }
        let chosen = usize::try_from(chance).unwrap_or_default().checked_rem(peers.len());
        if let Some(partner) = chosen.and_then(|at| peers.get(at)).and_then(|peer| self.connected.get_mut(peer)) {
            partner.forced.insert(group);
            partner.due_ms = Some(now_ms);
        }
    }

    /// Of what a peer has and this node lacks, what to ask it for; and whether something is left to another.
    pub(crate) fn want(&mut self, peer: PeerKey, ids: Vec<EnvelopeId>, now_ms: u64) -> (Vec<EnvelopeId>, bool) {
        let mut skipped = false;
        let mut wanted = Vec::new();
        for id in ids {
            let awaited = self.awaited.get(&id).filter(|(asked, at_ms)| {
                let for_ms = if *asked == peer { AWAITED_HERE_MS } else { AWAITED_ELSEWHERE_MS };
                at_ms.saturating_add(for_ms) > now_ms
            });
            if let Some((asked, _)) = awaited {
                skipped |= *asked != peer;
                continue;
            }
            if self.awaited.len() >= AWAITED_MAX {
                self.awaited.retain(|_, (_, at_ms)| at_ms.saturating_add(AWAITED_ELSEWHERE_MS) > now_ms);
            }
            if self.awaited.len() < AWAITED_MAX {
                self.awaited.insert(id, (peer, now_ms));
            }
            wanted.push(id);
        }
        (wanted, skipped)
    }

    /// An envelope came in: nobody is waited for with it.
    pub(crate) fn came(&mut self, id: EnvelopeId) {
        self.awaited.remove(&id);
    }

    /// Whether an envelope may be offered to a peer.
    pub(crate) fn may_offer(&self, peer: PeerKey, id: EnvelopeId) -> bool {
        let times = self.declined.get(&peer).and_then(|declined| declined.get(&id));
        times.is_none_or(|times| *times < LATER_MAX)
    }

    /// A peer did not take an envelope; `for_good` if it never will.
    pub(crate) fn declined(&mut self, peer: PeerKey, id: EnvelopeId, for_good: bool) {
        if self.declined.len() >= DECLINERS_MAX && !self.declined.contains_key(&peer) {
            self.declined.clear();
        }
        let declined = self.declined.entry(peer).or_default();
        if declined.len() >= DECLINED_MAX {
            declined.clear();
        }
        let times = declined.entry(id).or_default();
        *times = if for_good { LATER_MAX } else { times.saturating_add(1) };
    }

    /// A peer wants these.
    pub(crate) fn give(&mut self, peer: PeerKey, rows: impl IntoIterator<Item = i64>) {
        if let Some(partner) = self.connected.get_mut(&peer) {
            let room = GIFTS_MAX.saturating_sub(partner.gifts.len());
            partner.gifts.extend(rows.into_iter().take(room));
        }
    }

    /// What is to be given to a peer next, at most so many.
    pub(crate) fn gifts(&self, peer: PeerKey, count_max: usize) -> Vec<i64> {
        self.connected
            .get(&peer)
            .map_or_else(Vec::new, |partner| partner.gifts.iter().copied().take(count_max).collect())
    }

    /// Whether something is to be given to a peer.
    pub(crate) fn has_gifts(&self, peer: PeerKey) -> bool {
        self.connected.get(&peer).is_some_and(|partner| !partner.gifts.is_empty())
    }

    /// These were given, or are not here any more.
    pub(crate) fn gave(&mut self, peer: PeerKey, rows: impl IntoIterator<Item = i64>) {
        if let Some(partner) = self.connected.get_mut(&peer) {
            for row in rows {
                partner.gifts.remove(&row);
            }
        }
    }

    /// Whether one more keeper of an own message is worth writing down; it counts as written then.
    pub(crate) fn is_keeper(&mut self, id: EnvelopeId) -> bool {
        if self.keepers.len() >= KEEPERS_COUNTED_MAX {
            self.keepers.clear();
        }
        let count = self.keepers.entry(id).or_default();
        *count = count.saturating_add(1);
        *count <= KEEPERS_MAX
    }

    /// Whether one more question of a peer is answered now.
    pub(crate) fn may_answer(&mut self, peer: PeerKey, now_ms: u64) -> bool {
        let Some(partner) = self.connected.get_mut(&peer) else { return true };
        if partner.answered_since_ms.saturating_add(MINUTE_MS) <= now_ms || partner.answered_since_ms > now_ms {
            (partner.answered_since_ms, partner.answered) = (now_ms, 0);
        }
        partner.answered = partner.answered.saturating_add(1);
        partner.answered <= PARTNER_REQUESTS_MAX
    }

    /// An answer had to do with a set of so many envelopes.
    pub(crate) fn worked(&mut self, peer: PeerKey, envelopes: usize) {
        if let Some(partner) = self.connected.get_mut(&peer) {
            let more = u32::try_from(envelopes / ENVELOPES_A_REQUEST).unwrap_or(u32::MAX);
            partner.answered = partner.answered.saturating_add(more);
        }
    }
}

impl Partner {
    fn due_ms(&self, version: u64) -> Option<u64> {
        if self.is_asked {
            return None;
        }
        let slow = self.asked_at.filter(|asked_at| *asked_at < version).map(|_| self.slow_due_ms);
        self.due_ms.into_iter().chain(slow).min()
    }
}
