//! The readers of proofs as functions of bytes: the list that they are in is `group/fuzzing.rs`.
//!
//! A signature that fails hides what is behind it from a fuzzer, so what signed texts say is read here without theirs.

use super::{
    AcceptedIssuer, AuthorityKey, DomainKey, DomainKeyName, Evidence, IssuerKeys, Known, MAIL_SIGNATURES_MAX,
    MailEvidence, OidcEvidence, Proof, ProofPolicy, SeenKey, oidc_nonce,
};
use crate::identity::AccountPublic;

const ACCOUNT: AccountPublic = AccountPublic([3; 32]);
const OPENING: [u8; 32] = [4; 32];
const NOW_MS: u64 = 1_795_392_000_000;

fn accepted() -> AcceptedIssuer {
    AcceptedIssuer { issuer: "https://issuer.example".to_owned(), client_ids: vec!["tidings".to_owned()] }
}

pub(crate) fn proof(bytes: &[u8]) {
    if let Ok(proof) = Proof::decode(bytes) {
        assert_eq!(proof.bytes(), bytes);
        let policy = ProofPolicy { issuers: vec![accepted()], ..ProofPolicy::default() };
        let verify = |keys: &[SeenKey]| {
            let known = Known { keys, ..Known::default() };
            proof.verify(&proof.account(), NOW_MS, &known, &policy)
        };
        if let Ok(verdict) = verify(&[]) {
            let seen = verdict.key.map(|id| SeenKey { id, first_ms: 0, last_ms: NOW_MS });
            assert!(verify(seen.as_slice()).is_ok_and(|more| more.basis <= verdict.basis));
        }
    }
}

pub(crate) fn id_token(bytes: &[u8]) {
    let Ok(id_token) = String::from_utf8(bytes.to_vec()) else { return };
    let evidence = OidcEvidence { id_token, key: AuthorityKey::ed25519([5; 32]), opening: OPENING };
    drop(evidence.read_unverified(&accepted(), &ACCOUNT));
}

pub(crate) fn key_set(bytes: &[u8]) {
    if let Ok(keys) = IssuerKeys::parse(bytes) {
        assert!(keys.signer_of("e30.e30.").is_err());
    }
}

/// The first line is the domain's record, the others are the mail.
pub(crate) fn mail(bytes: &[u8]) {
    let Some(end) = bytes.iter().position(|byte| *byte == b'\n') else { return };
    let (Some(record), Some(message)) = (bytes.get(..end), bytes.get(end.saturating_add(1)..)) else { return };
    let Ok(record) = str::from_utf8(record) else { return };
    drop(DomainKey::parse(record));
    let Ok(names) = DomainKeyName::of_mail(message) else { return };
    assert!((1..=MAIL_SIGNATURES_MAX).contains(&names.len()));
    for name in names {
        let (message, record) = (message.to_vec(), record.to_owned());
        let evidence = MailEvidence { message, selector: name.selector, record, opening: OPENING };
        drop(evidence.read_unverified(&ACCOUNT));
        drop(evidence.verify(&ACCOUNT));
    }
}

/// One input at least of each, by name; those of proofs are the vectors.
#[cfg(test)]
pub(crate) fn seeds() -> Vec<(&'static str, Vec<Vec<u8>>)> {
    use data_encoding::BASE64URL_NOPAD;
    let nonce = oidc_nonce(&ACCOUNT, &OPENING);
    let claims = format!(
        r#"{{"iss":"https://issuer.example","sub":"7","aud":["tidings"],"azp":"tidings","exp":1795305601,"iat":1795305600,"nonce":"{nonce}","email":"a@b.example","email_verified":true}}"#
    );
    let header = BASE64URL_NOPAD.encode(br#"{"alg":"EdDSA"}"#);
    let id_token = format!("{header}.{}.AAAA", BASE64URL_NOPAD.encode(claims.as_bytes()));
    let key_set = super::tests::vectors("proofs_oidc.json")["key_set"].to_string();
    let proofs = super::tests::cases().into_iter().filter(|case| case.outcome["basis"].is_string());
    let mail = format!(
        "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n{}{}",
        "DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/simple; d=b.example; s=s1; t=1795305600;\r\n h=From:To:Subject:Date; bh=AAAA; b=AA\r\n AA\r\n",
        format_args!(
            "From: A <a@b.example>\r\nTo: c@d.example\r\nDate: Sun, 22 Nov 2026 00:00:00 +0000\r\nSubject: {}\r\n\r\nx\r\n",
            super::mail_subject(&ACCOUNT, &OPENING)
        ),
    );
    vec![
        ("mail", vec![mail.into_bytes()]),
        ("proof", proofs.map(|case| case.proof).step_by(4).collect()),
        ("id_token", vec![id_token.into_bytes()]),
        ("key_set", vec![key_set.into_bytes()]),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mail_that_the_fuzzer_begins_with_is_read_to_its_end() {
        let seeds = seeds();
        let (_, mails) = seeds.iter().find(|(name, _)| *name == "mail").unwrap();
        let (record, message) = str::from_utf8(&mails[0]).unwrap().split_once('\n').unwrap();
        let (message, record) = (message.as_bytes().to_vec(), record.to_owned());
        let evidence = MailEvidence { message, selector: "s1".to_owned(), record, opening: OPENING };
        assert_eq!(evidence.read_unverified(&ACCOUNT).map_err(|refused| refused.to_string()).err(), None);
    }

    #[test]
    fn the_token_that_the_fuzzer_begins_with_is_read_to_its_end() {
        let seeds = seeds();
        let (_, tokens) = seeds.iter().find(|(name, _)| *name == "id_token").unwrap();
        let id_token = String::from_utf8(tokens[0].clone()).unwrap();
        let evidence = OidcEvidence { id_token, key: AuthorityKey::ed25519([5; 32]), opening: OPENING };
        assert!(evidence.read_unverified(&accepted(), &ACCOUNT).is_ok());
        assert_eq!(Evidence::Oidc(evidence).kind(), super::super::ProofKind::Oidc);
    }
}
