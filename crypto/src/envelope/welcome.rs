//! Welcomes (PROTOCOL §4.5): sealed to one node's mailbox key with HPKE (RFC 9180, base mode, X25519,
//! HKDF-SHA256, ChaCha20-Poly1305). Who invites is said and proved inside, by the card and by MLS.
//!
//! What all who come in by one commit have to read, the encrypted tree of the group, goes in envelopes of its own where it
//! is large: sealed once for all of them, and named in the welcome of each.

use std::fmt;

use hpke::aead::ChaCha20Poly1305;
use hpke::kdf::HkdfSha256;
use hpke::kem::X25519HkdfSha256;
use hpke::{Deserializable as _, Kem, OpModeR, OpModeS, Serializable as _};
use rand_core::CryptoRng;
use zeroize::Zeroizing;

use super::{
    ABOVE_MAX, AEAD_TAG_BYTES, Content, ENVELOPE_BYTES_MAX, Envelope, EnvelopeId, EpochId, HEADER_BYTES, Kind,
    MESSAGE_BYTES_MAX, PADDED_BYTES_MAX, SealError, TopicSecret, Unopenable, Week, header, padding,
};
use crate::codec::{Malformed, Reader, Writer};
use crate::identity::{MailboxPublic, NodeKeys};

/// HPKE's encapsulated key.
pub(super) const ENCAPSULATED_BYTES: usize = 32;
const CONTEXT: &[u8] = b"tidings v1 welcome";
const VERSION: u8 = 1;
/// Of a welcome whose tail travels apart.
const APART_VERSION: u8 = 2;
/// Version, group, epoch, two lengths and a count.
const OVERHEAD_BYTES: usize = 59;
const _: () = assert!(
    HEADER_BYTES + ENCAPSULATED_BYTES + PADDED_BYTES_MAX + AEAD_TAG_BYTES <= ENVELOPE_BYTES_MAX,
    "the longest welcome fits"
);

/// The tail of a welcome travels in at most this many envelopes.
pub const APART_ENVELOPES_MAX: usize = 4;
/// The longest tail that can travel apart: at 1,000 members it has about half of it.
pub const APART_BYTES_MAX: usize = APART_ENVELOPES_MAX * MESSAGE_BYTES_MAX;
/// The key is used for one tail, whenever that travels.
const APART_WEEK: Week = Week(0);

/// The tail of a welcome that travels in envelopes of its own.
#[derive(Clone, PartialEq, Eq)]
pub struct Apart {
    /// Under which they are sealed: a topic secret that is used for nothing else.
    pub secret: TopicSecret,
    /// Their names, in order. Who seals for one recipient cannot give another a false one.
    pub envelopes: Vec<EnvelopeId>,
}

impl fmt::Debug for Apart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Apart").field("envelopes", &self.envelopes).finish_non_exhaustive()
    }
}

impl Apart {
    /// Seals the tail of the welcomes into an epoch, once for all who are welcomed.
    pub fn seal(secret: TopicSecret, epoch: EpochId, tail: &[u8]) -> Result<(Self, Vec<Envelope>), SealError> {
        if tail.len() > APART_BYTES_MAX {
            return Err(SealError::TooLong { bytes: tail.len() });
        }
        let seal = |part: &[u8]| Envelope::seal(&secret, APART_WEEK, &Content { epoch, message: part.to_vec() });
        let envelopes = tail.chunks(MESSAGE_BYTES_MAX).map(seal).collect::<Result<Vec<_>, _>>()?;
        let names = envelopes.iter().map(Envelope::id).collect();
        Ok((Self { secret, envelopes: names }, envelopes))
    }
}

/// What a welcome envelope holds.
#[derive(Clone, PartialEq, Eq)]
pub struct WelcomeContent {
    /// The group's id.
    pub group: [u8; 16],
    /// The epoch that the commit with this invitation made.
    pub epoch: EpochId,
    /// The MLS welcome; its beginning, if the rest travels apart.
    pub welcome: Vec<u8>,
    /// Where its rest is.
    pub apart: Option<Apart>,
    /// The signed card of who invites.
    pub inviter_card: Vec<u8>,
    /// The epochs above that epoch, as far as the inviter knows them, the nearest first: at most [`ABOVE_MAX`].
    pub above: Vec<EpochId>,
}

impl fmt::Debug for WelcomeContent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WelcomeContent").field("epoch", &self.epoch).finish_non_exhaustive()
    }
}

impl WelcomeContent {
    /// Puts the rest behind the beginning. These are the envelopes that [`Apart`] names, in any order; another one, or one
    /// too few, is a forgery.
    pub fn complete(&mut self, envelopes: &[Envelope]) -> Result<(), Unopenable> {
        let Some(apart) = self.apart.take() else { return Ok(()) };
        for name in &apart.envelopes {
            let part = envelopes.iter().find(|envelope| envelope.id() == *name).ok_or(Unopenable::Forged)?;
            let content = part.open(&apart.secret, APART_WEEK)?;
            if content.epoch != self.epoch {
                return Err(Unopenable::Content(Malformed::Invalid { what: "the epoch" }));
            }
            self.welcome.extend_from_slice(&content.message);
        }
        Ok(())
    }

