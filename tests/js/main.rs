//! Another implementation of the network's protocols, js-libp2p, beside a real node: what it can do there, what it sees,
//! and what becomes of what it publishes.
//!
//! These tests need Node.js. Where it is missing, a line on the standard error says what did not run; with `CI=true` that
//! is a failure.

#[cfg(test)]
mod node;
#[cfg(test)]
mod peer;

#[cfg(test)]
mod tests {
    use data_encoding::{BASE64URL_NOPAD, HEXLOWER};
    use serde_json::Value;

    use tidings_tests::javascript::NodeJs;

    use crate::node::Node;
    use crate::peer::{Peer, card_of};

    /// PROTOCOL §4.1, §4.4: version, kind and tag; the nonce; the authentication tag; the smallest bucket's step.
    const HEADER: usize = 18;
    const NONCE: usize = 24;
    const TAG: usize = 16;
    const STEP: usize = 256;

    #[test]
    fn a_stranger_connects_over_tcp_and_websocket_identifies_and_pings_and_learns_nothing_more() {
        let Some(machine) = NodeJs::for_test("a stranger with js-libp2p at a node", "js") else { return };
        let (alice, bob) = (Node::start("alice"), Node::start("bob"));
        let conversation = alice.talks_with(&bob);
        for (number, address) in [(1, alice.address(false)), (2, alice.address(true))] {
            let mut stranger = Peer::start(&machine, &address, [number; 32]);
            let connected = stranger.until("a connection", |event| event["event"] == "connected");
            assert_eq!(connected["at"], address.as_str());
            let identified = stranger.until("its identity", |event| event["event"] == "identified");
            assert_eq!(identified["agent"], "tidings");
            assert_eq!(identified["version"], "/tidings/1");
            assert_eq!(identified["addresses"], Value::Array(Vec::new()), "where a node is, is on its card only");
            let protocols = identified["protocols"].to_string();
            assert!(protocols.contains("/tidings/1") && protocols.contains("/ipfs/ping/1.0.0"), "{protocols}");
            assert!(!protocols.contains("meshsub"), "a stranger is offered gossip: {protocols}");
            stranger.until("the answer to a ping", |event| event["event"] == "ponged");

            let text = format!("not for strangers {number}");
            alice.says(&["send", &conversation, &text, "--wait", "delivered", "--timeout", "60"]);
            stranger.publish("AAAAAAAAAAAAAAAAAAAAAA", &[7; 300]);
            let published = stranger.until("its publication", |event| event["event"] == "published");
            assert_eq!(published["recipients"], 0);
            let heard =
                stranger.seen.iter().find(|event| ["topic", "message"].contains(&event["event"].as_str().unwrap()));
            assert_eq!(heard, None, "a stranger heard something");
        }
        assert_eq!(alice.texts(&conversation), bob.texts(&conversation));
    }

    #[test]
    fn a_known_peer_that_hears_a_conversations_topic_sees_sealed_envelopes_and_what_it_publishes_goes_no_further() {
        let Some(machine) = NodeJs::for_test("a known peer with js-libp2p at a node", "js") else { return };
        let (alice, bob) = (Node::start("alice"), Node::start("bob"));
        let conversation = alice.talks_with(&bob);
        let [(card_of_mallory, seed_of_mallory), (card_of_watcher, seed_of_watcher)] = [11, 12].map(card_of);
        alice.says(&["add", &card_of_mallory]);
        alice.says(&["add", &card_of_watcher]);
        let mut mallory = Peer::start(&machine, &alice.address(false), seed_of_mallory);
        let mut watcher = Peer::start(&machine, &alice.address(true), seed_of_watcher);

        // Both hear what Alice hears. She hands her own messages to whoever does.
        let mut texts = vec!["how do you do".to_owned()];
        let is_sealed = |event: &Value| event["event"] == "message";
        for peer in [&mut mallory, &mut watcher] {
            peer.until("a topic", |event| event["event"] == "topic" && event["subscribe"] == true);
            for number in 0.. {
                let text = format!("a secret of alice's, number {number} for {}", peer.name);
                alice.says(&["send", &conversation, &text, "--wait", "delivered", "--timeout", "60"]);
                texts.push(text);
                if peer.sees_within_a_second(is_sealed) {
                    break;
                }
                assert!(number < 30, "{} hears nothing", peer.name);
            }
        }
        let sealed = mallory.seen.iter().rfind(|event| is_sealed(event)).cloned().unwrap();
        let topic = sealed["topic"].as_str().unwrap().to_owned();
        let envelope = HEXLOWER.decode(sealed["bytes"].as_str().unwrap().as_bytes()).unwrap();

        // What nobody can open: noise, an envelope with another last byte, one with another nonce, one of another kind.
        let altered = |at: usize| {
            let mut bytes = envelope.clone();
            bytes[at] ^= 1;
            bytes
        };
        let noise: Vec<u8> = (0..600_u32).map(|at| at.to_le_bytes()[0].wrapping_mul(31)).collect();
        let forged = [noise, altered(envelope.len() - 1), altered(HEADER), altered(1), altered(0), vec![0; 300 * 1024]];
        for bytes in &forged {
            mallory.publish(&topic, bytes);
            let published = mallory.until("its publication", |event| event["event"] == "published");
            assert_eq!(published["recipients"], 1, "it does not reach the node");
        }
        // What Bob says goes through Alice to the watcher: she hands on what is good.
        let before = watcher.seen.iter().filter(|event| is_sealed(event)).count();
        for number in 0.. {
            let text = format!("a secret of bob's, number {number}");
            bob.says(&["send", &conversation, &text, "--wait", "delivered", "--timeout", "60"]);
            texts.push(text);
            watcher.sees_within_a_second(|_| false);
            if watcher.seen.iter().filter(|event| is_sealed(event)).count() > before {
                break;
            }
            assert!(number < 30, "what is good goes no further either");
        }
        for peer in [&mallory, &watcher] {
            for event in peer.seen.iter().filter(|event| is_sealed(event)) {
                assert_is_sealed(event, &texts);
            }
        }
        let forged = forged.map(|bytes| HEXLOWER.encode(&bytes));
        let handed_on = watcher.seen.iter().find(|event| forged.iter().any(|bytes| event["bytes"] == bytes.as_str()));
        assert_eq!(handed_on, None, "what was forged was handed on");
        assert!(!mallory.seen.iter().any(|event| event["event"] == "closed"), "the connection ended");
        for node in [&alice, &bob] {
            assert_eq!(node.texts(&conversation), texts);
        }
    }

    fn assert_is_sealed(event: &Value, texts: &[String]) {
        let bytes = HEXLOWER.decode(event["bytes"].as_str().unwrap().as_bytes()).unwrap();
        assert_eq!(bytes[..2], [1, 1], "no message envelope");
        assert_eq!(BASE64URL_NOPAD.encode(&bytes[2..HEADER]), event["topic"].as_str().unwrap());
        let padded = bytes.len() - HEADER - NONCE - TAG;
        assert!(padded >= STEP && padded.is_multiple_of(STEP), "{padded} bytes are no bucket");
        let shows = |text: &str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
        assert!(!texts.iter().any(|text| shows(text)) && !shows("secret") && !shows("alice") && !shows("bob"));
        assert_eq!(event["type"], "unsigned", "it says who published it");
    }
}
