//! A world of engines: databases in memory, a virtual clock, a seeded network. Same seed, same trace.
//!
//! Nothing in it waits for real time. What happens next is the earliest happening of one queue; ties go by the order
//! in which they were made.

mod backups;
mod clocks;
mod databases;
mod disks;
mod lives;
mod network;
mod people;
mod relays;
mod site;
mod telling;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};

use anyhow::{Context, Result};
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng, SeedableRng};
use tidings_node::engine::{Command, Effect, Engine, Input, Outcome, Reply, Ticket};
use tidings_node::handle::Refused;
use tidings_node::network::{NetworkEvent, RequestFailure};

pub use self::databases::key;
use self::disks::Ailing;
use self::relays::Relays;
use self::site::{Happening, Site, local_node, pair};
use crate::faults::Faults;

/// When every world begins: an arbitrary Tuesday.
pub const START_MS: u64 = 1_800_000_000_000;
/// A certificate's life in a world.
const CERTIFICATE_MS: u64 = 10 * 365 * 24 * 60 * 60 * 1_000;
/// A silent cut is noticed after this long (docs/PROTOCOL.md §5).
const NOTICE_MS: u64 = 12_000;
/// A lost connection is dialled again after about this long.
const REDIAL_MS: u64 = 1_000;
/// A request without an answer fails after this long.
const REQUEST_TIMEOUT_MS: u64 = 20_000;
/// An answer that waits for other nodes is looked for this often …
const ANSWER_STEP_MS: u64 = 50;
/// … and so many times.
const ANSWER_STEPS_MAX: u32 = 100;

/// Names a node of the world.
pub type Place = usize;

/// A command's fate.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "nearly every command is answered")]
pub enum Fate {
    /// The node answered.
    Answered(Result<Reply, Refused>),
    /// The node was down, or crashed after it committed but before it could answer.
    Unanswered,
}

/// The world.
pub struct World {
    now_ms: u64,
    order: u64,
    queue: BinaryHeap<Reverse<(u64, u64)>>,
    happenings: BTreeMap<u64, Happening>,
    sites: Vec<Site>,
    /// Pairs that are cut.
    cut: BTreeSet<(Place, Place)>,
    connected: BTreeSet<(Place, Place)>,
    pending_requests: BTreeMap<(Place, u64), Place>,
    next_gossip: u64,
    next_answer: u64,
    next_ticket: u64,
    /// Answers that came after the command's own batch.
    late: BTreeMap<Ticket, Result<Reply, Refused>>,
    rng: ChaCha20Rng,
    relays: Relays,
    faults: Faults,
    faults_on: bool,
    trace: blake3::Hasher,
    /// How many inputs were handled.
    pub steps: u64,
    /// How many times a node crashed.
    pub crashes: u64,
    /// How often a clock jumped.
    pub jumps: u64,
    /// How many circuits of relays ended.
    pub circuits_ended: u64,
    /// How many envelopes had something readable in them, below all encryption of the transport.
    pub readable: u64,
    /// What was promised and is not there after a power cut.
    pub forgotten: Vec<String>,
    /// Whether each input and effect is told on the standard error: for whoever hunts a seed.
    tells: bool,
}

impl std::fmt::Debug for World {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("World").field("now_ms", &self.now_ms).field("sites", &self.sites.len()).finish_non_exhaustive()
    }
}

impl World {
    /// A world of `nodes` nodes that know nothing of each other.
    pub async fn new(seed: u64, nodes: usize, faults: Faults) -> Result<Self> {
        Box::pin(Self::with_databases(seed, nodes, faults, None)).await
    }

    /// One whose databases are files in a folder: `0.db` and so on.
    pub async fn on_disk(seed: u64, nodes: usize, folder: &std::path::Path) -> Result<Self> {
        Box::pin(Self::with_databases(seed, nodes, Faults::NONE, Some(folder))).await
    }

