//! Requests as MLflow's clients send them: fields from the query (GET) or from a JSON body (everything else, DELETE too).
//!
//! Field names may be snake_case or camelCase. Unknown fields are ignored, a value of the wrong type is refused with MLflow's
//! words, because its clients and their tests match on them. Size, depth and the number of tags are limited.

use std::time::Duration;

use axum::body::Body;
use axum::extract::{self as parts_of, FromRequest, Request};
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use axum::http::{Method, Uri};
use serde_json::{Map, Value};

use super::error::{MlflowError, clipped};
use super::search::{Bad, Query, Target};
use crate::http::duplicates::check_duplicates;
use crate::http::extract;

/// Largest body: the longest tag value of a thousand MLflow allows would not fit, one prompt in escaped JSON does several times.
const MAX_BODY_BYTES: usize = 4 * 1024 * 1024;
/// How long a body may take, on routes that have no time limit of their own.
const BODY_TIMEOUT: Duration = Duration::from_secs(60);
/// Most tags of a request.
const MAX_TAGS: usize = 1_000;

/// What a typing error ends with.
const SEE_DOCS: &str = "See the API docs for more information about request parameters.";

/// The fields of a request.
#[derive(Debug)]
pub(super) struct Fields(Given);

#[derive(Debug)]
enum Given {
    Query(Vec<(String, String)>),
    Body(Map<String, Value>),
}

impl<S: Send + Sync> FromRequest<S> for Fields {
    type Rejection = MlflowError;

    async fn from_request(request: Request, _state: &S) -> Result<Self, MlflowError> {
        let (parts, body) = request.into_parts();
        if parts.method == Method::GET && parts.uri.query().is_some_and(|query| !query.is_empty()) {
            return Self::of_query(&parts.uri);
        }
        if parts.method == Method::POST || parts.method == Method::PUT {
            check_content_type(&parts)?;
        }
        Self::of_body(&read(body).await?)
    }
}

fn check_content_type(parts: &Parts) -> Result<(), MlflowError> {
    let Some(value) = parts.headers.get(CONTENT_TYPE) else {
        return Err(MlflowError::invalid("Bad Request. Content-Type header is missing."));
    };
    let kind = value.to_str().unwrap_or_default().split(';').next().unwrap_or_default().trim();
    if kind.eq_ignore_ascii_case("application/json") {
        return Ok(());
    }
    Err(MlflowError::invalid("Bad Request. Content-Type must be one of ['application/json']."))
}

async fn read(body: Body) -> Result<bytes::Bytes, MlflowError> {
    let bytes = tokio::time::timeout(BODY_TIMEOUT, axum::body::to_bytes(body, MAX_BODY_BYTES)).await.ok().and_then(Result::ok);
    bytes.ok_or_else(|| MlflowError::invalid(format!("the body has more than {MAX_BODY_BYTES} bytes, or broke off")))
}

impl Fields {
    fn of_query(uri: &Uri) -> Result<Self, MlflowError> {
        let pairs = parts_of::Query::<Vec<(String, String)>>::try_from_uri(uri);
        let parts_of::Query(pairs) = pairs.map_err(|error| MlflowError::invalid(format!("the query cannot be read: {}", error.body_text())))?;
        Ok(Self(Given::Query(pairs)))
    }

    /// What is no JSON counts as an empty object, and JSON in a JSON string is read twice: old clients send both.
    fn of_body(bytes: &[u8]) -> Result<Self, MlflowError> {
        extract::check_depth(bytes)?;
        check_duplicates(bytes)?;
        let mut value: Value = serde_json::from_slice(bytes).unwrap_or_default();
        if let Value::String(text) = &value {
            extract::check_depth(text.as_bytes())?;
            check_duplicates(text.as_bytes())?;
            value = serde_json::from_str(text).unwrap_or_default();
        }
        let members = match value {
            Value::Object(members) => members,
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => Map::new(),
        };
        Ok(Self(Given::Body(members)))
    }

