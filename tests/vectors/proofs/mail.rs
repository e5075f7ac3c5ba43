//! Proofs that rest on a mail that its sender's domain signed.

use data_encoding::BASE64;
use serde_json::json;
use sha2::{Digest as _, Sha256};
use tidings_crypto::proof::{
    Basis, DomainKey, DomainKeyName, Evidence, MailEvidence, Proof, ProofPolicy, SeenKey, mail_subject,
};

use super::{Case, DAY_MS, KEYS, NOW_MS, OPENING, Rsa, account, assert_cases, encode, other_account, seen, signed};

const SELECTOR: &str = "s1";
const DOMAIN: &str = "example.org";
const DATE: &str = "Sun, 22 Nov 2026 01:00:00 +0100";
const SIGNED_AT_S: u64 = (NOW_MS - DAY_MS) / 1000;

/// A mail signed by nodemailer with the key `rsa`: by code that is not ours.
const OF_ANOTHER_PROGRAM: &str = include_str!("nodemailer.eml");

fn subject() -> String {
    mail_subject(&account().public(), &OPENING)
}

/// What domains publish: a `SubjectPublicKeyInfo` (RFC 5280 §4.1) around the modulus.
fn record_of(modulus: &[u8]) -> String {
    let element = |kind: u8, content: &[u8]| {
        let length = u16::try_from(content.len()).unwrap().to_be_bytes();
        let length = match length {
            [0, short @ ..=0x7f] => vec![short],
            [0, byte] => vec![0x81, byte],
            [high, low] => vec![0x82, high, low],
        };
        [&[kind], length.as_slice(), content].concat()
    };
    let integers = [element(2, &[&[0], modulus].concat()), element(2, &[1, 0, 1])].concat();
    let algorithm = element(0x30, b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01\x05\x00");
    let bits = element(3, &[&[0], element(0x30, &integers).as_slice()].concat());
    format!("v=DKIM1; k=rsa; p={}", BASE64.encode(&element(0x30, &[algorithm, bits].concat())))
}

fn record() -> String {
    record_of(&Rsa::named("rsa").modulus())
}

/// A mail to be signed. Its headers and its body are written as they are signed when relaxed, so that this needs no
/// canonical form of its own.
struct Mail {
    headers: Vec<(&'static str, String)>,
    body: &'static str,
    /// Tags of the signature besides those that have to be there.
    tags: &'static str,
    covered: &'static str,
    domain: &'static str,
}

impl Mail {
    fn new() -> Self {
        let headers = vec![
            ("From", "Zoe <Zoe@Example.org>".to_owned()),
            ("To", "proofs@example.net".to_owned()),
            ("Subject", subject()),
            ("Date", DATE.to_owned()),
            ("Message-ID", "<1@example.org>".to_owned()),
        ];
        let covered = "from:to:subject:date:message-id:from";
        Self { headers, body: "Sent by hand.\r\n", tags: "", covered, domain: DOMAIN }
    }

    fn with(name: &'static str, value: &str) -> Self {
        let mut mail = Self::new();
        match mail.headers.iter_mut().find(|(header, _)| *header == name) {
            Some(header) => value.clone_into(&mut header.1),
            None => mail.headers.push((name, value.to_owned())),
        }
        mail
    }

    fn without(name: &str) -> Self {
        let mut mail = Self::new();
        mail.headers.retain(|(header, _)| *header != name);
        mail
    }

    /// The header with the signature of the key, and the mail below it.
    fn signed_by(&self, key: &Rsa) -> String {
        let hash = BASE64.encode(&Sha256::digest(self.body));
        let (covered, domain, tags) = (self.covered, self.domain, self.tags);
        let own = format!(
            "v=1; a=rsa-sha256; c=relaxed/relaxed; d={domain}; s={SELECTOR}; t={SIGNED_AT_S}; {tags}h={covered}; bh={hash}; b="
        );
        let mut left: Vec<_> = self.headers.iter().collect();
        let mut message = String::new();
        for name in covered.split(':') {
            if let Some(at) = left.iter().rposition(|(header, _)| header.eq_ignore_ascii_case(name)) {
                message.extend([name, ":", &left.remove(at).1, "\r\n"]);
            }
        }
        message.extend(["dkim-signature:", &own]);
        let signature = BASE64.encode(&key.sign(message.as_bytes()));
        format!("DKIM-Signature: {own}{signature}\r\n{}", self.unsigned())
    }

    fn unsigned(&self) -> String {
        let headers = self.headers.iter().map(|(name, value)| format!("{name}: {value}\r\n"));
        format!("{}\r\n{}", headers.collect::<String>(), self.body)
    }

    fn signed(&self) -> String {
        self.signed_by(&Rsa::named("rsa"))
    }
}

fn with_record(message: &str, record: &str) -> Proof {
    let (message, selector) = (message.as_bytes().to_vec(), SELECTOR.to_owned());
    signed(&Evidence::Mail(MailEvidence { message, selector, record: record.to_owned(), opening: OPENING }))
}

fn proof(message: &str) -> Proof {
    with_record(message, &record())
}

fn those_that_hold() -> Vec<Case> {
    let good = proof(&Mail::new().signed());
    let key = DomainKey::parse(&record()).unwrap();
    let id = key.id_at_domain(DOMAIN, SELECTOR);
    let long_ago = SeenKey { id, first_ms: 0, last_ms: NOW_MS - 32 * DAY_MS };
    let carried = |name, proof: &Proof| Case::holds(name, proof, Basis::Carried);
    let others_first = format!("DKIM-Signature: v=1; a=rsa-sha1; d=list.example; s=x\r\n{}", Mail::new().signed());
    let strict = record().replace("k=rsa;", "k=rsa; t=s; s=email; h=sha256;");
    let folded = Mail::new().signed().replace("Subject: Tidings proof ", "SUBJECT:\t Tidings\r\n proof  ");
    let folded = folded.replace("Sent by hand.\r\n", "Sent \t by hand. \r\n\r\n\r\n");
    vec![
        carried("the key is known from the proof alone", &good),
        Case { keys: vec![seen(id)], ..Case::holds("the verifier saw the key at the domain", &good, Basis::Verified) },
        Case { keys: vec![long_ago], ..carried("the key was last seen long before", &good) },
        Case {
            keys: vec![seen(key.id_at_domain(DOMAIN, "s2")), seen(key.id_at_domain("example.net", SELECTOR))],
            ..carried("the key was seen elsewhere", &good)
        },
        Case {
            keys: vec![seen(id)],
            ..carried(
                "the domain says more of the key than it said when it was seen",
                &with_record(&Mail::new().signed(), &strict),
            )
        },
        carried("changed on the way as the relaxed form allows", &proof(&folded)),
        carried("a signature of another domain above", &proof(&others_first)),
        carried("with an identity of the domain", &proof(&Mail { tags: "i=@example.org; ", ..Mail::new() }.signed())),
        carried(
            "with an identity below the domain",
            &proof(&Mail { tags: "i=zoe@a.example.org; ", ..Mail::new() }.signed()),
        ),
        carried("by another program", &proof(&OF_ANOTHER_PROGRAM.replace('\n', "\r\n"))),
        Case { now_ms: NOW_MS + 364 * DAY_MS - 1, ..carried("the last millisecond", &good) },
    ]
}

fn those_with_other_headers() -> Vec<Case> {
    const AUTOMATIC: &str = "the mail is an answer, or was not sent by a person";
    const SENDER: &str = "the proof is malformed: the mail's sender is not valid";
    const SUBJECT: &str = "the mail's subject is not that of a proof";
    let refused = |name, mail: &Mail, why| Case::refused(name, &proof(&mail.signed()), why);
    let more = |name: &'static str, value: &str| {
        let mut mail = Mail::new();
        mail.headers.insert(0, (name, value.to_owned()));
        mail
    };
    let others = mail_subject(&other_account().public(), &OPENING);
    let mut cases = vec![
        refused(
            "two senders in two headers",
            &more("From", "a@example.org"),
            "the mail does not have its from exactly once",
        ),
        refused("two subjects", &more("Subject", &subject()), "the mail does not have its subject exactly once"),
        refused("no date", &Mail::without("Date"), "the mail does not have its date exactly once"),
        refused("to nobody", &Mail::without("To"), "the mail does not have its to exactly once"),
        refused("two senders in one header", &Mail::with("From", "a@example.org, Zoe@example.org"), SENDER),
        refused("a sender in a comment", &Mail::with("From", "a@example.org (zoe@example.org)"), SENDER),
        refused("a sender in a group", &Mail::with("From", "us: zoe@example.org;"), SENDER),
        refused("a sender on this machine", &Mail::with("From", "zoe@localhost"), SENDER),
        refused("an answer by its subject", &Mail::with("Subject", &format!("Re: {}", subject())), SUBJECT),
        refused("something behind the commitment", &Mail::with("Subject", &format!("{} ok", subject())), SUBJECT),
        refused("another subject", &Mail::with("Subject", "Lunch?"), SUBJECT),
        refused(
            "another account's commitment",
            &Mail::with("Subject", &others),
            "the proof was made for another account key",
        ),
        refused(
            "no date that is one",
            &Mail::with("Date", "yesterday"),
            "the proof is malformed: the mail's date is not valid",
        ),
        refused(
            "a date of another day of the week",
            &Mail::with("Date", &DATE.replace("Sun", "Mon")),
            "the proof is malformed: the mail's date is not valid",
        ),
        refused(
            "signed days after it was written",
            &Mail::with("Date", "Fri, 20 Nov 2026 01:00:00 +0100"),
            "the mail was not signed when it was written",
        ),
        refused(
            "its signature ended before",
            &Mail { tags: "x=1700000000; ", ..Mail::new() },
            "the mail was not signed when it was written",
        ),
    ];
    for (name, header, value) in [
        ("an answer by what it refers to", "In-Reply-To", "<0@example.net>"),
        ("in a conversation", "References", "<0@example.net>"),
        ("sent by a program", "Auto-Submitted", "auto-replied"),
        ("sent in bulk", "Precedence", "bulk"),
        ("through a list", "List-Id", "<list.example.org>"),
        ("through a list that one can leave", "List-Unsubscribe", "<https://example.org>"),
        ("sent again", "Resent-From", "zoe@example.org"),
        ("sent again by somebody", "Resent-Sender", "zoe@example.org"),
        ("sent for somebody else", "Sender", "other@example.org"),
    ] {
        cases.push(refused(name, &Mail::with(header, value), AUTOMATIC));
    }
    cases
}

fn those_with_another_signature() -> Vec<Case> {
    const NOT_ALIGNED: &str = "the mail is not signed by the domain of its sender";
    const INVALID: &str = "the proof is malformed: the mail's signature is not valid";
    const ALGORITHM: &str = "the proof is signed with an algorithm that is not allowed";
    let good = Mail::new().signed();
    let changed = |name, from: &str, to: &str, why| {
        assert!(good.contains(from), "{from}");
        Case::refused(name, &proof(&good.replacen(from, to, 1)), why)
    };
    let by =
        |name, domain: &'static str| Case::refused(name, &proof(&Mail { domain, ..Mail::new() }.signed()), NOT_ALIGNED);
    let covering =
        |name, covered: &'static str, why| Case::refused(name, &proof(&Mail { covered, ..Mail::new() }.signed()), why);
    let tagged =
        |name, tags: &'static str, why| Case::refused(name, &proof(&Mail { tags, ..Mail::new() }.signed()), why);
    vec![
        Case::refused("not signed", &proof(&Mail::new().unsigned()), "the mail is not signed by any domain"),
        by("signed by the domain above", "org"),
        by("signed by a domain below", "mail.example.org"),
        by("signed by a domain that only ends like it", "anexample.org"),
        by("signed by another domain", "example.net"),
        Case::refused(
            "signed with another key",
            &proof(&Mail::new().signed_by(&Rsa::named("other"))),
            "the domain did not sign the mail",
        ),
        changed(
            "the sender changed afterwards",
            "Zoe@Example.org",
            "eve@Example.org",
            "the domain did not sign the mail",
        ),
        changed("the receiver changed afterwards", "To: proofs", "To: others", "the domain did not sign the mail"),
        changed(
            "the text changed afterwards",
            "Sent by hand.",
            "Sent by heart.",
            "the text of the mail is not what its domain signed",
        ),
        changed(
            "something behind the text",
            "hand.\r\n",
            "hand.\r\nMore.\r\n",
            "the text of the mail is not what its domain signed",
        ),
        changed("under another selector", "s=s1", "s=s2", "the mail is signed with another key of its domain"),
        changed("an algorithm with SHA-1", "a=rsa-sha256", "a=rsa-sha1", ALGORITHM),
        changed("an algorithm that the key is not for", "a=rsa-sha256", "a=ed25519-sha256", ALGORITHM),
        changed("a newer signature", "v=1", "v=2", INVALID),
        changed("a form that is not known", "c=relaxed/relaxed", "c=loose/loose", INVALID),
        changed("a tag twice", "v=1", "v=1; v=1", "the proof is malformed: a list of tags is not valid"),
        tagged("a part of the text only", "l=2; ", "the mail's signature covers only a part of its text"),
        tagged("with an identity of another domain", "i=@example.net; ", INVALID),
        tagged("with a key that is not in the DNS", "q=other; ", INVALID),
        covering("the sender not covered", "to:subject:date", "the mail's signature does not cover its from"),
        covering("the subject not covered", "from:to:date", "the mail's signature does not cover its subject"),
        covering("the receiver not covered", "from:subject:date", "the mail's signature does not cover its to"),
        covering("the date not covered", "from:to:subject", "the mail's signature does not cover its date"),
    ]
}

fn those_with_another_record() -> Vec<Case> {
    const KEY_USE: &str = "the domain's key is not for mail like this";
    const WEAK: &str = "the key that signed the proof is too weak or unusual";
    let good = Mail::new().signed();
    let under = |name, record: &str, why| Case::refused(name, &with_record(&good, record), why);
    let modulus = data_encoding::HEXLOWER.decode(KEYS["modulus_1024"].as_str().unwrap().as_bytes()).unwrap();
    let flagged = |flags: &str| record().replace("k=rsa;", &format!("k=rsa; {flags};"));
    let below = Mail { tags: "i=@a.example.org; ", ..Mail::new() }.signed();
    vec![
        under("a key of 1024 bits", &record_of(&modulus), WEAK),
        under("an even modulus", &record_of(&[0xfe; 256]), WEAK),
        under("a key for tests", &flagged("t=y"), "the domain's key is for tests"),
        under("a key that was revoked", "v=DKIM1; k=rsa; p=", "the domain's key was revoked"),
        under("a key for something else", &flagged("s=other"), KEY_USE),
        under("a key for SHA-1", &flagged("h=sha1"), KEY_USE),
        under("a record of another kind", &record().replace("DKIM1", "STS1"), KEY_USE),
        Case::refused("a key for the domain alone", &with_record(&below, &flagged("t=s")), KEY_USE),
        under("no key", "v=DKIM1; k=rsa", "the proof is malformed: the domain's record is not valid"),
        under("no DER", "v=DKIM1; k=rsa; p=AAAA", "the proof is malformed: the domain's key is not valid"),
        under(
            "a kind of key that is not known",
            "v=DKIM1; k=gost; p=AAAA",
            "the proof is signed with an algorithm that is not allowed",
        ),
    ]
}

fn those_with_something_else() -> Vec<Case> {
    const MAIL: &str = "the proof is malformed: the mail is not valid";
    let message = Mail::new().signed();
    let good = proof(&message);
    let opened = signed(&Evidence::Mail(MailEvidence {
        message: message.clone().into_bytes(),
        selector: SELECTOR.to_owned(),
        record: record(),
        opening: [0x78; 32],
    }));
    let long = format!("{message}{}", "x".repeat(70_000));
    let evidence =
        MailEvidence { message: long.into(), selector: String::new(), record: String::new(), opening: OPENING };
    assert!(Proof::sign(&Evidence::Mail(evidence), &account()).is_err(), "a mail over the limit is not signed");
    vec![
        Case::refused("line feeds alone", &proof(&message.replace("\r\n", "\n")), MAIL),
        Case::refused("a line feed alone in the text", &proof(&message.replace("hand.", "hand.\n")), MAIL),
        Case::refused("no text behind the headers", &proof("From: zoe@example.org\r\n"), MAIL),
        Case::refused("another opening", &opened, "the proof was made for another account key"),
        Case {
            account: other_account().public(),
            ..Case::refused(
                "taken by somebody else as their own",
                &Proof::sign(good.evidence(), &other_account()).unwrap(),
                "the proof was made for another account key",
            )
        },
        Case { now_ms: NOW_MS + 364 * DAY_MS, ..Case::refused("a year later", &good, "the proof has expired") },
        Case {
            now_ms: NOW_MS - 2 * DAY_MS,
            ..Case::refused("before it was written", &good, "the proof is not valid yet")
        },
        Case { withdrawn: vec![good.id()], ..Case::refused("withdrawn", &good, "the proof was withdrawn") },
    ]
}

#[test]
fn proofs_by_a_signed_mail_are_as_written_down() {
    let message = Mail::new().signed();
    let around = json!({
        "account_seed": encode(&super::ACCOUNT),
        "opening": encode(&OPENING),
        "subject": subject(),
        "message": message,
        "selector": SELECTOR,
        "record": record(),
    });
    let cases = [
        those_that_hold(),
        those_with_other_headers(),
        those_with_another_signature(),
        those_with_another_record(),
        those_with_something_else(),
    ];
    let policy = ProofPolicy::default();
    assert_cases("proofs_mail.json", around, &policy, &cases.into_iter().flatten().collect::<Vec<_>>());
}

#[test]
fn a_mail_says_where_the_keys_that_signed_it_are_published() {
    let names = DomainKeyName::of_mail(Mail::new().signed().as_bytes()).unwrap();
    let names: Vec<_> = names.iter().map(|name| (name.domain.as_str(), name.selector.as_str())).collect();
    assert_eq!(names, [(DOMAIN, SELECTOR)]);
    assert!(DomainKeyName::of_mail(Mail::new().unsigned().as_bytes()).is_err());
    assert!(DomainKeyName::of_mail(Mail { domain: "example.net", ..Mail::new() }.signed().as_bytes()).is_err());
}
