//! A checkpoint: signed, remembered beside its key, published. The key never signs two checkpoints of one size.

use chancery::crash::CrashPoint;
use chancery_core::tables::CheckpointRow;

use super::{die, reopen, tag};
use crate::support::TestApp;
use crate::support::app::{Database, Stopped, block_on};

fn remembered(stopped: &Stopped) -> String {
    std::fs::read_to_string(stopped.data.join("keys/checkpoint.memory")).unwrap()
}

async fn published(stopped: &Stopped) -> String {
    let snapshot = stopped.store().await.0.read().await.unwrap();
    let newest: Vec<CheckpointRow> = snapshot.rows("ORDER BY size DESC LIMIT 1", &[]).await.unwrap();
    newest.into_iter().next().unwrap().note
}

fn at_a_checkpoint(database: Database, point: CrashPoint) {
    block_on(async {
        let app = TestApp::start(database).await;
        app.team("credit").await;
        app.admin.model("loan", "high").await;
        app.app.sign_checkpoint().await.unwrap();
        tag(&app.admin, "uncovered").await.expect(200);
        let stopped = app.shut_down().await;
        let old = published(&stopped).await;
        assert_eq!(remembered(&stopped), old);

        die(&stopped, point, "open");
        let (memory, out) = (remembered(&stopped), published(&stopped).await);
        let (is_remembered, is_out) = (point != CrashPoint::BeforeMemory, point == CrashPoint::AfterPublication);
        assert_eq!((memory != old, out != old), (is_remembered, is_out));
        stopped.audit().await;

        let app = reopen(&stopped).await;
        let next = app.anonymous.get("/log/checkpoint").await;
        assert_eq!(next.status, 200);
        let next = String::from_utf8(next.bytes).unwrap();
        assert_ne!(next, old, "the entry is covered now");
        if is_remembered {
            assert_eq!(next, memory, "what was signed is what is published");
        }
        tag(&app.admin, "later").await.expect(200);
        app.app.sign_checkpoint().await.unwrap();
        app.shut_down().await;
        assert_eq!(remembered(&stopped), published(&stopped).await);
        stopped.audit().await;
    });
}

#[test]
fn sqlite_before_the_memory() {
    at_a_checkpoint(Database::Sqlite, CrashPoint::BeforeMemory);
}

#[test]
fn sqlite_after_the_memory() {
    at_a_checkpoint(Database::Sqlite, CrashPoint::AfterMemory);
}

#[test]
fn sqlite_before_the_publication() {
    at_a_checkpoint(Database::Sqlite, CrashPoint::BeforePublication);
}

#[test]
fn sqlite_after_the_publication() {
    at_a_checkpoint(Database::Sqlite, CrashPoint::AfterPublication);
}

#[test]
fn postgres_before_the_memory() {
    at_a_checkpoint(Database::Postgres, CrashPoint::BeforeMemory);
}

#[test]
fn postgres_after_the_memory() {
    at_a_checkpoint(Database::Postgres, CrashPoint::AfterMemory);
}

#[test]
fn postgres_before_the_publication() {
    at_a_checkpoint(Database::Postgres, CrashPoint::BeforePublication);
}

#[test]
fn postgres_after_the_publication() {
    at_a_checkpoint(Database::Postgres, CrashPoint::AfterPublication);
}
