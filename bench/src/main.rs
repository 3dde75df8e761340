//! Measures Chancery against its limits, as ratios in one run. Run it with `make bench`: that builds it and pins it to core 1;
//! servers and bare runs are pinned to core 0.
//!
//! Every figure is printed beside what it is compared with, measured in the same run, and beside the limit that it must reach.

mod bare;
mod client;
mod figures;
mod ledger;
mod load;
mod postgres;
mod server;

use anyhow::Result;

use figures::Figures;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    match arguments.first().map(String::as_str) {
        // The bare run is a process of its own, so that it can be pinned to the server's core.
        Some("bare") => runtime.block_on(bare::run(&arguments[1..])),
        Some("fill") => runtime.block_on(ledger::fill(&arguments[1..])),
        Some("hash") => bare::hash(),
        _ => {
            let only = arguments.first().cloned().unwrap_or_default();
            let mut figures = Figures::default();
            runtime.block_on(all(&mut figures, &only))?;
            figures.finish()
        }
    }
}

async fn all(figures: &mut Figures, only: &str) -> Result<()> {
    let wanted = |part: &str| only.is_empty() || only == part;
    if wanted("sqlite") {
        load::writes_and_reads(figures, load::Database::Sqlite).await?;
    }
    if wanted("postgres") {
        load::writes_and_reads(figures, load::Database::Postgres).await?;
    }
    if wanted("upload") {
        load::upload(figures).await?;
    }
    if wanted("ledger") {
        ledger::million(figures).await?;
    }
    Ok(())
}
