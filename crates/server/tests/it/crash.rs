//! Durability: the server is ended at every commit point, and at random moments under load. What was acknowledged is there, what
//! was not is there entirely or not at all, and the ledger verifies.
//!
//! The test binary starts itself again as the server that dies: [`child`] does nothing unless the environment says so.

mod artifacts;
mod checkpoint;
mod commit;
mod first_start;
mod promotion;
mod rebuild;
mod rotation;
mod upload;

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use chancery::crash::CrashPoint;
use serde_json::{Value, json};

use crate::mlflow_artifacts;
use crate::support::app::{Stopped, block_on};
use crate::support::{Answer, Client, TestApp};

const TASK: &str = "CHANCERY_CRASH_TASK";
const POINT: &str = "CHANCERY_CRASH_POINT";
const DATA: &str = "CHANCERY_CRASH_DATA";
const DATABASE: &str = "CHANCERY_CRASH_DATABASE";
/// Commands that are under way at once.
const PARALLEL: usize = 8;
/// The signal by which a process ends itself.
const ABORTED: Option<i32> = Some(6);

/// The server that dies at its point while it does its task. It says `ack KEY INDEX` after each answer.
#[test]
fn child() {
    let Ok(task) = std::env::var(TASK) else { return };
    let point = std::env::var(POINT).ok().map(|name| *CrashPoint::ALL.iter().find(|point| format!("{point:?}") == name).unwrap());
    let data = PathBuf::from(std::env::var(DATA).unwrap());
    let database = std::env::var(DATABASE).ok();
    let words: Vec<&str> = task.split(' ').collect();
    block_on(async {
        if words == ["rebuild"] {
            return rebuild::task(&data, database, point).await;
        }
        let app = TestApp::open(&data, database.as_deref(), point).await;
        let with = |token: &str| app.anonymous.with_token(token);
        match words[..] {
            ["open"] => {}
            ["tags", prefix] => write_tags(&app.admin, prefix, point.is_none()).await,
            ["release", promotion, token] => acknowledge("release", &release(&with(token), promotion).await),
            ["approve", promotion, role, token] => acknowledge("approve", &promotion::approve(&with(token), promotion, role).await),
            ["candidate", token] => acknowledge("candidate", &promotion::candidate(&with(token)).await),
            ["break-glass", id, token] => acknowledge("break-glass", &promotion::break_glass(&with(token), id).await),
            ["upload", path, token] => upload::task(&with(token), path).await,
            ["file", text] => acknowledge("file", &mlflow_artifacts::put(&app.admin, artifacts::PATH, text.as_bytes()).await),
            ["join", body] => acknowledge("join", &artifacts::join(&app.admin, body).await),
            ["rotate", which] => rotation::task(&app, which).await,
            ["put", token] => acknowledge("put", &upload::put(&with(token)).await),
            _ => panic!("there is no task `{task}`"),
        }
    });
}

/// Writes tags, once for each of the parallel tasks or for ever.
async fn write_tags(admin: &Client, prefix: &str, forever: bool) {
    let writers = (0..PARALLEL).map(|task| async move {
        for number in 0.. {
            let key = format!("{prefix}-{task}-{number}");
            acknowledge(&key, &tag(admin, &key).await);
            if !forever {
                return;
            }
        }
    });
    futures_util::future::join_all(writers).await;
}

fn acknowledge(key: &str, answer: &Answer) {
    // One write a line: the process may be gone the next moment.
    let line = format!("ack {key} {} {}\n", answer.status, answer.json()["index"]);
    std::io::stdout().write_all(line.as_bytes()).unwrap();
}

async fn tag(client: &Client, key: &str) -> Answer {
    client.call("PUT", &format!("/api/v1/models/loan/tags/{key}")).header("Idempotency-Key", key).json(&json!({"value": key})).send().await
}

async fn release(pipeline: &Client, promotion: &str) -> Answer {
    let path = format!("/api/v1/promotions/{promotion}/execute");
    pipeline.call("POST", &path).header("Idempotency-Key", "release").json(&json!({})).send().await
}

/// Starts the child on the data of a stopped registry.
fn start(stopped: &Stopped, point: Option<CrashPoint>, task: &str) -> Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["crash::child", "--exact", "--nocapture", "--test-threads=1"]).env(TASK, task).env(DATA, &stopped.data);
    if let Some(point) = point {
        command.env(POINT, format!("{point:?}"));
    }
    if let Some(database) = &stopped.database {
        command.env(DATABASE, database);
    }
    command.stdout(Stdio::piped()).stderr(Stdio::null()).stdin(Stdio::null()).spawn().unwrap()
}

/// Runs the child, which must end itself at its point before it has acknowledged anything.
fn die(stopped: &Stopped, point: CrashPoint, task: &str) {
    let mut child = start(stopped, Some(point), task);
    assert_eq!(acknowledged(&mut child), BTreeMap::new(), "{point:?}");
    assert_eq!(child.wait().unwrap().signal(), ABORTED, "{point:?} was not reached");
}

/// The acknowledgements of a child, to the end of its output: index by key. Each must be a success.
fn acknowledged(child: &mut Child) -> BTreeMap<String, u64> {
    let mut found = BTreeMap::new();
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        let line = line.unwrap();
        let words: Vec<&str> = line.split(' ').skip_while(|word| *word != "ack").collect();
        if let ["ack", key, status, index] = words[..] {
            assert!(status == "200", "{line}");
            assert_eq!(found.insert(key.to_owned(), index.parse().unwrap()), None, "{key} was answered twice");
        }
    }
    found
}

async fn reopen(stopped: &Stopped) -> TestApp {
    TestApp::open(&stopped.data, stopped.database.as_deref(), None).await
}

async fn tags(app: &TestApp) -> Value {
    app.admin.get("/api/v1/models/loan").await.expect(200)["tags"].clone()
}

/// A token of an actor, by name.
async fn token(app: &TestApp, name: &str) -> String {
    app.admin.post("/api/v1/tokens", json!({"user": name})).await.expect(201)["secret"].as_str().unwrap().to_owned()
}

#[test]
fn every_point_has_a_test() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/crash");
    let texts: Vec<String> = std::fs::read_dir(folder).unwrap().map(|file| std::fs::read_to_string(file.unwrap().path()).unwrap()).collect();
    let untested: Vec<_> = CrashPoint::ALL.iter().filter(|point| !texts.iter().any(|text| text.contains(&format!("CrashPoint::{point:?}")))).collect();
    assert!(untested.is_empty(), "{untested:?}");
}
