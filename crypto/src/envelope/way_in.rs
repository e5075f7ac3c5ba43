//! A way in (PROTOCOL §4.6): what a member gives to a member that cannot follow the group any more, so that it can
//! come back by itself. Sealed to the asker's mailbox key with HPKE, as a welcome is, in a context of its own.
//!
//! It does not travel as an envelope: it answers a request. What is inside is checked by whoever comes back with it.

use std::fmt;

use hpke::aead::ChaCha20Poly1305;
use hpke::kdf::HkdfSha256;
use hpke::kem::X25519HkdfSha256;
use hpke::{Deserializable as _, Kem, OpModeR, OpModeS, Serializable as _};
use rand_core::CryptoRng;
use zeroize::Zeroizing;

use super::welcome::{ENCAPSULATED_BYTES, read_above, write_above};
use super::{ABOVE_MAX, AEAD_TAG_BYTES, EpochId, SealError, TopicSecret, Unopenable, padding};
use crate::codec::{Malformed, Reader, Writer};
use crate::identity::{MailboxPublic, NodeKeys};

/// A sealed way in is at most this many bytes.
pub const WAY_IN_BYTES_MAX: usize = HEADER_BYTES + ENCAPSULATED_BYTES + WAY_IN_PADDED_BYTES_MAX + AEAD_TAG_BYTES;
/// The MLS group info in a [`WayIn`] is at most this many bytes: at 1,000 members it has about half of them.
pub const GROUP_INFO_BYTES_MAX: usize = WAY_IN_PADDED_BYTES_MAX - OVERHEAD_BYTES - ABOVE_MAX * 32;

const CONTEXT: &[u8] = b"tidings v1 way in";
const VERSION: u8 = 1;
const CONTENT_VERSION: u8 = 1;
/// The version, which is authenticated with what is sealed.
const HEADER_BYTES: usize = 1;
/// The largest bucket of a way in.
const WAY_IN_PADDED_BYTES_MAX: usize = 1024 * 1024;
/// Version, group, epoch, rank key, topic secret, a length and a count.
const OVERHEAD_BYTES: usize = 119;

/// What a way in holds. All of it but the ids is secret.
#[derive(Clone, PartialEq, Eq)]
pub struct WayIn {
    /// The group's id.
    pub group: [u8; 16],
    /// The head of the member who gives it: the epoch that the asker comes back on.
    pub epoch: EpochId,
    /// That epoch's rank key, with which commits on it are ranked (§3.2).
    pub rank_key: Zeroizing<[u8; 32]>,
    /// That epoch's topic secret.
    pub topic: TopicSecret,
    /// MLS's group info of that epoch, with the ratchet tree and the key for external commits.
    pub group_info: Vec<u8>,
    /// The epochs above that epoch, as far as the giver knows them, the nearest first: at most [`ABOVE_MAX`].
    pub above: Vec<EpochId>,
}

impl fmt::Debug for WayIn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WayIn").field("epoch", &self.epoch).finish_non_exhaustive()
    }
}

/// A way in as it travels.
#[derive(Clone, PartialEq, Eq)]
pub struct SealedWayIn(Vec<u8>);

impl fmt::Debug for SealedWayIn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SealedWayIn").field("bytes", &self.0.len()).finish()
    }
}

impl WayIn {
    /// Seals it to the mailbox key of the node that asked.
    pub fn seal<R: CryptoRng + ?Sized>(
        &self,
        mailbox: &MailboxPublic,
        mut rng: &mut R,
    ) -> Result<SealedWayIn, SealError> {
        let padded = self.encode_padded()?;
        let bad_key = |_| SealError::BadMailboxKey;
        let recipient = <X25519HkdfSha256 as Kem>::PublicKey::from_bytes(&mailbox.0).map_err(bad_key)?;
        let (encapsulated, sealed) = hpke::single_shot_seal_with_rng::<ChaCha20Poly1305, HkdfSha256, X25519HkdfSha256>(
            &OpModeS::Base,
            &recipient,
            CONTEXT,
            &padded,
            &[VERSION],
            &mut rng,
        )
        .map_err(bad_key)?;
        let mut writer = Writer::new();
        writer.u8(VERSION).array(&encapsulated.to_bytes()).array(&sealed);
        Ok(SealedWayIn(writer.into_bytes()))
    }

    pub(crate) fn encode_padded(&self) -> Result<Zeroizing<Vec<u8>>, SealError> {
        let bytes = self.group_info.len();
        if bytes > GROUP_INFO_BYTES_MAX {
            return Err(SealError::TooLong { bytes });
        }
        let above_bytes = self.above.len().saturating_mul(32);
        let mut writer = Writer::with_capacity(bytes.saturating_add(above_bytes).saturating_add(OVERHEAD_BYTES));
        writer.u8(CONTENT_VERSION).array(&self.group).array(&self.epoch.0).array(&*self.rank_key);
        writer.array(self.topic.as_bytes()).bytes(&self.group_info);
        write_above(&mut writer, &self.above);
        padding::pad_within(writer, WAY_IN_PADDED_BYTES_MAX)
    }

    pub(crate) fn decode_padded(padded: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(padded);
        reader.version(CONTENT_VERSION)?;
        let way_in = Self {
            group: reader.array()?,
            epoch: EpochId(reader.array()?),
            rank_key: Zeroizing::new(reader.array()?),
            topic: TopicSecret::from_bytes(reader.array()?),
            group_info: reader.bytes("the group info", GROUP_INFO_BYTES_MAX)?.to_vec(),
            above: read_above(&mut reader)?,
        };
        padding::check_within(padded.len(), reader, WAY_IN_PADDED_BYTES_MAX)?;
        Ok(way_in)
    }
}

impl SealedWayIn {
    /// Reads the outside of a way in.
    pub fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        if bytes.len() > WAY_IN_BYTES_MAX {
            return Err(Malformed::TooLong { what: "the way in", limit: WAY_IN_BYTES_MAX });
        }
        let mut reader = Reader::new(bytes);
        reader.version(VERSION)?;
        reader.take(ENCAPSULATED_BYTES)?;
        let padded_bytes = reader.rest().len().checked_sub(AEAD_TAG_BYTES).ok_or(Malformed::Truncated)?;
        if !padding::is_bucket_within(padded_bytes, WAY_IN_PADDED_BYTES_MAX) {
            return Err(Malformed::Invalid { what: "the size" });
        }
        Ok(Self(bytes.to_vec()))
    }

    /// Its bytes, as they travel.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// Opens it with the node's mailbox key.
    pub fn open(&self, keys: &NodeKeys) -> Result<WayIn, Unopenable> {
        let forged = |_| Unopenable::Forged;
        let (header, body) = self.0.split_at_checked(HEADER_BYTES).ok_or(Unopenable::Forged)?;
        let (encapsulated, sealed) = body.split_at_checked(ENCAPSULATED_BYTES).ok_or(Unopenable::Forged)?;
        let secret = <X25519HkdfSha256 as Kem>::PrivateKey::from_bytes(keys.mailbox_secret()).map_err(forged)?;
        let encapsulated = <X25519HkdfSha256 as Kem>::EncappedKey::from_bytes(encapsulated).map_err(forged)?;
        let padded = hpke::single_shot_open::<ChaCha20Poly1305, HkdfSha256, X25519HkdfSha256>(
            &OpModeR::Base,
            &secret,
            &encapsulated,
            CONTEXT,
            sealed,
            header,
        )
        .map_err(forged)?;
        WayIn::decode_padded(&Zeroizing::new(padded)).map_err(Unopenable::Content)
    }
}
