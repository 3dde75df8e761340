//! Login by a real OpenID provider: node-oidc-provider from npm, driven over HTTP through its own pages for login and consent.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::Ordering;

use chancery::app::{LoginConfig, WebConfig};
use reqwest::Method;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::TestApp;
use crate::support::app::Database;
use crate::support::browser::{Browser, Seen, encoded};

const SECRET: &str = "a client secret: with signs & spaces";

/// A running provider. It ends with the process of the test.
struct Provider {
    child: Child,
    issuer: String,
    folder: TempDir,
}

impl Drop for Provider {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn project() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// Where `scripts/setup.sh test` installed it. A provider that is missing fails the test.
fn modules() -> PathBuf {
    let modules = std::env::var_os("CHANCERY_TEST_OIDC").map_or_else(|| project().join("target/oidc/node_modules"), PathBuf::from);
    assert!(modules.join("oidc-provider").exists(), "{} has no oidc-provider: run scripts/setup.sh test", modules.display());
    modules
}

impl Provider {
    fn start(address: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let accounts = folder.path().join("accounts.json");
        std::fs::write(&accounts, "{}").unwrap();
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "SIGKILL", "--", "node"]).arg(project().join("tests/oidc/provider.mjs"));
        command.arg(modules()).arg(SECRET).arg(format!("{address}/login/oidc/callback")).arg(&accounts);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let issuer = lines.next().expect("the provider did not start").unwrap();
        // What else it says is read, so that it never writes to nobody, which would end it.
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, issuer, folder }
    }

    /// Who there is, and in which groups.
    fn accounts(&self, accounts: Value) {
        std::fs::write(self.folder.path().join("accounts.json"), accounts.to_string()).unwrap();
    }

    /// Logs somebody in at the provider's pages, from where a browser was sent; gives the address that it sends back to.
    async fn log_in(&self, browser: &Browser, start: &str, login: &str) -> String {
        let mut seen = browser.see(browser.request(Method::GET, start)).await;
        for _ in 0..12 {
            if (300..400).contains(&seen.status) {
                let to = seen.location().to_owned();
                if to.contains("/login/oidc/callback") {
                    return to;
                }
                seen = browser.see(browser.request(Method::GET, &to)).await;
                continue;
            }
            assert_eq!(seen.status, 200, "{}", seen.text);
            let action = seen.text.split("action=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
            let fields = if seen.text.contains("name=\"login\"") {
                vec![("prompt", "login"), ("login", login), ("password", "any")]
            } else {
                vec![("prompt", "consent")]
            };
            let form = browser.request(Method::POST, &action).header("Content-Type", "application/x-www-form-urlencoded").body(encoded(&fields));
            seen = browser.see(form).await;
        }
        panic!("the provider sends round in circles: {seen:?}");
    }
}

/// A registry with a provider.
fn on(database: Database, client: &'static str, create: bool, test: impl AsyncFnOnce(&TestApp, &Provider)) {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
        let mut provider = None;
        let folder = tempfile::tempdir().unwrap();
        let secret = folder.path().join("client-secret");
        std::fs::write(&secret, format!("{SECRET}\n")).unwrap();
        let app = TestApp::start_with(database, |address| {
            let started = provider.insert(Provider::start(address));
            let login = LoginConfig {
                issuer: Some(started.issuer.clone()),
                client_id: client.to_owned(),
                client_secret_file: (client == "chancery").then(|| secret.clone()),
                create,
                ..LoginConfig::default()
            };
            (login, WebConfig { public_url: Some(address.to_owned()), tls: false })
        })
        .await;
        // The provider has a clock of its own.
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
        app.clock().store(i64::try_from(now.as_micros()).unwrap(), Ordering::SeqCst);
        app.token_days.store(300, Ordering::SeqCst);
        test(&app, provider.as_ref().unwrap()).await;
        app.finish().await;
    });
}

/// Goes to the provider from the login page, and back.
async fn log_in(provider: &Provider, browser: &Browser, login: &str) -> Seen {
    let begun = browser.get("/login/oidc?next=%2Faccount").await;
    assert_eq!(begun.status, 303, "{}", begun.text);
    let back = provider.log_in(&Browser::new(&provider.issuer), begun.location(), login).await;
    browser.get(&back).await
}

async fn roles(app: &TestApp, name: &str) -> Value {
    let users = app.admin.get("/api/v1/users").await.expect(200);
    users["items"].as_array().unwrap().iter().find(|user| user["name"] == name).map_or(Value::Null, |user| user["roles"].clone())
}

