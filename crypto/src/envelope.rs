//! What crosses the network (PROTOCOL §4): sealed, padded, and named by the hash of its bytes.
//!
//! From outside an envelope shows its kind, a topic's tag and a size bucket; never a group, an epoch or a sender.
//! A message is sealed under the conversation's topic secret without randomness: one content gives one
//! envelope a week. A welcome is sealed to the mailbox key of one node.
//! The authenticity of what is inside is MLS's: the topic secret only says that a member sealed it.

mod deposit;
mod padding;
mod parcel;
mod prekeys;
mod topic;
mod way_in;
mod welcome;

use std::fmt;

use chacha20poly1305::aead::{Aead as _, KeyInit as _, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use zeroize::Zeroizing;

use crate::codec::{Malformed, Reader, Writer};
pub use crate::epoch_id::{ABOVE_MAX, EpochId};
use crate::identity::id;

pub use deposit::{DEPOSIT_BYTES_MAX, DEPOSIT_OVERHEAD_BYTES, DEPOSITED_BYTES_MAX, open_deposit, seal_deposit};
pub use padding::PADDED_BYTES_MAX;
pub use parcel::{PARCEL_BYTES_MAX, PARCEL_BYTES_MIN, Parcel};
pub use prekeys::{PREKEYS_BYTES_MAX, PREKEYS_PACKAGES_MAX, Prekeys, is_sealed_length as is_prekeys_length};
pub use topic::{MalformedTopicName, TopicSecret, TopicTag, Week};
pub use way_in::{GROUP_INFO_BYTES_MAX, SealedWayIn, WAY_IN_BYTES_MAX, WayIn};
pub use welcome::{APART_BYTES_MAX, APART_ENVELOPES_MAX, Apart, WelcomeContent};

/// An envelope is at most this many bytes.
pub const ENVELOPE_BYTES_MAX: usize = 256 * 1024;
/// The MLS message in a [`Content`] is at most this many bytes.
pub const MESSAGE_BYTES_MAX: usize = 258_011;

/// As long as an envelope with a short text in a small group: what a stand-in for one is padded to.
pub const USUAL_ENVELOPE_BYTES: usize = HEADER_BYTES + NONCE_BYTES + 512 + AEAD_TAG_BYTES;

const VERSION: u8 = 1;
const CONTENT_VERSION: u8 = 1;
/// Version, kind, tag: the envelope's header, authenticated with what is sealed.
const HEADER_BYTES: usize = 18;
const NONCE_BYTES: usize = 24;
const AEAD_TAG_BYTES: usize = 16;
/// Version, epoch and length in front of the MLS message.
const CONTENT_OVERHEAD_BYTES: usize = 37;
const _: () = assert!(MESSAGE_BYTES_MAX + CONTENT_OVERHEAD_BYTES == PADDED_BYTES_MAX, "the longest message fits");
const _: () = assert!(
    HEADER_BYTES + NONCE_BYTES + PADDED_BYTES_MAX + AEAD_TAG_BYTES <= ENVELOPE_BYTES_MAX,
    "the longest padded content fits"
);

id!(
    /// An envelope: the hash of its bytes, everywhere.
    EnvelopeId, 32
);

/// What a message envelope holds.
#[derive(Clone, PartialEq, Eq)]
pub struct Content {
    /// The epoch whose secrets read the message; a commit names its parent.
    pub epoch: EpochId,
    /// The MLS message.
    pub message: Vec<u8>,
}

impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = &self.message.len();
        f.debug_struct("Content").field("epoch", &self.epoch).field("message_bytes", bytes).finish_non_exhaustive()
    }
}

/// The kinds of envelope.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// An MLS message of a conversation, for whoever holds its topic secret.
    Message,
    /// An invitation into a conversation, for one node.
    Welcome,
}

impl Kind {
    fn code(self) -> u8 {
        match self {
            Self::Message => 1,
            Self::Welcome => 2,
        }
    }
}

/// An envelope as it travels: its outside is read, its inside is not opened.
#[derive(Clone, PartialEq, Eq)]
pub struct Envelope {
    kind: Kind,
    tag: TopicTag,
    bytes: Vec<u8>,
}

impl fmt::Debug for Envelope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Envelope").field("kind", &self.kind).field("bytes", &self.bytes.len()).finish_non_exhaustive()
    }
}

/// Why bytes are not an envelope.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MalformedEnvelope {
    /// They are not the encoding of one.
    #[error("the envelope is malformed: {0}")]
    Encoding(#[from] Malformed),
    /// They are too many.
    #[error("the envelope has {bytes} bytes; the limit is {ENVELOPE_BYTES_MAX}")]
    TooLong {
        /// How many.
        bytes: usize,
    },
}

/// Why an envelope cannot be opened with what was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unopenable {
    /// It is of the other kind.
    #[error("the envelope is of another kind")]
    OtherKind,
    /// It belongs to another conversation, another week or another mailbox.
    #[error("the envelope is for another topic")]
    OtherTopic,
    /// Nobody who holds the secret sealed it, or it was changed since.
    #[error("the envelope is forged or damaged")]
    Forged,
    /// Whoever sealed it broke the rules of its encoding.
    #[error("what the envelope holds is malformed: {0}")]
    Content(Malformed),
}

