//! TLS with reload, HTTP/2, headers of answers, configuration, an orderly end.

use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::routing::get;
use chancery::http::transport::{Settings, serve};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use serde_json::json;
use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::support::app::{block_on, both};
use crate::support::process::Process;
use crate::support::raw::{exchange, request, status};

/// Writes a new self-signed certificate and its key; gives the certificate.
fn write_pair(folder: &Path) -> String {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned(), "127.0.0.1".to_owned()]).unwrap();
    std::fs::write(folder.join("tls.crt"), made.cert.pem()).unwrap();
    write_key(folder, &made.signing_key.serialize_pem());
    made.cert.pem()
}

fn write_key(folder: &Path, pem: &str) {
    let path = folder.join("tls.key");
    std::fs::write(&path, pem).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
}

fn encrypted(folder: &Path) -> String {
    format!("[tls]\ncertificate = \"{0}/tls.crt\"\nkey = \"{0}/tls.key\"\n", folder.display())
}

/// A client that trusts exactly this certificate.
fn trusting(certificate: &str) -> reqwest::Client {
    let certificate = reqwest::Certificate::from_pem(certificate.as_bytes()).unwrap();
    reqwest::Client::builder().no_proxy().tls_certs_only([certificate]).pool_max_idle_per_host(1).build().unwrap()
}

async fn healthy(client: &reqwest::Client, url: &str) -> bool {
    client.get(format!("{url}/healthz")).send().await.is_ok_and(|answer| answer.status() == 200)
}

/// Waits until something holds.
async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    for _ in 0..100 {
        if holds().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("{what} did not happen");
}

#[test]
fn a_certificate_is_read_again_when_it_changes_and_a_broken_one_is_not_taken() {
    let folder = tempfile::tempdir().unwrap();
    let old = write_pair(folder.path());
    let config = encrypted(folder.path());
    let paths: PathBuf = folder.path().to_owned();
    let server = Process::start_in(folder, &config, |_| {});
    assert!(server.url.starts_with("https://"), "{}", server.url);
    block_on(async {
        let client = trusting(&old);
        let answer = client.get(format!("{}/healthz", server.url)).send().await.unwrap();
        assert_eq!(answer.headers()["strict-transport-security"], "max-age=31536000; includeSubDomains");
        // A connection that is open stays open, whatever happens to the files.
        let mut kept = handshake(server.address, &old, b"http/1.1").await;
        ask(&mut kept).await;

        std::fs::write(paths.join("tls.crt"), "damaged").unwrap();
        until("a notice", async || {
            let ready = client.get(format!("{}/readyz", server.url)).send().await.unwrap();
            ready.status() == 200 && ready.text().await.unwrap().contains("the one before stays in use")
        })
        .await;
        assert!(server.log().contains("the one before stays in use"), "{}", server.log());
        assert!(healthy(&trusting(&old), &server.url).await);
        ask(&mut kept).await;

        let new = write_pair(&paths);
        until("the new certificate", async || healthy(&trusting(&new), &server.url).await).await;
        assert!(!healthy(&trusting(&old), &server.url).await, "the old certificate is still served");
        let ready = trusting(&new).get(format!("{}/readyz", server.url)).send().await.unwrap().text().await.unwrap();
        assert!(!ready.contains("notices"), "{ready}");
        ask(&mut kept).await;
        // SIGHUP asks for it at once, and ends nothing.
        server.signal("HUP");
        assert!(healthy(&trusting(&new), &server.url).await);
    });
}

async fn handshake(address: SocketAddr, certificate: &str, protocol: &[u8]) -> tokio_rustls::client::TlsStream<TcpStream> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![protocol.to_vec()];
    let stream = TcpStream::connect(address).await.unwrap();
    let stream = tokio_rustls::TlsConnector::from(Arc::new(config)).connect(ServerName::try_from("localhost").unwrap(), stream).await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(protocol));
    stream
}

/// One request on an HTTP/1.1 connection that stays open.
async fn ask(stream: &mut (impl AsyncRead + AsyncWrite + Unpin)) {
    stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"ok\n") {
        assert_ne!(stream.read_buf(&mut answer).await.unwrap(), 0, "the connection was closed");
    }
}

/// One request on an HTTP/2 connection, frame by frame (RFC 9113, RFC 7541).
async fn ask_http2(stream: &mut (impl AsyncRead + AsyncWrite + Unpin)) {
    let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00";
    let block = b"\x82\x87\x04\x08/healthz\x01\x01x";
    let headers = [&[0, 0, u8::try_from(block.len()).unwrap(), 1, 5, 0, 0, 0, 1], block.as_slice()].concat();
    stream.write_all(&[preface.as_slice(), &headers].concat()).await.unwrap();
    loop {
        let mut head = [0_u8; 9];
        stream.read_exact(&mut head).await.unwrap();
        let mut payload = vec![0_u8; usize::from(head[1]) * 256 + usize::from(head[2])];
        stream.read_exact(&mut payload).await.unwrap();
        if head[3] == 1 {
            assert_eq!(payload[0], 0x88, "`:status: 200` is entry 8 of the static table");
            return;
        }
    }
}

