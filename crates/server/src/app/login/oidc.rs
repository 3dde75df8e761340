//! Login with the organisation's identity provider: OpenID Connect Core 1.0, authorization code with PKCE (RFC 7636, S256), state and nonce.
//!
//! INVARIANT: every address that is opened stands in the discovery document of the issuer that the operator configured; none comes from a
//! browser, a token or an API caller.
//! INVARIANT: state, nonce and the PKCE verifier are made of one secret that only this browser has, in a cookie. So an answer of the provider
//! is taken only from the browser that asked, and there is nothing to keep on the server.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use chancery_core::actor::binding::{self, Command, Identity};
use chancery_core::actor::{self, ActorKind};
use chancery_core::entry::PrivateText;
use chancery_core::names::{ActorId, Digest, Label, Timestamp};
use chancery_core::refusal::{Code, Refusal};
use chancery_core::tables::{ActorRow, HandleRow, LoginIdentityRow};
use reqwest::Url;
use serde_json::{Map, Value};

use super::{LoginConfig, Origin, Proved, WebConfig, password};
use crate::app::jwks::{Issuer, IssuerConfig, KeySource, checked};
use crate::app::jwt::{Algorithm, Claims};
use crate::app::{App, AppError};
use crate::fault::Fault;
use crate::secret::Secret;
use crate::{ids, values};

/// Where the provider sends people back to.
pub const CALLBACK: &str = "/login/oidc/callback";
/// How long a person may take at the provider, in seconds.
pub const FLOW_SECONDS: i64 = 600;
/// How long the discovery document is kept.
const KEEP_SECONDS: i64 = 600;
/// How long the provider may take to answer.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Largest answer of the token endpoint.
const MAX_ANSWER: usize = 256 * 1024;
/// Longest code, and longest name of a group.
const MAX_CODE: usize = 4_096;
const MAX_GROUP: usize = 256;

/// The provider that the operator configured.
#[derive(Debug)]
pub(super) struct Provider {
    issuer: Issuer,
    client: reqwest::Client,
    secret: Option<Secret>,
    redirect: String,
    endpoints: RwLock<Option<(Arc<Endpoints>, Timestamp)>>,
}

/// What the discovery document says.
#[derive(Clone, Debug)]
struct Endpoints {
    authorization: Url,
    token: Url,
    /// Whether the client secret goes into the body, because the header is not taken.
    secret_in_body: bool,
}

/// One login that is under way, known to the browser only.
#[derive(Clone, Debug)]
pub struct Flow {
    secret: Secret,
}

impl Flow {
    /// A new one.
    ///
    /// # Errors
    /// The operating system has no randomness to give.
    pub fn new() -> Result<Self, Fault> {
        Ok(Self { secret: Secret::new(BASE64_URL_SAFE_NO_PAD.encode(ids::random::<32>()?)) })
    }

    /// The one whose secret a browser brings.
    pub fn of(secret: Secret) -> Self {
        Self { secret }
    }

    /// The secret, for the cookie.
    pub fn secret(&self) -> &Secret {
        &self.secret
    }

    fn derived(&self, what: &str) -> String {
        let digest = Digest::of(format!("chancery oidc {what}\n{}", self.secret.expose()).as_bytes());
        BASE64_URL_SAFE_NO_PAD.encode(digest.as_bytes())
    }

    fn state(&self) -> String {
        self.derived("state")
    }

    fn nonce(&self) -> String {
        self.derived("nonce")
    }

    fn verifier(&self) -> String {
        self.derived("verifier")
    }

    /// `BASE64URL(SHA256(verifier))` (RFC 7636 section 4.2).
    fn challenge(&self) -> String {
        BASE64_URL_SAFE_NO_PAD.encode(Digest::of(self.verifier().as_bytes()).as_bytes())
    }
}

/// What the provider sends a person back with.
#[derive(Clone, Debug, Default, serde::Deserialize)]
#[serde(default)]
pub struct Returned {
    /// The code, when he was logged in.
    pub code: String,
    /// What he was sent with.
    pub state: String,
    /// The issuer (RFC 9207), when the provider says it.
    pub iss: Option<String>,
    /// Why he was not logged in.
    pub error: String,
}

