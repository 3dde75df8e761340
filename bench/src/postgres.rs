//! A private PostgreSQL on the core of what is measured, durable as in production.

use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};

use anyhow::bail;
use tokio_postgres::{Client, NoTls};

use crate::proc::Setup;

/// Supervises the server and ends it, with its folder, when standard input closes: however the bench ends.
const SUPERVISOR: &str = r#"
trap '' INT TERM HUP
folder=$(mktemp -d /tmp/chancery-bench-postgres-XXXXXX) || exit 1
programs=$(ls -d /usr/lib/postgresql/*/bin | tail -1)
as=""
if [ "$(id -u)" = 0 ]; then
    chown postgres "$folder"
    as="setpriv --reuid=postgres --regid=postgres --clear-groups --pdeathsig SIGKILL --"
fi
cd "$folder"
$as "$programs/initdb" -D "$folder/data" -U postgres -A trust -E UTF8 --locale=C.UTF-8 --no-sync >"$folder/initdb.log" 2>&1 || { cat "$folder/initdb.log"; rm -rf "$folder"; exit 1; }
taskset --cpu-list "$CORE" $as "$programs/postgres" -D "$folder/data" -h 127.0.0.1 -p "$PORT" -k "$folder" \
    -c fsync=on -c synchronous_commit=on -c max_connections=50 -c shared_buffers=256MB >"$folder/server.log" 2>&1 </dev/null &
server=$!
until "$programs/pg_isready" -q -h 127.0.0.1 -p "$PORT"; do
    kill -0 $server 2>/dev/null || { cat "$folder/server.log"; rm -rf "$folder"; exit 1; }
    sleep 0.05
done
echo ready
cat >/dev/null
kill -QUIT $server
wait $server
rm -rf "$folder"
"#;

/// A running PostgreSQL.
#[derive(Debug)]
pub struct Postgres {
    port: u16,
    supervisor: Child,
}

impl Postgres {
    /// Starts it.
    pub fn start(setup: &Setup) -> anyhow::Result<Self> {
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let mut supervisor = Command::new("sh")
            .args(["-c", SUPERVISOR])
            .envs([("PORT", port.to_string()), ("CORE", setup.core.to_string())])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut said = String::new();
        for line in supervisor.stdout.take().into_iter().flat_map(|output| BufReader::new(output).lines()) {
            let line = line?;
            if line == "ready" {
                return Ok(Self { port, supervisor });
            }
            said.push_str(&line);
            said.push('\n');
        }
        bail!("PostgreSQL did not start:\n{said}");
    }

    fn address(&self, database: &str) -> String {
        format!("postgres://postgres@127.0.0.1:{}/{database}", self.port)
    }

    /// The address of an empty database with this name.
    pub async fn database(&self, name: &str) -> anyhow::Result<String> {
        let client = connect(&self.address("postgres")).await?;
        client.batch_execute(&format!("DROP DATABASE IF EXISTS {name}")).await?;
        client.batch_execute(&format!("CREATE DATABASE {name} TEMPLATE template0")).await?;
        Ok(self.address(name))
    }

    /// The number of entries from `first` on, and of the transactions that made them.
    pub async fn batches(&self, database: &str, first: u64) -> anyhow::Result<(u64, u64)> {
        let client = connect(database).await?;
        let text = "SELECT count(*), count(DISTINCT convert_from(bytes, 'UTF8')::json->>'at') FROM entries WHERE entry_index >= $1";
        let row = client.query_one(text, &[&i64::try_from(first)?]).await?;
        Ok((u64::try_from(row.get::<_, i64>(0))?, u64::try_from(row.get::<_, i64>(1))?))
    }
}

async fn connect(address: &str) -> anyhow::Result<Client> {
    let (client, connection) = tokio_postgres::connect(address, NoTls).await?;
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            eprintln!("PostgreSQL: {error}");
        }
    });
    Ok(client)
}

impl Drop for Postgres {
    fn drop(&mut self) {
        drop(self.supervisor.stdin.take());
        let _gone = self.supervisor.wait();
    }
}
