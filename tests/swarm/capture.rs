//! What the wire shows: nothing of what is carried.

use tidings_node::network::parse_address;
use tidings_node::wire::request::{Request, Response};

use crate::restart::through_proxy;
use crate::world::{TCP, World, tag};

#[tokio::test]
async fn neither_topics_nor_payloads_nor_cards_are_visible_in_the_bytes_of_a_connection() {
    let mut world = World::new(&[TCP, TCP]).await;
    world.subscribe(tag(1), &[0, 1]);
    let (proxy, knows) = through_proxy(&world.nodes[0].address_text()).await;
    let here = world.nodes[0].peer();
    world.know_at(1, here, vec![parse_address(&knows).unwrap()]);

    let mut sealed = vec![0; 4_096];
    blake3::Hasher::new().update(b"something that looks sealed").finalize_xof().fill(&mut sealed);
    world.publish(0, tag(1), sealed.clone()).await;
    world.heard(1, tag(1), &sealed).await;
    world.talk(0, 1, tag(1), "a plain word that nobody sealed").await;
    let card = b"a card with a name".to_vec();
    assert_eq!(world.ask(1, 0, Request::Hello { card: card.clone() }).await, Ok(Response::Hello { card }));

    // The recorder works: the way to encryption is in the clear, and as much was carried as was sent.
    assert!(proxy.carried(b"/multistream/1.0.0"));
    assert!(proxy.carried(b"/noise"));
    assert!(proxy.recorded().len() > sealed.len());
    for hidden in [tag(1).name().as_bytes(), &tag(1).0[..8], b"meshsub", b"/tidings", b"plain word", b"with a name"] {
        assert!(!proxy.carried(hidden), "{}", String::from_utf8_lossy(hidden));
    }
    for window in sealed.chunks(8) {
        assert!(!proxy.carried(window), "a piece of the payload is on the wire as it is");
    }
}