#[test]
fn both_protocols_are_spoken_with_tls_and_without() {
    let folder = tempfile::tempdir().unwrap();
    let certificate = write_pair(folder.path());
    let config = encrypted(folder.path());
    let server = Process::start_in(folder, &config, |_| {});
    let plain = Process::start("");
    block_on(async {
        ask_http2(&mut handshake(server.address, &certificate, b"h2").await).await;
        ask(&mut handshake(server.address, &certificate, b"http/1.1").await).await;
        ask_http2(&mut TcpStream::connect(plain.address).await.unwrap()).await;
        ask(&mut TcpStream::connect(plain.address).await.unwrap()).await;
    });
    // Who speaks in the clear to a server with TLS gets nothing.
    assert_eq!(status(&exchange(server.address, request("GET", "/healthz", "", "").as_bytes())), 0);
}

/// Reads from a connection until the answer has its whole head and body.
async fn answer(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes).to_lowercase();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).map_or(0, |length| length.parse().unwrap());
            if body.len() >= length {
                return text;
            }
        }
        assert_ne!(stream.read_buf(&mut bytes).await.unwrap(), 0, "the connection was closed after {text}");
    }
}

/// A refusal that needs no body is read by clients that send the head first, and their connection goes on; or it says that it ends.
#[test]
fn what_is_refused_before_its_body_came_does_not_break_the_next_request() {
    let server = Process::start("");
    let head = |length: usize, more: &str| {
        format!(
            "POST /api/v1/models HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer none\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n{more}\r\n"
        )
    };
    block_on(async {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        for _ in 0..5 {
            stream.write_all(head(12, "").as_bytes()).await.unwrap();
            tokio::time::sleep(Duration::from_millis(50)).await;
            stream.write_all(b"{\"name\":\"x\"}").await.unwrap();
            let refused = answer(&mut stream).await;
            assert!(refused.starts_with("http/1.1 401") && !refused.contains("connection: close"), "{refused}");
        }
        ask(&mut stream).await;

        // Too much to be read for nothing, what never comes, and a body that waits to be asked for.
        for (length, more) in [(1_000_000, ""), (12, ""), (12, "Expect: 100-continue\r\n")] {
            let mut stream = TcpStream::connect(server.address).await.unwrap();
            stream.write_all(head(length, more).as_bytes()).await.unwrap();
            let refused = answer(&mut stream).await;
            assert!(refused.starts_with("http/1.1 401") && refused.contains("connection: close"), "{length} {more}: {refused}");
        }
    });
}

/// What the program says when it does not start.
fn complaint(flags: &[&str]) -> String {
    let folder: TempDir = tempfile::tempdir().unwrap();
    let mut command = Process::command();
    command.arg("serve").args(flags).arg("--data").arg(folder.path().join("data"));
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn what_is_configured_wrongly_does_not_start() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    std::fs::write(path("wrong.toml"), "[limits]\nconnections = 0\n").unwrap();
    std::fs::write(path("unknown.toml"), "\n[limits]\nconections = 1\n").unwrap();
    write_pair(folder.path());
    std::fs::write(path("other.crt"), rcgen::generate_simple_self_signed(vec!["x".to_owned()]).unwrap().cert.pem()).unwrap();
    std::fs::write(path("open.key"), std::fs::read(path("tls.key")).unwrap()).unwrap();
    std::fs::set_permissions(path("open.key"), std::fs::Permissions::from_mode(0o644)).unwrap();
    std::fs::write(path("database"), "postgres://u:secret@localhost/x").unwrap();
    std::fs::set_permissions(path("database"), std::fs::Permissions::from_mode(0o644)).unwrap();
    for (flags, expected) in [
        (vec!["--listen", "0.0.0.0:0"], "connections are not encrypted: set `tls.certificate` and `tls.key`"),
        (vec!["--listen", "0.0.0.0:0", "--insecure-http", "--no-auth"], "--no-auth and --clock-offset are for loopback addresses only"),
        (vec!["--config", &path("wrong.toml")], "`limits.connections` is 0, it must be from 1 to 1000000"),
        (vec!["--config", &path("unknown.toml")], "unknown field `conections`"),
        (vec!["--config", &path("none.toml")], "cannot read the configuration"),
        (vec!["--tls-certificate", &path("other.crt"), "--tls-key", &path("tls.key")], "it does not go with"),
        (vec!["--tls-certificate", &path("wrong.toml"), "--tls-key", &path("tls.key")], "it holds no certificate"),
        (vec!["--tls-certificate", &path("tls.crt"), "--tls-key", &path("open.key")], "every user of this machine can use it (mode 0644)"),
        (vec!["--database", "postgres://u:secret@127.0.0.1/x"], "every user of this machine can read a command line"),
        (vec!["--database-file", &path("database")], "can be used by other users of this machine (mode 0644)"),
    ] {
        let said = complaint(&flags);
        assert!(said.contains(expected) && !said.contains("secret"), "{flags:?}: {said}");
        assert!(!said.contains("panicked"), "{said}");
    }
}

