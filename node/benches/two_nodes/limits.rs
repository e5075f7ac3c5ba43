//! The bare limits: gossipsub alone, SQLite alone, MLS alone.

use std::time::{Duration, Instant};

use futures::StreamExt;
use libp2p::gossipsub::{self, IdentTopic, MessageAuthenticity, ValidationMode};
use libp2p::swarm::SwarmEvent;
use libp2p::{Multiaddr, Swarm, SwarmBuilder};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{Connection, SqliteConnection};
use tidings_crypto::envelope::WelcomeContent;
use tidings_crypto::group::{Change, Group, GroupId, KeyPackage, Moment, Policy, Suite};
use tidings_crypto::identity::LocalNode;

/// Half of the samples, and 99 in 100, are at most this.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Percentiles {
    pub(crate) p50: Duration,
    pub(crate) p99: Duration,
}

impl Percentiles {
    pub(crate) fn of(mut samples: Vec<Duration>) -> Self {
        samples.sort_unstable();
        let at = |share: usize| samples.get(samples.len() * share / 100).copied().unwrap_or_default();
        Self { p50: at(50), p99: at(99) }
    }
}

/// What this machine does without us.
#[derive(Debug)]
pub(crate) struct Limits {
    pub(crate) gossip: Percentiles,
    pub(crate) gossip_rate: f64,
    pub(crate) commit: Percentiles,
    pub(crate) rows_rate: f64,
    pub(crate) decrypt_rate: f64,
}

pub(crate) async fn measure(bytes: usize) -> Limits {
    let (gossip, gossip_rate) = gossip(bytes).await;
    let (commit, rows_rate) = sqlite(bytes).await;
    Limits { gossip, gossip_rate, commit, rows_rate, decrypt_rate: decrypt(bytes) }
}

fn bare_swarm() -> Swarm<gossipsub::Behaviour> {
    let config = gossipsub::ConfigBuilder::default()
        .validation_mode(ValidationMode::Anonymous)
        .message_id_fn(|message| gossipsub::MessageId::new(blake3::hash(&message.data).as_bytes()))
        .build()
        .unwrap();
    SwarmBuilder::with_new_identity()
        .with_tokio()
        .with_quic()
        .with_behaviour(|_| gossipsub::Behaviour::new(MessageAuthenticity::Anonymous, config).unwrap())
        .unwrap()
        .build()
}

async fn gossip(bytes: usize) -> (Percentiles, f64) {
    const LATENCY_MESSAGES: u64 = 300;
    const BURST_MESSAGES: u64 = 20_000;
    let topic = IdentTopic::new("bare");
    let (mut one, mut other) = (bare_swarm(), bare_swarm());
    one.behaviour_mut().subscribe(&topic).unwrap();
    other.behaviour_mut().subscribe(&topic).unwrap();
    other.listen_on("/ip4/127.0.0.1/udp/0/quic-v1".parse::<Multiaddr>().unwrap()).unwrap();
    let address = loop {
        if let SwarmEvent::NewListenAddr { address, .. } = other.select_next_some().await {
            break address;
        }
    };
    one.dial(address).unwrap();
    let message = |number: u64| {
        let mut data = vec![0; bytes];
        data.iter_mut().zip(number.to_be_bytes()).for_each(|(to, from)| *to = from);
        data
    };
    // Until the mesh stands.
    let deadline = Instant::now() + Duration::from_secs(3);
    while Instant::now() < deadline {
        tokio::select! { _ = one.select_next_some() => {}, _ = other.select_next_some() => {},
        () = tokio::time::sleep(Duration::from_millis(50)) => {} }
    }
    let mut samples = Vec::new();
    for number in 0..LATENCY_MESSAGES {
        let pause = Instant::now() + Duration::from_millis(20);
        let began = Instant::now();
        one.behaviour_mut().publish(topic.clone(), message(number)).unwrap();
        loop {
            tokio::select! {
                _ = one.select_next_some() => {}
                event = other.select_next_some() => {
                    if matches!(event, SwarmEvent::Behaviour(gossipsub::Event::Message { .. })) { break; }
                }
            }
        }
        samples.push(began.elapsed());
        while Instant::now() < pause {
            tokio::select! { _ = one.select_next_some() => {}, _ = other.select_next_some() => {},
            () = tokio::time::sleep(Duration::from_millis(1)) => {} }
        }
    }
    let began = Instant::now();
    let receiving = async {
        let mut received = 0;
        while received < BURST_MESSAGES * 95 / 100 {
            if let SwarmEvent::Behaviour(gossipsub::Event::Message { .. }) = other.select_next_some().await {
                received += 1;
            }
        }
        received as f64 / began.elapsed().as_secs_f64()
    };
    let sending = async {
        let mut number = 1 << 32;
        let last = number + BURST_MESSAGES * 2;
        loop {
            // What a full queue refuses is tried again: the limit is what gets through.
            if number < last && one.behaviour_mut().publish(topic.clone(), message(number)).is_ok() {
                number += 1;
            }
            tokio::select! { biased; _ = one.select_next_some() => {}, () = tokio::task::yield_now() => {} }
        }
    };
    let rate = tokio::select! { rate = receiving => rate, () = sending => 0.0 };
    (Percentiles::of(samples), rate)
}

