//! People who move while others are away, and are found again.

use std::time::Duration;

use crate::lab::{Lab, Nat, pass, report};
use crate::person::{Person, has_circuit, path_in};
use crate::talk::{Talk, befriend, meet, now};

const SETTLE_MAX: Duration = Duration::from_secs(150);
/// New addresses are told ten seconds after they settled (PROTOCOL §6.7), and then lie at the mailbox.
const TOLD_WITHIN: Duration = Duration::from_secs(20);

/// Goes elsewhere: another address and another port.
fn move_on(lab: &Lab, person: &mut Person, network: u8, port: u16) {
    lab.move_host(&person.name, network);
    person.listen_at(port);
    person.start_again(lab);
}

pub(crate) fn two_who_both_moved_find_each_other_by_what_waits_at_a_mailbox() {
    let Some(mut lab) = Lab::for_test("two who both moved, and a mailbox") else { return };
    for name in ["ada", "bob", "mailbox"] {
        lab.switched_host(name);
    }
    let mailbox = Person::start(&lab, "mailbox", &["--mailbox"]);
    let [mut ada, mut bob] = ["ada", "bob"].map(|name| Person::start(&lab, name, &[]));
    let link = mailbox.text_of(&["mailbox", "link"], "link");
    for person in [&ada, &bob] {
        person.says(&["mailbox", "use", &link]);
        person.until_says(&["mailbox", "list"], "the mailbox", |lines| lines[0]["opened_at_ms"].is_u64());
    }
    befriend(&[&ada, &bob]);
    meet(&[&ada, &bob]);
    let mut talk = Talk::begin(&[&ada, &bob]);
    let peer = ada.text_of(&["status"], "peer_id");
    pass(TOLD_WITHIN); // What a first run begins with is told to nobody, and must have settled.
    bob.exit();
    ada.exit();

    move_on(&lab, &mut ada, 7, 4007);
    pass(TOLD_WITHIN);
    let began = now();
    move_on(&lab, &mut bob, 8, 4008);
    bob.until("ada, where she is now", |status| path_in(status, &peer).as_deref() == Some("direct"));
    report(&format!("two moved: met again {:?} after the second started, by a card at the mailbox", now() - began));
    for person in [&ada, &bob] {
        talk.say(person);
    }
    talk.settles(&[&ada, &bob], SETTLE_MAX);
}

pub(crate) fn two_who_both_moved_find_each_other_by_a_fellow_member() {
    let Some(mut lab) = Lab::for_test("two who both moved, and a fellow member") else { return };
    for name in ["ada", "bob", "carol"] {
        lab.switched_host(name);
    }
    let [mut ada, mut bob, carol] = ["ada", "bob", "carol"].map(|name| Person::start(&lab, name, &[]));
    befriend(&[&ada, &bob, &carol]);
    meet(&[&ada, &bob, &carol]);
    let mut talk = Talk::begin(&[&ada, &bob, &carol]);
    let peer = ada.text_of(&["status"], "peer_id");
    bob.exit();
    ada.exit();
    move_on(&lab, &mut ada, 7, 4007);
    talk.say(&ada);
    let began = now();
    move_on(&lab, &mut bob, 8, 4008);
    bob.until("ada, where she is now", |status| path_in(status, &peer).as_deref() == Some("direct"));
    report(&format!("two moved: met again {:?} after the second started, by a fellow member", now() - began));
    talk.say(&bob);
    talk.settles(&[&ada, &bob, &carol], SETTLE_MAX);
}

pub(crate) fn two_whose_cards_name_no_way_to_them_meet_by_a_contact_of_both() {
    let Some(mut lab) = Lab::for_test("two whose cards name no way, and a contact of both") else { return };
    lab.public_host("carol");
    lab.host_behind("ada", Nat::Symmetric);
    lab.host_behind("bob", Nat::Symmetric);
    let carol = Person::start(&lab, "carol", &["--relay"]);
    let [ada, bob] = ["ada", "bob"].map(|name| Person::start(&lab, name, &[]));
    // The links were given out before there was a place at the relay.
    befriend(&[&ada, &bob]);
    for person in [&ada, &bob] {
        befriend(&[person, &carol]);
        person.until("a place at the relay", has_circuit);
    }
    let began = now();
    let talk = Talk::begin(&[&ada, &bob]);
    report(&format!("cards without a way: the first message was there after {:?}", now() - began));
    talk.settles(&[&ada, &bob], SETTLE_MAX);
}
