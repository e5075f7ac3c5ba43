//! Two people behind routers, and a friend of both whose node is a relay.

use std::time::Duration;

use crate::ill::says;
use crate::lab::{Lab, Nat, pass};
use crate::person::{Person, has_circuit, path_in};

/// Two people who have each other's cards, with a place at the relay of a third.
struct Friends {
    ada: Person,
    bob: Person,
    _carol: Person,
    _lab: Lab,
}

fn friends(mut lab: Lab, nat: Nat) -> Friends {
    lab.public_host("carol");
    lab.host_behind("ada", nat);
    lab.host_behind("bob", nat);
    let carol = Person::start(&lab, "carol", &["--relay"]);
    let [ada, bob] = ["ada", "bob"].map(|name| Person::start(&lab, name, &[]));
    for person in [&ada, &bob] {
        person.says(&["add", &carol.text_of(&["card"], "link")]);
        carol.says(&["add", &person.text_of(&["card"], "link")]);
        person.until("a place at the relay", has_circuit);
    }
    ada.says(&["add", &bob.text_of(&["card"], "link")]);
    bob.says(&["add", &ada.text_of(&["card"], "link")]);
    Friends { ada, bob, _carol: carol, _lab: lab }
}

impl Friends {
    /// The direct conversation, and Bob's peer id.
    fn conversation(&self) -> (String, String) {
        let bob = self.bob.text_of(&["status"], "peer_id");
        self.ada.until("a connection", |status| path_in(status, &bob).is_some());
        (self.ada.text_of(&["new", "bob"], "conversation"), bob)
    }

    fn deliver(&self, conversation: &str, text: &str) {
        self.ada.says(&["send", conversation, text, "--wait", "delivered", "--timeout", "120"]);
    }
}

pub(crate) fn behind_two_routers_people_meet_at_a_friends_relay() {
    let Some(lab) = Lab::for_test("two people behind routers") else { return };
    let friends = friends(lab, Nat::Cone);
    let (conversation, bob) = friends.conversation();
    friends.deliver(&conversation, "however it goes");
    friends.ada.until("a hole", |status| path_in(status, &bob).as_deref() == Some("punched"));
    friends.deliver(&conversation, "through both routers");
}

pub(crate) fn behind_two_symmetric_routers_a_conversation_lives_on_the_relay_past_two_minutes_and_128_kib() {
    let Some(lab) = Lab::for_test("a long conversation through a relay") else { return };
    let friends = friends(lab, Nat::Symmetric);
    let (conversation, bob) = friends.conversation();
    // Twenty-six times ten thousand bytes over two minutes and ten seconds.
    for number in 0..26 {
        friends.deliver(&conversation, &format!("{number} {}", "word ".repeat(2_000)));
        assert_eq!(friends.ada.path_to(&bob).as_deref(), Some("relayed"), "after {number}");
        pass(Duration::from_secs(5));
    }
    friends.deliver(&conversation, "and still there");
    assert_eq!(friends.ada.path_to(&bob).as_deref(), Some("relayed"));
}

pub(crate) fn behind_a_router_that_opens_ports_on_request_a_node_is_reached_without_a_relay() {
    let Some(mut lab) = Lab::for_test("a router that opens ports (UPnP)") else { return };
    lab.public_host("bob");
    lab.host_behind("ada", Nat::Cone);
    lab.let_router_open_ports("ada");
    let ada = Person::start_asking_the_router(&lab, "ada");
    let bob = Person::start(&lab, "bob", &[]);
    let outside = |status: &serde_json::Value| status["addresses"].to_string().contains("/ip4/11.0.");
    ada.until("an address of the router's", outside);
    // She does not know him: it is his node that comes to hers.
    bob.says(&["add", &ada.text_of(&["card"], "link")]);
    let her = ada.text_of(&["status"], "peer_id");
    bob.until("a connection", |status| path_in(status, &her).as_deref() == Some("direct"));
    ada.says(&["add", &bob.text_of(&["card"], "link")]);
    let conversation = bob.text_of(&["new", "ada"], "conversation");
    bob.says(&["send", &conversation, "through your router", "--wait", "delivered", "--timeout", "60"]);
    says(&ada, "reachability", "good", "the router leads a port here");
}