    /// A text; absent and null are `None`.
    ///
    /// # Errors
    /// INVALID_PARAMETER_VALUE when it is no text, or given under two names.
    pub(super) fn text(&self, name: &str) -> Result<Option<&str>, MlflowError> {
        match &self.0 {
            Given::Query(pairs) => Ok(pairs.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())),
            Given::Body(members) => match member(members, name)? {
                None | Some(Value::Null) => Ok(None),
                Some(Value::String(text)) => Ok(Some(text)),
                Some(other @ (Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_))) => Err(mistyped(name, other)),
            },
        }
    }

    /// A text that must be there and not be empty.
    ///
    /// # Errors
    /// As [`Fields::text`]; `Missing value for required parameter`.
    pub(super) fn required(&self, name: &str) -> Result<&str, MlflowError> {
        self.text(name)?.filter(|text| !text.is_empty()).ok_or_else(|| missing(name))
    }

    /// A text, empty when it is absent.
    ///
    /// # Errors
    /// As [`Fields::text`].
    pub(super) fn text_or_empty(&self, name: &str) -> Result<&str, MlflowError> {
        Ok(self.text(name)?.unwrap_or_default())
    }

    /// A truth value, false when it is absent.
    ///
    /// # Errors
    /// INVALID_PARAMETER_VALUE when it is none.
    pub(super) fn flag(&self, name: &str) -> Result<bool, MlflowError> {
        match &self.0 {
            Given::Query(_) => match self.text(name)? {
                None => Ok(false),
                Some(text) if text.eq_ignore_ascii_case("true") => Ok(true),
                Some(text) if text.eq_ignore_ascii_case("false") => Ok(false),
                Some(text) => Err(MlflowError::invalid(format!("Invalid boolean value: {text}, must be 'true' or 'false'."))),
            },
            Given::Body(members) => match member(members, name)? {
                None | Some(Value::Null) => Ok(false),
                Some(Value::Bool(flag)) => Ok(*flag),
                Some(other @ (Value::String(_) | Value::Number(_) | Value::Array(_) | Value::Object(_))) => Err(mistyped(name, other)),
            },
        }
    }

    /// A whole number, also written as text.
    ///
    /// # Errors
    /// INVALID_PARAMETER_VALUE when it is none, or above `most`.
    pub(super) fn integer(&self, name: &str, most: i64) -> Result<Option<i64>, MlflowError> {
        let given = match &self.0 {
            Given::Query(_) => self.text(name)?.map(|text| Value::String(text.to_owned())),
            Given::Body(members) => member(members, name)?.filter(|value| !value.is_null()).cloned(),
        };
        let Some(given) = given else { return Ok(None) };
        let number = match &given {
            Value::String(text) => text.trim().parse().ok(),
            Value::Number(number) => number.as_i64(),
            Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
        };
        number.filter(|number| *number <= most).map(Some).ok_or_else(|| mistyped(name, &given))
    }

    /// A whole number from 0 that must be there, also written as text.
    ///
    /// # Errors
    /// As [`Fields::integer`]; `Missing value for required parameter`.
    pub(super) fn natural(&self, name: &str) -> Result<u64, MlflowError> {
        let number = self.integer(name, i64::MAX)?.ok_or_else(|| missing(name))?;
        u64::try_from(number).map_err(|_| mistyped(name, &Value::from(number)))
    }

    /// Objects, a list that must be there.
    ///
    /// # Errors
    /// INVALID_PARAMETER_VALUE for another shape; `Missing value for required parameter`.
    pub(super) fn objects(&self, name: &str) -> Result<Vec<Self>, MlflowError> {
        let Given::Body(members) = &self.0 else { return Err(missing(name)) };
        let list = member(members, name)?.filter(|value| !value.is_null()).ok_or_else(|| missing(name))?;
        let items = list.as_array().ok_or_else(|| mistyped(name, list))?;
        let object = |item: &Value| item.as_object().cloned().map(|members| Self(Given::Body(members))).ok_or_else(|| mistyped(name, item));
        items.iter().map(object).collect()
    }

    /// Texts; in a query the parameter is repeated.
    ///
    /// # Errors
    /// INVALID_PARAMETER_VALUE when it is no list of texts.
    pub(super) fn texts(&self, name: &str) -> Result<Vec<String>, MlflowError> {
        match &self.0 {
            Given::Query(pairs) => Ok(pairs.iter().filter(|(key, _)| key == name).map(|(_, value)| value.clone()).collect()),
            Given::Body(members) => match member(members, name)? {
                None | Some(Value::Null) => Ok(Vec::new()),
                Some(list @ Value::Array(items)) => {
                    let text = |item: &Value| item.as_str().map(str::to_owned).ok_or_else(|| mistyped(name, list));
                    items.iter().map(text).collect()
                }
                Some(other @ (Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_))) => Err(mistyped(name, other)),
            },
        }
    }

    /// A search: filter, order and page.
    ///
    /// # Errors
    /// INVALID_PARAMETER_VALUE with the first mistake.
    pub(super) fn search(&self, target: Target, default: i64, most: i64) -> Result<Query, MlflowError> {
        let max_results = self.integer("max_results", most)?.unwrap_or(default);
        let order = self.texts("order_by")?;
        Query::new(target, self.text_or_empty("filter")?, &order, max_results, self.text_or_empty("page_token")?)
            .map_err(|Bad(message)| MlflowError::invalid(message))
    }

    /// Tags: a list of {key, value}. Of a repeated key the last stands; a value that is absent is empty.
    ///
    /// # Errors
    /// INVALID_PARAMETER_VALUE for another shape, and for more tags than are accepted.
    pub(super) fn tags(&self) -> Result<Vec<(String, String)>, MlflowError> {
        let Given::Body(members) = &self.0 else { return Ok(Vec::new()) };
        let items = match member(members, "tags")? {
            None | Some(Value::Null) => return Ok(Vec::new()),
            Some(Value::Array(items)) => items,
            Some(other @ (Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_))) => return Err(mistyped("tags", other)),
        };
        if items.len() > MAX_TAGS {
            return Err(MlflowError::invalid(format!("a request sets at most {MAX_TAGS} tags; this one has {}", items.len())));
        }
        let mut tags: Vec<(String, String)> = Vec::with_capacity(items.len());
        for item in items {
            let Value::Object(tag) = item else { return Err(mistyped("tags", item)) };
            let key = tag_text(tag, "key")?.filter(|key| !key.is_empty()).ok_or_else(|| missing("key"))?;
            let value = tag_text(tag, "value")?.unwrap_or_default();
            tags.retain(|(known, _)| *known != key);
            tags.push((key, value));
        }
        Ok(tags)
    }
}

