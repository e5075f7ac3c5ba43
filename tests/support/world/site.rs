//! What the world is made of: its nodes, and what is going to happen to them.

use std::collections::{BTreeMap, BTreeSet};

use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;
use tidings_crypto::identity::LocalNode;
use tidings_node::engine::{Engine, Input};
use tidings_node::ids::{AccountId, PeerKey, TopicTag};
use tidings_node::network::{AnswerId, GossipId};
use tidings_node::store::Store;

use super::disks::Ailing;
use super::{CERTIFICATE_MS, Place, START_MS};

/// A node of the world: an engine while it is up, its database always.
pub(super) struct Site {
    pub(super) me_seed: [u8; 32],
    pub(super) account: AccountId,
    pub(super) peer: PeerKey,
    pub(super) name: String,
    pub(super) engine: Option<Engine>,
    pub(super) store: Option<Store>,
    /// Counts the starts: what was under way for an earlier start is void.
    pub(super) start: u32,
    pub(super) wake_at_ms: Option<u64>,
    pub(super) clock_offset_ms: i64,
    /// How far the clock has jumped from there.
    pub(super) clock_jump_ms: i64,
    /// The time that its loop goes by.
    pub(super) loop_ms: u64,
    /// Until when its lid is closed.
    pub(super) asleep_until_ms: Option<u64>,
    pub(super) subscribed: BTreeSet<TopicTag>,
    pub(super) known: BTreeSet<PeerKey>,
    pub(super) gossip_seen: BTreeSet<[u8; 32]>,
    /// Gossip that waits for a verdict: the topic and the bytes.
    pub(super) gossip_held: BTreeMap<GossipId, (TopicTag, Vec<u8>)>,
    /// Requests of others that wait for an answer: who asked, and under which number.
    pub(super) answers_owed: BTreeMap<AnswerId, (Place, u32, u64)>,
    /// Where it stood when that was told last.
    pub(super) told: Vec<String>,
    pub(super) rng: ChaCha20Rng,
    /// The disk under its database, if that can fail.
    pub(super) ailing: Option<Ailing>,
    /// Whether it keeps envelopes for others.
    pub(super) serves: bool,
    /// Whether, as a mailbox, it gives nothing of what it keeps.
    pub(super) withholds: bool,
}

/// Something that will happen.
#[derive(Debug)]
pub(super) enum Happening {
    Input { to: Place, start: u32, input: Box<Input> },
    Wake { at: Place, start: u32 },
    Look { at: Place, start: u32 },
    Clock { at: Place, jump_ms: i64 },
    Lid { at: Place, open_ms: u64 },
    CircuitEnds { one: Place, other: Place, number: u64 },
    Restart { at: Place },
    Room { at: Place },
    Link { one: Place, other: Place, up: bool },
    Dial { one: Place, other: Place },
    Notice { one: Place, other: Place },
    TimeOut { from: Place, start: u32, to: Place, request: u64 },
}

pub(super) fn pair(one: Place, other: Place) -> (Place, Place) {
    (one.min(other), one.max(other))
}

pub(super) fn local_node(seed: [u8; 32]) -> LocalNode {
    LocalNode::generate(START_MS - CERTIFICATE_MS, START_MS + CERTIFICATE_MS, &mut ChaCha20Rng::from_seed(seed))
}
