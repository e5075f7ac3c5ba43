//! What a group costs at 2 to 1,000 members: time, bytes on the wire, bytes to save; T6 and T7 with their targets.
//!
//! `cargo bench -p tidings-crypto --features bare` also prints what the library takes without our layer, over the same
//! state. *Cold* is a group in which only its founder has committed; *warm* one in which members all over the tree
//! have; `-- 100` leaves larger groups out. Times are processor time, and medians where something is done often; what the
//! library gives to worker threads (sealing to many) is not in them.

#![expect(
    clippy::expect_used,
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a benchmark reads the clock, prints, and may stop"
)]

use std::time::{Duration, Instant};

use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;
use tidings_crypto::{
    envelope::WelcomeContent,
    group::{
        Change, Committed, Group, GroupChanges, GroupId, KeyPackage, Moment, Policy, Received, StoredGroup, Suite,
    },
    identity::LocalNode,
};

const NOW_MS: u64 = 1_800_000_000_000;
const MOMENT: Moment = Moment { now_ms: NOW_MS, place: NOW_MS };
const ID: GroupId = GroupId([1; 16]);
const PAYLOAD: [u8; 1024] = [7; 1024];
/// As many as a commit to a thousand members holds.
const ADDED_AT_ONCE_MAX: usize = 250;
/// How many members commit to warm a tree: more make a large group no warmer, and the benchmark slow.
const WARMING_MAX: usize = 50;

struct Node {
    me: LocalNode,
    group: Group,
}

/// What one operation took, and what it made.
#[derive(Default)]
struct Cost {
    times: Vec<Duration>,
    wire_bytes: usize,
    saved_bytes: usize,
    bare: Option<Duration>,
}

impl Cost {
    fn median(&self) -> Duration {
        let mut times = self.times.clone();
        times.sort_unstable();
        times.get(times.len() / 2).copied().unwrap_or_default()
    }

    fn print(&self, label: &str, what: &str) {
        let ms = |time: Duration| time.as_secs_f64() * 1e3;
        let bare = self.bare.map_or_else(String::new, |bare| {
            format!("  library {:>9.3} ms ({:.1}x)", ms(bare), ms(self.median()) / ms(bare))
        });
        let Self { wire_bytes, saved_bytes, .. } = self;
        println!(
            "{label:<22} {what:<10} {:>9.3} ms  {wire_bytes:>7} B sent  {saved_bytes:>8} B saved{bare}",
            ms(self.median())
        );
    }
}

fn timed<T>(cost: &mut Cost, act: impl FnOnce() -> T) -> T {
    let (result, time) = once(act);
    cost.times.push(time);
    result
}

/// What something came to, and the time that it had a processor for: what else the machine does is left out. Where the
/// system does not tell that, it is the time by the clock.
fn once<T>(act: impl FnOnce() -> T) -> (T, Duration) {
    let (clock, before) = (Instant::now(), processor_time());
    let result = act();
    let time = processor_time().zip(before).map(|(after, before)| after.saturating_sub(before));
    (result, time.unwrap_or_else(|| clock.elapsed()))
}

/// How long this thread has had a processor: Linux counts it in nanoseconds, and up to the last time it looked, which
/// it does when a thread yields.
fn processor_time() -> Option<Duration> {
    std::thread::yield_now();
    let counted = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    counted.split_whitespace().next()?.parse().ok().map(Duration::from_nanos)
}

fn state_bytes(changes: &GroupChanges) -> usize {
    changes.state_put.iter().map(|row| row.key.len() + row.value.len()).sum()
}

fn join(
    me: LocalNode,
    committed: &Committed,
    package: &KeyPackage,
    secret: &tidings_crypto::group::KeyPackageSecret,
) -> Node {
    let welcome = committed.welcome.as_ref().and_then(|all| all.of(&me.node_id())).expect("there is a welcome");
    let content = WelcomeContent {
        group: ID.0,
        epoch: committed.epoch,
        welcome,
        apart: None,
        inviter_card: vec![],
        above: Vec::new(),
    };
    let lookup = |reference: &[u8; 32]| (*reference == package.reference).then(|| secret.clone());
    let group = Group::join(&me, &content, lookup, NOW_MS).expect("everybody joins").group;
    Node { me, group }
}

