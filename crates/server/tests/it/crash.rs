//! Durability: the server is ended at every commit point, and at random moments under load. What was acknowledged is there, what
//! was not is there entirely or not at all, and the ledger verifies.
//!
//! The test binary starts itself again as the server that dies: [`child`] does nothing unless the environment says so.

use std::collections::BTreeMap;
use std::hash::{BuildHasher as _, RandomState};
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use chancery::app::CrashPoint;
use serde_json::{Value, json};

use crate::support::app::{Database, Stopped};
use crate::support::{Answer, Client, TestApp};

const TASK: &str = "CHANCERY_CRASH_TASK";
const DATA: &str = "CHANCERY_CRASH_DATA";
const DATABASE: &str = "CHANCERY_CRASH_DATABASE";
/// Commands that are under way at once.
const PARALLEL: usize = 8;

/// Kills under load; `make soak` asks for many.
fn rounds() -> usize {
    if std::env::var_os("CHANCERY_SOAK").is_some() { 200 } else { 10 }
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap().block_on(future)
}

/// What the child is to do.
fn crash_point(task: &str) -> Option<CrashPoint> {
    match task {
        "before" => Some(CrashPoint::BeforeCommit),
        "after" => Some(CrashPoint::AfterCommit),
        "lost" => Some(CrashPoint::AnswerLost),
        _ => None,
    }
}

