//! How this node is reached: places at relays, proofs of its addresses, what it gives out (PROTOCOL §5.2).

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::time::Duration;

use libp2p::autonat::v2::client;
use libp2p::core::transport::ListenerId;
use libp2p::swarm::ConnectionId;
use libp2p::{Multiaddr, PeerId, identify, relay, upnp};

use super::Network;
use super::address::{self, candidates, circuit, from_multiaddr, is_public, is_relayed, same_family};
use super::address_book::CARD_ADDRESSES_MAX;
use super::event::NetworkEvent;
use super::known::Known;
use super::peer::{peer_id, peer_key};
use super::probing::SIDE_MAX;
use super::proofs::Proofs;
use super::reach::Seen;
use super::relays::Relays;
use crate::handle::{Path, Router};
use crate::ids::{Address, PeerKey};

/// Our addresses are tested anew this often.
const TEST_INTERVAL: Duration = Duration::from_hours(24);

/// What a network knows of how it is reached.
#[derive(Debug)]
pub(super) struct Reaching {
    pub(super) known: Known,
    relays: Relays,
    proofs: Proofs,
    /// The relays behind the listeners that lead through one.
    places: HashMap<ListenerId, PeerKey>,
    /// The connected peers that offer to relay.
    offering: BTreeSet<PeerKey>,
    /// The side connections, and when each is closed.
    side: VecDeque<(u64, ConnectionId)>,
    /// Whether this node is a relay itself.
    is_relay: bool,
    /// Whether addresses of one machine or network count like public ones.
    local_counts: bool,
    test_again_ms: u64,
    /// What was given out last.
    given: Vec<Address>,
    /// What is told to people.
    pub(super) seen: Seen,
}

impl Reaching {
    pub(super) fn new(known: Known, is_relay: bool, local_counts: bool) -> Self {
        let mut relays = Relays::default();
        relays.want(!is_relay);
        Self {
            known,
            relays,
            proofs: Proofs::default(),
            places: HashMap::new(),
            offering: BTreeSet::new(),
            side: VecDeque::new(),
            is_relay,
            local_counts,
            test_again_ms: millis(TEST_INTERVAL),
            given: Vec::new(),
            seen: Seen::default(),
        }
    }

    pub(super) fn proofs(&self) -> &Proofs {
        &self.proofs
    }

    pub(super) fn is_relay(&self) -> bool {
        self.is_relay
    }

    /// The relays at which this node has a place, and where it is reached by each.
    pub(super) fn held_places(&self) -> Vec<(PeerKey, Vec<Address>)> {
        self.relays.places()
    }

    /// When [`Network::pass`] has something to do.
    pub(super) fn next_due_ms(&self) -> Option<u64> {
        let side = self.side.front().map(|(due_ms, _)| *due_ms);
        let some = [self.relays.next_due_ms(), self.proofs.next_due_ms(), side, Some(self.test_again_ms)];
        some.into_iter().flatten().min()
    }
}

impl Network {
    /// Where this node can be reached: where that is proved, through relays, and where it listens, with what leads only to
    /// this machine last. At most as many as a card holds.
    pub fn addresses(&self) -> Vec<Address> {
        let Reaching { proofs, relays, .. } = &self.reaching;
        let mut addresses: Vec<Address> = proofs.addresses().chain(relays.addresses()).cloned().collect();
        for address in self.listeners.addresses() {
            if !proofs.is_refuted(&address) && !addresses.contains(&address) {
                addresses.push(address);
            }
        }
        addresses.truncate(CARD_ADDRESSES_MAX);
        addresses
    }

    /// Says that the addresses changed, if they did.
    pub(super) fn addresses_changed(&mut self) -> Option<NetworkEvent> {
        self.offer_own_addresses();
        let addresses = self.addresses();
        (addresses != self.reaching.given).then(|| {
            self.reaching.given = addresses;
            NetworkEvent::AddressesChanged
        })
    }

