//! What is wrong with a node, and what to do about it: from what was found out, in sentences. Pure.

use crate::handle::{AddressStanding, Checkup, Machine, Mailbox, Nat, Owed, Reach, Router};

/// A clock this far off shows messages at wrong times …
const CLOCK_MS_NOTED: u64 = 60_000;
/// … and with one this far off certificates, invites and topics of the week go wrong.
const CLOCK_MS_BAD: u64 = 60 * 60_000;
/// With less than this free, the disk is soon full.
const FREE_BYTES_NOTED: u64 = 1024 * 1024 * 1024;
const FREE_BYTES_BAD: u64 = 64 * 1024 * 1024;
/// A disk that takes longer than this to make a few bytes durable slows everything down.
const DURABLE_US_NOTED: u64 = 100_000;
/// A message that waits longer than this is worth a word.
const WAITS_MS_NOTED: u64 = 5 * 60_000;
/// So many nodes that cannot be reached are named.
const NAMED_MAX: usize = 8;

/// What was looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Check {
    /// The clock.
    Clock,
    /// The disk.
    Disk,
    /// The database.
    Database,
    /// Whether this node is the only one of its kind.
    Copy,
    /// How others reach this node.
    Reachability,
    /// A relay at which this node has a place.
    Relay,
    /// A mailbox of this node.
    Mailbox,
    /// Somebody who cannot be reached.
    Person,
    /// What waits to be delivered.
    Queue,
}

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// Nothing is wrong.
    Good,
    /// It works, and could be better.
    Note,
    /// Something does not work.
    Bad,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What.
    pub check: Check,
    /// How bad it is.
    pub verdict: Verdict,
    /// What was found, as a sentence.
    pub says: String,
    /// What to do; empty if nothing needs to be done.
    pub advice: String,
}

/// Everything that was found out.
#[derive(Debug, Clone, Default)]
pub struct Examined {
    /// The clock, in milliseconds since 1970.
    pub now_ms: u64,
    /// The others.
    pub checkup: Checkup,
    /// How this node is reached.
    pub reach: Reach,
    /// The machine.
    pub machine: Machine,
    /// The mailboxes of this node.
    pub mailboxes: Vec<Mailbox>,
    /// How many peers are connected.
    pub peers: usize,
}

/// Says what is wrong, and what to do about it.
pub fn diagnose(examined: &Examined) -> Vec<Finding> {
    let mut findings = vec![clock(&examined.checkup), disk(&examined.machine), database(&examined.machine)];
    findings.extend(examined.checkup.copied.then(copy));
    findings.push(reachability(&examined.reach));
    findings.extend(examined.checkup.relays.iter().map(|(_, name, works)| relay(name, *works)));
    findings.extend(mailboxes(&examined.mailboxes));
    findings.extend(people(examined));
    findings.push(queue(examined));
    findings
}

fn good(check: Check, says: impl Into<String>) -> Finding {
    Finding { check, verdict: Verdict::Good, says: says.into(), advice: String::new() }
}

fn note(check: Check, says: impl Into<String>, advice: impl Into<String>) -> Finding {
    Finding { check, verdict: Verdict::Note, says: says.into(), advice: advice.into() }
}

fn bad(check: Check, says: impl Into<String>, advice: impl Into<String>) -> Finding {
    Finding { check, verdict: Verdict::Bad, says: says.into(), advice: advice.into() }
}

/// The middle of what the peers say: one wrong clock among theirs does not count.
fn clock(checkup: &Checkup) -> Finding {
    let mut told = checkup.offsets_ms.clone();
    told.sort_unstable();
    let Some(offset_ms) = told.get(told.len() / 2) else {
        return note(
            Check::Clock,
            "Nobody is connected whose clock yours could be compared with.",
            "Run this again when somebody is online.",
        );
    };
    let (off_ms, way) = (offset_ms.unsigned_abs(), if *offset_ms < 0 { "ahead of" } else { "behind" });
    let of = match told.len() {
        1 => "the one peer that was asked".to_owned(),
        count => format!("{count} peers"),
    };
    if off_ms < CLOCK_MS_NOTED {
        return good(Check::Clock, format!("The clock agrees with {of}."));
    }
    let says = format!("This machine's clock is {} {way} that of {of}.", duration(off_ms));
    let advice = "Have the system set its clock by the network (on Linux: `timedatectl set-ntp true`).";
    if off_ms < CLOCK_MS_BAD { note(Check::Clock, says, advice) } else { bad(Check::Clock, says, advice) }
}

fn copy() -> Finding {
    bad(
        Check::Copy,
        "Another copy of this node is running, restored from a backup of it, and has taken its place in your conversations.",
        "Stop one of the two for good. To keep this one: back it up, and restore that into another folder.",
    )
}

