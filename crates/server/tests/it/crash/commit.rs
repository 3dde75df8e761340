//! The commit of a batch: killed on either side of it, and at random moments under load.

use std::hash::{BuildHasher as _, RandomState};
use std::io::{BufRead as _, BufReader};
use std::time::Duration;

use chancery::crash::CrashPoint;

use super::{PARALLEL, acknowledged, release, reopen, start, tag, tags};
use crate::support::TestApp;
use crate::support::app::{Database, Stopped, block_on};

/// Kills under load; `make soak` asks for many.
fn rounds() -> usize {
    if std::env::var_os("CHANCERY_SOAK").is_some() { 200 } else { 10 }
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
    let token = cast.pipeline.token().await;
    Prepared { stopped: app.shut_down().await, promotion, version, token }
}

/// A batch of one-entry commands, and a command of many entries, at one crash point.
fn at_the_commit(database: Database, point: CrashPoint) {
    block_on(async {
        let prepared = prepare(database).await;
        let stopped = &prepared.stopped;
        let before = stopped.audit().await;

        let mut first = start(stopped, Some(point), "tags second");
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
        let (is_done, is_told) = (point != CrashPoint::BeforeCommit, point == CrashPoint::AnswerLost);
        assert_eq!((status.success(), answered.len()), (is_told, if is_told { PARALLEL } else { 0 }));
        assert_eq!(survived > 0, is_done, "{survived} survived");
        assert!(!is_told || survived == PARALLEL as u64, "only {survived} survived");
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

        let mut second = start(stopped, Some(point), &format!("release {} {}", prepared.promotion, prepared.token));
        let answered = acknowledged(&mut second);
        second.wait().unwrap();
        let after = stopped.audit().await;
        let app = reopen(stopped).await;
        let state = if is_done { "production" } else { "draft" };
        assert_eq!(app.admin.state(&prepared.version).await, state);
        assert_eq!(answered.len(), usize::from(is_told));
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
    at_the_commit(Database::Sqlite, CrashPoint::BeforeCommit);
}

#[test]
fn sqlite_after_the_commit() {
    at_the_commit(Database::Sqlite, CrashPoint::AfterCommit);
}

#[test]
fn sqlite_when_the_answer_is_lost() {
    at_the_commit(Database::Sqlite, CrashPoint::AnswerLost);
}

#[test]
fn postgres_before_the_commit() {
    at_the_commit(Database::Postgres, CrashPoint::BeforeCommit);
}

#[test]
fn postgres_after_the_commit() {
    at_the_commit(Database::Postgres, CrashPoint::AfterCommit);
}

#[test]
fn postgres_when_the_answer_is_lost() {
    at_the_commit(Database::Postgres, CrashPoint::AnswerLost);
}

/// SIGKILL at random moments under load: nothing that was acknowledged is ever lost.
fn killed_under_load(database: Database) {
    block_on(async {
        let app = TestApp::start(database).await;
        app.team("credit").await;
        app.user("scientist", &["contributor"]).await.model("loan", "high").await;
        let stopped = app.shut_down().await;
        let mut acknowledged_in_all = 0;
        for round in 0..rounds() {
            let mut child = start(&stopped, None, &format!("tags round{round}"));
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
