//! A lean HTTP/1.1 client, so that the load generator is not the limit: one connection, one request at a time, kept alive.

use anyhow::{Context as _, Result, bail};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// One connection.
pub struct Connection {
    stream: TcpStream,
    head: String,
    buffer: Vec<u8>,
}

/// An answer.
pub struct Answer {
    /// Status.
    pub status: u16,
    /// Body.
    pub body: Vec<u8>,
}

impl Connection {
    /// Connects to `address`; every request carries `token`.
    pub async fn open(address: &str, token: &str) -> Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let head = format!("Host: {address}\r\nAuthorization: Bearer {token}\r\n");
        Ok(Self { stream, head, buffer: Vec::with_capacity(16 * 1024) })
    }

    /// Sends a request with a JSON body, or none, and reads the answer.
    pub async fn send(&mut self, method: &str, path: &str, body: &str) -> Result<Answer> {
        let request = format!("{method} {path} HTTP/1.1\r\n{}Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}", self.head, body.len());
        self.stream.write_all(request.as_bytes()).await?;
        self.answer().await
    }

    /// Sends a body of `size` bytes that `fill` writes piece by piece.
    pub async fn stream(&mut self, method: &str, path: &str, size: u64, mut fill: impl FnMut(u64, &mut Vec<u8>)) -> Result<Answer> {
        let request = format!("{method} {path} HTTP/1.1\r\n{}Content-Type: application/octet-stream\r\nContent-Length: {size}\r\n\r\n", self.head);
        self.stream.write_all(request.as_bytes()).await?;
        let (mut sent, mut piece) = (0, Vec::new());
        while sent < size {
            fill(sent, &mut piece);
            let take = piece.len().min(usize::try_from(size - sent)?);
            self.stream.write_all(&piece[..take]).await?;
            sent += take as u64;
        }
        self.answer().await
    }

    /// Reads one answer with a Content-Length.
    async fn answer(&mut self) -> Result<Answer> {
        self.buffer.clear();
        let end = loop {
            if let Some(end) = self.buffer.windows(4).position(|window| window == b"\r\n\r\n") {
                break end + 4;
            }
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                bail!("the server closed the connection");
            }
        };
        let head = std::str::from_utf8(&self.buffer[..end])?;
        let status: u16 = head.get(9..12).context("no status")?.parse()?;
        let length = head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length:").map(|value| value.trim().parse::<usize>()));
        let length = length.transpose()?.unwrap_or(0);
        while self.buffer.len() < end + length {
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                bail!("the server closed the connection");
            }
        }
        Ok(Answer { status, body: self.buffer[end..end + length].to_vec() })
    }
}
