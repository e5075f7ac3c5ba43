//! JSON (RFC 8259) from outside, read strictly: an object that names something twice is refused, since two readers could
//! see different things in it; so is what is nested deeply, and what is not whole.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use crate::codec::Malformed;

/// An object or a list may be inside at most this many others.
const DEPTH_MAX: u8 = 8;

/// A value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Json {
    Null,
    Bool(bool),
    /// An integer from 0 to 2^64 − 1.
    Integer(u64),
    /// Any other number. Nothing that is read here has one that matters.
    Number,
    Text(String),
    List(Vec<Self>),
    Object(BTreeMap<String, Self>),
}

impl Json {
    /// Reads one value and nothing behind it.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, Malformed> {
        let what = Cell::new("the JSON");
        let mut deserializer = serde_json::Deserializer::from_slice(bytes);
        let value = Value { depth: DEPTH_MAX, what: &what }.deserialize(&mut deserializer);
        let value = value.and_then(|value| deserializer.end().map(|()| value));
        value.map_err(|_| Malformed::Invalid { what: what.get() })
    }

    /// Reads an object.
    pub(super) fn object(bytes: &[u8]) -> Result<BTreeMap<String, Self>, Malformed> {
        match Self::parse(bytes)? {
            Self::Object(members) => Ok(members),
            _ => Err(Malformed::Invalid { what: "the JSON" }),
        }
    }

    pub(super) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    pub(super) fn integer(&self) -> Option<u64> {
        match self {
            Self::Integer(number) => Some(*number),
            _ => None,
        }
    }
}

/// Reads a value that may have `depth` levels below it, and says in `what` what was wrong with it.
#[derive(Clone, Copy)]
struct Value<'a> {
    depth: u8,
    what: &'a Cell<&'static str>,
}

impl Value<'_> {
    fn below<E: Error>(self) -> Result<Self, E> {
        let depth = self.depth.checked_sub(1).ok_or_else(|| {
            self.what.set("JSON that is nested so deeply");
            E::custom("too deep")
        })?;
        Ok(Self { depth, ..self })
    }
}

impl<'de> DeserializeSeed<'de> for Value<'_> {
    type Value = Json;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Json, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Value<'_> {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E: Error>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Json, E> {
        Ok(Json::Bool(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Json, E> {
        Ok(Json::Integer(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Json, E> {
        Ok(u64::try_from(value).map_or(Json::Number, Json::Integer))
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<Json, E> {
        Ok(Json::Number)
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Json, E> {
        Ok(Json::Text(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Json, A::Error> {
        let below = self.below()?;
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(below)? {
            list.push(item);
        }
        Ok(Json::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Json, A::Error> {
        let below = self.below()?;
        let mut object = BTreeMap::new();
        while let Some(name) = members.next_key::<String>()? {
            let value = members.next_value_seed(below)?;
            if object.insert(name, value).is_some() {
                self.what.set("a JSON object that names something twice");
                return Err(A::Error::custom("twice"));
            }
        }
        Ok(Json::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn why(text: &str) -> String {
        Json::parse(text.as_bytes()).unwrap_err().to_string()
    }

    #[test]
    fn a_value_is_read_with_its_kinds() {
        let members = Json::object(br#"{"a":[null,true,7,-7,1.5,"t"],"b":{"c":18446744073709551615}}"#).unwrap();
        let list = [Json::Null, Json::Bool(true), Json::Integer(7), Json::Number, Json::Number, Json::Text("t".into())];
        assert_eq!(members["a"], Json::List(list.to_vec()));
        let Json::Object(inner) = &members["b"] else { panic!("b is an object") };
        assert_eq!(inner["c"].integer(), Some(u64::MAX));
    }

    #[test]
    fn an_object_that_names_something_twice_is_refused_however_the_name_is_written() {
        for text in [r#"{"aud":1,"aud":1}"#, r#"{"aud":1,"\u0061ud":2}"#, r#"{"x":[{"y":{"a":1,"a":1}}]}"#] {
            assert_eq!(why(text), "a JSON object that names something twice is not valid");
        }
    }

    #[test]
    fn what_is_deep_or_broken_or_has_something_behind_it_is_refused() {
        let nested = |depth: usize| format!("{}1{}", "[".repeat(depth), "]".repeat(depth));
        assert!(Json::parse(nested(8).as_bytes()).is_ok());
        assert_eq!(why(&nested(9)), "JSON that is nested so deeply is not valid");
        assert_eq!(why(&nested(100_000)), "JSON that is nested so deeply is not valid");
        for text in ["", "{", "{}{}", "{} x", "nul", "{'a':1}", "[1,]", "\"\u{1}\"", "NaN", r#""\ud800""#] {
            assert_eq!(why(text), "the JSON is not valid", "{text}");
        }
        assert!(Json::parse(b"\"\xff\"").is_err() && Json::object(b"[]").is_err());
    }
}
