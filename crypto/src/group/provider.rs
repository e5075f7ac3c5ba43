//! What OpenMLS computes with: our two suites on the crates that the rest of Tidings uses (PROTOCOL §2).
//!
//! A [`Provider`] lives for one operation. Its randomness is a stream seeded by the caller's generator, so the same
//! seed gives the same bytes; reading needs no randomness and gets a provider that has none. OpenMLS seals the
//! secrets of an update path on several threads at once, in no fixed order, so an ephemeral HPKE key is derived from
//! the seed and what it seals instead of being drawn from the stream.

mod kem;

use std::cell::RefCell;

use chacha20poly1305::{
    ChaCha20Poly1305,
    aead::{Aead, KeyInit, Payload},
};
use openmls_traits::{OpenMlsProvider, crypto::OpenMlsCrypto, random::OpenMlsRand, types};
use rand_chacha::ChaCha20Rng;
use rand_core::{CryptoRng, Rng, SeedableRng};
use sha2::{Digest, Sha256};
use tls_codec::SecretVLBytes;
use types::{
    AeadType, Ciphersuite, CryptoError, ExporterSecret, HashType, HpkeCiphertext, HpkeConfig, HpkeKeyPair, KemOutput,
    SignatureScheme,
};
use zeroize::Zeroizing;

use super::{storage::Overlay, suite::Suite};
use kem::Agreement;

/// Cryptography, randomness and storage for one operation on one epoch.
pub(crate) struct Provider<'rows> {
    crypto: Crypto,
    rand: Rand,
    storage: Overlay<'rows>,
}

impl<'rows> Provider<'rows> {
    /// For operations that draw randomness: one seed is taken from `rng`.
    pub(crate) fn seeded<R: CryptoRng + ?Sized>(storage: Overlay<'rows>, rng: &mut R) -> Self {
        let mut stream_seed = Zeroizing::new([0; 32]);
        let mut hpke_seed = Zeroizing::new([0; 32]);
        rng.fill_bytes(stream_seed.as_mut_slice());
        rng.fill_bytes(hpke_seed.as_mut_slice());
        let stream = ChaCha20Rng::from_seed(*stream_seed);
        Self { crypto: Crypto { hpke_seed: Some(hpke_seed) }, rand: Rand(Some(RefCell::new(stream))), storage }
    }

    /// For operations that only read or receive: asking it for randomness is an error.
    pub(crate) fn without_randomness(storage: Overlay<'rows>) -> Self {
        Self { crypto: Crypto { hpke_seed: None }, rand: Rand(None), storage }
    }
}

impl<'rows> OpenMlsProvider for Provider<'rows> {
    type CryptoProvider = Crypto;
    type RandProvider = Rand;
    type StorageProvider = Overlay<'rows>;

    fn storage(&self) -> &Overlay<'rows> {
        &self.storage
    }

    fn crypto(&self) -> &Crypto {
        &self.crypto
    }

    fn rand(&self) -> &Rand {
        &self.rand
    }
}

/// A random stream, or none.
pub(crate) struct Rand(Option<RefCell<ChaCha20Rng>>);

/// Randomness was asked of a provider that has none.
#[derive(Debug, thiserror::Error)]
#[error("this operation was given no randomness")]
pub(crate) struct NoRandomness;

impl OpenMlsRand for Rand {
    type Error = NoRandomness;

    fn random_array<const N: usize>(&self) -> Result<[u8; N], NoRandomness> {
        let mut bytes = [0; N];
        self.0.as_ref().ok_or(NoRandomness)?.borrow_mut().fill_bytes(&mut bytes);
        Ok(bytes)
    }

    fn random_vec(&self, len: usize) -> Result<Vec<u8>, NoRandomness> {
        let mut bytes = vec![0; len];
        self.0.as_ref().ok_or(NoRandomness)?.borrow_mut().fill_bytes(&mut bytes);
        Ok(bytes)
    }
}

/// The primitives of the [`Suite`]s and no others.
#[derive(Default)]
pub(crate) struct Crypto {
    hpke_seed: Option<Zeroizing<[u8; 32]>>,
}

