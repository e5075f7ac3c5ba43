//! What a mailbox with 10,000 queues costs: memory and disk, empty and with what others need to add their owners.
//!
//! The queues are written into the database as the mailbox writes them; what is asked comes over the network, one question
//! after the other, from a swarm of the same process.

use std::time::Instant;

use sqlx::{Connection, SqliteConnection};
use tidings_crypto::card::MailboxLink;
use tidings_node::network::{Network, NetworkCommand, NetworkConfig, NetworkEvent};
use tidings_node::wire::request::{DepositVerdict, Request, Response};

use crate::people::{PATIENCE, Person, process};

const QUEUES: u32 = 10_000;
/// A card and a hybrid key package, sealed (PROTOCOL §4.9).
const PREKEYS_BYTES: usize = 5 * 1_024 + 41;
/// A short text, sealed for its reader.
const DEPOSIT_BYTES: usize = 700;
/// So many of the queues are asked, each for what its owner left and to keep one envelope more.
const ASKED: u32 = 2_000;

pub(crate) async fn run() {
    let (bare, _) = process();
    println!(
        "\nMailbox  {QUEUES} queues, each with prekeys of {PREKEYS_BYTES} bytes and one deposit of {DEPOSIT_BYTES}"
    );
    let mut keeper = Person::start_mailbox("Keeper").await;
    let (empty, _) = process();
    println!("    a mailbox that serves nobody: {}", mb(empty.saturating_sub(bare), keeper.home_bytes()));
    keeper.stop().await;
    fill(&keeper).await;
    keeper.start_again().await;
    let (full, _) = process();
    println!("    started with its queues:      {}", mb(full.saturating_sub(bare), keeper.home_bytes()));
    let began = Instant::now();
    ask(&keeper).await;
    let took = began.elapsed();
    let (asked, _) = process();
    println!("    and {ASKED} asked, one deposit more: {}", mb(asked.saturating_sub(bare), keeper.home_bytes()));
    println!(
        "    {:.2} ms for a question and a deposit, one after the other",
        took.as_secs_f64() * 1e3 / f64::from(ASKED)
    );
    let bytes = f64::from(QUEUES) * (PREKEYS_BYTES + DEPOSIT_BYTES) as f64;
    println!("    (bare limit: what lies there is {:.1} MB; target: ≤ 100 MB in all)", bytes / 1e6);
    keeper.stop().await;
}

fn mb(resident: u64, home: u64) -> String {
    let (resident, home) = (resident as f64 / 1e6, home as f64 / 1e6);
    format!("{resident:>6.1} MB of memory, {home:>6.1} MB of disk, {:>6.1} MB in all", resident + home)
}

fn token(number: u32) -> [u8; 32] {
    *blake3::hash(&number.to_be_bytes()).as_bytes()
}

async fn fill(keeper: &Person) {
    let mut connection = SqliteConnection::connect_with(&keeper.database().1).await.unwrap();
    let mut transaction = connection.begin().await.unwrap();
    let now_ms = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis();
    let now_ms = i64::try_from(now_ms).unwrap();
    for number in 0..QUEUES {
        let queue = blake3::derive_key("tidings v1 mailbox queue", &token(number)).to_vec();
        let (prekeys, deposit) = (i64::try_from(PREKEYS_BYTES).unwrap(), i64::try_from(DEPOSIT_BYTES).unwrap());
        sqlx::query(
            "INSERT INTO mailbox_queue
                 (id, owner, opened_at_ms, collected_at_ms, items, bytes, prekeys_bytes, prekeys_at_ms)
             VALUES (?1, randomblob(32), ?2, ?2, 1, ?3, ?4, ?2)",
        )
        .bind(&queue)
        .bind(now_ms)
        .bind(deposit)
        .bind(prekeys)
        .execute(&mut *transaction)
        .await
        .unwrap();
        for (statement, bytes) in [
            ("INSERT INTO mailbox_prekeys (queue, bytes) VALUES (?1, randomblob(?3 + 0 * ?2))", prekeys),
            ("INSERT INTO mailbox_item (queue, stored_at_ms, bytes) VALUES (?1, ?2, randomblob(?3))", deposit),
        ] {
            sqlx::query(statement).bind(&queue).bind(now_ms).bind(bytes).execute(&mut *transaction).await.unwrap();
        }
    }
    transaction.commit().await.unwrap();
    connection.close().await.unwrap();
}

/// Asks for what the owners of queues left, and deposits something there, as somebody would who adds them.
async fn ask(keeper: &Person) {
    let config = NetworkConfig {
        seed: [9; 32].into(),
        listen: vec!["/ip4/127.0.0.1/tcp/0".to_owned()],
        mdns: false,
        upnp: false,
        relay: None,
        local_counts: false,
        chance: [9; 32],
    };
    let mut network = Network::start(config).await.unwrap();
    let link = MailboxLink::parse(&keeper.handle().mailbox_link().await.unwrap()).unwrap();
    for number in 0..ASKED {
        let token = token(number * (QUEUES / ASKED));
        let deposit = Request::Deposit { token, deposits: vec![vec![7; DEPOSIT_BYTES]] };
        for (request, body) in (u64::from(number) * 2..).zip([Request::Prekeys { token }, deposit]) {
            let (key, addresses) = ([8; 32].into(), link.addresses.clone());
            network.perform(NetworkCommand::RequestApart { key, peer: link.peer, addresses, request, body });
            let answered = async {
                loop {
                    if let NetworkEvent::Answered { request: of, outcome, .. } = network.next().await
                        && of == request
                    {
                        return outcome.unwrap();
                    }
                }
            };
            let is_given = match tokio::time::timeout(PATIENCE, answered).await.unwrap() {
                Response::Prekeys { prekeys } => prekeys.is_some_and(|bytes| bytes.len() == PREKEYS_BYTES),
                Response::Deposit { verdicts } => verdicts == [DepositVerdict::Kept],
                _ => false,
            };
            assert!(is_given, "the mailbox refuses");
        }
    }
}
