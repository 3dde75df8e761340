//! The client against a small server that misbehaves: uploads that break, downloads with wrong bytes, refusals.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, patch, post};
use chancery_core::manifest::{Manifest, ManifestFile};
use chancery_core::names::{Digest, FilePath, ModelId, VersionNumber};
use chancery_core::version::version_digest;
use futures_util::StreamExt as _;
use indicatif::ProgressBar;
use serde_json::{Value, json};

use super::client::Client;
use super::download::{download, verified_manifest};
use super::failure::Failure;
use super::output::{Format, Output};
use super::reference::Reference;
use super::session::Session;
use super::upload::{MAX_SINGLE_BYTES, upload};

async fn serve(router: Router) -> Session {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    Session { client: Client::for_test(&format!("http://{address}")), output: Output::new(Format::Json) }
}

/// What the upload server has, and the offsets that it was asked to go on from.
#[derive(Default)]
struct Upload {
    bytes: Vec<u8>,
    offsets: Vec<usize>,
}

type Shared = Arc<Mutex<Upload>>;

/// Takes a third of the file, then breaks the connection; from the third request on it takes everything.
async fn take(State(upload): State<Shared>, headers: HeaderMap, body: Body) -> Response {
    let offset: usize = headers["upload-offset"].to_str().unwrap().parse().unwrap();
    let requests = {
        let mut upload = upload.lock().unwrap();
        assert_eq!(offset, upload.bytes.len(), "the client goes on where the server is");
        upload.offsets.push(offset);
        upload.offsets.len()
    };
    let mut taken = 0;
    let mut blocks = body.into_data_stream();
    while let Some(Ok(block)) = blocks.next().await {
        taken += block.len();
        upload.lock().unwrap().bytes.extend_from_slice(&block);
        if requests < 3 && taken > 6 * 1024 * 1024 {
            return broken();
        }
    }
    axum::Json(json!({"offset": upload.lock().unwrap().bytes.len()})).into_response()
}

/// An answer whose connection is lost on the way.
fn broken() -> Response {
    let lost = futures_util::stream::iter([Ok(Bytes::from_static(b"{")), Err(std::io::Error::other("cable"))]);
    Body::from_stream(lost).into_response()
}

fn upload_server(shared: &Shared, stored: Option<Digest>) -> Router {
    let offset = |State(upload): State<Shared>| async move { axum::Json(json!({"offset": upload.lock().unwrap().bytes.len()})) };
    let complete = move |State(upload): State<Shared>| async move {
        let digest = stored.unwrap_or_else(|| Digest::of(&upload.lock().unwrap().bytes));
        axum::Json(json!({"digest": digest}))
    };
    Router::new()
        .route("/api/v1/uploads", post(|| async { (StatusCode::CREATED, axum::Json(json!({"id": "u1", "offset": 0}))) }))
        .route("/api/v1/uploads/u1", patch(take).get(offset))
        .route("/api/v1/uploads/u1/complete", post(complete))
        .with_state(shared.clone())
}