/// A group of so many; the founder, how long founding took, and some members all over the tree, the last one last.
fn found(suite: Suite, count: usize, rng: &mut ChaCha20Rng) -> (Node, Duration, Vec<Node>) {
    let me = LocalNode::generate(0, u64::MAX, rng);
    let mut others = Vec::new();
    for _ in 1..count {
        let other = LocalNode::generate(0, u64::MAX, rng);
        let (package, secret) = KeyPackage::generate(&other, suite, true, rng).expect("a key package is made");
        others.push((other, package, secret));
    }
    let policy = Policy::group(me.account_id(), "Bench".to_owned());
    let ((group, committed), founding) = once(|| {
        let mut group = Group::create(&me, ID, &policy, suite, rng).expect("a group is founded");
        let mut committed = Vec::new();
        for batch in others.chunks(ADDED_AT_ONCE_MAX) {
            let add = batch.iter().map(|(_, package, _)| package.bytes.as_slice()).collect();
            let change = Change { add, ..Change::default() };
            committed.push(group.change(&me, change, MOMENT, rng).expect("everybody is added"));
        }
        (group, committed)
    });
    let stride = count.div_ceil(WARMING_MAX);
    let last = others.len().saturating_sub(1);
    let mut joined = Vec::new();
    for (number, (other, package, secret)) in others.into_iter().enumerate() {
        if number % stride == 0 || number + 2 > last {
            let batch = committed.get(number / ADDED_AT_ONCE_MAX).expect("each was in a batch");
            joined.push(join(other, batch, &package, &secret));
        }
    }
    (Node { me, group }, founding, joined)
}

/// Strands a node: it gets a commit of its own that a copy of it made, and of which it has no keys.
fn strand(node: &mut Node, rng: &mut ChaCha20Rng) {
    let mut copy = Group::load(saved(&mut node.group)).expect("what was saved is read");
    let committed = copy.change(&node.me, Change::default(), MOMENT, rng).expect("the copy renews its keys");
    assert!(matches!(node.group.receive(&committed.content, NOW_MS), Received::Late(_)), "it cannot follow");
}

/// Each of them comes back by the one before, which is a commit; the founder follows them all.
fn warm(founder: &mut Node, members: &mut [Node], rng: &mut ChaCha20Rng) {
    let mut giver: Option<usize> = None;
    for index in 0..members.len() {
        let (before, from) = members.split_at_mut(index);
        let Some(member) = from.first_mut() else { continue };
        let by = giver.and_then(|giver| before.get(giver)).unwrap_or(founder);
        let Some(sealed) = by.group.way_in(&by.me, member.me.node_id(), rng) else { continue }; // It was removed.
        let way_in = sealed.open(&member.me.keys).expect("it is for this member");
        strand(member, rng);
        let committed = member.group.come_back(&member.me, &way_in, MOMENT, rng).expect("everybody comes back");
        let received = founder.group.receive(&committed.content, NOW_MS);
        assert!(matches!(received, Received::Committed { .. }), "{received:?}");
        giver = Some(index);
    }
}

fn saved(group: &mut Group) -> StoredGroup {
    let changes = group.take_changes();
    StoredGroup { id: ID, epochs: changes.epochs_put, state: changes.state_put, ballots: vec![], removed: vec![] }
}

#[cfg(feature = "bare")]
mod bare {
    use super::{Duration, Group, LocalNode, PAYLOAD, once};
    use tidings_crypto::{group::bare::Bare, identity::NodeId};

    /// Load, encrypt, decrypt.
    pub(super) fn messages(me: &LocalNode, author: &Group, reader: &Group) -> Option<[Duration; 3]> {
        let (mut from, loading) = once(|| Bare::load(author).expect("it loads"));
        let mut to = Bare::load(reader).expect("it loads");
        let (mut encrypting, mut decrypting) = (Vec::new(), Vec::new());
        for _ in 0..101 {
            let (bytes, time) = once(|| from.encrypt(me, &PAYLOAD).expect("it is encrypted"));
            encrypting.push(time);
            decrypting.push(once(|| to.receive(&bytes).expect("it is read")).1);
        }
        encrypting.sort_unstable();
        decrypting.sort_unstable();
        Some([loading, *encrypting.get(50)?, *decrypting.get(50)?])
    }

