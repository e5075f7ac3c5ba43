//! Requests under keys of their own: whoever is asked does not learn who asks.

use tidings_node::ids::{Address, PeerKey};
use tidings_node::network::{NetworkCommand, NetworkEvent, RequestFailure};
use tidings_node::wire::request::{DepositVerdict, Request, Response};

use crate::world::{QUIC, TCP, World};

fn deposit() -> Request {
    Request::Deposit { token: [7; 32], deposits: vec![vec![1; 300]] }
}

fn ask(world: &mut World, key: u8, request: u64, to: PeerKey, addresses: Vec<Address>) {
    let key = [key; 32].into();
    world.nodes[0].perform(NetworkCommand::RequestApart { key, peer: to, addresses, request, body: deposit() });
}

/// Who asked the second node, in order.
fn askers(world: &mut World) -> Vec<PeerKey> {
    let asked = |event| match event {
        NetworkEvent::Requested { peer, .. } => Some(peer),
        _ => None,
    };
    world.take_events(1).into_iter().filter_map(asked).collect()
}

async fn whoever_is_asked_does_not_learn_who_asks(listen: &str) {
    let mut world = World::new(&[listen, listen]).await;
    world.connect(0, 1).await;
    world.take_events(1);
    let (to, addresses) = (world.nodes[1].peer(), world.nodes[1].network.addresses());
    let kept = Ok(Response::Deposit { verdicts: vec![DepositVerdict::Kept] });
    for (request, key) in [(101, 81), (102, 81), (103, 82)] {
        ask(&mut world, key, request, to, addresses.clone());
        assert_eq!(world.answered(0, request).await, kept);
    }
    let asked = askers(&mut world);
    assert_eq!(asked.len(), 3);
    assert!(!asked.contains(&world.nodes[0].peer()), "the node's own key is not used");
    assert_eq!(asked[0], asked[1], "one key is one asker");
    assert_ne!(asked[1], asked[2], "two keys are two");
}

#[tokio::test]
async fn whoever_is_asked_over_tcp_does_not_learn_who_asks() {
    whoever_is_asked_does_not_learn_who_asks(TCP).await;
}

#[tokio::test]
async fn whoever_is_asked_over_quic_does_not_learn_who_asks() {
    whoever_is_asked_does_not_learn_who_asks(QUIC).await;
}

#[tokio::test]
async fn what_cannot_be_asked_is_said_so_and_what_comes_too_fast_as_well() {
    let mut world = World::new(&[TCP, TCP]).await;
    let (to, addresses) = (world.nodes[1].peer(), world.nodes[1].network.addresses());
    // Somebody else lives at that address.
    ask(&mut world, 81, 1, PeerKey(*b"no peer lives with such a key!!!"), addresses.clone());
    assert_eq!(world.answered(0, 1).await, Err(RequestFailure::NotConnected));
    ask(&mut world, 82, 2, to, vec![]);
    assert_eq!(world.answered(0, 2).await, Err(RequestFailure::NotConnected));
    let body = Request::Deposit { token: [7; 32], deposits: vec![vec![1; 300]; 257] };
    let key = [83; 32].into();
    world.nodes[0].perform(NetworkCommand::RequestApart { key, peer: to, addresses: vec![], request: 3, body });
    assert_eq!(world.answered(0, 3).await, Err(RequestFailure::TooLarge));

    // More keys at once than there may be.
    world.nodes[1].answers = false;
    for key in 10..100 {
        ask(&mut world, key, u64::from(key), to, addresses.clone());
    }
    assert_eq!(world.answered(0, 99).await, Err(RequestFailure::TooMany));
}
