//! Multiaddrs as the engine holds them: binary, without the peer's id at the end, and only such as this node can dial.

use std::collections::BTreeSet;

use libp2p::PeerId;
use libp2p::multiaddr::{Multiaddr, Protocol};

use crate::ids::{Address, PeerKey};

/// An address is at most this many bytes.
pub const ADDRESS_BYTES_MAX: usize = 128;

/// The text of an address, ending in the peer's id; `None` for bytes that are no address.
pub fn address_text(address: &Address, peer: &PeerKey) -> Option<String> {
    let address = to_multiaddr(address)?;
    Some(address.with(Protocol::P2p(super::peer::peer_id(peer)?)).to_string())
}

/// Reads the text of an address, with or without a peer id at its end; `None` where it cannot be dialled.
pub fn parse_address(text: &str) -> Option<Address> {
    from_multiaddr(&text.parse().ok()?)
}

/// Whether an address leads to more than this machine itself.
pub fn leads_elsewhere(address: &Address) -> bool {
    to_multiaddr(address).is_some_and(|address| !is_loopback(&address))
}

/// The multiaddr behind an address, where it is one that this node can dial.
pub(super) fn to_multiaddr(address: &Address) -> Option<Multiaddr> {
    if address.0.len() > ADDRESS_BYTES_MAX {
        return None;
    }
    let address = Multiaddr::try_from(address.0.clone()).ok()?;
    is_dialable(&address).then_some(address)
}

/// An address without the peer id at its end, where it is one that this node can dial.
pub(super) fn from_multiaddr(address: &Multiaddr) -> Option<Address> {
    let mut address = address.clone();
    if matches!(address.iter().last(), Some(Protocol::P2p(_))) {
        address.pop();
    }
    let fits = is_dialable(&address) && address.len() <= ADDRESS_BYTES_MAX;
    fits.then(|| Address(address.to_vec()))
}

/// The address at which a peer is reached through a relay that listens at `relay`.
pub(super) fn circuit(relay: &Multiaddr, id: PeerId) -> Multiaddr {
    let relay: Multiaddr = relay.iter().take_while(|part| !matches!(part, Protocol::P2p(_))).collect();
    relay.with(Protocol::P2p(id)).with(Protocol::P2pCircuit)
}

/// Whether an address leads through a relay.
pub(super) fn is_relayed(address: &Multiaddr) -> bool {
    address.iter().any(|part| matches!(part, Protocol::P2pCircuit))
}

/// Whether an address leads through a relay.
pub(super) fn is_circuit(address: &Address) -> bool {
    to_multiaddr(address).is_some_and(|address| is_relayed(&address))
}

/// Whether an address may be reached from everywhere, rather than from one network only.
pub(super) fn is_public(address: &Multiaddr) -> bool {
    match address.iter().next() {
        Some(Protocol::Ip4(ip)) => {
            let [first, second, ..] = ip.octets();
            let shared = first == 100 && second & 0b1100_0000 == 0b0100_0000; // RFC 6598: behind a provider's NAT.
            !(ip.is_private() || ip.is_loopback() || ip.is_link_local() || shared || first == 0 || first >= 224)
        }
        Some(Protocol::Ip6(ip)) => ip.segments()[0] & 0xe000 == 0x2000,
        Some(Protocol::Dns(_) | Protocol::Dns4(_) | Protocol::Dns6(_)) => true,
        _ => false,
    }
}

/// Where we may be reachable, if a peer sees us at `observed`: there, if it dialled us; and at every port at which we
/// listen in the same way, since our own dials go out from other ports.
pub(super) fn candidates(observed: &Multiaddr, listening: &[Multiaddr], they_dialled: bool) -> Vec<Multiaddr> {
    let direct = from_multiaddr(observed).and_then(|address| to_multiaddr(&address)).filter(|found| !is_relayed(found));
    let Some(observed) = direct else { return Vec::new() };
    let Some(host) = observed.iter().next() else { return Vec::new() };
    let mut found: BTreeSet<Multiaddr> = listening
        .iter()
        .filter(|own| !is_relayed(own) && carrier(own) == carrier(&observed))
        .filter_map(|own| own.replace(0, |_| Some(host.clone())))
        .collect();
    if they_dialled {
        found.insert(observed);
    }
    found.into_iter().filter(|address| from_multiaddr(address).is_some()).collect()
}

