//! Attacks below the API: slow and greedy clients, HTTP that two readers understand differently, paths that lead elsewhere.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpSocket, TcpStream};

use crate::support::Client;
use crate::support::app::{block_on, both};
use crate::support::process::Process;
use crate::support::raw::{exchange, request, status};

/// Times so short that a test can wait for them.
const IMPATIENT: &str = "[limits]\nheader_seconds = 3\nbody_idle_seconds = 3\nkeep_alive_seconds = 3\n";

/// A connection that comes from an address of its own on this machine.
async fn connect_from(from: Ipv4Addr, to: SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(SocketAddr::new(IpAddr::V4(from), 0)).unwrap();
    socket.connect(to).await.unwrap()
}

/// Sends a beginning, then a byte now and then, until the server has enough of it. Gives how long that took.
async fn drip(mut stream: TcpStream, beginning: String) -> Duration {
    let began = Instant::now();
    stream.write_all(beginning.as_bytes()).await.unwrap();
    let mut buffer = [0_u8; 1024];
    loop {
        match tokio::time::timeout(Duration::from_millis(700), stream.read(&mut buffer)).await {
            Ok(Ok(0) | Err(_)) => return began.elapsed(),
            Ok(Ok(_)) => {}
            Err(_) if stream.write_all(b"a").await.is_err() => return began.elapsed(),
            Err(_) => {}
        }
    }
}

#[test]
fn slow_connections_by_the_thousand() {
    let server = Process::start(IMPATIENT);
    let (address, token) = (server.address, server.token());
    block_on(async {
        let mut slow = tokio::task::JoinSet::new();
        for number in 0..2_000_u32 {
            // Two attackers, each with as many connections as one address may have.
            let from = Ipv4Addr::new(127, 0, 0, if number % 2 == 0 { 2 } else { 3 });
            let beginning = if number % 4 < 2 {
                format!("GET /readyz HTTP/1.1\r\nHost: x\r\nX-{number}: ")
            } else {
                format!(
                    "POST /api/v1/models HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n{{"
                )
            };
            let stream = connect_from(from, address).await;
            slow.spawn(drip(stream, beginning));
        }
        let began = Instant::now();
        server.client().get("/readyz").await.expect(200);
        server.admin().get("/api/v1/models").await.expect(200);
        assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
        let all = tokio::time::timeout(Duration::from_secs(60), slow.join_all()).await.expect("slow connections are still there");
        assert_eq!(all.len(), 2_000);
        assert!(all.iter().all(|took| *took > Duration::from_secs(2)), "some were not even tried");
        server.client().get("/readyz").await.expect(200);
    });
}

#[test]
fn a_slow_reader_loses_its_connection() {
    let server = Process::start(IMPATIENT);
    block_on(async {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4_096).unwrap();
        let mut stream = socket.connect(server.address).await.unwrap();
        // Far more than all buffers on the way hold.
        let asked = 300;
        let (mut reads, mut writes) = stream.split();
        let ask = "GET /api/v1/openapi.json HTTP/1.1\r\nHost: x\r\n\r\n".repeat(asked);
        writes.write_all(ask.as_bytes()).await.unwrap();
        for _ in 0..8 {
            // A few bytes a second are not enough.
            drop(reads.read_exact(&mut [0_u8; 16]).await);
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        let mut rest = Vec::new();
        let ended = tokio::time::timeout(Duration::from_secs(10), reads.read_to_end(&mut rest)).await;
        assert!(ended.is_ok(), "the connection is still open");
        let answers = String::from_utf8_lossy(&rest).matches("HTTP/1.1 200").count();
        assert!(answers < asked, "all {answers} answers came");
    });
}

#[test]
fn connections_that_say_nothing_are_closed() {
    let server = Process::start(IMPATIENT);
    block_on(async {
        let mut silent = TcpStream::connect(server.address).await.unwrap();
        let mut idle = TcpStream::connect(server.address).await.unwrap();
        idle.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
        // The beginning of the preface of HTTP/2, which could become either protocol.
        let mut undecided = TcpStream::connect(server.address).await.unwrap();
        undecided.write_all(b"PRI * HTTP/2").await.unwrap();
        for stream in [&mut silent, &mut idle, &mut undecided] {
            let mut rest = Vec::new();
            tokio::time::timeout(Duration::from_secs(20), stream.read_to_end(&mut rest)).await.expect("it is still open").unwrap();
        }
    });
}

