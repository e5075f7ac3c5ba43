//! A key that seals values at rest (PROTOCOL §8.3).

use std::fmt;

use chacha20poly1305::aead::{Aead as _, KeyInit as _, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use rand_core::CryptoRng;
use zeroize::{ZeroizeOnDrop, Zeroizing};

use crate::identity::random_secret;

const VERSION: u8 = 1;
const NONCE_BYTES: usize = 24;

/// A key that seals what is stored: XChaCha20-Poly1305 with a random nonce in front.
#[derive(Clone, ZeroizeOnDrop)]
pub struct DatabaseKey([u8; 32]);

impl fmt::Debug for DatabaseKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DatabaseKey").finish_non_exhaustive()
    }
}

/// A stored value that does not open: damaged, moved from its place, or sealed under another key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a stored value does not open: it is damaged, or belongs to another place or database")]
pub struct Unsealable;

impl DatabaseKey {
    /// How many bytes a sealed value has more than what it holds.
    pub const OVERHEAD_BYTES: usize = 41;

    /// A new key.
    pub fn generate<R: CryptoRng + ?Sized>(rng: &mut R) -> Self {
        Self(*random_secret(rng))
    }

    /// The key with these bytes, as [`Self::expose`] gave them.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The key's bytes, to be sealed under another key and kept.
    pub fn expose(&self) -> &[u8; 32] {
        &self.0
    }

    /// The key of a part of the database.
    #[must_use]
    pub fn derive(&self, label: &str) -> Self {
        let mut hasher = blake3::Hasher::new_derive_key("tidings v1 derived database key");
        Self(*hasher.update(&self.0).update(label.as_bytes()).finalize().as_bytes())
    }

    /// What encrypts the pages of the database's file (PROTOCOL §8.8): a derived key of 32 bytes, in hexadecimal digits.
    pub fn of_file(&self) -> Zeroizing<String> {
        let key = self.derive("tidings v1 database file");
        Zeroizing::new(blake3::Hash::from_bytes(key.0).to_hex().to_string())
    }

    /// Seals a value for its place: `context` names the place (table, column, row) and must be the same when it is
    /// opened, so that a value moved elsewhere does not open.
    pub fn seal<R: CryptoRng + ?Sized>(&self, context: &[u8], plaintext: &[u8], rng: &mut R) -> Vec<u8> {
        let mut nonce = [0; NONCE_BYTES];
        rng.fill_bytes(&mut nonce);
        let payload = Payload { msg: plaintext, aad: &associated(context) };
        let sealed = XChaCha20Poly1305::new((&self.0).into()).encrypt(&XNonce::from(nonce), payload);
        #[expect(clippy::expect_used, reason = "our own invariant: no value in memory has 256 GiB")]
        let sealed = sealed.expect("the cipher refuses only plaintexts of 256 GiB or more");
        [&[VERSION], nonce.as_slice(), &sealed].concat()
    }

    /// Opens a value that was sealed for this place.
    pub fn open(&self, context: &[u8], sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, Unsealable> {
        let (version, sealed) = sealed.split_first().ok_or(Unsealable)?;
        let (nonce, sealed) = sealed.split_first_chunk::<NONCE_BYTES>().ok_or(Unsealable)?;
        if *version != VERSION {
            return Err(Unsealable);
        }
        let payload = Payload { msg: sealed, aad: &associated(context) };
        let opened = XChaCha20Poly1305::new((&self.0).into()).decrypt(&XNonce::from(*nonce), payload);
        opened.map(Zeroizing::new).map_err(|_| Unsealable)
    }
}

fn associated(context: &[u8]) -> Vec<u8> {
    [b"tidings v1 sealed value".as_slice(), &[0, VERSION], context].concat()
}
