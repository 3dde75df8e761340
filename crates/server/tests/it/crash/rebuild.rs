//! `ledger rebuild`: the old rows stand, or the new ones.

use std::path::Path;

use chancery::crash::CrashPoint;
use chancery::ledger::rebuild::rebuild;
use chancery::ledger::verify::Verdict;
use chancery::store::{Schema, Store, StoreConfig};
use chancery_core::rows::Row as _;
use chancery_core::tables::TagRow;
use serde_json::json;

use super::{die, reopen, tag, tags};
use crate::support::TestApp;
use crate::support::app::{Database, Stopped, block_on};

/// What `chancery ledger rebuild` does.
pub(super) async fn task(data: &Path, database: Option<String>, point: Option<CrashPoint>) {
    let config = StoreConfig { data: data.to_owned(), database };
    let (_store, mut writer) = Store::open(config, &Schema::product()).await.unwrap();
    rebuild(&mut writer, point).await.unwrap();
}

/// Changes the only tag past the ledger.
async fn tamper(stopped: &Stopped) {
    let (_store, mut writer) = stopped.store().await;
    let mut tx = writer.begin().await.unwrap();
    let values = tx.scan(TagRow::TABLE, None, 1).await.unwrap().into_iter().next().unwrap();
    let row = TagRow { value: "tampered".to_owned(), ..TagRow::from_values(values).unwrap() };
    tx.put(TagRow::TABLE, &[row.to_values()]).await.unwrap();
    tx.commit().await.unwrap();
}

fn at_a_rebuild(database: Database, point: CrashPoint, expected: Verdict) {
    block_on(async {
        let app = TestApp::start(database).await;
        app.team("credit").await;
        app.admin.model("loan", "high").await;
        tag(&app.admin, "kept").await.expect(200);
        app.app.sign_checkpoint().await.unwrap();
        let stopped = app.shut_down().await;
        tamper(&stopped).await;

        die(&stopped, point, "rebuild");
        let report = stopped.report().await;
        assert_eq!(report.verdict, expected, "{report}");

        task(&stopped.data, stopped.database.clone(), None).await;
        stopped.audit().await;
        let app = reopen(&stopped).await;
        assert_eq!(tags(&app).await, json!({"kept": "kept"}));
        app.finish().await;
    });
}

#[test]
fn sqlite_before_the_commit() {
    at_a_rebuild(Database::Sqlite, CrashPoint::BeforeRebuild, Verdict::DerivedAltered);
}

#[test]
fn sqlite_after_the_commit() {
    at_a_rebuild(Database::Sqlite, CrashPoint::AfterRebuild, Verdict::Intact);
}

#[test]
fn postgres_before_the_commit() {
    at_a_rebuild(Database::Postgres, CrashPoint::BeforeRebuild, Verdict::DerivedAltered);
}

#[test]
fn postgres_after_the_commit() {
    at_a_rebuild(Database::Postgres, CrashPoint::AfterRebuild, Verdict::Intact);
}