#[test]
fn one_address_has_only_so_many_connections() {
    let server = Process::start("[limits]\nconnections_per_address = 5\n");
    block_on(async {
        let attacker = Ipv4Addr::new(127, 0, 0, 9);
        let mut held = Vec::new();
        for _ in 0..5 {
            held.push(connect_from(attacker, server.address).await);
        }
        tokio::time::sleep(Duration::from_millis(300)).await;
        let mut sixth = connect_from(attacker, server.address).await;
        let read = tokio::time::timeout(Duration::from_secs(5), sixth.read(&mut [0_u8; 1])).await.expect("the sixth is open");
        assert!(matches!(read, Ok(0) | Err(_)));
        server.client().get("/readyz").await.expect(200);
    });
}

/// A frame of HTTP/2 (RFC 9113, section 4.1).
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// `GET /healthz` in HPACK.
const GET_HEALTHZ: &[u8] = b"\x82\x86\x04\x08/healthz\x01\x01x";
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Sends what `next` makes until the server closes the connection.
async fn flood(address: SocketAddr, mut next: impl FnMut(u32) -> Vec<u8>) -> Vec<u8> {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(&[PREFACE, &frame(4, 0, 0, &[])].concat()).await.unwrap();
    let (mut reads, mut writes) = stream.into_split();
    let reader = tokio::spawn(async move {
        let mut answer = Vec::new();
        drop(reads.read_to_end(&mut answer).await);
        answer
    });
    for number in 0..20_000 {
        if writes.write_all(&next(number)).await.is_err() {
            break;
        }
    }
    tokio::time::timeout(Duration::from_secs(10), reader).await.expect("the connection is still open").unwrap()
}

#[test]
fn floods_of_http2_frames_end_their_connection() {
    let server = Process::start("");
    block_on(async {
        // CVE-2023-44487: a stream is opened and reset, again and again.
        let reset = |number: u32| [frame(1, 5, 2 * number + 1, GET_HEALTHZ), frame(3, 0, 2 * number + 1, &8_u32.to_be_bytes())].concat();
        let answer = flood(server.address, reset).await;
        assert!(answer.windows(5).any(|bytes| bytes == [7, 0, 0, 0, 0]), "no GOAWAY");
        // CVE-2024-27316: headers that never end.
        let endless = |number: u32| {
            if number == 0 { frame(1, 1, 1, GET_HEALTHZ) } else { frame(9, 0, 1, &[b"\x00\x7f\x81\x01".as_slice(), &[b'a'; 256], b"\x01a"].concat()) }
        };
        flood(server.address, endless).await;
        server.client().get("/readyz").await.expect(200);
    });
}

#[test]
fn heads_that_are_too_large_are_refused() {
    let server = Process::start("");
    let token = server.token();
    let many: String = (0..80).map(|number| format!("X-{number}: a\r\n")).collect();
    let too_many: String = (0..200).map(|number| format!("X-{number}: a\r\n")).collect();
    let large = format!("X-Large: {}\r\n", "a".repeat(40_000));
    let huge = format!("X-Large: {}\r\n", "a".repeat(1_000_000));
    for (head, expected) in [(many, 431), (too_many, 431), (large, 431), (huge, 431)] {
        let answer = exchange(server.address, format!("GET /api/v1/models HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{head}\r\n").as_bytes());
        assert_eq!(status(&answer), expected, "{}", answer.chars().take(200).collect::<String>());
    }
    for (length, expected) in [(10_000, 404), (20_000, 414), (100_000, 414)] {
        let answer = exchange(server.address, request("GET", &format!("/{}", "a".repeat(length)), &token, "").as_bytes());
        assert_eq!(status(&answer), expected, "{length}");
    }
}

