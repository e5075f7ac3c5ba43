//! Which peers are known, where they may be, and when each is dialled next (PROTOCOL §5.2). Pure.
//!
//! libp2p never connects again by itself, so this does: a known peer that is not connected is always either being
//! dialled or due at some time. A failed dial doubles the wait, from one second to a minute; a sighting of the peer on
//! the local network, new addresses of its card, or a change of our own addresses makes it due at once. A peer that is
//! connected through a relay is tried at its direct addresses now and then, beside that connection.

use std::collections::{BTreeSet, HashMap, VecDeque};

use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};

use super::address::is_circuit;
use crate::ids::{Address, PeerKey};

/// At most this many peers are known: more contacts than anybody has.
pub(super) const PEERS_MAX: usize = 10_000;
/// A peer's card brings at most this many addresses here.
pub(super) const CARD_ADDRESSES_MAX: usize = 16;
/// At most this many sightings of a peer on the local network are kept, the newest first.
pub(super) const SIGHTINGS_MAX: usize = 8;
/// At most this many peers are dialled at once.
pub(super) const DIALS_MAX: usize = 16;
/// The first wait after a failure, and the longest.
const WAIT_MS_MIN: u64 = 1_000;
const WAIT_MS_MAX: u64 = 60_000;
/// The same for a peer that is connected through a relay: a guess at how soon a better way may be there.
const BETTER_MS_MIN: u64 = 30_000;
const BETTER_MS_MAX: u64 = 30 * 60_000;

/// The known peers. Times are milliseconds on a clock that only goes forward.
#[derive(Debug)]
pub(super) struct AddressBook {
    peers: HashMap<PeerKey, Peer>,
    /// The peers that wait, by the time at which they are due.
    due: BTreeSet<(u64, PeerKey)>,
    dialling: usize,
    chance: ChaCha8Rng,
}

#[derive(Debug)]
struct Peer {
    card: Vec<Address>,
    sightings: VecDeque<Address>,
    state: State,
    failures: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Connected,
    Dialling,
    Waiting {
        due_ms: u64,
    },
    /// Connected through a relay, until a better way is tried …
    Relayed {
        due_ms: u64,
    },
    /// … and while it is.
    DiallingBetter,
}

/// A peer that is to be dialled now.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Due {
    pub(super) peer: PeerKey,
    pub(super) addresses: Vec<Address>,
    /// Beside a relayed connection, rather than because there is none.
    pub(super) beside: bool,
}

impl AddressBook {
    /// An empty book; `seed` decides how waits are spread.
    pub(super) fn new(seed: [u8; 32]) -> Self {
        let chance = ChaCha8Rng::from_seed(seed);
        Self { peers: HashMap::new(), due: BTreeSet::new(), dialling: 0, chance }
    }

    /// Learns a peer, or its new addresses, which replace the earlier ones; `false` when the book is full.
    pub(super) fn know(&mut self, peer: PeerKey, mut card: Vec<Address>, connected: bool, now_ms: u64) -> bool {
        card.truncate(CARD_ADDRESSES_MAX);
        if let Some(known) = self.peers.get_mut(&peer) {
            if known.card != card {
                known.card = card;
                self.wake(peer, now_ms);
            }
            return true;
        }
        if self.peers.len() >= PEERS_MAX {
            return false;
        }
        let state = if connected { State::Connected } else { State::Waiting { due_ms: now_ms } };
        self.peers.insert(peer, Peer { card, sightings: VecDeque::new(), state, failures: 0 });
        if !connected {
            self.due.insert((now_ms, peer));
        }
        true
    }

    /// Forgets a peer and everything about it.
    pub(super) fn forget(&mut self, peer: &PeerKey) {
        match self.peers.remove(peer).map(|known| known.state) {
            Some(State::Waiting { due_ms } | State::Relayed { due_ms }) => {
                self.due.remove(&(due_ms, *peer));
            }
            Some(State::Dialling | State::DiallingBetter) => self.dialling = self.dialling.saturating_sub(1),
            Some(State::Connected) | None => {}
        }
    }

