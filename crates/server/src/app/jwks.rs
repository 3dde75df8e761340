//! An issuer whose tokens are taken, and its keys: read from a file, or fetched from the address that the operator configured.
//!
//! INVARIANT: no address comes from a token or a caller. `jwks_uri` is the operator's, or stands in the discovery document of the issuer
//! that the operator named. HTTPS only; plain HTTP only to this machine.

use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use chancery_core::evidence::json;
use chancery_core::names::Timestamp;
use reqwest::Url;
use serde_json::Value;

use super::jwt::{self, Algorithm, Claims, JwtRefusal, KeySet, MAX_SET_BYTES};
use crate::fault::Fault;

/// After this the keys are fetched anew.
const REFRESH_SECONDS: i64 = 600;
/// Least time between two fetches, however many tokens name unknown keys.
const PAUSE_SECONDS: i64 = 60;
/// How long the last keys are good when no newer ones can be had.
const KEEP_SECONDS: i64 = 86_400;
/// How long a fetch may take.
const FETCH_TIMEOUT: Duration = Duration::from_secs(5);

/// Where the keys of an issuer are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeySource {
    /// A file on this machine.
    File(PathBuf),
    /// An address.
    Address(String),
    /// What `ISSUER/.well-known/openid-configuration` names (OpenID Connect Discovery 1.0).
    Discovery,
}

/// An issuer, as the operator configures it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IssuerConfig {
    /// The `iss` of its tokens, byte for byte.
    pub issuer: String,
    /// Its keys.
    pub keys: KeySource,
    /// Algorithms that its tokens may have.
    pub algorithms: Vec<Algorithm>,
}

/// An issuer whose tokens can be verified. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Issuer {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    config: IssuerConfig,
    client: reqwest::Client,
    held: RwLock<Held>,
    /// Held by whoever fetches, so that one does.
    turn: tokio::sync::Mutex<()>,
}

#[derive(Clone, Debug, Default)]
struct Held {
    keys: Option<(Arc<KeySet>, Timestamp)>,
    tried_at: Option<Timestamp>,
}

/// Whether `then` was at least `seconds` ago. A clock that went back makes everything old.
fn past(then: Option<Timestamp>, seconds: i64, now: Timestamp) -> bool {
    then.is_none_or(|then| now.micros() < then.micros() || now.micros() - then.micros() >= seconds * 1_000_000)
}

impl Issuer {
    /// An issuer. Its keys are fetched when the first token comes.
    ///
    /// # Errors
    /// [`Fault::Config`]: no algorithm, or an address that is neither HTTPS nor on this machine.
    pub fn new(config: IssuerConfig) -> Result<Self, Fault> {
        if config.algorithms.is_empty() {
            return Err(Fault::Config(format!("issuer `{}` has no algorithm; name one of RS256, PS256, ES256, ES384, EdDSA", config.issuer)));
        }
        let address = match &config.keys {
            KeySource::File(_) => None,
            KeySource::Address(address) => Some(address),
            KeySource::Discovery => Some(&config.issuer),
        };
        if let Some(address) = address {
            checked(address).map_err(Fault::Config)?;
        }
        Ok(Self { inner: Arc::new(Inner { client: client()?, config, held: RwLock::default(), turn: tokio::sync::Mutex::default() }) })
    }

    /// The `iss` of its tokens.
    pub fn name(&self) -> &str {
        &self.inner.config.issuer
    }

    /// Verifies a token of this issuer for `audience` at `now`, with keys that are as fresh as they have to be.
    ///
    /// # Errors
    /// [`JwtRefusal`].
    pub async fn verify(&self, token: &str, audience: &str, now: Timestamp) -> Result<Claims, JwtRefusal> {
        let header = jwt::read_header(token)?;
        let keys = self.keys(header.kid(), now).await?;
        jwt::verify(token, &keys, &self.inner.config.issuer, &self.inner.config.algorithms, audience, now)
    }