    async fn with_databases(seed: u64, nodes: usize, faults: Faults, folder: Option<&std::path::Path>) -> Result<Self> {
        let mut rng = ChaCha20Rng::seed_from_u64(seed);
        let mut world = Self {
            now_ms: START_MS,
            order: 0,
            queue: BinaryHeap::new(),
            happenings: BTreeMap::new(),
            sites: Vec::new(),
            cut: BTreeSet::new(),
            connected: BTreeSet::new(),
            pending_requests: BTreeMap::new(),
            next_gossip: 0,
            next_answer: 0,
            next_ticket: 0,
            late: BTreeMap::new(),
            rng: ChaCha20Rng::seed_from_u64(rng.next_u64()),
            relays: Relays::of(seed, nodes, faults),
            faults,
            faults_on: true,
            trace: blake3::Hasher::new(),
            steps: 0,
            crashes: 0,
            circuits_ended: 0,
            jumps: 0,
            readable: 0,
            forgotten: Vec::new(),
            tells: std::env::var_os("TIDINGS_SIMULATE_TELL").is_some(),
        };
        let mut ailing = Ailing::of(seed, nodes, faults)?;
        for place in 0..nodes {
            let mut me_seed = [0; 32];
            rng.fill_bytes(&mut me_seed);
            let me = local_node(me_seed);
            let ailing = ailing.take_if(|(at, _)| *at == place).map(|(_, ailing)| ailing);
            let store = match folder {
                _ if ailing.is_some() => None,
                Some(folder) => Some(databases::open(&folder.join(format!("{place}.db"))).await?),
                None => Some(databases::take().await?),
            };
            let clock_offset_ms = if faults.clock { i64::from(rng.next_u32() % 7_200_000) - 3_600_000 } else { 0 };
            world.sites.push(Site {
                me_seed,
                account: me.account_id(),
                peer: me.keys.peer_key(),
                name: format!("Node {place}"),
                engine: None,
                store,
                ailing,
                start: 0,
                wake_at_ms: None,
                clock_offset_ms,
                clock_jump_ms: 0,
                loop_ms: 0,
                asleep_until_ms: None,
                subscribed: BTreeSet::new(),
                known: BTreeSet::new(),
                gossip_seen: BTreeSet::new(),
                gossip_held: BTreeMap::new(),
                answers_owed: BTreeMap::new(),
                told: Vec::new(),
                rng: ChaCha20Rng::seed_from_u64(rng.next_u64()),
                serves: false,
                withholds: false,
            });
            // A node may die while it starts; people begin with nodes that run.
            while !world.is_up(place) {
                world.start(place).await?;
            }
        }
        Ok(world)
    }

    /// Ends a world in memory, and leaves its databases to the next one.
    pub async fn end(self) -> Result<()> {
        for site in self.sites {
            if let Some(store) = Self::reusable(site) {
                databases::give_back(store).await?;
            }
        }
        Ok(())
    }

    /// The time by the world's own clock, which no node sees exactly.
    pub fn now_ms(&self) -> u64 {
        self.now_ms
    }

    /// How many nodes there are.
    pub fn nodes(&self) -> usize {
        self.sites.len()
    }

    /// A hash of all that happened so far, in order.
    pub fn trace(&self) -> String {
        self.trace.finalize().to_hex().to_string()
    }

    /// The engine of a node that is up.
    pub fn engine(&mut self, at: Place) -> Result<&mut Engine> {
        self.site(at)?.engine.as_mut().context("the node is down")
    }

    /// Whether a node is up.
    pub fn is_up(&self, at: Place) -> bool {
        self.sites.get(at).is_some_and(|site| site.engine.is_some())
    }

