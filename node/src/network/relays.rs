//! At which relays this node has a place, and when it asks for one (PROTOCOL §5.2). Pure.
//!
//! A node that does not know to be reachable keeps a reservation at up to [`RELAYS_MAX`] of the known peers that offer
//! one, and renews it long before it ends: the library's own renewal goes by the two machines' clocks. A relay that
//! refuses is asked again after a wait that doubles. When a relay goes, another takes its place, and its addresses are
//! still given out for a while, because it may only be starting again.

use std::collections::BTreeMap;

use crate::ids::{Address, PeerKey};

/// A node has a place at so many relays at once: a second one for when the first goes.
pub(super) const RELAYS_MAX: usize = 2;
/// So many addresses of one relay are given out: a card holds 16 of all kinds.
const ADDRESSES_OF_ONE_MAX: usize = 2;
/// A reservation is renewed this often.
const RENEW_MS: u64 = 30 * 60_000;
/// An unanswered question is given up after this time; the library gives up after a minute.
const ANSWER_MS_MAX: u64 = 90_000;
/// The first wait after a refusal, and the longest. Guesses.
const WAIT_MS_MIN: u64 = 2_000;
const WAIT_MS_MAX: u64 = 10 * 60_000;
/// The addresses of a relay that went are given out this much longer.
const GRACE_MS: u64 = 60_000;

/// The relays that this node knows of. Times are milliseconds on a clock that only goes forward.
#[derive(Debug, Default)]
pub(super) struct Relays {
    relays: BTreeMap<PeerKey, Relay>,
    wanted: bool,
}

#[derive(Debug)]
struct Relay {
    state: State,
    failures: u32,
    addresses: Vec<Address>,
    /// Since when we have no place there, though its addresses are still given out.
    lost_ms: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// It may be asked from then on.
    Free { due_ms: u64 },
    /// It was asked.
    Asked { until_ms: u64 },
    /// We have a place there.
    Held { renew_ms: u64 },
    /// It is not there any more.
    Gone { until_ms: u64 },
}

impl Relay {
    fn new(state: State) -> Self {
        Self { state, failures: 0, addresses: Vec::new(), lost_ms: None }
    }

    /// When the addresses of a relay that refuses us are no longer given out.
    fn forgotten_ms(&self) -> Option<u64> {
        self.lost_ms.filter(|_| !self.addresses.is_empty()).map(|lost_ms| lost_ms.saturating_add(GRACE_MS))
    }
}

impl Relays {
    /// Whether this node needs relays at all; says whether its addresses changed.
    pub(super) fn want(&mut self, wanted: bool) -> bool {
        self.wanted = wanted;
        if wanted {
            return false;
        }
        let had = self.relays.values().any(|relay| !relay.addresses.is_empty());
        self.relays.values_mut().for_each(|relay| relay.addresses.clear());
        had
    }

    /// A known peer is directly connected and offers to relay.
    pub(super) fn offered(&mut self, peer: PeerKey, now_ms: u64) {
        let free = State::Free { due_ms: now_ms };
        let relay = self.relays.entry(peer).or_insert_with(|| Relay::new(free));
        if matches!(relay.state, State::Gone { .. }) {
            relay.state = free;
        }
    }

    /// It does not any more, or is not connected.
    pub(super) fn withdrawn(&mut self, peer: &PeerKey, now_ms: u64) {
        let Some(relay) = self.relays.get_mut(peer) else { return };
        if relay.addresses.is_empty() {
            self.relays.remove(peer);
        } else if !matches!(relay.state, State::Gone { .. }) {
            relay.state = State::Gone { until_ms: now_ms.saturating_add(GRACE_MS) };
            relay.lost_ms.get_or_insert(now_ms);
        }
    }

    /// The next relay to ask, for a place or for a longer one.
    pub(super) fn take_due(&mut self, now_ms: u64) -> Option<PeerKey> {
        let room = self.has_room();
        let (peer, relay) = self.relays.iter_mut().find(|(_, relay)| match relay.state {
            State::Free { due_ms } => room && due_ms <= now_ms,
            State::Held { renew_ms } => renew_ms <= now_ms,
            State::Asked { .. } | State::Gone { .. } => false,
        })?;
        if !self.wanted {
            return None;
        }
        relay.state = State::Asked { until_ms: now_ms.saturating_add(ANSWER_MS_MAX) };
        Some(*peer)
    }

