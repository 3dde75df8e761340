//! The program itself as a server of its own, with its log in a file.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use super::Client;

/// A running `chancery serve`; it ends with the test, and with the process of the test.
pub(crate) struct Process {
    pub(crate) child: Child,
    /// `http://…` or `https://…`, as it said.
    pub(crate) url: String,
    pub(crate) address: SocketAddr,
    pub(crate) folder: TempDir,
}

impl Process {
    /// A command that runs the program and ends when this process does.
    pub(crate) fn command() -> Command {
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "SIGKILL", "--", env!("CARGO_BIN_EXE_chancery")]);
        command
    }

    /// Starts on an empty folder with this configuration.
    pub(crate) fn start(config: &str) -> Self {
        Self::start_in(tempfile::tempdir().unwrap(), config, |_| {})
    }

    /// Starts on a folder, of which `data` is the data, after `prepare` has added flags and variables.
    pub(crate) fn start_in(folder: TempDir, config: &str, prepare: impl FnOnce(&mut Command)) -> Self {
        let file = folder.path().join("config.toml");
        std::fs::write(&file, config).unwrap();
        let log = std::fs::OpenOptions::new().create(true).append(true).open(folder.path().join("log")).unwrap();
        let mut command = Self::command();
        command.args(["serve", "--listen", "127.0.0.1:0", "--config"]).arg(file).arg("--data").arg(folder.path().join("data"));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log);
        prepare(&mut command);
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let Some(first) = lines.next() else {
            panic!("it did not start: {}", std::fs::read_to_string(folder.path().join("log")).unwrap());
        };
        let first = first.unwrap();
        // The others are read so that it never waits for a reader.
        std::thread::spawn(move || lines.for_each(drop));
        let url = first.split_whitespace().find(|word| word.starts_with("http")).unwrap().to_owned();
        let address = url.split("://").nth(1).unwrap().parse().unwrap();
        Self { child, url, address, folder }
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    pub(crate) fn token(&self) -> String {
        std::fs::read_to_string(self.data().join("admin-token")).unwrap().trim().to_owned()
    }

    pub(crate) fn client(&self) -> Client {
        Client::new(&self.url)
    }

    pub(crate) fn admin(&self) -> Client {
        self.client().with_token(&self.token())
    }

    /// Everything that it logged.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap()
    }

    /// Sends it a signal, by name.
    pub(crate) fn signal(&self, name: &str) {
        let done = Command::new("kill").args([&format!("-{name}"), &self.child.id().to_string()]).status().unwrap();
        assert!(done.success());
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
