//! Page tokens: where the page before ended, so that a deep page costs as much as the first. Opaque to clients.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE;
use chancery_core::rows::Value;
use serde::{Deserialize, Serialize};

use super::Bad;
use super::order::{By, Order};

/// The place after which a page begins: one value for each term of the order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    pub(super) after: Vec<Value>,
}

#[derive(Serialize, Deserialize)]
struct Content {
    order: String,
    after: Vec<Part>,
}

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Part {
    Number(i64),
    Text(String),
}

/// Reads the token of a request for the same order; an empty one is the beginning.
///
/// # Errors
/// The text for INVALID_PARAMETER_VALUE.
pub fn parse_page(token: &str, order: &Order) -> Result<Option<Page>, Bad> {
    if token.is_empty() {
        return Ok(None);
    }
    let bytes = URL_SAFE.decode(token).map_err(|_| Bad("Invalid page token, could not base64-decode".to_owned()))?;
    let text = String::from_utf8_lossy(&bytes);
    let content: Content = serde_json::from_str(&text).map_err(|_| Bad(format!("Invalid page token, decoded value={}", text.escape_debug())))?;
    if content.order != order.signature() {
        return Err(Bad("Invalid page token, it belongs to a search with another order_by".to_owned()));
    }
    let fits = |(part, by): (Part, By)| match (part, by) {
        (Part::Text(text), By::Name) if !text.contains('\0') => Some(Value::Text(text)),
        (Part::Number(number), By::Number | By::Created | By::Updated) => Some(Value::Integer(number)),
        (Part::Text(_), By::Name | By::Number | By::Created | By::Updated) | (Part::Number(_), By::Name) => None,
    };
    let complete = content.after.len() == order.terms.len();
    let after: Option<Vec<Value>> = content.after.into_iter().zip(order.terms.iter().map(|term| term.by)).map(fits).collect();
    after.filter(|_| complete).map(|after| Some(Page { after })).ok_or_else(|| Bad("Invalid page token, its values do not fit".to_owned()))
}

impl Page {
    /// The token for the page that begins after these values.
    pub(super) fn token(&self, order: &Order) -> String {
        let part = |value: &Value| match value {
            Value::Integer(number) => Part::Number(*number),
            Value::Text(text) => Part::Text(text.clone()),
            Value::Null | Value::Bytes(_) => Part::Text(String::new()),
        };
        let content = Content { order: order.signature(), after: self.after.iter().map(part).collect() };
        URL_SAFE.encode(serde_json::to_string(&content).unwrap_or_default())
    }
}
