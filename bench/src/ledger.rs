//! A ledger of a million entries: verification, proofs, start.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use chancery::app::{App, AppConfig, Options};
use chancery::clock::Clock;
use chancery::store::StoreConfig;
use chancery_core::entry::Door;
use chancery_core::names::{ModelId, ModelKind, ModelName, PolicyMode, RiskTier, TagKey};
use chancery_core::{model, tag};
use futures_util::StreamExt as _;

use crate::client::Connection;
use crate::figures::{Figures, Limit};
use crate::load::timed;
use crate::server::{Server, pinned, program};

const ENTRIES: u64 = 1_000_000;
/// Models that the tags belong to.
const MODELS: u64 = 1000;

/// `fill FOLDER`: a ledger of [`ENTRIES`] entries, made by the application itself.
pub async fn fill(arguments: &[String]) -> Result<()> {
    let folder = arguments.first().context("fill FOLDER")?;
    let config = AppConfig {
        store: StoreConfig { data: folder.into(), database: None },
        policy_mode: PolicyMode::Enforce,
        no_auth: true,
        clock: Clock::System { offset: 0 },
        crash: None,
    };
    let (app, _) = App::open(config).await?;
    let caller = app.authenticate(None, Door::Api).await.map_err(|error| anyhow::anyhow!("{error:?}"))?;
    let options = Options::at(Door::Api);
    let commands = (0..ENTRIES - 3).map(|count| {
        let id = ModelId::parse(&format!("m{:032x}", count % MODELS)).map_err(|refusal| anyhow::anyhow!(refusal))?;
        if count < MODELS {
            let name = ModelName::parse(&format!("model-{count}")).map_err(|refusal| anyhow::anyhow!(refusal))?;
            return anyhow::Ok(chancery_core::Command::from(model::Command::Create {
                id,
                name,
                kind: ModelKind::Model,
                risk_tier: RiskTier::Minimal,
                profile: Box::default(),
            }));
        }
        let key = TagKey::parse("stage").map_err(|refusal| anyhow::anyhow!(refusal))?;
        Ok(tag::Command::Set { model: id, number: None, key, value: format!("value-{count}") }.into())
    });
    let run = |command: Result<chancery_core::Command>| {
        let (app, caller, options) = (&app, &caller, &options);
        async move {
            let authorized = app.allow_command(caller, command?).await.map_err(|error| anyhow::anyhow!("{error:?}"))?;
            app.execute(authorized, options).await.map_err(|error| anyhow::anyhow!("{error:?}"))?;
            anyhow::Ok(())
        }
    };
    let mut done = futures_util::stream::iter(commands).map(run).buffered(512);
    while let Some(result) = done.next().await {
        result?;
    }
    app.sign_checkpoint().await?;
    Ok(())
}

/// Measures on a ledger of a million entries.
pub async fn million(figures: &mut Figures) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let data = folder.path().join("data");
    // On both cores: it is no measurement.
    timed(std::process::Command::new(std::env::current_exe()?).arg("fill").arg(&data))?;
    verify(figures, &data)?;
    let server = Server::start(&data, None)?;
    figures.add("start with 1,000,000 entries", server.ready.as_secs_f64() * 1000.0, "ms", None, Limit::AtMost(200.0));
    tokio::time::sleep(Duration::from_secs(3)).await;
    figures.add("idle, resident memory", server.resident()?, "MiB", None, Limit::AtMost(64.0));
    proofs(figures, &server).await
}

fn verify(figures: &mut Figures, data: &Path) -> Result<()> {
    for (mode, least) in [("tree", 200_000.0), ("full", 30_000.0)] {
        let seconds = timed(pinned(&program()?).args(["ledger", "verify", "--mode", mode, "--data"]).arg(data))?;
        figures.add(&format!("ledger verify, {mode} mode"), ENTRIES as f64 / seconds, "entries/s", None, Limit::AtLeast(least));
    }
    Ok(())
}

async fn proofs(figures: &mut Figures, server: &Server) -> Result<()> {
    let mut client = Connection::open(&server.address, &server.token).await?;
    let mut times = Vec::new();
    for count in 0..500_u64 {
        let index = count * 1999 % ENTRIES;
        let begun = Instant::now();
        let answer = client.send("GET", &format!("/api/v1/ledger/proof/{index}"), "").await?;
        ensure!(answer.status == 200, "proof: {} {}", answer.status, String::from_utf8_lossy(&answer.body));
        times.push(begun.elapsed().as_secs_f64() * 1000.0);
    }
    times.sort_by(f64::total_cmp);
    figures.add("inclusion proof over HTTP, median of 500", times[times.len() / 2], "ms", None, Limit::AtMost(1.0));
    Ok(())
}
