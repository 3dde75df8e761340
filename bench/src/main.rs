//! Measures what the project promises, as ratios in one run, and prints each figure beside its limit.
//!
//! The process itself is the load: `scripts/bench.sh` pins it to one core. What is measured (the server, PostgreSQL, the bare
//! rates) runs in child processes pinned to the other core. INVARIANT: a ratio is of two figures of the same round.

mod access;
mod bare;
mod http;
mod ledger;
mod load;
mod mlflow;
mod pages;
mod postgres;
mod proc;
mod reads;
mod script;
mod sight;
mod table;
mod upload;
mod writes;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::proc::Setup;
use crate::table::Table;

/// The speed of Chancery against its limits.
#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Measures everything, or only what is named.
    Run {
        /// The `chancery` binary.
        #[arg(long)]
        server: PathBuf,
        /// Folder for data; the ledger of a million entries is kept there.
        #[arg(long, default_value = "target/bench")]
        work: PathBuf,
        /// Core for what is measured.
        #[arg(long, default_value_t = 0)]
        core: usize,
        /// Rounds of each ratio; the median counts.
        #[arg(long, default_value_t = 3)]
        rounds: usize,
        /// The Python of a virtual environment with the whole of MLflow.
        #[arg(long, default_value = "target/venv-mlflow-server/bin/python")]
        mlflow: PathBuf,
        /// Only these: access, sqlite, postgres, upload, ledger, sight, mlflow.
        #[arg(long, value_delimiter = ',')]
        only: Vec<String>,
    },
    /// Writes rows in bare group-committed transactions and prints the commands per second.
    Bare(bare::BareArgs),
    /// Hashes from memory on one thread and prints bytes per second.
    Hash,
    /// Makes a ledger of so many entries in a data folder.
    Grow {
        /// Data folder.
        data: PathBuf,
        /// Entries.
        entries: u64,
    },
}

fn main() -> ExitCode {
    match run(Arguments::parse().command) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        match command {
            Command::Run { server, work, core, rounds, mlflow, only } => {
                std::fs::create_dir_all(&work)?;
                let setup = Setup { server, work: work.canonicalize()?, core, rounds };
                measure(&setup, &mlflow, &only).await
            }
            Command::Bare(args) => {
                println!("{}", bare::run(&args).await?);
                Ok(ExitCode::SUCCESS)
            }
            Command::Hash => {
                println!("{}", upload::hash_rate());
                Ok(ExitCode::SUCCESS)
            }
            Command::Grow { data, entries } => {
                ledger::grow(&data, entries).await?;
                Ok(ExitCode::SUCCESS)
            }
        }
    })
}

async fn measure(setup: &Setup, mlflow: &Path, only: &[String]) -> anyhow::Result<ExitCode> {
    let wanted = |name: &str| only.is_empty() || only.iter().any(|one| one == name);
    let mut table = Table::default();
    if wanted("access") {
        access::measure(setup.rounds, &mut table)?;
    }
    if wanted("sqlite") {
        writes::sqlite(setup, &mut table).await?;
    }
    if wanted("postgres") {
        writes::postgres(setup, &mut table).await?;
    }
    if wanted("upload") {
        upload::measure(setup, &mut table).await?;
    }
    if wanted("ledger") {
        ledger::measure(setup, &mut table).await?;
    }
    if wanted("sight") {
        sight::measure(setup, &mut table).await?;
    }
    if wanted("mlflow") {
        // The server changes into its own folder.
        mlflow::measure(setup, &std::path::absolute(mlflow)?, &mut table).await?;
    }
    println!("\n{table}");
    Ok(if table.is_reached() { ExitCode::SUCCESS } else { ExitCode::from(2) })
}
