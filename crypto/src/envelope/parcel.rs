//! Parcels (PROTOCOL §4.8): what a bundle carries for one node, sealed to its mailbox key with HPKE (RFC 9180, base mode,
//! X25519, HKDF-SHA256, ChaCha20-Poly1305).
//!
//! Whoever carries it sees a size bucket and nothing else: not for whom it is, not from whom, not whether it is an envelope
//! or a card. Who made what is inside is said and proved there.

use hpke::aead::ChaCha20Poly1305;
use hpke::kdf::HkdfSha256;
use hpke::kem::X25519HkdfSha256;
use hpke::{Deserializable as _, Kem, OpModeR, OpModeS, Serializable as _};
use rand_core::CryptoRng;
use zeroize::Zeroizing;

use super::padding::{PADDED_BYTES_MAX, bucket};
use super::welcome::ENCAPSULATED_BYTES;
use super::{AEAD_TAG_BYTES, HEADER_BYTES as ENVELOPE_HEADER_BYTES, SealError, Unopenable};
use crate::codec::{Reader, Writer};
use crate::identity::{MailboxPublic, NodeKeys};

/// A parcel is at most this many bytes.
pub const PARCEL_BYTES_MAX: usize = PARCEL_BYTES_MIN - 256 + PADDED_BYTES_MAX;
/// A parcel is at least this many bytes.
pub const PARCEL_BYTES_MIN: usize = OVERHEAD_BYTES + FIXED_BYTES + 256;

const CONTEXT: &[u8] = b"tidings v1 parcel";
const VERSION: u8 = 1;
/// The version, HPKE's encapsulated key and tag, and the kind and the length of what is inside.
const OVERHEAD_BYTES: usize = 1 + ENCAPSULATED_BYTES + AEAD_TAG_BYTES + 1 + 4;
/// What an envelope is longer than its bucket, at the most: so an envelope, which is padded already, is padded no further.
const FIXED_BYTES: usize = ENVELOPE_HEADER_BYTES + ENCAPSULATED_BYTES + AEAD_TAG_BYTES;
/// So many bytes fit into a parcel.
const INSIDE_BYTES_MAX: usize = FIXED_BYTES + PADDED_BYTES_MAX;

/// What a parcel holds.
#[derive(Clone, PartialEq, Eq)]
pub enum Parcel {
    /// The bytes of an envelope.
    Envelope(Vec<u8>),
    /// The bytes of a signed contact card.
    Card(Vec<u8>),
}

impl std::fmt::Debug for Parcel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (name, bytes) = match self {
            Self::Envelope(bytes) => ("Envelope", bytes),
            Self::Card(bytes) => ("Card", bytes),
        };
        f.debug_tuple(name).field(&bytes.len()).finish()
    }
}

impl Parcel {
    /// Seals it for the node with this mailbox key.
    pub fn seal<R: CryptoRng + ?Sized>(&self, mailbox: &MailboxPublic, mut rng: &mut R) -> Result<Vec<u8>, SealError> {
        let (kind, inside) = match self {
            Self::Envelope(bytes) => (1, bytes),
            Self::Card(bytes) => (2, bytes),
        };
        let too_long = SealError::TooLong { bytes: inside.len() };
        let padded = bucket(inside.len().saturating_sub(FIXED_BYTES), PADDED_BYTES_MAX).ok_or(too_long)?;
        let mut writer = Writer::with_capacity(padded.saturating_add(FIXED_BYTES + 5));
        writer.u8(kind).bytes(inside);
        let mut content = Zeroizing::new(writer.into_bytes());
        content.resize(padded.saturating_add(FIXED_BYTES + 5), 0);
        let bad_key = |_| SealError::BadMailboxKey;
        let recipient = <X25519HkdfSha256 as Kem>::PublicKey::from_bytes(&mailbox.0).map_err(bad_key)?;
        let (encapsulated, sealed) = hpke::single_shot_seal_with_rng::<ChaCha20Poly1305, HkdfSha256, X25519HkdfSha256>(
            &OpModeS::Base,
            &recipient,
            CONTEXT,
            &content,
            &[VERSION],
            &mut rng,
        )
        .map_err(bad_key)?;
        Ok([[VERSION].as_slice(), &encapsulated.to_bytes(), &sealed].concat())
    }

    /// Opens a parcel with the node's mailbox key. One for another node cannot be told from one that was touched.
    pub fn open(sealed: &[u8], keys: &NodeKeys) -> Result<Self, Unopenable> {
        let forged = |_| Unopenable::Forged;
        let (header, body) = sealed.split_at_checked(1).ok_or(Unopenable::Forged)?;
        if header != [VERSION] || sealed.len() > PARCEL_BYTES_MAX {
            return Err(Unopenable::Forged);
        }
        let (encapsulated, body) = body.split_at_checked(ENCAPSULATED_BYTES).ok_or(Unopenable::Forged)?;
        let secret = Zeroizing::new(*keys.mailbox_secret());
        let secret = <X25519HkdfSha256 as Kem>::PrivateKey::from_bytes(secret.as_slice()).map_err(forged)?;
        let encapsulated = <X25519HkdfSha256 as Kem>::EncappedKey::from_bytes(encapsulated).map_err(forged)?;
        let content = hpke::single_shot_open::<ChaCha20Poly1305, HkdfSha256, X25519HkdfSha256>(
            &OpModeR::Base,
            &secret,
            &encapsulated,
            CONTEXT,
            body,
            header,
        );
        Self::of_content(&Zeroizing::new(content.map_err(forged)?)).ok_or(Unopenable::Forged)
    }

