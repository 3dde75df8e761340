//! Refuses JSON in which an object names a member twice: of two readers, one could take the first and one the last.

use std::collections::BTreeSet;
use std::fmt;

use chancery_core::refusal::Refusal;
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

/// Refuses duplicate members at any depth. JSON that cannot be read is left to its reader; the caller has limited size and depth.
///
/// # Errors
/// `invalid_field` that names the member.
pub(super) fn check_duplicates(bytes: &[u8]) -> Result<(), Refusal> {
    let mut found = None;
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let read = Look(&mut found).deserialize(&mut deserializer);
    match (read, found) {
        (Err(_), Some(member)) => {
            let shown: String = member.chars().take(100).collect();
            Err(Refusal::invalid("body", &format!("the body names the member `{shown}` twice in one object")))
        }
        (Ok(()) | Err(_), _) => Ok(()),
    }
}

/// Looks at a value; puts the first member that is there twice.
struct Look<'a>(&'a mut Option<String>);

impl<'de> DeserializeSeed<'de> for Look<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Look<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("JSON")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut seen = BTreeSet::new();
        while let Some(member) = map.next_key::<String>()? {
            if seen.contains(&member) {
                *self.0 = Some(member);
                return Err(A::Error::custom("a member is there twice"));
            }
            seen.insert(member);
            map.next_value_seed(Look(self.0))?;
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        while items.next_element_seed(Look(self.0))?.is_some() {}
        Ok(())
    }

    fn visit_bool<E>(self, _value: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _value: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _value: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _value: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _value: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_named_once_at_any_depth() {
        for (text, expected) in [
            (r#"{"a": 1, "b": {"a": 1}, "c": [{"a": 1}, {"a": 2}]}"#, None),
            (r#"{"a": 1, "a": 1}"#, Some("a")),
            (r#"{"a": {"b": {"c": 1, "c": 2}}}"#, Some("c")),
            (r#"{"a": [1, "x", null, true, 1.5, -1, {"d": 1, "d": 1}]}"#, Some("d")),
            (r#"{"name": 1, "n\u0061me": 2}"#, Some("name")),
            (r#"{"a": 1,"#, None),
            ("", None),
        ] {
            let found = check_duplicates(text.as_bytes()).err().map(|refusal| refusal.message);
            assert_eq!(found, expected.map(|member| format!("the body names the member `{member}` twice in one object")), "{text}");
        }
    }
}
