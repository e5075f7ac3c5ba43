//! Being a circuit relay for others (PROTOCOL §5.2): what it costs at most, and who may have a place.

use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use libp2p::{Multiaddr, PeerId, relay};

use super::known::Known;

/// A reservation lasts this long, or as long as the connection over which it was made. It bounds nothing else, so it is
/// long enough for a peer whose clock goes wrong by hours, which would refuse one that is over already.
const RESERVATION: Duration = Duration::from_hours(24);
/// One peer opens at most so many circuits at once, and then one in each interval: more than redialling needs.
const CIRCUITS_AT_ONCE: NonZeroU32 = NonZeroU32::new(60).unwrap();
const CIRCUIT_INTERVAL: Duration = Duration::from_secs(10);

/// What a relay gives at most. The library's defaults cut a circuit after 2 minutes or 128 KiB.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RelayLimits {
    /// So many peers have a place.
    pub reservations_max: usize,
    /// So many circuits are open.
    pub circuits_max: usize,
    /// So many circuits of one peer are open, wherever they lead.
    pub circuits_of_one_max: usize,
    /// A circuit is cut after this time. Whoever uses it makes another within a second.
    pub circuit_duration_max: Duration,
    /// A circuit is cut after so many bytes, both directions together.
    pub circuit_bytes_max: u64,
}

/// Guesses: a circle of friends and their groups; a day's messages and pictures on one circuit.
impl Default for RelayLimits {
    fn default() -> Self {
        Self {
            reservations_max: 256,
            circuits_max: 1_024,
            circuits_of_one_max: 64,
            circuit_duration_max: Duration::from_hours(12),
            circuit_bytes_max: 4 << 30,
        }
    }
}

impl RelayLimits {
    /// The relay itself. Known peers get a place; whoever they let in may come to them, strangers too.
    pub(super) fn server(self, local: PeerId, known: &Known) -> relay::Behaviour {
        let known = known.clone();
        let may_reserve = move |peer: PeerId, _: &Multiaddr, _: Instant| known.contains(&peer);
        let config = relay::Config {
            max_reservations: self.reservations_max,
            // The library allows one more than it is told. A peer has one connection, and the next when that is closing.
            max_reservations_per_peer: 1,
            reservation_duration: RESERVATION,
            reservation_rate_limiters: vec![Box::new(may_reserve)],
            max_circuits: self.circuits_max,
            max_circuits_per_peer: self.circuits_of_one_max.saturating_sub(1),
            max_circuit_duration: self.circuit_duration_max,
            max_circuit_bytes: self.circuit_bytes_max,
            circuit_src_rate_limiters: Vec::new(),
        };
        let mut server = relay::Behaviour::new(local, config.circuit_src_per_peer(CIRCUITS_AT_ONCE, CIRCUIT_INTERVAL));
        // The person says that this node is a relay; it does not wait until a peer has proved that it can be reached.
        server.set_status(Some(relay::Status::Enable));
        server
    }
}
