//! MLflow's artifact proxy: files by path in and out, listings, folders that go, sealed versions, multipart uploads, hostile paths.

use std::path::Path;
use std::time::Duration;

use chancery_core::names::Digest;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::support::app::{Database, both, run};
use crate::support::{Answer, Client, TestApp};

const ROOT: &str = "/api/2.0/mlflow-artifacts/artifacts";
pub(crate) const MPU: &str = "/api/2.0/mlflow-artifacts/mpu";

/// Every byte that is no letter or digit is encoded, but for the `/` between segments.
fn address(path: &str) -> String {
    let byte = |byte: u8| if byte.is_ascii_alphanumeric() || byte == b'/' { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    format!("{ROOT}/{}", path.bytes().map(byte).collect::<String>())
}

pub(crate) async fn put(client: &Client, path: &str, bytes: &[u8]) -> Answer {
    client.call("PUT", &address(path)).bytes(bytes).send().await
}

pub(crate) async fn get(client: &Client, path: &str) -> Answer {
    client.get(&address(path)).await
}

/// The names in a folder: `name/` for folders, `name:size` for files.
async fn names(client: &Client, folder: &str) -> Vec<String> {
    let encoded = address(folder);
    let folder = encoded.strip_prefix(&format!("{ROOT}/")).unwrap();
    let answer = client.get(&format!("{ROOT}?path={folder}")).await.expect(200);
    let files = answer["files"].as_array().cloned().unwrap_or_default();
    let name = |file: &Value| {
        let path = file["path"].as_str().unwrap();
        if file["is_dir"] == true { format!("{path}/") } else { format!("{path}:{}", file["file_size"]) }
    };
    files.iter().map(name).collect()
}

/// Status, code and message of an error in MLflow's shape.
#[track_caller]
fn error(answer: &Answer) -> (u16, String, String) {
    let body = answer.json();
    assert_eq!(body.as_object().unwrap().len(), 2, "{body}");
    (answer.status, body["error_code"].as_str().unwrap().to_owned(), body["message"].as_str().unwrap().to_owned())
}

#[track_caller]
fn code(answer: &Answer) -> String {
    let (status, code, _) = error(answer);
    format!("{status} {code}")
}

/// Sends a request as it is: clients make something else of `..` in an address.
async fn raw(app: &TestApp, method: &str, target: &str, body: &str) -> (u16, String) {
    let token = std::fs::read_to_string(app.data.join("admin-token")).unwrap();
    let mut stream = TcpStream::connect(app.address.trim_start_matches("http://")).await.unwrap();
    let head = format!(
        "{method} {target} HTTP/1.1\r\nHost: test\r\nConnection: close\r\nAuthorization: Bearer {}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        token.trim(),
        body.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
}

/// The administrator, as the application knows him.
async fn caller(app: &TestApp) -> chancery::app::Caller {
    let token = std::fs::read_to_string(app.data.join("admin-token")).unwrap();
    let presented = chancery::app::Presented::Token(chancery::secret::Secret::from(token.trim().to_owned()));
    let origin = chancery::app::login::Origin { address: None, whence: chancery_core::access_log::Whence::default() };
    app.app.authenticate(Some(presented), &origin, chancery_core::entry::Door::Mlflow).await.unwrap()
}

both! {
    async fn names_are_kept_as_they_are(app: &TestApp) {
        let scientist = app.user("scientist", &["contributor"]).await;
        let size = app.size().await;
        let awkward = ["a b.txt", "grüße.bin", "a&b=c", "a+b", "100%", "%41", "a#b", "what?", "a;b", "c,d", "(1)", "~x", "日本/語.png", "'\"`", "a:b", "…", "-"];
        for name in awkward {
            put(&scientist, &format!("odd/{name}"), name.as_bytes()).await.expect(200);
        }
        for name in awkward {
            let answer = get(&scientist, &format!("odd/{name}")).await;
            assert_eq!((answer.status, answer.bytes.as_slice()), (200, name.as_bytes()), "{name}");
            assert_eq!(answer.header("x-content-type-options"), "nosniff");
            assert!(answer.header("content-disposition").starts_with("attachment; filename="), "{name}");
        }
        let mut expected: Vec<String> = awkward.iter().filter(|name| !name.contains('/')).map(|name| format!("{name}:{}", name.len())).collect();
        expected.push("日本/".to_owned());
        expected.sort_by(|a, b| a.trim_end_matches('/').cmp(b.trim_end_matches('/')));
        let mut found = names(&scientist, "odd").await;
        found.sort_by(|a, b| a.trim_end_matches('/').cmp(b.trim_end_matches('/')));
        assert_eq!(found, expected);
        assert_eq!(names(&scientist, "odd/日本").await, ["語.png:14"]);
        // Both twins, a slash at the end, and `.` in between.
        assert_eq!(scientist.get("/ajax-api/2.0/mlflow-artifacts/artifacts/odd/a+b").await.bytes, b"a+b");
        assert_eq!(scientist.get(&format!("{ROOT}?path=odd%2F.%2F%E6%97%A5%E6%9C%AC%2F")).await.expect(200), json!({"files": [{"path": "語.png", "is_dir": false, "file_size": 14}]}));
        assert_eq!(app.size().await, size, "artifacts are no record");
    }

    async fn a_file_is_downloaded_whole_in_part_or_not_again(app: &TestApp) {
        let scientist = app.user("scientist", &["contributor"]).await;
        put(&scientist, "1/run/artifacts/größe.txt", b"0123456789").await.expect(200);
        let path = address("1/run/artifacts/größe.txt");
        let whole = scientist.get(&path).await;
        let tag = format!("\"{}\"", Digest::of(b"0123456789"));
        assert_eq!((whole.status, whole.bytes.as_slice(), whole.header("etag")), (200, b"0123456789".as_slice(), tag.as_str()));
        assert_eq!((whole.header("content-type"), whole.header("content-length"), whole.header("accept-ranges")), ("text/plain", "10", "bytes"));
        assert_eq!(whole.header("content-disposition"), "attachment; filename=\"gr__e.txt\"; filename*=UTF-8''gr%C3%B6%C3%9Fe.txt");
        for (range, status, bytes, content_range) in [
            ("bytes=2-4", 206, "234", "bytes 2-4/10"), ("bytes=7-", 206, "789", "bytes 7-9/10"), ("bytes=-2", 206, "89", "bytes 8-9/10"),
            ("lines=1-2", 200, "0123456789", ""),
        ] {
            let part = scientist.call("GET", &path).header("Range", range).send().await;
            let found = (part.status, String::from_utf8_lossy(&part.bytes).into_owned(), part.header("content-range").to_owned());
            assert_eq!(found, (status, bytes.to_owned(), content_range.to_owned()), "{range}");
        }
        let beyond = scientist.call("GET", &path).header("Range", "bytes=10-").send().await;
        assert_eq!((code(&beyond).as_str(), beyond.header("content-range")), ("416 INVALID_PARAMETER_VALUE", "bytes */10"));
        assert_eq!(scientist.call("GET", &path).header("If-None-Match", &tag).send().await.status, 304);
        // Another file since: a range that was begun before is not continued with other bytes.
        put(&scientist, "1/run/artifacts/größe.txt", b"abcdefghij").await.expect(200);
        let changed = scientist.call("GET", &path).header("Range", "bytes=2-4").header("If-Range", &tag).send().await;
        assert_eq!((changed.status, changed.bytes.as_slice()), (200, b"abcdefghij".as_slice()));
        for (name, kind) in [("MLmodel", "text/plain"), ("model.pkl", "application/octet-stream"), ("plot.png", "image/png")] {
            put(&scientist, name, b"").await.expect(200);
            let answer = get(&scientist, name).await;
            assert_eq!((answer.status, answer.header("content-type"), answer.header("content-disposition")), (200, kind, format!("attachment; filename={name}").as_str()));
        }
        assert_eq!(code(&get(&scientist, "1/run/none").await), "404 RESOURCE_DOES_NOT_EXIST");
        assert_eq!(code(&get(&scientist, "1/run").await), "400 INVALID_PARAMETER_VALUE");
        assert_eq!(code(&scientist.get("/api/2.0/mlflow-artifacts/presigned/1/run").await), "501 NOT_IMPLEMENTED");
    }

    async fn folders_are_what_the_paths_say(app: &TestApp) {
        let scientist = app.user("scientist", &["contributor"]).await;
        assert_eq!(scientist.get(ROOT).await.expect(200), json!({}));
        put(&scientist, "dir/b.txt", b"1").await.expect(200);
        put(&scientist, "a.txt", b"0").await.expect(200);
        assert_eq!(scientist.get(ROOT).await.expect(200), json!({"files": [{"path": "a.txt", "is_dir": false, "file_size": 1}, {"path": "dir", "is_dir": true}]}));
        assert_eq!(scientist.get(&format!("{ROOT}?path=dir")).await.expect(200), json!({"files": [{"path": "b.txt", "is_dir": false, "file_size": 1}]}));
        for folder in ["none", "a.txt", "dir/b.txt", "di", "dir/b"] {
            assert_eq!(scientist.get(&format!("{ROOT}?path={folder}")).await.expect(200), json!({}), "{folder}");
        }
        // More than a page, with large subfolders in between, and names around `/` in the order of bytes.
        let mut expected = Vec::new();
        for number in 0..40 {
            put(&scientist, &format!("many/f{number:02}"), b"x").await.expect(200);
            put(&scientist, &format!("many/f05d/{number:02}"), b"x").await.expect(200);
            put(&scientist, &format!("many/z{number:02}/deep/er"), b"x").await.expect(200);
            expected.extend([format!("f{number:02}:1"), format!("z{number:02}/")]);
        }
        for (path, name) in [("many/f05d.txt", "f05d.txt:1"), ("many/f05d0", "f05d0:1"), ("many/f05d-x/y", "f05d-x/")] {
            put(&scientist, path, b"x").await.expect(200);
            expected.push(name.to_owned());
        }
        expected.push("f05d/".to_owned());
        expected.sort_by_key(|name| name.split([':', '/']).next().unwrap().to_owned());
        assert_eq!(names(&scientist, "many").await, expected);
        assert_eq!(names(&scientist, "many/f05d").await.len(), 40);
        assert_eq!(names(&scientist, "many/z07").await, ["deep/"]);
    }

    async fn a_path_is_a_file_or_a_folder(app: &TestApp) {
        let scientist = app.user("scientist", &["contributor"]).await;
        put(&scientist, "a/b/c", b"x").await.expect(200);
        for path in ["a", "a/b", "a/b/c/d", "a/b/c/d/e"] {
            assert_eq!(code(&put(&scientist, path, b"y").await), "400 INVALID_PARAMETER_VALUE", "{path}");
        }
        assert_eq!(get(&scientist, "a/b/c").await.bytes, b"x");
        // What is gone stands in nobody's way.
        scientist.delete(&address("a/b/c")).await.expect(200);
        put(&scientist, "a", b"y").await.expect(200);
        assert_eq!(names(&scientist, "").await, ["a:1"]);
    }

    async fn files_and_folders_are_deleted(app: &TestApp) {
        let scientist = app.user("scientist", &["contributor"]).await;
        for path in ["x/a", "x/b/c", "x/b/d", "x-y", "x.txt", "x0", "xx/a"] {
            put(&scientist, path, b"1").await.expect(200);
        }
        assert_eq!(scientist.delete(&address("x/b/d")).await.expect(200), json!({}));
        assert_eq!(code(&get(&scientist, "x/b/d").await), "404 RESOURCE_DOES_NOT_EXIST");
        assert_eq!(names(&scientist, "x").await, ["a:1", "b/"]);
        scientist.delete(&format!("{}/", address("x"))).await.expect(200);
        assert_eq!(names(&scientist, "x").await, [""; 0]);
        assert_eq!(names(&scientist, "").await, ["x-y:1", "x.txt:1", "x0:1", "xx/"]);
        for path in ["x", "none/at/all"] {
            assert_eq!(scientist.delete(&address(path)).await.expect(200), json!({}), "{path}");
        }
    }

    async fn a_sealed_version_does_not_change_with_its_source(app: &TestApp) {
        let cast = app.cast().await;
        cast.scientist.model("loan", "high").await;
        for (path, bytes) in [("1/run/model/MLmodel", "flavors: {}\n"), ("1/run/model/data/model.bin", "old"), ("1/run/model2/x", "other")] {
            put(&cast.scientist, path, bytes.as_bytes()).await.expect(200);
        }
        let files = app.app.artifact_tree(&caller(app).await, "1/run/model").await.unwrap();
        let listed: Vec<&str> = files.iter().map(|file| file.path.as_str()).collect();
        assert_eq!(listed, ["MLmodel", "data/model.bin"]);
        let single = app.app.artifact_tree(&caller(app).await, "1/run/model/data/model.bin").await.unwrap();
        assert_eq!(single.iter().map(|file| file.path.as_str()).collect::<Vec<_>>(), ["model.bin"]);
        assert!(app.app.artifact_tree(&caller(app).await, "1/run/none").await.unwrap().is_empty());
        assert!(app.app.artifact_tree(&caller(app).await, "1/../run").await.is_err());
        let model = cast.scientist.get("/api/v1/models/loan").await.expect(200);
        cast.scientist.post("/api/v1/models/loan/versions", json!({"files": files, "facts": {}})).await.expect(201);
        put(&cast.scientist, "1/run/model/data/model.bin", b"new").await.expect(200);
        cast.scientist.delete(&address("1/run/model/MLmodel")).await.expect(200);
        let sealed = format!("versions/{}/1", model["id"].as_str().unwrap());
        assert_eq!(get(&cast.scientist, &format!("{sealed}/data/model.bin")).await.bytes, b"old");
        assert_eq!(get(&cast.scientist, &format!("{sealed}/MLmodel")).await.header("content-type"), "text/plain");
        assert_eq!(get(&cast.scientist, "1/run/model/data/model.bin").await.bytes, b"new");
        assert_eq!(names(&cast.scientist, &sealed).await, ["MLmodel:12", "data/"]);
        assert_eq!(names(&cast.scientist, &format!("{sealed}/data")).await, ["model.bin:3"]);
        assert_eq!(names(&cast.scientist, &format!("{sealed}/MLmodel")).await, [""; 0]);
        assert_eq!(app.app.artifact_tree(&caller(app).await, &sealed).await.unwrap(), files);
        assert_eq!(app.app.artifact_tree(&caller(app).await, &format!("{sealed}/data")).await.unwrap()[0].path.as_str(), "model.bin");
        assert_eq!(code(&get(&cast.scientist, &format!("{sealed}/data")).await), "400 INVALID_PARAMETER_VALUE");
        assert_eq!(code(&get(&cast.scientist, &format!("{sealed}/none")).await), "404 RESOURCE_DOES_NOT_EXIST");
        // Nothing is written there, also where no version is.
        let size = app.size().await;
        for path in [format!("{sealed}/MLmodel"), format!("{sealed}/new"), sealed.clone(), "versions".to_owned(), "versions/x".to_owned()] {
            assert_eq!(code(&put(&cast.scientist, &path, b"x").await), "403 PERMISSION_DENIED", "{path}");
            assert_eq!(code(&cast.scientist.delete(&address(&path)).await), "403 PERMISSION_DENIED", "{path}");
            let create = cast.scientist.post(&format!("{MPU}/create/{path}"), json!({"path": "x", "num_parts": 1})).await;
            assert_eq!(code(&create), "403 PERMISSION_DENIED", "{path}");
        }
        assert_eq!(app.size().await, size);
        assert_eq!(names(&cast.scientist, "").await, ["1/"], "the folder does not show in the root");
        let other = sealed.replace("/1", "/2");
        assert_eq!(code(&get(&cast.scientist, &format!("{other}/MLmodel")).await), "404 RESOURCE_DOES_NOT_EXIST");
        // Retired: for auditors only, and the attempt is recorded. Hidden: for nobody.
        cast.owner.post("/api/v1/models/loan/versions/1/transitions", json!({"to": "retired", "reason": "old"})).await.expect(200);
        let size = app.size().await;
        assert_eq!(code(&get(&cast.scientist, &format!("{sealed}/MLmodel")).await), "403 PERMISSION_DENIED");
        assert_eq!(app.size().await, size + 1);
        assert_eq!(get(&cast.auditor, &format!("{sealed}/MLmodel")).await.status, 200);
        assert!(app.app.artifact_tree(&caller(app).await, &sealed).await.is_err());
        let version = cast.scientist.version("loan", b"two").await;
        let path = format!("{other}/data/model.bin");
        assert_eq!(get(&cast.scientist, &path).await.bytes, b"two");
        cast.owner.post(&format!("{}/hide", version.path), json!({"reason": "a mistake"})).await.expect(200);
        for client in [&cast.scientist, &cast.auditor] {
            assert_eq!(code(&get(client, &path).await), "404 RESOURCE_DOES_NOT_EXIST");
        }
    }

    async fn nothing_leaves_the_tree(app: &TestApp) {
        put(&app.admin, "a/b", b"x").await.expect(200);
        for path in [
            "../admin-token", "..", "a/../b", "a/../../admin-token", "/etc/passwd", "//etc/passwd", "%2Fetc%2Fpasswd", "%2e%2e/admin-token", "%2E%2E%2Fadmin-token",
            "a/%2e%2e/%2e%2e/admin-token", "..%2Fadmin-token", "%252e%252e%252fadmin-token", "a/%25252e%25252e/b", "..%5Cadmin-token", "%5C%5Chost%5Cshare", "C:%5Cboot", "C:/boot",
            "a%00", "a%00.txt", "a%0A", "a%0D%0AX: y", "a%1F", "a%7F", "%FF", "%C0%AE%C0%AE/x", "%252Fetc",
        ] {
            let wrong = "{\"error_code\":\"INVALID_PARAMETER_VALUE\",\"message\":\"Invalid path\"}";
            for method in ["GET", "PUT", "DELETE"] {
                assert_eq!(raw(app, method, &format!("{ROOT}/{}", path.replace(' ', "%20")), "").await, (400, wrong.to_owned()), "{method} {path}");
            }
            let body = r#"{"path": "x", "num_parts": 1, "upload_id": "x", "parts": []}"#;
            for call in ["create", "complete", "abort"] {
                assert_eq!(raw(app, "POST", &format!("{MPU}/{call}/{}", path.replace(' ', "%20")), body).await, (400, wrong.to_owned()), "{call} {path}");
            }
            if !path.contains("%FF") && !path.contains("%C0") {
                assert_eq!(raw(app, "GET", &format!("{ROOT}?path={}", path.replace(' ', "%20")), "").await, (400, wrong.to_owned()), "list {path}");
            }
        }
        for name in ["..", "a/..", "\0", "x\n", ""] {
            let create = app.admin.post(&format!("{MPU}/create/a"), json!({"path": name, "num_parts": 1})).await;
            assert_eq!(code(&create), "400 INVALID_PARAMETER_VALUE", "{name:?}");
        }
        let long = "x".repeat(1024);
        assert_eq!(code(&put(&app.admin, &format!("{long}x"), b"x").await), "400 INVALID_PARAMETER_VALUE");
        put(&app.admin, &long, b"x").await.expect(200);
        app.admin.delete(&address(&long)).await.expect(200);
        assert_eq!(names(&app.admin, "").await, ["a/"], "nothing was stored");
        assert!(app.data.join("admin-token").is_file());
    }

    async fn a_body_that_breaks_off_leaves_what_was_there(app: &TestApp) {
        put(&app.admin, "a", b"before").await.expect(200);
        let token = std::fs::read_to_string(app.data.join("admin-token")).unwrap();
        let mut stream = TcpStream::connect(app.address.trim_start_matches("http://")).await.unwrap();
        let head = format!("PUT {ROOT}/a HTTP/1.1\r\nHost: test\r\nAuthorization: Bearer {}\r\nContent-Length: 100\r\n\r\nhalf", token.trim());
        stream.write_all(head.as_bytes()).await.unwrap();
        drop(stream);
        // Until the server has seen it; whenever that is, the answer is the same.
        for _ in 0..5 {
            assert_eq!(get(&app.admin, "a").await.bytes, b"before");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    async fn readers_do_not_write(app: &TestApp) {
        let viewer = app.user("viewer", &["viewer"]).await;
        put(&app.admin, "a/b", b"x").await.expect(200);
        assert_eq!((get(&viewer, "a/b").await.status, names(&viewer, "a").await), (200, vec!["b:1".to_owned()]));
        for (method, path) in [("PUT", address("a/b")), ("DELETE", address("a")), ("POST", format!("{MPU}/create/a"))] {
            let answer = viewer.call(method, &path).json(&json!({"path": "x", "num_parts": 1})).send().await;
            assert_eq!(code(&answer), "403 PERMISSION_DENIED", "{method} {path}");
        }
        assert_eq!(get(&viewer, "a/b").await.bytes, b"x");
    }

    async fn an_upload_in_parts_becomes_one_file(app: &TestApp) {
        let scientist = app.user("scientist", &["contributor"]).await;
        let other = app.user("other", &["contributor"]).await;
        let parts: [&[u8]; 3] = [&[1; 300_000], &[2; 300_000], &[3; 7]];
        // Clients give the path on their own machine: its base name counts.
        let begun = create(&scientist, "1/run/model", "/home/me/größe.bin", 3).await;
        assert_eq!(begun.addresses.len(), 3);
        let mut tags = vec![json!(null); 3];
        for number in [3, 1, 2] {
            tags[number - 1] = json!({"part_number": number, "etag": begun.send(app, number, parts[number - 1]).await.tag(), "url": begun.addresses[number - 1]});
        }
        assert_eq!(code(&get(&scientist, "1/run/model/größe.bin").await), "404 RESOURCE_DOES_NOT_EXIST");
        let complete = |client: Client, folder: &'static str, body: Value| async move { client.post(&format!("{MPU}/complete/{folder}"), body).await };
        let body = |parts: Value| json!({"path": "größe.bin", "upload_id": begun.id, "parts": parts});
        for (why, wrong) in [
            ("missing", json!([tags[0], tags[1]])),
            ("twice", json!([tags[0], tags[0], tags[1], tags[2]])),
            ("order", json!([tags[1], tags[0], tags[2]])),
            ("tag", json!([tags[0], tags[1], {"part_number": 3, "etag": tags[0]["etag"]}])),
            ("no tag", json!([tags[0], tags[1], {"part_number": 3}])),
            ("foreign tag", json!([tags[0], tags[1], {"part_number": 3, "etag": "abc"}])),
            ("none", json!([])),
            ("no list", json!("x")),
        ] {
            assert_eq!(code(&complete(scientist.clone(), "1/run/model", body(wrong)).await), "400 INVALID_PARAMETER_VALUE", "{why}");
        }
        let right = body(json!(tags));
        assert_eq!(code(&complete(other.clone(), "1/run/model", right.clone()).await), "404 RESOURCE_DOES_NOT_EXIST", "an upload is of the one who began it");
        assert_eq!(code(&complete(scientist.clone(), "1/run", right.clone()).await), "404 RESOURCE_DOES_NOT_EXIST", "and for its place");
        // Two at once, and once more by a client that missed the answer.
        let (first, second) = tokio::join!(complete(scientist.clone(), "1/run/model", right.clone()), complete(scientist.clone(), "1/run/model", right.clone()));
        assert_eq!((first.expect(200), second.expect(200)), (json!({}), json!({})));
        complete(scientist.clone(), "1/run/model", right).await.expect(200);
        assert_eq!(get(&scientist, "1/run/model/größe.bin").await.bytes, parts.concat());
        assert_eq!(begun.send(app, 1, b"late").await.status, 403, "its parts are done");
        assert_eq!(files_below(&app.data.join("blobs/parts")), 0, "and gone");
        // Giving up what is complete takes nothing away.
        scientist.post(&format!("{MPU}/abort/1/run/model"), json!({"path": "größe.bin", "upload_id": begun.id})).await.expect(200);
        assert_eq!(get(&scientist, "1/run/model/größe.bin").await.status, 200);
    }

    async fn a_part_needs_the_secret_of_its_address(app: &TestApp) {
        let scientist = app.user("scientist", &["contributor"]).await;
        let begun = create(&scientist, "a", "x", 2).await;
        let (first, second) = (begun.addresses[0].clone(), begun.addresses[1].clone());
        let (path, secret) = first.split_once("?secret=").unwrap();
        assert_eq!(secret.len(), 64);
        let digit = |digit: char| if digit == '0' { '1' } else { '0' };
        let forged: String = secret.chars().enumerate().map(|(at, given)| if at == 63 { digit(given) } else { given }).collect();
        let unknown = format!("up{}", "0".repeat(32));
        for wrong in [
            path.to_owned(),
            format!("{path}?secret="),
            format!("{path}?secret={forged}"),
            format!("{path}?secret={secret}00"),
            format!("{}?secret={secret}", second.split_once('?').unwrap().0),
            format!("{}/3?secret={secret}", path.strip_suffix("/1").unwrap()),
            format!("{}/0?secret={secret}", path.strip_suffix("/1").unwrap()),
            format!("{}/x?secret={secret}", path.strip_suffix("/1").unwrap()),
            first.replace(&begun.id, &unknown),
            first.replace(&begun.id, "x"),
        ] {
            for client in [&app.anonymous, &app.admin] {
                assert_eq!(code(&client.call("PUT", &wrong).bytes(b"x".to_vec()).send().await), "403 PERMISSION_DENIED", "{wrong}");
            }
        }
        // A part is sent again as often as it must, and the last one counts.
        begun.send(app, 1, b"wrong").await.expect(200);
        let one = begun.send(app, 1, b"right").await.tag();
        let two = begun.send(app, 2, b"!").await.tag();
        app.advance(24 * 60 * 60 - 1);
        begun.send(app, 2, b"!").await.expect(200);
        app.advance(1);
        assert_eq!(code(&begun.send(app, 2, b"!").await), "403 PERMISSION_DENIED", "after a day it has ended");
        let parts = json!([{"part_number": 1, "etag": one}, {"part_number": 2, "etag": two}]);
        // The caller himself may still complete what came in time, until it is cleared away.
        scientist.post(&format!("{MPU}/complete/a"), json!({"path": "x", "upload_id": begun.id, "parts": parts})).await.expect(200);
        assert_eq!(get(&scientist, "a/x").await.bytes, b"right!");
    }

    async fn an_upload_is_given_up_or_ends(app: &TestApp) {
        let scientist = app.user("scientist", &["contributor"]).await;
        let other = app.user("other", &["contributor"]).await;
        let begun = create(&scientist, "a", "x", 1).await;
        let tag = begun.send(app, 1, b"x").await.tag();
        let abort = json!({"path": "x", "upload_id": begun.id});
        assert_eq!(code(&other.post(&format!("{MPU}/abort/a"), abort.clone()).await), "404 RESOURCE_DOES_NOT_EXIST");
        for _ in 0..2 {
            assert_eq!(scientist.post(&format!("{MPU}/abort/a"), abort.clone()).await.expect(200), json!({}));
        }
        assert_eq!(begun.send(app, 1, b"x").await.status, 403);
        let complete = json!({"path": "x", "upload_id": begun.id, "parts": [{"part_number": 1, "etag": tag}]});
        assert_eq!(code(&scientist.post(&format!("{MPU}/complete/a"), complete).await), "404 RESOURCE_DOES_NOT_EXIST");
        assert_eq!(files_below(&app.data.join("blobs/parts")), 0);
        // Parts are not synced: what a power failure made of one shows.
        let torn = create(&scientist, "a", "torn", 1).await;
        let tag = torn.send(app, 1, b"whole").await.tag();
        std::fs::write(app.data.join(format!("blobs/parts/{}/1", torn.id)), b"who").unwrap();
        let complete = json!({"path": "torn", "upload_id": torn.id, "parts": [{"part_number": 1, "etag": tag}]});
        assert_eq!(code(&scientist.post(&format!("{MPU}/complete/a"), complete.clone()).await), "400 INVALID_PARAMETER_VALUE");
        torn.send(app, 1, b"whole").await.expect(200);
        scientist.post(&format!("{MPU}/complete/a"), complete).await.expect(200);
        assert_eq!(get(&scientist, "a/torn").await.bytes, b"whole");
        // In the root, where there is no folder to name.
        let root = create(&scientist, "", "root.bin", 1).await;
        let tag = root.send(app, 1, b"r").await.tag();
        let body = json!({"path": "root.bin", "upload_id": root.id, "parts": [{"part_number": 1, "etag": tag}]});
        scientist.post(&format!("{MPU}/complete/"), body).await.expect(200);
        assert_eq!(get(&scientist, "root.bin").await.bytes, b"r");
        // Limits.
        for parts in [json!(0), json!(10_001), json!(-1), json!("x"), json!(null)] {
            let answer = scientist.post(&format!("{MPU}/create/a"), json!({"path": "x", "num_parts": parts})).await;
            assert_eq!(code(&answer), "400 INVALID_PARAMETER_VALUE", "{parts}");
        }
        assert_eq!(create(&scientist, "a", "many", 10_000).await.addresses.len(), 10_000);
        for number in 1..100 {
            create(&scientist, "a", &number.to_string(), 1).await;
        }
        let begin = json!({"path": "one-more", "num_parts": 1});
        assert_eq!(code(&scientist.post(&format!("{MPU}/create/a"), begin.clone()).await), "400 INVALID_PARAMETER_VALUE");
        assert_eq!(other.post(&format!("{MPU}/create/a"), begin.clone()).await.status, 200, "everybody has limits of his own");
        // What nobody completed is cleared away when the next one begins.
        app.advance(24 * 60 * 60);
        assert_eq!(scientist.post(&format!("{MPU}/create/a"), begin).await.status, 200);
        let plain = scientist.call("POST", &format!("{MPU}/create/a")).bytes(b"{}".to_vec()).send().await;
        assert_eq!(error(&plain), (400, "INVALID_PARAMETER_VALUE".to_owned(), "Bad Request. Content-Type header is missing.".to_owned()));
        let missing = scientist.post(&format!("{MPU}/create/a"), json!({"num_parts": 1})).await;
        assert!(error(&missing).2.starts_with("Missing value for required parameter 'path'"), "{missing:?}");
    }
}

/// A multipart upload.
pub(crate) struct Begun {
    pub(crate) id: String,
    /// Without scheme and host.
    addresses: Vec<String>,
}

impl Begun {
    /// Sends a part as MLflow's client does: without credentials.
    pub(crate) async fn send(&self, app: &TestApp, number: usize, bytes: &[u8]) -> Answer {
        app.anonymous.call("PUT", &self.addresses[number - 1]).bytes(bytes).send().await
    }
}

impl Answer {
    #[track_caller]
    pub(crate) fn tag(&self) -> String {
        self.expect(200);
        assert!(!self.header("etag").is_empty());
        self.header("etag").to_owned()
    }
}

pub(crate) async fn create(client: &Client, folder: &str, path: &str, parts: u64) -> Begun {
    let begun = client.post(&format!("{MPU}/create/{folder}"), json!({"path": path, "num_parts": parts})).await.expect(200);
    let credential = |(number, credential): (u64, &Value)| {
        assert_eq!((&credential["part_number"], &credential["headers"]), (&json!(number), &json!({})));
        let url = reqwest::Url::parse(credential["url"].as_str().unwrap()).unwrap();
        assert_eq!((url.scheme(), url.host_str()), ("http", Some("127.0.0.1")));
        format!("{}?{}", url.path(), url.query().unwrap())
    };
    let addresses = (1..).zip(begun["credentials"].as_array().unwrap()).map(credential).collect();
    Begun { id: begun["upload_id"].as_str().unwrap().to_owned(), addresses }
}

fn files_below(folder: &Path) -> usize {
    let entries = std::fs::read_dir(folder).unwrap().map(Result::unwrap);
    entries.map(|entry| if entry.path().is_dir() { files_below(&entry.path()) } else { 1 }).sum()
}

/// Files and parts are there after a restart.
async fn survives(database: Database) {
    let app = TestApp::start(database).await;
    put(&app.admin, "a/kept", b"kept").await.expect(200);
    let begun = create(&app.admin, "a", "parts", 2).await;
    let one = begun.send(&app, 1, b"one").await.tag();
    let stopped = app.shut_down().await;
    let app = TestApp::open(&stopped.data, stopped.database.as_deref(), None).await;
    assert_eq!(get(&app.admin, "a/kept").await.bytes, b"kept");
    let two = begun.send(&app, 2, b"two").await.tag();
    let parts = json!([{"part_number": 1, "etag": one}, {"part_number": 2, "etag": two}]);
    app.admin.post(&format!("{MPU}/complete/a"), json!({"path": "parts", "upload_id": begun.id, "parts": parts})).await.expect(200);
    assert_eq!(get(&app.admin, "a/parts").await.bytes, b"onetwo");
    app.finish().await;
}

#[test]
fn files_and_parts_survive_a_restart() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        survives(Database::Sqlite).await;
        survives(Database::Postgres).await;
    });
}

const ALONE: &str = "CHANCERY_ARTIFACT_MEMORY";

/// Bytes of the file whose transfer must not take memory; 1 GiB under `make soak`.
fn large() -> usize {
    if std::env::var_os("CHANCERY_SOAK").is_some() { 1 << 30 } else { 64 << 20 }
}

/// The most memory that this process has held so far, in bytes.
fn peak() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() << 10
}