    /// A peer was seen on the local network; strangers are passed over.
    pub(super) fn seen(&mut self, peer: &PeerKey, address: Address, now_ms: u64) {
        let Some(known) = self.peers.get_mut(peer) else { return };
        if let Some(place) = known.sightings.iter().position(|sighting| *sighting == address) {
            known.sightings.remove(place);
        }
        known.sightings.push_front(address);
        known.sightings.truncate(SIGHTINGS_MAX);
        self.wake(*peer, now_ms);
    }

    /// A peer is connected, directly or through a relay.
    pub(super) fn connected(&mut self, peer: &PeerKey, relayed: bool, now_ms: u64) {
        let better = State::Relayed { due_ms: now_ms.saturating_add(self.spread(BETTER_MS_MIN)) };
        self.set(peer, if relayed { better } else { State::Connected });
        if let Some(known) = self.peers.get_mut(peer) {
            known.failures = 0;
        }
    }

    /// The last connection to a peer is gone: it is due again almost at once.
    pub(super) fn disconnected(&mut self, peer: &PeerKey, now_ms: u64) {
        let due_ms = now_ms.saturating_add(self.spread(WAIT_MS_MIN));
        self.set(peer, State::Waiting { due_ms });
    }

    /// A dial came to nothing.
    pub(super) fn failed(&mut self, peer: &PeerKey, now_ms: u64) {
        let Some(known) = self.peers.get_mut(peer) else { return };
        let (first_ms, longest_ms) = match known.state {
            State::Dialling => (WAIT_MS_MIN, WAIT_MS_MAX),
            State::DiallingBetter => (BETTER_MS_MIN, BETTER_MS_MAX),
            State::Connected | State::Waiting { .. } | State::Relayed { .. } => return,
        };
        let beside = known.state == State::DiallingBetter;
        let doublings = known.failures.min(16);
        known.failures = known.failures.saturating_add(1);
        let wait_ms = first_ms.saturating_mul(1 << doublings).min(longest_ms);
        let due_ms = now_ms.saturating_add(self.spread(wait_ms));
        self.set(peer, if beside { State::Relayed { due_ms } } else { State::Waiting { due_ms } });
    }

    /// Our own addresses changed: everybody who waits may be within reach now.
    pub(super) fn wake_all(&mut self, now_ms: u64) {
        for (_, peer) in std::mem::take(&mut self.due) {
            if let Some(known) = self.peers.get_mut(&peer) {
                known.failures = 0;
                known.state = match known.state {
                    State::Relayed { .. } => State::Relayed { due_ms: now_ms },
                    _ => State::Waiting { due_ms: now_ms },
                };
                self.due.insert((now_ms, peer));
            }
        }
    }

    /// Takes the next peer to dial, with its addresses: sightings first, then its card's; beside a relayed connection
    /// those only that lead through no relay.
    pub(super) fn take_due(&mut self, now_ms: u64) -> Option<Due> {
        if self.next_due_ms()? > now_ms {
            return None;
        }
        let (_, peer) = self.due.pop_first()?;
        let known = self.peers.get_mut(&peer)?;
        let beside = matches!(known.state, State::Relayed { .. });
        known.state = if beside { State::DiallingBetter } else { State::Dialling };
        self.dialling = self.dialling.saturating_add(1);
        let mut addresses: Vec<_> = known.sightings.iter().cloned().collect();
        addresses.extend(known.card.iter().filter(|address| !known.sightings.contains(address)).cloned());
        if beside {
            addresses.retain(|address| !is_circuit(address));
        }
        Some(Due { peer, addresses, beside })
    }

    /// When to ask [`Self::take_due`] again; `None` while nobody waits or enough are being dialled.
    pub(super) fn next_due_ms(&self) -> Option<u64> {
        if self.dialling >= DIALS_MAX {
            return None;
        }
        self.due.first().map(|(due_ms, _)| *due_ms)
    }

    /// Makes a peer due now, if it waits.
    fn wake(&mut self, peer: PeerKey, now_ms: u64) {
        let Some(known) = self.peers.get_mut(&peer) else { return };
        known.failures = 0;
        match known.state {
            State::Waiting { .. } => self.set(&peer, State::Waiting { due_ms: now_ms }),
            State::Relayed { .. } => self.set(&peer, State::Relayed { due_ms: now_ms }),
            State::Connected | State::Dialling | State::DiallingBetter => {}
        }
    }