/// The family of the host, and whether QUIC or TCP runs there.
fn carrier(address: &Multiaddr) -> (Option<bool>, bool) {
    let v4 = match address.iter().next() {
        Some(Protocol::Ip4(_)) => Some(true),
        Some(Protocol::Ip6(_)) => Some(false),
        _ => None,
    };
    (v4, address.iter().any(|part| matches!(part, Protocol::QuicV1)))
}

/// Whether two addresses are of the same family.
pub(super) fn same_family(one: &Multiaddr, other: &Multiaddr) -> bool {
    carrier(one).0 == carrier(other).0
}

/// Whether an address leads only to this machine.
pub(super) fn is_loopback(address: &Multiaddr) -> bool {
    address.ip_addr().is_some_and(|ip| ip.is_loopback())
}

/// More parts than any address has that can be dialled.
const PARTS_MAX: usize = 5;

/// A host and then TCP, QUIC or a WebSocket, and perhaps a relay there. Link-local IPv6 needs a zone that no card can carry.
fn is_dialable(address: &Multiaddr) -> bool {
    let mut parts = address.iter();
    let host = match parts.next() {
        Some(Protocol::Ip4(ip)) => !ip.is_unspecified() && !ip.is_multicast() && !ip.is_broadcast(),
        Some(Protocol::Ip6(ip)) => !ip.is_unspecified() && !ip.is_multicast() && !ip.is_unicast_link_local(),
        Some(Protocol::Dns(_) | Protocol::Dns4(_) | Protocol::Dns6(_)) => true,
        _ => false,
    };
    let rest: Vec<_> = parts.take(PARTS_MAX).collect();
    let carrier = match rest.as_slice() {
        [Protocol::Tcp(port)]
        | [Protocol::Tcp(port), Protocol::Ws(_)]
        | [Protocol::Udp(port), Protocol::QuicV1]
        | [Protocol::Tcp(port), Protocol::P2p(_), Protocol::P2pCircuit]
        | [Protocol::Udp(port), Protocol::QuicV1, Protocol::P2p(_), Protocol::P2pCircuit] => *port != 0,
        _ => false,
    };
    host && carrier
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_tcp_quic_and_websockets_at_a_definite_host_can_be_dialled() {
        for good in [
            "/ip4/192.0.2.7/tcp/4001",
            "/ip4/192.0.2.7/udp/4001/quic-v1",
            "/ip6/2001:db8::1/tcp/1",
            "/dns4/example.org/tcp/443",
            "/ip4/192.0.2.7/tcp/4001/ws",
        ] {
            let address = parse_address(good).unwrap();
            assert_eq!(to_multiaddr(&address).unwrap().to_string(), good);
        }
        for bad in [
            "",
            "/ip4/0.0.0.0/tcp/4001",
            "/ip4/192.0.2.7/tcp/0",
            "/ip4/192.0.2.7/udp/4001",
            "/ip4/192.0.2.7/tcp/4001/wss",
            "/ip4/192.0.2.7/udp/4001/ws",
            "/ip6/fe80::1/tcp/4001",
            "/ip4/224.0.0.251/udp/5353/quic-v1",
            "/memory/7",
            "/ip4/192.0.2.7/tcp/4001/p2p-circuit",
            "/p2p-circuit",
            "/unix/tmp",
            "no address",
        ] {
            assert_eq!(parse_address(bad), None, "{bad}");
        }
    }

    #[test]
    fn the_peer_id_is_cut_from_an_address_and_put_back_into_its_text() {
        let peer = super::super::peer::peer_key_of_seed([7; 32]);
        let address = parse_address("/ip4/192.0.2.7/tcp/4001").unwrap();
        let text = address_text(&address, &peer).unwrap();
        assert!(text.starts_with("/ip4/192.0.2.7/tcp/4001/p2p/12D3Koo"), "{text}");
        assert_eq!(parse_address(&text), Some(address));
    }

    #[test]
    fn an_address_through_a_relay_keeps_the_relays_id_and_loses_only_the_peers() {
        let [relay, peer] = [8, 7].map(|seed| super::super::peer::peer_key_of_seed([seed; 32]));
        let relay = super::super::peer::peer_id(&relay).unwrap();
        for carrier in ["/ip4/192.0.2.7/tcp/4001", "/dns4/example.org/udp/4001/quic-v1", "/ip6/2001:db8::1/tcp/1"] {
            let text = format!("{carrier}/p2p/{relay}/p2p-circuit");
            let address = parse_address(&text).unwrap();
            assert!(is_circuit(&address));
            assert_eq!(to_multiaddr(&address).unwrap().to_string(), text);
            let whole = address_text(&address, &peer).unwrap();
            assert!(whole.starts_with(&format!("{text}/p2p/12D3Koo")), "{whole}");
            assert_eq!(parse_address(&whole), Some(address));
            assert_eq!(circuit(&carrier.parse().unwrap(), relay).to_string(), text);
            for more in ["/p2p-circuit", "/tcp/1"] {
                assert_eq!(parse_address(&format!("{text}{more}")), None);
            }
        }
        // Two relays in a row are nothing that a node dials.
        assert_eq!(
            parse_address(&format!("/ip4/192.0.2.7/tcp/1/p2p/{relay}/p2p-circuit/p2p/{relay}/p2p-circuit")),
            None
        );
        assert!(!is_circuit(&parse_address("/ip4/192.0.2.7/tcp/4001").unwrap()));
    }

    #[test]
    fn private_shared_and_local_addresses_are_not_public() {
        for (text, public) in [
            ("/ip4/8.8.8.8/tcp/1", true),
            ("/ip4/100.128.0.1/tcp/1", true),
            ("/ip6/2a00:1450::1/tcp/1", true),
            ("/dns4/example.org/tcp/443", true),
            ("/ip4/10.0.0.1/tcp/1", false),
            ("/ip4/192.168.1.1/tcp/1", false),
            ("/ip4/100.64.0.1/tcp/1", false),
            ("/ip4/169.254.0.1/tcp/1", false),
            ("/ip4/127.0.0.1/tcp/1", false),
            ("/ip6/fd00::1/tcp/1", false),
            ("/ip6/::1/tcp/1", false),
        ] {
            assert_eq!(is_public(&text.parse().unwrap()), public, "{text}");
        }
    }

    #[test]
    fn what_a_peer_sees_is_tried_at_the_ports_where_we_listen() {
        let all = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect::<Vec<Multiaddr>>();
        let listening = all(&["/ip4/10.0.0.1/tcp/4001", "/ip4/127.0.0.1/tcp/4001", "/ip4/10.0.0.1/udp/4002/quic-v1"]);
        let tcp = "/ip4/192.0.2.7/tcp/55555".parse().unwrap();
        assert_eq!(candidates(&tcp, &listening, false), all(&["/ip4/192.0.2.7/tcp/4001"]));
        let both = all(&["/ip4/192.0.2.7/tcp/4001", "/ip4/192.0.2.7/tcp/55555"]);
        let mut found = candidates(&tcp, &listening, true);
        found.sort_by_key(ToString::to_string);
        assert_eq!(found, both);
        let quic = "/ip4/192.0.2.7/udp/5/quic-v1".parse().unwrap();
        assert_eq!(candidates(&quic, &listening, false), all(&["/ip4/192.0.2.7/udp/4002/quic-v1"]));
        assert_eq!(candidates(&"/ip6/2001:db8::1/tcp/1".parse().unwrap(), &listening, false), all(&[]));
        assert_eq!(candidates(&"/p2p-circuit".parse().unwrap(), &listening, true), all(&[]));
    }

    #[test]
    fn bytes_that_are_no_address_are_passed_over() {
        for bytes in [vec![], vec![0xff; 10], vec![4], vec![0; ADDRESS_BYTES_MAX + 1]] {
            assert_eq!(to_multiaddr(&Address(bytes)), None);
        }
    }
}
