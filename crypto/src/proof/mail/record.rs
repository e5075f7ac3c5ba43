//! What a domain publishes of a key with which it signs mail (RFC 6376 §3.6.1, RFC 8463 §4).

use std::collections::BTreeMap;
use std::fmt;

use data_encoding::BASE64;

use super::DOMAIN_RECORD_BYTES_MAX;
use crate::codec::Malformed;
use crate::proof::{AuthorityKey, KeyId, Refused};

/// Tags in a list, at most.
const TAGS_MAX: usize = 32;

/// A list of `name=value` separated by semicolons (RFC 6376 §3.2); a name twice is refused.
pub(super) fn tags(text: &str) -> Result<BTreeMap<&str, &str>, Malformed> {
    const INVALID: Malformed = Malformed::Invalid { what: "a list of tags" };
    let mut tags = BTreeMap::new();
    let mut parts = text.split(';').peekable();
    while let Some(part) = parts.next() {
        if parts.peek().is_none() && part.trim_matches(SPACE).is_empty() {
            break; // The last may be followed by a semicolon.
        }
        let (name, value) = part.split_once('=').ok_or(INVALID)?;
        let (name, value) = (name.trim_matches(SPACE), value.trim_matches(SPACE));
        let is_name = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        if !is_name || tags.len() >= TAGS_MAX || tags.insert(name, value).is_some() {
            return Err(INVALID);
        }
    }
    Ok(tags)
}

/// White space in a list of tags: that of folded lines too.
pub(super) const SPACE: [char; 4] = [' ', '\t', '\r', '\n'];

/// Base64 with white space in it, as it is folded.
pub(super) fn base64(text: &str, what: &'static str) -> Result<Vec<u8>, Malformed> {
    let whole: String = text.chars().filter(|character| !SPACE.contains(character)).collect();
    BASE64.decode(whole.as_bytes()).map_err(|_| Malformed::Invalid { what })
}

/// A domain's key for mail, as far as it may be used here.
#[derive(Clone, PartialEq, Eq)]
pub struct DomainKey {
    pub(super) key: AuthorityKey,
    /// It signs for the domain itself only, and not for those below it (`t=s`).
    pub(super) is_strict: bool,
}

impl fmt::Debug for DomainKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DomainKey").field("key", &self.key).finish_non_exhaustive()
    }
}

impl DomainKey {
    /// Reads what the domain published: the strings of the TXT record, put together.
    pub fn parse(record: &str) -> Result<Self, Refused> {
        if record.len() > DOMAIN_RECORD_BYTES_MAX {
            let limit = DOMAIN_RECORD_BYTES_MAX;
            return Err(Malformed::TooLong { what: "the domain's record", limit }.into());
        }
        let tags = tags(record)?;
        let lists = |name: &str, wanted: &[&str]| {
            tags.get(name).is_none_or(|list| list.split(':').any(|one| wanted.contains(&one.trim_matches(SPACE))))
        };
        let has_flag = |flag: &str| tags.contains_key("t") && lists("t", &[flag]);
        let is_version = tags.get("v").is_none_or(|version| *version == "DKIM1");
        if !is_version || !lists("h", &["sha256"]) || !lists("s", &["email", "*"]) {
            return Err(Refused::KeyUse);
        }
        if has_flag("y") {
            return Err(Refused::TestingKey);
        }
        let published = tags.get("p").ok_or(Malformed::Invalid { what: "the domain's record" })?;
        let published = base64(published, "the domain's key")?;
        if published.is_empty() {
            return Err(Refused::RevokedKey);
        }
        let invalid = Malformed::Invalid { what: "the domain's key" };
        let key = match tags.get("k").copied().unwrap_or("rsa") {
            "rsa" => {
                let (modulus, exponent) = rsa_public_key(&published).ok_or(invalid)?;
                AuthorityKey::rsa(modulus, exponent)?
            }
            "ed25519" => AuthorityKey::ed25519(published.try_into().map_err(|_| invalid)?),
            _ => return Err(Refused::Algorithm),
        };
        Ok(Self { key, is_strict: has_flag("s") })
    }

    /// Its name as that domain's, published under that selector.
    pub fn id_at_domain(&self, domain: &str, selector: &str) -> KeyId {
        self.key.id_at_domain(domain, selector, self.is_strict)
    }
}

/// An RSA key's modulus and exponent in DER: as `SubjectPublicKeyInfo` (RFC 5280 §4.1), which domains publish, or as
/// `RSAPublicKey` (RFC 8017 §A.1.1), which RFC 6376 asks for.
fn rsa_public_key(der: &[u8]) -> Option<(&[u8], &[u8])> {
    /// `rsaEncryption` with its null parameter.
    const ALGORITHM: [u8; 13] = [0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00];
    let (outer, []) = element(der, SEQUENCE)? else { return None };
    if outer.first() == Some(&INTEGER) {
        return two_integers(outer);
    }
    let (algorithm, rest) = element(outer, SEQUENCE)?;
    let (bits, []) = element(rest, BIT_STRING)? else { return None };
    let (0, key) = bits.split_first().map(|(unused, key)| (*unused, key))? else { return None };
    let (inner, []) = element(key, SEQUENCE)? else { return None };
    if algorithm == ALGORITHM { two_integers(inner) } else { None }
}

