//! What the network carries: requests, and gossip on few and on many topics.

use tidings_node::ids::AccountId;
use tidings_node::network::{NetworkCommand, Published, RequestFailure, TOPICS_MAX, Verdict};
use tidings_node::wire::request::{ENVELOPE_BYTES_MAX, PushVerdict, Request, Response};

use crate::world::{QUIC, TCP, World, tag};

async fn requests_and_gossip(listen: &str) {
    let mut world = World::new(&[listen, listen]).await;
    world.subscribe(tag(1), &[0, 1]);
    world.connect(0, 1).await;
    world.talk(0, 1, tag(1), "hello").await;

    let hello = Request::Hello { card: b"a card".to_vec() };
    assert_eq!(world.ask(0, 1, hello.clone()).await, Ok(Response::Hello { card: b"a card".to_vec() }));
    assert_eq!(world.ask(1, 0, hello).await, Ok(Response::Hello { card: b"a card".to_vec() }));
    let account = AccountId([4; 32]);
    assert_eq!(world.ask(1, 0, Request::Card { account }).await, Ok(Response::Card { card: Some(vec![4; 32]) }));
    let envelopes = vec![vec![1; ENVELOPE_BYTES_MAX], vec![2; ENVELOPE_BYTES_MAX], vec![3; ENVELOPE_BYTES_MAX]];
    let taken = Response::Push { verdicts: vec![PushVerdict::Taken; 3] };
    assert_eq!(world.ask(0, 1, Request::Push { envelopes }).await, Ok(taken));
}

#[tokio::test]
async fn two_nodes_exchange_requests_and_gossip_over_tcp() {
    requests_and_gossip(TCP).await;
}

#[tokio::test]
async fn two_nodes_exchange_requests_and_gossip_over_quic() {
    requests_and_gossip(QUIC).await;
}

async fn topics(count: u16) {
    let mut world = World::new(&[QUIC, TCP]).await;
    for number in 0..count {
        world.subscribe(tag(number), &[0, 1]);
    }
    world.connect(0, 1).await;
    for number in 0..count {
        world.publish(number.into_node(), tag(number), number.to_be_bytes().to_vec()).await;
    }
    let total = usize::from(count);
    world.until("all topics", |world| world.nodes[0].heard.len() + world.nodes[1].heard.len() == total).await;
    for number in 0..count {
        let heard = &world.nodes[1 - number.into_node()].heard;
        assert!(heard.contains(&(tag(number), number.to_be_bytes().to_vec())), "topic {number}");
    }
}

/// Even topics are published by the first node, odd ones by the second.
trait IntoNode {
    fn into_node(self) -> usize;
}

impl IntoNode for u16 {
    fn into_node(self) -> usize {
        usize::from(self % 2)
    }
}

#[tokio::test]
async fn a_thousand_topics_between_two_nodes_all_deliver() {
    topics(1_000).await;
}

#[tokio::test]
async fn a_peer_that_hears_as_many_topics_as_are_allowed_is_heard() {
    let mut world = World::new(&[TCP, TCP]).await;
    let most = u16::try_from(TOPICS_MAX).unwrap();
    for number in 0..=most {
        world.subscribe(tag(number), &[0]);
    }
    world.subscribe(tag(most - 1), &[1]);
    world.connect(0, 1).await;
    world.talk(0, 1, tag(most - 1), "the last").await;
    // One topic more was not subscribed: with it, the peer would have ignored all of them.
    assert_eq!(world.publish_once(1, tag(most), vec![1]).await, Published::NobodySubscribed);
}

