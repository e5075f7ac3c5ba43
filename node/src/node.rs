//! `Node::start`: opens the home, runs the loop, and stops cleanly.

mod machine;
mod work;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::SystemTime;

use rand_chacha::ChaCha20Rng;
use rand_core::{Rng, SeedableRng};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use zeroize::Zeroizing;

pub(crate) use self::machine::examine_machine;
use self::work::Work;
use crate::backup::clear_away;
use crate::engine::Engine;
use crate::event_log::EventLog;
use crate::handle::Handle;
use crate::home::Home;
use crate::network::{Network, NetworkConfig, NetworkError, RelayLimits};
use crate::store::{Store, StoreError};

/// How a node is started. Every field is the person's choice; defaults are in [`Config::new`].
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each choice is yes or no for itself")]
pub struct Config {
    /// The data directory; made with mode 0700 where it is missing.
    pub home: PathBuf,
    /// The name on the card at the first run.
    pub name: Option<String>,
    /// Multiaddrs to listen at; empty for TCP and QUIC on every address, on a port chosen once and kept.
    pub listen: Vec<String>,
    /// Whether to look for contacts on the local network.
    pub mdns: bool,
    /// Whether to ask the router to lead a port here.
    pub upnp: bool,
    /// Whether to be a circuit relay for the people this node knows.
    pub relay: bool,
    /// Whether to keep envelopes for others while they are away.
    pub mailbox: bool,
    /// The name server that is asked for domains' keys; without one those of this machine.
    pub name_server: Option<SocketAddr>,
    /// Opens the vault; without one a key file of mode 0600 does.
    pub passphrase: Option<Zeroizing<String>>,
}

impl Config {
    /// The defaults for a home.
    pub fn new(home: PathBuf) -> Self {
        Self {
            home,
            name: None,
            listen: Vec::new(),
            mdns: true,
            upnp: true,
            relay: false,
            mailbox: false,
            name_server: None,
            passphrase: None,
        }
    }
}

