//! The real MLflow clients of PyPI against the real binary: `tests/mlflow/run.py` on both databases and in both modes, and the example.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Mutex, MutexGuard};

use serde_json::json;
use tempfile::TempDir;

use crate::support::app::Database;
use crate::support::{Client, postgres};

/// Scenarios that must at least have run, whatever the mode and the client.
const LEAST: usize = 70;

/// One at a time: a scenario watches the memory of its server, others many connections at once.
static TURN: Mutex<()> = Mutex::new(());

fn turn() -> MutexGuard<'static, ()> {
    TURN.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

fn project() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

/// The Python of a virtual environment that `scripts/setup.sh test` made. One that is missing fails the test.
fn python(client: u8) -> PathBuf {
    let variable = format!("CHANCERY_TEST_MLFLOW{client}");
    let program = std::env::var_os(variable).map_or_else(|| project().join(format!("target/venv-mlflow{client}/bin/python")), PathBuf::from);
    assert!(program.exists(), "{} is missing: run scripts/setup.sh test", program.display());
    program
}

/// A running binary with an empty registry; it ends with the test, and with the process of the test.
struct Server {
    child: Child,
    address: String,
    folder: TempDir,
    database: Option<String>,
}

impl Server {
    fn start(database: Database, mode: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let database = match database {
            Database::Sqlite => None,
            Database::Postgres => Some(block_on(postgres::database())),
        };
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "SIGKILL", "--", env!("CARGO_BIN_EXE_chancery"), "serve", "--listen", "127.0.0.1:0"]);
        command.args(["--policy-mode", mode, "--data"]).arg(folder.path());
        if let Some(database) = &database {
            command.args(["--database", database]);
        }
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        // The first line says where it is; the others are read so that it never waits for a reader.
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let first = lines.next().expect("the server did not start").unwrap();
        std::thread::spawn(move || lines.for_each(drop));
        let address = first.split_whitespace().find(|word| word.starts_with("http://")).unwrap().to_owned();
        Self { child, address, folder, database }
    }

    /// A new team.
    fn team(&self, name: &str) {
        let admin = std::fs::read_to_string(self.folder.path().join("admin-token")).unwrap();
        let admin = Client::new(&self.address).with_token(admin.trim());
        block_on(async { admin.post("/api/v1/teams", json!({"name": name})).await.expect(201) });
    }

    /// A new user's token.
    fn token(&self, name: &str, roles: &[&str]) -> String {
        let admin = std::fs::read_to_string(self.folder.path().join("admin-token")).unwrap();
        let admin = Client::new(&self.address).with_token(admin.trim());
        block_on(async {
            admin.post("/api/v1/users", json!({"name": name, "kind": "person", "roles": roles})).await.expect(201);
            let token = admin.post("/api/v1/tokens", json!({"user": name})).await.expect(201);
            token["secret"].as_str().unwrap().to_owned()
        })
    }

    /// Stops it the ordinary way, then verifies every entry, row and file.
    fn finish(mut self) {
        let stopped = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status().unwrap();
        assert!(stopped.success());
        self.child.wait().unwrap();
        let mut verify = Command::new(env!("CARGO_BIN_EXE_chancery"));
        verify.args(["ledger", "verify", "--files", "--data"]).arg(self.folder.path());
        if let Some(database) = &self.database {
            verify.args(["--database", database]);
        }
        said(&verify.output().unwrap());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It has ended already unless the test failed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What a program said; it must have succeeded.
fn said(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{}\n{}", text(&output.stdout), text(&output.stderr));
    text(&output.stdout)
}

/// Runs all scenarios of a mode with one client.
fn scenarios(database: Database, mode: &str, client: u8) {
    let python = python(client);
    let _turn = turn();
    let server = Server::start(database, mode);
    server.team("back-office");
    let owner = server.token("scientist", &["owner"]);
    let viewer = server.token("reader", &["viewer"]);
    let approver = server.token("product-owner", &["approver:product", "approver:ai-governance", "owner@team:back-office"]);
    let mut command = Command::new(python);
    command.arg(project().join("tests/mlflow/run.py")).arg(&server.address).args(["--mode", mode, "--token", &owner, "--viewer", &viewer]);
    command.args(["--approver", &approver, "--pid", &server.child.id().to_string()]);
    let text = said(&command.output().unwrap());
    let passed = text.lines().filter(|line| line.starts_with("ok ")).count();
    assert!(passed >= LEAST, "only {passed} scenarios ran\n{text}");
    server.finish();
}

#[test]
fn sqlite_warn() {
    scenarios(Database::Sqlite, "warn", 3);
}

#[test]
fn sqlite_enforce() {
    scenarios(Database::Sqlite, "enforce", 3);
}

#[test]
fn postgres_warn() {
    scenarios(Database::Postgres, "warn", 3);
}

#[test]
fn postgres_enforce() {
    scenarios(Database::Postgres, "enforce", 3);
}

#[test]
fn the_old_client_warn() {
    scenarios(Database::Sqlite, "warn", 2);
}

#[test]
fn the_old_client_enforce() {
    scenarios(Database::Sqlite, "enforce", 2);
}

/// The script of `examples/mlflow` registers here because one variable says so; the files that its local store has are then attached.
#[test]
fn the_example_registers_with_one_variable_changed() {
    let python = python(3);
    let server = Server::start(Database::Sqlite, "enforce");
    let owner = server.token("scientist", &["owner"]);
    let folder = tempfile::tempdir().unwrap();
    let script = project().join("examples/mlflow/train.py");
    let mut train = Command::new(python);
    train.arg(script).current_dir(folder.path()).env("GIT_PYTHON_REFRESH", "quiet").env("MLFLOW_DISABLE_TELEMETRY", "true");
    train.env("MLFLOW_REGISTRY_URI", &server.address).env("MLFLOW_TRACKING_TOKEN", &owner);
    let text = said(&train.output().unwrap());
    assert!(text.contains("house-prices 1: a house of 100 costs 300.2"), "{text}");
    let files = text.lines().find_map(|line| line.strip_prefix("files: ")).unwrap();

    let chancery = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_chancery"));
        command.args(arguments).env("CHANCERY_URL", &server.address).env("CHANCERY_TOKEN", &owner);
        said(&command.output().unwrap())
    };
    let shown = || serde_json::from_str::<serde_json::Value>(&chancery(&["version", "show", "house-prices@newest", "--output", "json"])).unwrap();
    assert_eq!(shown()["held"], false);
    chancery(&["version", "attach", "house-prices/1", files]);
    let version = shown();
    assert_eq!((&version["held"], &version["facts"]["environment"]["pinned"]), (&json!(true), &json!(true)));
    assert_eq!(version["facts"]["signature"]["inputs"][0]["name"], "size");
    server.finish();
}

#[test]
fn the_page_for_mlflow_users_lists_every_reserved_tag() {
    let page = std::fs::read_to_string(project().join("docs/mlflow.md")).unwrap();
    let table = chancery::http::mlflow::reserved::markdown();
    assert!(page.contains(&table), "docs/mlflow.md should have this table:\n{table}");
}