#[tokio::test]
async fn publishing_where_nobody_listens_says_so_and_the_same_bytes_go_out_later() {
    let mut world = World::new(&[TCP, TCP]).await;
    assert_eq!(world.publish_once(0, tag(1), b"alone".to_vec()).await, Published::NobodySubscribed);
    world.connect(0, 1).await;
    world.subscribe(tag(1), &[0]);
    assert_eq!(world.publish_once(0, tag(1), b"alone".to_vec()).await, Published::NobodySubscribed);
    world.subscribe(tag(1), &[1]);
    world.publish(0, tag(1), b"alone".to_vec()).await;
    world.heard(1, tag(1), b"alone").await;
    assert_eq!(world.publish_once(0, tag(1), b"alone".to_vec()).await, Published::Duplicate);
    world.nodes[1].perform(NetworkCommand::Unsubscribe(tag(1)));
    let mut number = 0;
    while world.publish_once(0, tag(1), vec![number]).await != Published::NobodySubscribed {
        number += 1;
        world.pause().await;
    }
}

#[tokio::test]
async fn envelopes_of_the_largest_size_arrive_and_larger_ones_are_not_sent() {
    let mut world = World::new(&[TCP, TCP]).await;
    world.subscribe(tag(1), &[0, 1]);
    world.connect(0, 1).await;
    world.talk(0, 1, tag(1), "first").await;
    // One after the other: the reader has the beginning of the next frame in its buffer with each.
    for number in 0..12 {
        world.publish(0, tag(1), vec![number; ENVELOPE_BYTES_MAX]).await;
    }
    let whole =
        |world: &World| world.nodes[1].heard.iter().filter(|(_, bytes)| bytes.len() == ENVELOPE_BYTES_MAX).count();
    world.until("the largest envelopes", |world| whole(world) == 12).await;
    let larger = vec![1; ENVELOPE_BYTES_MAX + 1];
    assert_eq!(world.publish_once(0, tag(1), larger.clone()).await, Published::TooLarge);
    let push = Request::Push { envelopes: vec![larger] };
    assert_eq!(world.ask(0, 1, push).await, Err(RequestFailure::TooLarge));
    world.talk(0, 1, tag(1), "last").await;
}

#[tokio::test]
async fn a_request_to_somebody_who_is_not_connected_fails_at_once() {
    let mut world = World::new(&[TCP, TCP]).await;
    let hello = Request::Hello { card: vec![] };
    assert_eq!(world.ask(0, 1, hello).await, Err(RequestFailure::NotConnected));
}

#[tokio::test]
async fn requests_beyond_what_a_peer_may_owe_us_are_refused_here() {
    let mut world = World::new(&[TCP, TCP]).await;
    world.nodes[1].answers = false;
    world.connect(0, 1).await;
    let peer = world.nodes[1].peer();
    for request in 1_000..1_040 {
        world.nodes[0].perform(NetworkCommand::Request { peer, request, body: Request::Hello { card: vec![] } });
    }
    // The sixteen that are on their way stay unanswered; all the others are refused at once.
    for request in 1_016..1_040 {
        assert_eq!(world.answered(0, request).await, Err(RequestFailure::TooMany));
    }
}

#[tokio::test]
async fn only_what_the_engine_accepted_is_forwarded() {
    let mut world = World::new(&[TCP, TCP, TCP]).await;
    world.subscribe(tag(1), &[0, 1, 2]);
    world.nodes[1].judge = |first| match first {
        b'i' => Some(Verdict::Ignore),
        b'r' => Some(Verdict::Reject),
        b'n' => None,
        _ => Some(Verdict::Accept),
    };
    world.connect(0, 1).await;
    world.connect(2, 1).await;
    world.talk(0, 1, tag(1), "warm").await;
    world.talk(2, 1, tag(1), "up").await;
    for word in ["ignored", "rejected", "no verdict", "accepted"] {
        world.publish(0, tag(1), word.as_bytes().to_vec()).await;
    }
    world.heard(2, tag(1), b"accepted").await;
    for _ in 0..10 {
        world.pause().await;
    }
    let heard_by = |node: usize| world.nodes[node].heard.iter().map(|(_, bytes)| bytes.as_slice()).collect::<Vec<_>>();
    for word in ["ignored", "rejected", "no verdict"] {
        assert!(heard_by(1).contains(&word.as_bytes()), "{word}");
        assert!(!heard_by(2).contains(&word.as_bytes()), "{word}");
    }
}
