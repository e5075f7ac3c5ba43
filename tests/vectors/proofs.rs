//! Proofs of identities: for each that holds, and for each reason to refuse one, the bytes and what must come of them.

mod mail;
mod oidc;

use std::sync::LazyLock;

use data_encoding::{BASE64, HEXLOWER};
use ring::signature::{KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair};
use serde_json::{Value, json};
use tidings_crypto::identity::{AccountKey, AccountPublic};
use tidings_crypto::proof::{
    AuthorityKey, Basis, Evidence, Identity, Known, Proof, ProofId, ProofPolicy, SeenKey, Verdict,
};

use crate::Script;
use crate::ours::assert_is_written_down;

/// 2026-11-23, and a day in milliseconds.
const NOW_MS: u64 = 1_795_392_000_000;
const DAY_MS: u64 = 24 * 60 * 60 * 1000;

const ACCOUNT: [u8; 32] = [0x11; 32];
const OTHER_ACCOUNT: [u8; 32] = [0x12; 32];
const OPENING: [u8; 32] = [0x77; 32];

fn account() -> AccountKey {
    AccountKey::generate(&mut Script::of(&[&ACCOUNT]))
}

fn other_account() -> AccountKey {
    AccountKey::generate(&mut Script::of(&[&OTHER_ACCOUNT]))
}

fn encode(bytes: &[u8]) -> String {
    HEXLOWER.encode(bytes)
}

static KEYS: LazyLock<Value> = LazyLock::new(|| serde_json::from_str(include_str!("proofs_keys.json")).unwrap());

/// An RSA key that was written down.
struct Rsa(RsaKeyPair);

impl Rsa {
    fn named(name: &str) -> Self {
        let pkcs8 = BASE64.decode(KEYS[name].as_str().unwrap().as_bytes()).unwrap();
        Self(RsaKeyPair::from_pkcs8(&pkcs8).unwrap())
    }

    /// The signature is one of the kind that needs no randomness.
    fn sign(&self, message: &[u8]) -> Vec<u8> {
        let mut signature = vec![0; self.0.public().modulus_len()];
        self.0.sign(&RSA_PKCS1_SHA256, &ring::rand::SystemRandom::new(), message, &mut signature).unwrap();
        signature
    }

    fn modulus(&self) -> Vec<u8> {
        let components: ring::signature::RsaPublicKeyComponents<Vec<u8>> = self.0.public_key().into();
        components.n
    }

    fn public(&self) -> AuthorityKey {
        AuthorityKey::rsa(&self.modulus(), &[1, 0, 1]).unwrap()
    }
}

/// A proof, what the verifier knows, and what must come of both.
struct Case {
    name: &'static str,
    proof: Vec<u8>,
    account: AccountPublic,
    now_ms: u64,
    keys: Vec<SeenKey>,
    withdrawn: Vec<ProofId>,
    expected: Expected,
}

enum Expected {
    Holds(Basis),
    Refused(&'static str),
}

impl Case {
    fn holds(name: &'static str, proof: &Proof, basis: Basis) -> Self {
        Self::of(name, proof.bytes().to_vec(), Expected::Holds(basis))
    }

    fn refused(name: &'static str, proof: &Proof, why: &'static str) -> Self {
        Self::of(name, proof.bytes().to_vec(), Expected::Refused(why))
    }

    fn of(name: &'static str, proof: Vec<u8>, expected: Expected) -> Self {
        let (keys, withdrawn) = (Vec::new(), Vec::new());
        Self { name, proof, account: account().public(), now_ms: NOW_MS, keys, withdrawn, expected }
    }

    /// Checks the case, and gives what is written down of it.
    fn checked(&self, policy: &ProofPolicy) -> Value {
        let known = Known { keys: &self.keys, withdrawn: &self.withdrawn };
        let verdict = match Proof::decode(&self.proof) {
            Ok(proof) => {
                assert_eq!(proof.bytes(), self.proof, "{}: the encoding is canonical", self.name);
                proof.verify(&self.account, self.now_ms, &known, policy)
            }
            Err(malformed) => Err(malformed.into()),
        };
        let outcome = match (&verdict, &self.expected) {
            (Ok(verdict), Expected::Holds(basis)) if verdict.basis == *basis => described(verdict),
            (Err(refused), Expected::Refused(why)) if refused.to_string() == *why => json!({ "refused": why }),
            _ => panic!("{}: {verdict:?}, {:?}", self.name, verdict.as_ref().map_err(ToString::to_string).err()),
        };
        let seen = |key: &SeenKey| json!({ "id": encode(&key.id.0), "first_ms": key.first_ms, "last_ms": key.last_ms });
        let withdrawn = self.withdrawn.iter().map(|id| encode(&id.0));
        json!({
            "case": self.name,
            "proof": encode(&self.proof),
            "account_public": encode(&self.account.0),
            "now_ms": self.now_ms,
            "seen_keys": self.keys.iter().map(seen).collect::<Vec<_>>(),
            "withdrawn": withdrawn.collect::<Vec<_>>(),
            "outcome": outcome,
        })
    }
}

fn described(verdict: &Verdict) -> Value {
    let basis = match verdict.basis {
        Basis::Verified => "verified",
        Basis::Carried => "carried",
    };
    let identity = match &verdict.identity {
        Identity::Oidc { issuer, subject, email } => json!({ "issuer": issuer, "subject": subject, "email": email }),
        Identity::Mail { address } => json!({ "address": address }),
    };
    json!({
        "basis": basis,
        "identity": identity,
        "identity_key": encode(&verdict.identity.key()),
        "signing_key_id": verdict.key.map(|key| encode(&key.0)),
        "made_at_ms": verdict.made_at_ms,
        "expires_at_ms": verdict.expires_at_ms,
    })
}

/// A key that was seen at the time of the vectors.
fn seen(id: tidings_crypto::proof::KeyId) -> SeenKey {
    SeenKey { id, first_ms: NOW_MS - 40 * DAY_MS, last_ms: NOW_MS }
}

/// What came of a case may not depend on the order in which the checks are made only: nothing else is wrong with it.
fn damaged(proof: &Proof, at_from_end: usize) -> Vec<u8> {
    let mut bytes = proof.bytes().to_vec();
    let at = bytes.len() - at_from_end;
    bytes[at] ^= 1;
    bytes
}

fn signed(evidence: &Evidence) -> Proof {
    Proof::sign(evidence, &account()).unwrap()
}

/// Checks all cases and compares them, and what is around them, with the file.
fn assert_cases(file: &str, mut around: Value, policy: &ProofPolicy, cases: &[Case]) {
    let checked: Vec<Value> = cases.iter().map(|case| case.checked(policy)).collect();
    around["policy"] = json!({
        "issuers": policy.issuers.iter()
            .map(|accepted| json!({ "issuer": accepted.issuer, "client_ids": accepted.client_ids }))
            .collect::<Vec<_>>(),
        "valid_ms": policy.valid_ms,
        "clock_slack_ms": policy.clock_slack_ms,
        "key_slack_ms": policy.key_slack_ms,
    });
    around["cases"] = checked.into();
    assert_is_written_down(file, &around);
}
