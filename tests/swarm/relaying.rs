//! Reaching a peer through a relay: who may, what it carries, what cuts it, and what takes its place.
//!
//! The loopback has no NAT. A peer that cannot be reached is one of whom only the way through the relay is told.

use std::time::Duration;

use tidings_node::handle::Path;
use tidings_node::ids::{Address, PeerKey};
use tidings_node::network::{NetworkCommand, NetworkConfig, NetworkEvent, RelayLimits, address_text};
use tidings_node::wire::request::{ENVELOPE_BYTES_MAX, PushVerdict, Request, Response};

use crate::stranger::Stranger;
use crate::world::{QUIC, TCP, World, config, is_connected, is_disconnected, tag};

/// The nodes' places in the world: the relay, the one who has a place there, and the one who comes through it.
const RELAY: usize = 0;
const HOME: usize = 1;
const AWAY: usize = 2;

fn relay(listen: &str, limits: RelayLimits) -> NetworkConfig {
    NetworkConfig { relay: Some(limits), ..config(1, &[listen]) }
}

fn is_circuit(address: &Address, relay: &PeerKey) -> bool {
    address_text(address, relay).is_some_and(|text| text.contains("/p2p-circuit/"))
}

/// The addresses through a relay that a node gives out.
fn circuits(world: &World, node: usize) -> Vec<Address> {
    let peer = world.nodes[node].peer();
    let addresses = world.nodes[node].network.addresses();
    addresses.into_iter().filter(|address| is_circuit(address, &peer)).collect()
}

fn came_by(event: &NetworkEvent, peer: PeerKey, by: Path) -> bool {
    matches!(event, NetworkEvent::Connected { peer: who, path } if *who == peer && *path == by)
}

/// A relay, and a node that has a place there.
async fn with_place(listen: &str, limits: RelayLimits) -> World {
    let mut world = World::default();
    world.start(relay(listen, limits)).await;
    world.start(config(2, &[listen])).await;
    world.know(HOME, RELAY);
    world.until("a place at the relay", |world| !circuits(world, HOME).is_empty()).await;
    world
}

/// Has the third node know the second through the relay only. To the relay, the third is a stranger.
async fn come_through(world: &mut World) {
    let (home, away) = (world.nodes[HOME].peer(), world.nodes[AWAY].peer());
    let circuits = circuits(world, HOME);
    world.know_at(AWAY, home, circuits);
    world.wait_for("the relayed connection here", AWAY, |event| came_by(event, home, Path::Relayed)).await;
    world.wait_for("the relayed connection there", HOME, |event| came_by(event, away, Path::Relayed)).await;
}

/// Carries about three quarters of a mebibyte.
async fn push(world: &mut World) -> bool {
    let envelopes = vec![vec![1; ENVELOPE_BYTES_MAX]; 3];
    let taken = Response::Push { verdicts: vec![PushVerdict::Taken; 3] };
    world.ask(AWAY, HOME, Request::Push { envelopes }).await == Ok(taken)
}

async fn carries_a_conversation(listen: &str) {
    let mut world = with_place(listen, RelayLimits::default()).await;
    world.start(config(3, &[listen])).await;
    world.subscribe(tag(1), &[HOME, AWAY]);
    come_through(&mut world).await;
    world.talk(HOME, AWAY, tag(1), "through the relay").await;
    // The library's own limit is a sixth of each of these.
    for _ in 0..6 {
        assert!(push(&mut world).await);
    }
    let home = world.nodes[HOME].peer();
    assert!(!world.take_events(AWAY).iter().any(|event| is_disconnected(event, home)));
    world.talk(HOME, AWAY, tag(1), "still through the relay").await;
}

#[tokio::test]
async fn a_relay_carries_far_more_than_the_librarys_128_kib_over_tcp() {
    carries_a_conversation(TCP).await;
}

#[tokio::test]
async fn a_relay_carries_far_more_than_the_librarys_128_kib_over_quic() {
    carries_a_conversation(QUIC).await;
}

#[tokio::test]
async fn a_circuit_is_cut_at_the_bytes_that_the_relay_allows_and_made_anew() {
    let mut world = with_place(TCP, RelayLimits { circuit_bytes_max: 2 << 20, ..RelayLimits::default() }).await;
    world.start(config(3, &[TCP])).await;
    come_through(&mut world).await;
    let home = world.nodes[HOME].peer();
    let mut pushed = 0;
    while push(&mut world).await {
        pushed += 1;
        assert!(pushed < 4, "the limit does not hold");
    }
    assert!(pushed >= 2, "the circuit was cut before the limit, after {pushed}");
    world.wait_for("the end of the circuit", AWAY, |event| is_disconnected(event, home)).await;
    world.wait_for("the next circuit", AWAY, |event| came_by(event, home, Path::Relayed)).await;
    assert!(push(&mut world).await);
}

