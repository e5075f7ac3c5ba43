//! A domain's signature on a mail (RFC 6376 §3.4 to §3.7 and §6).

use sha2::{Digest as _, Sha256};

use super::SIGNED_WITHIN_MS;
use super::message::{Header, Message, is_domain, is_label, is_space, lines};
use super::record::{DomainKey, SPACE, base64, tags};
use crate::codec::Malformed;
use crate::proof::Refused;
use crate::proof::key::Algorithm;

/// A signature covers at most this many headers.
const COVERED_MAX: usize = 128;

/// How what is signed is written before it is hashed (RFC 6376 §3.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Canonical {
    Simple,
    Relaxed,
}

/// A signature of the sender's domain that covers the whole body, not verified yet.
pub(super) struct Signature {
    pub(super) selector: String,
    algorithm: Algorithm,
    headers: Canonical,
    body: Canonical,
    body_hash: Vec<u8>,
    value: Vec<u8>,
    /// The names of the headers that it covers, in lower case and in its order.
    covered: Vec<String>,
    /// It is of the domain itself, and not of one below it.
    is_of_domain: bool,
    signed_at_ms: Option<u64>,
    ends_at_ms: Option<u64>,
    /// The signature's own header as it is signed: with nothing for a signature.
    own: Vec<u8>,
}

impl Signature {
    /// Reads a signature; one of another domain than the sender's is not looked into.
    pub(super) fn parse(header: &Header<'_>, domain: &str) -> Result<Self, Refused> {
        const WHAT: &str = "the mail's signature";
        const INVALID: Malformed = Malformed::Invalid { what: WHAT };
        let value = str::from_utf8(header.value).map_err(|_| INVALID)?;
        let tags = tags(value)?;
        let tag = |name: &str| tags.get(name).copied();
        if !tag("d").ok_or(INVALID)?.eq_ignore_ascii_case(domain) {
            return Err(Refused::NotAligned);
        }
        if tag("v") != Some("1") || tag("q").is_some_and(|query| query != "dns/txt") {
            return Err(INVALID.into());
        }
        let algorithm = match tag("a") {
            Some("rsa-sha256") => Algorithm::Rsa,
            Some("ed25519-sha256") => Algorithm::Ed25519,
            _ => return Err(Refused::Algorithm),
        };
        if tag("l").is_some() {
            return Err(Refused::BodyLength);
        }
        let (headers, body) = canonical(tag("c")).ok_or(INVALID)?;
        let covered = tag("h").ok_or(INVALID)?.split(':').map(|name| name.trim_matches(SPACE).to_ascii_lowercase());
        let covered: Vec<String> = covered.take(COVERED_MAX.saturating_add(1)).collect();
        if covered.len() > COVERED_MAX {
            return Err(
                Malformed::TooLong { what: "the mail's signature's list of headers", limit: COVERED_MAX }.into()
            );
        }
        let selector = tag("s").filter(|selector| selector.split('.').all(is_label)).ok_or(INVALID)?.to_owned();
        let of = tag("i").map_or(Some(domain), |of| of.rsplit_once('@').map(|(_, of)| of)).ok_or(INVALID)?;
        let of = of.to_ascii_lowercase();
        let is_of_domain = of == domain;
        let is_below = is_domain(&of) && of.strip_suffix(domain).is_some_and(|below| below.ends_with('.'));
        if !is_of_domain && !is_below {
            return Err(INVALID.into());
        }
        Ok(Self {
            selector,
            algorithm,
            headers,
            body,
            body_hash: base64(tag("bh").ok_or(INVALID)?, WHAT)?,
            value: base64(tag("b").ok_or(INVALID)?, WHAT)?,
            covered,
            is_of_domain,
            signed_at_ms: tag("t").map(seconds).transpose()?,
            ends_at_ms: tag("x").map(seconds).transpose()?,
            own: without_value(header),
        })
    }

    pub(super) fn covers(&self, header: &str) -> bool {
        self.covered.iter().any(|covered| covered == header)
    }

    /// A key may be for its domain alone (RFC 6376 §3.6.1, `t=s`).
    pub(super) fn check_identity(&self, key: &DomainKey) -> Result<(), Refused> {
        if self.is_of_domain || !key.is_strict { Ok(()) } else { Err(Refused::KeyUse) }
    }

    /// When a signature ends matters to who delivers the mail. Here it must have held when the mail was written, and
    /// the mail must have been signed about then.
    pub(super) fn check_times(&self, written_at_ms: u64) -> Result<(), Refused> {
        let apart_ms = self.signed_at_ms.map_or(0, |signed_at_ms| signed_at_ms.abs_diff(written_at_ms));
        let ended = self.ends_at_ms.is_some_and(|ends_at_ms| ends_at_ms <= written_at_ms);
        if ended || apart_ms > SIGNED_WITHIN_MS { Err(Refused::MailDate) } else { Ok(()) }
    }

