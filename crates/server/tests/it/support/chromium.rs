//! Debian's Chromium, driven by Playwright: runs a script of `tests/pages` with node and gives what it found.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde_json::{Value, json};

use super::TestApp;
use super::browser::{Browser, PASSWORD};

/// Whose cookie a browser has for the session, at a registry without TLS.
const COOKIE: &str = "chancery-session";

fn project() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// Where `scripts/setup.sh test` installed Playwright and axe. What is missing fails the test.
fn modules() -> PathBuf {
    let modules = std::env::var_os("CHANCERY_TEST_PAGES").map_or_else(|| project().join("target/pages/node_modules"), PathBuf::from);
    for module in ["playwright-core", "axe-core"] {
        assert!(modules.join(module).exists(), "{} has no {module}: run scripts/setup.sh test", modules.display());
    }
    modules
}

fn chromium() -> PathBuf {
    let program = std::env::var_os("CHANCERY_TEST_CHROMIUM").map_or_else(|| PathBuf::from("/usr/bin/chromium"), PathBuf::from);
    assert!(program.exists(), "{} is missing: run scripts/setup.sh test", program.display());
    program
}

/// The session of a browser, as a script takes it.
pub(crate) fn session(browser: &Browser) -> Value {
    json!({"name": COOKIE, "value": browser.cookie(COOKIE).unwrap()})
}

impl TestApp {
    /// Gives each of these people a password and logs them in: their sessions by name.
    pub(crate) async fn sessions(&self, names: &[&str]) -> Value {
        let mut people = serde_json::Map::new();
        for name in names {
            self.password(name, PASSWORD).await;
            people.insert((*name).to_owned(), session(&self.browser(name).await));
        }
        Value::Object(people)
    }

    /// Runs a script while the registry answers it and signs checkpoints.
    pub(crate) async fn drive(&self, script: &str, asked: Value) -> (bool, Value) {
        let checkpoints = async {
            loop {
                self.app.sign_checkpoint().await.unwrap();
                tokio::time::sleep(std::time::Duration::from_millis(200)).await;
            }
        };
        tokio::select! {
            found = drive(&self.address, script, asked) => found,
            () = checkpoints => unreachable!("checkpoints are signed for ever"),
        }
    }
}

/// One browser at a time: each takes all that the machine has.
static TURN: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

/// Runs a script of `tests/pages` against a server: whether it was content, and the JSON that it printed last. `asked` is what the script is told
/// beside where everything is.
pub(crate) async fn drive(address: &str, script: &str, mut asked: Value) -> (bool, Value) {
    let _turn = TURN.lock().await;
    let folder = tempfile::tempdir().unwrap();
    let input = folder.path().join("asked.json");
    for (name, value) in [("modules", json!(modules())), ("chromium", json!(chromium())), ("address", json!(address))] {
        asked[name] = value;
    }
    std::fs::write(&input, asked.to_string()).unwrap();
    let mut command = tokio::process::Command::new("setpriv");
    command.args(["--pdeathsig", "SIGKILL", "--", "node"]).arg(project().join("tests/pages").join(script)).arg(&input);
    let output = command.stdin(Stdio::null()).kill_on_drop(true).output().await.unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let last = said.lines().last().unwrap_or_default();
    let found = serde_json::from_str(last).unwrap_or_else(|_| panic!("{script} said: {said}\n{}", String::from_utf8_lossy(&output.stderr)));
    (output.status.success(), found)
}
