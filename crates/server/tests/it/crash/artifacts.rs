//! MLflow's artifact proxy: the path of a file, and a file that was sent in parts.

use chancery::crash::CrashPoint;
use serde_json::json;

use super::{die, reopen};
use crate::mlflow_artifacts::{MPU, create, get, put};
use crate::support::app::{Database, block_on};
use crate::support::{Answer, Client, TestApp};

/// The path that the child writes.
pub(super) const PATH: &str = "run/file";

/// Completes a multipart upload.
pub(super) async fn join(client: &Client, body: &str) -> Answer {
    client.post(&format!("{MPU}/complete/run"), serde_json::from_str(body).unwrap()).await
}

fn at_a_path(database: Database) {
    for (point, named) in [(CrashPoint::BeforePath, "old"), (CrashPoint::AfterPath, "new")] {
        block_on(async {
            let app = TestApp::start(database).await;
            put(&app.admin, PATH, b"old").await.expect(200);
            let stopped = app.shut_down().await;
            die(&stopped, point, "file new");
            let app = reopen(&stopped).await;
            assert_eq!(get(&app.admin, PATH).await.bytes, named.as_bytes(), "{point:?}");
            put(&app.admin, PATH, b"new").await.expect(200);
            assert_eq!(get(&app.admin, PATH).await.bytes, b"new");
            app.finish().await;
        });
    }
}

#[test]
fn sqlite_a_path_names_the_old_or_the_new() {
    at_a_path(Database::Sqlite);
}

#[test]
fn postgres_a_path_names_the_old_or_the_new() {
    at_a_path(Database::Postgres);
}

fn at_a_completion(database: Database) {
    for (point, status) in [(CrashPoint::BeforeJoin, 404), (CrashPoint::AfterJoin, 200)] {
        block_on(async {
            let app = TestApp::start(database).await;
            let begun = create(&app.admin, "run", "file", 2).await;
            let (one, two) = (begun.send(&app, 1, b"one").await.tag(), begun.send(&app, 2, b"two").await.tag());
            let parts = json!([{"part_number": 1, "etag": one}, {"part_number": 2, "etag": two}]);
            let body = json!({"path": "file", "upload_id": begun.id, "parts": parts}).to_string();
            let stopped = app.shut_down().await;
            die(&stopped, point, &format!("join {body}"));
            let app = reopen(&stopped).await;
            assert_eq!(get(&app.admin, PATH).await.status, status, "{point:?}");
            for _ in 0..2 {
                join(&app.admin, &body).await.expect(200);
                assert_eq!(get(&app.admin, PATH).await.bytes, b"onetwo", "{point:?}");
            }
            // When the upload is old, the next one takes it and its parts away.
            app.advance(2 * 86_400);
            create(&app.admin, "run", "other", 1).await;
            let left = std::fs::read_dir(stopped.data.join("blobs/parts")).unwrap().count();
            assert_eq!(left, 1, "{point:?}: only the new upload has a folder");
            app.finish().await;
        });
    }
}

#[test]
fn sqlite_an_upload_in_parts_is_complete_or_open() {
    at_a_completion(Database::Sqlite);
}

#[test]
fn postgres_an_upload_in_parts_is_complete_or_open() {
    at_a_completion(Database::Postgres);
}
