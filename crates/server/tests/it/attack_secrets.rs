//! Secrets must not appear where others read: recognisable ones are planted in a real server that logs everything, and searched for.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use serde_json::json;

use crate::support::app::{Database, block_on};
use crate::support::postgres;
use crate::support::process::Process;
use crate::support::raw::{exchange, request};

/// What is searched for: a name for people, and the secret.
struct Planted(Vec<(&'static str, String)>);

impl Planted {
    fn add(&mut self, name: &'static str, secret: impl Into<String>) -> String {
        let secret = secret.into();
        assert!(secret.len() >= 12, "too short to be recognised: {secret}");
        self.0.push((name, secret.clone()));
        secret
    }

    /// Refuses a text that holds a secret.
    #[track_caller]
    fn check(&self, place: &str, bytes: &[u8]) {
        for (name, secret) in &self.0 {
            assert!(!contains(bytes, secret.as_bytes()), "the {name} is in {place}");
        }
    }
}

fn contains(bytes: &[u8], wanted: &[u8]) -> bool {
    bytes.windows(wanted.len()).any(|window| window == wanted)
}

/// Sends what callers get wrong, with secrets in it; every answer is searched.
fn mistakes(server: &Process, planted: &mut Planted) {
    let bearer = planted.add("malformed bearer token", "chancery-planted-bearer-7f3a91");
    let scheme = planted.add("token under another scheme", "chancery-planted-scheme-0b66e2");
    let query = planted.add("secret in a query", "chancery-planted-query-4d1c08");
    let password = planted.add("login password", "chancery-planted-password-9e52aa");
    let cookie = planted.add("session cookie", "chancery-planted-cookie-1f0c77");
    let workload = planted.add("workload token", "eyJhbGciOiJub25lIn0.eyJwbGFudGVkIjoidG9rZW4ifQ.c2lnbmF0dXJl");
    let pem = planted.add("private key in a body", "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgPlanted");
    let get = |path: &str, headers: &str| format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{headers}\r\n");
    let basic = {
        use base64::Engine as _;
        base64::engine::general_purpose::STANDARD.encode(format!("administrator:{password}"))
    };
    let requests = [
        get("/api/v1/models", &format!("Authorization: Bearer {bearer}\r\n")),
        get("/api/v1/models", &format!("Authorization: Bearer  {bearer} x\r\n")),
        get("/api/v1/models", &format!("Authorization: {bearer}\r\n")),
        get("/api/v1/models", &format!("Authorization: Token {scheme}\r\n")),
        get("/api/v1/models", &format!("Authorization: Bearer {bearer}\u{1}\r\n")),
        get("/api/v1/models", &format!("Authorization: Basic {basic}\r\n")),
        get("/api/v1/models", &format!("Cookie: chancery_session={cookie}; session={cookie}\r\n")),
        get(&format!("/api/v1/models?token={query}&access_token={query}&password={query}"), ""),
        get(&format!("/api/2.0/mlflow/registered-models/get?name={query}x"), &format!("Authorization: Bearer {bearer}\r\n")),
        request("POST", "/api/v1/login", "", &json!({"name": "administrator", "password": password}).to_string()),
        request("POST", "/login", "", &format!("name=administrator&password={password}")),
        request("POST", "/api/v1/token-exchange", "", &json!({"token": workload}).to_string()),
        request("POST", "/api/v1/token-exchange", "", &format!("grant_type=x&subject_token={workload}")),
        request("GET", "/api/v1/whoami", &workload, ""),
        request(
            "POST",
            "/api/v1/users/administrator/keys",
            &server.token(),
            &json!({"key": format!("-----BEGIN PRIVATE KEY-----\n{pem}\n-----END PRIVATE KEY-----\n")}).to_string(),
        ),
        request("POST", "/api/v1/tokens", &server.token(), &json!({"user": "administrator", "password": password}).to_string()),
    ];
    for request in requests {
        let answer = exchange(server.address, request.as_bytes());
        // Where the caller's own words come back to him, they are in his answer alone: what matters is the rest of this test.
        for (name, secret) in planted.0.iter().filter(|(name, _)| *name != "secret in a query") {
            assert!(!answer.contains(secret.as_str()), "the {name} is in the answer to {}: {answer}", request.lines().next().unwrap());
        }
    }
}

/// Everything in the files of a folder, but in those that are there to hold a secret.
fn search(folder: &Path, planted: &Planted, keepers: &[&str]) {
    for item in std::fs::read_dir(folder).unwrap() {
        let item = item.unwrap();
        if item.file_type().unwrap().is_dir() {
            search(&item.path(), planted, keepers);
        } else if !keepers.iter().any(|keeper| item.path().ends_with(keeper)) {
            planted.check(&item.path().display().to_string(), &std::fs::read(item.path()).unwrap());
        }
    }
}

fn nothing_leaks(database: Database) {
    let folder = tempfile::tempdir().unwrap();
    let mut planted = Planted(Vec::new());
    let password = planted.add("database password", "chancery-planted-database-c3d9");
    let address = (database == Database::Postgres).then(|| block_on(postgres::database()));
    let file = folder.path().join("database");
    if let Some(address) = &address {
        std::fs::write(&file, address.replace("postgres@", &format!("postgres:{password}@"))).unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    }
    let config = if address.is_some() { format!("[database]\nfile = \"{}\"\n", file.display()) } else { String::new() };
    let server = Process::start_in(folder, &config, |command| {
        command.env("RUST_LOG", "trace");
    });
    let admin = planted.add("token of the first administrator", server.token());
    let pem = std::fs::read_to_string(server.data().join("keys/decision.pem")).unwrap();
    planted.add("decision key", pem.lines().nth(1).unwrap());
    let seed = std::fs::read_to_string(server.data().join("keys/checkpoint.pem")).unwrap();
    planted.add("checkpoint key", seed.lines().nth(1).unwrap());
    block_on(async {
        let client = server.admin();
        client.post("/api/v1/users", json!({"name": "ann", "kind": "person", "roles": ["contributor"]})).await.expect(201);
        let made = client.post("/api/v1/tokens", json!({"user": "ann"})).await.expect(201);
        let secret = planted.add("token of a user", made["secret"].as_str().unwrap());
        let ann = server.client().with_token(&secret);
        ann.post("/api/v1/models", json!({"name": "loan", "description": "x"})).await;
        ann.get("/api/v1/models").await.expect(200);
        // Refusals are recorded; nothing of the credential may be in them.
        assert_eq!(ann.post("/api/v1/users", json!({"name": "eve", "kind": "person", "roles": []})).await.status, 403);
        for path in [
            "/api/v1/whoami",
            "/api/v1/tokens?user=ann",
            "/api/v1/users/ann",
            "/api/v1/keys",
            "/log/checkpoint",
            "/readyz",
            "/metrics",
            "/api/v1/ledger/entries",
        ] {
            let answer = client.get(path).await;
            planted.check(&format!("the answer to {path}"), &answer.bytes);
        }
        let admin_again = server.client().with_token(&admin);
        admin_again.get("/api/v1/whoami").await.expect(200);
    });
    mistakes(&server, &mut planted);
    let process = std::fs::read(format!("/proc/{}/cmdline", server.child.id())).unwrap();
    planted.check("the list of processes", &process);
    server.signal("TERM");
    std::thread::sleep(std::time::Duration::from_secs(2));
    let log = server.log();
    assert!(log.contains("DEBUG") && log.contains("/api/v1/whoami") && log.len() > 10_000, "the server did not log everything: {} bytes", log.len());
    planted.check("the log", log.as_bytes());
    search(server.folder.path(), &planted, &["data/admin-token", "data/keys/decision.pem", "data/keys/checkpoint.pem", "folder/database", "database"]);
    if let Some(address) = &address {
        planted.check("the database", block_on(postgres::dump(address)).as_bytes());
    }
}

#[test]
fn secrets_appear_nowhere_sqlite() {
    nothing_leaks(Database::Sqlite);
}

#[test]
fn secrets_appear_nowhere_postgres() {
    nothing_leaks(Database::Postgres);
}
