//! Tokens that somebody else signed (JWT, RFC 7519, signed as in RFC 7515), verified by the rules of RFC 8725.
//!
//! INVARIANT: nothing in a token says how it is verified. The algorithms and the keys are those that the operator configured for the
//! issuer; of the header only `alg` and `kid` choose among them, and `jku`, `x5u`, `x5c`, `jwk` and `crit` are refused.
//! INVARIANT: a claim is read after the signature was verified, by a parser that refuses duplicate members.

mod keys;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use chancery_core::evidence::json;
use chancery_core::names::{Digest, Timestamp};
use jsonwebtoken::crypto;
use serde_json::{Map, Value};

pub use keys::{Algorithm, KeySet, MAX_SET_BYTES};

/// Largest token, in bytes.
pub const MAX_TOKEN_BYTES: usize = 16 * 1024;
/// How far the clocks of an issuer and of this server may be apart, in seconds.
pub const LEEWAY_SECONDS: i64 = 60;
/// Longest life of a token that is taken, in seconds: nobody's login or job token is valid for longer than a day.
const MAX_LIFE_SECONDS: i64 = 86_400 + LEEWAY_SECONDS;
/// Longest `iss`, `sub`, `jti` and `aud`, in bytes.
const MAX_TEXT_BYTES: usize = 2048;
/// Most members of a list of audiences.
const MAX_AUDIENCES: usize = 16;
/// Members of a header by which a token would bring its own key or rules.
const REFUSED_HEADERS: [&str; 8] = ["jku", "jwk", "x5u", "x5c", "x5t", "x5t#S256", "crit", "b64"];
/// What the header's `typ` may be: RFC 7519 section 5.1 and RFC 9068.
const TYPES: [&str; 3] = ["JWT", "at+jwt", "application/jwt"];

/// Why a token is refused. The text names the rule, never the token.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JwtRefusal {
    /// Larger than [`MAX_TOKEN_BYTES`].
    #[error("the token has more than {MAX_TOKEN_BYTES} bytes")]
    TooLarge,
    /// Not three parts of base64url, or not strict JSON.
    #[error("the token is no signed JWT: {0}")]
    Malformed(&'static str),
    /// The header has a member that is not taken.
    #[error("the header of the token has `{0}`, which is not taken")]
    Header(&'static str),
    /// `typ` is something else.
    #[error("the `typ` of the token is not `JWT`")]
    Type,
    /// `alg` is not one that is configured for the issuer.
    #[error("the `alg` of the token is not one that the issuer is configured with")]
    Algorithm,
    /// No key has the `kid`, or the token names none and there are several.
    #[error("no key of the issuer has the `kid` of the token")]
    Key,
    /// The signature does not fit.
    #[error("the signature of the token does not fit")]
    Signature,
    /// A claim is missing or is not of its type.
    #[error("the claim `{0}` of the token is missing or malformed")]
    Claim(&'static str),
    /// Another issuer.
    #[error("the `iss` of the token is not the configured issuer, byte for byte")]
    Issuer,
    /// Another audience.
    #[error("the token is for another audience")]
    Audience,
    /// `exp` has passed.
    #[error("the token has expired")]
    Expired,
    /// `nbf` or `iat` is in the future.
    #[error("the token is not valid yet")]
    NotYet,
    /// Valid for too long.
    #[error("the token is valid for more than a day")]
    TooLong,
    /// The keys of the issuer cannot be had.
    #[error("the keys of the issuer cannot be read now")]
    Unavailable,
}

/// What a verified token says.
#[derive(Clone, Debug, PartialEq)]
pub struct Claims {
    /// Who signed it.
    pub issuer: String,
    /// About whom it is.
    pub subject: String,
    /// Until when it is valid.
    pub expires_at: Timestamp,
    /// What is the same for every copy of the token: SHA-256 over issuer and `jti`, or over what was signed when there is no `jti`. The
    /// signature is not part of it, because ECDSA lets anyone write a second valid one.
    pub identity: Digest,
    /// Every claim.
    pub all: Map<String, Value>,
}

impl Claims {
    /// A claim that is text.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.all.get(name).and_then(Value::as_str)
    }
}

/// The header of a token, before anything is verified: what finds the key.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Unverified {
    algorithm: Algorithm,
    kid: Option<String>,
    issuer: String,
}

impl Unverified {
    /// Which key the token names.
    pub(super) fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }
}

/// The `iss` of a token, not verified: only to choose among the configured issuers.
pub fn claimed_issuer(token: &str) -> Result<String, JwtRefusal> {
    Ok(read_header(token)?.issuer)
}

/// Reads the header of a token and its claimed issuer.
///
/// # Errors
/// [`JwtRefusal`].
pub(super) fn read_header(token: &str) -> Result<Unverified, JwtRefusal> {
    let (header, claims, _) = parts(token)?;
    let header = object(header)?;
    if let Some(name) = REFUSED_HEADERS.into_iter().find(|name| header.contains_key(*name)) {
        return Err(JwtRefusal::Header(name));
    }
    match header.get("typ") {
        None => {}
        Some(Value::String(kind)) if TYPES.iter().any(|known| known.eq_ignore_ascii_case(kind)) => {}
        Some(_) => return Err(JwtRefusal::Type),
    }
    let algorithm = header.get("alg").and_then(Value::as_str).and_then(Algorithm::named).ok_or(JwtRefusal::Algorithm)?;
    let kid = match header.get("kid") {
        None => None,
        Some(Value::String(kid)) if kid.len() <= MAX_TEXT_BYTES => Some(kid.clone()),
        Some(_) => return Err(JwtRefusal::Key),
    };
    Ok(Unverified { algorithm, kid, issuer: required_text(&object(claims)?, "iss")? })
}

