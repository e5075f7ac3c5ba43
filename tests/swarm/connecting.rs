//! Who is connected to whom, how often, and how it comes back.

use tidings_node::network::NetworkEvent;

use crate::stranger::Stranger;
use crate::world::{QUIC, TCP, World, config, is_connected, is_disconnected, tag};

/// How many connections a node believes to have to a peer, from what it said so far.
fn connections(events: &[NetworkEvent], peer: tidings_node::ids::PeerKey) -> usize {
    let up = events.iter().filter(|event| is_connected(event, peer)).count();
    up - events.iter().filter(|event| is_disconnected(event, peer)).count()
}

#[tokio::test]
async fn a_second_connection_of_a_peer_takes_the_place_of_the_first_at_once() {
    let mut world = World::new(&[TCP]).await;
    world.subscribe(tag(1), &[0]);
    let address = world.nodes[0].address_text();
    let mut stranger = Stranger::new();
    let key = stranger.key();
    world.know_at(0, key, vec![]);
    let mut first = world.alongside("the first", stranger.dial(&address)).await;
    world.wait_for("a connection", 0, |event| is_connected(event, key)).await;
    for _ in 0..3 {
        let second = world.alongside("one more", stranger.dial(&address)).await;
        assert_eq!(world.alongside("the end of the older one", stranger.closed(first)).await, 1);
        world.wait_for("the end of the older one", 0, |event| is_disconnected(event, key)).await;
        world.wait_for("the newer one", 0, |event| is_connected(event, key)).await;
        first = second;
    }
    let name = tag(1).name();
    world.alongside("the subscription", stranger.subscribed(&name)).await;
}

#[tokio::test]
async fn two_nodes_that_dial_each_other_at_once_end_with_one_connection() {
    for round in 0..8_u8 {
        let listen = if round % 2 == 0 { TCP } else { QUIC };
        let mut world = World::default();
        world.start(config(10 + round, &[listen])).await;
        world.start(config(50 + 3 * round, &[listen])).await;
        world.subscribe(tag(1), &[0, 1]);
        world.know(0, 1);
        world.know(1, 0);
        world.talk(0, 1, tag(1), "hello").await;
        for _ in 0..20 {
            world.pause().await;
        }
        for node in [0, 1] {
            let other = world.nodes[1 - node].peer();
            assert_eq!(connections(&world.take_events(node), other), 1, "round {round}");
        }
        world.talk(0, 1, tag(1), "still there").await;
    }
}

#[tokio::test]
async fn a_known_peer_that_restarts_on_its_port_is_dialled_again() {
    for listen in [TCP, QUIC] {
        let mut world = World::new(&[listen, listen]).await;
        world.subscribe(tag(1), &[0, 1]);
        world.connect(0, 1).await;
        world.talk(0, 1, tag(1), "before").await;
        world.restart(1, 2).await;
        world.subscribe(tag(1), &[1]);
        let peer = world.nodes[1].peer();
        world.wait_for("the end of the connection", 0, |event| is_disconnected(event, peer)).await;
        world.wait_for("a new connection", 0, |event| is_connected(event, peer)).await;
        world.talk(0, 1, tag(1), "after").await;
    }
}

#[tokio::test]
async fn a_known_peer_is_dialled_until_it_is_there() {
    let mut world = World::new(&[TCP, TCP]).await;
    let (peer, addresses) = (world.nodes[1].peer(), world.nodes[1].network.addresses());
    // Nobody is at its addresses, then only somebody else, then itself.
    let absent = world.nodes.pop().unwrap();
    let text = absent.address_text();
    drop(absent);
    world.know_at(0, peer, addresses);
    for _ in 0..10 {
        world.pause().await;
    }
    let address = text.split_once("/p2p/").unwrap().0;
    world.start(config(9, &[address])).await;
    for _ in 0..30 {
        world.pause().await;
    }
    assert_eq!(connections(&world.take_events(0), peer), 0);
    drop(world.nodes.pop());
    world.start(config(2, &[address])).await;
    world.wait_for("the peer", 0, |event| is_connected(event, peer)).await;
}

#[tokio::test]
async fn a_node_that_knows_itself_does_not_dial_itself() {
    let mut world = World::new(&[TCP]).await;
    world.know(0, 0);
    for _ in 0..20 {
        world.pause().await;
    }
    assert_eq!(world.take_events(0), []);
}