    /// A number below `bound`, from the world's own chance.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.rng.next_u64() % bound.max(1)
    }

    fn site(&mut self, at: Place) -> Result<&mut Site> {
        self.sites.get_mut(at).context("no such place")
    }

    fn schedule(&mut self, at_ms: u64, happening: Happening) {
        self.order += 1;
        self.queue.push(Reverse((at_ms.max(self.now_ms), self.order)));
        self.happenings.insert(self.order, happening);
    }

    /// Runs everything that happens until `until_ms`.
    pub async fn run_until(&mut self, until_ms: u64) -> Result<()> {
        while let Some(Reverse((at_ms, order))) = self.queue.peek().copied() {
            if at_ms > until_ms {
                break;
            }
            self.queue.pop();
            self.now_ms = at_ms;
            if let Some(happening) = self.happenings.remove(&order) {
                self.happen(happening).await?;
            }
        }
        self.now_ms = until_ms;
        Ok(())
    }

    /// Gives a node a command. With crashes among the faults, the node may die right after committing it.
    pub async fn command(&mut self, at: Place, command: Command) -> Result<Fate> {
        if !self.is_up(at) || self.sleeps_until(at).is_some() {
            return Ok(Fate::Unanswered);
        }
        self.next_ticket += 1;
        let ticket = Ticket(self.next_ticket);
        let replies = self.handle(at, Input::Command { ticket, command }).await?;
        self.late.extend(replies);
        let start = self.site(at)?.start;
        // Some answers wait for those of other nodes.
        for _ in 0..ANSWER_STEPS_MAX {
            if self.late.contains_key(&ticket) || !self.is_up(at) || self.site(at)?.start != start {
                break;
            }
            self.run_until(self.now_ms + ANSWER_STEP_MS).await?;
        }
        Ok(self.late.remove(&ticket).map_or(Fate::Unanswered, Fate::Answered))
    }

    /// Sets how far a node's clock is off.
    pub fn set_clock(&mut self, at: Place, offset_ms: i64) {
        if let Some(site) = self.sites.get_mut(at) {
            site.clock_offset_ms = offset_ms;
        }
    }

    /// Gives a node an input as it comes.
    pub async fn input(&mut self, at: Place, input: Input) -> Result<()> {
        self.handle(at, input).await.map(drop)
    }

    /// Cuts or mends the way between two nodes; a cut is silent, so both notice it only later.
    pub fn set_link_at(&mut self, at_ms: u64, one: Place, other: Place, up: bool) {
        self.schedule(at_ms, Happening::Link { one, other, up });
    }

    /// From here on nothing fails any more: every way is mended and every node started.
    pub async fn heal(&mut self) -> Result<()> {
        self.set_faults(false);
        self.set_clocks_right();
        for (one, other) in std::mem::take(&mut self.cut) {
            self.schedule(self.now_ms, Happening::Dial { one, other });
        }
        self.dial_at_relay();
        for at in 0..self.sites.len() {
            self.start(at).await?;
        }
        Ok(())
    }

    async fn happen(&mut self, happening: Happening) -> Result<()> {
        if let Happening::Input { to: at, .. } | Happening::Wake { at, .. } | Happening::Look { at, .. } = &happening
            && let Some(until_ms) = self.sleeps_until(*at)
        {
            self.schedule(until_ms, happening);
            return Ok(());
        }
        match happening {
            Happening::Input { to, start, input } => {
                if self.site(to)?.start == start {
                    let late = self.handle(to, *input).await?;
                    self.late.extend(late);
                }
            }
            Happening::Wake { at, start } => {
                let now_ms = self.clock_of(at);
                let site = self.site(at)?;
                if site.start == start && site.wake_at_ms.is_some_and(|wake_at_ms| wake_at_ms <= now_ms) {
                    site.wake_at_ms = None;
                    let late = self.handle(at, Input::Deadline).await?;
                    self.late.extend(late);
                }
            }
            Happening::Look { at, start } => {
                let site = self.site(at)?;
                if site.start == start {
                    site.wake_at_ms = None;
                    let late = self.handle(at, Input::Deadline).await?;
                    self.late.extend(late);
                }
            }
            Happening::Clock { at, jump_ms } => self.jump(at, jump_ms)?,
            Happening::Lid { at, open_ms } => self.site(at)?.asleep_until_ms = Some(open_ms),
            Happening::CircuitEnds { one, other, number } => self.circuit_is_over(one, other, number)?,
            Happening::Restart { at } => self.start(at).await?,
            Happening::Room { at } => self.make_room(at)?,
            Happening::Link { one, other, up } => {
                if up {
                    self.cut.remove(&pair(one, other));
                    self.schedule(self.now_ms + REDIAL_MS, Happening::Dial { one, other });
                    self.dial_at_relay();
                } else {
                    self.cut.insert(pair(one, other));
                    self.schedule(self.now_ms + NOTICE_MS, Happening::Notice { one, other });
                }
            }
            Happening::Dial { one, other } => self.dial(one, other)?,
            Happening::Notice { one, other } => {
                if self.cut.contains(&pair(one, other)) {
                    self.notice_at_relay(one, other)?;
                    if self.relay_of(one, other).is_none() && self.connected.remove(&pair(one, other)) {
                        self.disconnect_side(one, other)?;
                        self.disconnect_side(other, one)?;
                    }
                }
            }
            Happening::TimeOut { from, start, to, request } => {
                // A node that was started again numbers its requests from the beginning.
                if self.site(from)?.start == start && self.pending_requests.remove(&(from, request)).is_some() {
                    let peer = self.site(to)?.peer;
                    let outcome = Err(RequestFailure::TimedOut);
                    self.deliver(from, NetworkEvent::Answered { peer, request, outcome }, 0)?;
                }
            }
        }
        Ok(())
    }

    fn disconnect_side(&mut self, at: Place, gone: Place) -> Result<()> {
        let peer = self.site(gone)?.peer;
        let failed: Vec<(Place, u64)> = self
            .pending_requests
            .iter()
            .filter(|((from, _), to)| *from == at && **to == gone)
            .map(|(key, _)| *key)
            .collect();
        for (from, request) in failed {
            self.pending_requests.remove(&(from, request));
            let outcome = Err(RequestFailure::Disconnected);
            self.deliver(at, NetworkEvent::Answered { peer, request, outcome }, 1)?;
        }
        self.deliver(at, NetworkEvent::Disconnected { peer }, 1)?;
        self.schedule(self.now_ms + REDIAL_MS, Happening::Dial { one: at, other: gone });
        Ok(())
    }

    fn dial(&mut self, one: Place, other: Place) -> Result<()> {
        let (one_peer, other_peer) = (self.site(one)?.peer, self.site(other)?.peer);
        let wanted = self.site(one)?.known.contains(&other_peer) || self.site(other)?.known.contains(&one_peer);
        if wanted && self.has_way(one, other) && self.connected.insert(pair(one, other)) {
            let path = self.open_way(one, other);
            self.deliver(one, NetworkEvent::Connected { peer: other_peer, path }, 1)?;
            self.deliver(other, NetworkEvent::Connected { peer: one_peer, path }, 2)?;
        }
        Ok(())
    }

    fn deliver(&mut self, to: Place, event: NetworkEvent, after_ms: u64) -> Result<()> {
        let start = self.site(to)?.start;
        let input = Box::new(Input::Network(event));
        self.schedule(self.now_ms + after_ms, Happening::Input { to, start, input });
        Ok(())
    }

    /// One input, one transaction; then the effects, unless the node dies in between.
    async fn handle(&mut self, at: Place, input: Input) -> Result<Vec<(Ticket, Result<Reply, Refused>)>> {
        let (now_ms, inputs) = self.loop_clock(at, input)?;
        self.steps += 1;
        self.trace.update(&self.now_ms.to_be_bytes());
        self.trace.update(format!("{at} {inputs:?}").as_bytes());
        self.tell(at, &inputs);
        self.fill_a_disk(at)?;
        self.let_go_of_circuits(at)?;
        let site = self.site(at)?;
        let Some(engine) = site.engine.as_mut() else { return Ok(Vec::new()) };
        let outcome = match engine.handle(inputs, now_ms, &mut site.rng).await {
            Ok(outcome) => outcome,
            Err(error) => {
                self.store_failed(at, error)?;
                return Ok(Vec::new());
            }
        };
        self.tell_standings(at)?;
        if self.faults_on && self.faults.crash && self.below(400) == 0 {
            self.crash(at)?;
            let after_ms = 500 + self.below(20_000);
            self.restart_after(at, after_ms);
            return Ok(Vec::new());
        }
        self.perform(at, outcome)
    }

    fn perform(&mut self, at: Place, outcome: Outcome) -> Result<Vec<(Ticket, Result<Reply, Refused>)>> {
        let mut replies = Vec::new();
        for effect in outcome.effects {
            self.tell(at, &effect);
            if let Some(ailing) = &mut self.site(at)?.ailing {
                ailing.said(&effect);
            }
            match effect {
                Effect::Reply { ticket, reply } => replies.push((ticket, reply)),
                Effect::Network(command) => self.network(at, command)?,
            }
        }
        if let Some(wake_at_ms) = outcome.wake_at_ms {
            let site = self.site(at)?;
            let sooner = site.wake_at_ms.is_none_or(|set| wake_at_ms < set);
            if sooner {
                site.wake_at_ms = Some(wake_at_ms);
                let (start, offset_ms) = (site.start, site.clock_offset_ms.saturating_add(site.clock_jump_ms));
                let world_ms = wake_at_ms.saturating_add_signed(-offset_ms);
                self.schedule(world_ms.max(self.now_ms + 1), Happening::Wake { at, start });
            }
        }
        Ok(replies)
    }

    /// Turns the faults on or off.
    pub fn set_faults(&mut self, on: bool) {
        self.faults_on = on;
        self.set_disks(on);
    }
}