fn tag_text(tag: &Map<String, Value>, name: &str) -> Result<Option<String>, MlflowError> {
    match tag.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(other @ (Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_))) => Err(mistyped(name, other)),
    }
}

/// A member under its snake_case or camelCase name.
fn member<'a>(members: &'a Map<String, Value>, name: &str) -> Result<Option<&'a Value>, MlflowError> {
    let plain = members.get(name);
    if !name.contains('_') {
        return Ok(plain);
    }
    let camel = camel_case(name);
    match (plain, members.get(&camel)) {
        (Some(_), Some(_)) => Err(MlflowError::invalid(format!("Request specifies both '{name}' and '{camel}'; provide only one of them."))),
        (plain, other) => Ok(plain.or(other)),
    }
}

fn camel_case(name: &str) -> String {
    let mut text = String::with_capacity(name.len());
    let mut upper = false;
    for letter in name.chars() {
        match (letter, upper) {
            ('_', _) => upper = true,
            (letter, true) => {
                text.push(letter.to_ascii_uppercase());
                upper = false;
            }
            (letter, false) => text.push(letter),
        }
    }
    text
}

/// `Missing value for required parameter`.
pub(super) fn missing(name: &str) -> MlflowError {
    MlflowError::invalid(format!("Missing value for required parameter '{name}'. {SEE_DOCS}"))
}

