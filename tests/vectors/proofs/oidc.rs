//! Proofs that rest on the token of an OpenID issuer.

use data_encoding::BASE64URL_NOPAD;
use serde_json::{Value, json};
use tidings_crypto::proof::{
    AcceptedIssuer, AuthorityKey, Basis, Evidence, IssuerKeys, OidcEvidence, Proof, ProofPolicy, SeenKey, oidc_nonce,
};

use super::{
    Case, DAY_MS, Expected, KEYS, NOW_MS, OPENING, Rsa, account, assert_cases, damaged, encode, other_account, seen,
    signed,
};

const ISSUER: &str = "https://issuer.example";
const ISSUED_AT_S: u64 = (NOW_MS - DAY_MS) / 1000;

/// A token whose signature (ECDSA) would be another each time, and the key that signed it.
const ES256_X: &str = "vHvplC0y5379O9cz-yChv7EhxErWnwi-2wgruge7E7w";
const ES256_Y: &str = "82xGuAbFOFfXY5AhpeO4VekTwtvOs_ybi2VkLnH8TR0";
const ES256_SIGNATURE: &str = "RSzMRetl8l5a4M8uMR3pyMuHe0OPmB8DwlqBcPen6bbD5U8Xp1aFwAksCFD7dCojZ6f_4SEsCQhy8zmuyhnaGw";

fn policy() -> ProofPolicy {
    let clients = ["tidings", "tidings-at-home"].map(str::to_owned).to_vec();
    let issuer = |issuer: &str| AcceptedIssuer { issuer: issuer.to_owned(), client_ids: clients.clone() };
    ProofPolicy { issuers: vec![issuer("https://accounts.example"), issuer(ISSUER)], ..ProofPolicy::default() }
}

