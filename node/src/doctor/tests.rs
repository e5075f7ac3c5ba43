//! Each fault by itself is named rightly, and with what to do; without one nothing is wrong.

use super::*;
use crate::ids::PeerKey;

const NOW_MS: u64 = 1_800_000_000_000;

/// Nothing is wrong.
fn well() -> Examined {
    let mailbox = Mailbox {
        peer: PeerKey([1; 32]),
        name: "Shelf".to_owned(),
        used_since_ms: 1,
        opened_at_ms: Some(2),
        collected_at_ms: Some(3),
        refused: String::new(),
        online: true,
        missing: 0,
        missing_says: 0,
        proved_at_ms: Some(NOW_MS),
        unproved: String::new(),
    };
    Examined {
        now_ms: NOW_MS,
        checkup: Checkup { offsets_ms: vec![-40, 3, 700], ..Checkup::default() },
        reach: Reach {
            nat: Nat::Open,
            addresses: vec![("/ip4/192.0.2.1/tcp/1".to_owned(), AddressStanding::Proved)],
            ..Reach::default()
        },
        machine: Machine {
            free_bytes: Some(1 << 40),
            durable: Some(Ok(900)),
            database_bytes: 1 << 20,
            damage: Vec::new(),
        },
        mailboxes: vec![mailbox],
        peers: 3,
    }
}

/// The findings that are not good, of what is well but for one fault.
fn wrong(fault: impl FnOnce(&mut Examined)) -> Vec<(Check, Verdict, String)> {
    let mut examined = well();
    fault(&mut examined);
    let found = diagnose(&examined).into_iter().filter(|finding| finding.verdict != Verdict::Good);
    found
        .map(|finding| {
            assert!(!finding.advice.is_empty(), "what to do is said: {}", finding.says);
            (finding.check, finding.verdict, finding.says)
        })
        .collect()
}

/// The one finding that is not good.
fn fault(fault: impl FnOnce(&mut Examined)) -> (Check, Verdict, String) {
    let mut found = wrong(fault);
    assert_eq!(found.len(), 1, "{found:?}");
    found.remove(0)
}

fn owed(online: bool, minutes: u64) -> Owed {
    Owed {
        peer: PeerKey([9; 32]),
        name: "Bob".to_owned(),
        messages: 2,
        since_ms: NOW_MS - minutes * 60_000,
        online,
        addresses: 1,
        mailboxes: 0,
    }
}

#[test]
fn where_nothing_is_wrong_nothing_is_said_to_be() {
    assert_eq!(wrong(|_| {}), []);
    assert_eq!(diagnose(&well()).len(), 6);
}

#[test]
fn a_wrong_clock_is_told_by_what_most_peers_say() {
    let two_hours_ahead = vec![-7_200_000, -7_200_100, 0];
    let (check, verdict, says) = fault(|examined| examined.checkup.offsets_ms = two_hours_ahead);
    assert_eq!((check, verdict), (Check::Clock, Verdict::Bad));
    assert_eq!(says, "This machine's clock is 2 hours ahead of that of 3 peers.");
    let (_, verdict, says) = fault(|examined| examined.checkup.offsets_ms = vec![90_000]);
    assert_eq!(verdict, Verdict::Note);
    assert_eq!(says, "This machine's clock is 1 minute behind that of the one peer that was asked.");
    let (check, verdict, _) = fault(|examined| examined.checkup.offsets_ms.clear());
    assert_eq!((check, verdict), (Check::Clock, Verdict::Note));
}

#[test]
fn a_full_a_slow_and_a_broken_disk_are_three_things() {
    let (check, verdict, says) = fault(|examined| examined.machine.free_bytes = Some(5 << 20));
    assert_eq!((check, verdict, says.as_str()), (Check::Disk, Verdict::Bad, "The disk is full but for 5 MiB."));
    let (_, verdict, says) = fault(|examined| examined.machine.free_bytes = Some(700 << 20));
    assert_eq!((verdict, says.as_str()), (Verdict::Note, "The disk has only 700 MiB left."));
    let (_, verdict, says) = fault(|examined| examined.machine.durable = Some(Ok(350_000)));
    assert_eq!((verdict, says.as_str()), (Verdict::Note, "The disk takes 350 ms to make a few bytes durable."));
    let read_only = Some(Err("Read-only file system".to_owned()));
    let (_, verdict, says) = fault(|examined| examined.machine.durable = read_only);
    assert_eq!(verdict, Verdict::Bad);
    assert!(says.contains("Read-only file system"), "{says}");
}

#[test]
fn a_damaged_database_is_named_with_what_sqlite_says() {
    let (check, verdict, says) =
        fault(|examined| examined.machine.damage = vec!["row 7 missing from index".to_owned()]);
    assert_eq!((check, verdict), (Check::Database, Verdict::Bad));
    assert_eq!(says, "The database is damaged: row 7 missing from index.");
}