fn disk(machine: &Machine) -> Finding {
    if let Some(Err(reason)) = &machine.durable {
        return bad(
            Check::Disk,
            format!("Nothing can be written where the home is: {reason}."),
            "Make room, or mend the disk: until then nothing that arrives is accepted. What is stored stays.",
        );
    }
    let slow = machine.durable.as_ref().and_then(|durable| durable.as_ref().ok().copied()).unwrap_or(0);
    match machine.free_bytes {
        Some(free) if free < FREE_BYTES_BAD => bad(
            Check::Disk,
            format!("The disk is full but for {}.", bytes(free)),
            "Make room now: a full disk accepts no message. What is stored stays.",
        ),
        Some(free) if free < FREE_BYTES_NOTED => {
            note(Check::Disk, format!("The disk has only {} left.", bytes(free)), "Make room before it is full.")
        }
        _ if slow > DURABLE_US_NOTED => note(
            Check::Disk,
            format!("The disk takes {} ms to make a few bytes durable.", slow / 1_000),
            "Every message waits for that twice: a card or stick that slow is better replaced by a disk.",
        ),
        Some(free) => good(Check::Disk, format!("{} are free.", bytes(free))),
        None => good(Check::Disk, "The disk can be written to."),
    }
}

fn database(machine: &Machine) -> Finding {
    match machine.damage.first() {
        Some(first) => bad(
            Check::Database,
            format!("The database is damaged: {first}."),
            "Stop the node, copy its home to another disk, and restore your last backup there (`tidings restore`). \
             The others still have what they wrote to you and bring it again.",
        ),
        None => good(Check::Database, format!("The database is whole ({}).", bytes(machine.database_bytes))),
    }
}

fn reachability(reach: &Reach) -> Finding {
    let check = Check::Reachability;
    let has = |standing| reach.addresses.iter().any(|(_, one)| *one == standing);
    let refuted = has(AddressStanding::Refuted);
    let places = reach.places.len();
    match reach.nat {
        Nat::Open => good(check, "Anybody can reach this node directly."),
        Nat::Mapped => good(check, "Anybody can reach this node: the router leads a port here."),
        _ if reach.addresses.is_empty() => bad(
            check,
            "This node listens nowhere.",
            "Start it with `--listen`, or without: then it listens at every address.",
        ),
        Nat::EndpointDependent if places > 0 => note(
            check,
            "The router gives every connection another port (a \"symmetric\" NAT): no hole can be punched. \
             Others reach this node through a relay.",
            "It works. For direct connections let the router lead a port here, or turn on its UPnP.",
        ),
        Nat::EndpointDependent => bad(
            check,
            "The router gives every connection another port (a \"symmetric\" NAT), and no relay is known: nobody \
             behind a router can reach this node.",
            "Let the router lead a port here or turn on its UPnP, or know somebody who runs a relay (`tidings up --relay`).",
        ),
        Nat::EndpointIndependent if places > 0 => good(
            check,
            "A router is in between. Others reach this node through a relay first, and then directly by a punched hole.",
        ),
        Nat::EndpointIndependent => bad(
            check,
            format!(
                "A router is in between, and no relay is known: others cannot begin a connection.{}",
                router(reach)
            ),
            "Let the router lead a port here or turn on its UPnP, or know somebody who runs a relay (`tidings up --relay`).",
        ),
        Nat::Unknown if reach.is_relay && !refuted => note(
            check,
            "This node is a relay, and nobody has yet tried to reach it from outside.",
            "Run this again when somebody has been connected for a minute.",
        ),
        Nat::Unknown if places > 0 => good(check, "Others reach this node through a relay."),
        Nat::Unknown if refuted => bad(
            check,
            format!("A peer could not reach this node from outside.{}", router(reach)),
            "Let the router and the firewall lead the port here, or know somebody who runs a relay (`tidings up --relay`).",
        ),
        Nat::Unknown => note(
            check,
            format!("Nobody outside has tried to reach this node yet.{}", router(reach)),
            "People in the same network can reach it. Run this again when somebody from elsewhere has been connected \
             for a minute.",
        ),
    }
}

fn router(reach: &Reach) -> &'static str {
    match reach.router {
        Router::Off => " The router was not asked for a port (`--no-upnp`).",
        Router::None => " No router here leads ports by UPnP.",
        Router::NotPublic => {
            " The router has no public address itself: a second router, or the provider, is behind it."
        }
        Router::Silent | Router::Leads => "",
    }
}

fn relay(name: &str, works: bool) -> Finding {
    if works {
        return good(Check::Relay, format!("{name} relays: this node reached itself through it."));
    }
    bad(
        Check::Relay,
        format!("{name} has a place for this node as a relay, and yet it could not be reached through it."),
        "Ask whoever runs it whether it is reached from outside; another relay takes its place if one is known.",
    )
}

fn mailboxes(mailboxes: &[Mailbox]) -> Vec<Finding> {
    if mailboxes.is_empty() {
        return vec![note(
            Check::Mailbox,
            "Nobody keeps envelopes for you: what others write while you are away waits with them.",
            "On a node that is always on: `tidings up --mailbox` and `tidings mailbox link`; here `tidings mailbox use LINK`.",
        )];
    }
    mailboxes.iter().map(mailbox).collect()
}