#[test]
fn one_message_is_understood_in_one_way() {
    let server = Process::start("");
    let smuggled = "GET /api/v1/version HTTP/1.1\r\nHost: x\r\n\r\n";
    let post = |headers: &str, body: &str| format!("POST /api/v1/models HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n{headers}\r\n{body}");
    let chunked = format!("0\r\n\r\n{smuggled}");
    let length = chunked.len();
    // Whichever of the two headers counts, the connection ends: the second request is never answered.
    for headers in
        [format!("Content-Length: {length}\r\nTransfer-Encoding: chunked\r\n"), format!("Transfer-Encoding: chunked\r\nContent-Length: {length}\r\n")]
    {
        let answer = exchange(server.address, post(&headers, &chunked).as_bytes());
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{answer}");
        assert!(!answer.contains("\"name\":\"chancery\""), "{answer}");
    }
    for headers in [
        "Content-Length: 2\r\nContent-Length: 3\r\n",
        "Content-Length: +2\r\n",
        "Content-Length: 2, 3\r\n",
        "Content-Length: 0x2\r\n",
        "Content-Length : 2\r\n",
        "Transfer-Encoding: xchunked\r\n",
        "Transfer-Encoding: chunked, identity\r\n",
        "Transfer-Encoding:\u{b}chunked\r\n",
        "Host: y\r\n",
        "X: a\r\n b\r\n",
        "X: a\u{0}b\r\n",
        "X\u{0}: a\r\n",
    ] {
        let answer = exchange(server.address, post(headers, "{}").as_bytes());
        assert_eq!(status(&answer), 400, "{headers:?}: {answer}");
    }
    let old = exchange(server.address, b"POST /api/v1/models HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n");
    assert!(!old.starts_with("HTTP/1.1 2") && !old.starts_with("HTTP/1.0 2"), "{old}");
}

/// What is put into the place of a parameter: ways to write `..`, separators, ends, and characters that look like them.
fn detours() -> Vec<String> {
    let target = ["admin-token", "canary", "keys/decision.pem", "etc/passwd"];
    let ups = [
        "../../../../",
        "..%2f..%2f..%2f..%2f",
        "%2e%2e%2f%2e%2e%2f%2e%2e%2f",
        "%2E%2E/%2E%2E/%2E%2E/",
        "%252e%252e%252f%252e%252e%252f",
        "..%5c..%5c..%5c",
        "..\\..\\..\\",
        "%c0%ae%c0%ae%c0%af",
        "%e2%80%a5%e2%88%95",
        "%ef%bc%8e%ef%bc%8e%ef%bc%8f",
        "%2f",
        "%2f%2f",
        "//",
        "/",
        "file:%2f%2f%2f",
        "a%00/../../",
        "x#/../../../",
        "x%23/../../",
        "x?/../../../",
        "x%3f%2f..%2f",
        ".%00./.%00./",
        "..;/..;/",
        "....//....//",
        "~%2f",
        "C:%5c",
        "%0d%0aX-Injected:%20yes%0d%0a",
    ];
    let mut made: Vec<String> = ups.iter().enumerate().map(|(number, up)| format!("{up}{}", target[number % target.len()])).collect();
    made.extend(["..", ".", "%2e%2e", "%2e", "%252e%252e", "%ff%fe", "%00"].map(str::to_owned));
    made
}

/// Every file of a data folder but the database and the artifacts, with its length.
fn files(folder: &Path) -> BTreeMap<PathBuf, u64> {
    let mut found = BTreeMap::new();
    let mut open = vec![folder.to_owned()];
    while let Some(folder) = open.pop() {
        for item in std::fs::read_dir(folder).unwrap() {
            let item = item.unwrap();
            if ["sha256", "parts", "incoming"].iter().any(|name| item.file_name() == *name) {
                continue;
            }
            if item.file_type().unwrap().is_dir() {
                open.push(item.path());
            } else if !item.file_name().to_string_lossy().contains(".db") && !item.file_name().to_string_lossy().starts_with("checkpoint.memory") {
                found.insert(item.path(), item.metadata().unwrap().len());
            }
        }
    }
    found
}

const CANARY: &str = "the canary sings";

