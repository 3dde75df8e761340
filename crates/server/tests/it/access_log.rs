//! The access log: what is in it, its daily anchor, and what verification notices.

use chancery::jobs::access_log::run_once;
use chancery_core::names::Timestamp;
use chancery_core::rows::Row as _;
use chancery_core::tables::AccessLogRow;
use serde_json::{Value, json};

use crate::support::app::both;
use crate::support::TestApp;

const DAY: i64 = 86_400;

fn now(app: &TestApp) -> Timestamp {
    app.app.now()
}


async fn lines(app: &TestApp, query: &str) -> Vec<Value> {
    app.admin.get(&format!("/api/v1/access-log{query}")).await.expect(200)["items"].as_array().unwrap().clone()
}

async fn states(app: &TestApp) -> Vec<(String, String)> {
    let answer = app.admin.get("/api/v1/access-log/verify").await.expect(200);
    let word = |item: &Value, name: &str| item[name].as_str().unwrap().to_owned();
    answer["items"].as_array().unwrap().iter().map(|item| (word(item, "day"), word(item, "state"))).collect()
}

/// Every row as it is stored.
async fn rows(app: &TestApp) -> Vec<AccessLogRow> {
    app.app.flush_access_log().await;
    let store = chancery::store::Store::open_to_read(&config(app)).unwrap();
    store.read().await.unwrap().rows::<AccessLogRow>("ORDER BY day, at, log_id", &[]).await.unwrap()
}

fn config(app: &TestApp) -> chancery::store::StoreConfig {
    chancery::store::StoreConfig { data: app.data.clone(), database: app.database.clone() }
}

both! {
    async fn downloads_and_exports_have_a_line(app: &TestApp) {
        let cast = app.cast().await;
        cast.owner.model("loan", "high").await;
        let version = cast.scientist.version("loan", b"weights").await;
        let files = cast.auditor.get(&format!("{}/manifest", version.path)).await.expect(200);
        let path = files["files"][0]["path"].as_str().unwrap().to_owned();
        cast.auditor.call("GET", &format!("{}/files/{path}", version.path)).header("user-agent", "curl/8\u{7f}").send().await;
        cast.auditor.get(&format!("{}/files/{path}", version.path)).await.expect(200);
        cast.auditor.get(&format!("{}/package", version.path)).await;
        cast.auditor.get("/api/v1/risks/export?format=csv").await;
        app.admin.get("/log/tile/entries/000.p/1").await;
        assert_eq!(cast.auditor.get(&format!("{}/files/none", version.path)).await.status, 404);
        let found = lines(app, "").await;
        let kinds: Vec<&str> = found.iter().map(|line| line["kind"].as_str().unwrap()).collect();
        assert_eq!(kinds, ["export", "export", "download", "download"], "{found:?}");
        assert_eq!(found[1]["user"], "model-auditor");
        assert!(found[3]["what"].as_str().unwrap().ends_with(&path), "{:?}", found[3]);
        assert_eq!(lines(app, "?kind=download&user=model-auditor").await.len(), 2);
        assert_eq!(lines(app, "?user=scientist").await.len(), 0);
        assert_eq!(lines(app, "?since=2026-06-02").await.len(), 0);
        assert_eq!(lines(app, "?until=2026-06-01").await.len(), 4);
        let first = app.admin.get("/api/v1/access-log?limit=3").await.expect(200);
        let rest = lines(app, &format!("?limit=3&after={}", first["next"].as_str().unwrap())).await;
        assert_eq!((first["items"].as_array().unwrap().len(), rest.len()), (3, 1));
        assert_eq!(rest[0], found[3]);
        assert_eq!(app.admin.get("/api/v1/access-log?after=eA").await.problem(), "422 invalid_field after");
        assert_eq!(cast.owner.get("/api/v1/access-log").await.recorded_problem(), "403 access_denied");
    }

    async fn a_finished_day_is_anchored_once_and_what_is_changed_after_it_is_noticed(app: &TestApp) {
        let cast = app.cast().await;
        cast.owner.model("loan", "high").await;
        let version = cast.scientist.version("loan", b"weights").await;
        for _ in 0..3 {
            cast.auditor.get(&format!("{}/package", version.path)).await;
        }
        assert_eq!(run_once(&app.app, now(app)).await.unwrap().len(), 0, "the day is not over");
        app.advance(DAY);
        let days: Vec<String> = run_once(&app.app, now(app)).await.unwrap().iter().map(ToString::to_string).collect();
        assert_eq!(days, ["2026-06-01"]);
        assert_eq!(run_once(&app.app, now(app)).await.unwrap().len(), 0, "once");
        cast.auditor.get(&format!("{}/package", version.path)).await;
        assert_eq!(states(app).await, [("2026-06-01".to_owned(), "same".to_owned()), ("2026-06-02".to_owned(), "open".to_owned())]);
        let head = app.size().await - 1;
        let entry = app.admin.get(&format!("/api/v1/ledger/entries/{head}")).await.expect(200);
        assert_eq!((&entry["kind"], &entry["data"]["count"]), (&json!("access-log.anchored"), &json!(3)));
        if app.database.is_some() {
            // Below, rows are taken away past the program: on SQLite alone another writer can be had.
            return;
        }
        let known = rows(app).await;
        let file = rusqlite::Connection::open(app.data.join("scratch.db")).unwrap();
        for sql in [
            "DELETE FROM access_log WHERE log_id = ?1",
            "UPDATE access_log SET what = 'nothing' WHERE log_id = ?1",
            "UPDATE access_log SET private_text = '{}' WHERE log_id = ?1",
            "INSERT INTO access_log SELECT day, at, log_id || 'x', kind, actor, what, private_digest, private_salt, private_text FROM access_log WHERE log_id = ?1",
        ] {
            file.execute(sql, [&known[0].log_id]).unwrap();
            assert_eq!(states(app).await[0].1, "different", "{sql}");
            file.execute("DELETE FROM access_log", []).unwrap();
            let columns = vec!["?"; AccessLogRow::TABLE.columns.len()].join(", ");
            for row in &known {
                let values = row.to_values().into_iter().map(|value| match value {
                    chancery_core::rows::Value::Null => rusqlite::types::Value::Null,
                    chancery_core::rows::Value::Integer(number) => rusqlite::types::Value::Integer(number),
                    chancery_core::rows::Value::Text(text) => rusqlite::types::Value::Text(text),
                    chancery_core::rows::Value::Bytes(bytes) => rusqlite::types::Value::Blob(bytes),
                });
                file.execute(&format!("INSERT INTO access_log VALUES ({columns})"), rusqlite::params_from_iter(values)).unwrap();
            }
            assert_eq!(states(app).await[0].1, "same");
        }
    }

    async fn many_lines_at_once_are_all_written(app: &TestApp) {
        let nobody = chancery_core::access_log::Whence::default();
        let log = || app.app.log_access(chancery_core::access_log::AccessKind::LoginFailed, None, "password", &nobody);
        futures_util::future::join_all((0..2_000).map(|_| log())).await.into_iter().for_each(|logged| logged.unwrap());
        app.app.flush_access_log().await;
        app.advance(DAY);
        run_once(&app.app, now(app)).await.unwrap();
        let head = app.size().await - 1;
        assert_eq!(app.admin.get(&format!("/api/v1/ledger/entries/{head}")).await.expect(200)["data"]["count"], 2_000);
    }
}
