//! `chancery serve` and `chancery migrate`: the commands that run on the data.

use super::Outcome;
use super::exit::ExitCode;
use super::failure::Failure;
use crate::fault::chain;
use crate::serve::ServeArgs;
use crate::store::{Schema, Store, StoreConfig};

/// Runs the server until it is told to stop.
///
/// # Errors
/// [`Failure`] with the whole chain of what was in the way.
pub async fn run(args: ServeArgs) -> Outcome {
    tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| "info".into()))
        .with_writer(std::io::stderr)
        .init();
    Box::pin(crate::serve::run(args)).await.map_err(|error| Failure::Usage(format!("{error:#}")))?;
    Ok(ExitCode::Done)
}

/// Arguments of `migrate`.
#[derive(Debug, clap::Args)]
pub struct MigrateArgs {
    /// Data folder.
    #[arg(long, env = "CHANCERY_DATA", default_value = "chancery-data")]
    data: std::path::PathBuf,
    /// PostgreSQL address; without it SQLite in the data folder.
    #[arg(long, env = "CHANCERY_DATABASE", hide_env_values = true)]
    database: Option<String>,
    /// File with the PostgreSQL address on one line.
    #[arg(long, env = "CHANCERY_DATABASE_FILE", value_name = "FILE")]
    database_file: Option<std::path::PathBuf>,
}

/// Makes the tables, or brings them up to this program. `serve` does the same at its start.
///
/// # Errors
/// [`Failure`].
pub async fn migrate(args: MigrateArgs) -> Outcome {
    let database = crate::serve::database_address(args.database.as_deref(), args.database_file.as_deref());
    let config = StoreConfig { data: args.data, database: database.map_err(|invalid| Failure::Usage(invalid.to_string()))? };
    let (store, _writer) = Store::open(config, &Schema::product()).await.map_err(|fault| Failure::Usage(chain(&fault)))?;
    let head = store.read().await.map_err(|fault| Failure::Usage(chain(&fault)))?.head();
    println!("the database fits this program; it holds {} entries", head.size);
    Ok(ExitCode::Done)
}
