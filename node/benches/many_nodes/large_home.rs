//! T8: from the start of a node to what a page needs first, with a million stored messages.
//!
//! The messages are copies of received ones in five conversations, with ids, places and times of their own: what the start
//! and the page read does not depend on how they came.

use std::path::PathBuf;
use std::time::Instant;

use sqlx::{Connection, SqliteConnection};
use tidings_node::handle::PageAt;

use crate::people::{Person, acquaint, send, texts, until};

const MESSAGES: i64 = 1_000_000;
const CONVERSATIONS: usize = 5;
const RUNS: usize = 5;

pub(crate) async fn run() {
    let mut people = vec![Person::start("Writer").await, Person::start("Reader").await];
    let accounts = acquaint(&people).await;
    let (writer, reader) = (people[0].handle(), people[1].handle());
    for number in 0..CONVERSATIONS {
        let with = vec![accounts[1]];
        let conversation = writer.create_conversation(with, Some(format!("Long {number}"))).await.unwrap().id;
        send(&writer, conversation, format!("{:<256}", "a message as long as they are on average")).await;
        until("it is there", async || {
            reader.conversation(conversation).await.is_ok() && texts(&reader, conversation).await == 1
        })
        .await;
    }
    for person in &mut people {
        person.stop().await;
    }
    copy(&people[1]).await;
    let mut samples = Vec::new();
    for _ in 0..RUNS {
        let began = Instant::now();
        people[1].start_again().await;
        let reader = people[1].handle();
        let started = began.elapsed();
        let list = reader.conversations().await.unwrap();
        let page = reader.messages(list[0].id, PageAt::Newest, 50).await.unwrap();
        assert_eq!((list.len(), page.messages.len()), (CONVERSATIONS, 50));
        samples.push((began.elapsed(), started));
        people[1].stop().await;
    }
    samples.sort_unstable();
    let (usable, started) = samples[RUNS / 2];
    println!(
        "\nT8  start with {MESSAGES} stored messages ({:.0} MB), median of {RUNS}",
        people[1].home_bytes() as f64 / 1e6
    );
    println!("    {started:.1?} until the node runs, {usable:.1?} until the list and the last 50 messages are read");
    println!("    (target: ≤ 300 ms to a usable page; the page itself is in the program)");
    look_through(&people[1]).await;
}

/// What a start after a crash takes longer.
async fn look_through(person: &Person) {
    let began = Instant::now();
    let bytes = std::fs::read(database(person)).unwrap().len();
    let read = began.elapsed();
    let began = Instant::now();
    tidings_node::store::Store::look_at(&database(person), &person.database().0, true).await.unwrap();
    let looked = began.elapsed();
    println!(
        "    after a crash every page is looked at first: {looked:.1?} more; reading the {bytes} bytes takes {read:.1?}"
    );
}

fn database(person: &Person) -> PathBuf {
    let files = std::fs::read_dir(person.home.path()).unwrap().filter_map(Result::ok).map(|file| file.path());
    files.into_iter().find(|path| path.extension().is_some_and(|name| name == "db")).unwrap()
}

async fn copy(person: &Person) {
    let mut connection = SqliteConnection::connect_with(&person.database().1).await.unwrap();
    let columns: Vec<String> =
        sqlx::query_scalar("SELECT name FROM pragma_table_info('message')").fetch_all(&mut connection).await.unwrap();
    let values = columns.iter().map(|column| match column.as_str() {
        "id" | "envelope" => "randomblob(length(message.\"$\"))".replace('$', column),
        "place" | "sent_at_ms" | "received_at_ms" => format!("message.{column} - 1000 * n"),
        "sequence" => "1000000 + n".to_owned(),
        "seen" => "1".to_owned(),
        "idempotency_key" => "NULL".to_owned(),
        _ => format!("message.{column}"),
    });
    let (into, values) = (columns.join(", "), values.collect::<Vec<_>>().join(", "));
    let copies = MESSAGES / i64::try_from(CONVERSATIONS).unwrap();
    let insert = format!(
        "WITH RECURSIVE number (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < {copies})
         INSERT INTO message ({into}) SELECT {values} FROM number, message
         WHERE message.mine = 0 AND message.kind = 0 AND message.text <> ''"
    );
    sqlx::query(sqlx::AssertSqlSafe(insert)).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}
