//! Peers that break the rules: what they send is refused, and harms nobody.

use tidings_node::network::NetworkEvent;
use tidings_node::wire::request::{ENVELOPE_BYTES_MAX, REQUEST_BYTES_MAX, Request, Response};

use crate::stranger::{Stranger, split};
use crate::world::{TCP, World, is_connected, tag};

/// Two nodes that talk on a topic, and a stranger who is connected to the first.
async fn world_with_stranger() -> (World, Stranger, String) {
    let mut world = World::new(&[TCP, TCP]).await;
    world.subscribe(tag(1), &[0, 1]);
    world.connect(0, 1).await;
    world.talk(0, 1, tag(1), "before").await;
    let mut stranger = Stranger::new();
    let address = world.nodes[0].address_text();
    world.alongside("the stranger's connection", stranger.dial(&address)).await;
    let key = stranger.key();
    world.wait_for("the stranger", 0, |event| is_connected(event, key)).await;
    // Gossip is for known peers: this one is known and means no good.
    world.know_at(0, key, vec![]);
    (world, stranger, address)
}

fn framed(message: &[u8]) -> Vec<u8> {
    [&u32::try_from(message.len()).unwrap().to_be_bytes(), message].concat()
}

#[tokio::test]
async fn malformed_and_oversize_requests_are_refused_and_the_next_good_one_is_answered() {
    let (mut world, mut stranger, address) = world_with_stranger().await;
    let (_, peer) = split(&address.parse().unwrap());
    let hello = Request::Hello { card: b"a card".to_vec() }.encode().unwrap();
    let mut cut = framed(&hello);
    cut.pop();
    let bad = [
        vec![],
        vec![0, 0],
        framed(&[]),
        framed(&[1]),
        framed(&[9, 9, 9]),
        framed(&[2, 1, 0, 0, 0, 0]),
        framed(&[1, 1, 0xff, 0xff, 0xff, 0xff]),
        framed(&[1, 2, 0xff, 0xff]),
        framed(&[hello.clone(), vec![0]].concat()),
        cut,
        u32::MAX.to_be_bytes().to_vec(),
        framed(&vec![1; REQUEST_BYTES_MAX + 1]),
        framed(&vec![0xff; REQUEST_BYTES_MAX]),
        b"GET / HTTP/1.1\r\n\r\n".to_vec(),
    ];
    for (number, bytes) in bad.into_iter().enumerate() {
        let outcome = world.alongside("a refusal", stranger.ask(peer, bytes)).await;
        assert!(outcome.is_err(), "case {number}: {outcome:?}");
    }
    let answer = world.alongside("an answer", stranger.ask(peer, framed(&hello))).await.unwrap();
    let expected = Response::Hello { card: b"a card".to_vec() }.encode().unwrap();
    assert_eq!(answer, framed(&expected));
    let requests = |event: &&NetworkEvent| matches!(event, NetworkEvent::Requested { .. });
    assert_eq!(world.take_events(0).iter().filter(requests).count(), 1);
    world.talk(0, 1, tag(1), "after").await;
}

#[tokio::test]
async fn gossip_over_the_limit_is_dropped_and_what_follows_is_heard() {
    let (mut world, mut stranger, address) = world_with_stranger().await;
    let name = tag(1).name();
    world.alongside("the subscription", stranger.subscribed(&name)).await;
    stranger.publish(&name, vec![b'x'; ENVELOPE_BYTES_MAX + 1]);
    stranger.publish(&name, b"after one that is too large".to_vec());
    let heard = |world: &World, what: &[u8]| world.nodes[0].heard.iter().any(|(_, bytes)| bytes.starts_with(what));
    while !heard(&world, b"after one that is too large") {
        tokio::select! {
            () = stranger.live() => {}
            () = world.pause() => {}
        }
    }
    // A frame that the codec itself refuses costs the stranger its stream, and nobody else anything. (Yamux does not
    // tell it that the stream is gone, so it is mute until it connects again.)
    stranger.publish(&name, vec![b'y'; 1024 * 1024]);
    for _ in 0..10 {
        tokio::select! {
            () = stranger.live() => {}
            () = world.pause() => {}
        }
    }
    world.talk(0, 1, tag(1), "meanwhile").await;
    let mut stranger = Stranger::new();
    let key = stranger.key();
    world.know_at(0, key, vec![]);
    world.alongside("a connection", stranger.dial(&address)).await;
    world.alongside("the subscription", stranger.subscribed(&name)).await;
    stranger.publish(&name, b"again".to_vec());
    while !heard(&world, b"again") {
        tokio::select! {
            () = stranger.live() => {}
            () = world.pause() => {}
        }
    }
    assert!(world.nodes[0].heard.iter().all(|(_, bytes)| bytes.len() <= ENVELOPE_BYTES_MAX));
    world.talk(0, 1, tag(1), "after").await;
}

#[tokio::test]
async fn subscriptions_beyond_the_limit_or_to_names_that_are_no_tags_do_no_harm() {
    let (mut world, mut stranger, _) = world_with_stranger().await;
    let gossip = &mut stranger.0.behaviour_mut().gossip;
    for name in ["", "a", "ümlaut", &"long".repeat(1_000)] {
        gossip.subscribe(&libp2p::gossipsub::IdentTopic::new(name)).unwrap();
    }
    for number in 0..10_050 {
        gossip.subscribe(&libp2p::gossipsub::IdentTopic::new(tag(number).name())).unwrap();
    }
    for _ in 0..20 {
        tokio::select! {
            () = stranger.live() => {}
            () = world.pause() => {}
        }
    }
    world.talk(0, 1, tag(1), "after").await;
}
