//! A member of a document with its path: readers ask for what they need, and a refusal names the member and the way out.

use serde_json::{Map, Value};

use crate::names::{Digest, Timestamp};
use crate::refusal::{Code, Refusal};

/// Most items of a list that is read.
pub const MAX_ITEMS: usize = 2_000;
/// Longest name, in characters.
pub const MAX_NAME: usize = 500;
/// Longest text, in characters.
pub const MAX_TEXT: usize = 10_000;

/// A value of a document and where it stands.
#[derive(Clone, Debug)]
pub(crate) struct Member<'a> {
    path: String,
    value: &'a Value,
}

impl<'a> Member<'a> {
    /// The document itself.
    pub(crate) fn whole(value: &'a Value) -> Self {
        Self { path: String::new(), value }
    }

    /// The plain value.
    pub(crate) fn value(&self) -> &'a Value {
        self.value
    }

    /// Where it stands, such as `metrics[3].value`.
    pub(crate) fn path(&self) -> &str {
        if self.path.is_empty() { "document" } else { &self.path }
    }

    /// A member of an object; `None` when it is absent or null.
    pub(crate) fn get(&self, name: &str) -> Option<Self> {
        let value = self.value.get(name).filter(|value| !value.is_null())?;
        let path = if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) };
        Some(Self { path, value })
    }

    /// The first of these members that is there.
    pub(crate) fn either(&self, names: &[&str]) -> Option<Self> {
        names.iter().find_map(|name| self.get(name))
    }

    /// A member that must be there.
    pub(crate) fn need(&self, name: &str) -> Result<Self, Refusal> {
        self.get(name).ok_or_else(|| {
            let path = if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) };
            Refusal::invalid(&path, &format!("{path} is missing")).remedy(&format!("add `{path}`, or attach the document as type `other`"))
        })
    }

    /// A refusal of this member: what it must be.
    pub(crate) fn refused(&self, rule: &str) -> Refusal {
        Refusal::invalid(self.path(), &format!("{} must be {rule}", self.path())).remedy("correct the document, or attach it as type `other`")
    }

    /// An object.
    pub(crate) fn object(&self) -> Result<&'a Map<String, Value>, Refusal> {
        self.value.as_object().ok_or_else(|| self.refused("an object"))
    }

    /// Text of at most `limit` characters that is not empty.
    pub(crate) fn text(&self, limit: usize) -> Result<&'a str, Refusal> {
        let text = self.value.as_str().map(str::trim).filter(|text| !text.is_empty() && !text.contains('\0')).ok_or_else(|| self.refused("a text"))?;
        if text.chars().count() > limit {
            return Err(Refusal::new(Code::TooLarge, &format!("{} has more than {limit} characters", self.path())).field(self.path()));
        }
        Ok(text)
    }

    /// A name.
    pub(crate) fn name(&self) -> Result<String, Refusal> {
        self.text(MAX_NAME).map(str::to_owned)
    }

    /// A name, or a number written as one.
    pub(crate) fn word(&self) -> Result<String, Refusal> {
        match self.value {
            Value::Number(number) => Ok(number.to_string()),
            Value::Null | Value::Bool(_) | Value::String(_) | Value::Array(_) | Value::Object(_) => self.name(),
        }
    }

    /// One of these words.
    pub(crate) fn one_of(&self, words: &[&'static str]) -> Result<&'static str, Refusal> {
        let given = self.text(MAX_NAME)?;
        words.iter().copied().find(|word| *word == given).ok_or_else(|| Refusal::unknown_word(self.path(), given, words))
    }

    /// A finite number.
    pub(crate) fn number(&self) -> Result<f64, Refusal> {
        self.value.as_f64().filter(|number| number.is_finite()).ok_or_else(|| self.refused("a finite number"))
    }

    /// True or false.
    pub(crate) fn flag(&self) -> Result<bool, Refusal> {
        self.value.as_bool().ok_or_else(|| self.refused("true or false"))
    }

    /// A SHA-256 digest.
    pub(crate) fn digest(&self) -> Result<Digest, Refusal> {
        Digest::parse(self.text(MAX_NAME)?).map_err(|refusal| refusal.field(self.path()))
    }

    /// A moment: RFC 3339, or a date that stands for its first moment in UTC.
    pub(crate) fn time(&self) -> Result<String, Refusal> {
        let text = self.text(64)?;
        let full = if text.len() == 10 { format!("{text}T00:00:00Z") } else { text.to_owned() };
        Timestamp::parse(&full).map(|at| at.to_string()).map_err(|_| self.refused("a date or a time by RFC 3339, such as 2026-05-03 or 2026-05-03T12:00:00Z"))
    }

    /// The items of a list of at most [`MAX_ITEMS`].
    pub(crate) fn items(&self) -> Result<Vec<Self>, Refusal> {
        let list = self.value.as_array().ok_or_else(|| self.refused("a list"))?;
        if list.len() > MAX_ITEMS {
            return Err(too_many(self.path(), list.len()));
        }
        Ok(list.iter().enumerate().map(|(at, value)| Self { path: format!("{}[{at}]", self.path()), value }).collect())
    }

    /// A list of texts; a single text is a list of one.
    pub(crate) fn texts(&self, limit: usize) -> Result<Vec<String>, Refusal> {
        if self.value.is_string() {
            return Ok(vec![self.text(limit)?.to_owned()]);
        }
        self.items()?.iter().map(|item| item.text(limit).map(str::to_owned)).collect()
    }
}

/// The refusal of a list that is too long.
pub(crate) fn too_many(path: &str, count: usize) -> Refusal {
    Refusal::new(Code::TooLarge, &format!("{path} has {count} items; at most {MAX_ITEMS} are read"))
        .field(path)
        .remedy("split the document, or attach the whole as type `other` beside a shorter one")
}

/// Inserts a member that is known.
pub(crate) fn put(summary: &mut Map<String, Value>, name: &str, value: Option<impl Into<Value>>) {
    if let Some(value) = value {
        summary.insert(name.to_owned(), value.into());
    }
}
