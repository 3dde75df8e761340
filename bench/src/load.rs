//! Load over HTTP: writes, gates, reads and uploads, each beside its baseline.

use std::cell::{Cell, RefCell};
use std::process::Command;
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use chancery_core::names::Digest;

use crate::client::Connection;
use crate::figures::{Figures, Limit};
use crate::postgres::Postgres;
use crate::server::{Server, pinned};

/// Connections of the load.
pub const CONNECTIONS: usize = 64;
/// How long each measurement lasts, after a second of warming up.
const SECONDS: u64 = 4;
/// Versions that the load works on.
const VERSIONS: usize = 64;
const UPLOAD_BYTES: u64 = 2 << 30;

/// Which database the server uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Database {
    /// A file.
    Sqlite,
    /// A private server.
    Postgres,
}

/// What a load did.
pub struct Load {
    /// Requests per second.
    pub rate: f64,
    /// Median time of an answer, in milliseconds.
    pub median: f64,
}

/// One request of a load: method, path and body.
pub type Request = (&'static str, String, String);

/// Sends requests over [`CONNECTIONS`] connections for [`SECONDS`]; `next` gives the request for connection and count.
pub async fn load(server: &Server, next: impl Fn(usize, u64) -> Request + 'static) -> Result<Load> {
    let next = Rc::new(next);
    let counting = Rc::new(Cell::new(false));
    let stop = Rc::new(Cell::new(false));
    let times: Rc<RefCell<Vec<f64>>> = Rc::default();
    let local = tokio::task::LocalSet::new();
    let mut tasks = Vec::new();
    for connection in 0..CONNECTIONS {
        let (next, counting, stop, times) = (Rc::clone(&next), Rc::clone(&counting), Rc::clone(&stop), Rc::clone(&times));
        let mut client = Connection::open(&server.address, &server.token).await?;
        tasks.push(local.spawn_local(async move {
            let mut count = 0;
            while !stop.get() {
                let (method, path, body) = next(connection, count);
                let begun = Instant::now();
                let answer = client.send(method, &path, &body).await?;
                ensure!(answer.status < 300, "{method} {path}: {} {}", answer.status, String::from_utf8_lossy(&answer.body));
                if counting.get() {
                    times.borrow_mut().push(begun.elapsed().as_secs_f64() * 1000.0);
                }
                count += 1;
            }
            anyhow::Ok(())
        }));
    }
    let seconds = local
        .run_until(async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            counting.set(true);
            let begun = Instant::now();
            tokio::time::sleep(Duration::from_secs(SECONDS)).await;
            counting.set(false);
            let seconds = begun.elapsed().as_secs_f64();
            stop.set(true);
            for task in tasks {
                task.await??;
            }
            anyhow::Ok(seconds)
        })
        .await?;
    let mut times = times.borrow_mut();
    times.sort_by(f64::total_cmp);
    let median = times.get(times.len() / 2).copied().context("nothing was answered")?;
    Ok(Load { rate: times.len() as f64 / seconds, median })
}

