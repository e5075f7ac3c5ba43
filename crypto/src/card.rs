//! The contact card (PROTOCOL §1.5): what a person hands out so that others can reach and recognise them.
//!
//! A card is signed by its account and numbered: a higher serial replaces a lower one. It carries a certificate,
//! addresses and a last-resort key package for each node, so that a conversation can be started with somebody
//! who is offline. The limits below hold for every [`SignedCard`], mine and others'.

mod link;
mod mailbox;
mod name;

use std::fmt;

use crate::codec::{Malformed, Reader, Writer};
use crate::identity::{
    AccountId, AccountKey, AccountPublic, CERTIFICATE_BYTES, MalformedCertificate, NodeCertificate, Signature,
};
use crate::proof::ProofId;

pub use link::{BadLink, CardLink, LINK_BYTES_MAX, SHORT_LINK_BYTES_MAX, ShortCard};
pub(crate) use link::{checked_payload, link};
pub use mailbox::{CardMailbox, MAILBOX_ADDRESSES_MAX, MAILBOXES_MAX, MailboxLink};
pub use name::{NAME_BYTES_MAX, valid_line, valid_name};

/// A signed card is at most this many bytes.
pub const CARD_BYTES_MAX: usize = 16 * 1024;
/// A card names at most this many nodes, and at least one.
pub const NODES_MAX: usize = 8;
/// A node has at most this many addresses.
pub const ADDRESSES_MAX: usize = 16;
/// An address is at most this many bytes, and at least one.
pub const ADDRESS_BYTES_MAX: usize = 128;
/// A card names at most this many proofs of identities.
pub const CARD_PROOFS_MAX: usize = 8;
/// A key package is at most this many bytes; a node without one has none.
pub const KEY_PACKAGE_BYTES_MAX: usize = 2 * 1024;

const VERSION: u8 = 1;
/// Of a card that names mailboxes.
const MAILBOXES_VERSION: u8 = 2;
/// Of a card that names proofs of identities.
const PROOFS_VERSION: u8 = 3;
const CONTEXT: &str = "tidings v1 contact card";
const SIGNATURE_BYTES: usize = 64;

/// Where a node may be reached: a binary multiaddr, not looked into here.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address(pub Vec<u8>);

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Address").finish_non_exhaustive()
    }
}

/// A node, as its account's card shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CardNode {
    /// Its keys, certified by the account.
    pub certificate: NodeCertificate,
    /// Where it may be reached.
    pub addresses: Vec<Address>,
    /// A last-resort MLS key package, or nothing.
    pub key_package: Vec<u8>,
    /// Who keeps envelopes for it while it is away.
    pub mailboxes: Vec<CardMailbox>,
}

/// What a card says.
#[derive(Clone, PartialEq, Eq)]
pub struct Card {
    /// Whose card it is.
    pub account: AccountPublic,
    /// The person's name, as [`valid_name`] allows it.
    pub name: String,
    /// Counts the account's cards: the highest is the one that holds.
    pub serial: u64,
    /// The account's nodes.
    pub nodes: Vec<CardNode>,
    /// The proofs of identities that hold (§7): those to whom the card leads ask for them. One that a newer card does not
    /// name is withdrawn. The names give nothing away: a card is public, what proves who somebody is elsewhere is not.
    pub proofs: Vec<ProofId>,
}

impl fmt::Debug for Card {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let account = self.account.id();
        f.debug_struct("Card").field("account", &account).field("serial", &self.serial).finish_non_exhaustive()
    }
}

/// A card that keeps to the limits and is signed by its account.
#[derive(Clone, PartialEq, Eq)]
pub struct SignedCard {
    card: Card,
    bytes: Vec<u8>,
}

impl fmt::Debug for SignedCard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SignedCard").field(&self.card).finish()
    }
}