    /// Does what is due: closes side connections, asks relays, forgets what became too old.
    pub(super) fn pass(&mut self) -> Option<NetworkEvent> {
        let now_ms = self.now_ms();
        while let Some((_, connection)) = self.reaching.side.pop_front_if(|(due_ms, _)| *due_ms <= now_ms) {
            self.swarm.close_connection(connection);
        }
        if self.reaching.test_again_ms <= now_ms {
            self.reaching.test_again_ms = now_ms.saturating_add(millis(TEST_INTERVAL));
            self.reaching.proofs.try_again();
            self.swarm.behaviour_mut().asking.begin_again();
        }
        let grown_old = self.reaching.proofs.pass(now_ms);
        let gone = self.reaching.relays.pass(now_ms);
        if grown_old {
            self.weigh();
        }
        while let Some(peer) = self.reaching.relays.take_due(now_ms) {
            if self.reserve(&peer).is_none() {
                self.reaching.relays.refused(&peer, now_ms);
            }
        }
        if grown_old || gone { self.addresses_changed() } else { None }
    }

    /// A peer said what it speaks and where it sees us.
    pub(super) fn identified(&mut self, id: &PeerId, info: &identify::Info) {
        let Some(peer) = peer_key(id) else { return };
        if info.protocols.contains(&relay::HOP_PROTOCOL_NAME) {
            self.reaching.offering.insert(peer);
        } else {
            self.reaching.offering.remove(&peer);
        }
        self.consider_relay(&peer);
        let Some(endpoint) = self.swarm.behaviour().one.endpoint(id) else { return };
        let they_dialled = endpoint.is_listener();
        // A stranger who comes to us may say anything. Whom we dialled is known, or a known peer's relay.
        if endpoint.is_relayed() || (they_dialled && !self.reaching.known.contains(id)) {
            return;
        }
        self.seen_at(peer, &info.observed_addr);
        let listening: Vec<Multiaddr> = self.swarm.listeners().cloned().collect();
        for candidate in candidates(&info.observed_addr, &listening, they_dialled) {
            if self.reaching.local_counts || is_public(&candidate) {
                self.swarm.behaviour_mut().asking.candidate(candidate);
            }
        }
    }

    /// Whether a peer is one to have a place at: known, directly connected, and a relay; a relay itself needs none.
    pub(super) fn consider_relay(&mut self, peer: &PeerKey) {
        let now_ms = self.now_ms();
        let direct = self.connected.get(peer).is_some_and(|path| *path != Path::Relayed);
        let known = peer_id(peer).is_some_and(|id| self.reaching.known.contains(&id));
        if direct && known && self.reaching.offering.contains(peer) && !self.reaching.is_relay {
            self.reaching.relays.offered(*peer, now_ms);
        } else {
            self.reaching.relays.withdrawn(peer, now_ms);
        }
    }

    /// A peer's connection is new, or gone: what it offers is not known any more.
    pub(super) fn forget_offer(&mut self, peer: &PeerKey) {
        self.reaching.offering.remove(peer);
        self.consider_relay(peer);
    }

    /// A connection was made: if it is there only to prove an address, it is closed soon.
    pub(super) fn look_at(&mut self, connection: ConnectionId) {
        if self.swarm.behaviour().one.is_side(connection) {
            let due_ms = self.now_ms().saturating_add(millis(SIDE_MAX));
            self.reaching.side.push_back((due_ms, connection));
        }
    }

    /// A listener has an address. `false` if it does not lead through a relay.
    pub(super) fn place_at(&mut self, listener: ListenerId, address: &Multiaddr) -> bool {
        let Some(peer) = self.reaching.places.get(&listener) else { return false };
        if let Some(address) = from_multiaddr(address) {
            self.reaching.relays.reached_at(peer, address);
        }
        true
    }

    /// A listener is gone. `false` if it did not lead through a relay.
    pub(super) fn place_lost(&mut self, listener: ListenerId) -> bool {
        let Some(peer) = self.reaching.places.remove(&listener) else { return false };
        // A renewal brings a new listener first, and then the old one closes.
        if !self.reaching.places.values().any(|other| *other == peer) {
            let now_ms = self.now_ms();
            self.reaching.relays.refused(&peer, now_ms);
        }
        true
    }

    /// A relay gave us a place.
    pub(super) fn place_given(&mut self, relay: &PeerId) {
        let Some(peer) = peer_key(relay) else { return };
        let now_ms = self.now_ms();
        if !self.reaching.relays.accepted(&peer, now_ms) {
            self.give_back(&peer);
        }
    }

