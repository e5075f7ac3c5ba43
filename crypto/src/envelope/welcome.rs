//! Welcomes (PROTOCOL §4.5): sealed to one node's mailbox key with HPKE (RFC 9180, base mode, X25519,
//! HKDF-SHA256, ChaCha20-Poly1305). Who invites is said and proved inside, by the card and by MLS.

use std::fmt;

use hpke::aead::ChaCha20Poly1305;
use hpke::kdf::HkdfSha256;
use hpke::kem::X25519HkdfSha256;
use hpke::{Deserializable as _, Kem, OpModeR, OpModeS, Serializable as _};
use rand_core::CryptoRng;
use zeroize::Zeroizing;

use super::{
    AEAD_TAG_BYTES, ENVELOPE_BYTES_MAX, Envelope, EpochId, HEADER_BYTES, Kind, PADDED_BYTES_MAX, SealError, Unopenable,
    header, padding,
};
use crate::codec::{Malformed, Reader, Writer};
use crate::identity::{MailboxPublic, NodeKeys};

/// HPKE's encapsulated key.
pub(super) const ENCAPSULATED_BYTES: usize = 32;
const CONTEXT: &[u8] = b"tidings v1 welcome";
const VERSION: u8 = 1;
/// Version, group, epoch and two lengths.
const OVERHEAD_BYTES: usize = 57;
const _: () = assert!(
    HEADER_BYTES + ENCAPSULATED_BYTES + PADDED_BYTES_MAX + AEAD_TAG_BYTES <= ENVELOPE_BYTES_MAX,
    "the longest welcome fits"
);

/// The longest MLS welcome that fits beside any card.
pub const WELCOME_BYTES_MAX: usize = PADDED_BYTES_MAX - OVERHEAD_BYTES - crate::card::CARD_BYTES_MAX;

/// What a welcome envelope holds.
#[derive(Clone, PartialEq, Eq)]
pub struct WelcomeContent {
    /// The group's id.
    pub group: [u8; 16],
    /// The epoch that the commit with this invitation made.
    pub epoch: EpochId,
    /// The MLS welcome.
    pub welcome: Vec<u8>,
    /// The signed card of who invites.
    pub inviter_card: Vec<u8>,
}

impl fmt::Debug for WelcomeContent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WelcomeContent").field("epoch", &self.epoch).finish_non_exhaustive()
    }
}

impl WelcomeContent {
    pub(crate) fn encode_padded(&self) -> Result<Zeroizing<Vec<u8>>, SealError> {
        let bytes = self.welcome.len().saturating_add(self.inviter_card.len());
        if bytes > PADDED_BYTES_MAX - OVERHEAD_BYTES {
            return Err(SealError::TooLong { bytes });
        }
        let mut writer = Writer::with_capacity(bytes.saturating_add(OVERHEAD_BYTES));
        writer.u8(VERSION).array(&self.group).array(&self.epoch.0);
        writer.bytes(&self.welcome).bytes(&self.inviter_card);
        padding::pad(writer)
    }

    pub(crate) fn decode_padded(padded: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(padded);
        reader.version(VERSION)?;
        let content = Self {
            group: reader.array()?,
            epoch: EpochId(reader.array()?),
            welcome: reader.bytes("the welcome", PADDED_BYTES_MAX)?.to_vec(),
            inviter_card: reader.bytes("the inviter's card", PADDED_BYTES_MAX)?.to_vec(),
        };
        padding::check(padded.len(), reader)?;
        Ok(content)
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
