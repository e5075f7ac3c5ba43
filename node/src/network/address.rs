//! Multiaddrs as the engine holds them: binary, without the peer id, and only such as this node can dial.

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
    let address: Multiaddr = address.iter().take_while(|part| !matches!(part, Protocol::P2p(_))).collect();
    let fits = is_dialable(&address) && address.len() <= ADDRESS_BYTES_MAX;
    fits.then(|| Address(address.to_vec()))
}

/// Whether an address leads only to this machine.
pub(super) fn is_loopback(address: &Multiaddr) -> bool {
    address.ip_addr().is_some_and(|ip| ip.is_loopback())
}

/// A host and then TCP or QUIC. Link-local IPv6 needs a zone that no card can carry.
fn is_dialable(address: &Multiaddr) -> bool {
    let mut parts = address.iter();
    let host = match parts.next() {
        Some(Protocol::Ip4(ip)) => !ip.is_unspecified() && !ip.is_multicast() && !ip.is_broadcast(),
        Some(Protocol::Ip6(ip)) => !ip.is_unspecified() && !ip.is_multicast() && !ip.is_unicast_link_local(),
        Some(Protocol::Dns(_) | Protocol::Dns4(_) | Protocol::Dns6(_)) => true,
        _ => false,
    };
    let carrier = match (parts.next(), parts.next(), parts.next()) {
        (Some(Protocol::Tcp(port)), None, None) | (Some(Protocol::Udp(port)), Some(Protocol::QuicV1), None) => {
            port != 0
        }
        _ => false,
    };
    host && carrier
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_tcp_and_quic_at_a_definite_host_can_be_dialled() {
        for good in [
            "/ip4/192.0.2.7/tcp/4001",
            "/ip4/192.0.2.7/udp/4001/quic-v1",
            "/ip6/2001:db8::1/tcp/1",
            "/dns4/example.org/tcp/443",
        ] {
            let address = parse_address(good).unwrap();
            assert_eq!(to_multiaddr(&address).unwrap().to_string(), good);
        }
        for bad in [
            "",
            "/ip4/0.0.0.0/tcp/4001",
            "/ip4/192.0.2.7/tcp/0",
            "/ip4/192.0.2.7/udp/4001",
            "/ip4/192.0.2.7/tcp/4001/ws",
            "/ip6/fe80::1/tcp/4001",
            "/ip4/224.0.0.251/udp/5353/quic-v1",
            "/memory/7",
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
    fn bytes_that_are_no_address_are_passed_over() {
        for bytes in [vec![], vec![0xff; 10], vec![4], vec![0; ADDRESS_BYTES_MAX + 1]] {
            assert_eq!(to_multiaddr(&Address(bytes)), None);
        }
    }
}
