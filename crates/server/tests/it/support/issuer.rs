//! An issuer of workload tokens for tests: a key made of one byte, whose key set is a file in the data folder.

use std::path::Path;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use chancery::app::WorkloadIssuer;
use chancery::app::jwt::Algorithm;
use chancery_core::identity::Shape;
use p256::ecdsa::signature::Signer as _;
use p256::ecdsa::{Signature, SigningKey};
use serde_json::{Value, json};

/// The `aud` of every good token.
pub(crate) const AUDIENCE: &str = "chancery";
/// Issuers by the shape of their tokens.
pub(crate) const GITHUB: &str = "https://token.actions.example";
pub(crate) const GITLAB: &str = "https://gitlab.example";
pub(crate) const KUBERNETES: &str = "https://kubernetes.default.svc.cluster.local";
/// The byte that the key of all three is made of.
const KEY: u8 = 77;
/// Microseconds for which a token of a run is used before a new one is asked for.
const FRESH: i64 = 10 * 60 * 1_000_000;

fn encoded(bytes: impl AsRef<[u8]>) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

fn key(byte: u8) -> SigningKey {
    SigningKey::from_bytes(&[byte; 32].into()).unwrap()
}

/// A member of a key set.
pub(crate) fn jwk(byte: u8, kid: &str) -> Value {
    let point = key(byte).verifying_key().to_sec1_point(false);
    json!({"kty": "EC", "crv": "P-256", "kid": kid, "use": "sig", "x": encoded(point.x().unwrap()), "y": encoded(point.y().unwrap())})
}

/// A token with these header and claims, signed with a key made of one byte.
pub(crate) fn sign_with(byte: u8, header: &str, claims: &str) -> String {
    let signed = format!("{}.{}", encoded(header), encoded(claims));
    let signature: Signature = key(byte).sign(signed.as_bytes());
    format!("{signed}.{}", encoded(signature.to_bytes()))
}

/// A good token with these claims.
pub(crate) fn sign(claims: &Value) -> String {
    sign_with(KEY, r#"{"alg":"ES256","kid":"k1","typ":"JWT"}"#, &claims.to_string())
}

/// The configuration of the issuers; their key set is written beside the data.
pub(crate) fn configured(data: &Path) -> Vec<WorkloadIssuer> {
    let file = data.join("test-jwks.json");
    std::fs::create_dir_all(data).unwrap();
    std::fs::write(&file, json!({"keys": [jwk(KEY, "k1"), jwk(KEY + 1, "k2")]}).to_string()).unwrap();
    let issuer = |issuer: &str, shape| WorkloadIssuer {
        issuer: issuer.to_owned(),
        audience: AUDIENCE.to_owned(),
        shape,
        algorithms: vec![Algorithm::Es256],
        jwks_file: Some(file.clone()),
        jwks_uri: None,
    };
    vec![issuer(GITHUB, Shape::Github), issuer(GITLAB, Shape::Gitlab), issuer(KUBERNETES, Shape::Kubernetes)]
}

/// The rules of the pipeline `ci`.
pub(crate) fn rules() -> Value {
    json!([
        {"claim": "repository", "match": "exact", "value": "acme/loans"},
        {"claim": "ref", "match": "exact", "value": "refs/heads/main"},
    ])
}

static RUNS: AtomicU64 = AtomicU64::new(0);

/// The claims of a new run of `acme/loans` on its main branch, as GitHub writes them, at a moment in microseconds.
pub(crate) fn claims(now: i64) -> Value {
    let (seconds, run) = (now / 1_000_000, RUNS.fetch_add(1, Ordering::SeqCst));
    json!({
        "iss": GITHUB, "aud": AUDIENCE, "sub": "repo:acme/loans:ref:refs/heads/main", "jti": format!("{}-{run}", std::process::id()),
        "iat": seconds, "nbf": seconds, "exp": seconds + 300,
        "repository": "acme/loans", "repository_owner": "acme", "ref": "refs/heads/main", "event_name": "push", "run_id": "88",
        "sha": "4185f5f1619853e486c07542e26b20c0600c6f7f", "workflow_ref": "acme/loans/.github/workflows/release.yml@refs/heads/main", "actor": "sam",
    })
}

/// Runs of one pipeline: each gets a token when it needs one.
#[derive(Clone, Debug)]
pub(crate) struct Runs {
    clock: Arc<AtomicI64>,
    held: Arc<Mutex<Option<(String, i64)>>>,
}

impl Runs {
    pub(crate) fn new(clock: Arc<AtomicI64>) -> Self {
        Self { clock, held: Arc::default() }
    }

    /// A token of the pipeline that is not about to expire.
    pub(crate) async fn token(&self, http: &reqwest::Client, address: &str) -> String {
        let now = self.clock.load(Ordering::SeqCst);
        if let Some((token, at)) = self.held.lock().unwrap().clone()
            && (at..at + FRESH).contains(&now)
        {
            return token;
        }
        let body = json!({"subject_token": sign(&claims(now))});
        let answer = http.post(format!("{address}/api/v1/token-exchange")).json(&body).send().await.unwrap();
        let status = answer.status();
        let answer: Value = answer.json().await.unwrap();
        assert_eq!(status, 200, "{answer}");
        let token = answer["access_token"].as_str().unwrap().to_owned();
        *self.held.lock().unwrap() = Some((token.clone(), now));
        token
    }
}
