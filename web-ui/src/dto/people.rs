//! What crosses the local door about people and this node: who I am, whom I know, and who is connected.

use serde::{Deserialize, Serialize};
use ts_rs::TS;
use utoipa::ToSchema;

/// Who I am and how things stand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
pub struct Status {
    /// My account.
    pub account: String,
    /// My name.
    pub name: String,
    /// This node's libp2p peer id, in base 58.
    pub peer_id: String,
    /// The multiaddrs at which this node listens, each ending in its peer id.
    pub addresses: Vec<String>,
    /// The connected peers.
    pub peers: Vec<Peer>,
    /// How many of my messages some recipient has not acknowledged yet.
    pub queued: u64,
    /// Whether the vault is opened by a passphrase rather than by a key file.
    pub passphrase: bool,
    /// Whether the disk is full: nothing is accepted or taken until there is room.
    pub disk_full: bool,
    /// Whether this node keeps envelopes for others.
    pub mailbox: bool,
}

/// How a connected peer is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PeerPath {
    /// A direct connection.
    Direct,
    /// A direct connection that began through a circuit relay: both ends opened their routers for it.
    Punched,
    /// Through a circuit relay.
    Relayed,
}

/// A connected peer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
pub struct Peer {
    /// Its libp2p peer id, in base 58.
    pub peer_id: String,
    /// How it is reached.
    pub path: PeerPath,
    /// The person it belongs to, where that is known: a contact, or a fellow member of a group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub account: Option<String>,
    /// That person's name, where it is known here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub name: Option<String>,
}

/// My contact links.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
pub struct CardLinks {
    /// The whole card: enough to write to me while I am offline.
    pub link: String,
    /// The short form for a QR code: the rest is fetched from my node and checked.
    pub short_link: String,
    /// My account.
    pub account: String,
}

/// Changes my card.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewProfile {
    /// The name that others see: 1 to 128 bytes, no control characters.
    pub name: String,
}

/// A person known to this node.
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
pub struct Contact {
    /// Their account.
    pub contact: String,
    /// The name on their card.
    pub name: String,
    /// Whether I added them, rather than they wrote to me first.
    pub added: bool,
    /// Whether their whole card is here; with a short link alone it is fetched when they can be reached.
    pub card_complete: bool,
    /// The sixty digits that both people compare to know that nobody stands between them.
    pub safety_number: String,
    /// Whether one of their nodes is connected now.
    pub online: bool,
    /// The direct conversation with them, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub conversation: Option<String>,
    /// Whether I want nothing of them.
    pub blocked: bool,
    /// When I said that we compared the safety number in person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub verified_at_ms: Option<u64>,
}

/// Adds a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewContact {
    /// Either form of their card link.
    pub link: String,
}
