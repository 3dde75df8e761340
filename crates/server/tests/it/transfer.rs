//! Bytes in and out: uploads that stop, overrun or lie; downloads whole, in parts, and as a package whose digests hold.

use std::io::Read as _;

use chancery_core::names::Digest;
use serde_json::{Value, json};

use crate::support::app::both;
use crate::support::{Answer, Client};

async fn begin(client: &Client, body: Value) -> String {
    let begun = client.post("/api/v1/uploads", body).await.expect(201);
    assert_eq!(begun["offset"], 0);
    format!("/api/v1/uploads/{}", begun["id"].as_str().unwrap())
}

async fn append(client: &Client, upload: &str, offset: &str, bytes: &[u8]) -> Answer {
    client.call("PATCH", upload).header("Upload-Offset", offset).bytes(bytes).send().await
}

both! {
    async fn an_upload_is_resumed_where_it_stopped(app: &TestApp) {
        let scientist = app.user("scientist", &["contributor"]).await;
        let bytes = b"0123456789".repeat(1000);
        let digest = Digest::of(&bytes).to_string();
        let upload = begin(&scientist, json!({"size": bytes.len(), "digest": digest})).await;
        append(&scientist, &upload, "0", &bytes[..4000]).await.expect(200);
        assert_eq!(scientist.get(&upload).await.expect(200)["offset"], 4000);
        assert_eq!(append(&scientist, &upload, "3999", &bytes[3999..]).await.problem(), "409 offset_mismatch offset");
        assert_eq!(append(&scientist, &upload, "4001", &bytes[4001..]).await.problem(), "409 offset_mismatch offset");
        let early = scientist.post(&format!("{upload}/complete"), json!({})).await;
        assert_eq!(early.status / 100, 4, "{}", early.json());
        assert_eq!(scientist.get(&format!("/api/v1/blobs/{digest}")).await.problem(), "404 not_found");
        assert_eq!(append(&scientist, &upload, "4000", &bytes[4000..]).await.expect(200)["offset"], 10_000);
        assert_eq!(scientist.post(&format!("{upload}/complete"), json!({})).await.expect(200), json!({"digest": digest, "size": 10_000}));
        assert_eq!(scientist.get(&format!("/api/v1/blobs/{digest}")).await.expect(200), json!({"digest": digest, "size": 10_000}));
        // Who did not get the answer asks again.
        assert_eq!(scientist.get(&upload).await.expect(200)["offset"], 10_000);
        assert_eq!(scientist.post(&format!("{upload}/complete"), json!({})).await.expect(200)["digest"], digest);
    }

    async fn an_upload_that_overruns_or_lies_leaves_nothing(app: &TestApp) {
        let scientist = app.user("scientist", &["contributor"]).await;
        let other = app.user("other", &["contributor"]).await;
        let size = app.size().await;
        let digest = Digest::of(b"right").to_string();
        let upload = begin(&scientist, json!({"size": 5})).await;
        assert_eq!(append(&scientist, &upload, "0", b"too long").await.status, 413);
        let upload = begin(&scientist, json!({"digest": digest})).await;
        append(&scientist, &upload, "0", b"wrong").await.expect(200);
        assert_eq!(scientist.post(&format!("{upload}/complete"), json!({})).await.problem().split(' ').take(2).collect::<Vec<_>>(), ["422", "digest_mismatch"]);
        let wrong = scientist.call("PUT", &format!("/api/v1/blobs/{digest}")).bytes(b"wrong".to_vec()).send().await;
        assert_eq!(wrong.problem().split(' ').take(2).collect::<Vec<_>>(), ["422", "digest_mismatch"]);
        assert_eq!(scientist.get(&format!("/api/v1/blobs/{digest}")).await.status, 404);
        let upload = begin(&scientist, json!({})).await;
        assert_eq!(other.get(&upload).await.problem(), "404 not_found", "an upload is of the one who began it");
        assert_eq!(append(&other, &upload, "0", b"x").await.problem(), "404 not_found");
        for offset in ["-1", "x", "1.5", "99999999999999999999"] {
            assert_eq!(append(&scientist, &upload, offset, b"x").await.status, 400, "{offset}");
        }
        assert_eq!(scientist.call("PATCH", &upload).bytes(b"x".to_vec()).send().await.status, 400);
        assert_eq!(scientist.delete(&upload).await.status, 204);
        assert_eq!(scientist.get(&upload).await.problem(), "404 not_found");
        for id in ["..%2F..%2Fetc", "x", "%00"] {
            assert!(matches!(scientist.get(&format!("/api/v1/uploads/{id}")).await.status, 400 | 404 | 422), "{id}");
        }
        for body in [json!({"size": -1}), json!({"digest": "abc"}), json!({"colour": 1})] {
            assert_eq!(scientist.post("/api/v1/uploads", body.clone()).await.status, 422, "{body}");
        }
        assert_eq!(app.size().await, size, "bytes are no record");
    }

    async fn a_file_is_downloaded_whole_in_part_or_not_again(app: &TestApp) {
        app.team("credit").await;
        let scientist = app.user("scientist", &["contributor"]).await;
        scientist.model("loan", "high").await;
        let version = scientist.version("loan", b"0123456789").await;
        let path = format!("{}/files/data/model.bin", version.path);
        let whole = scientist.get(&path).await;
        let digest = Digest::of(b"0123456789").to_string();
        assert_eq!((whole.status, whole.bytes.as_slice(), whole.header("etag")), (200, b"0123456789".as_slice(), format!("\"{digest}\"").as_str()));
        assert_eq!(whole.header("x-chancery-digest"), format!("sha256:{digest}"));
        for (range, status, bytes, content_range) in [
            ("bytes=2-4", 206, "234", "bytes 2-4/10"), ("bytes=7-", 206, "789", "bytes 7-9/10"), ("bytes=-2", 206, "89", "bytes 8-9/10"),
            ("bytes=0-99", 206, "0123456789", "bytes 0-9/10"), ("lines=1-2", 200, "0123456789", ""), ("bytes=a-b", 200, "0123456789", ""),
        ] {
            let part = scientist.call("GET", &path).header("Range", range).send().await;
            let found = (part.status, String::from_utf8_lossy(&part.bytes).into_owned(), part.header("content-range").to_owned());
            assert_eq!(found, (status, bytes.to_owned(), content_range.to_owned()), "{range}");
        }
        for range in ["bytes=10-", "bytes=99-100"] {
            let part = scientist.call("GET", &path).header("Range", range).send().await;
            assert_eq!((part.problem().as_str(), part.header("content-range")), ("416 invalid_field Range", "bytes */10"), "{range}");
        }
        let known = scientist.call("GET", &path).header("If-None-Match", whole.header("etag")).send().await;
        assert_eq!((known.status, known.bytes.len()), (304, 0));
        let changed = scientist.call("GET", &path).header("Range", "bytes=2-4").header("If-Range", "\"other\"").send().await;
        assert_eq!((changed.status, changed.bytes.len()), (200, 10));
        for path in ["none.bin", "data", "..%2F..%2Fadmin-token", "data%2F..%2Fmodel.bin", "%2Fetc%2Fpasswd", "data%5Cmodel.bin", "%00"] {
            let answer = scientist.get(&format!("{}/files/{path}", version.path)).await;
            assert!(matches!(answer.status, 404 | 422), "{path}: {}", answer.status);
        }
    }

    async fn a_package_holds_the_files_with_their_digests(app: &TestApp) {
        app.team("credit").await;
        let scientist = app.user("scientist", &["contributor"]).await;
        scientist.model("loan", "high").await;
        let mut files = Vec::new();
        for (path, bytes) in [("a.txt", b"one".as_slice()), ("deep/er/b.bin", b"two"), ("empty", b""), ("z \u{fc}.txt", b"three")] {
            files.push(json!({"path": path, "size": bytes.len(), "digest": scientist.upload(bytes).await}));
        }
        scientist.post("/api/v1/models/loan/versions", json!({"files": files, "facts": {}})).await.expect(201);
        let path = "/api/v1/models/loan/versions/1";
        let package = scientist.get(&format!("{path}/package")).await;
        assert_eq!((package.status, package.header("content-type")), (200, "application/x-tar"));
        let mut found = Vec::new();
        for member in tar::Archive::new(package.bytes.as_slice()).entries().unwrap() {
            let mut member = member.unwrap();
            let name = member.path().unwrap().to_str().unwrap().to_owned();
            let mut bytes = Vec::new();
            member.read_to_end(&mut bytes).unwrap();
            found.push((name, Digest::of(&bytes).to_string()));
        }
        let shown = scientist.get(path).await.expect(200);
        let mut expected: Vec<(String, String)> =
            files.iter().map(|file| (file["path"].as_str().unwrap().to_owned(), file["digest"].as_str().unwrap().to_owned())).collect();
        expected.push((".chancery/manifest.json".to_owned(), shown["content_digest"].as_str().unwrap().to_owned()));
        expected.push((".chancery/facts.json".to_owned(), shown["facts_digest"].as_str().unwrap().to_owned()));
        assert_eq!(found, expected);
        assert_eq!(scientist.get(&format!("{path}/package")).await.bytes, package.bytes, "the same bytes every time");
    }

    async fn a_retired_version_is_fetched_by_auditors_only(app: &TestApp) {
        let cast = app.cast().await;
        cast.scientist.model("loan", "high").await;
        let version = cast.evaluated("loan", b"old").await;
        cast.bring_to(&version, "deprecated").await;
        let path = format!("{}/files/data/model.bin", version.path);
        let deprecated = cast.scientist.get(&path).await;
        assert_eq!(deprecated.status, 200);
        assert!(deprecated.header("warning").contains("deprecated") && !deprecated.header("deprecation").is_empty());
        cast.bring_to(&version, "retired").await;
        for part in ["files/data/model.bin", "package"] {
            let path = format!("{}/{part}", version.path);
            assert_eq!(cast.scientist.get(&path).await.recorded_problem(), "409 transition_refused version");
            assert_eq!(cast.auditor.get(&path).await.status, 200);
        }
    }
}
