//! Requests made from the document by chance: most nearly right, some wrong in one place, some rubbish.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::Rng;
use serde_json::{Map, Value, json};

use crate::schema::{Document, Operation, kinds};

/// A list or an object is nested at most so deep.
const DEPTH_MAX: usize = 6;
/// Of what is learned by name, so many are kept.
const KNOWN_MAX: usize = 64;

/// Texts that have broken other programs.
const NASTY: [&str; 16] = [
    "",
    " ",
    "\u{0}",
    "..",
    "../../etc/passwd",
    "%00",
    "' OR 1=1 --",
    "\u{202e}gnp.exe",
    "\u{feff}",
    "e\u{301}\u{301}\u{301}\u{301}",
    "👩‍👩‍👧‍👦",
    "<img src=x onerror=alert(1)>",
    "\r\nSet-Cookie: a=b",
    "18446744073709551616",
    "-1",
    "0123456789abcdef0123456789abcdef",
];

/// A request, whole.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) method: &'static str,
    /// Path and query.
    pub(crate) target: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Option<Vec<u8>>,
}

impl Request {
    /// For the sentence of a failed test.
    pub(crate) fn shown(&self) -> String {
        let mut body = String::from_utf8_lossy(self.body.as_deref().unwrap_or_default()).into_owned();
        body.truncate(body.char_indices().nth(400).map_or(body.len(), |(at, _)| at));
        let target: String = self.target.chars().take(400).collect();
        format!("{} {target} {:?} {body:?}", self.method, self.headers)
    }
}

/// Ids and links that are really there, by the names under which the document asks for them.
#[derive(Debug, Default)]
pub(crate) struct Known {
    by_name: BTreeMap<String, Vec<String>>,
}

impl Known {
    pub(crate) fn add(&mut self, name: &str, value: &str) {
        let values = self.by_name.entry(name.to_owned()).or_default();
        if values.len() < KNOWN_MAX && !values.iter().any(|known| known == value) {
            values.push(value.to_owned());
        }
    }

    /// Every text in an answer, by its member's name.
    pub(crate) fn add_all(&mut self, value: &Value) {
        match value {
            Value::Object(members) => {
                for (name, member) in members {
                    match member {
                        Value::String(text) if !text.is_empty() && text.len() < 4_096 => self.add(name, text),
                        other => self.add_all(other),
                    }
                }
            }
            Value::Array(items) => items.iter().for_each(|item| self.add_all(item)),
            _ => {}
        }
    }
}

/// Makes requests.
pub(crate) struct Maker<'a> {
    document: &'a Document,
    known: Known,
    rng: ChaCha20Rng,
}

impl<'a> Maker<'a> {
    pub(crate) fn new(document: &'a Document, known: Known, rng: ChaCha20Rng) -> Self {
        Self { document, known, rng }
    }

    /// Takes up what an answer names.
    pub(crate) fn learn(&mut self, answer: &Value) {
        self.known.add_all(answer);
    }

    pub(crate) fn request(&mut self, operation: &Operation) -> Request {
        let mut target = operation.path.clone();
        let mut query = String::new();
        let mut headers = Vec::new();
        for parameter in &operation.parameters {
            let value = match self.value(&parameter.name, &parameter.schema, 0) {
                Value::String(text) => text,
                other => other.to_string(),
            };
            match parameter.place.as_str() {
                "path" => {
                    // An empty segment is another path.
                    let value = if value.is_empty() { "0".to_owned() } else { value };
                    target = target.replace(&format!("{{{}}}", parameter.name), &escaped(&value));
                }
                "query" if self.once_in(2) => {
                    let sign = if query.is_empty() { '?' } else { '&' };
                    write!(query, "{sign}{}={}", escaped(&parameter.name), escaped(&value)).unwrap();
                }
                "header" if self.once_in(2) => {
                    let visible = value.chars().filter(|c| (' '..='~').contains(c)).take(300).collect();
                    headers.push((parameter.name.clone(), visible));
                }
                _ => {}
            }
        }
        if self.once_in(16) {
            query = format!("?{}={}", escaped(self.nasty()), escaped(self.nasty()));
        }
        let body = operation.body.as_ref().and_then(|(kind, schema)| self.body(kind, schema, &mut headers));
        Request { method: operation.method, target: target + &query, headers, body }
    }

