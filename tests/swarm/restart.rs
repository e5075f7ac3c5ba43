//! A peer that is killed and starts again with the same key, while its old connection still stands here.
//!
//! Killed means SIGKILL: it closes nothing. Over QUIC nobody tells us; over TCP the system would, so a proxy that has
//! become a hole keeps the old connection standing, as a router or a vanished machine does.

use std::net::SocketAddr;

use tidings_node::network::{NetworkCommand, Published};
use tidings_node::wire::request::{Request, Response};
use tidings_tests::proxy::Proxy;

use crate::child;
use crate::world::{QUIC, TCP, World, is_connected, tag};

/// The seed of the child, whose key the node knows from the first connection.
const SEED: u8 = 77;

/// Pings on gossip until this run of the child has answered, and says how many pings it took.
async fn ping(world: &mut World, run: &str) -> u32 {
    let pong = format!("pong {run} ");
    let heard = |world: &World| world.nodes[0].heard.iter().any(|(_, bytes)| bytes.starts_with(pong.as_bytes()));
    let mut pings = 0;
    while !heard(world) {
        pings += 1;
        assert!(pings < 1_000, "run {run} of the child is not heard");
        let bytes = format!("ping {run} {pings}").into_bytes();
        let outcome = world.publish_once(0, tag(1), bytes).await;
        assert!(matches!(outcome, Published::Sent | Published::NobodySubscribed), "{outcome:?}");
        world.pause().await;
    }
    pings
}

/// Asks until this run of the child has answered. It sits behind the same key as the run before it.
async fn hello(world: &mut World, peer: tidings_node::ids::PeerKey, run: &str) {
    for request in 1_000_000.. {
        let body = Request::Hello { card: vec![] };
        world.nodes[0].perform(NetworkCommand::Request { peer, request, body });
        if world.answered(0, request).await == Ok(Response::Hello { card: run.as_bytes().to_vec() }) {
            return;
        }
        world.pause().await;
    }
}

async fn killed_and_restarted(listen: &str, hole: Option<&Proxy>, mut world: World, knows: &str) {
    world.subscribe(tag(1), &[0]);
    world.know_at(0, child::key(SEED), vec![]);
    let mut child = child::start(SEED, listen, "one", knows);
    ping(&mut world, "one").await;
    let connected = world.take_events(0);
    let peer = connected.iter().find_map(|event| match event {
        tidings_node::network::NetworkEvent::Connected { peer, .. } => Some(*peer),
        _ => None,
    });
    let peer = peer.unwrap();
    hello(&mut world, peer, "one").await;

    if let Some(hole) = hole {
        hole.make_hole();
    }
    world.alongside("the end of the child", child.kill()).await.unwrap();
    let _child = child::start(SEED, listen, "two", knows);
    world.wait_for("the new connection", 0, |event| is_connected(event, peer)).await;
    // From here on, heard at once: one ping may fall between the connection and the subscription.
    let pings = ping(&mut world, "two").await;
    assert!(pings <= 100, "{pings} pings until the restarted peer answered");
    hello(&mut world, peer, "two").await;
}

#[tokio::test]
async fn over_quic_a_killed_peer_that_restarts_is_heard_both_ways() {
    let world = World::new(&[QUIC]).await;
    let knows = world.nodes[0].address_text();
    killed_and_restarted(QUIC, None, world, &knows).await;
}

#[tokio::test]
async fn over_tcp_a_killed_peer_that_restarts_while_its_connection_stands_is_heard_both_ways() {
    let world = World::new(&[TCP]).await;
    let text = world.nodes[0].address_text();
    let (proxy, knows) = through_proxy(&text).await;
    killed_and_restarted(TCP, Some(&proxy), world, &knows).await;
}

/// A proxy in front of a node, and the node's address through it.
pub(crate) async fn through_proxy(text: &str) -> (Proxy, String) {
    let parts: Vec<_> = text.split('/').collect();
    let ["", "ip4", ip, "tcp", port, "p2p", peer] = parts[..] else { panic!("{text}") };
    let target = SocketAddr::new(ip.parse().unwrap(), port.parse().unwrap());
    let proxy = Proxy::start(target).await.unwrap();
    let knows = format!("/ip4/127.0.0.1/tcp/{}/p2p/{peer}", proxy.address().port());
    (proxy, knows)
}

#[tokio::test]
async fn a_connection_into_a_hole_is_noticed_and_comes_back() {
    let mut world = World::new(&[TCP, TCP]).await;
    world.subscribe(tag(1), &[0, 1]);
    let (proxy, knows) = through_proxy(&world.nodes[0].address_text()).await;
    let (here, there) = (world.nodes[0].peer(), world.nodes[1].peer());
    world.know_at(1, here, vec![tidings_node::network::parse_address(&knows).unwrap()]);
    world.talk(0, 1, tag(1), "before").await;
    world.wait_for("the connection", 0, |event| is_connected(event, there)).await;
    proxy.make_hole();
    world.wait_for("the end of silence", 1, |event| crate::world::is_disconnected(event, here)).await;
    world.wait_for("the new connection", 0, |event| is_connected(event, there)).await;
    world.talk(0, 1, tag(1), "after").await;
}