async fn entries(app: &TestApp) -> Vec<Value> {
    let page = app.admin.get("/api/v1/ledger/entries?limit=500").await.expect(200);
    page["items"].as_array().unwrap().clone()
}

async fn bound_person(app: &TestApp, provider: &Provider) {
    provider.accounts(json!({"subject-of-ana": {"preferred_username": "whoever", "name": "Ana", "groups": ["ml", "choir"]}}));
    app.user("ana", &["viewer"]).await;
    app.admin.put("/api/v1/groups/ml", json!({"roles": ["contributor@team:credit"]})).await.expect(200);
    let browser = Browser::new(&app.address);
    assert!(browser.get("/login").await.text.contains("href=\"/login/oidc\""));
    // Not bound yet: no account, and none is made.
    let refused = log_in(provider, &browser, "subject-of-ana").await;
    assert_eq!(refused.status, 403);
    assert!(refused.text.contains("--subject subject-of-ana"), "{}", refused.text);
    let other = app.admin.post("/api/v1/users/ana/oidc", json!({"issuer": "https://attacker.example", "subject": "subject-of-ana"})).await;
    assert_eq!(other.problem(), "422 invalid_field issuer");
    let bound = app.admin.post("/api/v1/users/ana/oidc", json!({"issuer": provider.issuer, "subject": "subject-of-ana"})).await;
    assert_eq!((bound.status, bound.kinds()), (201, vec!["actor.login-bound".to_owned()]));
    assert!(!bound.json().to_string().contains("subject-of-ana"), "entries know no subject");

    let seen = log_in(provider, &browser, "subject-of-ana").await;
    assert_eq!((seen.status, seen.location()), (303, "/account"), "{}", seen.text);
    let page = browser.get("/account").await;
    assert!(page.text.contains("models of team credit") && page.text.contains("your organisation"), "{}", page.text);
    let changed = entries(app).await.into_iter().find(|entry| entry["kind"] == "actor.groups-changed").unwrap();
    assert_eq!((changed["actor"].as_str(), &changed["data"]), (Some("system"), &json!({"groups": ["ml"], "roles": ["contributor@team:credit"]})));
    // Nothing changed: no entry.
    let size = app.size().await;
    assert_eq!(log_in(provider, &browser, "subject-of-ana").await.status, 303);
    assert_eq!(app.size().await, size);
    // The provider takes her out of the group: the role goes, what an administrator gave stays.
    provider.accounts(json!({"subject-of-ana": {"groups": ["choir"]}}));
    assert_eq!(log_in(provider, &browser, "subject-of-ana").await.status, 303);
    assert_eq!(roles(app, "ana").await, json!(["viewer"]));
    // Who is let go, or loses his access, does not come in, whatever the provider says.
    assert_eq!(app.admin.delete("/api/v1/users/ana/oidc").await.kinds(), ["actor.login-unbound"]);
    assert_eq!(browser.get("/account").await.status, 303, "and the session is over");
    assert_eq!(log_in(provider, &browser, "subject-of-ana").await.status, 403);
    app.admin.post("/api/v1/users/ana/oidc", json!({"subject": "subject-of-ana"})).await.expect(201);
    app.admin.delete("/api/v1/users/ana").await.expect(200);
    assert_eq!(log_in(provider, &browser, "subject-of-ana").await.status, 403);
}

async fn new_accounts(app: &TestApp, provider: &Provider) {
    provider.accounts(json!({"sub-1": {"preferred_username": "administrator", "name": "<b>Mallory</b>", "groups": ["ml"]}, "sub-2": {"groups": ["choir"]}}));
    let browser = Browser::new(&app.address);
    assert_eq!(log_in(provider, &browser, "sub-1").await.status, 403, "no group is mapped");
    app.admin.put("/api/v1/groups/ml", json!({"roles": ["contributor"]})).await.expect(200);
    assert_eq!(log_in(provider, &browser, "sub-2").await.status, 403, "none of his groups is mapped");
    let users = app.admin.get("/api/v1/users").await.expect(200)["items"].as_array().unwrap().len();
    let seen = log_in(provider, &browser, "sub-1").await;
    assert_eq!(seen.status, 303, "{}", seen.text);
    assert_eq!(log_in(provider, &browser, "sub-1").await.status, 303);
    let listed = app.admin.get("/api/v1/users").await.expect(200);
    let listed = listed["items"].as_array().unwrap();
    assert_eq!(listed.len(), users + 1, "one account, once");
    // The name that the provider says makes nobody somebody else.
    let mallory = listed.iter().find(|user| user["display_name"] == "<b>Mallory</b>").unwrap();
    assert!(mallory["name"].as_str().unwrap().starts_with("administrator-"), "{mallory}");
    assert_eq!(mallory["roles"], json!(["contributor"]));
    let page = browser.get("/account").await;
    assert!(!page.text.contains("<b>Mallory"), "{}", page.text);
    // No group gives what two administrators grant to a person.
    for role in ["administrator", "approver:security"] {
        assert_eq!(app.admin.put("/api/v1/groups/ml", json!({"roles": [role]})).await.recorded_problem(), "403 separation_of_duties roles");
    }
    assert_eq!(app.admin.get("/api/v1/groups").await.expect(200)["items"][0]["group"], "ml");
    assert_eq!(app.admin.delete("/api/v1/groups/ml").await.kinds(), ["group.unmapped"]);
    log_in(provider, &browser, "sub-1").await;
    assert_eq!(roles(app, mallory["name"].as_str().unwrap()).await, json!([]));
}

