//! The ledger of a million entries: verification, proofs, start, memory at rest.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use chancery::app::{App, AppConfig};
use chancery::clock::Clock;
use chancery::ledger::sequence::Edge;
use chancery::store::{Head, Schema, Store, StoreConfig, Writer};
use chancery_core::names::{PolicyMode, Timestamp};
use chancery_core::rows::{Row as _, Rows};
use chancery_core::tables::EntryRow;
use serde_json::json;

use crate::proc::{Server, Setup};
use crate::script::{Group, Script, VERSIONS};
use crate::table::{Limit, Table, median};

/// Entries.
const ENTRIES: u64 = 1_000_000;
/// Models, and entries in one transaction while the ledger is made.
const GROUP: u64 = 4096;
/// Proofs that are asked for in a round.
const PROOFS: u64 = 500;
/// A server at rest has been left alone for so long.
const REST: Duration = Duration::from_secs(2);

/// All figures of the large ledger.
pub async fn measure(setup: &Setup, table: &mut Table) -> anyhow::Result<()> {
    let data = grown(setup)?;
    let (mut ready, mut idle, mut proof, mut slowest) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    // The first start signs the checkpoint over what was made.
    drop(setup.serve(&data, None).await?);
    for _ in 0..setup.rounds {
        let server = setup.serve(&data, None).await?;
        ready.push(server.ready.as_secs_f64() * 1000.0);
        tokio::time::sleep(REST).await;
        idle.push(server.memory("VmRSS")? / 1024.0);
        let times = proofs(&server).await?;
        proof.push(median(&times));
        slowest.push(percentile(&times, 0.99));
    }
    table.figure("ready with 1,000,000 entries", "ms", &ready, Limit::Below(200.0));
    table.figure("idle with 1,000,000 entries: resident", "MiB", &idle, Limit::Below(64.0));
    table.figure("inclusion proof over HTTP, 1,000,000 entries: p50", "ms", &proof, Limit::Below(1.0));
    table.figure("inclusion proof over HTTP, 1,000,000 entries: p99", "ms", &slowest, Limit::Below(1.0));
    for (mode, least) in [("tree", 200_000.0), ("full", 30_000.0)] {
        let rates = (0..setup.rounds).map(|_| verify(setup, &data, mode)).collect::<anyhow::Result<Vec<_>>>()?;
        table.figure(&format!("ledger verify --mode {mode}, 1,000,000 entries"), "entries/s", &rates, Limit::AtLeast(least));
    }
    Ok(())
}

fn percentile(times: &[f64], share: f64) -> f64 {
    let mut times = times.to_vec();
    times.sort_by(f64::total_cmp);
    times.get((times.len() as f64 * share) as usize).copied().unwrap_or_default()
}

async fn proofs(server: &Server) -> anyhow::Result<Vec<f64>> {
    let mut client = server.client().await?;
    let mut times = Vec::new();
    for number in 0..PROOFS {
        // Spread over the whole ledger, so that every level of tiles is read anew.
        let index = number * 7_919_993 % ENTRIES;
        let start = Instant::now();
        client.get(&format!("/api/v1/ledger/proof/{index}")).await?;
        times.push(start.elapsed().as_secs_f64() * 1000.0);
    }
    Ok(times)
}

fn verify(setup: &Setup, data: &Path, mode: &str) -> anyhow::Result<f64> {
    let start = Instant::now();
    let output =
        setup.pinned(&setup.server).args(["--output", "json", "ledger", "verify", "--mode", mode, "--data"]).arg(data).stderr(Stdio::inherit()).output()?;
    if !output.status.success() {
        bail!("ledger verify --mode {mode}: {}", String::from_utf8_lossy(&output.stdout));
    }
    Ok(ENTRIES as f64 / start.elapsed().as_secs_f64())
}

