//! What is held of each group, summed up: two equal sets have equal sums, and an envelope more costs one addition.

use std::collections::BTreeMap;

use tidings_crypto::envelope::{EnvelopeId, Week};
use tidings_crypto::group::GroupId;
use tidings_crypto::identity::NodeId;

use super::{Fingerprint, halves};

/// Envelopes of this week and so many before it are compared, and kept for the others: 30 days and what is left of a week.
const HELD_WEEKS: u32 = 4;
/// The founding commit, which nobody else ever sees, is made at MLS's number 0.
const FIRST_NUMBER: u64 = 1;

/// A sum of envelope ids, and how many they are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Sum {
    count: u64,
    low: u128,
    high: u128,
}

impl Sum {
    fn add(&mut self, other: Self) {
        let (low, carry) = self.low.overflowing_add(other.low);
        self.low = low;
        self.high = self.high.wrapping_add(other.high).wrapping_add(u128::from(carry));
        self.count = self.count.saturating_add(other.count);
    }

    fn of(id: EnvelopeId) -> Self {
        let [high, low] = halves(id);
        Self { count: 1, low, high }
    }
}

/// What is held of a group, by the number of the epoch and the week.
type Places = BTreeMap<(u64, u32), Sum>;

/// What is held of all groups, and from when on which node is in which.
#[derive(Debug, Default)]
pub(crate) struct Sets {
    /// Whether what the database has is in it.
    is_read: bool,
    places: BTreeMap<GroupId, Places>,
    since: BTreeMap<GroupId, BTreeMap<NodeId, u64>>,
    /// Counts the additions: whoever compared before the last of them may differ.
    version: u64,
}

impl Sets {
    /// Whether what the database has is in it; until then nothing needs to be told to it.
    pub(crate) fn is_read(&self) -> bool {
        self.is_read
    }

    /// Takes in what the database has.
    pub(crate) fn read(
        &mut self,
        held: impl IntoIterator<Item = (GroupId, u64, Week, EnvelopeId)>,
        since: impl IntoIterator<Item = (GroupId, NodeId, u64)>,
    ) {
        self.is_read = true;
        for (group, number, week, id) in held {
            self.add_read(group, number, week, id);
        }
        for (group, node, number) in since {
            self.came_in(group, node, number);
        }
    }

    /// An envelope is held.
    pub(crate) fn add(&mut self, group: GroupId, number: u64, week: Week, id: EnvelopeId) {
        self.version = self.version.saturating_add(1);
        if self.is_read {
            self.add_read(group, number, week, id);
        }
    }

    fn add_read(&mut self, group: GroupId, number: u64, week: Week, id: EnvelopeId) {
        self.places.entry(group).or_default().entry((number, week.0)).or_default().add(Sum::of(id));
    }

    /// A node is in a group from an epoch of this number on.
    pub(crate) fn came_in(&mut self, group: GroupId, node: NodeId, number: u64) {
        if self.is_read {
            self.since.entry(group).or_default().insert(node, number);
        }
    }

    /// From which epoch on two nodes can compare: the one in which both were.
    pub(crate) fn from(&self, group: GroupId, nodes: [NodeId; 2]) -> u64 {
        let since = self.since.get(&group);
        let since = nodes.iter().filter_map(|node| since.and_then(|since| since.get(node)));
        since.copied().max().unwrap_or(0).max(FIRST_NUMBER)
    }

    /// What of these weeks is no longer compared.
    pub(crate) fn drop_before(&mut self, week: Week) {
        for places in self.places.values_mut() {
            places.retain(|(_, held), _| *held >= week.0);
        }
    }

    /// What the set of a group is, from an epoch and a week on.
    pub(crate) fn fingerprint(&self, group: GroupId, from: u64, week: Week) -> Fingerprint {
        let mut sum = Sum::default();
        let places = self.places.get(&group).into_iter().flat_map(|places| places.range((from, 0)..));
        for (_, held) in places.filter(|((_, held), _)| *held >= week.0) {
            sum.add(*held);
        }
        let mut fingerprint = Fingerprint::default();
        let mut hasher = blake3::Hasher::new_derive_key("tidings v1 sync fingerprint");
        hasher.update(&sum.count.to_be_bytes()).update(&sum.high.to_be_bytes()).update(&sum.low.to_be_bytes());
        hasher.finalize_xof().fill(&mut fingerprint);
        fingerprint
    }

    /// Counts the additions.
    pub(crate) fn version(&self) -> u64 {
        self.version
    }
}

/// The first week that is compared at a time.
pub(crate) fn first_week(now_ms: u64) -> Week {
    Week(Week::of(now_ms).0.saturating_sub(HELD_WEEKS))
}
