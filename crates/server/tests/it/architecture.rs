//! The layers of the source, checked in the text: `http, cli, jobs → app → store, blobs → core` (`design.md` section 9).

use std::fs;
use std::path::{Path, PathBuf};

/// A source file without its tests: path from `crates`, and text.
struct Source {
    path: String,
    text: String,
}

fn sources(folder: &str) -> Vec<Source> {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned();
    let mut files = Vec::new();
    collect(&crates.join(folder), &mut files);
    files.sort();
    let source = |path: PathBuf| {
        let text = fs::read_to_string(&path).unwrap();
        let name = path.strip_prefix(&crates).unwrap().to_str().unwrap().to_owned();
        Source { path: name, text: without_tests(&text) }
    };
    let found: Vec<Source> = files.into_iter().map(source).filter(|source| !is_test(&source.path)).collect();
    assert!(!found.is_empty(), "`{folder}` has no source");
    found
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for item in fs::read_dir(folder).unwrap() {
        let path = item.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

fn is_test(path: &str) -> bool {
    path.ends_with("tests.rs") || path.ends_with("testing.rs") || path.ends_with("sample.rs") || path.contains("/tests/")
}

/// Comments and the module of tests at the end are no part of the product.
fn without_tests(text: &str) -> String {
    let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
    code.lines().filter(|line| !line.trim_start().starts_with("//")).map(|line| format!("{line}\n")).collect()
}

/// Where one of the words stands, as `path: line`.
fn uses(sources: &[Source], words: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    for source in sources {
        for line in source.text.lines().filter(|line| words.iter().any(|word| line.contains(word))) {
            found.push(format!("{}: {}", source.path, line.trim()));
        }
    }
    found
}

#[test]
fn the_guard_sees_what_it_forbids() {
    let source = Source { path: "x.rs".to_owned(), text: without_tests("use std::fs;\n// std::net\n#[cfg(test)]\nmod tests {\nstd::time\n}\n") };
    assert_eq!(uses(&[source], &["std::fs", "std::net", "std::time"]), ["x.rs: use std::fs;"]);
}

#[test]
fn core_is_pure() {
    let forbidden = [
        "std::fs",
        "std::net",
        "std::process",
        "std::env",
        "std::thread",
        "SystemTime",
        "Instant::now",
        "Timestamp::now",
        "async fn",
        ".await",
        "tokio",
        "rusqlite",
        "getrandom",
    ];
    let mut found = uses(&sources("core/src"), &forbidden);
    // A stopwatch that ends the evaluation of a policy that runs away; no verdict holds what it shows.
    found.retain(|line| {
        line != "core/src/policy/engine.rs: let started = Instant::now();" && line != "core/src/policy/selftest.rs: let started = Instant::now();"
    });
    assert_eq!(found, [""; 0]);
}

#[test]
fn inspect_never_executes_and_knows_nobody() {
    assert_eq!(uses(&sources("inspect/src"), &["chancery_core", "std::net", "async fn", "tokio"]), [""; 0]);
    // Only the client asks git for commit and state of a working tree; files are parsed, nothing of them runs.
    let processes = uses(&sources("inspect/src"), &["std::process"]);
    assert!(processes.iter().all(|line| line.starts_with("inspect/src/git.rs: ")), "{processes:?}");
    assert_eq!(uses(&sources("server/src/app"), &["inspect::git"]), [""; 0]);
}

#[test]
fn layers_point_downwards() {
    // (layer, what it must not name)
    let rules: [(&str, &[&str]); 7] = [
        ("core/src", &["chancery::", "chancery_server"]),
        ("server/src/store", &["crate::app", "crate::http", "crate::cli", "crate::jobs", "crate::blobs", "crate::ledger"]),
        ("server/src/blobs", &["crate::app", "crate::http", "crate::cli", "crate::jobs", "crate::store", "crate::ledger"]),
        ("server/src/ledger", &["crate::app", "crate::http", "crate::cli", "crate::jobs"]),
        ("server/src/app", &["crate::http", "crate::cli", "crate::jobs"]),
        ("server/src/http", &["crate::cli", "crate::jobs", "store::Writer", "rusqlite", "tokio_postgres"]),
        ("server/src/jobs", &["crate::http", "crate::cli"]),
    ];
    for (layer, forbidden) in rules {
        assert_eq!(uses(&sources(layer), forbidden), [""; 0], "{layer}");
    }
}

#[test]
fn databases_are_known_to_the_store_only() {
    let outside: Vec<Source> = sources("server/src").into_iter().filter(|source| !source.path.starts_with("server/src/store/")).collect();
    assert_eq!(uses(&outside, &["rusqlite", "tokio_postgres", "deadpool"]), [""; 0]);
}

/// The record is written in one place, and made anew in one other.
#[test]
fn the_writer_is_used_in_two_files() {
    let files = |words: &[&str]| {
        let mut files: Vec<String> = uses(&sources("server/src"), words).iter().map(|line| line.split(": ").next().unwrap().to_owned()).collect();
        files.dedup();
        files
    };
    let outside = |file: &String| !file.starts_with("server/src/store/");
    let begin: Vec<String> = files(&["writer.begin()"]).into_iter().filter(outside).collect();
    assert_eq!(begin, ["server/src/app/sequence.rs", "server/src/ledger/rebuild.rs"]);
    let statements = ["INSERT INTO", "DELETE FROM", "UPDATE ", "CREATE TABLE", "DROP TABLE", "TRUNCATE "];
    let writes: Vec<String> = files(&statements).into_iter().filter(outside).collect();
    assert_eq!(writes, [""; 0], "writes are not SQL text");
}

/// A handler has the application only from a caller who was allowed something; these are the ones that need none.
#[test]
fn handlers_get_the_application_from_their_caller() {
    let files: Vec<String> = uses(&sources("server/src/http"), &["State<App>"]);
    assert_eq!(
        files,
        [
            "server/src/http/api/exchange.rs: async fn exchange(State(app): State<App>, parts: Parts, body: Bytes) -> Result<Response, AppError> {",
            "server/src/http/api/login.rs: async fn login(State(app): State<App>, request: Request) -> Result<Response, AppError> {",
            "server/src/http/api/login.rs: async fn set_password(State(app): State<App>, request: Request) -> Result<Response, AppError> {",
            "server/src/http/api/system.rs: async fn keys(State(app): State<App>) -> Result<String, AppError> {",
            "server/src/http/api/system.rs: pub(crate) async fn ready(State(app): State<App>) -> Response {",
            "server/src/http/mlflow/artifacts/multipart.rs: State(app): State<App>,",
            "server/src/http/ui/login.rs: pub(super) async fn show(State(app): State<App>, parts: Parts) -> Result<Response, PageError> {",
            "server/src/http/ui/login.rs: pub(super) async fn show_password(State(app): State<App>, parts: Parts) -> Result<Response, PageError> {",
            "server/src/http/ui/oidc.rs: pub(super) async fn begin(State(app): State<App>, parts: Parts) -> Result<Response, PageError> {",
            "server/src/http/ui/oidc.rs: pub(super) async fn finish(State(app): State<App>, parts: Parts) -> Result<Response, PageError> {",
            "server/src/http/ui/session.rs: pub async fn framed(State(app): State<App>, request: Request, next: Next) -> Response {",
        ]
    );
}

/// A handler reads through the snapshot of its caller, which shows what he may read (`store/sight.rs`). Past it read: the public log, the page
/// that greets a person by his name, and a search that counts how many rows an index has before it looks at one.
#[test]
fn handlers_read_what_their_caller_may_read() {
    let past = uses(&sources("server/src/http"), &["everything()", "seen_with(", ".store()", "store.read()", "query_one_shot"]);
    let mut files: Vec<&str> = past.iter().filter_map(|line| line.split(": ").next()).collect();
    files.dedup();
    assert_eq!(files, ["server/src/http/log.rs", "server/src/http/mlflow/search/plan.rs", "server/src/http/ui/session.rs"], "{past:#?}");
    assert_eq!(past.iter().filter(|line| line.contains("plan.rs")).count(), 1, "{past:#?}");
}

#[test]
fn schemas_of_the_document_have_a_name_each() {
    // Of two with one name the document would keep one, and say it where the other is meant.
    let mut names = Vec::new();
    for source in sources("server/src").into_iter().chain(sources("core/src")) {
        for item in source.text.split("#[derive(").skip(1).filter(|item| item.split(")]").next().is_some_and(|derived| derived.contains("ToSchema"))) {
            let words: Vec<&str> = item.split([' ', '(', '{', '<', '\n']).collect();
            let kind = words.iter().position(|word| ["struct", "enum"].contains(word)).unwrap();
            names.push(words[kind + 1].to_owned());
        }
    }
    assert!(names.len() > 150, "{}", names.len());
    names.sort();
    let twice: Vec<&str> = names.windows(2).filter(|pair| pair[0] == pair[1]).map(|pair| pair[0].as_str()).collect();
    assert_eq!(twice, [""; 0]);
}

#[test]
fn nothing_is_left_to_do() {
    for folder in ["core/src", "inspect/src", "server/src"] {
        assert_eq!(uses(&sources(folder), &["todo!", "unimplemented!", "FIXME", "TODO", "XXX"]), [""; 0]);
    }
}