async fn sqlite(bytes: usize) -> (Percentiles, f64) {
    const COMMITS: usize = 500;
    const GROUPED_ROWS: usize = 256 * 60;
    let home = tempfile::tempdir().unwrap();
    let options = SqliteConnectOptions::new()
        .filename(home.path().join("bare.db"))
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full);
    let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
    let table = "CREATE TABLE bare (id INTEGER PRIMARY KEY, bytes BLOB NOT NULL) STRICT";
    sqlx::query(table).execute(&mut connection).await.unwrap();
    let insert = "INSERT INTO bare (bytes) VALUES (?1)";
    let mut samples = Vec::new();
    for _ in 0..COMMITS {
        let began = Instant::now();
        sqlx::query(insert).bind(vec![7_u8; bytes]).execute(&mut connection).await.unwrap();
        samples.push(began.elapsed());
    }
    let began = Instant::now();
    for _ in 0..GROUPED_ROWS / 256 {
        let mut transaction = connection.begin().await.unwrap();
        for _ in 0..256 {
            sqlx::query(insert).bind(vec![7_u8; bytes]).execute(&mut *transaction).await.unwrap();
        }
        transaction.commit().await.unwrap();
    }
    (Percentiles::of(samples), GROUPED_ROWS as f64 / began.elapsed().as_secs_f64())
}

fn decrypt(bytes: usize) -> f64 {
    const MESSAGES: usize = 1_000;
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    let (alice, bob) = (LocalNode::generate(0, u64::MAX, &mut rng), LocalNode::generate(0, u64::MAX, &mut rng));
    let (package, secret) = KeyPackage::generate(&bob, Suite::Classic, true, &mut rng).unwrap();
    let mut sender = Group::create(&alice, GroupId([1; 16]), &Policy::direct(), Suite::Classic, &mut rng).unwrap();
    let change = Change { add: vec![&package.bytes], ..Change::default() };
    let added = sender.change(&alice, change, Moment { now_ms: 1, place: 1 }, &mut rng).unwrap();
    let welcome = WelcomeContent {
        group: [1; 16],
        epoch: added.epoch,
        welcome: added.welcome.unwrap().of(&bob.node_id()).unwrap(),
        apart: None,
        inviter_card: Vec::new(),
        above: Vec::new(),
    };
    let mut receiver = Group::join(&bob, &welcome, |_| Some(secret.clone()), 1).unwrap().group;
    let sealed: Vec<_> = (0..MESSAGES).map(|_| sender.encrypt(&alice, &vec![7; bytes], &mut rng).unwrap()).collect();
    let began = Instant::now();
    for content in &sealed {
        std::hint::black_box(receiver.receive(content, 0));
    }
    MESSAGES as f64 / began.elapsed().as_secs_f64()
}