#[tokio::test]
async fn a_circuit_is_cut_after_the_time_that_the_relay_allows_and_made_anew() {
    let limits = RelayLimits { circuit_duration_max: Duration::from_secs(2), ..RelayLimits::default() };
    let mut world = with_place(TCP, limits).await;
    world.start(config(3, &[TCP])).await;
    come_through(&mut world).await;
    let home = world.nodes[HOME].peer();
    world.wait_for("the end of the circuit", AWAY, |event| is_disconnected(event, home)).await;
    world.wait_for("the next circuit", AWAY, |event| came_by(event, home, Path::Relayed)).await;
}

#[tokio::test]
async fn a_relay_that_dies_and_comes_back_carries_again() {
    let mut world = with_place(TCP, RelayLimits::default()).await;
    world.start(config(3, &[TCP])).await;
    world.subscribe(tag(1), &[HOME, AWAY]);
    come_through(&mut world).await;
    world.talk(HOME, AWAY, tag(1), "before").await;
    let (home, before) = (world.nodes[HOME].peer(), circuits(&world, HOME));
    world.restart_as(RELAY, relay(TCP, RelayLimits::default())).await;
    world.wait_for("the end of the circuit", AWAY, |event| is_disconnected(event, home)).await;
    assert_eq!(circuits(&world, HOME), before, "a relay that may only be starting again is still given out");
    world.wait_for("the next circuit", AWAY, |event| came_by(event, home, Path::Relayed)).await;
    world.talk(HOME, AWAY, tag(1), "after").await;
    assert_eq!(circuits(&world, HOME), before);
}

#[tokio::test]
async fn a_stranger_gets_no_place_at_a_relay_and_a_known_peer_does() {
    let mut world = World::default();
    world.start(relay(TCP, RelayLimits::default())).await;
    world.start(config(2, &[TCP])).await;
    let (relay, home) = (world.nodes[RELAY].peer(), world.nodes[HOME].peer());
    let addresses = world.nodes[RELAY].network.addresses();
    // Only the one knows the other.
    world.nodes[HOME].perform(NetworkCommand::Know { peer: relay, addresses });
    world.wait_for("a connection", RELAY, |event| is_connected(event, home)).await;
    for _ in 0..40 {
        world.pause().await;
        assert_eq!(circuits(&world, HOME), []);
    }
    world.nodes[RELAY].perform(NetworkCommand::Know { peer: home, addresses: vec![] });
    world.until("a place at the relay", |world| !circuits(world, HOME).is_empty()).await;
}

#[tokio::test]
async fn a_node_has_a_place_at_two_relays_and_no_more() {
    let mut world = World::default();
    for seed in 1..=3 {
        world.start(NetworkConfig { relay: Some(RelayLimits::default()), ..config(seed, &[TCP]) }).await;
    }
    let home = world.start(config(9, &[TCP])).await;
    for relay in 0..3 {
        world.know(home, relay);
    }
    world.until("two places", |world| circuits(world, home).len() == 2).await;
    for _ in 0..20 {
        world.pause().await;
        assert_eq!(circuits(&world, home).len(), 2);
    }
    // Without one of them the third takes its place, and the lost one is given out for a while longer.
    let used = circuits(&world, home);
    let peer =
        |node: usize| address_text(&world.nodes[node].network.addresses()[0], &world.nodes[node].peer()).unwrap();
    let texts: Vec<_> = used.iter().map(|address| address_text(address, &world.nodes[home].peer()).unwrap()).collect();
    let gone = (0..3).find(|relay| texts.iter().any(|text| text.starts_with(&peer(*relay)))).unwrap();
    drop(world.nodes.remove(gone));
    world.until("a third place", |world| circuits(world, home - 1).len() == 3).await;
}

