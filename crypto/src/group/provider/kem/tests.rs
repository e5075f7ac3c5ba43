//! X-Wing by the vectors of draft-connolly-cfrg-xwing-kem (appendix C), and HPKE over it by a second computation of
//! RFC 9180's key schedule from what those vectors say is agreed on.

use chacha20poly1305::{
    ChaCha20Poly1305 as Cipher,
    aead::{Aead as _, KeyInit as _, Payload},
};
use data_encoding::HEXLOWER;
use hkdf::Hkdf;
use rand_core::SeedableRng;
use sha2::{Digest as _, Sha256};

use super::*;

/// Seed and so private key, encapsulation's seed, shared secret, SHA-256 of the public and of the encapsulated key.
const VECTORS: [[&str; 5]; 3] = [
    [
        "7f9c2ba4e88f827d616045507605853ed73b8093f6efbc88eb1a6eacfa66ef26",
        "3cb1eea988004b93103cfb0aeefd2a686e01fa4a58e8a3639ca8a1e3f9ae57e2\
         35b8cc873c23dc62b8d260169afa2f75ab916a58d974918835d25e6a435085b2",
        "d2df0522128f09dd8e2c92b1e905c793d8f57a54c3da25861f10bf4ca613e384",
        "2e816deebcd76c5c80d0cd2d174478871658e8e2ff42bc9d4a6e486372e856bb",
        "17cd532d657e44c897ca6583e548a5424fc70bf54f99515a4d2bcf99e3469f33",
    ],
    [
        "badfd6dfaac359a5efbb7bcc4b59d538df9a04302e10c8bc1cbf1a0b3a5120ea",
        "17cda7cfad765f5623474d368ccca8af0007cd9f5e4c849f167a580b14aabdef\
         aee7eef47cb0fca9767be1fda69419dfb927e9df07348b196691abaeb580b32d",
        "f2e86241c64d60f6649fbc6c5b7d17180b780a3f34355e64a85749949c45f150",
        "c42ba5f8430d7d2c83739338203819f090e8303ce9c8b02107c272bfa5376916",
        "1661ea86d608a1924ba30840cb0a65f13ae051e3aec9cf0f064efc0bc92f2154",
    ],
    [
        "ef58538b8d23f87732ea63b02b4fa0f4873360e2841928cd60dd4cee8cc0d4c9",
        "22a96188d032675c8ac850933c7aff1533b94c834adbb69c6115bad4692d8619\
         f90b0cdf8a7b9c264029ac185b70b83f2801f2f4b3f70c593ea3aeeb613a7f1b",
        "953f7f4e8c5b5049bdc771d1dffada0dd961477d1a2ae0988baa7ea6898d893f",
        "6b080d6b84f095342092fa7a22423e58bd681397ad0ef00eac92bd254db4fa95",
        "d3ca5578500344b5896cffc4fd740c9311946b82951df155e6fd86a7966b43c6",
    ],
];

/// A "generator" that gives the bytes of a vector.
struct Given(Vec<u8>);

impl rand_core::TryRng for Given {
    type Error = core::convert::Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
        unreachable!("X-Wing takes bytes")
    }

    fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
        unreachable!("X-Wing takes bytes")
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Self::Error> {
        bytes.copy_from_slice(&self.0.split_off(self.0.len() - bytes.len()));
        Ok(())
    }
}

impl rand_core::TryCryptoRng for Given {}

fn hex(text: &str) -> Vec<u8> {
    HEXLOWER.decode(text.as_bytes()).unwrap()
}

/// What both sides of a vector hold: private key, public key, encapsulated key, shared secret.
fn agreed([seed, encapsulation_seed, shared, ..]: [&str; 5]) -> (Vec<u8>, Vec<u8>, Vec<u8>, Vec<u8>) {
    let secret = <XWing as Kem>::PrivateKey::from_bytes(&hex(seed)).unwrap();
    let public = XWing::sk_to_pk(&secret);
    let mut given = Given(hex(encapsulation_seed));
    let (sent, encapped) = XWing::encap_with_rng(&public, None, &mut given).unwrap();
    assert_eq!(sent.0.as_slice(), hex(shared));
    let received = XWing::decap(&secret, None, &encapped).unwrap();
    assert_eq!(received.0.as_slice(), hex(shared));
    (hex(seed), public.to_bytes().to_vec(), encapped.to_bytes().to_vec(), hex(shared))
}

#[test]
fn x_wing_agrees_as_its_draft_says() {
    for vector in VECTORS {
        let (_, public, encapped, _) = agreed(vector);
        assert_eq!(Sha256::digest(&public).as_slice(), hex(vector[3]));
        assert_eq!(Sha256::digest(&encapped).as_slice(), hex(vector[4]));
        assert_eq!((public.len(), encapped.len()), (1_216, 1_120));
    }
}

