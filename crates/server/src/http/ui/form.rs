//! Forms: a handler gets one only through [`Posted`] (or [`Signed`], [`Sent`]), which looks at everything that tells a form of ours from
//! one that somebody else's page sent: host, origin, content type, session and the token of the session.

use std::collections::BTreeMap;

use axum::body::Body;
use axum::extract::{FromRequest, Request};
use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use chancery_core::names::Digest;
use chancery_core::refusal::{Code, Refusal};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::session::{PageError, Shown, check_origin, own_origin, whose};
use crate::app::{App, AppError, LoggedIn};
use crate::http::extract::typed;
use crate::http::{Permit, Requested};
use crate::secret::Secret;

/// Largest form.
pub const MAX_FORM_BYTES: usize = 256 * 1024;
/// Field of the idempotency key.
const KEY_FIELD: &str = "key";
/// Most fields of a form.
const MAX_FIELDS: usize = 1_000;

/// The fields of a form as they came, to show them again when something is wrong. Passwords must not be taken from here into a page.
#[derive(Clone, Default)]
pub struct Fields(BTreeMap<String, Vec<String>>);

impl std::fmt::Debug for Fields {
    /// The names only: a field may be a password.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_list().entries(self.0.keys()).finish()
    }
}

impl Fields {
    /// What a field says; nothing when it is missing.
    pub fn get(&self, name: &str) -> &str {
        self.0.get(name).and_then(|values| values.first()).map_or("", String::as_str)
    }

    /// Everything that fields of one name say.
    pub fn all(&self, name: &str) -> &[String] {
        self.0.get(name).map_or(&[], Vec::as_slice)
    }

    /// Takes the idempotency key out; what is left is what is asked.
    fn take_requested(&mut self, parts: &Parts) -> Result<Requested, Refusal> {
        let key = self.0.remove(KEY_FIELD).and_then(|values| values.into_iter().next()).filter(|key| !key.is_empty());
        if key.as_ref().is_some_and(|key| key.len() > 255 || !key.bytes().all(|byte| byte.is_ascii_graphic())) {
            return Err(Refusal::invalid(KEY_FIELD, "the idempotency key must have 1 to 255 visible ASCII characters"));
        }
        let asked = serde_json::to_vec(&self.0).unwrap_or_default();
        Ok(Requested { key, body: Digest::of(&[format!("POST {}\n", parts.uri).as_bytes(), &asked].concat()) })
    }

    /// The fields as a type. Every value is text; a field that comes more than once is a list.
    fn typed<F: DeserializeOwned>(&self) -> Result<F, Refusal> {
        let value = |values: &Vec<String>| match values.as_slice() {
            [one] => Value::from(one.clone()),
            many => Value::from(many.to_vec()),
        };
        typed(Value::Object(self.0.iter().map(|(name, values)| (name.clone(), value(values))).collect()))
    }
}

/// A form of somebody who is not logged in: it is from a page of ours, which is all that can be asked.
#[derive(Debug)]
pub struct Sent<F> {
    /// The application.
    pub app: App,
    /// The head of the request.
    pub parts: Parts,
    /// The form, or which field is wrong.
    pub form: Result<F, Refusal>,
    /// The fields as they came.
    pub fields: Fields,
}

/// A form of somebody who is logged in, for what needs no right: logging out.
#[derive(Debug)]
pub struct Signed<F> {
    /// The application.
    pub app: App,
    /// Who.
    pub session: LoggedIn,
    /// The head of the request.
    pub parts: Parts,
    /// The form, or which field is wrong.
    pub form: Result<F, Refusal>,
    /// The fields as they came.
    pub fields: Fields,
}

/// A form of somebody who is logged in and was allowed the action of `P`.
#[derive(Debug)]
pub struct Posted<P: Permit, F> {
    /// Who, and what he was allowed.
    pub shown: Shown<P>,
    /// The head of the request.
    pub parts: Parts,
    /// The form, or which field is wrong: the handler shows it again with what was filled in.
    pub form: Result<F, Refusal>,
    /// The fields as they came.
    pub fields: Fields,
    /// The form's idempotency key, and the digest of what it asks.
    pub requested: Requested,
}

/// Browsers send forms of other pages without asking us when they are of these types: only this one is a form of ours.
fn check_type(headers: &HeaderMap) -> Result<(), Refusal> {
    let mut values = headers.get_all(CONTENT_TYPE).iter();
    let kind = match (values.next().and_then(|value| value.to_str().ok()), values.next()) {
        (Some(value), None) => value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase(),
        (Some(_) | None, _) => String::new(),
    };
    if kind == "application/x-www-form-urlencoded" {
        return Ok(());
    }
    Err(Refusal::new(Code::AccessDenied, "a form must come as `application/x-www-form-urlencoded`").remedy("send it with a browser; programs use the API"))
}

async fn read(body: Body) -> Result<Fields, Refusal> {
    let too_large = || Refusal::new(Code::TooLarge, &format!("the form has more than {MAX_FORM_BYTES} bytes or {MAX_FIELDS} fields, or broke off"));
    let bytes = axum::body::to_bytes(body, MAX_FORM_BYTES).await.map_err(|_| too_large())?;
    let mut fields = BTreeMap::<String, Vec<String>>::new();
    for (number, (name, value)) in form_pairs(&bytes).into_iter().enumerate() {
        if number >= MAX_FIELDS {
            return Err(too_large());
        }
        if name.contains('\0') || value.contains('\0') {
            return Err(Refusal::invalid("form", "a field must not contain a NUL character"));
        }
        fields.entry(name).or_default().push(value);
    }
    Ok(Fields(fields))
}

