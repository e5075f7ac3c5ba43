//! T12: five thousand conversations between three nodes, and all deliver.

use std::collections::BTreeSet;
use std::time::Instant;

use crate::people::{Person, acquaint, process, send, until};

const CONVERSATIONS: usize = 5_000;

pub(crate) async fn run() {
    let mut people = Vec::new();
    for name in ["Ada", "Bea", "Cid"] {
        people.push(Person::start(name).await);
    }
    let accounts = acquaint(&people).await;
    let began = Instant::now();
    let ada = people[0].handle();
    let mut all = Vec::new();
    for number in 0..CONVERSATIONS {
        // With one, with the other, with both.
        let with = match number % 3 {
            0 => vec![accounts[1]],
            1 => vec![accounts[2]],
            _ => vec![accounts[1], accounts[2]],
        };
        all.push((with.len(), ada.create_conversation(with, Some(format!("G{number}"))).await.unwrap().id));
    }
    println!("\nT12 {CONVERSATIONS} conversations between three nodes");
    println!("    founded after {:.1?}", began.elapsed());
    for (person, share) in people[1..].iter().zip([0, 1]) {
        let expected = (0..CONVERSATIONS).filter(|number| number % 3 == share || number % 3 == 2).count();
        let handle = person.handle();
        until("all are there", async || handle.conversations().await.unwrap().len() >= expected).await;
    }
    println!("    all joined after {:.1?}", began.elapsed());
    let began = Instant::now();
    for (_, conversation) in &all {
        send(&ada, *conversation, "hello".to_owned()).await;
    }
    println!("    a text sent in each after {:.1?}", began.elapsed());
    let mut missing = 0;
    for person in &people[1..] {
        let handle = person.handle();
        let mine: BTreeSet<_> = handle.conversations().await.unwrap().into_iter().map(|one| one.id).collect();
        until("all have their text", async || {
            let all = handle.conversations().await.unwrap();
            all.iter().all(|one| one.last_message.as_ref().is_some_and(|last| last.text == "hello"))
        })
        .await;
        missing += all.iter().filter(|(members, id)| *members == 2 && !mine.contains(id)).count();
    }
    until("all is acknowledged", async || ada.status().await.unwrap().queued == 0).await;
    let (resident, _) = process();
    println!(
        "    all delivered and acknowledged after {:.1?}; {missing} missing   (target: all deliver)",
        began.elapsed()
    );
    println!(
        "    {:.0} MB resident for the three nodes; {:.1} MB in the home of the one that is in all",
        resident as f64 / 1e6,
        people[0].home_bytes() as f64 / 1e6
    );
    for mut person in people {
        person.stop().await;
    }
}