#[test]
fn what_is_between_this_node_and_the_others_is_named() {
    let reach = |nat, places: usize, router| {
        move |examined: &mut Examined| {
            let places = (0..places).map(|_| (PeerKey([4; 32]), Vec::new())).collect();
            examined.reach = Reach {
                nat,
                router,
                places,
                addresses: vec![("/ip4/10.0.0.2/tcp/1".to_owned(), AddressStanding::Untested)],
                ..Reach::default()
            };
        }
    };
    let (check, verdict, says) = fault(reach(Nat::EndpointDependent, 0, Router::None));
    assert_eq!((check, verdict), (Check::Reachability, Verdict::Bad));
    assert!(says.contains("symmetric") && says.contains("no relay is known"), "{says}");
    let (_, verdict, says) = fault(reach(Nat::EndpointDependent, 1, Router::None));
    assert_eq!(verdict, Verdict::Note);
    assert!(says.contains("through a relay"), "{says}");
    let (_, verdict, says) = fault(reach(Nat::EndpointIndependent, 0, Router::NotPublic));
    assert_eq!(verdict, Verdict::Bad);
    assert!(says.contains("no public address itself"), "{says}");
    assert_eq!(wrong(reach(Nat::EndpointIndependent, 1, Router::None)), []);
    assert_eq!(wrong(reach(Nat::Mapped, 0, Router::Leads)), []);
    let (_, verdict, says) = fault(reach(Nat::Unknown, 0, Router::Off));
    assert_eq!(verdict, Verdict::Note);
    assert!(says.contains("--no-upnp"), "{says}");
    let (_, verdict, says) = fault(|examined| {
        examined.reach.nat = Nat::Unknown;
        examined.reach.addresses = vec![("/ip4/10.0.0.2/tcp/1".to_owned(), AddressStanding::Refuted)];
    });
    assert_eq!(verdict, Verdict::Bad);
    assert!(says.contains("could not reach this node from outside"), "{says}");
    let (_, verdict, says) = fault(|examined| examined.reach = Reach::default());
    assert_eq!((verdict, says.as_str()), (Verdict::Bad, "This node listens nowhere."));
}

#[test]
fn a_relay_that_gives_a_place_and_leads_nobody_is_found() {
    let places = |works| vec![(PeerKey([4; 32]), "Carol".to_owned(), works)];
    let (check, verdict, says) = fault(|examined| examined.checkup.relays = places(false));
    assert_eq!((check, verdict), (Check::Relay, Verdict::Bad));
    assert!(says.starts_with("Carol "), "{says}");
    assert_eq!(wrong(|examined| examined.checkup.relays = places(true)), []);
}

#[test]
fn each_way_in_which_a_mailbox_fails_is_named() {
    let of = |change: fn(&mut Mailbox)| fault(|examined| examined.mailboxes.iter_mut().for_each(change));
    for (change, says) in [
        ((|one| one.refused = "it serves as many as it can".to_owned()) as fn(&mut Mailbox), "as many as it can"),
        (|one| one.opened_at_ms = None, "was not reached yet"),
        (|one| one.online = false, "cannot be reached now"),
        (|one| one.unproved = "it did not answer".to_owned(), "failed its test: it did not answer"),
        (|one| (one.missing, one.missing_says) = (3, 1), "did not give 3 of the envelopes that, as one sender says"),
    ] {
        let (check, verdict, said) = of(change);
        assert_eq!((check, verdict), (Check::Mailbox, Verdict::Bad), "{said}");
        assert!(said.starts_with("Shelf ") && said.contains(says), "{said}");
    }
    assert_eq!(of(|one| one.proved_at_ms = None).1, Verdict::Note);
    let (check, verdict, says) = fault(|examined| examined.mailboxes.clear());
    assert_eq!((check, verdict), (Check::Mailbox, Verdict::Note));
    assert!(says.contains("Nobody keeps envelopes for you"), "{says}");
}

#[test]
fn who_cannot_be_reached_is_named_with_what_was_tried() {
    let found = wrong(|examined| {
        examined.checkup.owed = vec![owed(false, 90)];
        let tried = ("/ip4/192.0.2.7/tcp/4001".to_owned(), "Connection refused (os error 111)".to_owned());
        examined.reach.failed = vec![(PeerKey([9; 32]), vec![tried])];
    });
    let [(Check::Person, _, says), (Check::Queue, Verdict::Note, queue)] = found.as_slice() else {
        panic!("{found:?}")
    };
    assert_eq!(says, "Bob: 2 messages waiting; /ip4/192.0.2.7/tcp/4001 was tried: Connection refused (os error 111).");
    assert!(queue.contains("the oldest for 90 minutes"), "{queue}");
    assert_eq!(wrong(|examined| examined.checkup.owed = vec![owed(false, 1)]), [], "a minute is no fault");
}

#[test]
fn what_waits_for_somebody_who_is_connected_is_stuck() {
    let (check, verdict, _) = fault(|examined| examined.checkup.owed = vec![owed(true, 10)]);
    assert_eq!((check, verdict), (Check::Queue, Verdict::Bad));
}

#[test]
fn another_copy_of_this_node_is_named() {
    let (check, verdict, says) = fault(|examined| examined.checkup.copied = true);
    assert_eq!((check, verdict), (Check::Copy, Verdict::Bad));
    assert!(says.contains("Another copy"), "{says}");
}
