//! Uploads, in parts and whole: what the client was told is there, and it goes on from there. No database is in this.

use chancery::crash::CrashPoint;
use chancery_core::names::Digest;
use serde_json::{Value, json};

use super::{die, reopen, token};
use crate::support::app::{Database, Stopped, block_on};
use crate::support::builders::facts;
use crate::support::{Answer, Client, TestApp};

/// Where the parts end: the first is there before the crash.
const PARTS: [usize; 3] = [4000, 7000, 10_000];

fn bytes() -> Vec<u8> {
    b"0123456789".repeat(1000)
}

fn digest() -> String {
    Digest::of(&bytes()).to_string()
}

async fn append(client: &Client, path: &str, from: usize, to: usize) {
    let answer = client.call("PATCH", path).header("Upload-Offset", &from.to_string()).bytes(&bytes()[from..to]).send().await;
    assert_eq!(answer.expect(200)["offset"], to);
}

async fn complete(client: &Client, path: &str) -> Answer {
    client.post(&format!("{path}/complete"), json!({})).await
}

/// The parts that are left, and the completion.
pub(super) async fn task(client: &Client, path: &str) {
    append(client, path, PARTS[0], PARTS[1]).await;
    append(client, path, PARTS[1], PARTS[2]).await;
    super::acknowledge("upload", &complete(client, path).await);
}

/// The same bytes in one request.
pub(super) async fn put(client: &Client) -> Answer {
    client.call("PUT", &format!("/api/v1/blobs/{}", digest())).bytes(bytes()).send().await
}

async fn prepare() -> (Stopped, String, String) {
    let app = TestApp::start(Database::Sqlite).await;
    app.team("credit").await;
    let scientist = app.user("scientist", &["contributor"]).await;
    scientist.model("loan", "high").await;
    let begun = scientist.post("/api/v1/uploads", json!({"size": bytes().len(), "digest": digest()})).await.expect(201);
    let path = format!("/api/v1/uploads/{}", begun["id"].as_str().unwrap());
    append(&scientist, &path, 0, PARTS[0]).await;
    let token = token(&app, "scientist").await;
    (app.shut_down().await, path, token)
}

async fn is_stored(client: &Client) -> bool {
    client.get(&format!("/api/v1/blobs/{}", digest())).await.status == 200
}

/// A version of the file is registered and its bytes come back; everything verifies.
async fn use_it(app: TestApp, client: &Client) {
    let version: Value = json!({"files": [{"path": "model.bin", "size": bytes().len(), "digest": digest()}], "facts": facts()});
    client.post("/api/v1/models/loan/versions", version).await.expect(201);
    assert_eq!(client.get("/api/v1/models/loan/versions/1/files/model.bin").await.bytes, bytes());
    app.finish().await;
}

#[test]
fn in_parts() {
    // (point, offset that the client is told, whether the file has its address)
    for (point, offset, stored) in [
        (CrashPoint::AfterPart, PARTS[1], false),
        (CrashPoint::BeforeSeal, PARTS[2], false),
        // The next start ends what was sealed.
        (CrashPoint::BeforeRename, PARTS[2], true),
        (CrashPoint::AfterRename, PARTS[2], true),
    ] {
        block_on(async {
            let (stopped, path, token) = prepare().await;
            die(&stopped, point, &format!("upload {path} {token}"));
            let app = reopen(&stopped).await;
            let scientist = app.anonymous.with_token(&token);
            let told = scientist.get(&path).await.expect(200)["offset"].clone();
            assert_eq!((told, is_stored(&scientist).await), (json!(offset), stored), "{point:?}");
            if offset < PARTS[2] {
                append(&scientist, &path, offset, PARTS[2]).await;
            }
            for _ in 0..2 {
                assert_eq!(complete(&scientist, &path).await.expect(200), json!({"digest": digest(), "size": bytes().len()}), "{point:?}");
            }
            use_it(app, &scientist).await;
        });
    }
}

#[test]
fn in_one_request() {
    for (point, stored) in [(CrashPoint::BeforeRename, false), (CrashPoint::AfterRename, true)] {
        block_on(async {
            let (stopped, path, token) = prepare().await;
            die(&stopped, point, &format!("put {token}"));
            let app = reopen(&stopped).await;
            let scientist = app.anonymous.with_token(&token);
            assert_eq!(is_stored(&scientist).await, stored, "{point:?}");
            let incoming = std::fs::read_dir(stopped.data.join("blobs/incoming")).unwrap();
            let names: Vec<_> = incoming.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
            assert!(names.iter().all(|name| path.ends_with(name.trim_end_matches(".json"))), "{point:?}: {names:?} is left");
            put(&scientist).await.expect(201);
            use_it(app, &scientist).await;
        });
    }
}
