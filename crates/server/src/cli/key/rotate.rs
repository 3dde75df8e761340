//! `chancery key rotate`: works on the data folder, with the server stopped.

use std::path::PathBuf;
use std::sync::Arc;

use chancery_core::names::PolicyMode;
use chancery_core::registry::KeyPurpose;
use clap::ValueEnum;

use crate::app::{App, AppConfig};
use crate::cli::Outcome;
use crate::cli::exit::ExitCode;
use crate::cli::failure::Failure;
use crate::clock::Clock;
use crate::config::Config;
use crate::fault::{Fault, chain};
use crate::serve::{database_address, key_sources, parse_offset};
use crate::store::StoreConfig;

/// A key with which the registry itself signs.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Which {
    /// Signs decisions, approvals and attestations (ECDSA P-256).
    Decision,
    /// Signs checkpoints (Ed25519).
    Checkpoint,
}

/// Arguments of `key rotate`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Which key.
    which: Which,
    /// Configuration file of the server: where keys, data and database are.
    #[arg(long, env = "CHANCERY_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// Data folder.
    #[arg(long, env = "CHANCERY_DATA")]
    data: Option<PathBuf>,
    /// PostgreSQL address; without it SQLite in the data folder.
    #[arg(long, env = "CHANCERY_DATABASE", hide_env_values = true, conflicts_with = "database_file")]
    database: Option<String>,
    /// File with the PostgreSQL address on one line.
    #[arg(long, env = "CHANCERY_DATABASE_FILE", value_name = "FILE")]
    database_file: Option<PathBuf>,
    /// How long the old checkpoint key signs beside the new one, so that whoever knows only the old one still reads checkpoints.
    #[arg(long, default_value = "30d", value_parser = parse_offset)]
    overlap: i64,
}

/// Rotates the key.
pub(super) async fn run(args: &Args) -> Outcome {
    let usage = |error: &dyn std::error::Error| Failure::Usage(chain(error));
    let config = args.config.as_deref().map_or_else(|| Ok(Config::default()), Config::read).map_err(|invalid| usage(&invalid))?;
    let purpose = match args.which {
        Which::Decision => KeyPurpose::Decision,
        Which::Checkpoint => KeyPurpose::Checkpoint,
    };
    let data = args.data.clone().or_else(|| config.data.clone()).unwrap_or_else(|| PathBuf::from("chancery-data"));
    if !data.join("keys/public").exists() {
        return Err(Failure::Usage(format!("`{}` holds no registry: name its data folder with --data", data.display())));
    }
    let file = args.database_file.as_ref().or(config.database.file.as_ref());
    let app = AppConfig {
        store: StoreConfig { data, database: database_address(args.database.as_deref(), file.map(PathBuf::as_path)).map_err(|invalid| usage(&invalid))? },
        policy_mode: PolicyMode::Enforce,
        no_auth: false,
        login: crate::app::LoginConfig::default(),
        web: crate::app::WebConfig::default(),
        clock: Clock::System { offset: 0 },
        workload_issuers: Vec::new(),
        crash: None,
        keys: key_sources(&config, Some(purpose)).map_err(|invalid| usage(&invalid))?,
        rates: Arc::default(),
        settings: Vec::new(),
    };
    let failed = |fault: Fault| Failure::Usage(chain(&fault));
    let (app, _) = App::open(app).await.map_err(failed)?;
    let rotated = app.rotate_key(purpose, args.overlap / 1_000_000).await.map_err(failed)?;
    println!("the {} key is rotated, entry {}; the new public key is", purpose.as_str(), rotated.index);
    println!("{}", rotated.new.trim_end());
    match rotated.overlap_until {
        Some(until) => println!("the old key signs beside it until {until}"),
        None => println!("the old key signs no more; what it signed stays signed, and the server goes on serving its public half"),
    }
    println!("start the server, on every machine with this folder `keys`, and tell those who check records the new key");
    Ok(ExitCode::Done)
}