    /// Making a commit, and taking it.
    pub(super) fn commit(
        me: &LocalNode,
        author: &Group,
        reader: &Group,
        add: &[&[u8]],
        remove: &[NodeId],
    ) -> Option<[Duration; 2]> {
        let (mut from, mut to) = (Bare::load(author).expect("it loads"), Bare::load(reader).expect("it loads"));
        let (bytes, making) = once(|| from.commit(me, add, remove, author).expect("a commit is made"));
        let ((), taking) = once(|| to.receive(&bytes).expect("it is taken"));
        Some([making, taking])
    }
}

#[cfg(not(feature = "bare"))]
mod bare {
    use super::{Duration, Group, LocalNode};
    use tidings_crypto::identity::NodeId;

    pub(super) fn messages(_: &LocalNode, _: &Group, _: &Group) -> Option<[Duration; 3]> {
        None
    }

    pub(super) fn commit(_: &LocalNode, _: &Group, _: &Group, _: &[&[u8]], _: &[NodeId]) -> Option<[Duration; 2]> {
        None
    }
}

/// An author and a reader who hold the same epoch.
struct Pair {
    label: String,
    author: Node,
    reader: Node,
    rng: ChaCha20Rng,
}

impl Pair {
    fn messages(&mut self) {
        let (mut encrypting, mut decrypting) = (Cost::default(), Cost::default());
        let bare = bare::messages(&self.author.me, &self.author.group, &self.reader.group);
        self.author.group.take_changes();
        self.reader.group.take_changes();
        for _ in 0..101 {
            let Node { me, group } = &mut self.author;
            let content = timed(&mut encrypting, || group.encrypt(me, &PAYLOAD, &mut self.rng).expect("encrypted"));
            encrypting.wire_bytes = content.message.len();
            encrypting.saved_bytes = state_bytes(&self.author.group.take_changes());
            let received = timed(&mut decrypting, || self.reader.group.receive(&content, NOW_MS));
            assert!(matches!(received, Received::Message { .. }), "{received:?}");
            decrypting.saved_bytes = state_bytes(&self.reader.group.take_changes());
        }
        encrypting.bare = bare.map(|[_, time, _]| time);
        decrypting.bare = bare.map(|[_, _, time]| time);
        encrypting.print(&self.label, "encrypt");
        decrypting.print(&self.label, "decrypt");
    }

    /// A commit by the author that the reader takes; `None` is an update.
    fn commit(&mut self, what: &str, change: &Change<'_>) -> (Committed, Duration) {
        let (mut making, mut taking) = (Cost::default(), Cost::default());
        let bare = bare::commit(&self.author.me, &self.author.group, &self.reader.group, &change.add, &change.remove);
        let Node { me, group } = &mut self.author;
        let committed =
            timed(&mut making, || group.change(me, change.clone(), MOMENT, &mut self.rng).expect("it is made"));
        making.wire_bytes = committed.content.message.len();
        making.saved_bytes = state_bytes(&self.author.group.take_changes());
        let received = timed(&mut taking, || self.reader.group.receive(&committed.content, NOW_MS));
        assert!(matches!(received, Received::Committed { .. }), "{received:?}");
        taking.saved_bytes = state_bytes(&self.reader.group.take_changes());
        making.bare = bare.map(|[time, _]| time);
        taking.bare = bare.map(|[_, time]| time);
        making.print(&self.label, what);
        taking.print(&self.label, "  apply");
        (committed, taking.median())
    }

    /// Of a full group somebody goes.
    fn make_room(&mut self, suite: Suite) {
        let ours = [self.author.me.node_id(), self.reader.me.node_id()];
        let members = self.author.group.members();
        let other = members.iter().map(|member| member.node).find(|node| !ours.contains(node));
        if let (true, Some(node)) = (members.len() == suite.members_max(), other) {
            self.commit("remove", &Change { remove: vec![node], ..Change::default() });
        }
    }

