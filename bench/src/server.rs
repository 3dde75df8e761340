//! A server process of the release build, pinned to core 0.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

/// The program under test: beside this one.
pub fn program() -> Result<PathBuf> {
    let here = std::env::current_exe()?;
    Ok(here.parent().context("no folder")?.join("chancery"))
}

/// A command pinned to core 0.
pub fn pinned(program: &Path) -> Command {
    let mut command = Command::new("taskset");
    command.args(["-c", "0"]).arg(program);
    command
}

/// A running server.
pub struct Server {
    child: Child,
    /// Host and port.
    pub address: String,
    /// The first administrator's token.
    pub token: String,
    /// From the start of the process to the first answer.
    pub ready: Duration,
}

impl Server {
    /// Starts a server on a data folder and waits for its first answer.
    pub fn start(data: &Path, database: Option<&str>) -> Result<Self> {
        let port = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let address = format!("127.0.0.1:{port}");
        let begun = Instant::now();
        let mut command = pinned(&program()?);
        command.args(["serve", "--listen", &address, "--data"]).arg(data);
        if let Some(database) = database {
            command.args(["--database", database]);
        }
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).env("RUST_LOG", "warn").spawn()?;
        let mut server = Self { child, address, token: String::new(), ready: Duration::ZERO };
        while !healthy(&server.address) {
            if begun.elapsed() > Duration::from_secs(20) {
                bail!("the server did not start");
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        server.ready = begun.elapsed();
        server.token = std::fs::read_to_string(data.join("admin-token"))?.trim().to_owned();
        Ok(server)
    }

    /// Resident memory in MiB.
    pub fn resident(&self) -> Result<f64> {
        // taskset executes the program in its own place, so the process id is the server's.
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find(|line| line.starts_with("VmRSS")).context("no VmRSS")?;
        let kibibytes: f64 = line.split_whitespace().nth(1).context("no number")?.parse()?;
        Ok(kibibytes / 1024.0)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn healthy(address: &str) -> bool {
    use std::io::{Read as _, Write as _};
    let Ok(mut stream) = std::net::TcpStream::connect(address) else { return false };
    let request = format!("GET /healthz HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    let mut answer = String::new();
    stream.write_all(request.as_bytes()).is_ok() && stream.read_to_string(&mut answer).is_ok() && answer.starts_with("HTTP/1.1 200")
}