/// Why a node did not start. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Another node holds this home.
    #[error("another node is already running on {home}")]
    HomeInUse {
        /// The home.
        home: PathBuf,
    },
    /// The first run needs a name.
    #[error("this is the first run: choose the name that others will see with --name")]
    NameMissing,
    /// The name cannot be used.
    #[error("a name has 1 to 128 bytes and no line breaks or control characters")]
    BadName,
    /// The vault wants a passphrase and got none.
    #[error("this home is protected by a passphrase: give it with --passphrase-file")]
    PassphraseMissing,
    /// The passphrase is wrong.
    #[error("the passphrase is wrong")]
    PassphraseWrong,
    /// The key file is missing or is not this vault's.
    #[error("the key file {file} is missing or does not belong to this home: {reason}")]
    KeyFile {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The vault file cannot be read.
    #[error("the vault {file} is damaged: {reason}")]
    VaultDamaged {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The database was written by a newer version.
    #[error(
        "the database {file} was written by a newer version of tidings (schema {found}; this one knows {known}): install that version, nothing was changed"
    )]
    DatabaseNewer {
        /// The file.
        file: PathBuf,
        /// Its schema.
        found: i64,
        /// The newest schema known here.
        known: i64,
    },
    /// The database is damaged.
    #[error(
        "the database {file} is damaged ({found}): nothing was changed. Keep a copy of the file and put back a backup; without one, `sqlite3 {file} .recover` may save what can still be read"
    )]
    DatabaseDamaged {
        /// The file.
        file: PathBuf,
        /// What was found first.
        found: String,
    },
    /// The disk is full.
    #[error("the disk is full, and the database {file} cannot be opened: make room and start again; nothing was lost")]
    DiskFull {
        /// The file.
        file: PathBuf,
    },
    /// The database cannot be opened.
    #[error("the database {file} cannot be opened: {reason}")]
    Database {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// An address cannot be listened at.
    #[error("cannot listen at {address}: {reason}")]
    Listen {
        /// The multiaddr.
        address: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The home cannot be read or written.
    #[error("{path}: {reason}")]
    Home {
        /// The path.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
}

/// A running node.
#[derive(Debug)]
pub struct Node {
    handle: Handle,
    /// Dropping it asks the loop to stop.
    stop: Option<oneshot::Sender<()>>,
    tasks: JoinSet<Option<String>>,
    home: Home,
}

impl Node {
    /// Opens the home (making it at the first run), starts the swarm and the loop.
    pub async fn start(config: Config) -> Result<Self, StartError> {
        let mut rng = fresh_rng();
        let home = Home::open(&config.home)?;
        clear_away(&config.home);
        let secrets = home.secrets(&config, now_ms(), &mut rng)?;
        let file = home.database();
        let explain = |error: StoreError| match error {
            StoreError::Newer { found, known } => StartError::DatabaseNewer { file: file.clone(), found, known },
            StoreError::Corrupt { found } => StartError::DatabaseDamaged { file: file.clone(), found },
            StoreError::DiskFull => StartError::DiskFull { file: file.clone() },
            other => StartError::Database { file: file.clone(), reason: other.to_string() },
        };
        let seed = secrets.node.keys.peer_seed();
        let account = secrets.node.account.public();
        home.make_database_private()?;
        Store::look_at(&file, &secrets.database, !home.ended_cleanly()).await.map_err(explain)?;
        home.begin()?;
        let mut store = Store::open(&file, secrets.database).await.map_err(explain)?;
        // A first run may have made the home and then failed to listen: the name is still wanted then.
        if config.name.is_none() && store.reader().setting("name").await.map_err(explain)?.is_none() {
            return Err(StartError::NameMissing);
        }
        let network = match Box::pin(start_network(&config, seed, &mut store, &mut rng)).await {
            Ok(network) => network,
            Err(error) => {
                // Nothing ran: what was whole is whole.
                store.close().await;
                home.end();
                return Err(error);
            }
        };
        let name = config.name.as_deref().unwrap_or_default();
        let engine = Engine::open(store, secrets.node, name, now_ms(), &mut rng).await.map_err(explain)?;

        let events = EventLog::new(rng.next_u64());
        let (asks, asked) = mpsc::channel(ASKS_MAX);
        let reader = engine.0.reader();
        let (stop, stopped) = oneshot::channel();
        let (work, now) =
            Work::new(engine, network, asked, events.clone(), (config.passphrase.is_some(), config.home.clone()), rng);
        let work = work.serving(config.mailbox);
        let mut tasks = JoinSet::new();
        let announcer = work.announcer(reader.clone());
        tasks.spawn(work.run(stopped));
        tasks.spawn(announcer.run());
        let handle = Handle::new(asks, reader, events, now, now_ms, account).asking(config.name_server);
        Ok(Self { handle, stop: Some(stop), tasks, home })
    }

    /// What commands and queries go through.
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// Resolves when the node has stopped by itself, with the reason (a store that cannot commit stops the node).
    pub async fn stopped(&mut self) -> String {
        while let Some(ended) = self.tasks.join_next().await {
            match ended {
                Ok(Some(reason)) => return reason,
                Ok(None) => {}
                Err(error) => return format!("a task of the node failed: {error}"),
            }
        }
        "the node was stopped".to_owned()
    }

    /// Stops cleanly: what is in flight is committed, connections are closed.
    pub async fn shutdown(mut self) {
        drop(self.stop.take());
        let mut is_clean = true;
        while let Some(ended) = self.tasks.join_next().await {
            is_clean &= matches!(ended, Ok(None));
        }
        if is_clean {
            self.home.end();
        }
    }
}

/// So many commands wait for the loop; further callers wait for a place.
const ASKS_MAX: usize = 1_024;

/// Listens where the person says, or on every address at a port that is chosen once and kept.
async fn start_network(
    config: &Config,
    seed: Zeroizing<[u8; 32]>,
    store: &mut Store,
    rng: &mut ChaCha20Rng,
) -> Result<Network, StartError> {
    const TRIES_MAX: u32 = 8;
    let explain = |error: NetworkError| StartError::Listen { address: error.address, reason: error.reason };
    let mut settings = NetworkConfig {
        seed,
        listen: config.listen.clone(),
        mdns: config.mdns,
        upnp: config.upnp,
        relay: config.relay.then(RelayLimits::default),
        local_counts: false,
        chance: [0; 32],
    };
    rng.fill_bytes(&mut settings.chance);
    if !settings.listen.is_empty() {
        return Network::start(settings).await.map_err(explain);
    }
    let failed = |error: StoreError| StartError::Database { file: PathBuf::new(), reason: error.to_string() };
    let kept = store.reader().setting("port").await.map_err(failed)?;
    let kept = kept.and_then(|bytes| bytes.try_into().ok()).map(u16::from_be_bytes);
    let mut port = kept.unwrap_or_else(|| any_port(rng));
    let mut tries = 1;
    loop {
        settings.listen = everywhere(port);
        match Network::start(settings.clone()).await {
            Ok(network) if kept == Some(port) => return Ok(network),
            Ok(network) => {
                let mut tx = store.begin().await.map_err(failed)?;
                tx.set_setting("port", &port.to_be_bytes()).await.map_err(failed)?;
                tx.commit().await.map_err(failed)?;
                return Ok(network);
            }
            Err(error) if tries >= TRIES_MAX => return Err(explain(error)),
            Err(_) => {
                tries += 1;
                port = any_port(rng);
            }
        }
    }
}

/// Below the range that systems hand out by themselves, so that the port is likely to be free next time too.
fn any_port(rng: &mut ChaCha20Rng) -> u16 {
    const FIRST: u16 = 20_000;
    const COUNT: u32 = 12_000;
    FIRST + u16::try_from(rng.next_u32() % COUNT).unwrap_or_default()
}

/// QUIC and TCP on every address of this machine.
fn everywhere(port: u16) -> Vec<String> {
    let mut addresses = vec![format!("/ip4/0.0.0.0/udp/{port}/quic-v1"), format!("/ip4/0.0.0.0/tcp/{port}")];
    if std::net::UdpSocket::bind("[::1]:0").is_ok() {
        addresses.extend([format!("/ip6/::/udp/{port}/quic-v1"), format!("/ip6/::/tcp/{port}")]);
    }
    addresses
}

/// The only place where the node reads the clock.
#[expect(clippy::disallowed_methods, reason = "the loop is where time comes in")]
pub(crate) fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// What something came to, and how many microseconds it took.
#[expect(clippy::disallowed_methods, reason = "how fast the disk is, is told to people and decides nothing")]
fn elapsed_us<T>(work: impl FnOnce() -> T) -> (T, u64) {
    let begun = std::time::Instant::now();
    let done = work();
    (done, u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX))
}

/// The only place where the node asks the system for randomness.
#[expect(clippy::disallowed_methods, clippy::panic, reason = "a node without randomness must not run")]
pub(crate) fn fresh_rng() -> ChaCha20Rng {
    let mut seed = Zeroizing::new([0; 32]);
    if let Err(error) = getrandom::fill(seed.as_mut_slice()) {
        panic!("the operating system gives no randomness: {error}");
    }
    ChaCha20Rng::from_seed(*seed)
}