/// In a process of its own, for what other tests hold would count too.
#[test]
fn memory_does_not_grow_with_a_file() {
    if std::env::var_os(ALONE).is_some() {
        return run(Database::Sqlite, async |app| transfer(app).await);
    }
    let mut child = std::process::Command::new(std::env::current_exe().unwrap());
    child.args(["mlflow_artifacts::memory_does_not_grow_with_a_file", "--exact", "--nocapture"]).env(ALONE, "1");
    let output = child.output().unwrap();
    assert!(output.status.success(), "{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
}

/// Up and down through the proxy, then up in parts.
async fn transfer(app: &TestApp) {
    let token = std::fs::read_to_string(app.data.join("admin-token")).unwrap();
    put(&app.admin, "small", b"x").await.expect(200);
    let before = peak();
    let http = reqwest::Client::builder().no_proxy().pool_max_idle_per_host(0).build().unwrap();
    let url = |path: &str| format!("{}{ROOT}/{path}", app.address);
    let block = |number: usize| bytes::Bytes::from(vec![u8::try_from(number % 251).unwrap(); 1 << 16]);
    let body = |from: usize, to: usize| {
        let blocks = (from >> 16..to >> 16).map(move |number| Ok::<_, std::convert::Infallible>(block(number)));
        reqwest::Body::wrap_stream(futures_util::stream::iter(blocks))
    };
    http.put(url("large")).bearer_auth(token.trim()).body(body(0, large())).send().await.unwrap().error_for_status().unwrap();
    let mut received = 0;
    let mut answer = http.get(url("large")).bearer_auth(token.trim()).send().await.unwrap();
    while let Some(chunk) = answer.chunk().await.unwrap() {
        received += chunk.len();
    }
    assert_eq!(received, large());
    let begun = create(&app.admin, "", "parts", 4).await;
    let mut parts = Vec::new();
    for (number, address) in (0..4).zip(&begun.addresses) {
        let part = body(number * large() / 4, (number + 1) * large() / 4);
        let answer = http.put(format!("{}{address}", app.address)).body(part).send().await.unwrap();
        parts.push(json!({"part_number": number + 1, "etag": answer.headers()["etag"].to_str().unwrap()}));
    }
    app.admin.post(&format!("{MPU}/complete"), json!({"path": "parts", "upload_id": begun.id, "parts": parts})).await.expect(200);
    let tag = |path: &'static str| async move { app.admin.call("HEAD", &address(path)).send().await.header("etag").to_owned() };
    assert_eq!(tag("parts").await, tag("large").await, "the same bytes, whichever way they came");
    let grown = peak() - before;
    // A third of the small file; what is held are some blocks of a MiB.
    assert!(grown < 20 << 20, "grew by {} MiB", grown >> 20);
    println!("{} MiB up, down and up in parts: the most memory held grew by {} MiB", large() >> 20, grown >> 20);
}
