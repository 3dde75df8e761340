//! Members of a document with the path that leads to them, so that a refusal names exactly what is wrong.

use serde_json::{Map, Value};

use crate::names::{Digest, Timestamp};
use crate::refusal::{Code, Refusal};

/// Longest list in a summary; a document that has more is refused.
pub const MAX_ITEMS: usize = 2_000;
/// Longest text that a summary takes over, in bytes.
const MAX_TEXT_BYTES: usize = 2_000;

/// A value and the path to it, such as `components[3].name`.
#[derive(Clone, Debug)]
pub struct Member<'a> {
    value: &'a Value,
    path: String,
}

impl<'a> Member<'a> {
    /// The whole document, which must be an object.
    ///
    /// # Errors
    /// `invalid_field`.
    pub fn document(value: &'a Value) -> Result<Self, Refusal> {
        let whole = Self { value, path: String::new() };
        whole.object()?;
        Ok(whole)
    }

    /// The value.
    pub fn value(&self) -> &'a Value {
        self.value
    }

    /// The member of this name; `None` when it is absent or null.
    pub fn get(&self, name: &str) -> Option<Self> {
        let value = self.value.get(name).filter(|value| !value.is_null())?;
        let path = if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) };
        Some(Self { value, path })
    }

    /// The member of this name, which must be there.
    ///
    /// # Errors
    /// `invalid_field`.
    pub fn need(&self, name: &str) -> Result<Self, Refusal> {
        self.get(name).ok_or_else(|| self.refuse(&format!("member `{name}` is missing")))
    }

    /// The object that this is.
    ///
    /// # Errors
    /// `invalid_field` when it is something else.
    pub fn object(&self) -> Result<&'a Map<String, Value>, Refusal> {
        self.value.as_object().ok_or_else(|| self.refuse("it is no object"))
    }

    /// The text that this is.
    ///
    /// # Errors
    /// `invalid_field` when it is something else, `too_large` above 2,000 bytes.
    pub fn text(&self) -> Result<&'a str, Refusal> {
        let text = self.value.as_str().ok_or_else(|| self.refuse("it is no text"))?;
        if text.len() > MAX_TEXT_BYTES {
            return Err(self.large(&format!("it has {} bytes; at most {MAX_TEXT_BYTES} are read", text.len())));
        }
        Ok(text)
    }

    /// The items of the list of this name; none when it is absent.
    ///
    /// # Errors
    /// `invalid_field` when it is no list.
    pub fn list(&self, name: &str) -> Result<Vec<Self>, Refusal> {
        self.get(name).map_or(Ok(Vec::new()), |list| list.items())
    }

    /// The items of this list.
    ///
    /// # Errors
    /// `invalid_field` when it is no list.
    pub fn items(&self) -> Result<Vec<Self>, Refusal> {
        let items = self.value.as_array().ok_or_else(|| self.refuse("it is no list"))?;
        Ok(items.iter().enumerate().map(|(at, value)| Self { value, path: format!("{}[{at}]", self.path) }).collect())
    }

    /// The text of this name; `None` when it is absent or empty.
    ///
    /// # Errors
    /// As [`Member::text`].
    pub fn text_of(&self, name: &str) -> Result<Option<&'a str>, Refusal> {
        Ok(self.get(name).map(|member| member.text()).transpose()?.filter(|text| !text.is_empty()))
    }

    /// The text of this name, which must be there and not be empty.
    ///
    /// # Errors
    /// As [`Member::text`].
    pub fn need_text(&self, name: &str) -> Result<&'a str, Refusal> {
        self.text_of(name)?.ok_or_else(|| self.refuse(&format!("member `{name}` is missing or empty")))
    }

    /// The finite number of this name; `None` when it is absent.
    ///
    /// # Errors
    /// `invalid_field` when it is no number.
    pub fn number_of(&self, name: &str) -> Result<Option<f64>, Refusal> {
        self.get(name).map(|member| member.value.as_f64().ok_or_else(|| member.refuse("it is no number"))).transpose()
    }

    /// The time of this name (RFC 3339), as the summary writes times; `None` when it is absent.
    ///
    /// # Errors
    /// `invalid_field` when it is no time.
    pub fn time_of(&self, name: &str) -> Result<Option<String>, Refusal> {
        self.get(name).map(|member| member.time()).transpose()
    }

    /// The time that this is (RFC 3339).
    ///
    /// # Errors
    /// `invalid_field`.
    pub fn time(&self) -> Result<String, Refusal> {
        let time =
            Timestamp::parse(self.text()?).map_err(|_| self.refuse("it is no time").remedy("write times as RFC 3339, such as `2026-05-01T12:00:00Z`"))?;
        Ok(time.to_string())
    }

    /// The SHA-256 that this is, 64 hexadecimal digits in either case.
    ///
    /// # Errors
    /// `invalid_field`.
    pub fn sha256(&self) -> Result<Digest, Refusal> {
        Digest::parse(&self.text()?.to_ascii_lowercase()).map_err(|_| self.refuse("it is no SHA-256 in hexadecimal"))
    }

    /// A refusal that says what is wrong here.
    pub fn refuse(&self, what: &str) -> Refusal {
        let field = if self.path.is_empty() { "document" } else { &self.path };
        Refusal::invalid(field, &format!("`{}`: {what}", shown(field)))
    }

    /// A refusal that says what is too large here.
    pub fn large(&self, what: &str) -> Refusal {
        let field = if self.path.is_empty() { "document" } else { &self.path };
        Refusal::new(Code::TooLarge, &format!("`{}`: {what}", shown(field))).field(field)
    }
}

/// Names of members come from outside: shown on one line.
fn shown(field: &str) -> String {
    field.chars().filter(|letter| !letter.is_control() && *letter != '`').take(200).collect()
}

/// Refuses a list that is longer than a summary takes.
///
/// # Errors
/// `too_large`.
pub fn check_items(what: &str, count: usize) -> Result<(), Refusal> {
    if count <= MAX_ITEMS {
        return Ok(());
    }
    Err(Refusal::new(Code::TooLarge, &format!("the document lists {count} {what}; at most {MAX_ITEMS} are read"))
        .field("document")
        .remedy("split the document"))
}

/// Adds a member to a summary unless there is nothing to say: what is not known is absent.
pub fn put<T: Into<Value>>(summary: &mut Map<String, Value>, name: &str, value: Option<T>) {
    if let Some(value) = value {
        summary.insert(name.to_owned(), value.into());
    }
}