    fn set(&mut self, peer: &PeerKey, state: State) {
        let Some(known) = self.peers.get_mut(peer) else { return };
        match std::mem::replace(&mut known.state, state) {
            State::Waiting { due_ms } | State::Relayed { due_ms } => {
                self.due.remove(&(due_ms, *peer));
            }
            State::Dialling | State::DiallingBetter => self.dialling = self.dialling.saturating_sub(1),
            State::Connected => {}
        }
        if let State::Waiting { due_ms } | State::Relayed { due_ms } = state {
            self.due.insert((due_ms, *peer));
        }
    }

    /// Between half of a wait and all of it, so that two peers that lost each other do not dial in step.
    fn spread(&mut self, wait_ms: u64) -> u64 {
        let half = wait_ms / 2;
        half.saturating_add(self.chance.next_u64() % half.saturating_add(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn book() -> AddressBook {
        AddressBook::new([1; 32])
    }

    fn peer(number: u16) -> PeerKey {
        let mut key = [0; 32];
        key[..2].copy_from_slice(&number.to_be_bytes());
        PeerKey(key)
    }

    fn address(number: u8) -> Address {
        Address(vec![number])
    }

    fn due(addresses: &[Address]) -> Due {
        Due { peer: peer(1), addresses: addresses.to_vec(), beside: false }
    }

    #[test]
    fn a_peer_behind_a_relay_is_tried_directly_now_and_then_and_at_once_when_it_is_seen() {
        let direct = super::super::address::parse_address("/ip4/192.0.2.7/tcp/1").unwrap();
        let relay = super::super::peer::peer_id(&super::super::peer::peer_key_of_seed([8; 32])).unwrap();
        let circuit =
            super::super::address::parse_address(&format!("/ip4/192.0.2.8/tcp/1/p2p/{relay}/p2p-circuit")).unwrap();
        let mut book = book();
        book.know(peer(1), vec![circuit.clone(), direct.clone()], false, 0);
        assert_eq!(book.take_due(0), Some(due(&[circuit, direct.clone()])));
        book.connected(&peer(1), true, 0);
        let mut now = 0;
        for failure in 0..20 {
            let wait = book.next_due_ms().unwrap() - now;
            let full = (BETTER_MS_MIN << failure.min(16)).min(BETTER_MS_MAX);
            let full = if failure == 0 { BETTER_MS_MIN } else { full.max(BETTER_MS_MIN) };
            assert!((full / 4..=full).contains(&wait), "failure {failure}: {wait}");
            now += wait;
            let better = Due { peer: peer(1), addresses: vec![direct.clone()], beside: true };
            assert_eq!(book.take_due(now), Some(better));
            book.failed(&peer(1), now);
        }
        book.seen(&peer(1), address(9), now);
        let seen = Due { peer: peer(1), addresses: vec![address(9), direct], beside: true };
        assert_eq!(book.take_due(now), Some(seen));
        book.connected(&peer(1), false, now);
        assert_eq!((book.next_due_ms(), book.dialling), (None, 0));
        book.disconnected(&peer(1), now);
        assert!(!book.take_due(now + 1_000).unwrap().beside);
    }

    #[test]
    fn a_new_peer_is_due_at_once_and_only_once() {
        let mut book = book();
        assert!(book.know(peer(1), vec![address(1)], false, 5));
        assert_eq!(book.next_due_ms(), Some(5));
        assert_eq!(book.take_due(4), None);
        assert_eq!(book.take_due(5), Some(due(&[address(1)])));
        assert_eq!(book.take_due(u64::MAX), None);
    }

    #[test]
    fn failures_double_the_wait_to_a_minute_and_never_end() {
        let mut book = book();
        book.know(peer(1), vec![address(1)], false, 0);
        let mut now = 0;
        for failure in 0..100 {
            book.take_due(now).expect("it is due");
            book.failed(&peer(1), now);
            let wait = book.next_due_ms().unwrap() - now;
            let full = (WAIT_MS_MIN << failure.min(16)).min(WAIT_MS_MAX);
            assert!((full / 2..=full).contains(&wait), "failure {failure}: {wait}");
            now += wait;
        }
    }

    #[test]
    fn a_lost_connection_is_dialled_again_within_a_second_whatever_failed_before() {
        let mut book = book();
        book.know(peer(1), vec![address(1)], false, 0);
        for _ in 0..10 {
            let now = book.next_due_ms().unwrap();
            book.take_due(now).unwrap();
            book.failed(&peer(1), now);
        }
        book.connected(&peer(1), false, 0);
        assert_eq!(book.next_due_ms(), None);
        book.disconnected(&peer(1), 1_000_000);
        assert!((1_000_500..=1_001_000).contains(&book.next_due_ms().unwrap()));
    }

    #[test]
    fn sightings_new_addresses_and_a_change_of_network_make_a_peer_due_at_once() {
        let waits = |book: &mut AddressBook| {
            let now = book.next_due_ms().unwrap();
            book.take_due(now).unwrap();
            book.failed(&peer(1), now);
            assert!(book.next_due_ms().unwrap() > now);
        };
        let mut book = book();
        book.know(peer(1), vec![address(1)], false, 0);
        waits(&mut book);
        book.seen(&peer(1), address(9), 3);
        assert_eq!(book.take_due(3), Some(due(&[address(9), address(1)])));
        book.failed(&peer(1), 3);
        book.know(peer(1), vec![address(2)], false, 4);
        assert_eq!(book.take_due(4), Some(due(&[address(9), address(2)])));
        book.failed(&peer(1), 4);
        book.wake_all(5);
        assert_eq!(book.next_due_ms(), Some(5));
    }

    #[test]
    fn the_same_addresses_again_do_not_hurry() {
        let mut book = book();
        book.know(peer(1), vec![address(1)], false, 0);
        book.take_due(0).unwrap();
        book.failed(&peer(1), 0);
        book.know(peer(1), vec![address(1)], false, 1);
        assert!(book.next_due_ms().unwrap() > 1);
    }

    #[test]
    fn strangers_are_not_dialled_and_the_forgotten_no_longer() {
        let mut book = book();
        book.seen(&peer(1), address(1), 0);
        assert_eq!(book.next_due_ms(), None);
        book.know(peer(1), vec![address(1)], false, 0);
        book.forget(&peer(1));
        assert_eq!(book.next_due_ms(), None);
        book.know(peer(1), vec![address(1)], false, 0);
        book.take_due(0).unwrap();
        book.forget(&peer(1));
        book.failed(&peer(1), 0);
        assert_eq!((book.next_due_ms(), book.dialling), (None, 0));
    }

    #[test]
    fn only_so_many_are_dialled_at_once_and_the_others_follow() {
        let mut book = book();
        let all = u16::try_from(DIALS_MAX).unwrap() + 3;
        for number in 0..all {
            book.know(peer(number), vec![address(1)], false, 0);
        }
        let mut dialled = Vec::new();
        while let Some(due) = book.take_due(0) {
            dialled.push(due.peer);
        }
        assert_eq!(dialled.len(), DIALS_MAX);
        assert_eq!(book.next_due_ms(), None);
        book.connected(&dialled[0], false, 0);
        assert!(book.take_due(0).is_some());
        book.failed(&dialled[1], 0);
        assert!(book.take_due(0).is_some());
    }

    #[test]
    fn everything_has_its_limit() {
        let mut book = book();
        for number in 0..u16::try_from(PEERS_MAX).unwrap() {
            assert!(book.know(peer(number), vec![], true, 0));
        }
        assert!(!book.know(PeerKey([255; 32]), vec![], true, 0));
        let many = (0..40).map(address).collect();
        book.know(peer(1), many, true, 0);
        for number in 100..200 {
            book.seen(&peer(1), address(number), 0);
        }
        book.disconnected(&peer(1), 0);
        let Due { addresses, .. } = book.take_due(u64::MAX).unwrap();
        assert_eq!(addresses.len(), SIGHTINGS_MAX + CARD_ADDRESSES_MAX);
        assert_eq!(addresses[0], address(199));
    }
}