    fn of_content(content: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(content);
        let kind = reader.u8().ok()?;
        let inside = reader.bytes("a parcel", INSIDE_BYTES_MAX).ok()?.to_vec();
        let padded = bucket(inside.len().saturating_sub(FIXED_BYTES), PADDED_BYTES_MAX)?;
        let is_padded = content.len() == padded.checked_add(FIXED_BYTES + 5)? && reader.rest().iter().all(|b| *b == 0);
        match kind {
            1 if is_padded => Some(Self::Envelope(inside)),
            2 if is_padded => Some(Self::Card(inside)),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use rand_chacha::ChaCha20Rng;
    use rand_core::SeedableRng as _;

    use super::*;
    use crate::envelope::{Content, Envelope, EpochId, MESSAGE_BYTES_MAX, TopicSecret, Week};

    #[test]
    fn a_parcel_is_opened_by_whom_it_is_for_and_shows_a_bucket_and_no_more() {
        let mut rng = ChaCha20Rng::from_seed([1; 32]);
        let (mine, other) = (NodeKeys::generate(&mut rng), NodeKeys::generate(&mut rng));
        for bytes in [0, 1, 66, 322, 323, 5_000, INSIDE_BYTES_MAX] {
            let (envelope, card) = (Parcel::Envelope(vec![7; bytes]), Parcel::Card(vec![7; bytes]));
            for parcel in [&envelope, &card] {
                let sealed = parcel.seal(&mine.mailbox_public(), &mut rng).unwrap();
                assert!((PARCEL_BYTES_MIN..=PARCEL_BYTES_MAX).contains(&sealed.len()));
                assert_eq!(Parcel::open(&sealed, &mine).as_ref(), Ok(parcel));
                assert_eq!(Parcel::open(&sealed, &other), Err(Unopenable::Forged));
                assert_ne!(parcel.seal(&mine.mailbox_public(), &mut rng).unwrap(), sealed);
            }
            let length = |parcel: &Parcel, rng: &mut _| parcel.seal(&mine.mailbox_public(), rng).unwrap().len();
            assert_eq!(length(&envelope, &mut rng), length(&card, &mut rng));
        }
        assert!(Parcel::Card(vec![0; INSIDE_BYTES_MAX + 1]).seal(&mine.mailbox_public(), &mut rng).is_err());
        assert!(Parcel::Card(vec![0]).seal(&MailboxPublic([0; 32]), &mut rng).is_err());
    }

    #[test]
    fn every_envelope_fits_and_grows_by_no_more_than_its_seal() {
        let mut rng = ChaCha20Rng::from_seed([3; 32]);
        let keys = NodeKeys::generate(&mut rng);
        for bytes in [1, 300, MESSAGE_BYTES_MAX] {
            let content = Content { epoch: EpochId([1; 32]), message: vec![5; bytes] };
            let envelope = Envelope::seal(&TopicSecret::from_bytes([2; 32]), Week(3), &content).unwrap();
            let sealed = Parcel::Envelope(envelope.bytes().to_vec()).seal(&keys.mailbox_public(), &mut rng).unwrap();
            assert!(sealed.len() - envelope.bytes().len() <= OVERHEAD_BYTES + 8);
        }
    }

    #[test]
    fn a_parcel_that_was_touched_does_not_open() {
        let mut rng = ChaCha20Rng::from_seed([2; 32]);
        let keys = NodeKeys::generate(&mut rng);
        let sealed = Parcel::Envelope(vec![5; 64]).seal(&keys.mailbox_public(), &mut rng).unwrap();
        for at in 0..sealed.len() {
            let mut touched = sealed.clone();
            touched[at] ^= 1;
            assert!(Parcel::open(&touched, &keys).is_err(), "{at}");
            assert!(Parcel::open(&sealed[..at], &keys).is_err(), "{at}");
        }
    }

    #[test]
    fn content_that_is_not_padded_as_it_must_be_is_none() {
        let whole = |kind: u8, length: usize, padding: usize| {
            let mut writer = Writer::with_capacity(0);
            writer.u8(kind).bytes(&vec![1; length]);
            [writer.into_bytes(), vec![0; padding]].concat()
        };
        assert!(Parcel::of_content(&whole(1, 70, FIXED_BYTES + 256 - 70)).is_some());
        for (kind, length, padding) in [(0, 70, 252), (3, 70, 252), (1, 70, 251), (1, 70, 253), (1, 70, 508), (1, 0, 0)]
        {
            assert!(Parcel::of_content(&whole(kind, length, padding)).is_none(), "{kind} {length} {padding}");
        }
        let mut filled = whole(1, 70, 252);
        *filled.last_mut().unwrap() = 1;
        assert!(Parcel::of_content(&filled).is_none());
    }
}