impl Crypto {
    /// The generator of one ephemeral key: a function of the seed and of everything that is sealed with it.
    fn ephemeral(&self, inputs: [&[u8]; 4]) -> Result<ChaCha20Rng, CryptoError> {
        let seed = self.hpke_seed.as_ref().ok_or(CryptoError::InsufficientRandomness)?;
        let mut hasher = blake3::Hasher::new_keyed(seed);
        for input in inputs {
            let length = u64::try_from(input.len()).map_err(|_| CryptoError::TooMuchData)?;
            hasher.update(&length.to_be_bytes()).update(input);
        }
        let ephemeral_seed = Zeroizing::new(*hasher.finalize().as_bytes());
        Ok(ChaCha20Rng::from_seed(*ephemeral_seed))
    }
}

fn only_sha256(hash: HashType) -> Result<(), CryptoError> {
    if hash == HashType::Sha2_256 { Ok(()) } else { Err(CryptoError::UnsupportedHashAlgorithm) }
}

fn only_ed25519(scheme: SignatureScheme) -> Result<(), CryptoError> {
    if scheme == SignatureScheme::ED25519 { Ok(()) } else { Err(CryptoError::UnsupportedSignatureScheme) }
}

fn cipher(algorithm: AeadType, key: &[u8], nonce: &[u8]) -> Result<(ChaCha20Poly1305, [u8; 12]), CryptoError> {
    if algorithm != AeadType::ChaCha20Poly1305 {
        return Err(CryptoError::UnsupportedAeadAlgorithm);
    }
    let nonce = nonce.try_into().map_err(|_| CryptoError::InvalidLength)?;
    let cipher = ChaCha20Poly1305::new_from_slice(key).map_err(|_| CryptoError::InvalidLength)?;
    Ok((cipher, nonce))
}

impl OpenMlsCrypto for Crypto {
    fn supports(&self, ciphersuite: Ciphersuite) -> Result<(), CryptoError> {
        Suite::of_mls(ciphersuite).map(|_| ()).ok_or(CryptoError::UnsupportedCiphersuite)
    }

    fn supported_ciphersuites(&self) -> Vec<Ciphersuite> {
        Suite::ALL.map(Suite::to_mls).to_vec()
    }

    fn hkdf_extract(&self, hash: HashType, salt: &[u8], ikm: &[u8]) -> Result<SecretVLBytes, CryptoError> {
        only_sha256(hash)?;
        Ok(hkdf::Hkdf::<Sha256>::extract(Some(salt), ikm).0.as_slice().into())
    }

    fn hmac(&self, hash: HashType, key: &[u8], message: &[u8]) -> Result<SecretVLBytes, CryptoError> {
        use hmac::{Hmac, KeyInit, Mac};

        only_sha256(hash)?;
        let mut mac = Hmac::<Sha256>::new_from_slice(key).map_err(|_| CryptoError::InvalidLength)?;
        mac.update(message);
        Ok(mac.finalize().into_bytes().as_slice().into())
    }

    fn hkdf_expand(
        &self,
        hash: HashType,
        prk: &[u8],
        info: &[u8],
        okm_len: usize,
    ) -> Result<SecretVLBytes, CryptoError> {
        only_sha256(hash)?;
        let kdf = hkdf::Hkdf::<Sha256>::from_prk(prk).map_err(|_| CryptoError::HkdfOutputLengthInvalid)?;
        let mut okm = vec![0; okm_len];
        kdf.expand(info, &mut okm).map_err(|_| CryptoError::HkdfOutputLengthInvalid)?;
        Ok(okm.into())
    }

    fn hash(&self, hash: HashType, data: &[u8]) -> Result<Vec<u8>, CryptoError> {
        only_sha256(hash)?;
        Ok(Sha256::digest(data).to_vec())
    }

    fn aead_encrypt(
        &self,
        algorithm: AeadType,
        key: &[u8],
        data: &[u8],
        nonce: &[u8],
        aad: &[u8],
    ) -> Result<Vec<u8>, CryptoError> {
        let (cipher, nonce) = cipher(algorithm, key, nonce)?;
        cipher.encrypt(&nonce.into(), Payload { msg: data, aad }).map_err(|_| CryptoError::CryptoLibraryError)
    }

