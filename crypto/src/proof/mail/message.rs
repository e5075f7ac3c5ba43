//! A mail as it travels (RFC 5322), taken apart without changing a byte, and the little of it that is understood.

use jiff::fmt::rfc2822::DateTimeParser;

use crate::codec::Malformed;
use crate::proof::Refused;

/// A mail has at most this many headers.
const HEADERS_MAX: usize = 256;
/// An address is at most this many bytes (RFC 5321 §4.5.3.1.3).
const ADDRESS_BYTES_MAX: usize = 254;
const LOCAL_PART_BYTES_MAX: usize = 64;
const DOMAIN_BYTES_MAX: usize = 253;
const LABEL_BYTES_MAX: usize = 63;
const LINE_END: &[u8] = b"\r\n";

/// A mail: its headers from the top, and what follows the empty line.
pub(super) struct Message<'a> {
    pub(super) headers: Vec<Header<'a>>,
    pub(super) body: &'a [u8],
}

/// A header, with the line breaks in it and without the one behind it.
#[derive(Clone, Copy)]
pub(super) struct Header<'a> {
    pub(super) name: &'a str,
    /// Everything behind the colon.
    pub(super) value: &'a [u8],
    /// All of it.
    pub(super) raw: &'a [u8],
}

/// The lines, each without its end. A carriage return or a line feed that is no line's end stays in it.
pub(super) fn lines(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(bytes);
    std::iter::from_fn(move || {
        let bytes = rest?;
        let end = bytes.windows(2).position(|pair| pair == LINE_END);
        let (line, after) = end.and_then(|end| bytes.split_at_checked(end)).unwrap_or((bytes, &[]));
        rest = if end.is_some() { after.get(2..) } else { None };
        Some(line)
    })
}

impl<'a> Message<'a> {
    /// Takes a mail apart. A carriage return or a line feed alone, which some take for a line's end and others do not,
    /// is refused, and so are a header without a name and a space before its colon.
    pub(super) fn parse(bytes: &'a [u8]) -> Result<Self, Malformed> {
        const INVALID: Malformed = Malformed::Invalid { what: "the mail" };
        if lines(bytes).any(|line| line.iter().any(|byte| matches!(byte, b'\r' | b'\n' | 0))) {
            return Err(INVALID);
        }
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").ok_or(INVALID)?;
        let (head, body) = bytes.split_at_checked(end).ok_or(INVALID)?;
        let body = body.get(4..).ok_or(INVALID)?;
        let mut starts = Vec::new();
        let mut at = 0_usize;
        for line in lines(head) {
            if !line.first().is_some_and(|first| is_space(*first)) {
                starts.push(at);
            } else if starts.is_empty() || line.iter().all(|byte| is_space(*byte)) {
                return Err(INVALID);
            }
            at = at.saturating_add(line.len()).saturating_add(2);
        }
        if starts.len() > HEADERS_MAX {
            return Err(Malformed::TooLong { what: "the mail's list of headers", limit: HEADERS_MAX });
        }
        let ends = starts.iter().skip(1).map(|next| next.saturating_sub(2)).chain([head.len()]);
        let header = |(start, end): (&usize, usize)| Header::parse(head.get(*start..end)?);
        let headers = starts.iter().zip(ends).map(header).collect::<Option<_>>().ok_or(INVALID)?;
        Ok(Self { headers, body })
    }

    /// The headers of a name, from the top; the name in lower case.
    pub(super) fn named(&self, name: &str) -> impl DoubleEndedIterator<Item = &Header<'a>> {
        self.headers.iter().filter(move |header| header.name.eq_ignore_ascii_case(name))
    }

    /// The one header of a name: of two, some readers show the one and some the other.
    pub(super) fn only(&self, header: &'static str) -> Result<&Header<'a>, Refused> {
        let mut all = self.named(header);
        match (all.next(), all.next()) {
            (Some(one), None) => Ok(one),
            _ => Err(Refused::NotOnce { header }),
        }
    }

    /// The mail's date, in milliseconds since 1970 (RFC 5322 §3.3).
    pub(super) fn date_ms(&self) -> Result<u64, Refused> {
        let date = self.only("date")?.text();
        let moment = date.and_then(|date| DateTimeParser::new().parse_timestamp(date.as_bytes()).ok());
        let moment_ms = moment.and_then(|moment| u64::try_from(moment.as_millisecond()).ok());
        moment_ms.ok_or_else(|| Malformed::Invalid { what: "the mail's date" }.into())
    }
}

impl<'a> Header<'a> {
    fn parse(raw: &'a [u8]) -> Option<Self> {
        let colon = raw.iter().position(|byte| *byte == b':')?;
        let (name, value) = raw.split_at_checked(colon)?;
        let is_name = !name.is_empty() && name.iter().all(u8::is_ascii_graphic);
        let name = str::from_utf8(name).ok().filter(|_| is_name)?;
        Some(Self { name, value: value.get(1..)?, raw })
    }