/// A value of the wrong type, with the name that Python has for the type.
fn mistyped(name: &str, value: &Value) -> MlflowError {
    let kind = match value {
        Value::Null => "NoneType",
        Value::Bool(_) => "bool",
        Value::Number(number) if number.is_f64() => "float",
        Value::Number(_) => "int",
        Value::String(_) => "str",
        Value::Array(_) => "list",
        Value::Object(_) => "dict",
    };
    MlflowError::invalid(format!(
        "Invalid value {} for parameter '{name}' supplied:  Hint: Value was of type '{kind}'. {SEE_DOCS}",
        clipped(&value.to_string())
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(text: &str) -> Fields {
        Fields::of_body(text.as_bytes()).unwrap()
    }

    fn message<T: std::fmt::Debug>(result: Result<T, MlflowError>) -> String {
        result.unwrap_err().message
    }

    #[test]
    fn required_fields_are_missing_when_absent_null_or_empty() {
        let expected = "Missing value for required parameter 'name'. See the API docs for more information about request parameters.";
        for given in ["", "{}", "no json", "7", "[1]", r#"{"name": null}"#, r#"{"name": ""}"#, r#""{}""#] {
            assert_eq!(message(body(given).required("name")), expected, "{given}");
        }
        for given in [r#"{"name": "a"}"#, r#""{\"name\": \"a\"}""#] {
            assert_eq!(body(given).required("name").unwrap(), "a", "{given}");
        }
    }

    #[test]
    fn values_of_the_wrong_type_are_named_as_python_names_them() {
        let fields = body(r#"{"name": 5, "stages": "Staging", "tags": "x", "archive_existing_versions": "true", "order_by": ["a", 1], "max_results": 2.5}"#);
        let wrong = |name: &str, value: &str, kind: &str| {
            format!("Invalid value {value} for parameter '{name}' supplied:  Hint: Value was of type '{kind}'. {SEE_DOCS}")
        };
        assert_eq!(message(fields.required("name")), wrong("name", "5", "int"));
        assert_eq!(message(fields.texts("stages")), wrong("stages", "\"Staging\"", "str"));
        assert_eq!(message(fields.tags()), wrong("tags", "\"x\"", "str"));
        assert_eq!(message(fields.flag("archive_existing_versions")), wrong("archive_existing_versions", "\"true\"", "str"));
        assert_eq!(message(fields.texts("order_by")), wrong("order_by", "[\"a\",1]", "list"));
        assert_eq!(message(fields.integer("max_results", 10)), wrong("max_results", "2.5", "float"));
    }

    #[test]
    fn both_spellings_of_a_name_are_accepted_but_not_together() {
        assert_eq!(body(r#"{"newName": "a"}"#).required("new_name").unwrap(), "a");
        let twice = body(r#"{"newName": "a", "new_name": "a"}"#);
        assert_eq!(message(twice.required("new_name")), "Request specifies both 'new_name' and 'newName'; provide only one of them.");
    }

    #[test]
    fn queries_repeat_lists_and_write_numbers_as_text() {
        let uri: Uri = "/x?stages=A&stages=B&max_results=5&name=a%20b&flag=TRUE".parse().unwrap();
        let fields = Fields::of_query(&uri).unwrap();
        assert_eq!(fields.texts("stages").unwrap(), ["A", "B"]);
        assert_eq!(fields.integer("max_results", 5).unwrap(), Some(5));
        assert!(message(fields.integer("max_results", 4)).starts_with("Invalid value \"5\" for parameter 'max_results'"));
        assert_eq!(fields.required("name").unwrap(), "a b");
        assert!(fields.flag("flag").unwrap());
        assert!(message(fields.flag("name")).starts_with("Invalid boolean value"));
    }

    #[test]
    fn of_a_repeated_tag_the_last_stands() {
        let tags = body(r#"{"tags": [{"key": "a", "value": "1"}, {"key": "b"}, {"key": "a", "value": "2"}]}"#).tags().unwrap();
        assert_eq!(tags, [("b".to_owned(), String::new()), ("a".to_owned(), "2".to_owned())]);
        assert!(message(body(r#"{"tags": [{"key": "a", "value": 1}]}"#).tags()).contains("'value'"));
        assert!(message(body(r#"{"tags": [{"value": "1"}]}"#).tags()).starts_with("Missing value for required parameter 'key'"));
    }
}
