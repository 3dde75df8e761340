//! Child processes: the server and the baselines, pinned to the core of what is measured.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};

use crate::http::Client;

/// How long a server may take to answer.
const PATIENCE: Duration = Duration::from_secs(60);

/// Where things are.
#[derive(Debug)]
pub struct Setup {
    /// The `chancery` binary.
    pub server: PathBuf,
    /// Folder for data.
    pub work: PathBuf,
    /// Core of what is measured.
    pub core: usize,
    /// Rounds of each ratio.
    pub rounds: usize,
}

impl Setup {
    /// A command that runs pinned to the core of what is measured.
    pub fn pinned(&self, program: &Path) -> Command {
        let mut command = Command::new("taskset");
        command.args(["--cpu-list", &self.core.to_string()]).arg(program);
        command
    }

    /// This program, pinned; what it prints is a number.
    pub fn baseline(&self, arguments: &[&str]) -> anyhow::Result<f64> {
        let output = self.pinned(&std::env::current_exe()?).args(arguments).stderr(Stdio::inherit()).output()?;
        let text = String::from_utf8_lossy(&output.stdout);
        text.trim().parse().with_context(|| format!("the baseline {arguments:?} printed `{text}`"))
    }

    /// An empty folder for data.
    pub fn fresh(&self, name: &str) -> anyhow::Result<PathBuf> {
        let folder = self.work.join(name);
        match std::fs::remove_dir_all(&folder) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
        std::fs::create_dir_all(&folder)?;
        Ok(folder)
    }

    /// Starts a server on a data folder and waits until it answers.
    pub async fn serve(&self, data: &Path, database: Option<&str>) -> anyhow::Result<Server> {
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let address = format!("127.0.0.1:{port}");
        let mut command = self.pinned(&self.server);
        // One client asks as fast as it can: what it measures is the server, not the limit.
        let config = data.with_extension("toml");
        std::fs::write(&config, "[rate]\nactor_per_second = 0\naddress_per_second = 0\n")?;
        command.args(["serve", "--listen", &address, "--config"]).arg(config).arg("--data").arg(data).stdout(Stdio::null());
        if let Some(database) = database {
            command.args(["--database", database]);
        }
        let mut server = wait_for(command, address).await?;
        server.token = std::fs::read_to_string(data.join("admin-token"))?.trim().to_owned();
        Ok(server)
    }

    /// Starts MLflow's own server of a virtual environment, with SQLite and one worker: what `mlflow server --workers 1` runs, without
    /// the process in between.
    pub async fn serve_mlflow(&self, python: &Path, data: &Path) -> anyhow::Result<Server> {
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let address = format!("127.0.0.1:{port}");
        let mut command = self.pinned(python);
        command.args(["-m", "uvicorn", "mlflow.server.fastapi_app:app", "--log-level", "warning", "--host", "127.0.0.1", "--port", &port.to_string()]);
        command.env("_MLFLOW_SERVER_FILE_STORE", format!("sqlite:///{}", data.join("mlflow.db").display()));
        command.env("_MLFLOW_SERVER_ARTIFACT_ROOT", data.join("artifacts"));
        command.envs([("MLFLOW_SERVER_ALLOWED_HOSTS", "*"), ("MLFLOW_DISABLE_TELEMETRY", "true"), ("GIT_PYTHON_REFRESH", "quiet")]);
        command.current_dir(data).stdout(Stdio::null());
        wait_for(command, address).await
    }
}

/// Starts a server and waits until it answers.
async fn wait_for(mut command: Command, address: String) -> anyhow::Result<Server> {
    let started = Instant::now();
    let child = command.spawn().with_context(|| format!("start `{command:?}`"))?;
    let mut server = Server { child, address, token: String::new(), ready: Duration::ZERO };
    loop {
        if let Ok(mut client) = Client::connect(&server.address, "").await
            && client.get("/health").await.is_ok()
        {
            break;
        }
        if started.elapsed() > PATIENCE || server.child.try_wait()?.is_some() {
            bail!("`{command:?}` does not answer");
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    server.ready = started.elapsed();
    Ok(server)
}

/// A running server; it is killed when dropped.
#[derive(Debug)]
pub struct Server {
    child: Child,
    /// Where it listens.
    pub address: String,
    /// Token of its administrator.
    pub token: String,
    /// How long it took until it answered.
    pub ready: Duration,
}

impl Server {
    /// A connection that is logged in.
    pub async fn client(&self) -> anyhow::Result<Client> {
        Client::connect(&self.address, &self.token).await
    }

    /// A line of /proc/PID/status in KiB, such as `VmRSS` or `VmHWM` (the most so far).
    pub fn memory(&self, line: &str) -> anyhow::Result<f64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let value = status.lines().find_map(|text| text.strip_prefix(line)?.strip_prefix(':'));
        let number = value.and_then(|value| value.split_whitespace().next()).context("no such line in /proc/PID/status")?;
        Ok(number.parse()?)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // taskset became the server: exec keeps the process.
        let _killed = self.child.kill();
        let _gone = self.child.wait();
    }
}
