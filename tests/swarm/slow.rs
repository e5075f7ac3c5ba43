//! A peer that stops reading: it is told of, and stalls nobody else.

use tidings_node::network::{NetworkEvent, Published};

use crate::world::{TCP, World, tag};

#[tokio::test]
async fn a_peer_that_stops_reading_fills_its_own_queue_and_nobody_elses() {
    let mut world = World::new(&[TCP, TCP, TCP]).await;
    world.subscribe(tag(1), &[0, 1]);
    world.subscribe(tag(2), &[0, 2]);
    world.connect(0, 1).await;
    world.connect(0, 2).await;
    world.talk(0, 1, tag(1), "hello").await;
    world.talk(0, 2, tag(2), "hello").await;

    let slow = world.nodes[1].peer();
    world.nodes[1].driven = false;
    let mut number = 0_u32;
    loop {
        number += 1;
        assert!(number < 100_000, "the queue of a peer that does not read has no end");
        let mut bytes = vec![7; 64 * 1024];
        bytes.extend(number.to_be_bytes());
        match world.publish_once(0, tag(1), bytes).await {
            Published::Sent => {}
            Published::QueuesFull => break,
            other => panic!("{other:?}"),
        }
        if number.is_multiple_of(50) {
            let bytes = format!("meanwhile {number}").into_bytes();
            world.publish(0, tag(2), bytes.clone()).await;
            world.heard(2, tag(2), &bytes).await;
        }
    }
    world.talk(0, 2, tag(2), "still quick").await;
    let told = |event: &NetworkEvent| matches!(event, NetworkEvent::SlowPeer { peer } if *peer == slow);
    world.wait_for("word of the slow peer", 0, told).await;

    // When it reads again, or is connected again, it hears again.
    world.nodes[1].driven = true;
    world.know(0, 1);
    let mut number = 0;
    while !world.nodes[1].heard.iter().any(|(_, bytes)| bytes.starts_with(b"awake")) {
        number += 1;
        world.publish_once(0, tag(1), format!("awake {number}").into_bytes()).await;
        world.pause().await;
    }
    world.talk(0, 2, tag(2), "and still quick").await;
}