    /// A relay gave us a place, or a longer one. `false` if it is not wanted any more.
    pub(super) fn accepted(&mut self, peer: &PeerKey, now_ms: u64) -> bool {
        if let Some(relay) = self.relays.get_mut(peer) {
            relay.state = State::Held { renew_ms: now_ms.saturating_add(RENEW_MS) };
            relay.failures = 0;
        }
        self.wanted
    }

    /// The relays at which we have a place.
    pub(super) fn held(&self) -> Vec<PeerKey> {
        let held = |(peer, relay): (&PeerKey, &Relay)| matches!(relay.state, State::Held { .. }).then_some(*peer);
        self.relays.iter().filter_map(held).collect()
    }

    /// The relays at which we have a place, and where we are reached by each.
    pub(super) fn places(&self) -> Vec<(PeerKey, Vec<Address>)> {
        let held = self.relays.iter().filter(|(_, relay)| matches!(relay.state, State::Held { .. }));
        held.map(|(peer, relay)| (*peer, relay.addresses.clone())).collect()
    }

    /// We can be reached there; says whether that is new.
    pub(super) fn reached_at(&mut self, peer: &PeerKey, address: Address) -> bool {
        let Some(relay) = self.relays.get_mut(peer).filter(|_| self.wanted) else { return false };
        let known = relay.addresses.contains(&address);
        if relay.lost_ms.take().is_some() && !known {
            relay.addresses.clear(); // It came back somewhere else.
        }
        let new = relay.addresses.len() < ADDRESSES_OF_ONE_MAX && !known;
        if new {
            relay.addresses.push(address);
        }
        new
    }

    /// A relay refused us, or took our place away.
    pub(super) fn refused(&mut self, peer: &PeerKey, now_ms: u64) {
        let Some(relay) = self.relays.get_mut(peer) else { return };
        if let State::Asked { .. } | State::Held { .. } = relay.state {
            let wait_ms = WAIT_MS_MIN.saturating_mul(1 << relay.failures.min(16)).min(WAIT_MS_MAX);
            relay.failures = relay.failures.saturating_add(1);
            relay.state = State::Free { due_ms: now_ms.saturating_add(wait_ms) };
            relay.lost_ms.get_or_insert(now_ms);
        }
    }

    /// Lets time pass; says whether our addresses changed.
    pub(super) fn pass(&mut self, now_ms: u64) -> bool {
        let late: Vec<PeerKey> = self
            .relays
            .iter()
            .filter(|(_, relay)| matches!(relay.state, State::Asked { until_ms } if until_ms <= now_ms))
            .map(|(peer, _)| *peer)
            .collect();
        for peer in &late {
            self.refused(peer, now_ms);
        }
        let before = self.addresses().count();
        self.relays.retain(|_, relay| !matches!(relay.state, State::Gone { until_ms } if until_ms <= now_ms));
        for relay in
            self.relays.values_mut().filter(|relay| relay.forgotten_ms().is_some_and(|due_ms| due_ms <= now_ms))
        {
            relay.addresses.clear();
        }
        self.addresses().count() != before
    }

    /// When to call [`Self::pass`] and [`Self::take_due`] again.
    pub(super) fn next_due_ms(&self) -> Option<u64> {
        let room = self.has_room();
        let due = |relay: &Relay| match relay.state {
            State::Free { due_ms } => (room && self.wanted).then_some(due_ms),
            State::Held { renew_ms } => self.wanted.then_some(renew_ms),
            State::Asked { until_ms } | State::Gone { until_ms } => Some(until_ms),
        };
        let forgotten = self.relays.values().filter_map(Relay::forgotten_ms);
        self.relays.values().filter_map(due).chain(forgotten).min()
    }

    /// Where this node can be reached through relays.
    pub(super) fn addresses(&self) -> impl Iterator<Item = &Address> {
        self.relays.values().flat_map(|relay| &relay.addresses)
    }