/// The value is SHAKE256, by another program, of the 32 bytes 0 to 31 labelled as draft-ietf-hpke-pq §4 says.
#[test]
fn a_key_pair_is_derived_as_the_draft_of_hpke_says() {
    let ikm: Vec<u8> = (0..32).collect();
    let pair = Agreement::XWing.derive(&ikm);
    let secret = hex("4cb54611511238fb40fe817cac456dc71ea7c408622df6c37b76f4272199dfbe");
    assert_eq!(&*pair.private, secret.as_slice());
    let public = XWing::sk_to_pk(&<XWing as Kem>::PrivateKey::from_bytes(&secret).unwrap());
    assert_eq!(pair.public, public.to_bytes().to_vec());
}

const HPKE_SUITE: &[u8] = b"HPKE\x64\x7a\x00\x01\x00\x03";

fn extract(salt: &[u8], label: &[u8], input: &[u8]) -> Vec<u8> {
    let input = [b"HPKE-v1", HPKE_SUITE, label, input].concat();
    Hkdf::<Sha256>::extract(Some(salt), &input).0.to_vec()
}

fn expand(key: &[u8], label: &[u8], info: &[u8], length: usize) -> Vec<u8> {
    let prefix = u16::try_from(length).unwrap().to_be_bytes();
    let info = [prefix.as_slice(), b"HPKE-v1", HPKE_SUITE, label, info].concat();
    let mut output = vec![0; length];
    Hkdf::<Sha256>::from_prk(key).unwrap().expand(&info, &mut output).unwrap();
    output
}

/// RFC 9180 §5.1, base mode: the secret and the context that everything is expanded from.
fn schedule(shared: &[u8], info: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let context = [vec![0], extract(b"", b"psk_id_hash", b""), extract(b"", b"info_hash", info)].concat();
    (extract(shared, b"secret", b""), context)
}

#[test]
fn hpke_over_x_wing_opens_and_exports_what_the_key_schedule_says() {
    for vector in VECTORS {
        let (secret, _, encapped, shared) = agreed(vector);
        let (key_secret, context) = schedule(&shared, b"some info");
        let key = expand(&key_secret, b"key", &context, 32);
        let nonce: [u8; 12] = expand(&key_secret, b"base_nonce", &context, 12).try_into().unwrap();
        let payload = Payload { msg: b"a path secret", aad: b"a context" };
        let ciphertext = Cipher::new_from_slice(&key).unwrap().encrypt(&nonce.into(), payload).unwrap();
        let input = HpkeCiphertext { kem_output: encapped.clone().into(), ciphertext: ciphertext.into() };
        let opened = Agreement::XWing.open(&input, &secret, b"some info", b"a context");
        assert_eq!(opened.unwrap(), b"a path secret");
        assert!(Agreement::XWing.open(&input, &secret, b"other info", b"a context").is_err());
        let secret_of_exports = expand(&key_secret, b"exp", &context, 32);
        let exported = Agreement::XWing.receive_export(&encapped, &secret, b"some info", b"external", 32).unwrap();
        assert_eq!(&*exported, expand(&secret_of_exports, b"sec", b"external", 32).as_slice());
    }
}

#[test]
fn each_agreement_opens_what_it_sealed_and_nothing_damaged() {
    for agreement in [Agreement::X25519, Agreement::XWing] {
        let rng = || ChaCha20Rng::seed_from_u64(1);
        let pair = agreement.derive(&[7; 32]);
        let sealed = agreement.seal(&pair.public, b"info", b"aad", b"text", rng()).unwrap();
        assert_eq!(agreement.open(&sealed, &pair.private, b"info", b"aad").unwrap(), b"text");
        let mut damaged = sealed.clone();
        let mut bytes = damaged.kem_output.as_slice().to_vec();
        bytes[3] ^= 1;
        damaged.kem_output = bytes.clone().into();
        assert!(agreement.open(&damaged, &pair.private, b"info", b"aad").is_err());
        bytes.pop();
        damaged.kem_output = bytes.into();
        assert!(agreement.open(&damaged, &pair.private, b"info", b"aad").is_err());
        assert!(agreement.seal(&pair.public[1..], b"info", b"aad", b"text", rng()).is_err());
        let (output, sent) = agreement.send_export(&pair.public, b"info", b"context", 32, rng()).unwrap();
        let received = agreement.receive_export(&output, &pair.private, b"info", b"context", 32).unwrap();
        assert_eq!(&*sent, &*received);
    }
}