/// Sends a detour; nothing but a refusal may come back, without a word of any file of the server.
fn refused(address: SocketAddr, method: &str, path: &str, token: &str, secrets: &[String]) {
    let body = if method == "GET" { "" } else { "{}" };
    let answer = exchange(address, request(method, path, token, body).as_bytes());
    let found = status(&answer);
    // A name in the artifact proxy may have any letters but those of a way up: such a name is kept as one in the database.
    let is_name = path.starts_with("/api/2.0/mlflow-artifacts/") || path.starts_with("/ajax-api/2.0/mlflow-artifacts/");
    let sent = path.split(['#', '?']).next().unwrap().to_ascii_lowercase().replace("%2e", ".").replace("%2f", "/").replace("%5c", "\\");
    let is_named = is_name && !sent.split(['/', '\\']).any(|part| part == "..") && found == 200;
    // What MLflow has and this registry has not.
    let is_absent = path.contains("/mlflow-artifacts/presigned/") && found == 501;
    assert!((400..500).contains(&found) || is_named || is_absent, "{method} {path}: {answer}");
    assert!(secrets.iter().all(|secret| !answer.contains(secret.as_str())), "{method} {path}: {answer}");
    let head = answer.split("\r\n\r\n").next().unwrap().to_ascii_lowercase();
    assert!(!head.contains("\nx-injected"), "{method} {path}: {head}");
}

