//! `Node::start`: opens the home, runs the loop, and stops cleanly.

use std::path::PathBuf;

use crate::handle::Handle;
use zeroize::Zeroizing;

/// How a node is started. Every field is the person's choice; defaults are in [`Config::new`].
#[derive(Debug)]
pub struct Config {
    /// The data directory; made with mode 0700 where it is missing.
    pub home: PathBuf,
    /// The name on the card at the first run.
    pub name: Option<String>,
    /// Multiaddrs to listen at; empty for TCP and QUIC on every address, on a port chosen once and kept.
    pub listen: Vec<String>,
    /// Whether to look for contacts on the local network.
    pub mdns: bool,
    /// Opens the vault; without one a key file of mode 0600 does.
    pub passphrase: Option<Zeroizing<String>>,
}

impl Config {
    /// The defaults for a home.
    pub fn new(home: PathBuf) -> Self {
        Self { home, name: None, listen: Vec::new(), mdns: true, passphrase: None }
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
pub struct Node {}

impl Node {
    /// Opens the home (making it at the first run), starts the swarm and the loop.
    pub async fn start(config: Config) -> Result<Self, StartError> {
        let _ = config;
        todo!()
    }
    /// What commands and queries go through.
    pub fn handle(&self) -> Handle {
        todo!()
    }
    /// Resolves when the node has stopped by itself, with the reason (a store that cannot commit stops the node).
    pub async fn stopped(&mut self) -> String {
        todo!()
    }
    /// Stops cleanly: what is in flight is committed, connections are closed.
    pub async fn shutdown(self) {
        todo!()
    }
}
