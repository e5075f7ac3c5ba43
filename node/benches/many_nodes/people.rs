//! Real nodes, who know each other.

use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode};
use tidings_crypto::vault::{DatabaseKey, Unlock, Vault};
use tidings_node::event::{Event, Notice};
use tidings_node::handle::{Events, Handle, MessageKind, NewMessage};
use tidings_node::ids::{AccountId, ConversationId};
use tidings_node::node::{Config, Node};

/// Nothing here takes this long unless it never happens.
pub(crate) const PATIENCE: Duration = Duration::from_mins(10);

/// A node and its home, which outlives it.
pub(crate) struct Person {
    pub(crate) node: Option<Node>,
    pub(crate) home: tempfile::TempDir,
    name: String,
    /// Whether it keeps envelopes for others.
    is_mailbox: bool,
}

impl Person {
    pub(crate) async fn start(name: &str) -> Self {
        Self::start_as(name, false).await
    }

    /// One that keeps envelopes for others.
    pub(crate) async fn start_mailbox(name: &str) -> Self {
        Self::start_as(name, true).await
    }

    async fn start_as(name: &str, is_mailbox: bool) -> Self {
        let home = tempfile::tempdir().unwrap();
        let mut person = Self { node: None, home, name: name.to_owned(), is_mailbox };
        person.start_again().await;
        person
    }

    pub(crate) fn handle(&self) -> Handle {
        self.node.as_ref().unwrap().handle()
    }

    pub(crate) async fn stop(&mut self) {
        self.node.take().unwrap().shutdown().await;
    }

    pub(crate) async fn start_again(&mut self) {
        let config = Config { mailbox: self.is_mailbox, ..config(self.home.path(), &self.name) };
        self.node = Some(Node::start(config).await.unwrap());
    }

    /// The key of the database, and how that is opened.
    pub(crate) fn database(&self) -> (DatabaseKey, SqliteConnectOptions) {
        let read = |name: &str| std::fs::read(self.home.path().join(name)).unwrap();
        let key_file: [u8; 32] = read("vault.key").try_into().unwrap();
        let key = Vault::open(&read("vault"), Unlock::KeyFile(&key_file)).unwrap().database;
        let options = SqliteConnectOptions::new().filename(self.home.path().join("tidings.db"));
        let options = options.pragma("key", format!("\"x'{}'\"", *key.of_file()));
        (key, options.journal_mode(SqliteJournalMode::Wal))
    }

    /// The bytes of everything in the home.
    pub(crate) fn home_bytes(&self) -> u64 {
        let files = std::fs::read_dir(self.home.path()).unwrap();
        files.filter_map(|file| file.ok()?.metadata().ok()).map(|file| file.len()).sum()
    }
}

fn config(home: &Path, name: &str) -> Config {
    let mut config = Config::new(PathBuf::from(home));
    config.name = Some(name.to_owned());
    // The same ports after a restart: they are chosen once and kept.
    config.mdns = false;
    config.upnp = false;
    config
}

/// Everybody adds everybody, and waits until all are connected.
pub(crate) async fn acquaint(people: &[Person]) -> Vec<AccountId> {
    let mut accounts = Vec::new();
    for person in people {
        accounts.push(person.handle().status().await.unwrap().account);
    }
    for one in people {
        let link = one.handle().card().await.unwrap().link;
        for other in people.iter().filter(|other| other.name != one.name) {
            other.handle().add_contact(link.clone()).await.unwrap();
        }
    }
    for person in people {
        connected(&person.handle(), people.len() - 1).await;
    }
    accounts
}

/// Waits until a node is connected to so many.
pub(crate) async fn connected(handle: &Handle, peers: usize) {
    until("everybody is connected", async || handle.status().await.unwrap().peers.len() >= peers).await;
}

/// Waits until something is so.
pub(crate) async fn until(what: &str, is_so: impl AsyncFn() -> bool) {
    let waiting = async {
        while !is_so().await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    assert!(tokio::time::timeout(PATIENCE, waiting).await.is_ok(), "waited too long until {what}");
}

pub(crate) async fn send(from: &Handle, conversation: ConversationId, text: String) {
    from.send(NewMessage { conversation, text, reply_to: None, idempotency_key: None }).await.unwrap();
}

/// The next text of somebody else, and its conversation. A listener that fell behind is no measurement.
pub(crate) async fn next_text(events: &mut Events) -> (ConversationId, String) {
    loop {
        let notice = tokio::time::timeout(PATIENCE, events.next()).await.unwrap().unwrap();
        assert!(!matches!(notice, Notice::Lagged(_)), "the benchmark's listener fell behind");
        if let Notice::Event(_, Event::Message(message)) = notice
            && !message.mine
            && !message.text.is_empty()
        {
            return (message.conversation, message.text);
        }
    }
}

/// How many texts of others a conversation holds.
pub(crate) async fn texts(handle: &Handle, conversation: ConversationId) -> usize {
    let (mut count, mut at) = (0, tidings_node::handle::PageAt::Newest);
    loop {
        let page = handle.messages(conversation, at, tidings_node::handle::PAGE_MESSAGES_MAX).await.unwrap();
        count += page.messages.iter().filter(|message| !message.mine && message.kind == MessageKind::Text).count();
        match page.messages.first() {
            Some(first) if page.more_before => at = tidings_node::handle::PageAt::Before(first.id),
            _ => return count,
        }
    }
}

/// This process: resident memory in bytes, and processor time so far.
pub(crate) fn process() -> (u64, Duration) {
    let page = 4_096;
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let resident = statm.split_whitespace().nth(1).and_then(|pages| pages.parse::<u64>().ok()).unwrap_or(0) * page;
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let ticks: u64 = after_name.split_whitespace().skip(11).take(2).filter_map(|ticks| ticks.parse::<u64>().ok()).sum();
    (resident, Duration::from_millis(ticks * 10))
}

/// Bytes that left by the loopback so far: everything on this machine.
pub(crate) fn loopback_bytes() -> u64 {
    let net = std::fs::read_to_string("/proc/net/dev").unwrap_or_default();
    let line = net.lines().find_map(|line| line.trim().strip_prefix("lo:"));
    line.and_then(|line| line.split_whitespace().nth(8)?.parse().ok()).unwrap_or(0)
}
