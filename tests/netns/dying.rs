//! Nodes that are killed and start again with the same key.

use std::sync::Mutex;
use std::time::Duration;

use crate::lab::{Lab, Nat, pass, report};
use crate::person::{Person, has_circuit};
use crate::switch::{Line, Way};
use crate::talk::{Talk, befriend, meet, now};

const SETTLE_MAX: Duration = Duration::from_mins(3);

pub(crate) fn whoever_restarts_while_the_old_connection_stands_is_heard_and_hears_within_seconds() {
    let Some(mut lab) = Lab::for_test("a restart while the old connection stands") else { return };
    lab.switched_host("ada");
    lab.switched_host("bob");
    let ada = Person::start(&lab, "ada", &[]);
    let mut bob = Person::start(&lab, "bob", &[]);
    befriend(&[&ada, &bob]);
    meet(&[&ada, &bob]);
    let mut talk = Talk::begin(&[&ada, &bob]);
    let peer = bob.text_of(&["status"], "peer_id");
    for round in 0..4 {
        // Two connections within five seconds are two people who dial each other at once (PROTOCOL §5.2).
        pass(Duration::from_secs(6));
        // The system would tell the other side that the process is gone. Nothing of that comes through.
        lab.set("bob", Way::Up, Line { cut: true, ..Line::default() });
        bob.die();
        assert!(ada.path_to(&peer).is_some(), "the old connection does not stand any more");
        lab.set("bob", Way::Up, Line::default());
        bob.start_again(&lab);
        let (began, first) = (now(), talk.len());
        for writer in [&ada, &bob] {
            let text = format!("round {round} by {}", writer.name);
            writer.says(&["send", &talk.id, &text, "--wait", "delivered", "--timeout", "10"]);
            talk.was_said(&text);
        }
        report(&format!("restarted beside the old connection: both ways after {:?}", now() - began));
        // What gossip does not bring is pushed a second later: faster than that is gossip.
        for _ in 0..6 {
            talk.say(&ada);
            talk.say(&bob);
            pass(Duration::from_millis(300));
        }
        talk.settles(&[&ada, &bob], SETTLE_MAX);
        for person in [&ada, &bob] {
            let [median, _, slowest] = talk.latency_at(person, first + 4);
            report(&format!(
                "restarted beside the old connection: to {}: median {median} ms, slowest {slowest} ms",
                person.name
            ));
            assert!(median < 900, "{} is deaf to gossip: {median} ms", person.name);
        }
    }
}

pub(crate) fn each_kind_of_node_is_killed_again_and_again_and_nothing_is_lost() {
    const LASTS: Duration = Duration::from_mins(2);
    let Some(mut lab) = Lab::for_test("each kind of node is killed") else { return };
    lab.host_behind("sender", Nat::Symmetric);
    lab.host_behind("receiver", Nat::Symmetric);
    for name in ["member", "mailbox", "relay"] {
        lab.public_host(name);
    }
    let start = |name, more: &[&str]| Mutex::new(Person::start(&lab, name, more));
    let nodes = [
        start("sender", &[]),
        start("receiver", &[]),
        start("member", &[]),
        start("mailbox", &["--mailbox"]),
        start("relay", &["--relay"]),
    ];
    let [sender, receiver, member, mailbox, relay] = &nodes;
    {
        let [sender, receiver, member, mailbox, relay] =
            [sender, receiver, member, mailbox, relay].map(|node| node.lock().unwrap());
        // The addresses through the relay stand on the cards that the others get.
        for person in [&sender, &receiver] {
            befriend(&[person, &relay]);
            person.until("a place at the relay", has_circuit);
        }
        befriend(&[&sender, &receiver, &member, &relay]);
        let link = mailbox.text_of(&["mailbox", "link"], "link");
        for person in [&sender, &receiver, &member] {
            person.says(&["mailbox", "use", &link]);
        }
        for person in [&sender, &receiver, &member] {
            person.until("the others", |status| status["peers"].as_array().is_some_and(|peers| peers.len() >= 4));
        }
    }
    let mut talk = {
        let [sender, receiver, member] = [sender, receiver, member].map(|node| node.lock().unwrap());
        Talk::begin(&[&sender, &receiver, &member])
    };
    let began = now();
    let is_over = || now() - began > LASTS;
    let (said, killed) = std::thread::scope(|scope| {
        let killer = scope.spawn(|| kill_by_turns(&lab, &nodes, &is_over));
        let mut number = 0;
        while !is_over() {
            let writer = [sender, receiver, sender, member][number % 4];
            talk.say_whatever_happens(writer, &format!("number {number}"));
            number += 1;
            pass(Duration::from_millis(250));
        }
        (number, killer.join().unwrap())
    });
    let healed = now();
    let mut nodes = nodes.map(|node| node.into_inner().unwrap());
    {
        let [sender, receiver, member, ..] = &nodes;
        talk.settles(&[sender, receiver, member], SETTLE_MAX);
        report(&format!(
            "killed {killed:?} times: {said} messages, all settled {:?} after the last death",
            now() - healed
        ));
        talk.report_latency("each kind of node killed", &[sender, receiver, member], 1);
    }
    for node in &mut nodes {
        node.exit();
        assert_eq!(crate::person::integrity(node.home()), "ok", "{}", node.name);
    }
}

/// Kills a node at a time, at moments that the seed decides, and starts it again soon; says how often each died.
fn kill_by_turns(lab: &Lab, nodes: &[Mutex<Person>; 5], is_over: &dyn Fn() -> bool) -> [u32; 5] {
    const SEED: u64 = 7;
    let mut killed = [0; 5];
    let mut chance = SEED;
    let mut below = |end: u64| {
        chance = u64::from_be_bytes(blake3::hash(&chance.to_be_bytes()).as_bytes()[..8].try_into().unwrap());
        chance % end
    };
    while !is_over() {
        pass(Duration::from_millis(500 + below(5_000)));
        let which = usize::try_from(below(5)).unwrap();
        nodes[which].lock().unwrap().die();
        killed[which] += 1;
        pass(Duration::from_millis(below(3_000)));
        nodes[which].lock().unwrap().start_again(lab);
    }
    killed
}
