//! The keys of those whose word a proof carries: issuers and mail domains (PROTOCOL §7.2).

use std::fmt;

use ring::signature::{ECDSA_P256_SHA256_FIXED, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents, UnparsedPublicKey};

use super::refused::Refused;
use crate::codec::{Malformed, Reader, Writer};
use crate::id::id;
use crate::identity::{self, Signature};

/// The fewest bits of an RSA modulus.
const RSA_BITS_MIN: usize = 2048;
/// The most bits of an RSA modulus: a longer one only costs time.
const RSA_BITS_MAX: usize = 4096;
/// A modulus has at most this many bytes where one is read.
const RSA_BYTES_MAX: usize = 1024;
/// The one public exponent: 65537.
const RSA_EXPONENT: [u8; 3] = [1, 0, 1];

id!(
    /// A key of an issuer or of a mail domain: the hash of both.
    KeyId, 32
);

/// A public key of an issuer or of a mail domain. It can do one thing: verify with the algorithm that it is for.
#[derive(Clone, PartialEq, Eq)]
pub struct AuthorityKey(Kind);

#[derive(Clone, PartialEq, Eq)]
enum Kind {
    /// RSASSA-PKCS1-v1_5 with SHA-256 (RFC 8017 §8.2): the modulus, without leading zeros.
    Rsa(Vec<u8>),
    /// ECDSA on P-256 with SHA-256: the point's x and y.
    P256([u8; 64]),
    /// Ed25519 (RFC 8032).
    Ed25519([u8; 32]),
}

/// What a signature was made with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Algorithm {
    /// `RS256`, `rsa-sha256`.
    Rsa,
    /// `ES256`.
    P256,
    /// `EdDSA`, `ed25519-sha256`.
    Ed25519,
}

impl fmt::Debug for AuthorityKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthorityKey").field("algorithm", &self.algorithm()).finish_non_exhaustive()
    }
}

impl AuthorityKey {
    /// An RSA key of 2048 to 4096 bits with the exponent 65537; both numbers big-endian, without leading zeros.
    pub fn rsa(modulus: &[u8], exponent: &[u8]) -> Result<Self, Refused> {
        let is_one = is_strong(modulus) && exponent == RSA_EXPONENT;
        if is_one { Ok(Self(Kind::Rsa(modulus.to_vec()))) } else { Err(Refused::WeakKey) }
    }

    /// A point of P-256. Whether it is on the curve shows when it verifies something.
    pub fn p256(x: [u8; 32], y: [u8; 32]) -> Self {
        let mut point = [0; 64];
        let (first, second) = point.split_at_mut(32);
        first.copy_from_slice(&x);
        second.copy_from_slice(&y);
        Self(Kind::P256(point))
    }

    /// An Ed25519 key.
    pub fn ed25519(key: [u8; 32]) -> Self {
        Self(Kind::Ed25519(key))
    }

    pub(super) fn algorithm(&self) -> Algorithm {
        match self.0 {
            Kind::Rsa(_) => Algorithm::Rsa,
            Kind::P256(_) => Algorithm::P256,
            Kind::Ed25519(_) => Algorithm::Ed25519,
        }
    }

    /// Verifies a signature that was made with this algorithm; any other than the key's own is refused.
    pub(super) fn verify(&self, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> Result<(), Refused> {
        if algorithm != self.algorithm() {
            return Err(Refused::Algorithm);
        }
        let verified = match &self.0 {
            Kind::Rsa(modulus) if !is_strong(modulus) => return Err(Refused::WeakKey),
            Kind::Rsa(modulus) => {
                let key = RsaPublicKeyComponents { n: modulus.as_slice(), e: RSA_EXPONENT.as_slice() };
                key.verify(&RSA_PKCS1_2048_8192_SHA256, message, signature).is_ok()
            }
            Kind::P256(point) => {
                const UNCOMPRESSED: u8 = 4; // SEC 1 §2.3.3.
                let key = [[UNCOMPRESSED].as_slice(), point].concat();
                UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, key).verify(message, signature).is_ok()
            }
            Kind::Ed25519(key) => {
                let signature = signature.try_into().map(Signature);
                signature.is_ok_and(|signature| identity::verify(key, message, &signature).is_ok())
            }
        };
        if verified { Ok(()) } else { Err(Refused::Signature) }
    }

    /// Its name as an issuer's.
    pub fn id_at_issuer(&self, issuer: &str) -> KeyId {
        let mut writer = Writer::new();
        writer.u8(1).bytes(issuer.as_bytes());
        self.write(&mut writer);
        KeyId(blake3::derive_key("tidings v1 proof key", writer.written()))
    }

    /// Its name as a mail domain's, published under a selector; whether for the domain alone is part of it.
    pub(super) fn id_at_domain(&self, domain: &str, selector: &str, is_strict: bool) -> KeyId {
        let mut writer = Writer::new();
        writer.u8(2).bytes(domain.as_bytes()).bytes(selector.as_bytes()).u8(u8::from(is_strict));
        self.write(&mut writer);
        KeyId(blake3::derive_key("tidings v1 proof key", writer.written()))
    }

    pub(super) fn write(&self, writer: &mut Writer) {
        match &self.0 {
            Kind::Rsa(modulus) => writer.u8(1).bytes(modulus),
            Kind::P256(point) => writer.u8(2).array(point),
            Kind::Ed25519(key) => writer.u8(3).array(key),
        };
    }

    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        let invalid = Malformed::Invalid { what: "the key" };
        match reader.u8()? {
            // How strong it is shows when it verifies something, so that the reason is said.
            1 => match reader.bytes("the key", RSA_BYTES_MAX)? {
                [] | [0, ..] => Err(invalid),
                modulus => Ok(Self(Kind::Rsa(modulus.to_vec()))),
            },
            2 => Ok(Self(Kind::P256(reader.array()?))),
            3 => Ok(Self::ed25519(reader.array()?)),
            _ => Err(invalid),
        }
    }
}

/// Whether a modulus has the right number of bits, and could be the product of two odd primes.
fn is_strong(modulus: &[u8]) -> bool {
    let zeros = modulus.first().map_or(8, |first| first.leading_zeros());
    let bits = modulus.len().saturating_mul(8).saturating_sub(usize::try_from(zeros).unwrap_or(8));
    let is_odd = modulus.last().is_some_and(|last| last & 1 == 1);
    is_odd && zeros < 8 && (RSA_BITS_MIN..=RSA_BITS_MAX).contains(&bits)
}