    /// Verifies the body's hash and the signature (RFC 6376 §3.7).
    pub(super) fn verify(&self, message: &Message<'_>, key: &DomainKey) -> Result<(), Refused> {
        if Sha256::digest(self.body.body(message.body)).as_slice() != self.body_hash {
            return Err(Refused::MailBody);
        }
        let signed = self.signed(message);
        let verified = match self.algorithm {
            // RFC 8463 §3: what is signed is the hash.
            Algorithm::Ed25519 => key.key.verify(self.algorithm, Sha256::digest(&signed).as_slice(), &self.value),
            _ => key.key.verify(self.algorithm, &signed, &self.value),
        };
        verified.map_err(|refused| if refused == Refused::Signature { Refused::MailSignature } else { refused })
    }

    /// What the signature is over: the headers that it names, each time the next from the bottom, and its own.
    fn signed(&self, message: &Message<'_>) -> Vec<u8> {
        let mut signed = Vec::new();
        let mut used: Vec<&str> = Vec::new();
        for name in &self.covered {
            let before = used.iter().filter(|used| *used == name).count();
            used.push(name);
            if let Some(header) = message.named(name).rev().nth(before) {
                signed.extend(self.headers.header(header.raw));
                signed.extend(b"\r\n");
            }
        }
        signed.extend(self.headers.header(&self.own));
        signed
    }
}

/// A number of seconds since 1970, in milliseconds.
fn seconds(text: &str) -> Result<u64, Refused> {
    let is_number = text.len() <= 12 && text.bytes().all(|byte| byte.is_ascii_digit());
    let seconds = text.parse::<u64>().ok().filter(|_| is_number);
    let ms = seconds.and_then(|seconds| seconds.checked_mul(1000));
    ms.ok_or_else(|| Malformed::Invalid { what: "the time of the mail's signature" }.into())
}

/// `headers/body`; what is not said is simple (RFC 6376 §3.5, `c=`).
fn canonical(text: Option<&str>) -> Option<(Canonical, Canonical)> {
    let of = |text| match text {
        "simple" => Some(Canonical::Simple),
        "relaxed" => Some(Canonical::Relaxed),
        _ => None,
    };
    let text = text.unwrap_or("simple");
    let (headers, body) = text.split_once('/').unwrap_or((text, "simple"));
    Some((of(headers)?, of(body)?))
}

/// A signature's header with an empty `b=`, spaces around its value gone too (RFC 6376 §3.5).
fn without_value(header: &Header<'_>) -> Vec<u8> {
    let is_value = |tag: &[u8]| {
        let name = tag.split(|byte| *byte == b'=').next().unwrap_or_default();
        name.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).eq([b'b'])
    };
    let tags = header.value.split(|byte| *byte == b';').map(|tag| {
        let end = tag.iter().position(|byte| *byte == b'=').map(|at| at.saturating_add(1));
        end.filter(|_| is_value(tag)).and_then(|end| tag.get(..end)).unwrap_or(tag)
    });
    [header.name.as_bytes(), b":", &tags.collect::<Vec<_>>().join(&b';')].concat()
}

impl Canonical {
    /// A header without the line break behind it (RFC 6376 §3.4.1 and §3.4.2).
    fn header(self, raw: &[u8]) -> Vec<u8> {
        if self == Self::Simple {
            return raw.to_vec();
        }
        let (name, value) =
            raw.split_at_checked(raw.iter().position(|byte| *byte == b':').unwrap_or(0)).unwrap_or_default();
        let unfolded: Vec<u8> = value.iter().skip(1).copied().filter(|byte| !matches!(byte, b'\r' | b'\n')).collect();
        let value = single_spaces(&unfolded);
        [&name.to_ascii_lowercase(), b":".as_slice(), value.strip_prefix(b" ").unwrap_or(&value)].concat()
    }

    /// The body (RFC 6376 §3.4.3 and §3.4.4): without empty lines at its end.
    fn body(self, body: &[u8]) -> Vec<u8> {
        let line = |line: &[u8]| if self == Self::Relaxed { single_spaces(line) } else { line.to_vec() };
        let mut lines: Vec<Vec<u8>> = lines(body).map(line).collect();
        while lines.last().is_some_and(Vec::is_empty) {
            lines.pop();
        }
        let mut written: Vec<u8> = lines.into_iter().flat_map(|line| [line, b"\r\n".to_vec()].concat()).collect();
        if written.is_empty() && self == Self::Simple {
            written.extend(b"\r\n");
        }
        written
    }
}

