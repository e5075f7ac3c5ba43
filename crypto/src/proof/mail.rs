//! A mail that its sender's domain signed, with a subject that commits to an account key (PROTOCOL §7.5; DKIM: RFC 6376,
//! RFC 8301, RFC 8463).
//!
//! Stricter than who delivers mail has to be: what is ambiguous, covered in part, or signed for tests proves nothing.
//! The domain's record travels with the mail, so that it can be checked after the domain has gone over to another key.

mod dkim;
mod message;
mod record;

use std::fmt;

use data_encoding::BASE64URL_NOPAD;

use super::refused::Refused;
use super::{Found, Identity, commitment};
use crate::codec::{Malformed, Reader, Writer};
use crate::identity::AccountPublic;
use dkim::Signature;
use message::Message;

pub use record::DomainKey;

/// A mail is at most this many bytes, with all its headers.
pub const MAIL_BYTES_MAX: usize = 64 * 1024;
/// A domain's record is at most this many bytes, its strings put together.
pub const DOMAIN_RECORD_BYTES_MAX: usize = 4 * 1024;
/// Of a mail's signatures at most this many are looked at.
pub const MAIL_SIGNATURES_MAX: usize = 8;

/// A selector is at most this many bytes (RFC 1035 §2.3.4).
const SELECTOR_BYTES_MAX: usize = 253;
const SUBJECT: &str = "Tidings proof ";
/// How far apart the mail's date and the time of its signature may be.
const SIGNED_WITHIN_MS: u64 = 24 * 60 * 60 * 1000;

/// The headers that say who, to whom, what and when: each is there once, and signed.
const HEADERS: [&str; 4] = ["from", "to", "subject", "date"];
/// Headers of mail that a program or a mailing list sent, or that answers another. Whoever answers a mail says what it
/// says in its subject without having chosen it.
const OF_PROGRAMS: [&str; 9] = [
    "in-reply-to",
    "references",
    "auto-submitted",
    "precedence",
    "list-id",
    "list-unsubscribe",
    "resent-from",
    "resent-sender",
    "sender",
];

/// The subject of the mail to send, so that it is made out to this account.
pub fn mail_subject(account: &AccountPublic, opening: &[u8; 32]) -> String {
    let commitment = commitment("tidings v1 mail subject", account, opening);
    format!("{SUBJECT}{}", BASE64URL_NOPAD.encode(&commitment))
}

/// A signed mail and what is needed to check it.
#[derive(Clone, PartialEq, Eq)]
pub struct MailEvidence {
    /// The mail as it was delivered, its lines ended by carriage return and line feed.
    pub message: Vec<u8>,
    /// Under which name the domain published the key.
    pub selector: String,
    /// What the domain published there: the strings of the TXT record, put together.
    pub record: String,
    /// What the subject was made with besides the account's key.
    pub opening: [u8; 32],
}

impl fmt::Debug for MailEvidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MailEvidence").field("bytes", &self.message.len()).finish_non_exhaustive()
    }
}

/// Where a domain publishes a key: at `selector._domainkey.domain`.
#[derive(Clone, PartialEq, Eq)]
pub struct DomainKeyName {
    /// The domain that signed.
    pub domain: String,
    /// The key's name there.
    pub selector: String,
}

impl fmt::Debug for DomainKeyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DomainKeyName").finish_non_exhaustive()
    }
}

impl DomainKeyName {
    /// Where a mail's sender's domain published the keys that signed it: what to ask the domain for. At least one.
    pub fn of_mail(message: &[u8]) -> Result<Vec<Self>, Refused> {
        let message = Message::parse(message)?;
        let (domain, _) = sender(&message)?;
        let named = signatures(&message, &domain)?.into_iter();
        Ok(named.map(|signature| Self { domain: domain.clone(), selector: signature.selector }).collect())
    }
}