/// A file that is too large for one request.
fn large_file() -> (tempfile::NamedTempFile, ManifestFile) {
    let bytes: Vec<u8> = (0..=MAX_SINGLE_BYTES).map(|at| (at % 251) as u8).collect();
    let place = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(place.path(), &bytes).unwrap();
    let file = ManifestFile { digest: Digest::of(&bytes), path: FilePath::parse("model.bin").unwrap(), size: bytes.len() as u64 };
    (place, file)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_goes_on_where_the_server_is() {
    let shared = Shared::default();
    let session = serve(upload_server(&shared, None)).await;
    let (place, file) = large_file();
    upload(&session.client, place.path(), &file, &ProgressBar::hidden()).await.unwrap();
    let upload = shared.lock().unwrap();
    assert_eq!(Digest::of(&upload.bytes), file.digest);
    assert_eq!(upload.offsets.len(), 3, "two broken requests and one that ends");
    assert!(upload.offsets.windows(2).all(|pair| pair[0] < pair[1]), "no byte is sent twice from the start: {:?}", upload.offsets);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_that_arrives_with_other_bytes_fails_verification() {
    let session = serve(upload_server(&Shared::default(), Some(Digest::of(b"other")))).await;
    let (place, file) = large_file();
    let failure = upload(&session.client, place.path(), &file, &ProgressBar::hidden()).await.unwrap_err();
    assert_eq!(failure.exit_code().number(), 5, "{failure}");
}

/// What a download server says and holds.
#[derive(Clone)]
struct Package {
    manifest: Vec<u8>,
    view: Value,
    /// Sent instead of the file's bytes.
    bytes: &'static [u8],
    ranges: Arc<Mutex<Vec<String>>>,
}

const GOOD: &[u8] = b"0123456789";

impl Package {
    /// A version with one file at `path`, whose manifest is canonical unless `path` is bad.
    fn new(path: &str, bytes: &'static [u8]) -> Self {
        let manifest = json!({"files": [{"digest": Digest::of(GOOD), "path": path, "size": GOOD.len()}], "v": 1}).to_string().into_bytes();
        let (model, facts, content) = (ModelId::parse(&format!("m{}", "0".repeat(32))).unwrap(), Digest::of(b"facts"), Digest::of(&manifest));
        let digest = version_digest(&model, VersionNumber::new(1).unwrap(), content, facts);
        let view = json!({"model": {"id": model, "name": "loan"}, "number": 1, "content_digest": content, "facts_digest": facts, "version_digest": digest});
        Self { manifest, view, bytes, ranges: Arc::default() }
    }

    fn router(&self) -> Router {
        Router::new()
            .route("/api/v1/models/loan/versions/1", get(|State(package): State<Package>| async move { axum::Json(package.view) }))
            .route("/api/v1/models/loan/versions/1/manifest", get(|State(package): State<Package>| async move { package.manifest }))
            .route("/api/v1/models/loan/versions/1/files/{*path}", get(Self::file))
            .with_state(self.clone())
    }

    async fn file(State(package): State<Self>, Path(_): Path<String>, headers: HeaderMap) -> Response {
        let Some(range) = headers.get("range") else { return package.bytes.into_response() };
        let range = range.to_str().unwrap().to_owned();
        let from: usize = range.trim_start_matches("bytes=").trim_end_matches('-').parse().unwrap();
        package.ranges.lock().unwrap().push(range);
        (StatusCode::PARTIAL_CONTENT, &package.bytes[from..]).into_response()
    }

    async fn download(&self, to: &std::path::Path) -> Result<usize, Failure> {
        let session = serve(self.router()).await;
        let version = session.resolve(&"loan/1".parse::<Reference>().unwrap()).await?;
        let manifest = verified_manifest(&session, &version).await?;
        download(&session, &version, &manifest.files().iter().collect::<Vec<_>>(), to).await
    }
}

/// Every file under a folder, with its bytes.
fn tree(root: &std::path::Path) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    for item in std::fs::read_dir(root).unwrap() {
        let path = item.unwrap().path();
        if path.is_dir() {
            found.extend(tree(&path))
        } else {
            found.push((path.file_name().unwrap().to_str().unwrap().to_owned(), std::fs::read(&path).unwrap()))
        }
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn a_download_appears_once_every_digest_matches() {
    let place = tempfile::tempdir().unwrap();
    let package = Package::new("data/model.pkl", GOOD);
    assert_eq!(package.download(place.path()).await.unwrap(), 1);
    assert_eq!(tree(place.path()), [("model.pkl".to_owned(), GOOD.to_vec())]);
    assert_eq!(package.download(place.path()).await.unwrap(), 0, "it is there already");
    std::fs::write(place.path().join("data/model.pkl"), b"mine").unwrap();
    assert_eq!(package.download(place.path()).await.unwrap_err().exit_code().number(), 2, "other content is not replaced");
    assert_eq!(tree(place.path()), [("model.pkl".to_owned(), b"mine".to_vec())]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupted_download_goes_on() {
    let place = tempfile::tempdir().unwrap();
    let package = Package::new("model.pkl", GOOD);
    let content = Digest::of(&package.manifest).to_string();
    let parts = place.path().join(format!(".chancery-{}", content.get(..16).unwrap()));
    std::fs::create_dir(&parts).unwrap();
    std::fs::write(parts.join(Digest::of(GOOD).to_string()), &GOOD[..4]).unwrap();
    assert_eq!(package.download(place.path()).await.unwrap(), 1);
    assert_eq!(*package.ranges.lock().unwrap(), ["bytes=4-"]);
    assert_eq!(tree(place.path()), [("model.pkl".to_owned(), GOOD.to_vec())]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_match_never_appears() {
    let other_content = {
        let mut package = Package::new("model.pkl", GOOD);
        package.manifest.push(b' ');
        package
    };
    let other_facts = {
        let mut package = Package::new("model.pkl", GOOD);
        package.view["facts_digest"] = json!(Digest::of(b"other"));
        package
    };
    let cases = [
        ("wrong bytes", Package::new("model.pkl", b"012345678x")),
        ("longer", Package::new("model.pkl", b"0123456789x")),
        ("path trick", Package::new("../model.pkl", GOOD)),
        ("absolute path", Package::new("/tmp/model.pkl", GOOD)),
        ("other manifest", other_content),
        ("other facts", other_facts),
    ];
    for (name, package) in cases {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path().join("to");
        let failure = package.download(&folder).await.expect_err(name);
        assert_eq!(failure.exit_code().number(), 5, "{name}: {failure}");
        assert!(tree(place.path()).iter().all(|(file, _)| file != "model.pkl"), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_in_the_folder_leads_nowhere() {
    let (place, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    std::os::unix::fs::symlink(outside.path(), place.path().join("data")).unwrap();
    let failure = Package::new("data/model.pkl", GOOD).download(place.path()).await.unwrap_err();
    assert_eq!(failure.exit_code().number(), 2, "{failure}");
    assert_eq!(tree(outside.path()), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_problem_of_the_server_is_told_as_it_is() {
    let text = r#"{"type":"https://chancery.dev/problems/transition_refused","title":"t","status":409,"code":"transition_refused","detail":"`retired` is the end","entry":12}"#;
    let problem = move || async move { (StatusCode::CONFLICT, [("content-type", "application/problem+json")], text) };
    let session = serve(Router::new().route("/api/v1/models", get(problem)).route("/api/v1/odd", get(|| async { StatusCode::BAD_GATEWAY }))).await;
    let failure = session.client.get(session.client.url(&["models"])).await.unwrap_err();
    assert_eq!(failure.lines(), ["refused: `retired` is the end", "recorded as entry 12"]);
    assert_eq!((failure.json().as_str(), failure.exit_code().number()), (text, 1));
    for path in ["odd", "unknown"] {
        let failure = session.client.get(session.client.url(&[path])).await.unwrap_err();
        assert_eq!(failure.exit_code().number(), 6, "{path}: {failure}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_whose_answer_is_lost_is_sent_again_with_the_same_key() {
    let keys: Arc<Mutex<Vec<String>>> = Arc::default();
    let change = |State(keys): State<Arc<Mutex<Vec<String>>>>, headers: HeaderMap| async move {
        let mut keys = keys.lock().unwrap();
        keys.push(headers["idempotency-key"].to_str().unwrap().to_owned());
        if keys.len() == 1 { broken() } else { axum::Json(json!({"index": 7})).into_response() }
    };
    let session = serve(Router::new().route("/api/v1/models", post(change)).with_state(keys.clone())).await;
    let answer = session.client.post(session.client.url(&["models"]), &json!({"name": "loan"})).await.unwrap();
    assert_eq!(answer.value, json!({"index": 7}));
    let keys = keys.lock().unwrap();
    assert_eq!(keys.len(), 2);
    assert_eq!(keys[0], keys[1]);
}

#[test]
fn a_test_package_has_a_canonical_manifest() {
    let package = Package::new("a", GOOD);
    let manifest: Manifest = serde_json::from_slice(&package.manifest).unwrap();
    assert_eq!(manifest.payload().unwrap().bytes, package.manifest);
}

/// What the registration server got.
#[derive(Default)]
struct Registered {
    blobs: Vec<String>,
    bodies: Vec<Value>,
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registration_sends_what_is_missing_and_seals_the_facts() {
    let known = Digest::of(b"weights").to_string();
    let got: Arc<Mutex<Registered>> = Arc::default();
    let have = move |Path(digest): Path<String>| async move {
        let missing = (StatusCode::NOT_FOUND, axum::Json(json!({"status": 404, "code": "not_found", "detail": "no"})));
        if digest == known { axum::Json(json!({"digest": digest})).into_response() } else { missing.into_response() }
    };
    let put = |State(got): State<Arc<Mutex<Registered>>>, Path(digest): Path<String>, body: Bytes| async move {
        assert_eq!(Digest::of(&body).to_string(), digest);
        got.lock().unwrap().blobs.push(digest);
        StatusCode::CREATED
    };
    let register = |State(got): State<Arc<Mutex<Registered>>>, body: axum::Json<Value>| async move {
        got.lock().unwrap().bodies.push(body.0);
        axum::Json(json!({"index": 5, "entries": [{"kind": "version.registered", "data": {"number": 1}}]}))
    };
    let view = || async { axum::Json(json!({"model": {"name": "loan approval"}, "number": 1})) };
    let router = Router::new()
        .route("/api/v1/models/{name}", get(|Path(name): Path<String>| async move { axum::Json(json!({"name": name})) }))
        .route("/api/v1/blobs/{digest}", get(have).put(put))
        .route("/api/v1/models/{name}/versions", post(register))
        .route("/api/v1/models/{name}/versions/1", get(view));
    let session = serve(router.with_state(got.clone())).await;

    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("model");
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join("model.pkl"), b"weights").unwrap();
    std::fs::write(folder.join("requirements.txt"), b"numpy==2.0.0\n").unwrap();
    std::fs::write(place.path().join("facts.yaml"), "semver: 2.0.0\nmodel_type: classifier\n").unwrap();
    let line =
        ["chancery", "register", "loan approval", folder.to_str().unwrap(), "--facts", place.path().join("facts.yaml").to_str().unwrap()].map(str::to_owned);
    let cli = <super::Cli as clap::Parser>::try_parse_from(line).unwrap();
    let super::Command::Register(args) = cli.command else { panic!("another command") };
    super::register::run(args, &session).await.unwrap();

    let got = got.lock().unwrap();
    assert_eq!(got.blobs, [Digest::of(b"numpy==2.0.0\n").to_string()], "only what the server lacks");
    let body = &got.bodies[0];
    assert_eq!(body["semver"], "2.0.0");
    assert_eq!(body["files"][0], json!({"path": "model.pkl", "size": 7, "digest": Digest::of(b"weights")}));
    assert_eq!(body["facts"]["environment"], json!({"pinned": true, "unpinned": [], "packages": ["numpy==2.0.0"]}));
    assert_eq!((&body["facts"]["grades"]["environment"], &body["facts"]["grades"]["model_type"]), (&json!("read"), &json!("claimed")));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attachment_sends_the_bytes_and_names_them() {
    let got: Arc<Mutex<Registered>> = Arc::default();
    let missing = || async { (StatusCode::NOT_FOUND, axum::Json(json!({"status": 404, "code": "not_found", "detail": "no"}))) };
    let put = |State(got): State<Arc<Mutex<Registered>>>, Path(digest): Path<String>| async move {
        got.lock().unwrap().blobs.push(digest);
        StatusCode::CREATED
    };
    let attach = |State(got): State<Arc<Mutex<Registered>>>, body: axum::Json<Value>| async move {
        got.lock().unwrap().bodies.push(body.0);
        axum::Json(json!({"index": 5, "entries": [{"kind": "version.attached", "data": {}}]}))
    };
    let view = || async { axum::Json(json!({"model": {"name": "loan", "id": "m1"}, "number": 1, "held": false, "source": "s3://bucket/m"})) };
    let router = Router::new()
        .route("/api/v1/blobs/{digest}", get(missing).put(put))
        .route("/api/v1/models/loan/versions/1", get(view))
        .route("/api/v1/models/loan/versions/1/manifest", get(|| async { "{}" }))
        .route("/api/v1/resolve", get(view))
        .route("/api/v1/models/loan/versions/1/attach", post(attach));
    let session = serve(router.with_state(got.clone())).await;
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("model.bin"), b"weights").unwrap();
    let run = async |words: &[&str]| {
        let line = ["chancery", "version"].iter().chain(words).map(|word| (*word).to_owned());
        let cli = <super::Cli as clap::Parser>::try_parse_from(line).unwrap();
        let super::Command::Version(command) = cli.command else { panic!("another command") };
        super::version::run(command, &session).await
    };
    let place = folder.path().to_str().unwrap();
    let failure = run(&["download", "loan/1", "--to", place]).await.unwrap_err().to_string();
    assert!(failure.contains("s3://bucket/m"), "nothing to download: {failure}");
    run(&["attach", "loan/1", place]).await.unwrap();
    let got = got.lock().unwrap();
    assert_eq!(got.blobs, [Digest::of(b"weights").to_string()]);
    assert_eq!(got.bodies, [json!({"files": [{"path": "model.bin", "size": 7, "digest": Digest::of(b"weights")}]})]);
}