    pub(crate) fn encode_padded(&self) -> Result<Zeroizing<Vec<u8>>, SealError> {
        let apart_bytes =
            self.apart.as_ref().map_or(0, |apart| 33_usize.saturating_add(apart.envelopes.len().saturating_mul(32)));
        let above_bytes = self.above.len().saturating_mul(32);
        let parts = [self.welcome.len(), self.inviter_card.len(), apart_bytes, above_bytes];
        let bytes = parts.into_iter().fold(0, usize::saturating_add);
        if bytes > PADDED_BYTES_MAX - OVERHEAD_BYTES {
            return Err(SealError::TooLong { bytes });
        }
        let mut writer = Writer::with_capacity(bytes.saturating_add(OVERHEAD_BYTES));
        writer.u8(if self.apart.is_some() { APART_VERSION } else { VERSION });
        writer.array(&self.group).array(&self.epoch.0).bytes(&self.welcome).bytes(&self.inviter_card);
        write_above(&mut writer, &self.above);
        if let Some(apart) = &self.apart {
            writer.array(apart.secret.as_bytes()).u8(u8::try_from(apart.envelopes.len()).unwrap_or(u8::MAX));
            for name in &apart.envelopes {
                writer.array(&name.0);
            }
        }
        padding::pad(writer)
    }

    pub(crate) fn decode_padded(padded: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(padded);
        let is_apart = padded.first() == Some(&APART_VERSION);
        reader.version(if is_apart { APART_VERSION } else { VERSION })?;
        let mut content = Self {
            group: reader.array()?,
            epoch: EpochId(reader.array()?),
            welcome: reader.bytes("the welcome", PADDED_BYTES_MAX)?.to_vec(),
            inviter_card: reader.bytes("the inviter's card", PADDED_BYTES_MAX)?.to_vec(),
            above: read_above(&mut reader)?,
            apart: None,
        };
        if is_apart {
            content.apart = Some(Apart::read(&mut reader)?);
        }
        padding::check(padded.len(), reader)?;
        Ok(content)
    }
}

/// Writes the epochs above one.
pub(super) fn write_above(writer: &mut Writer, above: &[EpochId]) {
    writer.count(above.len().min(ABOVE_MAX));
    for epoch in above.iter().take(ABOVE_MAX) {
        writer.array(&epoch.0);
    }
}

/// Reads the epochs above one.
pub(super) fn read_above(reader: &mut Reader<'_>) -> Result<Vec<EpochId>, Malformed> {
    let count = reader.count("the epochs above", ABOVE_MAX)?;
    (0..count).map(|_| reader.array().map(EpochId)).collect()
}

impl Apart {
    fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        let secret = TopicSecret::from_bytes(reader.array()?);
        let count = usize::from(reader.u8()?);
        if !(1..=APART_ENVELOPES_MAX).contains(&count) {
            return Err(Malformed::Invalid { what: "the number of envelopes" });
        }
        let envelopes = (0..count).map(|_| reader.array().map(EnvelopeId)).collect::<Result<Vec<_>, _>>()?;
        if envelopes.iter().enumerate().any(|(at, name)| envelopes.iter().take(at).any(|other| other == name)) {
            return Err(Malformed::Invalid { what: "an envelope that is named twice" });
        }
        Ok(Self { secret, envelopes })
    }
}

impl Envelope {
    /// Seals an invitation to one node's mailbox.
    pub fn seal_welcome<R: CryptoRng + ?Sized>(
        mailbox: &MailboxPublic,
        content: &WelcomeContent,
        mut rng: &mut R,
    ) -> Result<Self, SealError> {
        let padded = content.encode_padded()?;
        let tag = mailbox.tag();
        let mut writer = header(Kind::Welcome, tag);
        let bad_key = |_| SealError::BadMailboxKey;
        let recipient = <X25519HkdfSha256 as Kem>::PublicKey::from_bytes(&mailbox.0).map_err(bad_key)?;
        let (encapsulated, sealed) = hpke::single_shot_seal_with_rng::<ChaCha20Poly1305, HkdfSha256, X25519HkdfSha256>(
            &OpModeS::Base,
            &recipient,
            CONTEXT,
            &padded,
            writer.written(),
            &mut rng,
        )
        .map_err(bad_key)?;
        writer.array(&encapsulated.to_bytes()).array(&sealed);
        Ok(Self { kind: Kind::Welcome, tag, bytes: writer.into_bytes() })
    }

    /// Opens an invitation with the node's mailbox key.
    pub fn open_welcome(&self, keys: &NodeKeys) -> Result<WelcomeContent, Unopenable> {
        let (header, body) = self.parts(Kind::Welcome, keys.mailbox_public().tag())?;
        let (encapsulated, sealed) = body.split_at_checked(ENCAPSULATED_BYTES).ok_or(Unopenable::Forged)?;
        let forged = |_| Unopenable::Forged;
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
        WelcomeContent::decode_padded(&Zeroizing::new(padded)).map_err(Unopenable::Content)
    }
}