    /// Adds one, who joins, and removes it again.
    fn membership(&mut self, suite: Suite) {
        let newcomer = LocalNode::generate(0, u64::MAX, &mut self.rng);
        let node = newcomer.node_id();
        let (package, secret) = KeyPackage::generate(&newcomer, suite, true, &mut self.rng).expect("a key package");
        let (committed, _) = self.commit("add", &Change { add: vec![&package.bytes], ..Change::default() });
        let mut joining = Cost {
            wire_bytes: committed.welcome.as_ref().and_then(|all| all.of(&node)).map_or(0, |one| one.len()),
            ..Cost::default()
        };
        let mut joined = timed(&mut joining, || join(newcomer, &committed, &package, &secret));
        let stored = saved(&mut joined.group);
        joining.saved_bytes = stored.state.iter().map(|row| row.value.len()).sum();
        joining.print(&self.label, "join");
        let mut loading = Cost::default();
        let group = timed(&mut loading, || Group::load(stored).expect("it loads"));
        assert_eq!(group.head(), committed.epoch);
        loading.bare = bare::messages(&self.author.me, &self.author.group, &self.reader.group).map(|[time, ..]| time);
        loading.print(&self.label, "load");
        self.commit("remove", &Change { remove: vec![node], ..Change::default() });
    }

    /// Two commit at once; the time from the arrival of the other's commit to the same head on both sides.
    fn heal(&mut self) -> Duration {
        let Self { author, reader, rng, .. } = self;
        let ours = author.group.change(&author.me, Change::default(), MOMENT, rng).expect("an update is made");
        let theirs = reader.group.change(&reader.me, Change::default(), MOMENT, rng).expect("an update is made");
        let mut healing = Cost::default();
        timed(&mut healing, || author.group.receive(&theirs.content, NOW_MS));
        timed(&mut healing, || reader.group.receive(&ours.content, NOW_MS));
        assert_eq!(author.group.head(), reader.group.head(), "both are at one head");
        assert_eq!(author.group.authenticator(), reader.group.authenticator(), "and hold the same keys");
        healing.print(&self.label, "heal fork");
        healing.times.iter().max().copied().unwrap_or_default()
    }
}

fn verdict(what: &str, time: Duration, target_ms: u64) {
    let met = if time <= Duration::from_millis(target_ms) { "met" } else { "MISSED" };
    println!("{what}: {:.1} ms; target {target_ms} ms: {met}", time.as_secs_f64() * 1e3);
}

fn measure(suite: Suite, count: usize) {
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    let (founder, founding, mut members) = found(suite, count, &mut rng);
    let largest = count == 1000;
    if largest {
        verdict("T7 create a group of 1,000", founding, 1000);
    } else {
        println!("{suite:?} {count:>5}           create     {:>9.3} ms", founding.as_secs_f64() * 1e3);
    }
    let reader = members.pop().expect("there is somebody besides the founder");
    let label = format!("{suite:?} {count} cold");
    let mut pair = Pair { label, author: founder, reader, rng };
    pair.messages();
    pair.commit("update", &Change::default());
    pair.make_room(suite);
    pair.membership(suite);
    let healing = pair.heal();
    if count < 10 {
        return;
    }
    let Pair { author: mut founder, mut rng, .. } = pair;
    warm(&mut founder, &mut members, &mut rng);
    let reader = members.pop().expect("there are ten");
    let mut pair = Pair { label: format!("{suite:?} {count} warm"), author: founder, reader, rng };
    pair.messages();
    let (_, applying) = pair.commit("update", &Change::default());
    pair.make_room(suite);
    pair.membership(suite);
    let warm_healing = pair.heal();
    if largest {
        verdict("T7 apply a warm commit at 1,000", applying, 100);
        verdict("T6 heal a fork at 1,000 (of which this layer)", healing.max(warm_healing), 500);
    }
}

fn main() {
    let count_max = std::env::args().find_map(|argument| argument.parse().ok()).unwrap_or(1000);
    for (suite, counts) in [(Suite::Classic, vec![2, 10, 100, 1000]), (Suite::Hybrid, vec![2, 10, 64])] {
        for count in counts.into_iter().filter(|count| *count <= count_max) {
            measure(suite, count);
        }
    }
}
