//! Who somebody is (PROTOCOL §1): account ids, node ids and the key that carries bytes.

/// The hash of an account's signing key.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct AccountId(pub [u8; 32]);

/// The libp2p Ed25519 public key of a node: it carries bytes and signs no content.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct PeerKey(pub [u8; 32]);
