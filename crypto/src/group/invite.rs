//! Invites and their links (PROTOCOL §2.8): `tidings://join/…` lets whoever has it into a group, through any member.
//!
//! The link carries a seed; the group's policy knows only the public key that comes of it. So members can tell who has
//! the link and who has not, and none of them but its maker can hand it on.

use std::fmt;

use ed25519_dalek::{Signer as _, SigningKey};
use rand_core::CryptoRng;
use zeroize::{ZeroizeOnDrop, Zeroizing};

use super::{GROUP_NAME_BYTES_MAX, GroupId, InviteId, InviteProof};
use crate::{
    card::{ADDRESS_BYTES_MAX, ADDRESSES_MAX, Address, BadCard, BadLink, checked_payload, link, valid_line},
    codec::{Malformed, Reader, Writer},
    identity::{AccountId, PeerKey, Signature, SignaturePublic, in_context, random_secret},
};

/// An invite's link is at most this many characters, white space around it not counted.
pub const INVITE_LINK_BYTES_MAX: usize = 1_200;
/// A link names at most this many nodes to come in by.
pub const INVITE_HOSTS_MAX: usize = 6;

const PREFIX: &str = "tidings://join/";
const VERSION: u8 = 1;
const CHECKSUM_BYTES: usize = 4;
/// What fits into a link before its checksum.
const PAYLOAD_BYTES_MAX: usize = (INVITE_LINK_BYTES_MAX - PREFIX.len()) / 4 * 3 - CHECKSUM_BYTES;

/// The secret of an invite: it is in the link, and with whoever made it.
#[derive(Clone, PartialEq, Eq, ZeroizeOnDrop)]
pub struct InviteSeed([u8; 32]);

impl fmt::Debug for InviteSeed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InviteSeed").finish_non_exhaustive()
    }
}

impl InviteSeed {
    /// A new one.
    pub fn generate<R: CryptoRng + ?Sized>(rng: &mut R) -> Self {
        Self(*random_secret(rng))
    }

    /// One that was kept.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The seed itself, to be sealed before it is stored.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// What the group's policy knows of it.
    pub fn public(&self) -> SignaturePublic {
        SignaturePublic(self.key().verifying_key().to_bytes())
    }

    /// The invite's name.
    pub fn id(&self) -> InviteId {
        InviteId::of(&self.public())
    }

    /// Proves to a group that an account has the link.
    pub fn prove(&self, group: GroupId, account: AccountId) -> InviteProof {
        let sign = |context, bytes: &[u8]| Signature(self.key().sign(&in_context(context, bytes)).to_bytes());
        InviteProof::sign(self.id(), group, account, sign)
    }

    fn key(&self) -> SigningKey {
        let mut seed = Zeroizing::new([0; 32]);
        let mut hasher = blake3::Hasher::new_derive_key("tidings v1 invite key");
        hasher.update(&self.0).finalize_xof().fill(seed.as_mut_slice());
        SigningKey::from_bytes(&seed)
    }
}

/// A node that can let somebody in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InviteHost {
    /// Which.
    pub peer: PeerKey,
    /// Where it may be reached.
    pub addresses: Vec<Address>,
}

/// What a link says. It is not signed: whoever has it can make another that says something else.
#[derive(Clone, PartialEq, Eq)]
pub struct InviteLink {
    /// The group.
    pub group: GroupId,
    /// The secret of the invite.
    pub seed: InviteSeed,
    /// What the group was called when the link was made; may be empty.
    pub name: String,
    /// Members' nodes, the best first.
    pub hosts: Vec<InviteHost>,
}

impl fmt::Debug for InviteLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InviteLink").field("group", &self.group).finish_non_exhaustive()
    }
}