    /// What it says on one line, with one space between words, if that is all ASCII.
    pub(super) fn text(&self) -> Option<String> {
        let unfolded: Vec<u8> = self.value.iter().copied().filter(|byte| !LINE_END.contains(byte)).collect();
        let is_shown = |byte: &u8| byte.is_ascii_graphic() || is_space(*byte);
        let text = String::from_utf8(unfolded).ok().filter(|text| text.as_bytes().iter().all(is_shown))?;
        let words: Vec<&str> = text.split([' ', '\t']).filter(|word| !word.is_empty()).collect();
        Some(words.join(" "))
    }
}

pub(super) fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

/// The one address of a header like From, as `address` or `name <address>` (RFC 5322 §3.4). Groups, lists, comments and
/// quoted local parts are refused, since readers do not agree on whose they are.
pub(super) fn address(text: &str) -> Option<&str> {
    let Some(inner) = text.strip_suffix('>') else { return Some(text).filter(|text| is_address(text)) };
    let (name, address) = inner.rsplit_once('<')?;
    (is_display_name(name.trim_matches([' ', '\t'])) && is_address(address)).then_some(address)
}

/// A quoted text without quotes in it, or words that mean nothing to any reader.
fn is_display_name(name: &str) -> bool {
    match name.strip_prefix('"') {
        Some(quoted) => quoted.strip_suffix('"').is_some_and(|inside| !inside.contains(['"', '\\'])),
        None => !name.contains(['<', '>', '(', ')', '[', ']', ':', ';', '@', '\\', ',', '"']),
    }
}

/// A dot-atom, an `@` and a domain name (RFC 5321 §4.1.2).
fn is_address(text: &str) -> bool {
    let is_atom_byte = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&byte);
    let is_atom = |atom: &str| !atom.is_empty() && atom.bytes().all(is_atom_byte);
    text.len() <= ADDRESS_BYTES_MAX
        && text.split_once('@').is_some_and(|(local, domain)| {
            local.len() <= LOCAL_PART_BYTES_MAX && local.split('.').all(is_atom) && is_domain(domain)
        })
}

/// A domain name of two labels or more.
pub(super) fn is_domain(text: &str) -> bool {
    text.len() <= DOMAIN_BYTES_MAX && text.contains('.') && text.split('.').all(is_label)
}

/// A label of a domain name, an underscore allowed in it.
pub(super) fn is_label(label: &str) -> bool {
    (1..=LABEL_BYTES_MAX).contains(&label.len())
        && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
        && !label.starts_with('-')
        && !label.ends_with('-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mail_is_taken_apart_without_changing_a_byte() {
        let bytes = b"A: one\r\nb:two\r\n three\r\nA:\r\n\r\nbody\r\n\r\n";
        let message = Message::parse(bytes).unwrap();
        let raw: Vec<_> = message.headers.iter().map(|header| header.raw).collect();
        assert_eq!(raw, [b"A: one".as_slice(), b"b:two\r\n three", b"A:"]);
        assert_eq!((message.named("a").count(), message.body), (2, b"body\r\n\r\n".as_slice()));
        assert_eq!(message.only("b").unwrap().text().as_deref(), Some("two three"));
        assert_eq!(message.only("a").err(), Some(Refused::NotOnce { header: "a" }));
    }

    #[test]
    fn what_two_readers_could_take_apart_differently_is_refused() {
        for bytes in [
            "A: b\n\n",
            "A: b\r\n\nc",
            "A: b\r\r\n\r\n",
            "A: b\r\n\r\nc\rd",
            "A: b\r\n\r\n\0",
            " A: b\r\n\r\n",
            "A : b\r\n\r\n",
            ": b\r\n\r\n",
            "A\r\n\r\n",
            "\r\n\r\n",
            "A: b\r\n \r\n\r\n",
            "A: b\r\n",
            "",
        ] {
            assert!(Message::parse(bytes.as_bytes()).is_err(), "{bytes:?}");
        }
        assert!(Message::parse(format!("{}\r\n", "A: b\r\n".repeat(256)).as_bytes()).is_ok());
        assert!(Message::parse(format!("{}\r\n", "A: b\r\n".repeat(257)).as_bytes()).is_err());
    }

    #[test]
    fn one_address_is_found_and_whatever_could_be_two_is_none() {
        for text in
            ["zoe@example.org", "Zoe <zoe@example.org>", "<zoe@example.org>", "\"Z, <x@y.z>\" <zoe@example.org>"]
        {
            assert_eq!(address(text), Some("zoe@example.org"), "{text}");
        }
        for text in [
            "",
            "zoe",
            "zoe@localhost",
            "zoe@-a.example",
            "a@b.example, zoe@example.org",
            "a@b.example <zoe@example.org>",
            "x <a@b.example> <zoe@example.org>",
            "a, b <zoe@example.org>",
            "group: zoe@example.org;",
            "zoe@example.org (Zoe)",
            "\"a\"@example.org",
            "\"a\\\" <x@y.example>\" <zoe@example.org>",
            "a@b@example.org",
            ".zoe@example.org",
            "zoe@[192.0.2.1]",
            "zoe@example..org",
        ] {
            assert_eq!(address(text), None, "{text}");
        }
    }
}
