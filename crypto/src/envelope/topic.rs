//! Where a conversation's envelopes are found (PROTOCOL §4.2): a tag that changes each week and that
//! only those who hold the topic secret can tell.

use std::fmt;

use data_encoding::BASE64URL_NOPAD;
use rand_core::CryptoRng;
use subtle::ConstantTimeEq as _;
use zeroize::{ZeroizeOnDrop, Zeroizing};

use super::NONCE_BYTES;
use crate::identity::{MailboxPublic, random_secret, write_shortened};

/// A conversation's topic secret: it names its topics and seals its envelopes, and turns over with each removal.
#[derive(Clone, ZeroizeOnDrop)]
pub struct TopicSecret([u8; 32]);

impl PartialEq for TopicSecret {
    /// In constant time.
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for TopicSecret {}

impl fmt::Debug for TopicSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TopicSecret").finish_non_exhaustive()
    }
}

/// The keys that seal one week's envelopes.
pub(super) struct EnvelopeKeys {
    pub(super) seal: Zeroizing<[u8; 32]>,
    nonce: Zeroizing<[u8; 32]>,
}

impl EnvelopeKeys {
    /// The nonce that belongs to a padded content.
    pub(super) fn nonce(&self, padded: &[u8]) -> [u8; NONCE_BYTES] {
        let mut nonce = [0; NONCE_BYTES];
        blake3::Hasher::new_keyed(&self.nonce).update(padded).finalize_xof().fill(&mut nonce);
        nonce
    }
}

impl TopicSecret {
    /// A new secret.
    pub fn generate<R: CryptoRng + ?Sized>(rng: &mut R) -> Self {
        Self(*random_secret(rng))
    }

    /// The secret with these bytes.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Its bytes, to be stored where only members read.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The tag of this week's topic.
    pub fn tag(&self, week: Week) -> TopicTag {
        TopicTag::first_of(*self.derive("tidings v1 topic tag", week))
    }

    pub(super) fn envelope_keys(&self, week: Week) -> EnvelopeKeys {
        EnvelopeKeys {
            seal: self.derive("tidings v1 envelope key", week),
            nonce: self.derive("tidings v1 envelope nonce", week),
        }
    }

    fn derive(&self, context: &str, week: Week) -> Zeroizing<[u8; 32]> {
        let mut hasher = blake3::Hasher::new_derive_key(context);
        hasher.update(&self.0).update(&week.0.to_be_bytes());
        Zeroizing::new(*hasher.finalize().as_bytes())
    }
}

/// A week since 1970, counted from 0; weeks begin on Thursdays at midnight UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Week(pub u32);

impl Week {
    /// How long a week is.
    pub const LENGTH_MS: u64 = 7 * 24 * 60 * 60 * 1000;

    /// The week of a time in milliseconds since 1970.
    pub fn of(now_ms: u64) -> Self {
        Self(u32::try_from(now_ms / Self::LENGTH_MS).unwrap_or(u32::MAX))
    }

    /// The week before.
    #[must_use]
    pub fn previous(self) -> Self {
        Self(self.0.saturating_sub(1))
    }

    /// The week after.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

/// The name of a topic, or of a mailbox on a welcome.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TopicTag(pub [u8; 16]);

impl fmt::Debug for TopicTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_shortened(f, "TopicTag", &self.0)
    }
}

/// Text that is not the name of a topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a topic's name is 22 characters of base64url")]
pub struct MalformedTopicName;

impl TopicTag {
    fn first_of(hash: [u8; 32]) -> Self {
        let mut tag = [0; 16];
        tag.iter_mut().zip(hash).for_each(|(tag, byte)| *tag = byte);
        Self(tag)
    }

    /// The tag as gossip names its topic: 22 characters of base64url.
    pub fn name(&self) -> String {
        BASE64URL_NOPAD.encode(&self.0)
    }

    /// The tag that a topic of gossip names.
    pub fn from_name(name: &str) -> Result<Self, MalformedTopicName> {
        let bytes = BASE64URL_NOPAD.decode(name.as_bytes()).map_err(|_| MalformedTopicName)?;
        bytes.try_into().map(Self).map_err(|_| MalformedTopicName)
    }
}

impl MailboxPublic {
    /// The tag on welcomes for this mailbox. Whoever knows the key can tell it.
    pub fn tag(&self) -> TopicTag {
        TopicTag::first_of(blake3::derive_key("tidings v1 mailbox tag", &self.0))
    }
}
