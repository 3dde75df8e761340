//! Load: so many connections, each sends its next request when the last was answered.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::http::Client;
use crate::proc::Server;

/// Before this nothing is counted.
const WARM_UP: Duration = Duration::from_millis(500);

/// The path, method and body of request `number` of connection `connection`.
pub type Make = dyn Fn(usize, u64) -> (&'static str, String, String);

/// What was measured.
#[derive(Clone, Debug)]
pub struct Measured {
    /// Answers per second.
    pub rate: f64,
    /// Median latency in milliseconds.
    pub p50: f64,
    /// 95th percentile in milliseconds.
    pub p95: f64,
    /// 99th percentile in milliseconds.
    pub p99: f64,
}

/// Runs `make` on `connections` connections for `seconds`.
pub async fn run(server: &Server, connections: usize, seconds: f64, make: Arc<Make>) -> anyhow::Result<Measured> {
    let mut clients = Vec::with_capacity(connections);
    for _ in 0..connections {
        clients.push(server.client().await?);
    }
    run_with(clients, seconds, make).await
}

/// Runs `make` on connections for `seconds`.
pub async fn run_with(clients: Vec<Client>, seconds: f64, make: Arc<Make>) -> anyhow::Result<Measured> {
    let start = Instant::now() + WARM_UP;
    let end = start + Duration::from_secs_f64(seconds);
    let tasks = clients.into_iter().enumerate().map(|(connection, client)| one(client, connection, start, end, Arc::clone(&make)));
    let mut latencies: Vec<u32> = futures_util::future::try_join_all(tasks).await?.into_iter().flatten().collect();
    latencies.sort_unstable();
    let at = |share: f64| {
        let position = (latencies.len() as f64 * share) as usize;
        f64::from(latencies.get(position).copied().unwrap_or_default()) / 1000.0
    };
    Ok(Measured { rate: latencies.len() as f64 / seconds, p50: at(0.5), p95: at(0.95), p99: at(0.99) })
}

async fn one(mut client: Client, connection: usize, start: Instant, end: Instant, make: Arc<Make>) -> anyhow::Result<Vec<u32>> {
    let mut latencies = Vec::with_capacity(1 << 14);
    for number in 0.. {
        let (method, path, body) = make(connection, number);
        let request = client.request(method, &path, body.as_bytes());
        let sent = Instant::now();
        if sent >= end {
            break;
        }
        client.exchange(&request).await?;
        let answered = Instant::now();
        if sent >= start && answered <= end {
            latencies.push(u32::try_from((answered - sent).as_micros()).unwrap_or(u32::MAX));
        }
    }
    Ok(latencies)
}