    fn aead_decrypt(
        &self,
        algorithm: AeadType,
        key: &[u8],
        ct_tag: &[u8],
        nonce: &[u8],
        aad: &[u8],
    ) -> Result<Vec<u8>, CryptoError> {
        let (cipher, nonce) = cipher(algorithm, key, nonce)?;
        cipher.decrypt(&nonce.into(), Payload { msg: ct_tag, aad }).map_err(|_| CryptoError::AeadDecryptionError)
    }

    /// Refused: signature keys belong to nodes, and nodes make them ([`crate::identity::NodeKeys`]).
    fn signature_key_gen(&self, _scheme: SignatureScheme) -> Result<(Vec<u8>, Vec<u8>), CryptoError> {
        Err(CryptoError::UnsupportedSignatureScheme)
    }

    fn verify_signature(
        &self,
        scheme: SignatureScheme,
        data: &[u8],
        pk: &[u8],
        signature: &[u8],
    ) -> Result<(), CryptoError> {
        only_ed25519(scheme)?;
        let key_bytes: &[u8; 32] = pk.try_into().map_err(|_| CryptoError::InvalidPublicKey)?;
        let key = ed25519_dalek::VerifyingKey::from_bytes(key_bytes).map_err(|_| CryptoError::InvalidPublicKey)?;
        let signature = ed25519_dalek::Signature::from_slice(signature).map_err(|_| CryptoError::InvalidSignature)?;
        key.verify_strict(data, &signature).map_err(|_| CryptoError::InvalidSignature)
    }

    fn sign(&self, scheme: SignatureScheme, data: &[u8], key: &[u8]) -> Result<Vec<u8>, CryptoError> {
        use ed25519_dalek::Signer;

        only_ed25519(scheme)?;
        let seed: &[u8; 32] = key.try_into().map_err(|_| CryptoError::InvalidLength)?;
        Ok(ed25519_dalek::SigningKey::from_bytes(seed).sign(data).to_bytes().to_vec())
    }

    fn hpke_seal(
        &self,
        config: HpkeConfig,
        pk_r: &[u8],
        info: &[u8],
        aad: &[u8],
        ptxt: &[u8],
    ) -> Result<HpkeCiphertext, CryptoError> {
        let rng = self.ephemeral([pk_r, info, aad, ptxt])?;
        Agreement::of(&config)?.seal(pk_r, info, aad, ptxt, rng)
    }

    fn hpke_open(
        &self,
        config: HpkeConfig,
        input: &HpkeCiphertext,
        sk_r: &[u8],
        info: &[u8],
        aad: &[u8],
    ) -> Result<Vec<u8>, CryptoError> {
        Agreement::of(&config)?.open(input, sk_r, info, aad)
    }

    fn hpke_setup_sender_and_export(
        &self,
        config: HpkeConfig,
        pk_r: &[u8],
        info: &[u8],
        exporter_context: &[u8],
        exporter_length: usize,
    ) -> Result<(KemOutput, ExporterSecret), CryptoError> {
        let rng = self.ephemeral([pk_r, info, exporter_context, b"export"])?;
        Agreement::of(&config)?.send_export(pk_r, info, exporter_context, exporter_length, rng)
    }

    fn hpke_setup_receiver_and_export(
        &self,
        config: HpkeConfig,
        enc: &[u8],
        sk_r: &[u8],
        info: &[u8],
        exporter_context: &[u8],
        exporter_length: usize,
    ) -> Result<ExporterSecret, CryptoError> {
        Agreement::of(&config)?.receive_export(enc, sk_r, info, exporter_context, exporter_length)
    }

    fn derive_hpke_keypair(&self, config: HpkeConfig, ikm: &[u8]) -> Result<HpkeKeyPair, CryptoError> {
        Ok(Agreement::of(&config)?.derive(ikm))
    }
}

#[cfg(test)]
#[expect(clippy::arithmetic_side_effects, reason = "a test counts its cases")]
mod tests;
