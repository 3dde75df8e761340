//! Upload of a large file beside the rate at which one thread hashes from memory.

use std::time::Instant;

use chancery_core::names::Digest;
use sha2::{Digest as _, Sha256};

use crate::http::Client;
use crate::proc::Setup;
use crate::table::{Limit, Table};

/// Bytes of the file.
const SIZE: usize = 2 << 30;
/// Bytes that are sent at once.
const BLOCK: usize = 1 << 20;
/// Bytes that are hashed for the baseline.
const HASHED: usize = 1 << 30;

/// Bytes per second of SHA-256 from memory, in MB/s.
pub fn hash_rate() -> f64 {
    let block = vec![0xa5_u8; BLOCK];
    let start = Instant::now();
    let mut hasher = Sha256::new();
    for _ in 0..HASHED / BLOCK {
        hasher.update(&block);
    }
    std::hint::black_box(hasher.finalize());
    HASHED as f64 / 1e6 / start.elapsed().as_secs_f64()
}

/// The blocks of file `seed`: all different, made in memory, never on the client's disk.
struct Blocks {
    block: Vec<u8>,
    number: u64,
}

impl Blocks {
    fn new(seed: u64) -> Self {
        // A cheap generator: the bytes must not compress or repeat within a block, nothing more.
        let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        let mut block = Vec::with_capacity(BLOCK);
        while block.len() < BLOCK {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            block.extend_from_slice(&state.to_le_bytes());
        }
        Self { block, number: 0 }
    }

    fn next(&mut self) -> &[u8] {
        self.number += 1;
        let stamp = self.number.to_le_bytes();
        if let Some(head) = self.block.get_mut(..stamp.len()) {
            head.copy_from_slice(&stamp);
        }
        &self.block
    }
}

fn digest(seed: u64) -> anyhow::Result<Digest> {
    let mut hasher = Sha256::new();
    let mut blocks = Blocks::new(seed);
    for _ in 0..SIZE / BLOCK {
        hasher.update(blocks.next());
    }
    let text = hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    Ok(Digest::parse(&text)?)
}

/// 2 GB, hashed, fsynced and visible; and what the server's memory does meanwhile.
pub async fn measure(setup: &Setup, table: &mut Table) -> anyhow::Result<()> {
    let (mut rates, mut grown) = (Vec::new(), Vec::new());
    for round in 0..setup.rounds as u64 {
        let data = setup.fresh("upload")?;
        let server = setup.serve(&data, None).await?;
        let digest = digest(round)?;
        let before = server.memory("VmRSS")?;
        let mut client = server.client().await?;
        let start = Instant::now();
        send(&mut client, &server.token, &digest, round).await?;
        let rate = SIZE as f64 / 1e6 / start.elapsed().as_secs_f64();
        grown.push((server.memory("VmHWM")? - before).max(0.0) / 1024.0);
        // It is there for the next reader.
        server.client().await?.get(&format!("/api/v1/blobs/{digest}")).await?;
        rates.push((rate, setup.baseline(&["hash"])?));
    }
    setup.fresh("upload")?;
    table.share("upload of 2 GB / SHA-256 from memory", "MB/s", &rates, 0.4);
    table.figure("upload of 2 GB: memory of the server grows by", "MiB", &grown, Limit::Below(64.0));
    Ok(())
}

async fn send(client: &mut Client, token: &str, digest: &Digest, seed: u64) -> anyhow::Result<()> {
    let head = format!("PUT /api/v1/blobs/{digest} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {token}\r\nContent-Length: {SIZE}\r\n\r\n");
    client.send(head.as_bytes()).await?;
    let mut blocks = Blocks::new(seed);
    for _ in 0..SIZE / BLOCK {
        client.send(blocks.next()).await?;
    }
    client.receive().await.map(drop)
}
