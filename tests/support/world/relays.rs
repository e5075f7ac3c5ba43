//! Pairs of nodes that only meet at a relay: its circuits are slow, end after a time and so many bytes, and all at once when
//! it dies or lets go of them.

use std::collections::BTreeMap;

use anyhow::Result;
use tidings_node::handle::Path;

use super::site::{Happening, pair};
use super::{Place, REDIAL_MS, World};
use crate::faults::Faults;

/// In one schedule of so many of those with every fault, some only meet at a relay.
const RELAY_EVERY: u64 = 3;
/// A circuit ends after so long at most …
const CIRCUIT_MS_MAX: u64 = 60_000;
/// … or, where time goes by in weeks …
const CIRCUIT_MS_MAX_OF_WEEKS: u64 = 12 * 60 * 60 * 1_000;
/// … and after so many bytes.
const CIRCUIT_BYTES_MAX: u64 = 64 * 1024;
/// One input of a relay in so many finds it letting go of all its circuits.
const LETS_GO_EVERY: u64 = 150;
/// What goes through it takes so much longer.
const DETOUR_MS: u64 = 60;

/// Who meets at whose node.
#[derive(Debug, Default)]
pub(super) struct Relays {
    /// Circuits last for hours.
    lasts: bool,
    relay: Option<Place>,
    /// Nodes that nobody reaches directly: two of them meet at the relay only.
    hidden: Vec<Place>,
    circuits: BTreeMap<(Place, Place), Circuit>,
    next: u64,
}

#[derive(Debug)]
struct Circuit {
    number: u64,
    bytes_left: u64,
}

impl Relays {
    /// As this seed has it.
    pub(super) fn of(seed: u64, nodes: usize, faults: Faults) -> Self {
        let has = faults.relay && nodes > 2 && (faults != Faults::ALL || seed % RELAY_EVERY == 1);
        if !has {
            return Self::default();
        }
        let place = |number: u64| usize::try_from(number % nodes as u64).unwrap_or(0);
        let relay = place(seed / RELAY_EVERY);
        // All others but one: somebody is reached by all.
        let open = place(seed / RELAY_EVERY + 1);
        let hidden = (0..nodes).filter(|at| *at != relay && (nodes < 4 || *at != open)).collect();
        Self { relay: Some(relay), hidden, ..Self::default() }
    }
}

impl World {
    /// Circuits last for hours from here on: weeks go by.
    pub fn let_circuits_last(&mut self) {
        self.relays.lasts = true;
    }

    /// Where two nodes meet, if they do not reach each other directly.
    pub(super) fn relay_of(&self, one: Place, other: Place) -> Option<Place> {
        let is_hidden = self.relays.hidden.contains(&one) && self.relays.hidden.contains(&other);
        self.relays.relay.filter(|_| is_hidden)
    }

    /// Whether nothing goes from one to the other, whatever they believe.
    pub(super) fn is_cut(&self, one: Place, other: Place) -> bool {
        match self.relay_of(one, other) {
            None => self.cut.contains(&pair(one, other)),
            Some(relay) => [one, other].into_iter().any(|end| self.cut.contains(&pair(end, relay))),
        }
    }

    /// Whether a connection could be made.
    pub(super) fn has_way(&self, one: Place, other: Place) -> bool {
        let relay_is_up = self.relay_of(one, other).is_none_or(|relay| self.is_up(relay));
        self.is_up(one) && self.is_up(other) && relay_is_up && !self.is_cut(one, other)
    }

    /// A connection is made: by which way. A circuit has its limits.
    pub(super) fn open_way(&mut self, one: Place, other: Place) -> Path {
        if self.relay_of(one, other).is_none() {
            return Path::Direct;
        }
        if self.faults_on && self.faults.relay {
            let for_ms_max = if self.relays.lasts { CIRCUIT_MS_MAX_OF_WEEKS } else { CIRCUIT_MS_MAX };
            let (for_ms, bytes_left) = (1 + self.below(for_ms_max), 1 + self.below(CIRCUIT_BYTES_MAX));
            self.relays.next += 1;
            let number = self.relays.next;
            self.relays.circuits.insert(pair(one, other), Circuit { number, bytes_left });
            self.schedule(self.now_ms + for_ms, Happening::CircuitEnds { one, other, number });
        }
        Path::Relayed
    }

    /// Takes so many bytes from one to the other, and gives how much longer that takes; none if the circuit ends under them.
    pub(super) fn carry(&mut self, one: Place, other: Place, bytes: usize) -> Result<Option<u64>> {
        if self.relay_of(one, other).is_none() {
            return Ok(Some(0));
        }
        if let Some(circuit) = self.relays.circuits.get_mut(&pair(one, other)).filter(|_| self.faults_on) {
            let Some(bytes_left) = circuit.bytes_left.checked_sub(bytes as u64) else {
                self.end_circuit(one, other)?;
                return Ok(None);
            };
            circuit.bytes_left = bytes_left;
        }
        Ok(Some(DETOUR_MS))
    }

    pub(super) fn circuit_is_over(&mut self, one: Place, other: Place, number: u64) -> Result<()> {
        let is_this = self.relays.circuits.get(&pair(one, other)).is_some_and(|circuit| circuit.number == number);
        if is_this && self.faults_on { self.end_circuit(one, other) } else { Ok(()) }
    }

    fn end_circuit(&mut self, one: Place, other: Place) -> Result<()> {
        self.relays.circuits.remove(&pair(one, other));
        if self.connected.remove(&pair(one, other)) {
            self.circuits_ended += 1;
            self.disconnect_side(one, other)?;
            self.disconnect_side(other, one)?;
        }
        Ok(())
    }

    /// A relay that died, or lets go: all who met there lose each other at once.
    pub(super) fn end_circuits_of(&mut self, relay: Place) -> Result<()> {
        if self.relays.relay == Some(relay) {
            for (one, other) in self.met_at_relay() {
                self.end_circuit(one, other)?;
            }
        }
        Ok(())
    }

    /// Now and then a relay lets go.
    pub(super) fn let_go_of_circuits(&mut self, at: Place) -> Result<()> {
        let may = self.faults_on && self.faults.relay && self.relays.relay == Some(at);
        if may && self.below(LETS_GO_EVERY) == 0 { self.end_circuits_of(at) } else { Ok(()) }
    }

    /// A way to the relay is noticed to be cut: who met there over it has lost the others.
    pub(super) fn notice_at_relay(&mut self, one: Place, other: Place) -> Result<()> {
        let Some(end) = self.relays.relay.and_then(|relay| match (one == relay, other == relay) {
            (true, false) => Some(other),
            (false, true) => Some(one),
            _ => None,
        }) else {
            return Ok(());
        };
        for (one, other) in self.met_at_relay().into_iter().filter(|(one, other)| *one == end || *other == end) {
            self.end_circuit(one, other)?;
        }
        Ok(())
    }

    /// The relay can be reached again, by one at least: they dial each other there.
    pub(super) fn dial_at_relay(&mut self) {
        for (one, other) in self.met_at_relay() {
            self.schedule(self.now_ms + REDIAL_MS, Happening::Dial { one, other });
        }
    }

    fn met_at_relay(&self) -> Vec<(Place, Place)> {
        let hidden = &self.relays.hidden;
        let pairs = hidden.iter().flat_map(|one| hidden.iter().map(|other| (*one, *other)));
        pairs.filter(|(one, other)| one < other).collect()
    }
}