/// Why content cannot be sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// It is too long for an envelope.
    #[error("{bytes} bytes are too many for an envelope")]
    TooLong {
        /// How many bytes it has.
        bytes: usize,
    },
    /// The recipient's mailbox key is not a key to which anything can be sealed (RFC 7748 §6.1).
    #[error("the recipient's mailbox key is not valid")]
    BadMailboxKey,
}

impl Envelope {
    /// Reads an envelope's outside.
    pub fn decode(bytes: &[u8]) -> Result<Self, MalformedEnvelope> {
        if bytes.len() > ENVELOPE_BYTES_MAX {
            return Err(MalformedEnvelope::TooLong { bytes: bytes.len() });
        }
        let mut reader = Reader::new(bytes);
        reader.version(VERSION)?;
        let (kind, overhead_bytes) = match reader.u8()? {
            1 => (Kind::Message, NONCE_BYTES + AEAD_TAG_BYTES),
            2 => (Kind::Welcome, welcome::ENCAPSULATED_BYTES + AEAD_TAG_BYTES),
            _ => return Err(Malformed::Invalid { what: "the kind" }.into()),
        };
        let tag = TopicTag(reader.array()?);
        let padded_bytes = reader.rest().len().checked_sub(overhead_bytes).ok_or(Malformed::Truncated)?;
        if !padding::is_bucket(padded_bytes) {
            return Err(Malformed::Invalid { what: "the size" }.into());
        }
        Ok(Self { kind, tag, bytes: bytes.to_vec() })
    }

    /// The envelope's name.
    pub fn id(&self) -> EnvelopeId {
        EnvelopeId(blake3::derive_key("tidings v1 envelope id", &self.bytes))
    }

    /// The tag of its topic, or of its recipient's mailbox.
    pub fn tag(&self) -> TopicTag {
        self.tag
    }

    /// Its kind.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Its bytes, as they travel.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Its bytes, as they travel.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// Seals a message for those who hold the topic secret.
    ///
    /// The nonce is a keyed hash of the padded content, so that no randomness is needed and one content
    /// has one envelope; two contents never share a nonce.
    pub fn seal(secret: &TopicSecret, week: Week, content: &Content) -> Result<Self, SealError> {
        let padded = content.encode_padded()?;
        let keys = secret.envelope_keys(week);
        let tag = secret.tag(week);
        let nonce = keys.nonce(&padded);
        let mut writer = header(Kind::Message, tag);
        let payload = Payload { msg: &padded, aad: writer.written() };
        let sealed = XChaCha20Poly1305::new((&*keys.seal).into()).encrypt(&XNonce::from(nonce), payload);
        let sealed = sealed.map_err(|_| SealError::TooLong { bytes: padded.len() })?;
        writer.array(&nonce).array(&sealed);
        Ok(Self { kind: Kind::Message, tag, bytes: writer.into_bytes() })
    }

    /// Opens a message.
    pub fn open(&self, secret: &TopicSecret, week: Week) -> Result<Content, Unopenable> {
        let (header, body) = self.parts(Kind::Message, secret.tag(week))?;
        let (nonce, sealed) = body.split_first_chunk::<NONCE_BYTES>().ok_or(Unopenable::Forged)?;
        let keys = secret.envelope_keys(week);
        let payload = Payload { msg: sealed, aad: header };
        let padded = XChaCha20Poly1305::new((&*keys.seal).into()).decrypt(&XNonce::from(*nonce), payload);
        let padded = Zeroizing::new(padded.map_err(|_| Unopenable::Forged)?);
        if keys.nonce(&padded) != *nonce {
            return Err(Unopenable::Content(Malformed::Invalid { what: "the nonce" }));
        }
        Content::decode_padded(&padded).map_err(Unopenable::Content)
    }

    /// The header and what follows it, if the envelope is of this kind and for this tag.
    fn parts(&self, kind: Kind, tag: TopicTag) -> Result<(&[u8], &[u8]), Unopenable> {
        if self.kind != kind {
            return Err(Unopenable::OtherKind);
        }
        if self.tag != tag {
            return Err(Unopenable::OtherTopic);
        }
        self.bytes.split_at_checked(HEADER_BYTES).ok_or(Unopenable::Forged)
    }
}

fn header(kind: Kind, tag: TopicTag) -> Writer {
    let mut writer = Writer::with_capacity(HEADER_BYTES);
    writer.u8(VERSION).u8(kind.code()).array(&tag.0);
    writer
}

impl Content {
    pub(crate) fn encode_padded(&self) -> Result<Zeroizing<Vec<u8>>, SealError> {
        if self.message.len() > MESSAGE_BYTES_MAX {
            return Err(SealError::TooLong { bytes: self.message.len() });
        }
        let mut writer = Writer::with_capacity(self.message.len().saturating_add(CONTENT_OVERHEAD_BYTES));
        writer.u8(CONTENT_VERSION).array(&self.epoch.0).bytes(&self.message);
        padding::pad(writer)
    }

    pub(crate) fn decode_padded(padded: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(padded);
        reader.version(CONTENT_VERSION)?;
        let epoch = EpochId(reader.array()?);
        let message = reader.bytes("the message", MESSAGE_BYTES_MAX)?.to_vec();
        padding::check(padded.len(), reader)?;
        Ok(Self { epoch, message })
    }
}

#[cfg(test)]
mod tests;