/// One space for each run of white space, and none at the end.
fn single_spaces(line: &[u8]) -> Vec<u8> {
    let mut written = Vec::with_capacity(line.len());
    let mut is_pending = false;
    for byte in line {
        if is_space(*byte) {
            is_pending = true;
            continue;
        }
        if std::mem::take(&mut is_pending) {
            written.push(b' ');
        }
        written.push(*byte);
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6376 §3.4.5.
    #[test]
    fn canonical_forms_are_those_of_the_rfc() {
        let message = Message::parse(b"A: X\r\nB : Y\t\r\n\tZ  \r\n\r\n C \r\nD \t E\r\n\r\n\r\n");
        assert!(message.is_err(), "a space before the colon is not taken here");
        let message = Message::parse(b"A: X\r\nB: Y\t\r\n\tZ  \r\n\r\n C \r\nD \t E\r\n\r\n\r\n").unwrap();
        let headers =
            |form: Canonical| message.headers.iter().map(|header| form.header(header.raw)).collect::<Vec<_>>();
        assert_eq!(headers(Canonical::Relaxed), [b"a:X".to_vec(), b"b:Y Z".to_vec()]);
        assert_eq!(headers(Canonical::Simple), [b"A: X".to_vec(), b"B: Y\t\r\n\tZ  ".to_vec()]);
        assert_eq!(Canonical::Relaxed.body(message.body), b" C\r\nD E\r\n");
        assert_eq!(Canonical::Simple.body(message.body), b" C \r\nD \t E\r\n");
    }

    /// RFC 6376 §3.4.3 and §3.4.4, and its erratum on the empty body.
    #[test]
    fn an_empty_body_is_a_line_break_when_simple_and_nothing_when_relaxed() {
        for body in [b"".as_slice(), b"\r\n", b"\r\n\r\n"] {
            assert_eq!(Canonical::Simple.body(body), b"\r\n");
            assert_eq!(Canonical::Relaxed.body(body), b"");
        }
        assert_eq!(Canonical::Relaxed.body(b" \t\r\n"), b"");
        assert_eq!(Canonical::Relaxed.body(b"a"), b"a\r\n");
    }

    #[test]
    fn the_signature_alone_is_taken_out_of_its_header() {
        let raw = b"DKIM-Signature: v=1; bh=ab=; b = x\r\n y= ; d=e";
        let message = [raw.as_slice(), b"\r\n\r\n"].concat();
        let message = Message::parse(&message).unwrap();
        let expected = b"DKIM-Signature: v=1; bh=ab=; b =; d=e".to_vec();
        assert_eq!(message.headers.first().map(without_value), Some(expected));
    }

    /// RFC 8463 §A: a mail, its domain's keys, and a signature with each.
    #[test]
    fn the_mail_of_rfc_8463_is_signed_with_both_of_its_keys() {
        let mail = include_str!("rfc8463.eml").replace('\n', "\r\n");
        let message = Message::parse(mail.as_bytes()).unwrap();
        let key = DomainKey::parse("v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=").unwrap();
        let domain = "football.example.com";
        let [first, second] = [0, 1].map(|at| Signature::parse(&message.headers[at], domain).unwrap());
        assert_eq!((first.selector.as_str(), first.verify(&message, &key)), ("brisbane", Ok(())));
        assert_eq!(second.verify(&message, &key), Err(Refused::Algorithm));
        // Its RSA key has 1024 bits, which is not enough here: the library says that the signature is right.
        let modulus = data_encoding::BASE64.decode(RFC_8463_MODULUS.as_bytes()).unwrap();
        let weak = ring::signature::RsaPublicKeyComponents { n: modulus, e: vec![1, 0, 1] };
        let algorithm = &ring::signature::RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY;
        assert!(weak.verify(algorithm, &second.signed(&message), &second.value).is_ok());
        let changed = mail.replace("We lost", "We won");
        let changed = Message::parse(changed.as_bytes()).unwrap();
        assert_eq!(first.verify(&changed, &key), Err(Refused::MailBody));
        let changed = mail.replace("dinner", "lunch");
        let changed = Message::parse(changed.as_bytes()).unwrap();
        assert_eq!(first.verify(&changed, &key), Err(Refused::MailSignature));
    }

    const RFC_8463_MODULUS: &str = "5B5TkKAU81kYhrOVejaT94nWOlpNPGuaoXUesMuW3Tim9oy0ImPydeiWItEL8f28mMwjW91vdctxbrQAg388EPwQv3v/LgbAkfss9S8Y/jy+pR76jCqzN6xuIbLU+UI7xzvT86MWclWC8wXzthHgtyKdxvtpK8jkyCk/pfyuMN0=";
}
