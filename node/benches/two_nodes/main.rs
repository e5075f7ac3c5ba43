//! Two real nodes on the loopback: latency (T2) and throughput (T3), with the bare limits of this machine beside them.
//!
//! `cargo bench -p tidings-node`. Everything is measured in one run, since absolute numbers mean little on a busy
//! machine; the ratios carry over.
#![expect(clippy::print_stdout, reason = "a benchmark is read by people")]
#![expect(clippy::disallowed_methods, reason = "a benchmark measures real time")]
#![expect(clippy::unwrap_used, reason = "a benchmark that cannot go on should say where")]
#![expect(clippy::cast_precision_loss, reason = "rates are rounded for reading")]

mod limits;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use tidings_node::event::{Event, Notice};
use tidings_node::handle::{Events, Handle, MessageState, NewMessage};
use tidings_node::ids::ConversationId;
use tidings_node::node::{Config, Node};
use tokio::task::JoinSet;

/// The size of a message's text, as in the comparison with other systems.
const TEXT_BYTES: usize = 256;
/// Latency is measured at this rate …
const LATENCY_PER_SECOND: u64 = 50;
/// … over this many messages.
const LATENCY_MESSAGES: usize = 500;
/// Throughput is measured over this many messages …
const THROUGHPUT_MESSAGES: usize = 20_000;
/// … of which this many wait for their commit at any time.
const THROUGHPUT_WAITING: usize = 256;

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().thread_stack_size(8 << 20).enable_all().build().unwrap();
    runtime.block_on(run());
}

async fn run() {
    let limits = limits::measure(TEXT_BYTES).await;
    println!("bare limits of this machine, in this run ({TEXT_BYTES} B)");
    println!(
        "  gossipsub, anonymous, two nodes     p50 {:>8.2?}  p99 {:>8.2?}  {:>7.0} msg/s",
        limits.gossip.p50, limits.gossip.p99, limits.gossip_rate
    );
    println!("  SQLite, WAL, FULL: one durable row  p50 {:>8.2?}  p99 {:>8.2?}", limits.commit.p50, limits.commit.p99);
    println!("  SQLite, 256 rows a commit                                          {:>7.0} rows/s", limits.rows_rate);
    println!("  MLS decrypt, two members                                           {:>7.0} msg/s", limits.decrypt_rate);

    let (one, other) = (start("One").await, start("Other").await);
    let (alice, bob) = (one.0.handle(), other.0.handle());
    let conversation = meet(&alice, &bob).await;

    let latency = latency(&alice, &bob, conversation).await;
    let bound = 2 * (limits.gossip.p50 + 2 * limits.commit.p50);
    println!(
        "\nT2  send → plaintext in the receiver's event stream, durable on both sides, {LATENCY_PER_SECOND} msg/s"
    );
    println!(
        "    p50 {:.2?}  p99 {:.2?}   (target: p50 ≤ {bound:.2?} = 2 × (gossipsub + two commits), p99 ≤ 30 ms)",
        latency.p50, latency.p99
    );

    let (rate, delivered) = throughput(&alice, &bob, conversation).await;
    let slowest = limits.gossip_rate.min(limits.rows_rate).min(limits.decrypt_rate);
    println!("\nT3  one sender → one receiver, encrypted, durable, exactly once, {THROUGHPUT_MESSAGES} messages");
    println!(
        "    {rate:.0} msg/s, {:.0} % of the slowest limit ({slowest:.0})   (target: ≥ 3,000 and ≥ 60 %)",
        100.0 * rate / slowest
    );
    println!("    {delivered} proved delivered to the sender at the end");
    one.0.shutdown().await;
    other.0.shutdown().await;
}

async fn start(name: &str) -> (Node, tempfile::TempDir) {
    let home = tempfile::tempdir().unwrap();
    let mut config = Config::new(home.path().to_owned());
    config.name = Some(name.to_owned());
    config.listen = vec!["/ip4/127.0.0.1/udp/0/quic-v1".to_owned(), "/ip4/127.0.0.1/tcp/0".to_owned()];
    config.mdns = false;
    config.upnp = false;
    (Node::start(config).await.unwrap(), home)
}