    async fn keys(&self, kid: Option<&str>, now: Timestamp) -> Result<Arc<KeySet>, JwtRefusal> {
        let held = self.held();
        let due = past(held.keys.as_ref().map(|(_, at)| *at), REFRESH_SECONDS, now) || held.keys.as_ref().is_some_and(|(keys, _)| !keys.knows(kid));
        if due && past(held.tried_at, PAUSE_SECONDS, now) {
            self.refresh(now).await;
        }
        let held = self.held();
        held.keys.filter(|(_, at)| !past(Some(*at), KEEP_SECONDS, now)).map(|(keys, _)| keys).ok_or(JwtRefusal::Unavailable)
    }

    async fn refresh(&self, now: Timestamp) {
        let turn = self.inner.turn.lock().await;
        if !past(self.held().tried_at, PAUSE_SECONDS, now) {
            return;
        }
        let fetched = self.fetch().await.and_then(|bytes| KeySet::parse(&bytes));
        let mut held = self.inner.held.write().unwrap_or_else(PoisonError::into_inner);
        held.tried_at = Some(now);
        match fetched {
            Ok(keys) => held.keys = Some((Arc::new(keys), now)),
            Err(reason) => tracing::warn!(issuer = %self.name(), %reason, "the keys of an issuer cannot be read"),
        }
        drop(turn);
    }

    fn held(&self) -> Held {
        self.inner.held.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn fetch(&self) -> Result<Vec<u8>, String> {
        match &self.inner.config.keys {
            KeySource::File(path) => {
                let length = tokio::fs::metadata(path).await.map_err(|error| format!("`{}`: {error}", path.display()))?.len();
                if length > MAX_SET_BYTES as u64 {
                    return Err(format!("`{}` has more than {MAX_SET_BYTES} bytes", path.display()));
                }
                tokio::fs::read(path).await.map_err(|error| format!("`{}`: {error}", path.display()))
            }
            KeySource::Address(address) => self.get(address).await,
            KeySource::Discovery => self.get(&self.discover().await?).await,
        }
    }

    /// The address of the keys, from the discovery document.
    async fn discover(&self) -> Result<String, String> {
        let document = self.document().await?;
        document.get("jwks_uri").and_then(Value::as_str).map(ToOwned::to_owned).ok_or_else(|| "the discovery document has no `jwks_uri`".to_owned())
    }

    /// The discovery document, which must be about this very issuer.
    ///
    /// # Errors
    /// Why it cannot be had, in one line.
    pub(super) async fn document(&self) -> Result<Value, String> {
        let issuer = self.name();
        let bytes = self.get(&format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'))).await?;
        let document = json::parse(&bytes).map_err(|refusal| refusal.message)?;
        if document.get("issuer").and_then(Value::as_str) != Some(issuer) {
            return Err("the discovery document is about another issuer".to_owned());
        }
        Ok(document)
    }

    async fn get(&self, address: &str) -> Result<Vec<u8>, String> {
        let mut answer = self.inner.client.get(checked(address)?).send().await.map_err(|error| format!("cannot reach the issuer: {error}"))?;
        if answer.status() != reqwest::StatusCode::OK {
            return Err(format!("the issuer answers {}", answer.status()));
        }
        let mut bytes = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(|error| format!("the answer of the issuer broke off: {error}"))? {
            bytes.extend_from_slice(&chunk);
            if bytes.len() > MAX_SET_BYTES {
                return Err(format!("the answer of the issuer has more than {MAX_SET_BYTES} bytes"));
            }
        }
        Ok(bytes)
    }
}

fn client() -> Result<reqwest::Client, Fault> {
    let builder = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).timeout(FETCH_TIMEOUT).no_proxy();
    builder.build().map_err(|error| Fault::Config(format!("make the client for issuers: {error}")))
}

/// An address that may be opened.
///
/// # Errors
/// What is wrong with it.
pub fn checked(address: &str) -> Result<Url, String> {
    let url = Url::parse(address).map_err(|error| format!("`{address}` is no address: {error}"))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(format!("`{}` holds a user name or a password", url.host_str().unwrap_or_default()));
    }
    let here = matches!(url.host_str(), Some("127.0.0.1" | "[::1]" | "localhost"));
    match url.scheme() {
        "https" => Ok(url),
        "http" if here => Ok(url),
        _ => Err(format!("`{address}` must begin with https://, or be http:// on this machine")),
    }
}

#[cfg(test)]
mod tests;