fn failed(why: &str) -> Refusal {
    Refusal::new(Code::Unauthenticated, &format!("the login with your organisation did not succeed: {why}"))
        .remedy("try again; when it stays, give this message to the operator")
}

fn trouble(why: &str) -> AppError {
    tracing::warn!(%why, "the identity provider");
    failed("the provider cannot be asked now").into()
}

impl Provider {
    /// The provider of a configuration, if it names one.
    ///
    /// # Errors
    /// [`Fault::Config`] that says what is missing.
    pub(super) fn of(config: &LoginConfig, web: &WebConfig) -> Result<Option<Self>, Fault> {
        let Some(name) = &config.issuer else { return Ok(None) };
        let Some(public) = &web.public_url else {
            return Err(Fault::Config("login.issuer needs public_url: the provider sends people back to it".to_owned()));
        };
        if config.client_id.is_empty() {
            return Err(Fault::Config("login.issuer needs login.client_id".to_owned()));
        }
        let algorithms = vec![Algorithm::Rs256, Algorithm::Ps256, Algorithm::Es256, Algorithm::Es384, Algorithm::EdDsa];
        let issuer = Issuer::new(IssuerConfig { issuer: name.clone(), keys: KeySource::Discovery, algorithms })?;
        let unreadable = |path: &std::path::Path, error: std::io::Error| Fault::Config(format!("login.client_secret_file `{}`: {error}", path.display()));
        let secret = config.client_secret_file.as_ref().map(|path| std::fs::read_to_string(path).map_err(|error| unreadable(path, error))).transpose()?;
        let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).timeout(TIMEOUT).no_proxy().build();
        Ok(Some(Self {
            issuer,
            client: client.map_err(|error| Fault::Config(format!("make the client for the identity provider: {error}")))?,
            secret: secret.map(|text| Secret::new(text.trim().to_owned())),
            redirect: format!("{}{CALLBACK}", public.trim_end_matches('/')),
            endpoints: RwLock::default(),
        }))
    }

    async fn endpoints(&self, now: Timestamp) -> Result<Arc<Endpoints>, AppError> {
        let kept = self.endpoints.read().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some((endpoints, _)) = kept.filter(|(_, at)| at.plus_seconds(KEEP_SECONDS) > now && *at <= now) {
            return Ok(endpoints);
        }
        let document = self.issuer.document().await.map_err(|why| trouble(&why))?;
        let address = |name: &str| {
            let text = document.get(name).and_then(Value::as_str).ok_or_else(|| trouble(&format!("the discovery document has no `{name}`")))?;
            checked(text).map_err(|why| trouble(&why))
        };
        let methods = document.get("token_endpoint_auth_methods_supported").and_then(Value::as_array);
        let supports = |method: &str| methods.is_some_and(|methods| methods.iter().any(|known| known == method));
        // Without the list the header is what everybody takes (OpenID Connect Discovery 1.0, section 3).
        let secret_in_body = methods.is_some() && !supports("client_secret_basic") && supports("client_secret_post");
        let endpoints = Arc::new(Endpoints { authorization: address("authorization_endpoint")?, token: address("token_endpoint")?, secret_in_body });
        *self.endpoints.write().unwrap_or_else(PoisonError::into_inner) = Some((Arc::clone(&endpoints), now));
        Ok(endpoints)
    }

    /// Gives the code for the tokens; of these only the ID token is used.
    async fn id_token(&self, endpoints: &Endpoints, client_id: &str, code: &str, flow: &Flow) -> Result<String, AppError> {
        let mut form = vec![
            ("grant_type", "authorization_code".to_owned()),
            ("code", code.to_owned()),
            ("redirect_uri", self.redirect.clone()),
            ("code_verifier", flow.verifier()),
        ];
        let mut request = self.client.post(endpoints.token.clone());
        match &self.secret {
            Some(secret) if !endpoints.secret_in_body => {
                // Each half as in a form, before they are joined (RFC 6749 section 2.3.1).
                let pair = format!("{}:{}", encoded(&[("", client_id.to_owned())]), encoded(&[("", secret.expose().clone())]));
                request = request.header(reqwest::header::AUTHORIZATION, format!("Basic {}", BASE64_STANDARD.encode(pair)));
            }
            Some(secret) => form.extend([("client_id", client_id.to_owned()), ("client_secret", secret.expose().clone())]),
            None => form.push(("client_id", client_id.to_owned())),
        }
        let request = request.header(reqwest::header::CONTENT_TYPE, "application/x-www-form-urlencoded").body(encoded(&form));
        let mut answer = request.send().await.map_err(|error| trouble(&format!("the token endpoint: {}", error.without_url())))?;
        if answer.status() != reqwest::StatusCode::OK {
            // Its words may repeat the code or the secret; its status says enough.
            tracing::warn!(status = %answer.status(), "the token endpoint refused a code");
            return Err(failed("the provider did not take its own code").into());
        }
        let mut bytes = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(|error| trouble(&error.without_url().to_string()))? {
            bytes.extend_from_slice(&chunk);
            if bytes.len() > MAX_ANSWER {
                return Err(trouble("the answer of the token endpoint is too large"));
            }
        }
        let document: Map<String, Value> = serde_json::from_slice(&bytes).map_err(|_| trouble("the answer of the token endpoint is no JSON object"))?;
        document.get("id_token").and_then(Value::as_str).map(ToOwned::to_owned).ok_or_else(|| trouble("the token endpoint gave no ID token"))
    }
}

