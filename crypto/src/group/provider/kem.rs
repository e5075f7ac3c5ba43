//! HPKE (RFC 9180) in base mode over the key agreement of a suite: HKDF-SHA256 and ChaCha20-Poly1305 in both.

use hpke::{
    Deserializable, Kem, OpModeR, OpModeS, Serializable,
    aead::ChaCha20Poly1305,
    kdf::HkdfSha256,
    kem::{X25519HkdfSha256, XWing},
};
use openmls_traits::types::{
    CryptoError, ExporterSecret, HpkeAeadType, HpkeCiphertext, HpkeConfig, HpkeKdfType, HpkeKemType, HpkeKeyPair,
    KemOutput,
};
use rand_chacha::ChaCha20Rng;
use zeroize::Zeroizing;

/// How two sides agree on a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Agreement {
    /// DHKEM(X25519, HKDF-SHA256), RFC 9180 §4.1.
    X25519,
    /// X25519 and ML-KEM-768 combined (draft-connolly-cfrg-xwing-kem; in HPKE as draft-ietf-hpke-pq says). A private
    /// key is its 32 bytes of seed, a public key 1,216 bytes, an encapsulated key 1,120.
    XWing,
}

impl Agreement {
    /// The one that OpenMLS asks for; an error if it asks for anything that our suites do not use.
    pub(super) fn of(config: &HpkeConfig) -> Result<Self, CryptoError> {
        match config {
            HpkeConfig(HpkeKemType::DhKem25519, HpkeKdfType::HkdfSha256, HpkeAeadType::ChaCha20Poly1305) => {
                Ok(Self::X25519)
            }
            HpkeConfig(HpkeKemType::XWingKemDraft6, HpkeKdfType::HkdfSha256, HpkeAeadType::ChaCha20Poly1305) => {
                Ok(Self::XWing)
            }
            HpkeConfig(..) => Err(CryptoError::UnsupportedCiphersuite),
        }
    }

    pub(super) fn derive(self, ikm: &[u8]) -> HpkeKeyPair {
        match self {
            Self::X25519 => derive::<X25519HkdfSha256>(ikm),
            Self::XWing => derive::<XWing>(ikm),
        }
    }

    pub(super) fn seal(
        self,
        recipient: &[u8],
        info: &[u8],
        aad: &[u8],
        plaintext: &[u8],
        rng: ChaCha20Rng,
    ) -> Result<HpkeCiphertext, CryptoError> {
        match self {
            Self::X25519 => seal::<X25519HkdfSha256>(recipient, info, aad, plaintext, rng),
            Self::XWing => seal::<XWing>(recipient, info, aad, plaintext, rng),
        }
    }

    pub(super) fn open(
        self,
        input: &HpkeCiphertext,
        secret: &[u8],
        info: &[u8],
        aad: &[u8],
    ) -> Result<Vec<u8>, CryptoError> {
        match self {
            Self::X25519 => open::<X25519HkdfSha256>(input, secret, info, aad),
            Self::XWing => open::<XWing>(input, secret, info, aad),
        }
    }

    pub(super) fn send_export(
        self,
        recipient: &[u8],
        info: &[u8],
        context: &[u8],
        length: usize,
        rng: ChaCha20Rng,
    ) -> Result<(KemOutput, ExporterSecret), CryptoError> {
        match self {
            Self::X25519 => send_export::<X25519HkdfSha256>(recipient, info, context, length, rng),
            Self::XWing => send_export::<XWing>(recipient, info, context, length, rng),
        }
    }

    pub(super) fn receive_export(
        self,
        encapped: &[u8],
        secret: &[u8],
        info: &[u8],
        context: &[u8],
        length: usize,
    ) -> Result<ExporterSecret, CryptoError> {
        match self {
            Self::X25519 => receive_export::<X25519HkdfSha256>(encapped, secret, info, context, length),
            Self::XWing => receive_export::<XWing>(encapped, secret, info, context, length),
        }
    }
}

fn derive<K: Kem>(ikm: &[u8]) -> HpkeKeyPair {
    let (secret, public) = K::derive_keypair(ikm);
    let secret = Zeroizing::new(secret.to_bytes().to_vec());
    HpkeKeyPair { private: secret.as_slice().into(), public: public.to_bytes().to_vec() }
}

fn seal<K: Kem>(
    recipient: &[u8],
    info: &[u8],
    aad: &[u8],
    plaintext: &[u8],
    mut rng: ChaCha20Rng,
) -> Result<HpkeCiphertext, CryptoError> {
    let recipient = K::PublicKey::from_bytes(recipient).map_err(|_| CryptoError::InvalidPublicKey)?;
    let (encapped, ciphertext) = hpke::single_shot_seal_with_rng::<ChaCha20Poly1305, HkdfSha256, K>(
        &OpModeS::Base,
        &recipient,
        info,
        plaintext,
        aad,
        &mut rng,
    )
    .map_err(|_| CryptoError::HpkeEncryptionError)?;
    Ok(HpkeCiphertext { kem_output: encapped.to_bytes().to_vec().into(), ciphertext: ciphertext.into() })
}

fn open<K: Kem>(input: &HpkeCiphertext, secret: &[u8], info: &[u8], aad: &[u8]) -> Result<Vec<u8>, CryptoError> {
    let secret = K::PrivateKey::from_bytes(secret).map_err(|_| CryptoError::HpkeDecryptionError)?;
    let encapped =
        K::EncappedKey::from_bytes(input.kem_output.as_slice()).map_err(|_| CryptoError::HpkeDecryptionError)?;
    hpke::single_shot_open::<ChaCha20Poly1305, HkdfSha256, K>(
        &OpModeR::Base,
        &secret,
        &encapped,
        info,
        input.ciphertext.as_slice(),
        aad,
    )
    .map_err(|_| CryptoError::HpkeDecryptionError)
}

fn send_export<K: Kem>(
    recipient: &[u8],
    info: &[u8],
    context: &[u8],
    length: usize,
    mut rng: ChaCha20Rng,
) -> Result<(KemOutput, ExporterSecret), CryptoError> {
    let recipient = K::PublicKey::from_bytes(recipient).map_err(|_| CryptoError::InvalidPublicKey)?;
    let (encapped, sender) =
        hpke::setup_sender_with_rng::<ChaCha20Poly1305, HkdfSha256, K>(&OpModeS::Base, &recipient, info, &mut rng)
            .map_err(|_| CryptoError::SenderSetupError)?;
    let mut exported = vec![0; length];
    sender.export(context, &mut exported).map_err(|_| CryptoError::ExporterError)?;
    Ok((encapped.to_bytes().to_vec(), exported.into()))
}

fn receive_export<K: Kem>(
    encapped: &[u8],
    secret: &[u8],
    info: &[u8],
    context: &[u8],
    length: usize,
) -> Result<ExporterSecret, CryptoError> {
    let secret = K::PrivateKey::from_bytes(secret).map_err(|_| CryptoError::ReceiverSetupError)?;
    let encapped = K::EncappedKey::from_bytes(encapped).map_err(|_| CryptoError::ReceiverSetupError)?;
    let receiver = hpke::setup_receiver::<ChaCha20Poly1305, HkdfSha256, K>(&OpModeR::Base, &secret, &encapped, info)
        .map_err(|_| CryptoError::ReceiverSetupError)?;
    let mut exported = vec![0; length];
    receiver.export(context, &mut exported).map_err(|_| CryptoError::ExporterError)?;
    Ok(exported.into())
}

#[cfg(test)]
#[expect(clippy::arithmetic_side_effects, reason = "lengths of a test's own making")]
mod tests;