const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const SEQUENCE: u8 = 0x30;

fn two_integers(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (first, rest) = element(bytes, INTEGER)?;
    let (second, []) = element(rest, INTEGER)? else { return None };
    Some((unsigned(first)?, unsigned(second)?))
}

/// A positive integer without the zero that keeps it positive, which is there only where it is needed.
fn unsigned(integer: &[u8]) -> Option<&[u8]> {
    match integer {
        [0, rest @ ..] => Some(rest).filter(|rest| rest.first().is_some_and(|first| *first >= 0x80)),
        [first, ..] => Some(integer).filter(|_| *first < 0x80),
        [] => None,
    }
}

/// The content of the element of this kind that the bytes begin with, and what follows it (X.690 §10.1).
fn element(bytes: &[u8], kind: u8) -> Option<(&[u8], &[u8])> {
    let (found, rest) = bytes.split_first()?;
    let (length, rest) = match rest.split_first()? {
        (length @ 0..=0x7f, rest) => (usize::from(*length), rest),
        (0x81, rest) => {
            let (length, rest) = rest.split_first()?;
            (Some(usize::from(*length)).filter(|length| *length >= 0x80)?, rest)
        }
        (0x82, rest) => {
            let (length, rest) = rest.split_first_chunk()?;
            (Some(usize::from(u16::from_be_bytes(*length))).filter(|length| *length >= 0x100)?, rest)
        }
        _ => return None,
    };
    if *found == kind { rest.split_at_checked(length) } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_tags_is_read_with_its_spaces_and_never_with_a_name_twice() {
        let read = tags(" v=DKIM1 ;\r\n\tp = a b= ;k=;").unwrap();
        assert_eq!(read.into_iter().collect::<Vec<_>>(), [("k", ""), ("p", "a b="), ("v", "DKIM1")]);
        for text in ["a=1;a=2", "a=1;;b=2", "a", "=1", "a b=1", ";a=1", "ä=1"] {
            assert!(tags(text).is_err(), "{text}");
        }
        assert!(tags("").unwrap().is_empty());
    }

    #[test]
    fn der_that_is_not_the_shortest_is_refused() {
        let whole = [0x30, 6, 2, 1, 5, 2, 1, 3];
        assert_eq!(rsa_public_key(&whole), Some(([5].as_slice(), [3].as_slice())));
        for der in [
            [0x30, 0x81, 6, 2, 1, 5, 2, 1, 3].as_slice(),
            &[0x30, 6, 2, 1, 5, 2, 1, 3, 0],
            &[0x30, 7, 2, 2, 0, 5, 2, 1, 3],
            &[0x30, 6, 2, 1, 0x85, 2, 1, 3],
            &[0x30, 5, 2, 0, 2, 1, 3],
            &[0x30, 0x80, 2, 1, 5, 2, 1, 3, 0, 0],
            &[0x31, 6, 2, 1, 5, 2, 1, 3],
            &[],
        ] {
            assert_eq!(rsa_public_key(der), None, "{der:x?}");
        }
    }

    #[test]
    fn a_record_says_what_its_key_is_for() {
        let key = BASE64.encode(&[7; 32]);
        let parse = |record: &str| DomainKey::parse(&record.replace("KEY", &key));
        for record in
            ["v=DKIM1; k=ed25519; p=KEY", "k=ed25519;p=KEY;h=sha1:sha256;s=*;n=note", "k=ed25519; p=KEY; s=email"]
        {
            assert!(parse(record).is_ok_and(|key| !key.is_strict), "{record}");
        }
        assert!(parse("k=ed25519; p=KEY; t=s").unwrap().is_strict);
        for (record, refused) in [
            ("v=DKIM1; k=ed25519; p=", Refused::RevokedKey),
            ("v=DKIM1; k=ed25519; t=y; p=KEY", Refused::TestingKey),
            ("v=DKIM1; k=ed25519; t=s:y; p=KEY", Refused::TestingKey),
            ("v=DKIM2; k=ed25519; p=KEY", Refused::KeyUse),
            ("k=ed25519; h=sha1; p=KEY", Refused::KeyUse),
            ("k=ed25519; s=other; p=KEY", Refused::KeyUse),
            ("k=gost; p=KEY", Refused::Algorithm),
            ("k=rsa; p=KEY", Malformed::Invalid { what: "the domain's key" }.into()),
            ("k=ed25519; p=AAAA", Malformed::Invalid { what: "the domain's key" }.into()),
            ("k=ed25519", Malformed::Invalid { what: "the domain's record" }.into()),
        ] {
            assert_eq!(parse(record), Err(refused), "{record}");
        }
        assert!(DomainKey::parse(&" ".repeat(5_000)).is_err());
    }
}