/// Commands per second of a bare run on the server's core.
fn bare(database: &str, kind: &str, target: &str) -> Result<f64> {
    let group = CONNECTIONS.to_string();
    let output = pinned(&std::env::current_exe()?).args(["bare", database, kind, &group, target]).output()?;
    ensure!(output.status.success(), "bare run: {}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout)?.trim().parse()?)
}

/// Makes a model with [`VERSIONS`] versions, each with evidence, and gives the files of a version.
async fn prepare(server: &Server) -> Result<String> {
    let mut client = Connection::open(&server.address, &server.token).await?;
    let mut files = Vec::new();
    for (path, content) in [("MLmodel", "flavors:\n  python_function:\n    loader_module: mlflow.sklearn\n"), ("model.pkl", "not really a model")] {
        let digest = Digest::of(content.as_bytes());
        let answer = client.stream("PUT", &format!("/api/v1/blobs/{digest}"), content.len() as u64, |_, piece| *piece = content.as_bytes().to_vec()).await?;
        ensure!(answer.status < 300, "blob: {}", answer.status);
        files.push(serde_json::json!({"path": path, "size": content.len(), "digest": digest.to_string()}));
    }
    let files = serde_json::Value::from(files).to_string();
    for model in ["bench", "registered"] {
        let answer = client.send("POST", "/api/v1/models", &format!(r#"{{"name":"{model}","risk_tier":"minimal"}}"#)).await?;
        ensure!(answer.status == 201, "model: {}", String::from_utf8_lossy(&answer.body));
    }
    for _ in 0..VERSIONS {
        let answer = client.send("POST", "/api/v1/models/bench/versions", &registration(&files)).await?;
        ensure!(answer.status == 201, "version: {}", String::from_utf8_lossy(&answer.body));
    }
    let answer = client.send("PUT", "/api/v1/models/bench/aliases/newest", r#"{"version":64}"#).await?;
    ensure!(answer.status < 300, "alias: {}", String::from_utf8_lossy(&answer.body));
    Ok(files)
}

fn registration(files: &str) -> String {
    format!(r#"{{"files":{files},"facts":{{"model_type":"bench","metrics":[{{"name":"auc_roc","value":0.81,"higher_is_better":true}}]}}}}"#)
}

/// Writes, gates and reads against one database.
pub async fn writes_and_reads(figures: &mut Figures, database: Database) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let private = if database == Database::Postgres { Some(Postgres::start()?) } else { None };
    let (word, bare_target) = match &private {
        None => ("sqlite", tempfile::tempdir()?.keep().to_string_lossy().into_owned()),
        Some(postgres) => ("postgres", postgres.address("bare")),
    };
    let (tag_share, register_share, read_share) = match database {
        Database::Sqlite => (0.6, 0.4, 0.4),
        Database::Postgres => (0.3, 0.3, 0.25),
    };
    let address = private.as_ref().map(|postgres| postgres.address("bench"));
    let server = Server::start(folder.path(), address.as_deref())?;
    let files = prepare(&server).await?;

    let bare_tags = bare(word, "tags", &bare_target)?;
    let tags = load(&server, |connection, count| tag(connection, count)).await?;
    figures.add(&format!("{word}: tag changes per second, 64 connections"), tags.rate, "/s", Some((bare_tags, "bare")), Limit::Share(tag_share));

    let bare_target = if database == Database::Sqlite { tempfile::tempdir()?.keep().to_string_lossy().into_owned() } else { bare_target };
    let bare_registers = bare(word, "register", &bare_target)?;
    let body = registration(&files);
    let registers = load(&server, move |_, _| ("POST", "/api/v1/models/registered/versions".to_owned(), body.clone())).await?;
    let what = format!("{word}: registrations of held blobs per second");
    figures.add(&what, registers.rate, "/s", Some((bare_registers, "bare")), Limit::Share(register_share));

    let gated = load(&server, |connection, count| if count % 10 == 9 { check(connection) } else { tag(connection, count) }).await?;
    figures.add(&format!("{word}: changes per second, 10 % with a full gate"), gated.rate, "/s", Some((tags.rate, "without gates")), Limit::Share(0.5));
    figures.add(&format!("{word}: the same, median answer"), gated.median, "ms", None, Limit::AtMost(10.0));

    let empty = load(&server, |_, _| ("GET", "/healthz".to_owned(), String::new())).await?;
    let versions = load(&server, |connection, _| ("GET", format!("/api/v1/models/bench/versions/{}", connection + 1), String::new())).await?;
    figures.add(&format!("{word}: reads of a version per second"), versions.rate, "/s", Some((empty.rate, "empty handler")), Limit::Share(read_share));
    let aliases = load(&server, |_, _| ("GET", "/api/v1/models/bench/aliases/newest".to_owned(), String::new())).await?;
    figures.add(&format!("{word}: reads of an alias per second"), aliases.rate, "/s", Some((empty.rate, "empty handler")), Limit::Share(read_share));
    Ok(())
}

fn tag(connection: usize, count: u64) -> Request {
    ("PUT", format!("/api/v1/models/bench/versions/{}/tags/stage", connection % VERSIONS + 1), format!(r#"{{"value":"value-{count}"}}"#))
}

fn check(connection: usize) -> Request {
    ("POST", format!("/api/v1/models/bench/versions/{}/check", connection % VERSIONS + 1), r#"{"to":"production"}"#.to_owned())
}

/// A 2 GB upload: rate and memory.
pub async fn upload(figures: &mut Figures) -> Result<()> {
    let output = pinned(&std::env::current_exe()?).arg("hash").output()?;
    let hash: f64 = String::from_utf8(output.stdout)?.trim().parse()?;
    let folder = tempfile::tempdir()?;
    let server = Server::start(folder.path(), None)?;
    let mut client = Connection::open(&server.address, &server.token).await?;
    let block: Vec<u8> = (0..1_u32 << 18).flat_map(|word| word.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
    let digest = {
        use sha2::Digest as _;
        let mut hasher = sha2::Sha256::new();
        for _ in 0..UPLOAD_BYTES / block.len() as u64 {
            hasher.update(&block);
        }
        Digest::from_bytes(hasher.finalize().into())
    };
    let before = server.resident()?;
    let begun = Instant::now();
    let path = format!("/api/v1/blobs/{digest}");
    let fill = |_, piece: &mut Vec<u8>| {
        if piece.is_empty() {
            piece.clone_from(&block);
        }
    };
    let answer = client.stream("PUT", &path, UPLOAD_BYTES, fill).await?;
    let seconds = begun.elapsed().as_secs_f64();
    ensure!(answer.status < 300, "upload: {} {}", answer.status, String::from_utf8_lossy(&answer.body));
    let growth = server.resident()? - before;
    let rate = UPLOAD_BYTES as f64 / seconds / 1e6;
    figures.add("upload of 2 GB, hashed, fsynced, visible", rate, "MB/s", Some((hash / 1e6, "SHA-256, one thread")), Limit::Share(0.4));
    figures.add("the same, growth of resident memory", growth, "MiB", None, Limit::AtMost(64.0));
    Ok(())
}

/// Runs a command on the server's core and gives the seconds that it took.
pub fn timed(command: &mut Command) -> Result<f64> {
    let begun = Instant::now();
    let output = command.output()?;
    ensure!(output.status.success(), "{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    Ok(begun.elapsed().as_secs_f64())
}