/// The folder of the large ledger; made once for each state of the core's source.
fn grown(setup: &Setup) -> anyhow::Result<PathBuf> {
    let tree = Command::new("git").args(["rev-parse", "--short=16", "HEAD:crates/core"]).output()?;
    let tree = String::from_utf8(tree.stdout)?;
    let name = format!("ledger-{}", tree.trim());
    let data = setup.work.join(&name);
    if data.join("complete").is_file() {
        return Ok(data);
    }
    setup.fresh(&name)?;
    eprintln!("  making a ledger of {ENTRIES} entries");
    let status = Command::new(std::env::current_exe()?).arg("grow").arg(&data).arg(ENTRIES.to_string()).status()?;
    if !status.success() {
        bail!("the ledger could not be made");
    }
    std::fs::write(data.join("complete"), "")?;
    Ok(data)
}

/// Makes a ledger: 4,096 models, 20 versions of each, changes of tags for the rest.
pub async fn grow(data: &Path, entries: u64) -> anyhow::Result<()> {
    let store = StoreConfig { data: data.to_owned(), database: None };
    let config = AppConfig {
        store: store.clone(),
        policy_mode: PolicyMode::Enforce,
        no_auth: false,
        login: chancery::app::LoginConfig::default(),
        web: chancery::app::WebConfig::default(),
        clock: Clock::System { offset: 0 },
        workload_issuers: Vec::new(),
        crash: None,
        settings: Vec::new(),
        keys: chancery::keys::Sources::default(),
        rates: std::sync::Arc::new(chancery::app::rates::Rates::new(&chancery::config::Rate::off())),
    };
    drop(App::open(config).await?);
    let (_store, mut writer) = open(store).await?;
    let Head { size, at } = writer.begin().await?.head();
    let mut script = Script::new(size, at, json!({"training": {"run_id": ""}, "intended_use": "Scores applications for consumer credit; a person decides."}))?;
    let first = size;
    let mut edge = Edge::load(&mut writer.begin().await?, size).await?;
    while script.size < entries {
        let count = GROUP.min(entries - script.size);
        let step = script.size - first;
        let commands = (step..step + count).map(|step| command(&mut script, step)).collect::<anyhow::Result<Vec<_>>>()?;
        let group = loaded(&mut writer, &mut script, &commands).await?;
        write(&mut writer, &mut edge, group).await?;
        // What was read is read again: a million entries do not fit into memory.
        script.rows = Rows::default();
    }
    Ok(())
}

/// The lock on the folder goes with the sequencer's thread, which ends shortly after its application.
async fn open(store: StoreConfig) -> anyhow::Result<(Store, Writer)> {
    let deadline = Instant::now() + Duration::from_secs(5);
    loop {
        match Store::open(store.clone(), &Schema::product()).await {
            Ok(opened) => return Ok(opened),
            Err(fault) if Instant::now() > deadline => return Err(fault).context("open the new ledger"),
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
}

/// What comes at a step: all models, then all first versions and so on, then changes of tags. No command of a group needs
/// another one of it, so that few passes find what must be loaded.
fn command(script: &mut Script, step: u64) -> anyhow::Result<chancery_core::Command> {
    let model = usize::try_from(step % GROUP)?;
    match step / GROUP {
        0 => script.create(),
        number if number <= VERSIONS => script.register(model, number),
        number => script.tag(model, number),
    }
}

async fn loaded(writer: &mut Writer, script: &mut Script, commands: &[chancery_core::Command]) -> anyhow::Result<Group> {
    let mut tx = writer.begin().await?;
    loop {
        if let Some(group) = script.group(commands)? {
            return Ok(group);
        }
        for (key, values) in tx.load(script.rows.take_missing()).await? {
            script.rows.fill(key, values);
        }
    }
}

async fn write(writer: &mut Writer, edge: &mut Edge, group: Group) -> anyhow::Result<()> {
    let mut tx = writer.begin().await?;
    for entry in &group.entries {
        edge.append(chancery_core::ledger::merkle::leaf_hash(&entry.bytes));
    }
    let entries: Vec<_> = group.entries.iter().map(EntryRow::to_values).collect();
    tx.insert(EntryRow::TABLE, &entries).await?;
    edge.full_tiles(&mut tx).await?;
    tx.flush(group.changes).await?;
    tx.set_head(Head { size: group.size, at: Timestamp::from_micros(group.at) });
    Ok(tx.commit().await?)
}