both! {
    async fn paths_that_lead_elsewhere(app: &TestApp) {
        std::fs::write(app.data.join("canary"), CANARY).unwrap();
        std::fs::write(app.data.join("blobs/canary"), CANARY).unwrap();
        let token = std::fs::read_to_string(app.data.join("admin-token")).unwrap();
        let secrets = vec![CANARY.to_owned(), token.clone(), "PRIVATE KEY".to_owned(), "root:x:".to_owned()];
        let before = files(&app.data);
        let document = app.anonymous.get("/api/v1/openapi.json").await.expect(200);
        let mut routes: Vec<(String, String)> = Vec::new();
        for (path, item) in document["paths"].as_object().unwrap() {
            routes.extend(item.as_object().unwrap().keys().filter(|key| *key != "parameters").map(|method| (method.to_uppercase(), path.clone())));
        }
        routes.extend(chancery::http::mlflow::artifacts::routes().into_iter().map(|route| (route.method.to_owned(), route.path.replace("{*path}", "{path}"))));
        routes.push(("GET".to_owned(), "/log/{path}".to_owned()));
        routes.push(("GET".to_owned(), "/log/tile/{path}".to_owned()));
        routes.push(("GET".to_owned(), "/log/tile/entries/{path}".to_owned()));
        routes.push(("GET".to_owned(), "/{path}".to_owned()));
        let address: SocketAddr = app.address.strip_prefix("http://").unwrap().parse().unwrap();
        let sent = tokio::task::spawn_blocking(move || walk(address, &routes, &token, &secrets)).await.unwrap();
        assert!(sent > 3_000, "only {sent} were tried");
        assert_eq!(files(&app.data), before, "a file came, went or changed");
        std::fs::remove_file(app.data.join("blobs/canary")).unwrap();
    }

    async fn a_source_names_the_disk_or_an_internal_host(app: &TestApp) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let inside = listener.local_addr().unwrap();
        app.admin.post("/api/2.0/mlflow/registered-models/create", json!({"name": "lure"})).await.expect(200);
        let sources = [
            "file:///etc/passwd".to_owned(),
            "/etc/passwd".to_owned(),
            format!("file://{}", app.data.join("keys/decision.pem").display()),
            format!("{}", app.data.join("keys").display()),
            "file://localhost/etc".to_owned(),
            format!("http://{inside}/latest/meta-data"),
            format!("https://{inside}/"),
            format!("http://user:secret@{inside}/"),
            "http://169.254.169.254/latest/meta-data/".to_owned(),
            format!("ftp://{inside}/x"),
            format!("gopher://{inside}/_GET"),
            format!("s3://{inside}/bucket"),
            "dbfs:/etc/passwd".to_owned(),
            "models:/lure/../../etc".to_owned(),
            "mlflow-artifacts:/../../keys/decision.pem".to_owned(),
            format!("mlflow-artifacts://{inside}/x"),
        ];
        let pem = std::fs::read_to_string(app.data.join("keys/decision.pem")).unwrap();
        for source in &sources {
            let made = app.admin.post("/api/2.0/mlflow/model-versions/create", json!({"name": "lure", "source": source, "run_link": source})).await;
            assert!(made.status < 500, "{source}: {}", made.status);
            let text = String::from_utf8_lossy(&made.bytes).into_owned();
            assert!(!text.contains("root:x:") && !text.contains(pem.lines().nth(1).unwrap()), "{source}: {text}");
            if made.status == 200 {
                let number = made.json()["model_version"]["version"].as_str().unwrap().to_owned();
                for path in ["package", "files/passwd", "check?to=candidate"] {
                    let answer = app.admin.get(&format!("/api/v1/models/lure/versions/{number}/{path}")).await;
                    assert!(answer.status < 500 && !String::from_utf8_lossy(&answer.bytes).contains("root:x:"), "{source}");
                }
            }
        }
        let asked = tokio::time::timeout(Duration::from_millis(300), listener.accept()).await;
        assert!(asked.is_err(), "the server opened what a client named");
    }

    async fn names_of_files_cannot_leave_their_header(app: &TestApp) {
        let names = ["a\"; filename=evil.html", "a\r\nX-Injected: yes", "a\u{202e}gpj.exe", "..\\..\\evil", "ü\"\\.bin", "a;b=c", "<script>.html"];
        let mut tried = 0;
        for name in names {
            let path = format!("/api/2.0/mlflow-artifacts/artifacts/1/run/{}", encoded(name));
            if app.admin.call("PUT", &path).bytes("bytes").send().await.status != 200 {
                continue;
            }
            tried += 1;
            let answer = app.admin.get(&path).await;
            assert_eq!(answer.status, 200, "{name}");
            let header = answer.header("content-disposition").to_owned();
            assert!(header.starts_with("attachment; filename"), "{header}");
            assert!(header.bytes().all(|byte| (0x20..0x7f).contains(&byte)), "{header}");
            // RFC 6266: one quoted string without a quote or backslash in it, and one extended value.
            let quoted = header.split('"').collect::<Vec<_>>();
            assert!(quoted.len() == 1 || quoted.len() == 3, "{header}");
            if let [before, _, after] = quoted[..] {
                assert!(before == "attachment; filename=" && after.starts_with("; filename*=UTF-8''") && !after.contains("evil.html;"), "{header}");
            }
            assert!(!header.contains('\\'), "{header}");
            assert_eq!((answer.header("x-injected"), answer.header("x-content-type-options")), ("", "nosniff"), "{name}");
            assert!(answer.header("content-security-policy").contains("sandbox"), "{name}");
        }
        assert!(tried >= 3, "only {tried} names were taken");
    }

    async fn giant_deep_and_ambiguous_json(app: &TestApp) {
        let deep = format!("{{\"name\": {}1{}}}", "[".repeat(100_000), "]".repeat(100_000));
        let giant = format!("{{\"name\": \"{}\"}}", "a".repeat(6 * 1024 * 1024));
        let long = format!("{{\"name\": \"x\", \"description\": [{}0]}}", "0,".repeat(400_000));
        let number = "{\"name\": 1e999999}".to_owned();
        let bodies = [
            (deep, "too_large"), (giant, "too_large"), (long, "invalid_field"), (number, "invalid_field"),
            ("{\"name\": \"a\", \"name\": \"b\"}".to_owned(), "invalid_field"),
            ("{\"name\": \"a\", \"n\\u0061me\": \"b\"}".to_owned(), "invalid_field"),
            ("{\"name\": \"a\", \"x\": {\"y\": 1, \"y\": 2}}".to_owned(), "invalid_field"),
            ("{\"name\": \"a\"} {\"name\": \"b\"}".to_owned(), "invalid_field"),
            ("[]".to_owned(), "invalid_field"),
            ("\u{feff}{\"name\": \"a\"}".to_owned(), "invalid_field"),
        ];
        for (body, code) in &bodies {
            let shown: String = body.chars().take(60).collect();
            for path in ["/api/v1/models", "/api/2.0/mlflow/registered-models/create"] {
                let answer = app.admin.call("POST", path).header("content-type", "application/json").bytes(body.clone()).send().await;
                assert!((400..500).contains(&answer.status), "{path} {shown}: {}", answer.status);
                if path == "/api/v1/models" {
                    let found = answer.json()["code"].as_str().unwrap().to_owned();
                    assert_eq!(&found, code, "{shown}");
                }
            }
        }
        assert_eq!(app.admin.get("/api/v1/models").await.expect(200)["items"], json!([]), "nothing was made");
    }

    async fn what_others_say_of_the_caller_is_not_believed(app: &TestApp) {
        app.admin.post("/api/2.0/mlflow/registered-models/create", json!({"name": "loan"})).await.expect(200);
        let forged = [("X-Forwarded-Proto", "https"), ("X-Forwarded-For", "10.0.0.1"), ("X-Forwarded-User", "administrator"), ("X-Remote-User", "administrator"), ("Remote-User", "administrator")];
        for (name, value) in forged {
            let answer = app.anonymous.call("GET", "/api/v1/whoami").header(name, value).send().await;
            assert_eq!(answer.status, 401, "{name}");
            assert_eq!(answer.header("strict-transport-security"), "", "{name}");
        }
    }
}

