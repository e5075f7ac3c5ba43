//! The lab's switch: the interfaces of hosts are plugged into it, and what goes over a cable is delayed, lost, held back
//! or cut as the test says. The kernel's own means for this (netem) are missing in many kernels.
//!
//! Which frame of a cable is lost is decided by the seed and the number of the frame alone.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::runtime::Runtime;
use tokio::sync::Notify;
use tokio::time::Instant;
use tun_rs::{AsyncDevice, DeviceBuilder, Layer};

/// What waits behind a slow line: at its rate, so long. What comes when as much waits is dropped.
const QUEUE_MAX: Duration = Duration::from_millis(1_500);
/// So many frames are under way at most.
const FRAMES_MAX: usize = 50_000;
const FRAME_BYTES_MAX: usize = 2_048;

/// What happens to frames that go one way over a cable.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) delay: Duration,
    /// So many of a hundred frames are lost.
    pub(crate) loss_percent: u64,
    /// At most so fast; 0 is without a limit.
    pub(crate) kbit_per_second: u64,
    /// Nothing comes through, and nobody is told.
    pub(crate) cut: bool,
}

/// From a host into the switch, or from there to the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    Up,
    Down,
}

/// The switch. Its ports go with it, and so do the interfaces of the hosts.
pub(crate) struct Switch {
    shared: Arc<Shared>,
    runtime: Runtime,
}

struct Shared {
    state: Mutex<State>,
    changed: Notify,
    began: Instant,
}

struct State {
    plan: Plan,
    ports: Vec<Arc<AsyncDevice>>,
    learned: HashMap<[u8; 6], usize>,
    under_way: BinaryHeap<Reverse<Frame>>,
    number: u64,
}

/// What is under way: when it arrives, in which order it came, where it goes, and what it is.
type Frame = (Duration, u64, usize, Vec<u8>);

impl Switch {
    pub(crate) fn new(seed: u64) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let state = State {
            plan: Plan { seed, cables: Vec::new() },
            ports: Vec::new(),
            learned: HashMap::new(),
            under_way: BinaryHeap::new(),
            number: 0,
        };
        let shared = Arc::new(Shared { state: Mutex::new(state), changed: Notify::new(), began: now() });
        runtime.spawn(deliver(Arc::clone(&shared)));
        Self { shared, runtime }
    }

    /// Makes an interface of that name; its cable ends at the port of that number.
    pub(crate) fn plug(&self, interface: &str) -> usize {
        let device = {
            let _inside = self.runtime.enter();
            let builder = DeviceBuilder::new().name(interface).layer(Layer::L2).enable(false);
            Arc::new(builder.build_async().unwrap())
        };
        let port = {
            let mut state = self.shared.state.lock().unwrap();
            state.ports.push(Arc::clone(&device));
            state.plan.cables.push(Cable::default());
            state.ports.len() - 1
        };
        self.runtime.spawn(read(port, device, Arc::clone(&self.shared)));
        port
    }

    /// Sets one way of a cable.
    pub(crate) fn set(&self, port: usize, way: Way, line: Line) {
        self.shared.state.lock().unwrap().plan.cables[port].way(way).line = line;
    }

    /// Puts a port into a part of the network: nothing goes from one part to another.
    pub(crate) fn put_into_part(&self, port: usize, number: u8) {
        self.shared.state.lock().unwrap().plan.cables[port].part = number;
    }

    /// How many bytes went one way over a cable and how many frames did not.
    pub(crate) fn counted(&self, port: usize, way: Way) -> (u64, u64) {
        let mut state = self.shared.state.lock().unwrap();
        let counted = state.plan.cables[port].way(way);
        (counted.bytes, counted.dropped)
    }
}

async fn read(port: usize, device: Arc<AsyncDevice>, shared: Arc<Shared>) {
    let mut buffer = vec![0; FRAME_BYTES_MAX];
    while let Ok(length) = device.recv(&mut buffer).await {
        let now = shared.began.elapsed_now();
        shared.state.lock().unwrap().came(port, &buffer[..length], now);
        shared.changed.notify_one();
    }
}

async fn deliver(shared: Arc<Shared>) {
    loop {
        let (next, due) = {
            let mut state = shared.state.lock().unwrap();
            let due = state.under_way.peek().map(|Reverse((due, ..))| *due);
            let is_due = due.is_some_and(|due| due <= shared.began.elapsed_now());
            let frame = if is_due { state.under_way.pop() } else { None };
            (frame.map(|Reverse((_, _, port, bytes))| (Arc::clone(&state.ports[port]), bytes)), due)
        };
        match (next, due) {
            // A host that is gone takes nothing.
            (Some((device, bytes)), _) => drop(device.send(&bytes).await),
            (None, Some(due)) => {
                tokio::select! {
                    () = tokio::time::sleep_until(shared.began + due) => {}
                    () = shared.changed.notified() => {}
                }
            }
            (None, None) => shared.changed.notified().await,
        }
    }
}