/// Why something is not a contact card.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadCard {
    /// It was made by a newer version.
    #[error("the card was made by a newer version of tidings")]
    Newer,
    /// It is not the encoding of one.
    #[error("the card is malformed: {0}")]
    Encoding(#[from] Malformed),
    /// It is too long.
    #[error("the card has {bytes} bytes; the limit is {CARD_BYTES_MAX}")]
    TooLong {
        /// How long it is.
        bytes: usize,
    },
    /// The name breaks the rules.
    #[error("the name on the card is not allowed")]
    Name,
    /// It names no node, too many, or one twice.
    #[error("a card names 1 to {NODES_MAX} nodes, each once")]
    Nodes,
    /// A node has too many addresses, or one of a wrong length.
    #[error("a node has at most {ADDRESSES_MAX} addresses of 1 to {ADDRESS_BYTES_MAX} bytes")]
    Addresses,
    /// A node has too many mailboxes, or one of them too many addresses or one of a wrong length.
    #[error("a node has at most {MAILBOXES_MAX} mailboxes of {MAILBOX_ADDRESSES_MAX} addresses each")]
    Mailboxes,
    /// It names too many proofs, or not in ascending order.
    #[error("a card names at most {CARD_PROOFS_MAX} proofs, in ascending order, each once")]
    Proofs,
    /// A key package is too long.
    #[error("a key package has at most {KEY_PACKAGE_BYTES_MAX} bytes")]
    KeyPackage,
    /// A node's certificate is not valid.
    #[error("{0}")]
    Certificate(#[from] MalformedCertificate),
    /// A node is certified by another account than the card's.
    #[error("the card shows a node of another account")]
    OthersNode,
    /// The account did not sign the card.
    #[error("the card is not signed by its account")]
    Signature,
}

impl SignedCard {
    /// Signs a card that keeps to the limits, with the key of the account it names.
    pub fn sign(card: Card, key: &AccountKey) -> Result<Self, BadCard> {
        card.check()?;
        if key.public() != card.account {
            return Err(BadCard::Signature);
        }
        let mut bytes = card.signed_bytes();
        let signature = key.sign(CONTEXT, &bytes);
        bytes.extend_from_slice(&signature.0);
        if bytes.len() > CARD_BYTES_MAX {
            return Err(BadCard::TooLong { bytes: bytes.len() });
        }
        Ok(Self { card, bytes })
    }

    /// Reads a card and verifies its signature, its limits and its certificates.
    pub fn decode(bytes: &[u8]) -> Result<Self, BadCard> {
        if bytes.len() > CARD_BYTES_MAX {
            return Err(BadCard::TooLong { bytes: bytes.len() });
        }
        if bytes.first().is_some_and(|version| *version > PROOFS_VERSION) {
            return Err(BadCard::Newer);
        }
        let (signed, signature) = bytes.split_last_chunk::<SIGNATURE_BYTES>().ok_or(Malformed::Truncated)?;
        let mut reader = Reader::new(signed);
        let version = bytes.first().copied().filter(|version| (VERSION..=PROOFS_VERSION).contains(version));
        let version = version.unwrap_or(VERSION);
        reader.version(version)?;
        let account = AccountPublic(reader.array()?);
        account.verify(CONTEXT, signed, &Signature(*signature)).map_err(|_| BadCard::Signature)?;
        let card = Card::read(account, version, reader)?;
        card.check()?;
        Ok(Self { card, bytes: bytes.to_vec() })
    }

    /// The card's bytes, as they travel.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// What the card says.
    pub fn card(&self) -> &Card {
        &self.card
    }

    /// Whose card it is.
    pub fn account_id(&self) -> AccountId {
        self.card.account.id()
    }
}

impl Card {
    /// Everything before the signature.
    fn signed_bytes(&self) -> Vec<u8> {
        let mut writer = Writer::new();
        let version = self.version();
        writer.u8(version).array(&self.account.0).u64(self.serial).bytes(self.name.as_bytes());
        writer.count(self.nodes.len());
        for node in &self.nodes {
            writer.array(&node.certificate.encode()).count(node.addresses.len());
            for address in &node.addresses {
                writer.bytes(&address.0);
            }
            writer.bytes(&node.key_package);
            if version >= MAILBOXES_VERSION {
                writer.count(node.mailboxes.len());
                node.mailboxes.iter().for_each(|mailbox| mailbox.write(&mut writer));
            }
        }
        if version >= PROOFS_VERSION {
            writer.count(self.proofs.len());
            self.proofs.iter().for_each(|proof| {
                writer.array(&proof.0);
            });
        }
        writer.into_bytes()
    }

    /// A card without proofs, or without mailboxes either, is what it was before there were any.
    fn version(&self) -> u8 {
        if !self.proofs.is_empty() {
            PROOFS_VERSION
        } else if self.nodes.iter().any(|node| !node.mailboxes.is_empty()) {
            MAILBOXES_VERSION
        } else {
            VERSION
        }
    }

    /// Reads what follows the account.
    fn read(account: AccountPublic, version: u8, mut reader: Reader<'_>) -> Result<Self, BadCard> {
        let serial = reader.u64()?;
        let name = reader.text("the name", NAME_BYTES_MAX)?.to_owned();
        let mut nodes = Vec::new();
        for _ in 0..reader.count("the list of nodes", NODES_MAX)? {
            let certificate = NodeCertificate::decode(reader.take(CERTIFICATE_BYTES)?)?;
            let mut addresses = Vec::new();
            for _ in 0..reader.count("a list of addresses", ADDRESSES_MAX)? {
                addresses.push(Address(reader.bytes("an address", ADDRESS_BYTES_MAX)?.to_vec()));
            }
            let key_package = reader.bytes("a key package", KEY_PACKAGE_BYTES_MAX)?.to_vec();
            let mut mailboxes = Vec::new();
            if version >= MAILBOXES_VERSION {
                for _ in 0..reader.count("a list of mailboxes", MAILBOXES_MAX)? {
                    mailboxes.push(CardMailbox::read(&mut reader)?);
                }
            }
            nodes.push(CardNode { certificate, addresses, key_package, mailboxes });
        }
        let mut proofs = Vec::new();
        if version >= PROOFS_VERSION {
            for _ in 0..reader.count("the list of proofs", CARD_PROOFS_MAX)? {
                proofs.push(ProofId(reader.array()?));
            }
        }
        reader.finish()?;
        let card = Self { account, name, serial, nodes, proofs };
        if card.version() == version { Ok(card) } else { Err(Malformed::Invalid { what: "the version" }.into()) }
    }

    fn check(&self) -> Result<(), BadCard> {
        if !valid_name(&self.name) {
            return Err(BadCard::Name);
        }
        let ids: std::collections::BTreeSet<_> = self.nodes.iter().map(|node| node.certificate.node_id()).collect();
        if ids.is_empty() || self.nodes.len() > NODES_MAX || ids.len() != self.nodes.len() {
            return Err(BadCard::Nodes);
        }
        let ascends = |pair: &[ProofId]| matches!(pair, [one, next] if one < next);
        if self.proofs.len() > CARD_PROOFS_MAX || !self.proofs.windows(2).all(ascends) {
            return Err(BadCard::Proofs);
        }
        self.nodes.iter().try_for_each(|node| node.check(self.account))
    }
}

impl CardNode {
    fn check(&self, account: AccountPublic) -> Result<(), BadCard> {
        if self.certificate.account() != account {
            return Err(BadCard::OthersNode);
        }
        let right_length = |address: &Address| (1..=ADDRESS_BYTES_MAX).contains(&address.0.len());
        if self.addresses.len() > ADDRESSES_MAX || !self.addresses.iter().all(right_length) {
            return Err(BadCard::Addresses);
        }
        if self.key_package.len() > KEY_PACKAGE_BYTES_MAX {
            return Err(BadCard::KeyPackage);
        }
        if self.mailboxes.len() > MAILBOXES_MAX || !self.mailboxes.iter().all(CardMailbox::has_right_addresses) {
            return Err(BadCard::Mailboxes);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