async fn foreign_answers(app: &TestApp, provider: &Provider) {
    provider.accounts(json!({"sub-1": {"preferred_username": "ana", "groups": ["ml"]}}));
    app.admin.put("/api/v1/groups/ml", json!({"roles": ["contributor"]})).await.expect(200);
    let (victim, attacker) = (Browser::new(&app.address), Browser::new(&app.address));
    let begun = attacker.get("/login/oidc").await;
    for part in ["code_challenge_method=S256", "code_challenge=", "nonce=", "state=", "response_type=code"] {
        assert!(begun.location().contains(part), "{}", begun.location());
    }
    assert!(!begun.location().contains(&attacker.cookie("chancery-login").unwrap()), "the secret of the login stays here");
    let back = provider.log_in(&Browser::new(&provider.issuer), begun.location(), "sub-1").await;
    // The attacker's answer in the browser of a victim, who has begun no login, or another one (login CSRF, injected code).
    assert_eq!(victim.get(&back).await.status, 401);
    victim.get("/login/oidc").await;
    assert_eq!(victim.get(&back).await.status, 401);
    // With the victim's state, so that only nonce and PKCE are left.
    let other = victim.get("/login/oidc").await.location().to_owned();
    let state = |text: &str| text.split("state=").nth(1).unwrap().split('&').next().unwrap().to_owned();
    assert_eq!(victim.get(&back.replace(&state(&back), &state(&other))).await.status, 401);
    for (from, to) in
        [("code=", "code=x"), ("state=", "state=x"), ("iss=", "iss=x"), ("code=", "kode="), ("state=", "stat="), ("code=", "error=access_denied&kode=")]
    {
        let browser = Browser::new(&app.address);
        browser.plant("chancery-login", &attacker.cookie("chancery-login").unwrap());
        assert_eq!(browser.get(&back.replacen(from, to, 1)).await.status, 401, "{to}");
        assert!(browser.cookie("chancery-session").is_none());
    }
    // It is his own, and works once.
    let again = attacker.cookie("chancery-login").unwrap();
    let begun = attacker.get("/login/oidc").await;
    assert_ne!(attacker.cookie("chancery-login").unwrap(), again);
    let back = provider.log_in(&Browser::new(&provider.issuer), begun.location(), "sub-1").await;
    let cookie = attacker.cookie("chancery-login").unwrap();
    assert_eq!(attacker.get(&back).await.status, 303);
    assert!(attacker.cookie("chancery-login").is_none());
    attacker.plant("chancery-login", &cookie);
    assert_eq!(attacker.get(&back).await.status, 401, "a second time");
    // Where a login leads is never somebody else's address.
    let browser = Browser::new(&app.address);
    let begun = browser.get("/login/oidc?next=%2F%2Fattacker.example").await;
    let back = provider.log_in(&Browser::new(&provider.issuer), begun.location(), "sub-1").await;
    assert_eq!(browser.get(&back).await.location(), "/");
}

macro_rules! on_both {
    ($($name:ident($client:literal, $create:literal, $scenario:ident);)+) => {
        mod sqlite {
            $(#[test] fn $name() { super::on(crate::support::app::Database::Sqlite, $client, $create, super::$scenario) })+
        }
        mod postgres {
            $(#[test] fn $name() { super::on(crate::support::app::Database::Postgres, $client, $create, super::$scenario) })+
        }
    };
}

on_both! {
    a_bound_person_logs_in_and_his_roles_follow_his_groups("chancery", false, bound_person);
    accounts_are_made_from_mapped_groups_when_that_is_configured("public", true, new_accounts);
    answers_of_the_provider_that_were_not_meant_for_this_browser("chancery", true, foreign_answers);
}