    fn has_room(&self) -> bool {
        let busy = self
            .relays
            .values()
            .filter(|relay| matches!(relay.state, State::Asked { .. } | State::Held { .. }))
            .count();
        busy < RELAYS_MAX
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(number: u8) -> PeerKey {
        PeerKey([number; 32])
    }

    fn address(number: u8) -> Address {
        Address(vec![number])
    }

    fn with_relays(count: u8) -> Relays {
        let mut relays = Relays::default();
        relays.want(true);
        for number in 1..=count {
            relays.offered(peer(number), 0);
        }
        relays
    }

    fn hold(relays: &mut Relays, number: u8, now_ms: u64) {
        assert_eq!(relays.take_due(now_ms), Some(peer(number)));
        assert!(relays.accepted(&peer(number), now_ms));
        assert!(relays.reached_at(&peer(number), address(number)));
    }

    #[test]
    fn a_place_is_asked_at_two_relays_and_renewed_in_time() {
        let mut relays = with_relays(3);
        hold(&mut relays, 1, 0);
        hold(&mut relays, 2, 0);
        assert_eq!(relays.take_due(RENEW_MS - 1), None);
        assert_eq!(relays.next_due_ms(), Some(RENEW_MS));
        assert_eq!(relays.take_due(RENEW_MS), Some(peer(1)));
        assert_eq!(relays.take_due(RENEW_MS), Some(peer(2)));
        assert_eq!(relays.take_due(RENEW_MS), None);
        assert_eq!(relays.addresses().count(), 2);
    }

    #[test]
    fn another_relay_takes_the_place_of_one_that_went_whose_addresses_stay_a_while() {
        let mut relays = with_relays(3);
        hold(&mut relays, 1, 0);
        hold(&mut relays, 2, 0);
        relays.withdrawn(&peer(1), 10);
        hold(&mut relays, 3, 10);
        assert_eq!(relays.addresses().count(), 3);
        assert!(!relays.pass(10 + GRACE_MS - 1));
        assert!(relays.pass(10 + GRACE_MS));
        assert_eq!(relays.addresses().collect::<Vec<_>>(), [&address(2), &address(3)]);
    }

    #[test]
    fn a_relay_that_comes_back_is_asked_at_once_and_its_addresses_never_went() {
        let mut relays = with_relays(1);
        hold(&mut relays, 1, 0);
        relays.withdrawn(&peer(1), 10);
        relays.offered(peer(1), 20);
        assert_eq!(relays.take_due(20), Some(peer(1)));
        assert!(relays.accepted(&peer(1), 20));
        assert!(!relays.reached_at(&peer(1), address(1)));
        assert!(!relays.pass(10 + GRACE_MS));
        assert_eq!(relays.addresses().count(), 1);
    }

    #[test]
    fn a_relay_that_takes_the_place_away_is_not_given_out_for_long() {
        let mut relays = with_relays(1);
        hold(&mut relays, 1, 0);
        relays.refused(&peer(1), 10);
        let mut now = 10;
        while relays.take_due(now).is_some() || now < 10 + GRACE_MS {
            relays.refused(&peer(1), now);
            relays.pass(now);
            assert_eq!(relays.addresses().count(), usize::from(now < 10 + GRACE_MS));
            now = relays.next_due_ms().unwrap();
        }
        relays.pass(now);
        assert_eq!(relays.addresses().count(), 0);
    }

    #[test]
    fn a_relay_that_comes_back_somewhere_else_is_given_out_there_only() {
        let mut relays = with_relays(1);
        hold(&mut relays, 1, 0);
        relays.withdrawn(&peer(1), 10);
        relays.offered(peer(1), 20);
        assert_eq!(relays.take_due(20), Some(peer(1)));
        relays.accepted(&peer(1), 20);
        assert!(relays.reached_at(&peer(1), address(7)));
        assert_eq!(relays.addresses().collect::<Vec<_>>(), [&address(7)]);
    }

    #[test]
    fn refusals_double_the_wait_and_silence_is_a_refusal() {
        let mut relays = with_relays(1);
        let mut now = 0;
        for failure in 0..20 {
            assert_eq!(relays.take_due(now), Some(peer(1)));
            if failure % 2 == 0 {
                relays.refused(&peer(1), now);
            } else {
                now = relays.next_due_ms().unwrap();
                assert!(!relays.pass(now));
            }
            let wait = relays.next_due_ms().unwrap() - now;
            assert_eq!(wait, (WAIT_MS_MIN << failure.min(16)).min(WAIT_MS_MAX));
            now += wait;
        }
    }

    #[test]
    fn a_node_that_can_be_reached_asks_nobody_and_gives_no_relay_out() {
        let mut relays = with_relays(2);
        hold(&mut relays, 1, 0);
        assert!(relays.want(false));
        assert_eq!((relays.addresses().count(), relays.take_due(RENEW_MS)), (0, None));
        assert!(!relays.accepted(&peer(1), 0));
        assert!(!relays.reached_at(&peer(1), address(1)));
    }

    #[test]
    fn a_relay_has_so_many_addresses_and_no_more() {
        let mut relays = with_relays(1);
        hold(&mut relays, 1, 0);
        assert!(!relays.reached_at(&peer(1), address(1)));
        assert!(relays.reached_at(&peer(1), address(8)));
        assert!(!relays.reached_at(&peer(1), address(9)));
    }
}