    /// A peer tried to reach us where we asked it to.
    pub(super) fn tested(&mut self, event: &client::Event) -> Option<NetworkEvent> {
        let address = from_multiaddr(&event.tested_addr).filter(|address| !address::is_circuit(address))?;
        let now_ms = self.now_ms();
        let changed = if event.result.is_ok() {
            self.reaching.proofs.prove(address, now_ms)
        } else {
            // A peer that has no address of that family itself could not have reached us.
            let endpoint = self.swarm.behaviour().one.endpoint(&event.server)?;
            same_family(endpoint.get_remote_address(), &event.tested_addr) && self.reaching.proofs.refute(address)
        };
        self.proofs_changed(changed)
    }

    /// The router leads to us, or not any more.
    pub(super) fn mapped(&mut self, event: &upnp::Event) -> Option<NetworkEvent> {
        let changed = match event {
            // A place at a relay in our own network is no port of ours.
            upnp::Event::NewExternalAddr { local_addr, .. } if is_relayed(local_addr) => false,
            upnp::Event::NewExternalAddr { external_addr, .. } => {
                self.reaching.seen.router = Router::Leads;
                self.reaching.proofs.map(from_multiaddr(external_addr)?)
            }
            upnp::Event::ExpiredExternalAddr { external_addr, .. } => {
                self.reaching.proofs.unmap(&from_multiaddr(external_addr)?)
            }
            upnp::Event::GatewayNotFound => {
                self.reaching.seen.router = Router::None;
                false
            }
            upnp::Event::NonRoutableGateway => {
                self.reaching.seen.router = Router::NotPublic;
                false
            }
        };
        self.proofs_changed(changed)
    }

    /// This machine lost an address: it may be somewhere else now, and what peers found out need not hold there.
    pub(super) fn moved(&mut self) {
        self.reaching.seen.moved();
        if self.reaching.proofs.moved() {
            self.weigh();
        }
        self.swarm.behaviour_mut().asking.begin_again();
    }

    fn proofs_changed(&mut self, changed: bool) -> Option<NetworkEvent> {
        if !changed {
            return None;
        }
        self.weigh();
        self.addresses_changed()
    }

    /// Whether relays are needed.
    fn weigh(&mut self) {
        let wanted = !self.reaching.is_relay && !self.reaching.proofs.is_reachable();
        self.reaching.relays.want(wanted);
        if !wanted {
            for peer in self.reaching.relays.held() {
                self.give_back(&peer);
            }
        }
    }

    /// Asks a relay for a place, or for a longer one.
    fn reserve(&mut self, peer: &PeerKey) -> Option<()> {
        let id = peer_id(peer)?;
        let remote = self.swarm.behaviour().one.endpoint(&id)?.get_remote_address().clone();
        let listener = self.swarm.listen_on(circuit(&remote, id)).ok()?;
        self.reaching.places.insert(listener, *peer);
        Some(())
    }

    /// Gives back a place that we have. The library does not bear it while it still asks for one.
    fn give_back(&mut self, peer: &PeerKey) {
        let listeners = self.reaching.places.iter().filter(|(_, relay)| *relay == peer).map(|(listener, _)| *listener);
        for listener in listeners.collect::<Vec<_>>() {
            self.swarm.remove_listener(listener);
        }
    }

    /// A relay tells those who have a place with it where it is reached: where that is proved, else where it listens.
    pub(super) fn offer_own_addresses(&mut self) {
        if !self.reaching.is_relay {
            return;
        }
        let own: Vec<Multiaddr> = self.addresses().iter().filter_map(address::to_multiaddr).collect();
        let public: Vec<_> = own.iter().filter(|address| is_public(address)).cloned().collect();
        let elsewhere: Vec<_> = own.iter().filter(|address| !address::is_loopback(address)).cloned().collect();
        let offered = [public, elsewhere, own].into_iter().find(|some| !some.is_empty()).unwrap_or_default();
        let before: Vec<_> = self.swarm.external_addresses().cloned().collect();
        for address in before.iter().filter(|address| !offered.contains(address) && !is_relayed(address)) {
            self.swarm.remove_external_address(address);
        }
        for address in offered.into_iter().filter(|address| !before.contains(address)) {
            self.swarm.add_external_address(address);
        }
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
