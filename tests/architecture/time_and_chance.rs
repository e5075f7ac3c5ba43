//! Clocks, the operating system's randomness and queues: read in the loop only, and never without a limit.
//!
//! Clippy bans the same by type (`.clippy.toml`); here the place is checked, which an `expect` cannot widen.

use crate::tree::{Finding, Tree, assert_caught, assert_kept, ends_in, is_in_module, is_under, line_of, paths};

/// The loop, the swarm that it drives, and the one place that tells a person in a terminal how long ago something was.
const CLOCK: [&str; 3] = ["node/src/node", "node/src/network", "cli/src/output/time"];
/// The command line may ask for randomness at the first run.
const RANDOMNESS: [&str; 3] = ["node/src/node", "node/src/network", "cli/src/commands/init"];

const CLOCKS: [&str; 9] = [
    "SystemTime::now",
    "SystemTime::elapsed",
    "Instant::now",
    "Instant::elapsed",
    "Utc::now",
    "Local::now",
    "OffsetDateTime::now_utc",
    "Timestamp::now",
    "Zoned::now",
];

const CHANCE: [&str; 10] = [
    "OsRng",
    "SysRng",
    "ThreadRng",
    "thread_rng",
    "rand::rng",
    "rand::random",
    "from_entropy",
    "from_os_rng",
    "try_from_os_rng",
    "generate_ed25519",
];

const UNBOUNDED: [&str; 7] = [
    "unbounded_channel",
    "UnboundedSender",
    "UnboundedReceiver",
    "mpsc::unbounded",
    "flume::unbounded",
    "async_channel::unbounded",
    "crossbeam_channel::unbounded",
];

fn clocks_are_read_only_in_the_loop(tree: &Tree) -> Vec<Finding> {
    let is_clock = |named: &str| CLOCKS.iter().any(|clock| ends_in(named, clock));
    named_outside(tree, &CLOCK, is_clock, "reads a clock; take `now_ms` as an argument")
}

fn chance_is_drawn_only_in_the_loop(tree: &Tree) -> Vec<Finding> {
    let is_chance = |named: &str| is_under(named, "getrandom") || CHANCE.iter().any(|source| ends_in(named, source));
    named_outside(tree, &RANDOMNESS, is_chance, "draws on the operating system's randomness; take `rng` as an argument")
}

fn every_queue_has_a_limit(tree: &Tree) -> Vec<Finding> {
    let is_unbounded = |named: &str| {
        UNBOUNDED.iter().any(|queue| ends_in(named, queue))
            || (is_under(named, "std::sync::mpsc") && !ends_in(named, "sync_channel") && !ends_in(named, "SyncSender"))
    };
    named_outside(tree, &[], is_unbounded, "is a queue without a limit; give it one with a name")
}

fn named_outside(tree: &Tree, homes: &[&str], is_it: impl Fn(&str) -> bool, why: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in tree.shipped_rust().filter(|(path, _)| !homes.iter().any(|home| is_in_module(path, home))) {
        if let Some(named) = paths(path, text).into_iter().find(|named| is_it(named)) {
            let last = named.rsplit("::").next().unwrap_or(&named);
            let sentence = format!("`{named}` {why}");
            findings.push(Finding { file: path.to_owned(), line: line_of(text, last), sentence });
        }
    }
    findings
}

#[test]
fn the_clock_is_read_only_in_the_loop() {
    assert_kept(&clocks_are_read_only_in_the_loop(&Tree::repository()));
}

#[test]
fn a_clock_outside_the_loop_is_caught() {
    let tree = Tree::sample(&[
        ("cli/src/commands/send.rs", "fn f() { let start = Instant::now(); }"),
        ("node/src/engine.rs", "fn f() { let now = std::time::SystemTime::now(); }"),
        ("node/src/node.rs", "fn f() { let now = std::time::SystemTime::now(); }"),
        ("node/src/network/deadline.rs", "fn f() { tokio::time::Instant::now(); }"),
        ("web-ui/src/session.rs", "// Instant::now is not for us\nfn f() { items.map(Instant::elapsed); }"),
    ]);
    let expected = ["cli/src/commands/send.rs", "node/src/engine.rs", "web-ui/src/session.rs"];
    assert_caught(&clocks_are_read_only_in_the_loop(&tree), &expected);
}

#[test]
fn randomness_is_drawn_only_in_the_loop() {
    assert_kept(&chance_is_drawn_only_in_the_loop(&Tree::repository()));
}

#[test]
fn randomness_outside_the_loop_is_caught() {
    let tree = Tree::sample(&[
        ("crypto/src/identity.rs", "use rand_core::{CryptoRng, OsRng};"),
        ("crypto/src/vault.rs", "fn f() { getrandom::fill(&mut bytes); }"),
        ("node/src/node.rs", "fn f() { getrandom::fill(&mut seed); }"),
        ("web-ui/src/session.rs", "fn f() { let token: [u8; 32] = rand::random(); }"),
    ]);
    let expected = ["crypto/src/identity.rs", "crypto/src/vault.rs", "web-ui/src/session.rs"];
    assert_caught(&chance_is_drawn_only_in_the_loop(&tree), &expected);
}

#[test]
fn no_queue_is_without_a_limit() {
    assert_kept(&every_queue_has_a_limit(&Tree::repository()));
}

#[test]
fn a_queue_without_a_limit_is_caught() {
    let tree = Tree::sample(&[
        ("cli/src/api.rs", "use std::sync::{Arc, mpsc::channel};"),
        ("node/src/handle.rs", "use tokio::sync::mpsc;\nfn f() { mpsc::unbounded_channel::<u8>(); }"),
        ("node/src/network.rs", "use tokio::sync::mpsc;\nfn f() { mpsc::channel::<u8>(EVENTS_MAX); }"),
        ("web-ui/src/live.rs", "use futures::channel::mpsc::UnboundedSender;"),
        ("web-ui/src/serve.rs", "use std::sync::mpsc::sync_channel;"),
    ]);
    assert_caught(&every_queue_has_a_limit(&tree), &["cli/src/api.rs", "node/src/handle.rs", "web-ui/src/live.rs"]);
}
