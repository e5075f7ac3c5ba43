//! T4: ten nodes in one group; everybody writes, everybody reads everything.

use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use crate::people::{Person, acquaint, next_text, send, texts, until};

const NODES: usize = 10;
const MESSAGES_OF_ONE: usize = 200;
/// So many of one node's messages wait for their commit at any time.
const WAITING: usize = 16;
const TEXT_BYTES: usize = 256;

pub(crate) async fn run() {
    let mut people = Vec::new();
    for number in 0..NODES {
        people.push(Person::start(&format!("N{number}")).await);
    }
    let accounts = acquaint(&people).await;
    let first = people[0].handle();
    let group = first.create_conversation(accounts[1..].to_vec(), Some("Ten".to_owned())).await.unwrap().id;
    for person in &people {
        let handle = person.handle();
        until("everybody is in the group", async || handle.conversation(group).await.is_ok()).await;
    }
    // Joining is followed by renewals of keys.
    tokio::time::sleep(Duration::from_secs(40)).await;
    let began = Instant::now();
    let (mut reading, mut sending) = (JoinSet::new(), JoinSet::new());
    for person in &people {
        let mut events = person.handle().events(None);
        reading.spawn(async move {
            let mut heard = std::collections::BTreeSet::new();
            let mut twice = 0;
            while heard.len() < (NODES - 1) * MESSAGES_OF_ONE {
                let (_, text) = next_text(&mut events).await;
                if text.starts_with('f') && !heard.insert(text) {
                    twice += 1;
                }
            }
            (Instant::now(), twice)
        });
    }
    for (place, person) in people.iter().enumerate() {
        for worker in 0..WAITING {
            let from = person.handle();
            sending.spawn(async move {
                for number in (worker..MESSAGES_OF_ONE).step_by(WAITING) {
                    send(&from, group, format!("f{:>width$}", place * 10_000 + number, width = TEXT_BYTES - 1)).await;
                }
            });
        }
    }
    while sending.join_next().await.is_some() {}
    let sent = began.elapsed();
    let (mut last, mut twice) = (began, 0);
    while let Some(read) = reading.join_next().await {
        let (at, again) = read.unwrap();
        (last, twice) = (last.max(at), twice + again);
    }
    let deliveries = NODES * (NODES - 1) * MESSAGES_OF_ONE;
    let mut gone = 0;
    for person in &people {
        gone += (NODES - 1) * MESSAGES_OF_ONE - texts(&person.handle(), group).await.min((NODES - 1) * MESSAGES_OF_ONE);
    }
    let rate = deliveries as f64 / last.duration_since(began).as_secs_f64();
    println!("\nT4  {NODES} nodes in one process, one group, each sends {MESSAGES_OF_ONE} texts of {TEXT_BYTES} B");
    println!("    {rate:.0} deliveries/s, {gone} lost, {twice} twice; all accepted after {sent:.1?}");
    println!(
        "    (target: ≥ 2,000 with 0 lost; bare gossipsub alone, ten nodes in one process: 800 msg/s sent lose half)"
    );
    for mut person in people {
        person.stop().await;
    }
}