fn mailbox(mailbox: &Mailbox) -> Finding {
    let (check, name) = (Check::Mailbox, &mailbox.name);
    if !mailbox.refused.is_empty() {
        return bad(
            check,
            format!("{name} does not keep envelopes for you: {}.", mailbox.refused),
            "Ask whoever runs it for a new link, or use another.",
        );
    }
    if mailbox.opened_at_ms.is_none() {
        return bad(check, format!("{name} was not reached yet."), "See that it runs and that its link is the newest.");
    }
    if !mailbox.online {
        return bad(
            check,
            format!("{name} cannot be reached now: what it keeps for you cannot be collected."),
            "See that it runs. A second mailbox helps while the first is away.",
        );
    }
    if !mailbox.unproved.is_empty() {
        return bad(
            check,
            format!("{name} failed its test: {}.", mailbox.unproved),
            "See that others can reach it (run `tidings doctor` there), or use another.",
        );
    }
    if mailbox.missing > 0 {
        let says = if mailbox.missing_says == 1 { "one sender says" } else { "several senders say" };
        return bad(
            check,
            format!("{name} did not give {} of the envelopes that, as {says}, it keeps for you.", mailbox.missing),
            "Nothing is lost: who wrote them keeps them. Do not rely on this mailbox alone.",
        );
    }
    if mailbox.proved_at_ms.is_none() {
        return note(check, format!("{name} keeps envelopes for you; its test is not over."), "Run this again.");
    }
    good(check, format!("{name} took a test envelope and gave it back."))
}

/// Who is owed something and cannot be reached, and why.
fn people(examined: &Examined) -> Vec<Finding> {
    let unreached = examined.checkup.owed.iter().filter(|owed| !owed.online);
    let late = unreached.filter(|owed| examined.now_ms.saturating_sub(owed.since_ms) >= WAITS_MS_NOTED);
    late.take(NAMED_MAX).map(|owed| person(owed, &examined.reach)).collect()
}

fn person(owed: &Owed, reach: &Reach) -> Finding {
    let name = if owed.name.is_empty() { "Somebody whose card is missing" } else { &owed.name };
    let messages = if owed.messages == 1 { "1 message".to_owned() } else { format!("{} messages", owed.messages) };
    let tried = reach.failed.iter().find(|(peer, _)| *peer == owed.peer).map_or(&[][..], |(_, tried)| tried);
    let why = match tried {
        [] if owed.addresses == 0 => "no address of theirs is known".to_owned(),
        [] => "they are not connected".to_owned(),
        [(address, reason)] => format!("{address} was tried: {reason}"),
        [(address, reason), rest @ ..] => format!("{address} was tried ({reason}), and {} more", rest.len()),
    };
    let advice = if owed.mailboxes == 0 {
        "They have no mailbox: it goes out when you are both on. Tell them how to use one (`tidings mailbox`)."
    } else {
        "It lies at their mailbox, or goes there as soon as that is reached."
    };
    note(Check::Person, format!("{name}: {messages} waiting; {why}."), advice)
}

fn queue(examined: &Examined) -> Finding {
    let owed = &examined.checkup.owed;
    let waiting: u64 = owed.iter().map(|owed| owed.messages).sum();
    let Some(since_ms) = owed.iter().map(|owed| owed.since_ms).min() else {
        return good(Check::Queue, "Everything that you sent has arrived.");
    };
    let age_ms = examined.now_ms.saturating_sub(since_ms);
    let stuck = owed.iter().any(|owed| owed.online && examined.now_ms.saturating_sub(owed.since_ms) >= WAITS_MS_NOTED);
    let says = format!(
        "{waiting} deliveries wait, the oldest for {}; {} connected.",
        duration(age_ms),
        if examined.peers == 1 { "1 peer is".to_owned() } else { format!("{} peers are", examined.peers) }
    );
    if stuck {
        bad(Check::Queue, says, "Somebody is connected and does not take them: their node may be of another version.")
    } else if age_ms >= WAITS_MS_NOTED {
        note(Check::Queue, says, "They go out when those whom they are for, or their mailboxes, are reached.")
    } else {
        good(Check::Queue, says)
    }
}

fn duration(ms: u64) -> String {
    let plural = |count: u64, what: &str| if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") };
    match ms / 1_000 {
        seconds @ 0..60 => plural(seconds, "second"),
        seconds @ 60..7_200 => plural(seconds / 60, "minute"),
        seconds @ 7_200..172_800 => plural(seconds / 3_600, "hour"),
        seconds => plural(seconds / 86_400, "day"),
    }
}

fn bytes(count: u64) -> String {
    const UNITS: [(u64, &str); 3] = [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    let unit = UNITS.into_iter().find(|(size, _)| count >= *size);
    unit.map_or_else(|| format!("{count} bytes"), |(size, name)| format!("{} {name}", count / size))
}

#[cfg(test)]
mod tests;