#[tokio::test]
async fn two_nodes_behind_a_relay_find_the_direct_way_and_give_up_the_relayed_one() {
    for listen in [TCP, QUIC] {
        let mut world = World::default();
        world.start(relay(listen, RelayLimits::default())).await;
        world.start(NetworkConfig { local_counts: true, ..config(2, &[listen]) }).await;
        world.start(NetworkConfig { local_counts: true, ..config(3, &[listen]) }).await;
        world.subscribe(tag(1), &[HOME, AWAY]);
        // The relay dials, so that nobody can be asked for a proof that no relay is needed.
        world.know(RELAY, HOME);
        world.until("a place at the relay", |world| !circuits(world, HOME).is_empty()).await;
        come_through(&mut world).await;
        let (home, away) = (world.nodes[HOME].peer(), world.nodes[AWAY].peer());
        world.wait_for("the direct way here", AWAY, |event| came_by(event, home, Path::Punched)).await;
        world.wait_for("the direct way there", HOME, |event| came_by(event, away, Path::Punched)).await;
        world.talk(HOME, AWAY, tag(1), "directly").await;
        // It needs the relay no more.
        world.nodes[RELAY].driven = false;
        for _ in 0..20 {
            world.pause().await;
        }
        world.talk(HOME, AWAY, tag(1), "without the relay").await;
        let events = world.take_events(AWAY);
        assert!(!events.iter().any(|event| came_by(event, home, Path::Relayed)), "{listen}: {events:?}");
    }
}

#[tokio::test]
async fn a_relayed_peer_whose_direct_address_becomes_known_is_reached_there() {
    let mut world = with_place(TCP, RelayLimits::default()).await;
    world.start(config(3, &[TCP])).await;
    world.subscribe(tag(1), &[HOME, AWAY]);
    come_through(&mut world).await;
    let (home, away) = (world.nodes[HOME].peer(), world.nodes[AWAY].peer());
    world.know(AWAY, HOME);
    world.wait_for("the direct way here", AWAY, |event| came_by(event, home, Path::Punched)).await;
    world.wait_for("the direct way there", HOME, |event| came_by(event, away, Path::Punched)).await;
    world.talk(HOME, AWAY, tag(1), "directly").await;
}

#[tokio::test]
async fn a_node_whose_address_is_proved_gives_its_place_back_and_keeps_its_connection() {
    let mut world = World::default();
    world.start(relay(TCP, RelayLimits::default())).await;
    world.start(NetworkConfig { local_counts: true, ..config(2, &[TCP]) }).await;
    world.know(HOME, RELAY);
    world.until("a place at the relay", |world| !circuits(world, HOME).is_empty()).await;
    world.until("the proof", |world| circuits(world, HOME).is_empty()).await;
    let relay = world.nodes[RELAY].peer();
    // The connection that the proof needed is closed after a while, and nobody notices.
    for _ in 0..400 {
        world.pause().await;
    }
    let events = world.take_events(HOME);
    assert_eq!(events.iter().filter(|event| is_connected(event, relay)).count(), 1);
    assert!(!events.iter().any(|event| is_disconnected(event, relay)));
}

#[tokio::test]
async fn a_stranger_learns_no_topic_and_a_known_peer_does() {
    let mut world = World::default();
    world.start(relay(TCP, RelayLimits::default())).await;
    world.subscribe(tag(1), &[0]);
    let mut stranger = Stranger::new();
    let address = world.nodes[0].address_text();
    world.alongside("the connection", stranger.dial(&address)).await;
    for _ in 0..40 {
        tokio::select! {
            () = stranger.live() => {}
            () = world.pause() => {}
        }
    }
    assert!(!stranger.knows_topics());
    let key = stranger.key();
    world.know_at(0, key, vec![]);
    // The library has given up on gossip on the first connection; a node of ours would have waited.
    world.alongside("the next connection", stranger.dial(&address)).await;
    world.alongside("the subscription", stranger.subscribed(&tag(1).name())).await;
}

#[tokio::test]
async fn a_node_that_becomes_known_on_a_standing_connection_hears_and_is_heard() {
    let mut world = World::new(&[TCP, TCP]).await;
    world.subscribe(tag(1), &[0, 1]);
    let (one, other) = (world.nodes[0].peer(), world.nodes[1].peer());
    let addresses = world.nodes[1].network.addresses();
    world.nodes[0].perform(NetworkCommand::Know { peer: other, addresses });
    world.wait_for("a connection", 1, |event| is_connected(event, one)).await;
    for _ in 0..20 {
        world.pause().await;
    }
    world.nodes[1].perform(NetworkCommand::Know { peer: one, addresses: vec![] });
    world.talk(0, 1, tag(1), "now").await;
    assert_eq!(world.take_events(0).iter().filter(|event| is_connected(event, other)).count(), 1);
}