/// Exchanges links, starts the conversation, and waits until both nodes are in it.
async fn meet(alice: &Handle, bob: &Handle) -> ConversationId {
    bob.add_contact(alice.card().await.unwrap().link).await.unwrap();
    let contact = alice.add_contact(bob.card().await.unwrap().link).await.unwrap();
    let conversation = alice.create_conversation(vec![contact.account], None).await.unwrap().id;
    let mut events = bob.events(None);
    send(alice, conversation, "first".to_owned()).await;
    while next_text(&mut events).await != "first" {}
    // Joining is followed by a renewal of keys within ten seconds; it should not fall into what is measured.
    tokio::time::sleep(Duration::from_secs(12)).await;
    conversation
}

async fn send(from: &Handle, conversation: ConversationId, text: String) {
    from.send(NewMessage { conversation, text, reply_to: None, idempotency_key: None }).await.unwrap();
}

async fn next_text(events: &mut Events) -> String {
    loop {
        match events.next().await.unwrap() {
            Notice::Event(_, Event::Message(message)) if !message.mine => return message.text,
            Notice::Lagged(_) => panic_lagged(),
            Notice::Event(..) => {}
        }
    }
}

#[expect(clippy::panic, reason = "a number that leaves messages out would be wrong")]
fn panic_lagged() -> ! {
    panic!("the benchmark's listener fell behind")
}

async fn latency(alice: &Handle, bob: &Handle, conversation: ConversationId) -> limits::Percentiles {
    let mut events = bob.events(None);
    let mut samples = Vec::with_capacity(LATENCY_MESSAGES);
    let mut tick = tokio::time::interval(Duration::from_millis(1_000 / LATENCY_PER_SECOND));
    for number in 0..LATENCY_MESSAGES {
        tick.tick().await;
        let text = format!("{number:>TEXT_BYTES$}");
        let began = Instant::now();
        let (from, body) = (alice.clone(), text.clone());
        let mut sending = JoinSet::new();
        sending.spawn(async move { send(&from, conversation, body).await });
        while next_text(&mut events).await != text {}
        samples.push(began.elapsed());
        while sending.join_next().await.is_some() {}
    }
    limits::Percentiles::of(samples)
}

async fn throughput(alice: &Handle, bob: &Handle, conversation: ConversationId) -> (f64, usize) {
    let mut events = bob.events(None);
    let mut proofs = alice.events(None);
    let began = Instant::now();
    let mut sending = JoinSet::new();
    for worker in 0..THROUGHPUT_WAITING {
        let from = alice.clone();
        sending.spawn(async move {
            for number in (worker..THROUGHPUT_MESSAGES).step_by(THROUGHPUT_WAITING) {
                send(&from, conversation, format!("t{number:>width$}", width = TEXT_BYTES - 1)).await;
            }
        });
    }
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    while seen.len() < THROUGHPUT_MESSAGES {
        let text = next_text(&mut events).await;
        if text.starts_with('t') {
            *seen.entry(text).or_default() += 1;
        }
    }
    let rate = THROUGHPUT_MESSAGES as f64 / began.elapsed().as_secs_f64();
    assert!(seen.values().all(|times| *times == 1), "a message came twice");
    while sending.join_next().await.is_some() {}
    let mut delivered = 0;
    while delivered < THROUGHPUT_MESSAGES {
        let waited = tokio::time::timeout(Duration::from_secs(10), proofs.next()).await;
        match waited {
            Ok(Some(Notice::Event(_, Event::States { states, .. }))) => {
                delivered += states.iter().filter(|(_, state)| *state >= MessageState::Delivered).count();
            }
            Ok(Some(Notice::Lagged(_))) => {
                delivered = THROUGHPUT_MESSAGES - usize::try_from(alice.status().await.unwrap().queued).unwrap();
                break;
            }
            Ok(Some(Notice::Event(..))) => {}
            Ok(None) | Err(_) => break,
        }
    }
    (rate, delivered)
}
