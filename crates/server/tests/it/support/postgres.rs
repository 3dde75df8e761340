//! A real PostgreSQL in a temporary folder: one server per test process, one fresh database per test.
//!
//! A shell script supervises the server and waits for the end of its standard input, which this process holds: however the
//! tests end, the pipe closes, the script stops the server and deletes the folder.

use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{LazyLock, Mutex};

use tokio_postgres::NoTls;

/// Where Debian puts the programs of the server.
const PROGRAMS: &str = "/usr/lib/postgresql/15/bin";

/// The default collation is not that of bytes, so that a missing COLLATE "C" shows. A server that runs as root refuses to
/// start, so root becomes the user `postgres`.
const SUPERVISOR: &str = r#"
trap '' INT TERM HUP
folder=$(mktemp -d /tmp/chancery-postgres-XXXXXX) || exit 1
as=""
if [ "$(id -u)" = 0 ]; then
    chown postgres "$folder"
    as="setpriv --reuid=postgres --regid=postgres --clear-groups --pdeathsig SIGKILL --"
fi
cd "$folder"
secure=""
if [ -n "${CERTIFICATE:-}" ]; then
    cp "$CERTIFICATE" server.crt && cp "$KEY" server.key && chmod 600 server.key
    [ "$(id -u)" = 0 ] && chown postgres server.crt server.key
    secure="-c ssl=on -c ssl_cert_file=$folder/server.crt -c ssl_key_file=$folder/server.key -c hba_file=$folder/hba.conf"
    echo "hostssl all all 127.0.0.1/32 trust" >hba.conf && chmod 644 hba.conf
fi
$as "$PROGRAMS/initdb" -D "$folder/data" -U postgres -A trust -E UTF8 --locale=C.UTF-8 \
    --locale-provider=icu --icu-locale=en-US --no-sync >"$folder/initdb.log" 2>&1 || { cat "$folder/initdb.log"; rm -rf "$folder"; exit 1; }
$as "$PROGRAMS/postgres" -D "$folder/data" -h 127.0.0.1 -p "$PORT" -k "$folder" \
    -c fsync=off -c max_connections=200 -c shared_buffers=32MB $secure >"$folder/server.log" 2>&1 </dev/null &
server=$!
until "$PROGRAMS/pg_isready" -q -h 127.0.0.1 -p "$PORT"; do
    kill -0 $server 2>/dev/null || { cat "$folder/server.log"; rm -rf "$folder"; exit 1; }
    sleep 0.05
done
echo ready
cat >/dev/null
kill -QUIT $server
wait $server
rm -rf "$folder"
"#;

struct Server {
    port: u16,
    /// Held for its standard input.
    supervisor: Mutex<Child>,
}

static SERVER: LazyLock<Server> = LazyLock::new(|| start(None));

/// A server of its own that takes encrypted connections only, with this certificate and key; gives its port. It ends when dropped.
pub(crate) fn encrypted(certificate: &Path, key: &Path) -> (u16, Stop) {
    let server = start(Some((certificate, key)));
    (server.port, Stop(server))
}

/// Ends a server when dropped: its standard input closes.
pub(crate) struct Stop(Server);

impl Drop for Stop {
    fn drop(&mut self) {
        let mut child = self.0.supervisor.lock().unwrap();
        drop(child.stdin.take());
        drop(child.wait());
    }
}

fn start(secure: Option<(&Path, &Path)>) -> Server {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mut command = Command::new("sh");
    if let Some((certificate, key)) = secure {
        command.env("CERTIFICATE", certificate).env("KEY", key);
    }
    #[expect(clippy::zombie_processes, reason = "it lives as long as this process, and ends when its standard input does")]
    let mut supervisor = command
        .args(["-c", SUPERVISOR])
        .envs([("PROGRAMS", PROGRAMS), ("PORT", &port.to_string())])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = String::new();
    for line in BufReader::new(supervisor.stdout.take().unwrap()).lines() {
        let line = line.unwrap();
        if line == "ready" {
            return Server { port, supervisor: Mutex::new(supervisor) };
        }
        said.push_str(&line);
        said.push('\n');
    }
    let user = std::fs::metadata("/proc/self").unwrap().uid();
    panic!("PostgreSQL did not start as user {user}:\n{said}");
}

static DATABASES: AtomicU32 = AtomicU32::new(0);

/// The address of a new, empty database.
pub(crate) async fn database() -> String {
    database_with("").await
}

/// The address of a new, empty database made with these options of CREATE DATABASE.
pub(crate) async fn database_with(options: &str) -> String {
    let port = tokio::task::spawn_blocking(|| SERVER.port).await.unwrap();
    let name = format!("test_{}", DATABASES.fetch_add(1, Ordering::Relaxed));
    execute(&address(port, "postgres"), &format!("CREATE DATABASE {name} TEMPLATE template0 {options}")).await;
    address(port, &name)
}

/// Runs statements on a connection of their own, past the store.
pub(crate) async fn execute(address: &str, sql: &str) {
    let (client, connection) = tokio_postgres::connect(address, NoTls).await.unwrap();
    let task = tokio::spawn(connection);
    client.batch_execute(sql).await.unwrap();
    drop(client);
    task.await.unwrap().unwrap();
}

fn address(port: u16, database: &str) -> String {
    format!("postgres://postgres@127.0.0.1:{port}/{database}")
}

/// Every row of every table of a database, as text.
pub(crate) async fn dump(address: &str) -> String {
    let (client, connection) = tokio_postgres::connect(address, NoTls).await.unwrap();
    let task = tokio::spawn(connection);
    let mut text = String::new();
    let tables = client.query("SELECT table_name::text FROM information_schema.tables WHERE table_schema = 'public'", &[]).await.unwrap();
    for table in tables {
        let name: String = table.get(0);
        for row in client.query(&format!("SELECT t::text FROM \"{name}\" t"), &[]).await.unwrap() {
            let row: String = row.get(0);
            text.push_str(&row);
            // Bytes are shown as hexadecimal; what they spell is searched, too.
            for word in row.split("\\\\x").skip(1) {
                let digits: String = word.chars().take_while(char::is_ascii_hexdigit).collect();
                text.push_str(&String::from_utf8_lossy(&hex::decode(digits).unwrap_or_default()));
            }
        }
    }
    drop(client);
    task.await.unwrap().unwrap();
    text
}
