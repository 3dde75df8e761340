//! Documents of types without a format of their own: small JSON is handed on as it is.

use serde_json::Value;

use super::super::reading::{Claim, Reading};
use crate::names::Digest;
use crate::refusal::Refusal;

/// Largest JSON that is handed on, in bytes.
pub const MAX_BYTES: usize = 16 * 1024;

/// Reads JSON of at most [`MAX_BYTES`]; anything else is kept and not read.
///
/// # Errors
/// `invalid_field` when it says that it is about a digest which is none.
pub fn read(bytes: &[u8]) -> Result<Option<Reading>, Refusal> {
    if bytes.len() > MAX_BYTES {
        return Ok(None);
    }
    let Ok(document @ Value::Object(_)) = super::super::json::parse(bytes) else { return Ok(None) };
    let claims = claims(&document)?;
    Ok(Some(Reading { format: "json", summary: document, claims }))
}

/// What `subject: {version_digest, content_digest, composition_digest}` says, the member of our own formats.
///
/// # Errors
/// `invalid_field` for a digest that is none.
pub(crate) fn claims(document: &Value) -> Result<Vec<Claim>, Refusal> {
    let mut claims = Vec::new();
    let makers: [(&str, fn(Digest) -> Claim); 3] =
        [("version_digest", Claim::Version), ("content_digest", Claim::Content), ("composition_digest", Claim::Composition)];
    for (member, claim) in makers {
        let Some(given) = document.pointer(&format!("/subject/{member}")).filter(|given| !given.is_null()) else { continue };
        let digest = Digest::parse(given.as_str().unwrap_or_default()).map_err(|refusal| refusal.field(&format!("subject.{member}")))?;
        claims.push(claim(digest));
    }
    Ok(claims)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn small_objects_are_handed_on() {
        let digest = Digest::of(b"content");
        let document = json!({"a": 1, "subject": {"content_digest": digest.to_string(), "version_digest": null}});
        let reading = read(document.to_string().as_bytes()).unwrap().unwrap();
        assert_eq!(reading, Reading { format: "json", summary: document, claims: vec![Claim::Content(digest)] });
        for kept in [b"x".to_vec(), b"[1]".to_vec(), b"{\"a\":1,\"a\":2}".to_vec(), format!("{{\"a\":\"{}\"}}", "x".repeat(MAX_BYTES)).into_bytes()] {
            assert_eq!(read(&kept).unwrap(), None);
        }
        let refusal = read(br#"{"subject": {"content_digest": "x"}}"#).unwrap_err();
        assert_eq!(refusal.field.as_deref(), Some("subject.content_digest"));
    }
}