/// Names and values as a form has them; a pair without a name is its value alone.
fn encoded(pairs: &[(&str, String)]) -> String {
    let Ok(mut url) = Url::parse("http://form/") else { return String::new() };
    for (name, value) in pairs {
        let mut query = url.query_pairs_mut();
        if name.is_empty() {
            query.append_key_only(value)
        } else {
            query.append_pair(name, value)
        };
    }
    url.query().unwrap_or_default().to_owned()
}

/// The groups in a verified ID token.
fn groups(claims: &Claims, claim: &str) -> Result<Vec<String>, Refusal> {
    // Entra ID leaves the groups out when there are too many, and says where to ask: roles must not be taken away because of that.
    if claims.all.get("_claim_names").and_then(|names| names.get(claim)).is_some() {
        return Err(failed("you are in more groups than the provider puts into a token; the operator must let it send assigned groups only"));
    }
    let text = |value: &Value| value.as_str().filter(|text| !text.is_empty() && text.len() <= MAX_GROUP).map(ToOwned::to_owned);
    match claims.all.get(claim) {
        Some(Value::Array(values)) if values.len() > chancery_core::group::MAX_GROUPS => {
            Err(failed(&format!("you are in more than {} groups", chancery_core::group::MAX_GROUPS)))
        }
        Some(Value::Array(values)) => Ok(values.iter().filter_map(text).collect()),
        Some(value) => Ok(text(value).into_iter().collect()),
        None => Ok(Vec::new()),
    }
}

/// What only this client can have asked for.
fn check_ours(claims: &Claims, client_id: &str, flow: &Flow) -> Result<(), Refusal> {
    if claims.text("nonce") != Some(flow.nonce().as_str()) {
        return Err(failed("the ID token is the answer to another login"));
    }
    // OpenID Connect Core 1.0, section 3.1.3.7: of several audiences one is the party that asked.
    let several = claims.all.get("aud").and_then(Value::as_array).is_some_and(|audiences| audiences.len() > 1);
    match claims.all.get("azp") {
        None if !several => Ok(()),
        Some(Value::String(party)) if party == client_id => Ok(()),
        Some(_) | None => Err(failed("the ID token was made for another client")),
    }
}

impl App {
    fn provider(&self) -> Result<&Provider, Refusal> {
        self.inner
            .logins
            .provider
            .as_ref()
            .ok_or_else(|| Refusal::new(Code::NotFound, "this registry has no identity provider").remedy("log in with a password"))
    }

    /// Where a browser goes to log in.
    ///
    /// # Errors
    /// `not_found` without a provider; `unauthenticated` when it cannot be asked.
    pub async fn oidc_begin(&self, flow: &Flow) -> Result<Url, AppError> {
        let provider = self.provider()?;
        let config = self.inner.logins.config();
        let mut url = provider.endpoints(self.now()).await?.authorization.clone();
        url.query_pairs_mut()
            .append_pair("response_type", "code")
            .append_pair("client_id", &config.client_id)
            .append_pair("redirect_uri", &provider.redirect)
            .append_pair("scope", &config.scopes)
            .append_pair("state", &flow.state())
            .append_pair("nonce", &flow.nonce())
            .append_pair("code_challenge", &flow.challenge())
            .append_pair("code_challenge_method", "S256");
        Ok(url)
    }

