//! Wycheproof: hostile signatures and keys, through what the node calls when a stranger sends them.

use std::io::Write as _;
use std::path::PathBuf;

use serde_json::Value;
use tidings_crypto::codec::Writer;
use tidings_crypto::envelope::{Envelope, EpochId, Unopenable, WelcomeContent};
use tidings_crypto::identity::{NodeKeys, Signature, SignaturePublic};

use crate::{Script, hex, hex_array, hpke};

/// The groups of a file, or nothing, said aloud, where the file is missing.
fn groups(file: &str) -> Vec<Value> {
    let beside = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/vectors");
    let folder = std::env::var_os("TIDINGS_VECTORS").map_or(beside, PathBuf::from);
    let path = folder.join("wycheproof").join(file);
    let Ok(text) = std::fs::read_to_string(&path) else {
        let path = path.display();
        writeln!(std::io::stderr(), "SKIPPED: no Wycheproof vectors at {path}; set TIDINGS_VECTORS").unwrap();
        return Vec::new();
    };
    let file: Value = serde_json::from_str(&text).unwrap();
    file["testGroups"].as_array().unwrap().clone()
}

fn cases(group: &Value) -> &[Value] {
    group["tests"].as_array().unwrap()
}

#[test]
fn ed25519_signatures_are_judged_as_wycheproof_says() {
    let (mut accepted, mut refused) = (0, 0);
    let groups = groups("ed25519_test.json");
    for group in &groups {
        let key = SignaturePublic(hex_array(&group["publicKey"], "pk"));
        for case in cases(group) {
            let signature = <[u8; 64]>::try_from(hex(case, "sig")).map(Signature);
            let valid = signature.is_ok_and(|signature| key.verify_mls(&hex(case, "msg"), &signature).is_ok());
            assert_eq!(valid, case["result"] == "valid", "{case}");
            if valid { accepted += 1 } else { refused += 1 }
        }
    }
    assert!(groups.is_empty() || (accepted, refused) == (88, 63), "{accepted} accepted, {refused} refused");
}

/// A welcome as PROTOCOL §4.5 specifies it, sealed by whoever has the result of X25519.
fn welcome(recipient: &NodeKeys, encapsulated: &[u8; 32], shared: &[u8; 32]) -> Envelope {
    let content = expected();
    let mut padded = Writer::new();
    padded.u8(1).array(&content.group).array(&content.epoch.0).bytes(&content.welcome).bytes(&content.inviter_card);
    let mut padded = padded.into_bytes();
    padded.resize(256, 0);
    let mailbox = recipient.mailbox_public();
    let header = [&[1, 2], mailbox.tag().0.as_slice()].concat();
    let sealed = hpke::seal(shared, encapsulated, &mailbox.0, b"tidings v1 welcome", &header, &padded);
    Envelope::decode(&[header.as_slice(), encapsulated, &sealed].concat()).unwrap()
}

fn expected() -> WelcomeContent {
    WelcomeContent {
        group: [1; 16],
        epoch: EpochId([2; 32]),
        welcome: vec![3; 50],
        apart: None,
        inviter_card: vec![4; 60],
        above: Vec::new(),
    }
}

#[test]
fn x25519_opens_a_welcome_for_every_point_but_those_that_contribute_nothing() {
    let (mut opened, mut refused) = (0, 0);
    let groups = groups("x25519_test.json");
    for case in groups.iter().flat_map(cases) {
        let private: [u8; 32] = hex_array(case, "private");
        let (public, shared): ([u8; 32], [u8; 32]) = (hex_array(case, "public"), hex_array(case, "shared"));
        let recipient = NodeKeys::generate(&mut Script::of(&[&[1; 32], &private, &[2; 32]]));
        let result = welcome(&recipient, &public, &shared).open_welcome(&recipient);
        if shared == [0; 32] {
            assert_eq!(result, Err(Unopenable::Forged), "{case}");
            refused += 1;
        } else {
            assert_eq!(result, Ok(expected()), "{case}");
            opened += 1;
        }
    }
    assert!(groups.is_empty() || (opened, refused) == (487, 31), "{opened} opened, {refused} refused");
}
