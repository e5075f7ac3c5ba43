//! Bad roads: losses, delays, holes, links that come and go, and slow ones.

use std::time::Duration;

use crate::lab::{Lab, pass, report};
use crate::person::Person;
use crate::switch::{Line, Way};
use crate::talk::{Talk, befriend, meet, now};

const SETTLE_MAX: Duration = Duration::from_secs(150);

/// These people on the switch, with a conversation of all of them.
fn together(lab: &mut Lab, names: &[&str]) -> (Vec<Person>, Talk) {
    for name in names {
        lab.switched_host(name);
    }
    let people: Vec<Person> = names.iter().map(|name| Person::start(lab, name, &[])).collect();
    let all: Vec<&Person> = people.iter().collect();
    befriend(&all);
    meet(&all);
    let talk = Talk::begin(&all);
    (people, talk)
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Both people write, one after the other, for so long.
fn both_write(talk: &mut Talk, people: &[Person], for_ms: u64, every_ms: u64) {
    for turn in 0..for_ms / every_ms {
        talk.say(&people[usize::from(turn % 2 == 1)]);
        pass(Duration::from_millis(every_ms));
    }
}

pub(crate) fn with_losses_and_long_delays_everything_arrives_once() {
    let Some(mut lab) = Lab::for_test("5 % loss and 200 ms delay") else { return };
    let (people, mut talk) = together(&mut lab, &["ada", "bob"]);
    let line = Line { delay: Duration::from_millis(200), loss_percent: 5, ..Line::default() };
    lab.set("ada", Way::Up, line);
    lab.set("bob", Way::Up, line);
    both_write(&mut talk, &people, 60_000, 500);
    let [ada, bob] = &people[..] else { unreachable!() };
    let took = talk.settles(&[ada, bob], SETTLE_MAX);
    report(&format!("5 % loss, 200 ms each way: {} messages, all settled {took:?} after the last", talk.len()));
    talk.report_latency("5 % loss, 200 ms each way", &[ada, bob], 1);
    assert!(lab.counted("ada", Way::Up).1 > 0, "nothing was lost on the way");
}

pub(crate) fn blackholes_of_three_and_thirty_seconds_lose_nothing() {
    let Some(mut lab) = Lab::for_test("blackholes") else { return };
    let (people, mut talk) = together(&mut lab, &["ada", "bob"]);
    let [ada, bob] = &people[..] else { unreachable!() };
    for (hole, ways) in [(3, &[Way::Up, Way::Down][..]), (30, &[Way::Up, Way::Down]), (3, &[Way::Up]), (30, &[Way::Up])]
    {
        let before = talk.len();
        for way in ways {
            lab.set("ada", *way, Line { cut: true, ..Line::default() });
        }
        both_write(&mut talk, &people, hole * 1_000, 1_000);
        lab.set_both(&["ada"], Line::default());
        let took = talk.settles(&[ada, bob], SETTLE_MAX);
        let what = format!("a blackhole of {hole} s, {}", if ways.len() == 2 { "both ways" } else { "one way" });
        report(&format!("{what}: all settled {took:?} after its end"));
        talk.report_latency(&what, &[ada, bob], before);
        both_write(&mut talk, &people, 2_000, 500);
        talk.settles(&[ada, bob], SETTLE_MAX);
    }
}

pub(crate) fn a_link_that_comes_and_goes_loses_nothing() {
    let Some(mut lab) = Lab::for_test("a flapping link") else { return };
    let (people, mut talk) = together(&mut lab, &["ada", "bob"]);
    let [ada, bob] = &people[..] else { unreachable!() };
    // Up and down for times that suit neither the deadlines of connections nor the waits between dials.
    for (up_ms, down_ms) in
        [(1_000, 500), (700, 2_300), (400, 3_100), (2_900, 6_100), (300, 13_700), (5_300, 1_900)].repeat(2)
    {
        both_write(&mut talk, &people, up_ms, 100);
        lab.set_both(&["bob"], Line { cut: true, ..Line::default() });
        both_write(&mut talk, &people, down_ms, 250);
        lab.set_both(&["bob"], Line::default());
    }
    let took = talk.settles(&[ada, bob], SETTLE_MAX);
    report(&format!("a flapping link: {} messages, all settled {took:?} after the last", talk.len()));
    talk.report_latency("a flapping link", &[ada, bob], 1);
}

pub(crate) fn an_uplink_of_128_kbit_per_second_carries_a_group() {
    let Some(mut lab) = Lab::for_test("an uplink of 128 kbit/s") else { return };
    let (people, mut talk) = together(&mut lab, &["slow", "ada", "bob", "carol"]);
    let [slow, ada, bob, carol] = &people[..] else { unreachable!() };
    let all = [slow, ada, bob, carol];
    lab.set("slow", Way::Up, Line { delay: Duration::from_millis(20), kbit_per_second: 128, ..Line::default() });

    // The others talk. What comes of it on the slow uplink is receipts, gossip that is passed on, and sync.
    let (before, first, began) = (lab.counted("slow", Way::Up).0, talk.len(), now());
    for turn in 0..120 {
        talk.say(all[1 + turn % 3]);
        pass(Duration::from_millis(500));
    }
    let bytes = lab.counted("slow", Way::Up).0 - before;
    let kbit_per_second = u128::from(bytes) * 8 / (now() - began).as_millis();
    talk.settles(&all, SETTLE_MAX);
    report(&format!("128 kbit/s: while others wrote 2 a second, {kbit_per_second} kbit/s went up"));
    talk.report_latency("128 kbit/s, others write", &all, first);
    assert!(kbit_per_second < 64, "half of the uplink went into answers: {kbit_per_second} kbit/s");

    // Texts of ten kilobytes to each of three: two seconds of the uplink each. The others go on meanwhile.
    let first = talk.len();
    for turn in 0..24 {
        if turn % 4 == 0 {
            talk.say_at_length(slow, 10_000);
        }
        talk.say(all[1 + turn % 3]);
        pass(seconds(1));
    }
    let took = talk.settles(&all, SETTLE_MAX);
    report(&format!("128 kbit/s, with six texts of 10 KB: all settled {took:?} after the last"));
    talk.report_latency("128 kbit/s, with six texts of 10 KB", &all, first);
    let [median, ..] = talk.latency_at(slow, first);
    assert!(median < 3_000, "what others say reaches the slow one after {median} ms");
}