impl InviteLink {
    /// The link as text, at most [`INVITE_LINK_BYTES_MAX`] characters, with as many hosts and addresses as fit: every
    /// host's first address goes before anybody's second.
    pub fn link(&self) -> Zeroizing<String> {
        let mut fitting =
            Self { hosts: Vec::new(), name: self.name.clone(), seed: self.seed.clone(), group: self.group };
        for host in self.hosts.iter().take(INVITE_HOSTS_MAX) {
            fitting.hosts.push(InviteHost { peer: host.peer, addresses: Vec::new() });
        }
        for round in 0..ADDRESSES_MAX {
            for (index, host) in self.hosts.iter().enumerate() {
                let Some(address) = host.addresses.get(round).filter(|address| is_address(&address.0)) else {
                    continue;
                };
                let Some(into) = fitting.hosts.get_mut(index) else { continue };
                into.addresses.push(address.clone());
                if fitting.encode().len() > PAYLOAD_BYTES_MAX {
                    fitting.hosts.get_mut(index).map(|host| host.addresses.pop());
                }
            }
        }
        fitting.hosts.retain(|host| !host.addresses.is_empty());
        Zeroizing::new(link(PREFIX, &fitting.encode()))
    }

    /// Whether text looks like a link of this kind, whole or not.
    pub fn is_one(text: &str) -> bool {
        text.trim_start().starts_with(PREFIX)
    }

    /// Reads a link. White space around and inside it is ignored: mail and terminals wrap lines.
    pub fn parse(text: &str) -> Result<Self, BadLink> {
        let text = text.trim();
        let too_long = |bytes| BadLink::InviteTooLong { bytes };
        if text.len() > INVITE_LINK_BYTES_MAX.saturating_mul(2) {
            return Err(too_long(text.len()));
        }
        let text: Zeroizing<String> = Zeroizing::new(text.split_whitespace().collect());
        let payload = text.strip_prefix(PREFIX).ok_or(BadLink::NotAnInvite)?;
        if text.len() > INVITE_LINK_BYTES_MAX {
            return Err(too_long(text.len()));
        }
        let payload = Zeroizing::new(checked_payload(payload)?);
        if payload.first().is_some_and(|version| *version > VERSION) {
            return Err(BadLink::Newer);
        }
        Self::read(&payload).map_err(|malformed| BadCard::Encoding(malformed).into())
    }

    fn encode(&self) -> Zeroizing<Vec<u8>> {
        let mut writer = Writer::with_capacity(2 * PAYLOAD_BYTES_MAX);
        writer.u8(VERSION).array(&self.group.0).array(&self.seed.0).bytes(self.name.as_bytes());
        writer.count(self.hosts.len());
        for host in &self.hosts {
            writer.array(&host.peer.0).count(host.addresses.len());
            for address in &host.addresses {
                writer.bytes(&address.0);
            }
        }
        Zeroizing::new(writer.into_bytes())
    }

    fn read(payload: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(payload);
        reader.version(VERSION)?;
        let (group, seed) = (GroupId(reader.array()?), InviteSeed(reader.array()?));
        let name = reader.text("the group's name", GROUP_NAME_BYTES_MAX)?;
        if !name.is_empty() && !valid_line(name, GROUP_NAME_BYTES_MAX) {
            return Err(Malformed::Invalid { what: "the group's name" });
        }
        let mut hosts = Vec::new();
        for _ in 0..reader.count("the list of nodes", INVITE_HOSTS_MAX)? {
            let mut host = InviteHost { peer: PeerKey(reader.array()?), addresses: Vec::new() };
            for _ in 0..reader.count("the list of addresses", ADDRESSES_MAX)? {
                let address = reader.bytes("an address", ADDRESS_BYTES_MAX)?;
                if !is_address(address) {
                    return Err(Malformed::Invalid { what: "an address" });
                }
                host.addresses.push(Address(address.to_vec()));
            }
            hosts.push(host);
        }
        reader.finish()?;
        Ok(Self { group, seed, name: name.to_owned(), hosts })
    }
}

fn is_address(bytes: &[u8]) -> bool {
    (1..=ADDRESS_BYTES_MAX).contains(&bytes.len())
}
