//! The vectors read as a second implementation would read them: from the files alone.

use std::path::PathBuf;

use data_encoding::HEXLOWER;
use serde_json::{Value, json};

use super::*;

/// A file of `tests/vectors`.
pub(super) fn vectors(file: &str) -> Value {
    let path = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/vectors")).join(file);
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

const FILES: [&str; 2] = ["proofs_oidc.json", "proofs_mail.json"];

pub(super) struct Case {
    name: String,
    pub(super) proof: Vec<u8>,
    account: AccountPublic,
    now_ms: u64,
    keys: Vec<SeenKey>,
    withdrawn: Vec<ProofId>,
    policy: ProofPolicy,
    pub(super) outcome: Value,
}

pub(super) fn cases() -> Vec<Case> {
    FILES
        .into_iter()
        .map(vectors)
        .flat_map(|file| {
            let policy = policy(&file["policy"]);
            list(&file["cases"]).iter().map(|case| read(case, &policy)).collect::<Vec<_>>()
        })
        .collect()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().unwrap()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

fn bytes(value: &Value) -> Vec<u8> {
    HEXLOWER.decode(value.as_str().unwrap().as_bytes()).unwrap()
}

fn array(value: &Value) -> [u8; 32] {
    bytes(value).try_into().unwrap()
}

fn policy(written: &Value) -> ProofPolicy {
    let number = |name: &str| written[name].as_u64().unwrap();
    let issuer = |written: &Value| AcceptedIssuer {
        issuer: text(&written["issuer"]),
        client_ids: list(&written["client_ids"]).iter().map(text).collect(),
    };
    ProofPolicy {
        issuers: list(&written["issuers"]).iter().map(issuer).collect(),
        valid_ms: number("valid_ms"),
        clock_slack_ms: number("clock_slack_ms"),
        key_slack_ms: number("key_slack_ms"),
    }
}

fn read(written: &Value, policy: &ProofPolicy) -> Case {
    let seen = |written: &Value| SeenKey {
        id: KeyId(array(&written["id"])),
        first_ms: written["first_ms"].as_u64().unwrap(),
        last_ms: written["last_ms"].as_u64().unwrap(),
    };
    Case {
        name: text(&written["case"]),
        proof: bytes(&written["proof"]),
        account: AccountPublic(array(&written["account_public"])),
        now_ms: written["now_ms"].as_u64().unwrap(),
        keys: list(&written["seen_keys"]).iter().map(seen).collect(),
        withdrawn: list(&written["withdrawn"]).iter().map(|id| ProofId(array(id))).collect(),
        policy: policy.clone(),
        outcome: written["outcome"].clone(),
    }
}

fn outcome(verdict: Result<Verdict, Refused>) -> Value {
    let verdict = match verdict {
        Ok(verdict) => verdict,
        Err(refused) => return json!({ "refused": refused.to_string() }),
    };
    let identity = match &verdict.identity {
        Identity::Oidc { issuer, subject, email } => json!({ "issuer": issuer, "subject": subject, "email": email }),
        Identity::Mail { address } => json!({ "address": address }),
    };
    json!({
        "basis": match verdict.basis { Basis::Verified => "verified", Basis::Carried => "carried" },
        "identity": identity,
        "identity_key": HEXLOWER.encode(&verdict.identity.key()),
        "signing_key_id": verdict.key.map(|key| key.to_string()),
        "made_at_ms": verdict.made_at_ms,
        "expires_at_ms": verdict.expires_at_ms,
    })
}

#[test]
fn every_vector_comes_to_what_is_written_down() {
    for case in cases() {
        let known = Known { keys: &case.keys, withdrawn: &case.withdrawn };
        let proof = Proof::decode(&case.proof).map_err(Refused::from);
        let verdict = proof.and_then(|proof| proof.verify(&case.account, case.now_ms, &known, &case.policy));
        assert_eq!(outcome(verdict), case.outcome, "{}", case.name);
    }
}

#[test]
fn no_bit_of_a_proof_can_be_changed_without_its_being_refused() {
    for case in cases().into_iter().filter(|case| case.outcome["basis"].is_string()).step_by(5) {
        let known = Known { keys: &case.keys, withdrawn: &case.withdrawn };
        for at in (0..case.proof.len()).step_by(7) {
            let mut bytes = case.proof.clone();
            bytes[at] ^= 1 << (at % 8);
            let proof = Proof::decode(&bytes).map_err(Refused::from);
            let verdict = proof.and_then(|proof| proof.verify(&case.account, case.now_ms, &known, &case.policy));
            assert!(verdict.is_err(), "{}: byte {at}", case.name);
        }
    }
}

#[test]
fn what_is_printed_of_a_proof_names_nobody() {
    let case = cases().swap_remove(0);
    let proof = Proof::decode(&case.proof).unwrap();
    let verdict = proof.verify(&case.account, case.now_ms, &Known::default(), &case.policy).unwrap();
    let printed = format!("{proof:?} {:?} {verdict:?}", proof.evidence());
    for secret in ["example", "24400320", "eyJ"] {
        assert!(!printed.contains(secret), "{printed}");
    }
}

#[test]
fn an_address_makes_no_other_identity_and_another_subject_does() {
    let oidc = |subject: &str, email: Option<&str>| {
        let (issuer, subject) = ("https://issuer.example".to_owned(), subject.to_owned());
        Identity::Oidc { issuer, subject, email: email.map(str::to_owned) }.key()
    };
    assert_eq!(oidc("7", None), oidc("7", Some("a@b.example")));
    assert_ne!(oidc("7", None), oidc("8", None));
}

#[test]
fn an_rsa_key_has_2048_to_4096_bits_and_the_usual_exponent() {
    let modulus = |bytes: usize, first: u8, last: u8| {
        let mut modulus = vec![0xff; bytes];
        modulus[0] = first;
        modulus[bytes - 1] = last;
        modulus
    };
    let is_one = |modulus: &[u8], exponent: &[u8]| AuthorityKey::rsa(modulus, exponent).is_ok();
    assert!(is_one(&modulus(256, 0x80, 1), &[1, 0, 1]) && is_one(&modulus(512, 0xff, 1), &[1, 0, 1]));
    for (bytes, first, last) in [(256, 0x7f, 1), (255, 0xff, 1), (513, 0x01, 1), (257, 0, 1), (256, 0x80, 2)] {
        assert!(!is_one(&modulus(bytes, first, last), &[1, 0, 1]), "{bytes} {first} {last}");
    }
    for exponent in [[3].as_slice(), &[0, 1, 0, 1], &[1, 0, 2], &[1], &[]] {
        assert!(!is_one(&modulus(256, 0x80, 1), exponent), "{exponent:?}");
    }
    assert!(!is_one(&[], &[1, 0, 1]));
}

#[test]
fn a_point_that_is_not_on_the_curve_verifies_nothing() {
    let key = AuthorityKey::p256([1; 32], [1; 32]);
    assert_eq!(key.verify(key::Algorithm::P256, b"", &[1; 64]), Err(Refused::Signature));
    assert_eq!(key.verify(key::Algorithm::P256, b"", &[]), Err(Refused::Signature));
}