/// Verifies a token with the keys of its issuer.
///
/// `audience` must be one of the token's audiences; `now` is the server's clock.
///
/// # Errors
/// [`JwtRefusal`], of which the first that applies is named.
pub fn verify(token: &str, keys: &KeySet, issuer: &str, algorithms: &[Algorithm], audience: &str, now: Timestamp) -> Result<Claims, JwtRefusal> {
    let header = read_header(token)?;
    if !algorithms.contains(&header.algorithm) {
        return Err(JwtRefusal::Algorithm);
    }
    let key = keys.find(header.kid.as_deref(), header.algorithm).ok_or(JwtRefusal::Key)?;
    let (_, claims, signature) = parts(token)?;
    let signed = token.get(..token.len() - signature.len() - 1).ok_or(JwtRefusal::Malformed("it has no three parts"))?;
    BASE64_URL_SAFE_NO_PAD.decode(signature).map_err(|_| JwtRefusal::Malformed("the signature is no base64url"))?;
    if !crypto::verify(signature, signed.as_bytes(), key, header.algorithm.of_library()).unwrap_or(false) {
        return Err(JwtRefusal::Signature);
    }
    check_claims(object(claims)?, signed, issuer, audience, now)
}

fn check_claims(all: Map<String, Value>, signed: &str, issuer: &str, audience: &str, now: Timestamp) -> Result<Claims, JwtRefusal> {
    if required_text(&all, "iss")? != issuer {
        return Err(JwtRefusal::Issuer);
    }
    let subject = required_text(&all, "sub")?;
    check_audience(&all, audience)?;
    let (now, expires) = (now.micros().div_euclid(1_000_000), time(&all, "exp")?.ok_or(JwtRefusal::Claim("exp"))?);
    if expires.saturating_add(LEEWAY_SECONDS) <= now {
        return Err(JwtRefusal::Expired);
    }
    if expires.saturating_sub(now) > MAX_LIFE_SECONDS {
        return Err(JwtRefusal::TooLong);
    }
    let issued = time(&all, "iat")?.ok_or(JwtRefusal::Claim("iat"))?;
    if [Some(issued), time(&all, "nbf")?].into_iter().flatten().any(|from| from > now.saturating_add(LEEWAY_SECONDS)) {
        return Err(JwtRefusal::NotYet);
    }
    let identity = match all.get("jti") {
        None => Digest::of(signed.as_bytes()),
        Some(Value::String(id)) if !id.is_empty() && id.len() <= MAX_TEXT_BYTES => Digest::of(format!("{issuer}\n{id}").as_bytes()),
        Some(_) => return Err(JwtRefusal::Claim("jti")),
    };
    Ok(Claims { issuer: issuer.to_owned(), subject, expires_at: Timestamp::from_micros(expires.saturating_mul(1_000_000)), identity, all })
}

/// The audience must be named, alone or in a list of texts.
fn check_audience(all: &Map<String, Value>, audience: &str) -> Result<(), JwtRefusal> {
    let named = match all.get("aud") {
        Some(Value::String(one)) => one == audience,
        Some(Value::Array(many)) if many.len() <= MAX_AUDIENCES && many.iter().all(Value::is_string) => many.iter().any(|one| one == audience),
        Some(_) | None => return Err(JwtRefusal::Claim("aud")),
    };
    // An empty audience would be one that nobody chose.
    if named && !audience.is_empty() { Ok(()) } else { Err(JwtRefusal::Audience) }
}

fn required_text(all: &Map<String, Value>, name: &'static str) -> Result<String, JwtRefusal> {
    let text = all.get(name).and_then(Value::as_str).filter(|text| !text.is_empty() && text.len() <= MAX_TEXT_BYTES);
    text.map(ToOwned::to_owned).ok_or(JwtRefusal::Claim(name))
}

/// A NumericDate in whole seconds.
fn time(all: &Map<String, Value>, name: &'static str) -> Result<Option<i64>, JwtRefusal> {
    let Some(value) = all.get(name) else { return Ok(None) };
    let whole = |seconds: f64| (0.0..1e12).contains(&seconds).then_some(seconds);
    #[expect(clippy::cast_possible_truncation, reason = "checked to be below 10^12")]
    let seconds = value.as_i64().filter(|seconds| (0..1_000_000_000_000).contains(seconds)).or_else(|| value.as_f64().and_then(whole).map(|s| s.floor() as i64));
    seconds.map(Some).ok_or(JwtRefusal::Claim(name))
}

/// Header, claims and signature, as they are written.
fn parts(token: &str) -> Result<(&str, &str, &str), JwtRefusal> {
    if token.len() > MAX_TOKEN_BYTES {
        return Err(JwtRefusal::TooLarge);
    }
    let mut parts = token.split('.');
    match (parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some(header), Some(claims), Some(signature), None) => Ok((header, claims, signature)),
        _ => Err(JwtRefusal::Malformed("it has no three parts")),
    }
}

/// A part that is a JSON object with every member once.
fn object(part: &str) -> Result<Map<String, Value>, JwtRefusal> {
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(part).map_err(|_| JwtRefusal::Malformed("a part is no base64url"))?;
    match json::parse(&bytes) {
        Ok(Value::Object(members)) => Ok(members),
        Ok(_) => Err(JwtRefusal::Malformed("a part is no JSON object")),
        Err(_) => Err(JwtRefusal::Malformed("a part is no strict JSON, or has a member twice")),
    }
}

#[cfg(test)]
pub(crate) mod tests;