    fn body(&mut self, kind: &str, schema: &Value, headers: &mut Vec<(String, String)>) -> Option<Vec<u8>> {
        if self.once_in(24) {
            return None;
        }
        let stated = match self.below(24) {
            0 => "text/plain",
            1 => "application/json; charset=utf-16",
            _ if kind == "image/*" => "image/png",
            _ => kind,
        };
        headers.push(("content-type".to_owned(), stated.to_owned()));
        let mut bytes = match kind {
            "application/json" => self.value("", schema, 0).to_string().into_bytes(),
            _ => (0..self.below(2_048)).map(|_| self.rng.next_u32().to_le_bytes()[0]).collect(),
        };
        match self.below(16) {
            0 if !bytes.is_empty() => {
                let at = self.below(bytes.len());
                bytes[at] ^= 1 << self.below(8);
            }
            1 => bytes.truncate(self.below(bytes.len() + 1)),
            2 => bytes = b"[".repeat(self.below(40_000)),
            3 => bytes.extend_from_slice(&bytes.clone()),
            _ => {}
        }
        Some(bytes)
    }

    /// A value for a schema; sometimes one that it does not allow.
    fn value(&mut self, name: &str, schema: &Value, depth: usize) -> Value {
        let schema = self.document.resolved(schema).clone();
        if self.once_in(20) || depth > DEPTH_MAX {
            return self.anything();
        }
        if let Some(all) = schema["allOf"].as_array() {
            let mut whole = Map::new();
            for part in all {
                if let Value::Object(members) = self.value(name, part, depth) {
                    whole.extend(members);
                }
            }
            return Value::Object(whole);
        }
        for choice in ["oneOf", "anyOf", "enum"] {
            if let Some(some) = schema[choice].as_array() {
                let one = &some[self.below(some.len())];
                return if choice == "enum" { one.clone() } else { self.value(name, one, depth) };
            }
        }
        let kinds = kinds(&schema);
        match kinds.get(self.below(kinds.len().max(1))).copied() {
            Some("object") => self.object(&schema, depth),
            Some("array") => {
                let length = if self.once_in(12) { self.below(3_000) } else { self.below(4) };
                let item = |maker: &mut Self| maker.value(name, &schema["items"], depth + 1);
                (0..length).map(|_| item(self)).collect()
            }
            Some("string") => Value::String(self.text(name)),
            Some("integer" | "number") => self.number(),
            Some("boolean") => Value::Bool(self.once_in(2)),
            _ => Value::Null,
        }
    }

    fn object(&mut self, schema: &Value, depth: usize) -> Value {
        let mut members = Map::new();
        let required: Vec<&str> =
            schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        for (name, of) in schema["properties"].as_object().into_iter().flatten() {
            let is_left_out = if required.contains(&name.as_str()) { self.once_in(20) } else { self.once_in(2) };
            if !is_left_out {
                members.insert(name.clone(), self.value(name, of, depth + 1));
            }
        }
        if self.once_in(20) {
            members.insert(self.nasty().to_owned(), self.anything());
        }
        Value::Object(members)
    }

    fn text(&mut self, name: &str) -> String {
        // A list of ids is asked for by the name of many, an id by that of one.
        let values = self.known.by_name.get(name).or_else(|| self.known.by_name.get(name.trim_end_matches('s')));
        let known = values.cloned().unwrap_or_default();
        match self.below(10) {
            0 => self.nasty().to_owned(),
            1 => self.nasty().repeat(self.below(9_000)),
            2 => format!("{:08x}", self.rng.next_u32()).repeat(4),
            3 => self.anything_known(),
            _ if !known.is_empty() => known[self.below(known.len())].clone(),
            _ => format!("words {}", self.rng.next_u32()),
        }
    }

    fn anything_known(&mut self) -> String {
        let all: Vec<&String> = self.known.by_name.values().flatten().collect();
        let which = self.rng.next_u64();
        let count = u64::try_from(all.len()).unwrap().max(1);
        all.get(usize::try_from(which % count).unwrap()).map(|text| (*text).clone()).unwrap_or_default()
    }

    fn number(&mut self) -> Value {
        match self.below(10) {
            0 => json!(-1),
            1 => json!(u64::MAX),
            2 => json!(i64::MIN),
            3 => json!(1.5),
            4 => json!(1e300),
            5 => json!(0),
            _ => json!(self.below(100_000)),
        }
    }

    fn anything(&mut self) -> Value {
        match self.below(8) {
            0 => Value::Null,
            1 => Value::Bool(true),
            2 => self.number(),
            3 => json!([]),
            4 => json!({}),
            5 => json!([[[[{ "a": [null] }]]]]),
            6 => Value::String(self.anything_known()),
            _ => Value::String(self.nasty().to_owned()),
        }
    }

    fn nasty(&mut self) -> &'static str {
        NASTY[self.below(NASTY.len())]
    }

    fn once_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    fn below(&mut self, end: usize) -> usize {
        let end = u64::try_from(end.max(1)).unwrap();
        usize::try_from(self.rng.next_u64() % end).unwrap()
    }
}

/// Percent-encoded, each byte that means something in a URL.
fn escaped(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes().take(9_000) {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'~' => out.push(char::from(byte)),
            other => write!(out, "%{other:02X}").unwrap(),
        }
    }
    out
}