    /// Finds out who came back from the provider; makes an account when that is configured and a group of his is mapped; lets his roles follow
    /// his groups.
    ///
    /// # Errors
    /// `unauthenticated` for an answer that was not meant for this browser or does not hold; `access_denied` for somebody who has no account.
    pub async fn oidc_finish(&self, flow: &Flow, returned: &Returned, origin: &Origin) -> Result<Proved, AppError> {
        match self.returned(flow, returned).await {
            Ok(proved) => {
                self.log_login(&proved, "oidc", origin).await?;
                Ok(proved)
            }
            Err(error) => {
                self.log_failed_login("", "oidc", origin).await?;
                Err(error)
            }
        }
    }

    async fn returned(&self, flow: &Flow, returned: &Returned) -> Result<Proved, AppError> {
        let provider = self.provider()?;
        let config = self.inner.logins.config();
        if returned.state.is_empty() || returned.state != flow.state() {
            return Err(failed("the answer does not belong to a login that this browser began").into());
        }
        if returned.iss.as_deref().is_some_and(|iss| iss != provider.issuer.name()) {
            return Err(failed("the answer is of another provider").into());
        }
        if !returned.error.is_empty() || returned.code.is_empty() || returned.code.len() > MAX_CODE {
            return Err(failed("the provider did not log you in").into());
        }
        let endpoints = provider.endpoints(self.now()).await?;
        let token = provider.id_token(&endpoints, &config.client_id, &returned.code, flow).await?;
        let claims = provider.issuer.verify(&token, &config.client_id, self.now()).await.map_err(|refusal| failed(&refusal.to_string()))?;
        check_ours(&claims, &config.client_id, flow)?;
        self.admit(&claims).await
    }

    /// The person that verified claims are about.
    async fn admit(&self, claims: &Claims) -> Result<Proved, AppError> {
        let config = self.inner.logins.config();
        let groups = groups(claims, &config.groups_claim)?;
        let key = binding::key(&claims.issuer, &claims.subject);
        let known = self.inner.store.read().await?.get::<LoginIdentityRow>(values![key]).await?;
        let made_by = known.as_ref().map(|row| row.made_by.clone()).unwrap_or_default();
        let actor = match known.and_then(|row| row.actor_id) {
            Some(actor) => {
                self.check_access(&actor).await?;
                self.as_system(actor::Command::Binding(Command::Follow { actor: actor.clone(), groups }).into()).await?;
                actor
            }
            None if config.create => {
                let actor = self.new_account(claims, groups).await?;
                let epoch = password::epoch(&self.inner.store.read().await?, &actor).await?;
                return Ok(Proved { actor, epoch, made_by: Vec::new() });
            }
            None => return Err(no_account(claims).into()),
        };
        let epoch = password::epoch(&self.inner.store.read().await?, &actor).await?;
        Ok(Proved { actor, epoch, made_by })
    }

    async fn check_access(&self, actor: &ActorId) -> Result<(), AppError> {
        let row = self.inner.store.read().await?.get::<ActorRow>(values![*actor]).await?;
        match row.filter(|row| row.active && row.kind == ActorKind::Person) {
            Some(_) => Ok(()),
            None => Err(Refusal::new(Code::AccessDenied, "your access to this registry has ended").remedy("ask an administrator").into()),
        }
    }

    async fn new_account(&self, claims: &Claims, groups: Vec<String>) -> Result<ActorId, AppError> {
        let id = ids::actor(ActorKind::Person)?;
        let wanted = claims.text(&self.inner.logins.config().name_claim).unwrap_or_default();
        let handle = self.free_handle(wanted).await?;
        let display_name: String = claims.text("name").unwrap_or_default().chars().filter(|letter| !letter.is_control()).take(100).collect();
        let subject = PrivateText::new("subject", &claims.subject, ids::random()?)?;
        let identity = Identity { issuer: claims.issuer.clone(), subject };
        let command = Command::Admit { id: id.clone(), handle, display_name, identity, groups };
        self.as_system(actor::Command::Binding(command).into()).await?;
        Ok(id)
    }