/// Percent-encodes everything but letters and digits.
fn encoded(name: &str) -> String {
    name.bytes().map(|byte| if byte.is_ascii_alphanumeric() { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

/// Every detour in the place of every parameter of every route.
fn walk(address: SocketAddr, routes: &[(String, String)], token: &str, secrets: &[String]) -> usize {
    let mut sent = 0;
    for (method, path) in routes {
        let parts: Vec<&str> = path.split('/').collect();
        let places: Vec<usize> = parts.iter().enumerate().filter(|(_, part)| part.starts_with('{')).map(|(place, _)| place).collect();
        for place in &places {
            for detour in detours() {
                let filled: Vec<&str> = parts
                    .iter()
                    .enumerate()
                    .map(|(at, part)| match part {
                        _ if at == *place => detour.as_str(),
                        part if part.starts_with('{') => "1",
                        part => part,
                    })
                    .collect();
                refused(address, method, &filled.join("/"), token, secrets);
                sent += 1;
            }
        }
    }
    sent
}

#[test]
fn an_address_that_asks_too_often_waits() {
    let server = Process::start("[rate]\naddress_per_second = 1\naddress_burst = 20\n");
    block_on(async {
        let client = server.client();
        let mut answers = Vec::new();
        for _ in 0..30 {
            answers.push(client.get("/api/v1/version").await);
        }
        let refused = answers.iter().find(|answer| answer.status == 429).expect("nothing was refused");
        assert_eq!(refused.problem(), "429 rate_limited");
        assert_eq!(refused.header("retry-after"), "1");
        assert_eq!(refused.header("x-content-type-options"), "nosniff");
        let mlflow = client.get("/api/2.0/mlflow/registered-models/search").await;
        assert_eq!((mlflow.status, mlflow.json()["error_code"].as_str()), (429, Some("REQUEST_LIMIT_EXCEEDED")));
        tokio::time::sleep(Duration::from_millis(2_100)).await;
        client.get("/api/v1/version").await.expect(200);
    });
}

#[test]
fn an_actor_that_asks_too_often_waits_whatever_token_he_uses() {
    let server = Process::start("[rate]\nactor_per_second = 1\nactor_burst = 20\n");
    block_on(async {
        let admin = server.admin();
        let second = admin.post("/api/v1/tokens", json!({"user": "administrator"})).await.expect(201)["secret"].as_str().unwrap().to_owned();
        let clients: [Client; 2] = [admin.clone(), server.client().with_token(&second)];
        let mut refused = 0;
        for number in 0..40 {
            let answer = clients[number % 2].get("/api/v1/whoami").await;
            if answer.status == 429 {
                refused += 1;
                assert_eq!((answer.problem().as_str(), answer.header("retry-after")), ("429 rate_limited", "1"));
            }
        }
        assert!(refused >= 10, "{refused}");
        server.client().get("/readyz").await.expect(200);
    });
}

#[test]
fn only_a_trusted_proxy_says_who_asks() {
    // Requests that name another address each time have a bucket each only when the proxy is trusted.
    for (config, expected) in [("", 20), ("[listen]\ntrusted_proxies = [\"127.0.0.0/8\"]\n", 30)] {
        let server = Process::start(&format!("{config}\n[rate]\naddress_per_second = 1\naddress_burst = 20\n"));
        block_on(async {
            let client = server.client();
            let mut taken = 0;
            for number in 0..30 {
                let answer = client.call("GET", "/api/v1/version").header("X-Forwarded-For", &format!("192.0.2.{number}")).send().await;
                taken += usize::from(answer.status == 200);
            }
            // A slow machine may give a few tokens back meanwhile.
            assert!(taken >= expected && (expected == 30 || taken < 30), "{config}: {taken}");
        });
    }
}
