//! Deposits (PROTOCOL §4.7): an envelope, and a few words with it, as they lie at a mailbox, sealed to the mailbox key of
//! the node that they are for with HPKE (RFC 9180, base mode, X25519, HKDF-SHA256, ChaCha20-Poly1305).
//!
//! Whoever keeps it sees its size and nothing else: not the topic's tag, not whether it is a welcome or a message, not
//! whether two deposits hold the same envelope. Who made it is said and proved inside the envelope.

use hpke::aead::ChaCha20Poly1305;
use hpke::kdf::HkdfSha256;
use hpke::kem::X25519HkdfSha256;
use hpke::{Deserializable as _, Kem, OpModeR, OpModeS, Serializable as _};
use rand_core::CryptoRng;
use zeroize::Zeroizing;

use super::welcome::ENCAPSULATED_BYTES;
use super::{AEAD_TAG_BYTES, ENVELOPE_BYTES_MAX, SealError, Unopenable};
use crate::identity::{MailboxPublic, NodeKeys};

/// A deposit is at most this many bytes.
pub const DEPOSIT_BYTES_MAX: usize = DEPOSIT_OVERHEAD_BYTES + DEPOSITED_BYTES_MAX;
/// What is sealed is at most this many bytes: an envelope, and room for what is said with it.
pub const DEPOSITED_BYTES_MAX: usize = ENVELOPE_BYTES_MAX + 256;
/// A deposit is longer than what is sealed by this many bytes.
pub const DEPOSIT_OVERHEAD_BYTES: usize = HEADER_BYTES + ENCAPSULATED_BYTES + AEAD_TAG_BYTES;

const CONTEXT: &[u8] = b"tidings v1 deposit";
const VERSION: u8 = 1;
/// The version, which is authenticated with what is sealed.
const HEADER_BYTES: usize = 1;

/// Seals bytes of at most [`DEPOSITED_BYTES_MAX`], whose length tells nothing (an envelope is padded), for the node with
/// this mailbox key.
pub fn seal_deposit<R: CryptoRng + ?Sized>(
    bytes: &[u8],
    mailbox: &MailboxPublic,
    mut rng: &mut R,
) -> Result<Vec<u8>, SealError> {
    if bytes.len() > DEPOSITED_BYTES_MAX {
        return Err(SealError::TooLong { bytes: bytes.len() });
    }
    let bad_key = |_| SealError::BadMailboxKey;
    let recipient = <X25519HkdfSha256 as Kem>::PublicKey::from_bytes(&mailbox.0).map_err(bad_key)?;
    let (encapsulated, sealed) = hpke::single_shot_seal_with_rng::<ChaCha20Poly1305, HkdfSha256, X25519HkdfSha256>(
        &OpModeS::Base,
        &recipient,
        CONTEXT,
        bytes,
        &[VERSION],
        &mut rng,
    )
    .map_err(bad_key)?;
    Ok([[VERSION].as_slice(), &encapsulated.to_bytes(), &sealed].concat())
}

/// Opens a deposit with the node's mailbox key: what was sealed, which is not looked into here.
pub fn open_deposit(deposit: &[u8], keys: &NodeKeys) -> Result<Vec<u8>, Unopenable> {
    let forged = |_| Unopenable::Forged;
    let (header, body) = deposit.split_at_checked(HEADER_BYTES).ok_or(Unopenable::Forged)?;
    if header != [VERSION] || deposit.len() > DEPOSIT_BYTES_MAX {
        return Err(Unopenable::Forged);
    }
    let (encapsulated, sealed) = body.split_at_checked(ENCAPSULATED_BYTES).ok_or(Unopenable::Forged)?;
    let secret = Zeroizing::new(*keys.mailbox_secret());
    let secret = <X25519HkdfSha256 as Kem>::PrivateKey::from_bytes(secret.as_slice()).map_err(forged)?;
    let encapsulated = <X25519HkdfSha256 as Kem>::EncappedKey::from_bytes(encapsulated).map_err(forged)?;
    hpke::single_shot_open::<ChaCha20Poly1305, HkdfSha256, X25519HkdfSha256>(
        &OpModeR::Base,
        &secret,
        &encapsulated,
        CONTEXT,
        sealed,
        header,
    )
    .map_err(forged)
}

#[cfg(test)]
mod tests {
    use rand_chacha::ChaCha20Rng;
    use rand_core::SeedableRng as _;

    use super::*;

    #[test]
    fn a_deposit_is_opened_by_whom_it_is_for_and_looks_different_each_time() {
        let mut rng = ChaCha20Rng::from_seed([1; 32]);
        let (mine, other) = (NodeKeys::generate(&mut rng), NodeKeys::generate(&mut rng));
        for envelope in [vec![], vec![7; 300], vec![9; DEPOSITED_BYTES_MAX]] {
            let deposit = seal_deposit(&envelope, &mine.mailbox_public(), &mut rng).unwrap();
            assert_eq!(deposit.len(), envelope.len() + DEPOSIT_OVERHEAD_BYTES);
            assert_eq!(open_deposit(&deposit, &mine), Ok(envelope.clone()));
            assert_eq!(open_deposit(&deposit, &other), Err(Unopenable::Forged));
            assert_ne!(seal_deposit(&envelope, &mine.mailbox_public(), &mut rng).unwrap(), deposit);
        }
        let too_long = vec![0; DEPOSITED_BYTES_MAX + 1];
        assert!(seal_deposit(&too_long, &mine.mailbox_public(), &mut rng).is_err());
        assert!(seal_deposit(&[1], &MailboxPublic([0; 32]), &mut rng).is_err());
    }

    #[test]
    fn a_deposit_that_was_touched_does_not_open() {
        let mut rng = ChaCha20Rng::from_seed([2; 32]);
        let keys = NodeKeys::generate(&mut rng);
        let deposit = seal_deposit(&[5; 64], &keys.mailbox_public(), &mut rng).unwrap();
        for at in 0..deposit.len() {
            let mut touched = deposit.clone();
            touched[at] ^= 1;
            assert!(open_deposit(&touched, &keys).is_err(), "{at}");
            assert!(open_deposit(&deposit[..at], &keys).is_err(), "{at}");
        }
    }
}