    /// A name for commands that nobody has: what the provider calls the person, as far as it is a name here.
    async fn free_handle(&self, wanted: &str) -> Result<Label, AppError> {
        let part = wanted.split('@').next().unwrap_or_default().to_lowercase();
        let mut text: String =
            part.chars().map(|letter| if letter.is_ascii_alphanumeric() || "-_.".contains(letter) { letter } else { '-' }).take(48).collect();
        if text.trim_matches(['-', '_', '.']).is_empty() {
            text = "person".to_owned();
        }
        let handle = Label::parse(&text)?;
        let taken = self.inner.store.read().await?.get::<HandleRow>(values![handle]).await?.is_some();
        if !taken {
            return Ok(handle);
        }
        // Two people of one name: the name is for people to type, and means nothing for who is who.
        Ok(Label::parse(&format!("{text}-{}", hex::encode(ids::random::<4>()?)))?)
    }
}

fn no_account(claims: &Claims) -> Refusal {
    let subject: String = claims.subject.chars().filter(|letter| !letter.is_control()).take(200).collect();
    Refusal::new(Code::AccessDenied, "you have no account in this registry")
        .remedy(&format!("ask an administrator for one, and to bind it to you: `chancery user bind NAME --subject {subject}`"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn claims(all: Value) -> Claims {
        let Value::Object(all) = all else { panic!("no object") };
        Claims { issuer: "i".to_owned(), subject: "s".to_owned(), expires_at: Timestamp::from_micros(0), identity: Digest::of(b""), all }
    }

    #[test]
    fn what_a_flow_sends_does_not_tell_its_secret_and_fits_together() {
        let flow = Flow::new().unwrap();
        let parts = [flow.state(), flow.nonce(), flow.verifier(), flow.challenge()];
        for (number, part) in parts.iter().enumerate() {
            assert_eq!(part.len(), 43, "a verifier has 43 to 128 characters");
            assert!(!parts.iter().skip(number + 1).any(|other| other == part) && part != flow.secret().expose());
        }
        // RFC 7636, appendix B.
        let digest = Digest::of(b"dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
        assert_eq!(BASE64_URL_SAFE_NO_PAD.encode(digest.as_bytes()), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
    }

    #[test]
    fn an_id_token_of_another_login_or_client_is_refused() {
        let flow = Flow::of(Secret::new("x".to_owned()));
        let nonce = flow.nonce();
        for (all, expected) in [
            (json!({"aud": "me", "nonce": nonce}), true),
            (json!({"aud": ["me"], "nonce": nonce, "azp": "me"}), true),
            (json!({"aud": ["me", "other"], "nonce": nonce, "azp": "me"}), true),
            (json!({"aud": ["me", "other"], "nonce": nonce}), false),
            (json!({"aud": "me", "nonce": nonce, "azp": "other"}), false),
            (json!({"aud": "me", "nonce": nonce, "azp": 1}), false),
            (json!({"aud": "me", "nonce": "other"}), false),
            (json!({"aud": "me"}), false),
        ] {
            assert_eq!(check_ours(&claims(all.clone()), "me", &flow).is_ok(), expected, "{all}");
        }
    }

    #[test]
    fn groups_are_texts_and_never_half_of_them() {
        let read = |all: Value| groups(&claims(all), "groups").ok();
        assert_eq!(read(json!({"groups": ["a", 1, "", "b"]})), Some(vec!["a".to_owned(), "b".to_owned()]));
        assert_eq!(read(json!({"groups": "a"})), Some(vec!["a".to_owned()]));
        assert_eq!(read(json!({})), Some(vec![]));
        assert_eq!(read(json!({"_claim_names": {"groups": "src1"}})), None);
        assert_eq!(read(json!({"groups": vec!["x"; 501]})), None);
    }

    #[test]
    fn a_pair_without_a_name_is_its_value() {
        assert_eq!(encoded(&[("", "a b:c".to_owned())]), "a+b%3Ac");
        assert_eq!(encoded(&[("a", "1&2".to_owned()), ("b", String::new())]), "a=1%262&b=");
    }
}
