//! The secret keys of an account and of a node. They zeroise themselves and print nothing.

use std::fmt;

use ed25519_dalek::{Signer as _, SigningKey};
use rand_core::CryptoRng;
use x25519_dalek::StaticSecret;
use zeroize::{ZeroizeOnDrop, Zeroizing};

use super::{
    AccountId, AccountPublic, MailboxPublic, NodeCertificate, NodeId, PeerKey, Signature, SignaturePublic, in_context,
};
use crate::codec::{Malformed, Reader, Writer};

/// 32 bytes that are cleared when they go.
pub(crate) fn random_secret<R: CryptoRng + ?Sized>(rng: &mut R) -> Zeroizing<[u8; 32]> {
    let mut bytes = Zeroizing::new([0; 32]);
    rng.fill_bytes(bytes.as_mut_slice());
    bytes
}

/// An account's signing key: it signs cards and node certificates.
#[derive(Clone, ZeroizeOnDrop)]
pub struct AccountKey {
    key: SigningKey,
}

impl AccountKey {
    /// A new account.
    pub fn generate<R: CryptoRng + ?Sized>(rng: &mut R) -> Self {
        Self::from_seed(&random_secret(rng))
    }

    pub(crate) fn from_seed(seed: &[u8; 32]) -> Self {
        Self { key: SigningKey::from_bytes(seed) }
    }

    pub(crate) fn seed(&self) -> &[u8; 32] {
        self.key.as_bytes()
    }

    /// The public key.
    pub fn public(&self) -> AccountPublic {
        AccountPublic(self.key.verifying_key().to_bytes())
    }

    /// The account's id.
    pub fn id(&self) -> AccountId {
        self.public().id()
    }

    /// Signs `bytes` for one purpose: a signature for one context is none for another.
    pub fn sign(&self, context: &'static str, bytes: &[u8]) -> Signature {
        Signature(self.key.sign(&in_context(context, bytes)).to_bytes())
    }
}

impl fmt::Debug for AccountKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccountKey").field("public", &self.public()).finish_non_exhaustive()
    }
}

/// A node's three keys: for groups (Ed25519), for its mailbox (X25519), for libp2p (Ed25519).
#[derive(Clone, ZeroizeOnDrop)]
pub struct NodeKeys {
    signature: SigningKey,
    mailbox: StaticSecret,
    peer: SigningKey,
}

/// How long the encoding of a node's keys is.
pub(crate) const NODE_KEYS_BYTES: usize = 96;

impl NodeKeys {
    /// The keys of a new node.
    pub fn generate<R: CryptoRng + ?Sized>(rng: &mut R) -> Self {
        let [signature, mailbox, peer] = [random_secret(rng), random_secret(rng), random_secret(rng)];
        Self::from_seeds(&signature, &mailbox, &peer)
    }

    fn from_seeds(signature: &[u8; 32], mailbox: &[u8; 32], peer: &[u8; 32]) -> Self {
        Self {
            signature: SigningKey::from_bytes(signature),
            mailbox: StaticSecret::from(*mailbox),
            peer: SigningKey::from_bytes(peer),
        }
    }

    pub(crate) fn write(&self, writer: &mut Writer) {
        writer.array(self.signature.as_bytes()).array(self.mailbox.as_bytes()).array(self.peer.as_bytes());
    }

    pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        let signature = Zeroizing::new(reader.array()?);
        let mailbox = Zeroizing::new(reader.array()?);
        let peer = Zeroizing::new(reader.array()?);
        Ok(Self::from_seeds(&signature, &mailbox, &peer))
    }

    /// The public key of this node's MLS leaves.
    pub fn signature_public(&self) -> SignaturePublic {
        SignaturePublic(self.signature.verifying_key().to_bytes())
    }

    /// The public key to which welcomes for this node are encrypted.
    pub fn mailbox_public(&self) -> MailboxPublic {
        MailboxPublic(x25519_dalek::PublicKey::from(&self.mailbox).to_bytes())
    }

    /// The private key that opens welcomes for this node.
    pub(crate) fn mailbox_secret(&self) -> &[u8; 32] {
        self.mailbox.as_bytes()
    }

    /// The libp2p public key.
    pub fn peer_key(&self) -> PeerKey {
        PeerKey(self.peer.verifying_key().to_bytes())
    }

    /// The seed of the libp2p key, for the swarm.
    pub fn peer_seed(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(self.peer.to_bytes())
    }

    /// Signs `bytes` for one purpose outside MLS. No context begins like MLS's own labels (RFC 9420 §5.1.2).
    pub fn sign(&self, context: &'static str, bytes: &[u8]) -> Signature {
        Signature(self.signature.sign(&in_context(context, bytes)).to_bytes())
    }

    /// Signs for MLS, which brings its own contexts (RFC 9420 §5.1.2).
    pub fn sign_mls(&self, bytes: &[u8]) -> Signature {
        Signature(self.signature.sign(bytes).to_bytes())
    }
}

impl fmt::Debug for NodeKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NodeKeys").field("signature_public", &self.signature_public()).finish_non_exhaustive()
    }
}

/// Who I am: my account, and this node of it.
#[derive(Debug, Clone)]
pub struct LocalNode {
    /// The account's key.
    pub account: AccountKey,
    /// This node's keys.
    pub keys: NodeKeys,
    /// What the account says of this node's keys.
    pub certificate: NodeCertificate,
}

impl LocalNode {
    /// A new account with its first node, certified for the time given in milliseconds since 1970.
    pub fn generate<R: CryptoRng + ?Sized>(not_before_ms: u64, not_after_ms: u64, rng: &mut R) -> Self {
        let account = AccountKey::generate(rng);
        let keys = NodeKeys::generate(rng);
        let certificate = NodeCertificate::issue(&account, &keys, 1, not_before_ms, not_after_ms);
        Self { account, keys, certificate }
    }

    /// My account.
    pub fn account_id(&self) -> AccountId {
        self.certificate.account_id()
    }

    /// This node.
    pub fn node_id(&self) -> NodeId {
        self.certificate.node_id()
    }
}
