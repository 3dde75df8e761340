//! `[limits]`: what a caller may use at most, and how long he may take.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::value::{Invalid, within};

/// Sizes, counts and times. The defaults fit a server with some hundred users and their pipelines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Connections at once; further ones wait to be taken.
    pub connections: usize,
    /// Connections at once of one address (IPv6: of one /64); further ones are closed at once. A trusted proxy counts as one address
    /// and has no such limit.
    pub connections_per_address: usize,
    /// Requests at once on one HTTP/2 connection.
    pub streams: u32,
    /// Bytes of path and query.
    pub request_line_bytes: usize,
    /// Number of headers.
    pub headers: usize,
    /// Bytes of all headers, names and values.
    pub header_bytes: usize,
    /// Seconds until the headers of a request must be there, the TLS handshake included.
    pub header_seconds: u64,
    /// Seconds in which a body that is sent or taken must move on by 4 KiB, or to its end.
    pub body_idle_seconds: u64,
    /// Seconds that a connection without a request stays open.
    pub keep_alive_seconds: u64,
    /// Seconds for a request, uploads and downloads apart.
    pub request_seconds: u64,
    /// Seconds that running requests have after the signal to stop.
    pub grace_seconds: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 8_192,
            connections_per_address: 1_024,
            streams: 128,
            request_line_bytes: 16 * 1024,
            headers: 64,
            header_bytes: 32 * 1024,
            header_seconds: 15,
            body_idle_seconds: 30,
            keep_alive_seconds: 75,
            request_seconds: 60,
            grace_seconds: 20,
        }
    }
}

impl Limits {
    pub(super) fn check(&self) -> Result<(), Invalid> {
        within("limits.connections", self.connections, 1..=1_000_000)?;
        within("limits.connections_per_address", self.connections_per_address, 1..=1_000_000)?;
        within("limits.streams", self.streams, 1..=10_000)?;
        within("limits.request_line_bytes", self.request_line_bytes, 1_024..=60_000)?;
        // hyper reads at most a hundred headers of HTTP/1.1.
        within("limits.headers", self.headers, 16..=100)?;
        within("limits.header_bytes", self.header_bytes, 4_096..=65_536)?;
        within("limits.header_seconds", self.header_seconds, 1..=600)?;
        within("limits.body_idle_seconds", self.body_idle_seconds, 1..=3_600)?;
        within("limits.keep_alive_seconds", self.keep_alive_seconds, 1..=3_600)?;
        within("limits.request_seconds", self.request_seconds, 1..=3_600)?;
        within("limits.grace_seconds", self.grace_seconds, 0..=3_600)
    }

    /// [`Limits::header_seconds`].
    pub fn header_time(&self) -> Duration {
        Duration::from_secs(self.header_seconds)
    }

    /// [`Limits::body_idle_seconds`].
    pub fn body_idle(&self) -> Duration {
        Duration::from_secs(self.body_idle_seconds)
    }

    /// [`Limits::keep_alive_seconds`].
    pub fn keep_alive(&self) -> Duration {
        Duration::from_secs(self.keep_alive_seconds)
    }

    /// [`Limits::request_seconds`].
    pub fn request_time(&self) -> Duration {
        Duration::from_secs(self.request_seconds)
    }

    /// [`Limits::grace_seconds`].
    pub fn grace(&self) -> Duration {
        Duration::from_secs(self.grace_seconds)
    }
}
