//! HPKE in base mode with X25519, HKDF-SHA256 and ChaCha20-Poly1305 (RFC 9180 §4 and §5), from its primitives:
//! a second implementation of what seals our welcomes.

use chacha20poly1305::aead::{Aead as _, KeyInit as _, Payload};
use chacha20poly1305::{ChaCha20Poly1305, Nonce};
use hkdf::Hkdf;
use sha2::Sha256;

const KEM_SUITE: &[u8] = b"KEM\x00\x20";
const HPKE_SUITE: &[u8] = b"HPKE\x00\x20\x00\x01\x00\x03";

fn labeled_extract(suite: &[u8], salt: &[u8], label: &[u8], input: &[u8]) -> [u8; 32] {
    let input = [b"HPKE-v1", suite, label, input].concat();
    Hkdf::<Sha256>::extract(Some(salt), &input).0.into()
}

fn labeled_expand<const N: usize>(suite: &[u8], prk: &[u8; 32], label: &[u8], info: &[u8]) -> [u8; N] {
    let length = u16::try_from(N).unwrap().to_be_bytes();
    let info = [length.as_slice(), b"HPKE-v1", suite, label, info].concat();
    let mut output = [0; N];
    Hkdf::<Sha256>::from_prk(prk).unwrap().expand(&info, &mut output).unwrap();
    output
}

/// What the sender seals, given the result of X25519.
pub(crate) fn seal(
    shared: &[u8; 32],
    encapsulated: &[u8; 32],
    recipient: &[u8; 32],
    info: &[u8],
    associated: &[u8],
    plaintext: &[u8],
) -> Vec<u8> {
    let prk = labeled_extract(KEM_SUITE, b"", b"eae_prk", shared);
    let kem_context = [encapsulated.as_slice(), recipient].concat();
    let secret: [u8; 32] = labeled_expand(KEM_SUITE, &prk, b"shared_secret", &kem_context);
    let psk_id_hash = labeled_extract(HPKE_SUITE, b"", b"psk_id_hash", b"");
    let info_hash = labeled_extract(HPKE_SUITE, b"", b"info_hash", info);
    let context = [&[0], psk_id_hash.as_slice(), &info_hash].concat();
    let secret = labeled_extract(HPKE_SUITE, &secret, b"secret", b"");
    let key: [u8; 32] = labeled_expand(HPKE_SUITE, &secret, b"key", &context);
    let nonce: [u8; 12] = labeled_expand(HPKE_SUITE, &secret, b"base_nonce", &context);
    let payload = Payload { msg: plaintext, aad: associated };
    ChaCha20Poly1305::new(&key.into()).encrypt(&Nonce::from(nonce), payload).unwrap()
}
