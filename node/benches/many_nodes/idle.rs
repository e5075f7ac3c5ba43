//! T9: a node with a hundred conversations and ten connected peers, when nothing happens.

use std::time::Duration;

use crate::people::{Person, acquaint, connected, loopback_bytes, process, until};

const PEERS: usize = 10;
const CONVERSATIONS: usize = 100;
const WATCHED: Duration = Duration::from_mins(2);

pub(crate) async fn run() {
    let (empty, _) = process();
    let mut people = Vec::new();
    for number in 0..=PEERS {
        people.push(Person::start(&format!("I{number}")).await);
    }
    let accounts = acquaint(&people).await;
    let first = people[0].handle();
    for number in 0..CONVERSATIONS {
        let with = accounts[1 + number % PEERS];
        first.create_conversation(vec![with], Some(format!("Group {number}"))).await.unwrap();
    }
    for person in &people[1..] {
        let handle = person.handle();
        until("all are there", async || handle.conversations().await.unwrap().len() >= CONVERSATIONS / PEERS).await;
    }
    connected(&first, PEERS).await;
    tokio::time::sleep(Duration::from_mins(1)).await;
    let ((_, cpu), bytes) = (process(), loopback_bytes());
    tokio::time::sleep(WATCHED).await;
    let ((resident, cpu_after), bytes_after) = (process(), loopback_bytes());
    let nodes = (PEERS + 1) as f64;
    // Each connection has two ends in this process; the one node has all the connections, the others two thirds of one.
    let cpu = cpu_after.saturating_sub(cpu).as_secs_f64() / WATCHED.as_secs_f64() * 100.0;
    let rate = (bytes_after - bytes) as f64 / WATCHED.as_secs_f64() / 1024.0;
    println!("\nT9  a node with {CONVERSATIONS} conversations and {PEERS} connected peers, idle for {WATCHED:?}");
    println!(
        "    all {nodes} nodes in one process, each connected to all: {:.1} MB in all above the empty process's {:.1},",
        (resident - empty) as f64 / 1e6,
        empty as f64 / 1e6
    );
    println!(
        "    {:.1} MB, {:.3} % of a core and {:.2} KB/s a node   (target: ≤ 60 MB, ≤ 0.5 %, ≤ 0.5 KB/s)",
        (resident - empty) as f64 / 1e6 / nodes,
        cpu / nodes,
        rate / nodes
    );
    for mut person in people {
        person.stop().await;
    }
}
