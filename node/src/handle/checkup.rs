//! How a node stands: what it knows of how it is reached, of those it talks to, and of the machine it runs on.

use crate::ids::{Address, PeerKey};

/// What the engine found out about the others.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Checkup {
    /// Whether another copy of this node has taken its place.
    pub copied: bool,
    /// So many answers are still to come.
    pub waiting: usize,
    /// How far the clocks of connected peers are ahead of ours, in milliseconds.
    pub offsets_ms: Vec<i64>,
    /// The relays at which this node has a place: which, its name, and whether this node reached itself through it.
    pub relays: Vec<(PeerKey, String, bool)>,
    /// Who is owed messages, the longest first.
    pub owed: Vec<Owed>,
}

/// Somebody's node that is owed messages of mine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owed {
    /// The node.
    pub peer: PeerKey,
    /// Whose it is, as known here; empty if that is nobody known.
    pub name: String,
    /// How many messages.
    pub messages: u64,
    /// Since when the oldest waits.
    pub since_ms: u64,
    /// Whether it is connected.
    pub online: bool,
    /// At how many addresses it may be.
    pub addresses: usize,
    /// How many mailboxes it has.
    pub mailboxes: usize,
}

/// How this node is reached.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reach {
    /// What is between this node and the others.
    pub nat: Nat,
    /// Its addresses, as text, and what is known of each.
    pub addresses: Vec<(String, AddressStanding)>,
    /// Whether the router was asked to lead a port here, and what it said.
    pub router: Router,
    /// Whether this node is a relay itself.
    pub is_relay: bool,
    /// The relays at which it has a place, and where it is reached by each.
    pub places: Vec<(PeerKey, Vec<Address>)>,
    /// Known nodes that could not be reached the last time: which, where, and why.
    pub failed: Vec<(PeerKey, Vec<(String, String)>)>,
}

/// What is between this node and the others (RFC 4787 §4.1).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Nat {
    /// Nobody has said yet where they see this node.
    #[default]
    Unknown,
    /// A peer reached it at an address of its own when it was asked to.
    Open,
    /// The router leads a port here.
    Mapped,
    /// A router translates, to the same port for all: holes can be punched.
    EndpointIndependent,
    /// A router translates, to another port for each ("symmetric"): only a relay helps.
    EndpointDependent,
}

/// What is known of one own address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AddressStanding {
    /// A peer, or the router, says that it leads here.
    Proved,
    /// A peer could not reach this node there.
    Refuted,
    /// It leads here through a relay.
    Relayed,
    /// Nobody has tried.
    Untested,
}

/// What the router said.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Router {
    /// It is not asked (`--no-upnp`).
    Off,
    /// It has not answered.
    #[default]
    Silent,
    /// There is none that leads ports.
    None,
    /// It has no public address itself.
    NotPublic,
    /// It leads a port here.
    Leads,
}

/// The machine and the database.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Machine {
    /// Bytes that are free where the home is, if the system says.
    pub free_bytes: Option<u64>,
    /// How long it took to make a small file durable there, in microseconds; or why that failed.
    pub durable: Option<Result<u64, String>>,
    /// The database's size in bytes.
    pub database_bytes: u64,
    /// What is wrong in the database; empty if it is whole.
    pub damage: Vec<String>,
}