impl MailEvidence {
    pub(super) fn write(&self, writer: &mut Writer) {
        writer.bytes(&self.message).bytes(self.selector.as_bytes()).bytes(self.record.as_bytes()).array(&self.opening);
    }

    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        let message = reader.bytes("the mail", MAIL_BYTES_MAX)?.to_vec();
        let selector = reader.text("the selector", SELECTOR_BYTES_MAX)?.to_owned();
        let record = reader.text("the domain's record", DOMAIN_RECORD_BYTES_MAX)?.to_owned();
        Ok(Self { message, selector, record, opening: reader.array()? })
    }

    /// Checks all but the time.
    pub(super) fn verify(&self, account: &AccountPublic) -> Result<Found, Refused> {
        self.checked(account, true)
    }

    /// Everything but the domain's signature: for the fuzzer, which cannot make one.
    #[cfg(any(test, feature = "fuzzing"))]
    pub(super) fn read_unverified(&self, account: &AccountPublic) -> Result<Identity, Refused> {
        self.checked(account, false).map(|found| found.identity)
    }

    fn checked(&self, account: &AccountPublic, is_verified: bool) -> Result<Found, Refused> {
        let message = Message::parse(&self.message)?;
        for header in HEADERS {
            message.only(header)?;
        }
        let (domain, address) = sender(&message)?;
        let signatures = signatures(&message, &domain)?;
        let signature = signatures.into_iter().find(|signature| signature.selector == self.selector);
        let signature = signature.ok_or(Refused::Selector)?;
        if let Some(header) = HEADERS.into_iter().find(|header| !signature.covers(header)) {
            return Err(Refused::Uncovered { header });
        }
        let key = DomainKey::parse(&self.record)?;
        signature.check_identity(&key)?;
        if is_verified {
            signature.verify(&message, &key)?;
        }
        self.check_words(&message, account)?;
        let made_at_ms = message.date_ms()?;
        signature.check_times(made_at_ms)?;
        let key = key.id_at_domain(&domain, &self.selector);
        Ok(Found { identity: Identity::Mail { address }, made_at_ms, key })
    }

    /// That the mail was written for this, and for this account.
    fn check_words(&self, message: &Message<'_>, account: &AccountPublic) -> Result<(), Refused> {
        if OF_PROGRAMS.into_iter().any(|header| message.named(header).next().is_some()) {
            return Err(Refused::Automatic);
        }
        let subject = message.only("subject")?.text().ok_or(Refused::Subject)?;
        let shown = subject.strip_prefix(SUBJECT).ok_or(Refused::Subject)?;
        BASE64URL_NOPAD.decode(shown.as_bytes()).ok().filter(|bytes| bytes.len() == 32).ok_or(Refused::Subject)?;
        if subject == mail_subject(account, &self.opening) { Ok(()) } else { Err(Refused::OtherKey) }
    }
}

/// The sender's domain and whole address, both in lower case.
fn sender(message: &Message<'_>) -> Result<(String, String), Refused> {
    let invalid = Malformed::Invalid { what: "the mail's sender" };
    let from = message.only("from")?.text().ok_or(invalid)?;
    let address = message::address(&from).ok_or(invalid)?.to_ascii_lowercase();
    let (_, domain) = address.rsplit_once('@').ok_or(invalid)?;
    Ok((domain.to_owned(), address.clone()))
}

/// The signatures by the sender's own domain: neither by one above it nor by one below it.
fn signatures(message: &Message<'_>, domain: &str) -> Result<Vec<Signature>, Refused> {
    let all: Vec<_> = message.named("dkim-signature").take(MAIL_SIGNATURES_MAX).collect();
    if all.is_empty() {
        return Err(Refused::Unsigned);
    }
    // One of another domain, or of a kind that is not known here, is nothing to this mail's sender.
    let mut read = all.into_iter().map(|header| Signature::parse(header, domain));
    let mut aligned = Vec::new();
    let mut first_reason = None;
    for signature in &mut read {
        match signature {
            Ok(signature) => aligned.push(signature),
            Err(Refused::NotAligned) => {}
            Err(reason) => first_reason = first_reason.or(Some(reason)),
        }
    }
    if aligned.is_empty() { Err(first_reason.unwrap_or(Refused::NotAligned)) } else { Ok(aligned) }
}
