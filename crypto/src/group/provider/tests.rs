//! Wycheproof, through the provider that MLS runs on. The vectors lie outside the project (`../shared/vectors` beside
//! its root, or where `TIDINGS_VECTORS` says); where they are missing, that is said on the standard error.

use std::io::Write as _;
use std::path::PathBuf;

use data_encoding::HEXLOWER;
use openmls_traits::crypto::OpenMlsCrypto as _;
use openmls_traits::types::{AeadType, HashType, SignatureScheme};
use serde_json::Value;

use super::Crypto;

/// Each case of a file with its group; nothing, said aloud, where the file is missing.
fn cases(file: &str) -> Vec<(Value, Value)> {
    let beside = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/vectors");
    let folder = std::env::var_os("TIDINGS_VECTORS").map_or(beside, PathBuf::from);
    let path = folder.join("wycheproof").join(file);
    let Ok(text) = std::fs::read_to_string(&path) else {
        let path = path.display();
        writeln!(std::io::stderr(), "SKIPPED: no Wycheproof vectors at {path}; set TIDINGS_VECTORS").unwrap();
        return Vec::new();
    };
    let file: Value = serde_json::from_str(&text).unwrap();
    let groups = file["testGroups"].as_array().unwrap();
    let cases = groups.iter().flat_map(|group| {
        let cases = group["tests"].as_array().unwrap();
        cases.iter().map(|case| (group.clone(), case.clone()))
    });
    cases.collect()
}

fn hex(value: &Value) -> Vec<u8> {
    HEXLOWER.decode(value.as_str().unwrap().as_bytes()).unwrap()
}

/// Runs every case, and checks how many were valid and how many not, so that none is passed over.
fn assert_judged(file: &str, counts: (usize, usize), judge: impl Fn(&Value, &Value) -> bool) {
    let cases = cases(file);
    if cases.is_empty() {
        return;
    }
    let mut judged = (0, 0);
    for (group, case) in &cases {
        let valid = judge(group, case);
        assert_eq!(valid, case["result"] == "valid", "{case}");
        let count = if valid { &mut judged.0 } else { &mut judged.1 };
        *count += 1;
    }
    assert_eq!(judged, counts);
}

#[test]
fn ed25519_signatures_are_judged_as_wycheproof_says() {
    assert_judged("ed25519_test.json", (88, 63), |group, case| {
        let (key, signature) = (hex(&group["publicKey"]["pk"]), hex(&case["sig"]));
        Crypto::default().verify_signature(SignatureScheme::ED25519, &hex(&case["msg"]), &key, &signature).is_ok()
    });
}

#[test]
fn chacha20_poly1305_seals_and_opens_as_wycheproof_says() {
    assert_judged("chacha20_poly1305_test.json", (256, 69), |_, case| {
        let (key, nonce, associated) = (hex(&case["key"]), hex(&case["iv"]), hex(&case["aad"]));
        let (message, sealed) = (hex(&case["msg"]), [hex(&case["ct"]), hex(&case["tag"])].concat());
        let cipher = AeadType::ChaCha20Poly1305;
        let Ok(opened) = Crypto::default().aead_decrypt(cipher, &key, &sealed, &nonce, &associated) else {
            return false;
        };
        let resealed = Crypto::default().aead_encrypt(cipher, &key, &message, &nonce, &associated);
        assert_eq!((opened, resealed), (message, Ok(sealed)), "{case}");
        true
    });
}

#[test]
fn hkdf_sha256_derives_as_wycheproof_says() {
    assert_judged("hkdf_sha256_test.json", (83, 3), |_, case| {
        let hash = HashType::Sha2_256;
        let length = usize::try_from(case["size"].as_u64().unwrap()).unwrap();
        let key = Crypto::default().hkdf_extract(hash, &hex(&case["salt"]), &hex(&case["ikm"])).unwrap();
        let derived = Crypto::default().hkdf_expand(hash, key.as_slice(), &hex(&case["info"]), length);
        derived.is_ok_and(|derived| derived.as_slice() == hex(&case["okm"]))
    });
}