/// Claims as an issuer makes them, each as raw JSON; an empty one is left out.
fn claims(changed: &[(&str, &str)]) -> String {
    let nonce = format!("\"{}\"", oidc_nonce(&account().public(), &OPENING));
    let (issued, expires) = (ISSUED_AT_S.to_string(), (ISSUED_AT_S + 600).to_string());
    let by = format!("\"{ISSUER}\"");
    let mut members = vec![
        ("iss", by.as_str()),
        ("sub", r#""24400320""#),
        ("aud", r#""tidings""#),
        ("exp", &expires),
        ("iat", &issued),
        ("nonce", &nonce),
        ("email", r#""zoe@example.org""#),
        ("email_verified", "true"),
    ];
    for change in changed {
        match members.iter_mut().find(|(name, _)| *name == change.0) {
            Some(member) => *member = *change,
            None => members.push(*change),
        }
    }
    let members: Vec<String> = members
        .iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(name, value)| format!("\"{name}\":{value}"))
        .collect();
    format!("{{{}}}", members.join(","))
}

const HEADER: &str = r#"{"alg":"RS256","typ":"JWT","kid":"rsa-1"}"#;

fn unsigned(header: &str, claims: &str) -> String {
    format!("{}.{}", BASE64URL_NOPAD.encode(header.as_bytes()), BASE64URL_NOPAD.encode(claims.as_bytes()))
}

fn token_by(key: &Rsa, header: &str, claims: &str) -> String {
    let signed = unsigned(header, claims);
    format!("{signed}.{}", BASE64URL_NOPAD.encode(&key.sign(signed.as_bytes())))
}

fn evidence(id_token: String, key: AuthorityKey) -> Evidence {
    Evidence::Oidc(OidcEvidence { id_token, key, opening: OPENING })
}

/// A proof with a token of which something is changed, signed as it should be.
fn with(changed: &[(&str, &str)]) -> Proof {
    let key = Rsa::named("rsa");
    signed(&evidence(token_by(&key, HEADER, &claims(changed)), key.public()))
}

fn with_header(header: &str) -> Proof {
    let key = Rsa::named("rsa");
    signed(&evidence(token_by(&key, header, &claims(&[])), key.public()))
}

fn es256() -> (AuthorityKey, String) {
    let array = |text: &str| BASE64URL_NOPAD.decode(text.as_bytes()).unwrap().try_into().unwrap();
    let token = unsigned(r#"{"alg":"ES256","kid":"ec-1"}"#, &claims(&[]));
    (AuthorityKey::p256(array(ES256_X), array(ES256_Y)), format!("{token}.{ES256_SIGNATURE}"))
}

/// What an issuer signs with Ed25519; the account's key type serves as its key.
fn eddsa() -> (AuthorityKey, String) {
    use ring::signature::{Ed25519KeyPair, KeyPair as _};
    let key = Ed25519KeyPair::from_seed_unchecked(&[0x21; 32]).unwrap();
    let token = unsigned(r#"{"alg":"EdDSA"}"#, &claims(&[]));
    let signature = BASE64URL_NOPAD.encode(key.sign(token.as_bytes()).as_ref());
    (AuthorityKey::ed25519(key.public_key().as_ref().try_into().unwrap()), format!("{token}.{signature}"))
}

fn those_that_hold() -> Vec<Case> {
    let good = with(&[]);
    let id = Rsa::named("rsa").public().id_at_issuer(ISSUER);
    let elsewhere = Rsa::named("rsa").public().id_at_issuer("https://accounts.example");
    let long_ago = SeenKey { id, first_ms: NOW_MS - 90 * DAY_MS, last_ms: NOW_MS - 31 * DAY_MS - 1000 };
    let just = SeenKey { last_ms: NOW_MS - 31 * DAY_MS, ..long_ago };
    let ((es256, es256_token), (eddsa, eddsa_token)) = (es256(), eddsa());
    let (es256_id, eddsa_id) = (es256.id_at_issuer(ISSUER), eddsa.id_at_issuer(ISSUER));
    let es256 = signed(&evidence(es256_token, es256));
    let eddsa = signed(&evidence(eddsa_token, eddsa));
    let carried = |name, proof: &Proof| Case::holds(name, proof, Basis::Carried);
    let verified = |name, proof: &Proof, key| Case { keys: vec![key], ..Case::holds(name, proof, Basis::Verified) };
    vec![
        carried("the key is known from the proof alone", &good),
        verified("the verifier saw the key at the issuer", &good, seen(id)),
        verified("the key was last seen 30 days before the proof was made", &good, just),
        Case { keys: vec![long_ago], ..carried("the key was last seen earlier than that", &good) },
        Case { keys: vec![seen(elsewhere)], ..carried("the key was seen at another issuer", &good) },
        verified("signed with ES256", &es256, seen(es256_id)),
        verified("signed with EdDSA", &eddsa, seen(eddsa_id)),
        carried("without an address", &with(&[("email", ""), ("email_verified", "")])),
        carried("for a list of programs, all of them ours", &with(&[("aud", r#"["tidings","tidings-at-home"]"#)])),
        carried("issued to one of our programs", &with(&[("azp", r#""tidings-at-home""#)])),
        Case { now_ms: NOW_MS + 364 * DAY_MS - 1, ..carried("the last millisecond", &good) },
        Case { now_ms: NOW_MS - DAY_MS - 5 * 60 * 1000, ..carried("by a clock that is five minutes behind", &good) },
    ]
}

fn those_with_another_token() -> Vec<Case> {
    const AUDIENCE: &str = "the proof was issued to another program";
    const UNVERIFIED: &str = "the issuer has not verified the e-mail address";
    let refused = |name, changed: &[(&str, &str)], why| Case::refused(name, &with(changed), why);
    let malformed = "the proof is malformed: a JSON object that names something twice is not valid";
    let twice = claims(&[]).replace(r#""aud":"tidings""#, r#""aud":"tidings","\u0061ud":"tidings""#);
    let key = Rsa::named("rsa");
    let twice = signed(&evidence(token_by(&key, HEADER, &twice), key.public()));
    let nonce = format!("\"{}\"", oidc_nonce(&other_account().public(), &OPENING));
    vec![
        refused(
            "another issuer",
            &[("iss", r#""https://issuer.example/""#)],
            "the issuer is not one that this node accepts",
        ),
        refused("no issuer", &[("iss", "")], "the proof is malformed: iss is not valid"),
        refused("another program", &[("aud", r#""another-program""#)], AUDIENCE),
        refused("another program too", &[("aud", r#"["tidings","another-program"]"#)], AUDIENCE),
        refused("no program", &[("aud", "[]")], AUDIENCE),
        refused("issued to another program", &[("azp", r#""another-program""#)], AUDIENCE),
        refused("another account's nonce", &[("nonce", &nonce)], "the proof was made for another account key"),
        refused("no nonce", &[("nonce", "")], "the proof is malformed: nonce is not valid"),
        refused("an address that is not verified", &[("email_verified", "false")], UNVERIFIED),
        refused("verified in a text", &[("email_verified", r#""true""#)], UNVERIFIED),
        refused("an address of which nothing is said", &[("email_verified", "")], UNVERIFIED),
        refused(
            "an address with a line break",
            &[("email", r#""a@b\nc""#)],
            "the proof is malformed: email is not valid",
        ),
        refused("an empty subject", &[("sub", r#""""#)], "the proof is malformed: sub is not valid"),
        refused("a subject that is a number", &[("sub", "7")], "the proof is malformed: sub is not valid"),
        refused("no time", &[("iat", "")], "the proof is malformed: iat is not valid"),
        refused("a time with a fraction", &[("iat", "1795305600.5")], "the proof is malformed: iat is not valid"),
        refused(
            "a time past all times",
            &[("iat", "18446744073709551615")],
            "the proof is malformed: iat is not valid",
        ),
        refused("over before it began", &[("exp", "1")], "the proof is malformed: exp is not valid"),
        Case::refused("a claim twice", &twice, malformed),
    ]
}

fn those_with_another_header() -> Vec<Case> {
    const ALGORITHM: &str = "the proof is signed with an algorithm that is not allowed";
    let refused = |name, header: &str, why| Case::refused(name, &with_header(header), why);
    let unsigned = format!("{}.", unsigned(r#"{"alg":"none"}"#, &claims(&[])));
    let none = signed(&evidence(unsigned, Rsa::named("rsa").public()));
    // ECDSA's key with a header that says RS256: the key decides, and the two must agree.
    let (es256, token) = es256();
    let (_, signature) = token.rsplit_once('.').unwrap();
    let mixed = format!("{}.{signature}", self::unsigned(HEADER, &claims(&[])));
    vec![
        Case::refused("not signed at all", &none, ALGORITHM),
        refused("an algorithm of secrets", r#"{"alg":"HS256"}"#, ALGORITHM),
        refused("another padding of RSA", r#"{"alg":"PS256"}"#, ALGORITHM),
        refused("an algorithm in another case", r#"{"alg":"rs256"}"#, ALGORITHM),
        refused("no algorithm", "{}", ALGORITHM),
        Case::refused("another algorithm than the key's", &signed(&evidence(mixed, es256)), ALGORITHM),
        refused("an extension", r#"{"alg":"RS256","crit":["exp"]}"#, "the proof is malformed: crit is not valid"),
        refused(
            "a header that says two things",
            r#"{"alg":"RS256","alg":"RS256"}"#,
            "the proof is malformed: a JSON object that names something twice is not valid",
        ),
    ]
}

fn those_with_another_signature() -> Vec<Case> {
    const SIGNATURE: &str = "the issuer did not sign the proof";
    const TOKEN: &str = "the proof is malformed: the token is not valid";
    let (rsa, other) = (Rsa::named("rsa"), Rsa::named("other"));
    let token = token_by(&rsa, HEADER, &claims(&[]));
    let refused = |name, token: String, why| Case::refused(name, &signed(&evidence(token, rsa.public())), why);
    let changed = {
        let (_, signature) = token.rsplit_once('.').unwrap();
        format!("{}.{signature}", unsigned(HEADER, &claims(&[("sub", r#""24400321""#)])))
    };
    let modulus = KEYS["modulus_1024"].as_str().unwrap();
    let modulus = data_encoding::HEXLOWER.decode(modulus.as_bytes()).unwrap();
    // The key is not made with `AuthorityKey::rsa`, which would refuse it: its place in a proof's bytes is taken.
    let weak = {
        let good = signed(&evidence(token.clone(), rsa.public()));
        let bytes = good.bytes();
        let at = bytes.len() - 64 - 32 - 256 - 4;
        let mut bytes = [&bytes[..at], &128_u32.to_be_bytes(), &modulus, &OPENING].concat();
        bytes.extend_from_slice(&account().sign("tidings v1 identity proof", &bytes).0);
        bytes
    };
    let weak = Case::of(
        "an RSA key of 1024 bits",
        weak,
        Expected::Refused("the key that signed the proof is too weak or unusual"),
    );
    let long = "a".repeat(9_000);
    let sub = format!("\"{}\"", "7".repeat(256));
    vec![
        refused("signed with another key", token_by(&other, HEADER, &claims(&[])), SIGNATURE),
        refused("a claim changed afterwards", changed, SIGNATURE),
        refused("no signature", format!("{}.", unsigned(HEADER, &claims(&[]))), SIGNATURE),
        refused("two parts", unsigned(HEADER, &claims(&[])), TOKEN),
        refused("four parts", format!("{token}.AAAA"), TOKEN),
        refused("padded", format!("{token}="), TOKEN),
        refused("a line break in it", token.replacen('.', ".\n", 1), TOKEN),
        refused(
            "a subject of 256 characters",
            token_by(&rsa, HEADER, &claims(&[("sub", &sub)])),
            "the proof is malformed: sub is not valid",
        ),
        weak,
        {
            assert!(
                Proof::sign(&evidence(long, rsa.public()), &account()).is_err(),
                "a token over the limit is not signed"
            );
            refused("no token", String::new(), TOKEN)
        },
    ]
}

/// What can be wrong with a proof of any kind.
fn those_with_something_else() -> Vec<Case> {
    let good = with(&[]);
    let Evidence::Oidc(evidence) = good.evidence() else { unreachable!("it is by a token") };
    let others = Proof::sign(good.evidence(), &other_account()).unwrap();
    let refused = |name, why| Case::refused(name, &good, why);
    let bytes = |name, bytes: Vec<u8>, why| Case::of(name, bytes, Expected::Refused(why));
    let changed = |at: usize, to: u8| {
        let mut bytes = good.bytes().to_vec();
        bytes[at] = to;
        bytes
    };
    let opened = signed(&Evidence::Oidc(OidcEvidence { opening: [0x78; 32], ..evidence.clone() }));
    vec![
        Case { now_ms: NOW_MS + 364 * DAY_MS, ..refused("a year after it was made", "the proof has expired") },
        Case {
            now_ms: NOW_MS - DAY_MS - 5 * 60 * 1000 - 1,
            ..refused("more than five minutes before it was made", "the proof is not valid yet")
        },
        Case { withdrawn: vec![good.id()], ..refused("withdrawn", "the proof was withdrawn") },
        Case {
            account: other_account().public(),
            ..refused("shown by somebody else", "the proof is another account's")
        },
        Case {
            account: other_account().public(),
            ..Case::refused(
                "taken by somebody else as their own",
                &others,
                "the proof was made for another account key",
            )
        },
        Case::refused("another opening", &opened, "the proof was made for another account key"),
        bytes("the account's signature damaged", damaged(&good, 1), "the proof is not signed by its account"),
        bytes("the opening changed afterwards", damaged(&good, 65), "the proof is not signed by its account"),
        bytes("cut off", good.bytes()[..300].to_vec(), "the proof is malformed: it is cut off"),
        bytes("nothing", Vec::new(), "the proof is malformed: it is cut off"),
        bytes("of another kind", changed(1, 99), "the proof is malformed: the kind of proof is not valid"),
        bytes("newer", changed(0, 2), "the proof is malformed: it has version 2, and this program knows 1"),
        bytes(
            "something behind it",
            [good.bytes(), &[0]].concat(),
            "the proof is malformed: 1 bytes too many follow it",
        ),
    ]
}

/// A key set as issuers publish them, with keys in it that are for something else.
fn key_set() -> Value {
    let modulus = |name| BASE64URL_NOPAD.encode(&Rsa::named(name).modulus());
    json!({ "keys": [
        { "kty": "RSA", "use": "enc", "kid": "rsa-1", "n": modulus("rsa"), "e": "AQAB" },
        { "kty": "RSA", "use": "sig", "kid": "rsa-2", "n": modulus("other"), "e": "AQAB", "alg": "RS256" },
        { "kty": "RSA", "use": "sig", "kid": "rsa-1", "n": modulus("rsa"), "e": "AQAB", "alg": "RS256" },
        { "kty": "RSA", "use": "sig", "kid": "rsa-3", "n": modulus("rsa"), "e": "Aw" },
        { "kty": "RSA", "use": "sig", "kid": "rsa-4", "n": modulus("rsa"), "e": "AQAB", "alg": "PS256" },
        { "kty": "EC", "crv": "P-256", "kid": "ec-1", "x": ES256_X, "y": ES256_Y },
        { "kty": "EC", "crv": "P-384", "kid": "ec-2", "x": "AA", "y": "AA" },
        { "kty": "oct", "kid": "secret", "k": "AAAA" },
    ]})
}

#[test]
fn proofs_by_an_issuers_token_are_as_written_down() {
    let keys = IssuerKeys::parse(key_set().to_string().as_bytes()).unwrap();
    let ids: Vec<String> = keys.iter().map(|key| encode(&key.id_at_issuer(ISSUER).0)).collect();
    assert_eq!(ids.len(), 3);
    let around = json!({
        "account_seed": encode(&super::ACCOUNT),
        "opening": encode(&OPENING),
        "nonce": oidc_nonce(&account().public(), &OPENING),
        "key_set": key_set(),
        "key_ids_of_the_set": ids,
        "id_token": token_by(&Rsa::named("rsa"), HEADER, &claims(&[])),
        "proof_id": with(&[]).id().to_string(),
    });
    let cases = [
        those_that_hold(),
        those_with_another_token(),
        those_with_another_header(),
        those_with_another_signature(),
        those_with_something_else(),
    ];
    assert_cases("proofs_oidc.json", around, &policy(), &cases.into_iter().flatten().collect::<Vec<_>>());
}

#[test]
fn of_an_issuers_keys_the_one_that_signed_a_token_is_found_by_name_and_kind() {
    let keys = IssuerKeys::parse(key_set().to_string().as_bytes()).unwrap();
    let (rsa, other) = (Rsa::named("rsa"), Rsa::named("other"));
    let signer = |token: &str| keys.signer_of(token).map(|key| key.id_at_issuer(ISSUER)).map_err(|why| why.to_string());
    let rsa_id = rsa.public().id_at_issuer(ISSUER);
    assert_eq!(signer(&token_by(&rsa, HEADER, &claims(&[]))), Ok(rsa_id));
    assert_eq!(signer(&token_by(&rsa, r#"{"alg":"RS256"}"#, &claims(&[]))), Ok(rsa_id));
    assert_eq!(signer(&es256().1), Ok(es256().0.id_at_issuer(ISSUER)));
    let unknown = Err("the issuer did not sign the proof".to_owned());
    assert_eq!(signer(&token_by(&other, HEADER, &claims(&[]))), unknown, "the name is another key's");
    assert_eq!(signer(&eddsa().1), unknown);
    let too_many = json!({ "keys": vec![json!({}); 65] }).to_string();
    for json in [too_many.as_str(), "{}", "[]", r#"{"keys":[{"kty":"RSA","kty":"RSA"}]}"#, &" ".repeat(70_000)] {
        assert!(IssuerKeys::parse(json.as_bytes()).is_err());
    }
}