/// Names and values of `application/x-www-form-urlencoded` (WHATWG URL standard, section 5).
fn form_pairs(bytes: &[u8]) -> Vec<(String, String)> {
    let mut url = match reqwest::Url::parse("http://form/") {
        Ok(url) => url,
        Err(_) => return Vec::new(),
    };
    // Bytes outside of ASCII do not occur in what browsers send; as text they would be encoded, and mean the same.
    url.set_query(Some(&String::from_utf8_lossy(bytes)));
    url.query_pairs().take(MAX_FIELDS + 1).map(|(name, value)| (name.into_owned(), value.into_owned())).collect()
}

/// Compares without telling by the time how much is equal.
fn same(left: &[u8], right: &[u8]) -> bool {
    left.len() == right.len() && left.iter().zip(right).fold(0, |differs, (left, right)| differs | (left ^ right)) == 0
}

fn check_token(session: &LoggedIn, fields: &mut Fields) -> Result<(), Refusal> {
    let given = Secret::new(fields.0.remove("csrf").and_then(|values| values.into_iter().next()).unwrap_or_default());
    if !given.expose().is_empty() && same(given.expose().as_bytes(), session.csrf.expose().as_bytes()) {
        return Ok(());
    }
    Err(Refusal::new(Code::AccessDenied, "this form does not belong to your session").remedy("it may be old: open the page again and send it from there"))
}

impl<F: DeserializeOwned> FromRequest<App> for Sent<F> {
    type Rejection = PageError;

    async fn from_request(request: Request, app: &App) -> Result<Self, PageError> {
        let (parts, body) = request.into_parts();
        let own = own_origin(&parts, app.web())?;
        check_origin(&parts, &own)?;
        check_type(&parts.headers)?;
        let fields = read(body).await?;
        Ok(Self { app: app.clone(), parts, form: fields.typed(), fields })
    }
}

impl<F: DeserializeOwned> FromRequest<App> for Signed<F> {
    type Rejection = PageError;

    async fn from_request(request: Request, app: &App) -> Result<Self, PageError> {
        let (parts, body) = request.into_parts();
        let (session, fields) = signed_fields(&parts, body, app).await?;
        Ok(Self { app: app.clone(), session, parts, form: fields.typed(), fields })
    }
}

/// The fields of a form that a page of ours sent in a session, without the token of the session.
async fn signed_fields(parts: &Parts, body: Body, app: &App) -> Result<(LoggedIn, Fields), PageError> {
    let own = own_origin(parts, app.web())?;
    check_origin(parts, &own)?;
    check_type(&parts.headers)?;
    let session = whose(parts, app).await?.ok_or_else(|| PageError::LogIn(String::new()))?;
    let mut fields = read(body).await?;
    check_token(&session, &mut fields)?;
    Ok((session, fields))
}

impl<P: Permit + Send, F: DeserializeOwned + Send> FromRequest<App> for Posted<P, F> {
    type Rejection = PageError;

    async fn from_request(request: Request, app: &App) -> Result<Self, PageError> {
        let (parts, body) = request.into_parts();
        let (session, mut fields) = signed_fields(&parts, body, app).await?;
        let requested = fields.take_requested(&parts)?;
        Ok(Self { shown: Shown::to(session, &parts, app).await?, parts, form: fields.typed(), fields, requested })
    }
}

/// What a handler does with a form that is wrong: the same as with one that is refused.
pub fn filled<F>(form: Result<F, Refusal>) -> Result<F, AppError> {
    form.map_err(AppError::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_text_or_lists_of_text() {
        #[derive(Debug, PartialEq, serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Form {
            name: String,
            #[serde(default)]
            roles: Vec<String>,
        }
        let fields = |text: &str| {
            let mut fields = Fields::default();
            for (name, value) in form_pairs(text.as_bytes()) {
                fields.0.entry(name).or_default().push(value);
            }
            fields
        };
        let form: Form = fields("name=a+b%26%C3%A9&roles=x&roles=y").typed().unwrap();
        assert_eq!(form, Form { name: "a b&é".to_owned(), roles: vec!["x".to_owned(), "y".to_owned()] });
        assert_eq!(fields("name=a&more=1").typed::<Form>().unwrap_err().field.as_deref(), Some("more"));
        assert_eq!(fields("name=a&name=b").typed::<Form>().unwrap_err().field.as_deref(), Some("name"));
        assert_eq!(format!("{:?}", fields("password=secret")), "[\"password\"]");
    }

    #[test]
    fn only_one_type_is_a_form() {
        for (kind, expected) in [
            ("application/x-www-form-urlencoded", true),
            ("Application/X-WWW-Form-Urlencoded; charset=utf-8", true),
            ("text/plain", false),
            ("multipart/form-data; boundary=x", false),
            ("application/json", false),
            ("text/plain; application/x-www-form-urlencoded", false),
            ("", false),
        ] {
            let headers = [(CONTENT_TYPE, kind.parse().unwrap())].into_iter().collect();
            assert_eq!(check_type(&headers).is_ok(), expected, "{kind}");
        }
        assert!(check_type(&HeaderMap::new()).is_err());
    }

    #[test]
    fn tokens_are_compared_whole() {
        assert!(same(b"ab", b"ab") && !same(b"ab", b"ac") && !same(b"ab", b"abc") && !same(b"", b"a"));
    }
}
