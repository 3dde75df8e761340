//! Keys that are fetched: from a real server on this machine.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::response::Redirect;
use axum::routing::get;
use serde_json::json;

use super::super::jwt::tests::TestKey;
use super::*;

const START: i64 = 1_780_315_200;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_micros((START + seconds) * 1_000_000)
}

/// A server with a key set that can be changed, and the number of times it was asked.
struct Server {
    address: String,
    keys: Arc<RwLock<String>>,
    asked: Arc<AtomicUsize>,
}

async fn server() -> Server {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let (keys, asked) = (Arc::new(RwLock::new(String::new())), Arc::new(AtomicUsize::new(0)));
    let (served, counted, own) = (Arc::clone(&keys), Arc::clone(&asked), address.clone());
    let counting = move || {
        counted.fetch_add(1, Ordering::SeqCst);
        std::future::ready(served.read().unwrap().clone())
    };
    let router = Router::new()
        .route("/keys", get(counting))
        .route(
            "/.well-known/openid-configuration",
            get(move || std::future::ready(json!({"issuer": own, "jwks_uri": format!("{own}/keys")}).to_string())),
        )
        .route(
            "/other/.well-known/openid-configuration",
            get(|| async { json!({"issuer": "https://evil.example", "jwks_uri": "http://127.0.0.1/x"}).to_string() }),
        )
        .route("/moved", get(|| async { Redirect::temporary("/keys") }))
        .route("/giant", get(|| async { " ".repeat(MAX_SET_BYTES + 1) }));
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    Server { address, keys, asked }
}

impl Server {
    fn hold(&self, keys: &[&TestKey]) {
        *self.keys.write().unwrap() = json!({"keys": keys.iter().map(|key| key.jwk()).collect::<Vec<_>>()}).to_string();
    }

    fn issuer(&self, keys: KeySource) -> Issuer {
        Issuer::new(IssuerConfig { issuer: self.address.clone(), keys, algorithms: vec![Algorithm::Es256] }).unwrap()
    }

    fn token(&self, key: &TestKey, seconds: i64) -> String {
        key.sign(&json!({"iss": self.address, "sub": "s", "aud": "a", "iat": START + seconds, "exp": START + seconds + 600}))
    }
}

#[tokio::test]
async fn keys_are_kept_refreshed_and_given_up() {
    let server = server().await;
    let (old, new) = (TestKey::new("old", jsonwebtoken::Algorithm::ES256), TestKey::new("new", jsonwebtoken::Algorithm::ES256));
    server.hold(&[&old]);
    let issuer = server.issuer(KeySource::Discovery);
    for _ in 0..3 {
        issuer.verify(&server.token(&old, 0), "a", at(0)).await.unwrap();
    }
    assert_eq!(server.asked.load(Ordering::SeqCst), 1, "kept");
    // A storm of unknown keys asks once a minute.
    server.hold(&[&old, &new]);
    for _ in 0..5 {
        assert_eq!(issuer.verify(&server.token(&new, 30), "a", at(30)).await, Err(JwtRefusal::Key));
    }
    assert_eq!(server.asked.load(Ordering::SeqCst), 1);
    issuer.verify(&server.token(&new, 61), "a", at(61)).await.unwrap();
    assert_eq!(server.asked.load(Ordering::SeqCst), 2, "rotation is found");
    // What the issuer removed ends within ten minutes.
    server.hold(&[&new]);
    assert_eq!(issuer.verify(&server.token(&old, 661), "a", at(661)).await, Err(JwtRefusal::Key));
    // An issuer that is ill: the last keys are good for a day.
    *server.keys.write().unwrap() = "ill".to_owned();
    issuer.verify(&server.token(&new, 80_000), "a", at(80_000)).await.unwrap();
    assert_eq!(issuer.verify(&server.token(&new, 90_000), "a", at(90_000)).await, Err(JwtRefusal::Unavailable));
    server.hold(&[&new]);
    issuer.verify(&server.token(&new, 90_061), "a", at(90_061)).await.unwrap();
}

#[tokio::test]
async fn keys_come_from_where_the_operator_said_and_nowhere_else() {
    let server = server().await;
    let key = TestKey::new("k", jsonwebtoken::Algorithm::ES256);
    server.hold(&[&key]);
    let address = |path: &str| KeySource::Address(format!("{}{path}", server.address));
    server.issuer(address("/keys")).verify(&server.token(&key, 0), "a", at(0)).await.unwrap();
    for path in ["/moved", "/giant", "/none"] {
        assert_eq!(server.issuer(address(path)).verify(&server.token(&key, 0), "a", at(0)).await, Err(JwtRefusal::Unavailable), "{path}");
    }
    let other = IssuerConfig { issuer: format!("{}/other", server.address), keys: KeySource::Discovery, algorithms: vec![Algorithm::Es256] };
    let refused = Issuer::new(other).unwrap().verify(&server.token(&key, 0), "a", at(0)).await;
    assert_eq!(refused, Err(JwtRefusal::Unavailable), "a document about another issuer");
    for bad in [
        "http://issuer.example",
        "ftp://127.0.0.1",
        "https://u:p@issuer.example",
        "http://127.0.0.1.evil.example",
        "http://localhost.evil.example",
        "file:///etc/passwd",
        "",
    ] {
        let config = IssuerConfig { issuer: "i".to_owned(), keys: KeySource::Address(bad.to_owned()), algorithms: vec![Algorithm::Es256] };
        assert!(Issuer::new(config).is_err(), "{bad}");
    }
    assert!(Issuer::new(IssuerConfig { issuer: server.address.clone(), keys: KeySource::Discovery, algorithms: vec![] }).is_err());
}

#[tokio::test]
async fn keys_are_read_from_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("jwks.json");
    let key = TestKey::new("k", jsonwebtoken::Algorithm::ES256);
    let config = IssuerConfig { issuer: "https://ci.example".to_owned(), keys: KeySource::File(path.clone()), algorithms: vec![Algorithm::Es256] };
    let token = key.sign(&json!({"iss": "https://ci.example", "sub": "s", "aud": "a", "iat": START, "exp": START + 600}));
    let issuer = Issuer::new(config).unwrap();
    assert_eq!(issuer.verify(&token, "a", at(0)).await, Err(JwtRefusal::Unavailable));
    std::fs::write(&path, json!({"keys": [key.jwk()]}).to_string()).unwrap();
    assert!(issuer.verify(&token, "a", at(61)).await.is_ok());
    assert_eq!(issuer.verify(&token, "b", at(61)).await, Err(JwtRefusal::Audience));
}
