//! T5: what a node that was away missed, and what it costs when it missed nothing.

use std::time::{Duration, Instant};

use crate::people::{Person, acquaint, connected, loopback_bytes, send, texts, until};

const MISSED: usize = 1_000;
const CONVERSATIONS: usize = 1_000;

pub(crate) async fn run() {
    let (mut people, group) = three().await;
    // Alice writes while Carol is away; then Carol comes back.
    people[2].stop().await;
    let alice = people[0].handle();
    for number in 0..MISSED {
        send(&alice, group, format!("missed {number}")).await;
    }
    let began = Instant::now();
    people[2].start_again().await;
    let carol = people[2].handle();
    let started = began.elapsed();
    until("all is here", async || texts(&carol, group).await >= MISSED).await;
    let from_author = began.elapsed();
    println!("\nT5  {MISSED} messages that were missed by a node that was away (from the start of the program on)");
    println!("    from their author: {from_author:.2?}, of which {started:.2?} are the start   (target: ≤ 2 s)");

    // Again, but the author is away when Carol comes back: Bob has them.
    people[2].stop().await;
    for number in 0..MISSED {
        send(&alice, group, format!("missed again {number}")).await;
    }
    let bob = people[1].handle();
    until("Bob has all", async || texts(&bob, group).await >= 2 * MISSED).await;
    people[0].stop().await;
    let began = Instant::now();
    people[2].start_again().await;
    let carol = people[2].handle();
    until("all is here", async || texts(&carol, group).await >= 2 * MISSED).await;
    println!("    from another member, by sync: {:.2?}", began.elapsed());
    for mut person in people {
        if person.node.is_some() {
            person.stop().await;
        }
    }
    nothing_new().await;
}

async fn three() -> (Vec<Person>, tidings_node::ids::ConversationId) {
    let mut people = Vec::new();
    for name in ["Alice", "Bob", "Carol"] {
        people.push(Person::start(name).await);
    }
    let accounts = acquaint(&people).await;
    let alice = people[0].handle();
    let group = alice.create_conversation(accounts[1..].to_vec(), Some("Three".to_owned())).await.unwrap().id;
    for person in &people {
        let handle = person.handle();
        until("everybody is in the group", async || handle.conversation(group).await.is_ok()).await;
    }
    tokio::time::sleep(Duration::from_secs(15)).await;
    (people, group)
}

/// Two nodes with a thousand conversations and nothing new meet again.
async fn nothing_new() {
    let mut people = vec![Person::start("Dora").await, Person::start("Emil").await];
    let accounts = acquaint(&people).await;
    let (dora, emil) = (people[0].handle(), people[1].handle());
    for number in 0..CONVERSATIONS {
        dora.create_conversation(vec![accounts[1]], Some(format!("Group {number}"))).await.unwrap();
    }
    until("all conversations are there", async || emil.conversations().await.unwrap().len() >= CONVERSATIONS).await;
    // Until keys were renewed and everything is quiet.
    quiet().await;
    people[1].stop().await;
    let before = loopback_bytes();
    people[1].start_again().await;
    connected(&people[1].handle(), 1).await;
    let began = Instant::now();
    let samples = tokio::spawn(async move {
        let mut samples = Vec::new();
        while began.elapsed() < Duration::from_secs(10) {
            tokio::time::sleep(Duration::from_millis(5)).await;
            samples.push((began.elapsed(), loopback_bytes()));
        }
        samples
    });
    quiet().await;
    let bytes = loopback_bytes() - before;
    let most = samples.await.unwrap().into_iter().find(|(_, so_far)| *so_far - before >= bytes / 10 * 9);
    println!(
        "    {CONVERSATIONS} conversations with nothing new: {} KiB in both directions, connecting, greeting and",
        bytes / 1024
    );
    println!("    subscribing included   (target for the sync itself: ≤ 64 KiB; its request has 24 B a conversation)");
    if let Some((after, _)) = most {
        println!("    nine tenths of it within {after:.0?} of the connection   (target for the sync itself: ≤ 200 ms)");
    }
    for mut person in people {
        person.stop().await;
    }
}

/// Waits until the loopback carries next to nothing.
async fn quiet() {
    let mut calm = 0;
    while calm < 4 {
        let before = loopback_bytes();
        tokio::time::sleep(Duration::from_secs(3)).await;
        calm = if loopback_bytes() - before < 20_000 { calm + 1 } else { 0 };
    }
}
