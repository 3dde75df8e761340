//! A private PostgreSQL on the server's core, durable as in production (fsync on), gone when this process ends.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use anyhow::{Result, bail};

const SUPERVISOR: &str = r#"
folder=$(mktemp -d /tmp/chancery-bench-XXXXXX) || exit 1
programs=$(ls -d /usr/lib/postgresql/*/bin | tail -n 1)
as=""
if [ "$(id -u)" = 0 ]; then chown postgres "$folder"; as="setpriv --reuid=postgres --regid=postgres --clear-groups --"; fi
cd "$folder"
$as "$programs/initdb" -D "$folder/data" -U postgres -A trust -E UTF8 --locale=C.UTF-8 >"$folder/log" 2>&1 || { cat "$folder/log"; exit 1; }
$as taskset -c 0 "$programs/postgres" -D "$folder/data" -h 127.0.0.1 -p "$PORT" -k "$folder" -c shared_buffers=256MB >"$folder/log" 2>&1 </dev/null &
server=$!
until "$programs/pg_isready" -q -h 127.0.0.1 -p "$PORT"; do kill -0 $server 2>/dev/null || { cat "$folder/log"; exit 1; }; sleep 0.05; done
for name in bench bare; do "$programs/createdb" -h 127.0.0.1 -p "$PORT" -U postgres "$name"; done
echo ready
cat >/dev/null
kill -QUIT $server; wait $server; rm -rf "$folder"
"#;

/// A running PostgreSQL with the empty databases `bench` and `bare`.
pub struct Postgres {
    port: u16,
    _supervisor: Child,
}

impl Postgres {
    /// Starts it.
    pub fn start() -> Result<Self> {
        let port = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let mut supervisor =
            Command::new("sh").args(["-c", SUPERVISOR]).env("PORT", port.to_string()).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let mut said = String::new();
        if let Some(output) = supervisor.stdout.take() {
            for line in BufReader::new(output).lines() {
                let line = line?;
                if line == "ready" {
                    return Ok(Self { port, _supervisor: supervisor });
                }
                said.push_str(&line);
            }
        }
        bail!("PostgreSQL did not start: {said}")
    }

    /// Address of a database.
    pub fn address(&self, database: &str) -> String {
        format!("postgres://postgres@127.0.0.1:{}/{database}", self.port)
    }
}
