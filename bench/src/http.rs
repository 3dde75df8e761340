//! A lean HTTP/1.1 client, so that the load is not the limit: one connection, one request at a time.

use anyhow::{Context as _, bail};
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// Room for an answer.
const BUFFER: usize = 16 * 1024;

/// A connection that stays open.
#[derive(Debug)]
pub struct Client {
    stream: TcpStream,
    /// A header line that says who calls.
    credential: String,
    buffer: Vec<u8>,
    filled: usize,
}

impl Client {
    /// Connects; every request carries the token.
    pub async fn connect(address: &str, token: &str) -> anyhow::Result<Self> {
        Self::with(address, format!("Authorization: Bearer {token}")).await
    }

    /// Connects; every request carries a header line that says who calls.
    pub async fn with(address: &str, credential: String) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, credential, buffer: vec![0; BUFFER], filled: 0 })
    }

    /// The bytes of a request.
    pub fn request(&self, method: &str, path: &str, body: &[u8]) -> Vec<u8> {
        let mut bytes = format!("{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{}\r\n", self.credential).into_bytes();
        if !body.is_empty() {
            bytes.extend_from_slice(b"Content-Type: application/json\r\n");
        }
        bytes.extend_from_slice(format!("Content-Length: {}\r\n\r\n", body.len()).as_bytes());
        bytes.extend_from_slice(body);
        bytes
    }

    /// Sends bytes as they are.
    pub async fn send(&mut self, bytes: &[u8]) -> anyhow::Result<()> {
        Ok(self.stream.write_all(bytes).await?)
    }

    /// Reads one answer: its status, and where its body is in the buffer.
    async fn answer(&mut self) -> anyhow::Result<(u16, std::ops::Range<usize>)> {
        self.filled = 0;
        loop {
            let filled = self.buffer.get(..self.filled).unwrap_or_default();
            if let Some(end) = filled.windows(4).position(|window| window == b"\r\n\r\n") {
                let head = std::str::from_utf8(filled.get(..end).unwrap_or_default())?;
                let status = head.split(' ').nth(1).context("no status")?.parse()?;
                let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).map_or(Ok(0), str::parse::<usize>)?;
                let body = end + 4..end + 4 + length;
                while self.filled < body.end {
                    self.fill().await?;
                }
                return Ok((status, body));
            }
            self.fill().await?;
        }
    }

    async fn fill(&mut self) -> anyhow::Result<()> {
        if self.filled == self.buffer.len() {
            self.buffer.resize(self.filled * 2, 0);
        }
        let free = self.buffer.get_mut(self.filled..).unwrap_or_default();
        let read = self.stream.read(free).await?;
        if read == 0 {
            bail!("the server closed the connection");
        }
        self.filled += read;
        Ok(())
    }

    /// Sends a request and reads the answer; anything but success is an error with the answer's text.
    pub async fn exchange(&mut self, request: &[u8]) -> anyhow::Result<&[u8]> {
        self.send(request).await?;
        self.receive().await
    }

    /// Reads the answer to what was sent.
    pub async fn receive(&mut self) -> anyhow::Result<&[u8]> {
        let (status, body) = self.answer().await?;
        let body = self.buffer.get(body).unwrap_or_default();
        if !(200..300).contains(&status) {
            bail!("status {status}: {}", String::from_utf8_lossy(body));
        }
        Ok(body)
    }

    /// GET.
    pub async fn get(&mut self, path: &str) -> anyhow::Result<&[u8]> {
        let request = self.request("GET", path, &[]);
        self.exchange(&request).await
    }

    /// A request with a JSON body; the answer is JSON.
    pub async fn json(&mut self, method: &str, path: &str, body: &Value) -> anyhow::Result<Value> {
        let request = self.request(method, path, body.to_string().as_bytes());
        let answer = self.exchange(&request).await.with_context(|| format!("{method} {path}"))?;
        Ok(serde_json::from_slice(answer)?)
    }

    /// A request with any body.
    pub async fn bytes(&mut self, method: &str, path: &str, body: &[u8]) -> anyhow::Result<()> {
        let request = self.request(method, path, body);
        self.exchange(&request).await.with_context(|| format!("{method} {path}")).map(drop)
    }
}