impl State {
    /// A frame came from a port: it goes where its recipient is, or to all.
    fn came(&mut self, from: usize, frame: &[u8], now: Duration) {
        let (Some(to), Some(source)) = (address(frame, 0), address(frame, 6)) else { return };
        self.learned.insert(source, from);
        let is_for_one = to[0] & 1 == 0;
        let ports = match self.learned.get(&to) {
            Some(port) if is_for_one => *port..*port + 1,
            _ => 0..self.ports.len(),
        };
        let Some(sent) = self.plan.over(from, Way::Up, frame.len(), now) else { return };
        for port in ports.filter(|port| *port != from) {
            if self.under_way.len() >= FRAMES_MAX || !self.plan.is_joined(from, port) {
                continue;
            }
            if let Some(due) = self.plan.over(port, Way::Down, frame.len(), sent) {
                self.number += 1;
                self.under_way.push(Reverse((due, self.number, port, frame.to_vec())));
            }
        }
    }
}

fn address(frame: &[u8], at: usize) -> Option<[u8; 6]> {
    frame.get(at..at + 6)?.try_into().ok()
}

/// What becomes of frames: pure.
struct Plan {
    seed: u64,
    cables: Vec<Cable>,
}

#[derive(Default)]
struct Cable {
    up: Half,
    down: Half,
    part: u8,
}

#[derive(Default)]
struct Half {
    line: Line,
    /// When what waits has gone.
    free: Duration,
    frames: u64,
    bytes: u64,
    dropped: u64,
}

impl Cable {
    fn way(&mut self, way: Way) -> &mut Half {
        match way {
            Way::Up => &mut self.up,
            Way::Down => &mut self.down,
        }
    }
}

impl Plan {
    fn is_joined(&self, one: usize, other: usize) -> bool {
        self.cables[one].part == self.cables[other].part
    }

    /// When a frame that comes now is at the other end; `None` if it never is.
    fn over(&mut self, port: usize, way: Way, bytes: usize, now: Duration) -> Option<Duration> {
        let seed = self.seed;
        let half = self.cables[port].way(way);
        half.frames += 1;
        let bytes = bytes as u64;
        let chance = || {
            let key = [seed, port as u64, u64::from(way == Way::Up), half.frames].map(u64::to_be_bytes).concat();
            blake3::hash(&key).as_bytes()[..8].iter().fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte)) % 100
        };
        let begins = half.free.max(now);
        if half.line.cut || begins.saturating_sub(now) > QUEUE_MAX || chance() < half.line.loss_percent {
            half.dropped += 1;
            return None;
        }
        if let Some(takes) = (bytes * 8_000).checked_div(half.line.kbit_per_second) {
            half.free = begins + Duration::from_micros(takes);
        }
        half.bytes += bytes;
        Some(half.free.max(now) + half.line.delay)
    }
}

trait Elapsed {
    fn elapsed_now(&self) -> Duration;
}

impl Elapsed for Instant {
    fn elapsed_now(&self) -> Duration {
        now() - *self
    }
}

#[expect(clippy::disallowed_methods, reason = "what is between real programs takes real time")]
fn now() -> Instant {
    Instant::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn plan(seed: u64, up: Line) -> Plan {
        let cable = Cable { up: Half { line: up, ..Half::default() }, ..Cable::default() };
        Plan { seed, cables: vec![cable, Cable { part: 1, ..Cable::default() }] }
    }

    #[test]
    fn the_seed_alone_decides_which_frames_are_lost() {
        let lost = |seed| -> Vec<u32> {
            let mut plan = plan(seed, Line { loss_percent: 5, ..Line::default() });
            (0..2_000).filter(|at| plan.over(0, Way::Up, 100, *at * MS).is_none()).collect()
        };
        assert_eq!(lost(7), lost(7));
        assert_ne!(lost(7), lost(8));
        assert!((60..140).contains(&lost(7).len()), "{}", lost(7).len());
    }

    #[test]
    fn a_line_delays_holds_back_and_then_drops_what_comes_too_fast() {
        let mut plan = plan(1, Line { delay: 20 * MS, kbit_per_second: 128, ..Line::default() });
        // 1,600 bytes take 100 ms at 128 kbit/s.
        assert_eq!(plan.over(0, Way::Up, 1_600, Duration::ZERO), Some(120 * MS));
        assert_eq!(plan.over(0, Way::Up, 1_600, Duration::ZERO), Some(220 * MS));
        let came = (0..100).filter_map(|_| plan.over(0, Way::Up, 1_600, Duration::ZERO)).count();
        assert_eq!(came, 14, "so many fit into the queue's time");
        assert_eq!(plan.over(0, Way::Up, 1_600, 5_000 * MS), Some(5_120 * MS));
    }

    #[test]
    fn a_cut_line_and_another_part_let_nothing_through() {
        let mut cut = plan(1, Line { cut: true, ..Line::default() });
        assert_eq!(cut.over(0, Way::Up, 100, MS), None);
        assert_eq!(cut.over(0, Way::Down, 100, MS), Some(MS));
        assert!(!cut.is_joined(0, 1));
        cut.cables[1].part = 0;
        assert!(cut.is_joined(0, 1));
    }
}
