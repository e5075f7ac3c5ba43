//! Where a node listens, and what it says when it cannot.

use std::net::{TcpListener, UdpSocket};

use tidings_node::network::{Network, address_text};

use crate::world::{QUIC, TCP, World, config};

async fn refusal(address: &str) -> String {
    Network::start(config(1, &[TCP, address])).await.unwrap_err().to_string()
}

fn taken(address: &str) -> String {
    format!("cannot listen at {address}: the port is taken by another program: stop that one, or choose another port")
}

#[tokio::test]
async fn a_port_that_another_program_holds_is_named_in_a_sentence() {
    let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("/ip4/127.0.0.1/tcp/{}", tcp.local_addr().unwrap().port());
    assert_eq!(refusal(&address).await, taken(&address));
    let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = format!("/ip4/127.0.0.1/udp/{}/quic-v1", udp.local_addr().unwrap().port());
    assert_eq!(refusal(&address).await, taken(&address));
}

#[tokio::test]
async fn a_port_that_another_node_holds_is_not_shared_with_it() {
    let world = World::new(&[TCP, QUIC]).await;
    for node in &world.nodes {
        let text = node.address_text();
        let (address, _) = text.split_once("/p2p/").unwrap();
        assert_eq!(refusal(address).await, taken(address));
    }
}

#[tokio::test]
async fn an_address_that_cannot_be_listened_at_is_named_in_a_sentence() {
    let not_mine = "this machine has no such address";
    for (address, reason) in [
        ("nonsense", "it is not a multiaddr"),
        (
            "/ip4/127.0.0.1",
            "only /ip4/…/tcp/…, /ip4/…/udp/…/quic-v1, /ip4/…/tcp/…/ws and their /ip6 forms can be listened at",
        ),
        (
            "/dns4/example.org/tcp/4001",
            "only /ip4/…/tcp/…, /ip4/…/udp/…/quic-v1, /ip4/…/tcp/…/ws and their /ip6 forms can be listened at",
        ),
        ("/ip4/192.0.2.1/tcp/0", not_mine),
        ("/ip4/192.0.2.1/udp/0/quic-v1", not_mine),
    ] {
        assert_eq!(refusal(address).await, format!("cannot listen at {address}: {reason}"));
    }
}

#[tokio::test]
async fn a_node_knows_its_addresses_when_it_has_started_and_the_loopback_comes_last() {
    let network = Network::start(config(1, &["/ip4/0.0.0.0/tcp/0", QUIC])).await.unwrap();
    let addresses = network.addresses();
    assert!(addresses.len() >= 2);
    let texts: Vec<_> = addresses.iter().map(|address| address_text(address, &network.peer()).unwrap()).collect();
    let loopback: Vec<_> = texts.iter().map(|text| text.starts_with("/ip4/127.")).collect();
    assert!(loopback.is_sorted(), "{texts:?}");
    assert!(texts.iter().any(|text| text.contains("/quic-v1/p2p/12D3Koo")), "{texts:?}");
}