#[test]
fn a_configuration_can_be_checked_alone() {
    let folder = tempfile::tempdir().unwrap();
    write_pair(folder.path());
    let file = folder.path().join("config.toml");
    std::fs::write(&file, format!("data = \"{}/data\"\n{}", folder.path().display(), encrypted(folder.path()))).unwrap();
    let mut command = Process::command();
    let output = command.args(["serve", "--check-config", "--listen", "0.0.0.0:443", "--config"]).arg(&file).output().unwrap();
    assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(0), b"the configuration is valid\n".as_slice()), "{output:?}");
    assert!(!folder.path().join("data").exists(), "nothing is made");
}

/// A server of a few routes of our own.
async fn small(router: Router, settings: Settings) -> (SocketAddr, tokio::sync::oneshot::Sender<()>, tokio::task::JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = tokio::sync::oneshot::channel();
    (address, stop, tokio::spawn(serve(listener, router, settings, async { drop(stopped.await) })))
}

#[test]
fn a_handler_that_panics_fails_alone() {
    block_on(async {
        let bang = || async {
            assert!(std::env::var_os("CHANCERY_NEVER").is_some(), "a secret of the handler");
            "never"
        };
        let router = Router::new().route("/panic", get(bang)).route("/api/2.0/mlflow/panic", get(bang)).route("/fine", get(async || "fine"));
        let (address, _stop, _server) = small(router, Settings::default()).await;
        for (path, code) in [("/panic", "\"code\":\"fault\""), ("/api/2.0/mlflow/panic", "\"error_code\":\"INTERNAL_ERROR\"")] {
            let answer = tokio::task::spawn_blocking(move || exchange(address, request("GET", path, "", "").as_bytes())).await.unwrap();
            assert_eq!(status(&answer), 500, "{answer}");
            assert!(answer.contains(code) && !answer.contains("secret") && answer.contains("nosniff"), "{answer}");
        }
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(b"GET /panic HTTP/1.1\r\nHost: x\r\n\r\nGET /fine HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.ends_with("fine"), "the connection goes on: {answer}");
    });
}

#[test]
fn running_requests_end_and_new_ones_are_refused() {
    block_on(async {
        let slow = || async {
            tokio::time::sleep(Duration::from_secs(2)).await;
            "done"
        };
        let (address, stop, server) = small(Router::new().route("/slow", get(slow)), Settings::default()).await;
        let running = tokio::task::spawn_blocking(move || exchange(address, b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n"));
        let mut idle = TcpStream::connect(address).await.unwrap();
        tokio::time::sleep(Duration::from_millis(500)).await;
        let began = Instant::now();
        stop.send(()).unwrap();
        tokio::time::sleep(Duration::from_millis(300)).await;
        assert!(TcpStream::connect(address).await.is_err(), "a new connection was taken");
        let mut rest = Vec::new();
        tokio::time::timeout(Duration::from_secs(1), idle.read_to_end(&mut rest)).await.expect("an idle connection holds up the end").unwrap();
        assert!(running.await.unwrap().ends_with("done"));
        server.await.unwrap();
        assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    });
}

#[test]
fn the_grace_is_limited() {
    block_on(async {
        let hang = || std::future::pending::<&'static str>();
        let mut settings = Settings::default();
        settings.limits.grace_seconds = 1;
        let (address, stop, server) = small(Router::new().route("/hang", get(hang)), settings).await;
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(b"GET /hang HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
        tokio::time::sleep(Duration::from_millis(200)).await;
        let began = Instant::now();
        stop.send(()).unwrap();
        server.await.unwrap();
        assert!((Duration::from_millis(900)..Duration::from_secs(4)).contains(&began.elapsed()), "{:?}", began.elapsed());
    });
}

both! {
    async fn every_answer_has_the_headers_of_one(app: &TestApp) {
        app.admin.post("/api/2.0/mlflow/registered-models/create", json!({"name": "loan"})).await.expect(200);
        let expected = [
            ("x-content-type-options", "nosniff"), ("x-frame-options", "DENY"), ("referrer-policy", "no-referrer"), ("cross-origin-opener-policy", "same-origin"),
            ("cross-origin-resource-policy", "same-origin"), ("cross-origin-embedder-policy", "require-corp"),
        ];
        let paths = ["/api/v1/models", "/api/v1/none", "/none", "/healthz", "/readyz", "/api/v1/openapi.json", "/api/v1/docs", "/log/key", "/api/2.0/mlflow/registered-models/get?name=loan", "/version"];
        for path in paths {
            for client in [&app.admin, &app.anonymous] {
                let answer = client.get(path).await;
                for (name, value) in expected {
                    assert_eq!(answer.header(name), value, "{path} {name}");
                }
                assert!(answer.header("content-security-policy").contains("default-src 'none'"), "{path}");
                assert!(answer.header("permissions-policy").contains("camera=()"), "{path}");
                assert_eq!(answer.header("strict-transport-security"), "", "{path}: there is no TLS");
                assert_ne!(answer.header("cache-control"), "", "{path}");
            }
        }
        let docs = app.anonymous.get("/api/v1/docs").await;
        assert!(!docs.header("content-security-policy").contains("sandbox"), "links of a page must work");
    }
}
