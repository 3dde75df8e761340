//! JSON from outside, read strictly: no member twice, no deep nesting, no number that is none (I-JSON, RFC 7493).
//!
//! `NaN` and `Infinity` are not JSON, and a number that overflows is refused, so every number that is read here is finite.

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use crate::refusal::Refusal;

/// Deepest nesting of lists and objects.
pub const MAX_DEPTH: usize = 64;

/// Reads a JSON document.
///
/// # Errors
/// `invalid_field` of `document`: not UTF-8, not JSON, a member twice, nested deeper than [`MAX_DEPTH`], a number that is none.
pub fn parse(bytes: &[u8]) -> Result<Value, Refusal> {
    let refused = |message: &str| Refusal::invalid("document", message).remedy("send strict JSON: every member once, finite numbers, at most 64 levels");
    let text = std::str::from_utf8(bytes).map_err(|_| refused("the document is not UTF-8 text"))?;
    let mut reader = serde_json::Deserializer::from_str(text.strip_prefix('\u{feff}').unwrap_or(text));
    let read = Level(MAX_DEPTH).deserialize(&mut reader).and_then(|value| reader.end().map(|()| value));
    read.map_err(|error| refused(&one_line(&format!("the document is not JSON that can be read: {error}"))))
}

/// A message on one line and of limited length: other people's text is in it.
pub(crate) fn one_line(message: &str) -> String {
    message.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).take(300).collect()
}

/// A value read by the rules of this file, from any format that serde reads.
pub(crate) struct Strict(pub(crate) Value);

impl<'de> serde::Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Level(MAX_DEPTH).deserialize(deserializer).map(Self)
    }
}

/// How many levels may still be opened.
struct Level(usize);

impl<'de> DeserializeSeed<'de> for Level {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Level {
    type Value = Value;

    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        self.deserialize(deserializer)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("a number is not finite"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
        let below = self.0.checked_sub(1).ok_or_else(|| A::Error::custom("nested too deep"))?;
        let mut items = Vec::new();
        while let Some(item) = list.next_element_seed(Level(below))? {
            items.push(item);
        }
        Ok(Value::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Value, A::Error> {
        let below = self.0.checked_sub(1).ok_or_else(|| A::Error::custom("nested too deep"))?;
        let mut members = Map::new();
        while let Some(name) = object.next_key::<String>()? {
            if members.contains_key(&name) {
                return Err(A::Error::custom(format!("member `{name}` appears twice")));
            }
            let value = object.next_value_seed(Level(below))?;
            members.insert(name, value);
        }
        Ok(Value::Object(members))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Duplicate members, depth, NaN and Infinity are refused by name (EVD-1).
    #[test]
    fn only_strict_json_is_read() {
        assert_eq!(parse(b"\xef\xbb\xbf{\"a\": [1, -2, 0.5, true, null, \"x\"]}").unwrap(), serde_json::json!({"a": [1, -2, 0.5, true, null, "x"]}));
        assert!(parse(format!("{}{}", "[".repeat(64), "]".repeat(64)).as_bytes()).is_ok());
        let cases: Vec<(Vec<u8>, &str)> = vec![
            (br#"{"a": 1, "a": 1}"#.to_vec(), "`a` appears twice"),
            (br#"{"x": {"b": 1, "b": 2}}"#.to_vec(), "`b` appears twice"),
            (format!("{}{}", "[".repeat(65), "]".repeat(65)).into_bytes(), "too deep"),
            ("[".repeat(100_000).into_bytes(), "too deep"),
            (br#"{"a": NaN}"#.to_vec(), "not JSON"),
            (br#"{"a": Infinity}"#.to_vec(), "not JSON"),
            (br#"{"a": 1e999}"#.to_vec(), "out of range"),
            (b"{} {}".to_vec(), "trailing"),
            (b"".to_vec(), "EOF"),
            (b"\xff".to_vec(), "UTF-8"),
        ];
        for (bytes, says) in cases {
            let refusal = parse(&bytes).unwrap_err();
            assert!(refusal.message.contains(says), "{refusal} does not say {says}");
            crate::testing::check_style(&refusal);
        }
    }
}
