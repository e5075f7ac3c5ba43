//! Who somebody is (PROTOCOL §1): accounts, their nodes, and the certificate that binds the two.
//!
//! An account is an Ed25519 key that signs cards and node certificates and nothing else. A node has
//! three keys of its own: one signs in groups, one receives welcomes, one carries bytes.
//! Every signature has its own context string and is verified strictly.

mod certificate;
mod keys;
mod safety_number;

use std::fmt;

use ed25519_dalek::VerifyingKey;

pub use certificate::{CERTIFICATE_BYTES, MalformedCertificate, NodeCertificate, NotValidNow};
pub use keys::{AccountKey, LocalNode, NodeKeys};
pub(crate) use keys::{NODE_KEYS_BYTES, random_secret};
pub use safety_number::{SafetyHalf, SafetyNumber, fingerprint};

pub use crate::id::MalformedId;
pub(crate) use crate::id::{id, write_shortened};

id!(
    /// An account: the hash of its public key.
    AccountId, 32
);
id!(
    /// A node of an account: the hash of the account's public key and the node's signature key.
    NodeId, 32
);

impl NodeId {
    /// The node of an account that signs with this key.
    pub fn of(account: &AccountPublic, signature_key: &SignaturePublic) -> Self {
        let keys = [account.0, signature_key.0].concat();
        Self(blake3::derive_key("tidings v1 node id", &keys))
    }
}

/// Defines a public key: 32 bytes that print shortened.
macro_rules! public_key {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub [u8; 32]);

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write_shortened(f, stringify!($name), &self.0)
            }
        }
    };
}

public_key!(
    /// An account's Ed25519 public key (RFC 8032).
    AccountPublic
);
public_key!(
    /// A node's Ed25519 public key in groups: the signature key of its MLS leaves.
    SignaturePublic
);
public_key!(
    /// A node's X25519 public key (RFC 7748), to which welcomes are encrypted.
    MailboxPublic
);

impl MailboxPublic {
    /// Whether something can be sealed to it: a key of small order has no secret (RFC 7748 §6.1).
    pub fn is_usable(&self) -> bool {
        let mut key = self.0;
        if let Some(last) = key.last_mut() {
            *last &= 0x7f; // The highest bit says nothing (RFC 7748 §5).
        }
        !SMALL_ORDER.contains(&key)
    }
}

/// All encodings of points of small order on Curve25519 and its twist, which multiply to zero: the numbers 0, 1, the two
/// of order 8, and −1, 0 and 1 modulo 2^255 − 19 once more as p − 1, p and p + 1. A test multiplies them.
const SMALL_ORDER: [[u8; 32]; 7] = [
    [0; 32],
    of_bytes(1, 0, 0),
    [
        0xe0, 0xeb, 0x7a, 0x7c, 0x3b, 0x41, 0xb8, 0xae, 0x16, 0x56, 0xe3, 0xfa, 0xf1, 0x9f, 0xc4, 0x6a, 0xda, 0x09,
        0x8d, 0xeb, 0x9c, 0x32, 0xb1, 0xfd, 0x86, 0x62, 0x05, 0x16, 0x5f, 0x49, 0xb8, 0x00,
    ],
    [
        0x5f, 0x9c, 0x95, 0xbc, 0xa3, 0x50, 0x8c, 0x24, 0xb1, 0xd0, 0xb1, 0x55, 0x9c, 0x83, 0xef, 0x5b, 0x04, 0x44,
        0x5c, 0xc4, 0x58, 0x1c, 0x8e, 0x86, 0xd8, 0x22, 0x4e, 0xdd, 0xd0, 0x9f, 0x11, 0x57,
    ],
    of_bytes(0xec, 0xff, 0x7f),
    of_bytes(0xed, 0xff, 0x7f),
    of_bytes(0xee, 0xff, 0x7f),
];

/// A number of 32 bytes, the lowest first, all between the first and the last alike.
const fn of_bytes(first: u8, between: u8, last: u8) -> [u8; 32] {
    let mut bytes = [between; 32];
    let [lowest, .., highest] = &mut bytes;
    (*lowest, *highest) = (first, last);
    bytes
}

public_key!(
    /// A node's libp2p Ed25519 public key: it carries bytes and signs no content.
    PeerKey
);

/// An Ed25519 signature.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Signature(pub [u8; 64]);

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_shortened(f, "Signature", &self.0)
    }
}

/// A signature that is not by that key over those bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the signature is not valid")]
pub struct BadSignature;

/// Verifies strictly: no key or commitment of small order, no unreduced scalar (RFC 8032 §5.1.7 and beyond).
pub(crate) fn verify(key: &[u8; 32], message: &[u8], signature: &Signature) -> Result<(), BadSignature> {
    let key = VerifyingKey::from_bytes(key).map_err(|_| BadSignature)?;
    let signature = ed25519_dalek::Signature::from_bytes(&signature.0);
    key.verify_strict(message, &signature).map_err(|_| BadSignature)
}

/// What a key really signs: the context, a zero byte, the bytes. No context holds a zero byte.
pub(crate) fn in_context(context: &'static str, bytes: &[u8]) -> Vec<u8> {
    [context.as_bytes(), &[0], bytes].concat()
}

impl AccountPublic {
    /// The account's id.
    pub fn id(&self) -> AccountId {
        AccountId(blake3::derive_key("tidings v1 account id", &self.0))
    }

    /// Verifies that the account signed `bytes` for this purpose.
    pub fn verify(&self, context: &'static str, bytes: &[u8], signature: &Signature) -> Result<(), BadSignature> {
        verify(&self.0, &in_context(context, bytes), signature)
    }
}

impl SignaturePublic {
    /// Verifies that the node signed `bytes` for this purpose, outside MLS.
    pub fn verify(&self, context: &'static str, bytes: &[u8], signature: &Signature) -> Result<(), BadSignature> {
        verify(&self.0, &in_context(context, bytes), signature)
    }

    /// Verifies a signature of MLS, which brings its own contexts (RFC 9420 §5.1.2).
    pub fn verify_mls(&self, bytes: &[u8], signature: &Signature) -> Result<(), BadSignature> {
        verify(&self.0, bytes, signature)
    }
}

/// Text that is not the peer id of an Ed25519 key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a peer id begins with 12D3Koo and has 52 characters")]
pub struct MalformedPeerId;

/// A peer id is the identity multihash (code 0, 36 bytes) of the protobuf of an Ed25519 key (type 1, 32 bytes).
const PEER_ID_PREFIX: [u8; 6] = [0x00, 0x24, 0x08, 0x01, 0x12, 0x20];

impl PeerKey {
    /// The libp2p peer id, as text: `12D3Koo…`.
    pub fn to_peer_id(&self) -> String {
        bs58::encode([PEER_ID_PREFIX.as_slice(), &self.0].concat()).into_string()
    }

    /// The key that a libp2p peer id names.
    pub fn from_peer_id(text: &str) -> Result<Self, MalformedPeerId> {
        let mut bytes = [0; 38];
        let length = bs58::decode(text).onto(&mut bytes).map_err(|_| MalformedPeerId)?;
        let (prefix, key) = bytes.split_first_chunk().ok_or(MalformedPeerId)?;
        if length != bytes.len() || *prefix != PEER_ID_PREFIX {
            return Err(MalformedPeerId);
        }
        key.try_into().map(Self).map_err(|_| MalformedPeerId)
    }
}

#[cfg(test)]
mod tests;
