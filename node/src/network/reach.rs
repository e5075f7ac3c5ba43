//! How this node is reached, as far as it knows: for people (PROTOCOL §5.2).

use std::collections::{BTreeMap, BTreeSet};

use libp2p::multiaddr::Protocol;
use libp2p::swarm::DialError;
use libp2p::{Multiaddr, TransportError};

use super::Network;
use super::address::{self, from_multiaddr, is_circuit};
use crate::handle::{AddressStanding, Nat, Reach, Router};
use crate::ids::PeerKey;

/// So many peers say where they see us, and of so many it is known why they were not reached.
const PEERS_MAX: usize = 64;
/// So many addresses of one that was not reached are told.
const TRIED_MAX: usize = 8;

/// What is remembered for people only.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// At which port peers see our QUIC, whose connections all leave from the one at which it listens: per IP version.
    ports: BTreeMap<PeerKey, (bool, u16, bool)>,
    failed: BTreeMap<PeerKey, Vec<(String, String)>>,
    pub(super) router: Router,
}

impl Seen {
    /// A peer says where it sees us.
    pub(super) fn at(&mut self, peer: PeerKey, observed: &Multiaddr, listening: &[Multiaddr]) {
        let (mut is_v6, mut port) = (None, None);
        for protocol in observed {
            match protocol {
                Protocol::Ip4(_) => is_v6 = Some(false),
                Protocol::Ip6(_) => is_v6 = Some(true),
                Protocol::Udp(seen) => port = Some(seen),
                _ => {}
            }
        }
        let (Some(is_v6), Some(port)) = (is_v6, port) else { return };
        let own = observed.iter().next();
        let is_own = listening.iter().any(|address| address.iter().next() == own);
        if self.ports.len() < PEERS_MAX || self.ports.contains_key(&peer) {
            self.ports.insert(peer, (is_v6, port, is_own));
        }
    }

    /// A peer was not reached.
    pub(super) fn failed(&mut self, peer: PeerKey, error: &DialError) {
        let DialError::Transport(tried) = error else { return };
        let told = |(address, error): &(Multiaddr, TransportError<std::io::Error>)| {
            let mut address = address.clone();
            if matches!(address.iter().last(), Some(Protocol::P2p(_))) {
                address.pop();
            }
            (address.to_string(), reason(error))
        };
        if self.failed.len() < PEERS_MAX || self.failed.contains_key(&peer) {
            self.failed.insert(peer, tried.iter().take(TRIED_MAX).map(told).collect());
        }
    }

    /// A peer is connected.
    pub(super) fn reached(&mut self, peer: &PeerKey) {
        self.failed.remove(peer);
    }

    /// This machine is somewhere else.
    pub(super) fn moved(&mut self) {
        self.ports.clear();
    }

    fn nat(&self) -> Nat {
        let translated = self.ports.values().filter(|(_, _, is_own)| !is_own);
        let mut ports: BTreeMap<bool, (BTreeSet<u16>, usize)> = BTreeMap::new();
        for (is_v6, port, _) in translated {
            let (of, peers) = ports.entry(*is_v6).or_default();
            of.insert(*port);
            *peers += 1;
        }
        if ports.values().any(|(ports, _)| ports.len() > 1) {
            Nat::EndpointDependent
        } else if ports.values().any(|(_, peers)| *peers > 1) {
            Nat::EndpointIndependent
        } else {
            Nat::Unknown
        }
    }
}

/// A failure in a few words: the innermost reason is the one that tells something.
fn reason(error: &TransportError<std::io::Error>) -> String {
    let TransportError::Other(error) = error else { return "it is not an address that can be dialled".to_owned() };
    let mut reason: &dyn std::error::Error = error;
    while let Some(inner) = reason.source() {
        reason = inner;
    }
    let mut text = reason.to_string();
    text.truncate(text.char_indices().nth(120).map_or(text.len(), |(at, _)| at));
    text
}

impl Network {
    /// How this node is reached, as far as it knows.
    pub fn reach(&self) -> Reach {
        let reaching = &self.reaching;
        let addresses = self.addresses();
        let standing = |address: &_| {
            if is_circuit(address) {
                AddressStanding::Relayed
            } else if reaching.proofs().is_proved(address) {
                AddressStanding::Proved
            } else {
                AddressStanding::Untested
            }
        };
        let text = |address: &_| address::to_multiaddr(address).map(|address| address.to_string());
        let given = addresses.iter().filter_map(|address| Some((text(address)?, standing(address))));
        let listened = self.listeners.addresses();
        let refuted = listened.iter().filter(|address| reaching.proofs().is_refuted(address));
        let refuted = refuted.filter_map(|address| Some((text(address)?, AddressStanding::Refuted)));
        let nat = match reaching.proofs() {
            proofs if proofs.is_mapped() => Nat::Mapped,
            proofs if proofs.is_reachable() => Nat::Open,
            _ => reaching.seen.nat(),
        };
        Reach {
            nat,
            addresses: given.chain(refuted).collect(),
            router: if self.swarm.behaviour().upnp.is_enabled() { reaching.seen.router } else { Router::Off },
            is_relay: reaching.is_relay(),
            places: reaching.held_places(),
            failed: reaching.seen.failed.iter().map(|(peer, tried)| (*peer, tried.clone())).collect(),
        }
    }

    /// A peer says where it sees us.
    pub(super) fn seen_at(&mut self, peer: PeerKey, observed: &Multiaddr) {
        let listening: Vec<Multiaddr> = self.swarm.listeners().cloned().collect();
        if from_multiaddr(observed).is_some() {
            self.reaching.seen.at(peer, observed, &listening);
        }
    }
}
