//! A group in two parts, both of which go on.

use std::time::Duration;

use crate::lab::{Lab, is_full, pass, report};
use crate::person::Person;
use crate::talk::{Talk, befriend, meet, now};

/// So many messages are written while the group is in two parts, for however long.
const MESSAGES: u32 = 240;
const HEAL_MAX: Duration = Duration::from_mins(4);

pub(crate) fn two_parts_of_a_group_that_both_go_on_become_one_again() {
    let Some(mut lab) = Lab::for_test("a group in two parts") else { return };
    let names = ["ada", "bob", "carol", "dora", "erin", "finn"];
    for name in names {
        lab.switched_host(name);
    }
    let people: Vec<Person> = names.iter().map(|name| Person::start(&lab, name, &[])).collect();
    let all: Vec<&Person> = people.iter().collect();
    befriend(&all);
    meet(&all);
    let [ada, bob, carol, dora, erin, finn] = all[..] else { unreachable!() };
    let mut talk = Talk::begin(&[ada, bob, carol, dora]);
    for who in [bob, carol, dora] {
        talk.say(who);
    }
    talk.settles(&[ada, bob, carol, dora], HEAL_MAX);
    // What both parts do needs a right: two are owners, one in each part.
    ada.says(&["role", &talk.id, "carol", "owner"]);
    carol.until_says(&["members", &talk.id], "carol as an owner", |lines| {
        lines.iter().any(|line| line["name"] == "carol" && line["role"] == "owner")
    });

    let long = Duration::from_secs(if is_full() { 600 } else { 60 });
    lab.put_into_part(&["carol", "dora", "finn"], 1);
    let began = now();
    for number in 0..MESSAGES {
        let writers: &[&Person] =
            if number > MESSAGES / 3 { &[ada, carol, bob, dora, erin, finn] } else { &[ada, carol, bob, dora] };
        talk.say(writers[number as usize % writers.len()]);
        if number == MESSAGES / 4 {
            ada.says(&["members", &talk.id, "--add", "erin"]);
            carol.says(&["members", &talk.id, "--add", "finn"]);
            for who in [erin, finn] {
                who.until_says(&["list"], "the conversation", |lines| {
                    lines.iter().any(|line| line["conversation"] == talk.id.as_str())
                });
            }
        }
        if number % (MESSAGES / 6) == 1 {
            ada.says(&["set", &talk.id, "--name", &format!("Club {number}")]);
            carol.says(&["set", &talk.id, "--topic", &format!("topic {number}")]);
        }
        pass((long * (number + 1) / MESSAGES).saturating_sub(now() - began));
    }
    let lasted = now() - began;
    lab.put_into_part(&["carol", "dora", "finn"], 0);
    let healed = now();
    talk.settle_among(&[ada, bob, carol, dora], &[erin, finn], HEAL_MAX);
    let took = now() - healed;
    report(&format!("two parts for {lasted:?}: {} messages, one again {took:?} after the end", talk.len()));
    for person in &all {
        let mut members: Vec<String> =
            person.lines(&["members", &talk.id]).iter().map(|line| line["name"].to_string()).collect();
        members.sort();
        assert_eq!(members, names.map(|name| format!("\"{name}\"")), "{}", person.name);
    }
    let settings = |person: &Person| person.says(&["set", &talk.id]);
    for person in [bob, carol, dora, erin, finn] {
        assert_eq!(settings(person), settings(ada), "{} has other settings than ada", person.name);
    }
    for person in &all {
        talk.say(person);
    }
    talk.settle_among(&[ada, bob, carol, dora], &[erin, finn], HEAL_MAX);
}