/// The server that dies. It says `ack KEY INDEX` after each answer.
#[test]
fn child() {
    let Ok(task) = std::env::var(TASK) else { return };
    let data = std::env::var(DATA).unwrap();
    let database = std::env::var(DATABASE).ok();
    let (what, argument) = task.split_once(' ').unwrap();
    block_on(async {
        let point = crash_point(what);
        let app = TestApp::open(Path::new(&data), database.as_deref(), point).await;
        match argument.split_once(' ') {
            Some((id, token)) => acknowledge("release", &release(&app.anonymous.with_token(token), id).await),
            None => write_tags(&app.admin, argument, point.is_none()).await,
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
fn start(stopped: &Stopped, task: &str) -> Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["crash::child", "--exact", "--nocapture", "--test-threads=1"]).env(TASK, task).env(DATA, &stopped.data);
    if let Some(database) = &stopped.database {
        command.env(DATABASE, database);
    }
    command.stdout(Stdio::piped()).stderr(Stdio::null()).stdin(Stdio::null()).spawn().unwrap()
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

/// A registry with a model, five acknowledged tags, and a promotion that only has to be executed: its id and the token for it.
struct Prepared {
    stopped: Stopped,
    promotion: String,
    version: crate::support::Made,
    token: String,
}

async fn prepare(database: Database) -> Prepared {
    let app = TestApp::start(database).await;
    let cast = app.cast().await;
    cast.scientist.model("loan", "high").await;
    let version = cast.evaluated("loan", b"bytes").await;
    let promotion = cast.approved(&version, "production").await;
    for number in 0..5 {
        tag(&app.admin, &format!("first-{number}")).await.expect(200);
    }
    let token = app.admin.post("/api/v1/tokens", json!({"user": "ci"})).await.expect(201)["secret"].as_str().unwrap().to_owned();
    Prepared { stopped: app.shut_down().await, promotion, version, token }
}

/// A batch of one-entry commands, and a command of many entries, at one crash point.
fn at_the_commit(database: Database, point: CrashPoint, word: &str) {
    block_on(async {
        let prepared = prepare(database).await;
        let stopped = &prepared.stopped;
        let before = stopped.audit().await;

        let mut first = start(stopped, &format!("{word} second"));
        let answered = acknowledged(&mut first);
        let status = first.wait().unwrap();
        let after = stopped.audit().await;
        let app = reopen(stopped).await;
        let there = tags(&app).await;
        for number in 0..5 {
            assert_eq!(there[format!("first-{number}")], format!("first-{number}"));
        }
        let survived = (0..PARALLEL).filter(|task| there[format!("second-{task}-0")].is_string()).count() as u64;
        assert_eq!(after - before, survived, "a tag is one entry");
        match point {
            CrashPoint::BeforeCommit => assert_eq!((status.success(), answered.len(), survived), (false, 0, 0)),
            CrashPoint::AfterCommit => assert!(!status.success() && answered.is_empty() && survived > 0, "{status} {answered:?} {survived}"),
            CrashPoint::AnswerLost => assert_eq!((status.success(), answered.len(), survived), (true, PARALLEL, PARALLEL as u64)),
        }
        for task in 0..PARALLEL {
            let key = format!("second-{task}-0");
            let again = tag(&app.admin, &key).await;
            again.expect(200);
            assert_eq!(again.header("idempotent-replay") == "true", there[&key].is_string(), "{key}");
            if let Some(index) = answered.get(&key) {
                assert_eq!(again.json()["index"], *index, "{key}");
            }
        }
        let middle = app.shut_down().await.audit().await;

        let mut second = start(stopped, &format!("{word} {} {}", prepared.promotion, prepared.token));
        let answered = acknowledged(&mut second);
        second.wait().unwrap();
        let after = stopped.audit().await;
        let app = reopen(stopped).await;
        let (state, is_done) = match point {
            CrashPoint::BeforeCommit => ("draft", false),
            CrashPoint::AfterCommit | CrashPoint::AnswerLost => ("production", true),
        };
        assert_eq!(app.admin.state(&prepared.version).await, state);
        assert_eq!(answered.len(), usize::from(point == CrashPoint::AnswerLost));
        let again = release(&app.anonymous.with_token(&prepared.token), &prepared.promotion).await;
        again.expect(200);
        assert_eq!(again.header("idempotent-replay") == "true", is_done);
        let entries = again.kinds().len() as u64;
        assert!(entries > 1, "the release is meant to be of many entries");
        assert_eq!(after - middle, if is_done { entries } else { 0 }, "all of it or nothing");
        assert_eq!(app.admin.state(&prepared.version).await, "production");
        app.shut_down().await.audit().await;
    });
}

#[test]
fn sqlite_before_the_commit() {
    at_the_commit(Database::Sqlite, CrashPoint::BeforeCommit, "before");
}

#[test]
fn sqlite_after_the_commit() {
    at_the_commit(Database::Sqlite, CrashPoint::AfterCommit, "after");
}

#[test]
fn sqlite_when_the_answer_is_lost() {
    at_the_commit(Database::Sqlite, CrashPoint::AnswerLost, "lost");
}

#[test]
fn postgres_before_the_commit() {
    at_the_commit(Database::Postgres, CrashPoint::BeforeCommit, "before");
}

#[test]
fn postgres_after_the_commit() {
    at_the_commit(Database::Postgres, CrashPoint::AfterCommit, "after");
}

#[test]
fn postgres_when_the_answer_is_lost() {
    at_the_commit(Database::Postgres, CrashPoint::AnswerLost, "lost");
}

/// SIGKILL at random moments under load: nothing that was acknowledged is ever lost.
fn killed_under_load(database: Database) {
    block_on(async {
        let app = TestApp::start(database).await;
        app.user("scientist", &["contributor"]).await.model("loan", "high").await;
        let stopped = app.shut_down().await;
        let mut acknowledged_in_all = 0;
        for round in 0..rounds() {
            let mut child = start(&stopped, &format!("load round{round}"));
            let reader = child.stdout.take().unwrap();
            let (sender, receiver) = std::sync::mpsc::channel();
            let lines = std::thread::spawn(move || {
                let mut lines = Vec::new();
                for line in BufReader::new(reader).lines() {
                    lines.push(line.unwrap());
                    let _ = sender.send(());
                }
                lines
            });
            // The first lines say that the load runs; from then on any moment is as good as another.
            for _ in 0..12 {
                receiver.recv_timeout(Duration::from_secs(60)).unwrap();
            }
            std::thread::sleep(Duration::from_micros(RandomState::new().hash_one(round) % 120_000));
            child.kill().unwrap();
            child.wait().unwrap();
            let lines = lines.join().unwrap();
            let app = reopen(&stopped).await;
            let there = tags(&app).await;
            for line in lines.iter().filter(|line| line.contains("ack ")) {
                let words: Vec<&str> = line.split(' ').skip_while(|word| *word != "ack").collect();
                if let ["ack", key, "200", _index] = words[..] {
                    assert_eq!(there[key], key, "round {round}: `{line}` was acknowledged and lost");
                    acknowledged_in_all += 1;
                }
            }
            app.shut_down().await.audit().await;
        }
        assert!(acknowledged_in_all > rounds(), "there was no load");
    });
}

#[test]
fn sqlite_killed_under_load() {
    killed_under_load(Database::Sqlite);
}

#[test]
fn postgres_killed_under_load() {
    killed_under_load(Database::Postgres);
}
