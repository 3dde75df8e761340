//! `chancery serve`: opens the registry, signs checkpoints, answers HTTP until it is told to stop.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use chancery_core::names::PolicyMode;
use clap::Args;
use tokio::net::TcpListener;

use crate::app::{App, AppConfig};
use crate::clock::Clock;
use crate::store::StoreConfig;

/// How long running requests may take after the signal to stop.
const GRACE: Duration = Duration::from_secs(20);

/// Options of `chancery serve`.
#[derive(Args, Clone, Debug)]
pub struct ServeArgs {
    /// Data folder: keys, artifacts, and the database when it is SQLite.
    #[arg(long, env = "CHANCERY_DATA", default_value = "chancery-data")]
    pub data: PathBuf,
    /// Address to listen on.
    #[arg(long, env = "CHANCERY_LISTEN", default_value = "127.0.0.1:8080")]
    pub listen: SocketAddr,
    /// PostgreSQL address (`postgres://user:password@host/database`); without it SQLite in the data folder.
    #[arg(long, env = "CHANCERY_DATABASE", hide_env_values = true)]
    pub database: Option<String>,
    /// Policy mode of a registry that is started for the first time.
    #[arg(long, default_value = "enforce")]
    pub policy_mode: PolicyMode,
    /// Ask nobody who they are. Loopback only; every entry then says `anonymous`.
    #[arg(long)]
    pub no_auth: bool,
    /// Move the clock, such as `90d` or `-2h`. Loopback only; for rehearsals.
    #[arg(long, allow_hyphen_values = true, value_parser = parse_offset)]
    pub clock_offset: Option<i64>,
}

/// Microseconds of a duration such as `90d`, `-2h`, `30m`, `45s`.
fn parse_offset(text: &str) -> Result<i64, String> {
    let bad = || format!("`{text}` is not a duration such as 90d, -2h, 30m or 45s");
    let (number, unit) = text.split_at_checked(text.len().saturating_sub(1)).ok_or_else(bad)?;
    let seconds = match unit {
        "d" => 86_400,
        "h" => 3_600,
        "m" => 60,
        "s" => 1,
        _ => return Err(bad()),
    };
    number.parse::<i64>().ok().and_then(|number| number.checked_mul(seconds * 1_000_000)).ok_or_else(bad)
}

/// Runs the server until SIGINT or SIGTERM.
///
/// # Errors
/// Why it could not start, or could not stop in order.
pub async fn run(args: ServeArgs) -> anyhow::Result<()> {
    let loopback = args.listen.ip().is_loopback();
    if !loopback && (args.no_auth || args.clock_offset.is_some()) {
        anyhow::bail!("--no-auth and --clock-offset are for loopback addresses only; {} is not one", args.listen);
    }
    let config = AppConfig {
        store: StoreConfig { data: args.data.clone(), database: args.database.clone() },
        policy_mode: args.policy_mode,
        no_auth: args.no_auth,
        clock: Clock::System { offset: args.clock_offset.unwrap_or(0) },
        workload_issuers: Vec::new(),
        crash: None,
    };
    let (app, token) = App::open(config).await?;
    app.record_clock_offset(args.clock_offset.unwrap_or(0)).await?;
    let listener = TcpListener::bind(args.listen).await.with_context(|| format!("cannot listen on {}", args.listen))?;
    let address = listener.local_addr()?;
    greet(&args, address, token.as_deref());
    let signer = tokio::spawn(crate::jobs::checkpoint::run(app.clone()));
    let checks = tokio::spawn(crate::jobs::checks::run(app.clone()));
    let server = axum::serve(listener, crate::http::router(app)).with_graceful_shutdown(stopped());
    let served = async { server.await.context("the server stopped") };
    tokio::select! {
        result = served => result?,
        () = grace() => tracing::warn!("requests were still running after the signal to stop"),
    }
    signer.abort();
    checks.abort();
    Ok(())
}

/// What a person at the keyboard needs: where it is, and the first token, once.
fn greet(args: &ServeArgs, address: SocketAddr, token: Option<&str>) {
    println!("chancery {} serves http://{address} from {}", env!("CARGO_PKG_VERSION"), args.data.display());
    if let Some(token) = token {
        println!("first administrator token (shown once, also in {}): {token}", args.data.join("admin-token").display());
    }
    if args.no_auth {
        println!("WARNING: --no-auth: nobody is asked who they are, every entry says `anonymous`");
    }
    if args.clock_offset.is_some() {
        println!("WARNING: the clock is moved");
    }
}

async fn stopped() {
    use tokio::signal::unix::{SignalKind, signal};
    match signal(SignalKind::terminate()) {
        Ok(mut terminate) => {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminate.recv() => {}
            }
        }
        Err(_) => drop(tokio::signal::ctrl_c().await),
    }
}

async fn grace() {
    stopped().await;
    tokio::time::sleep(GRACE).await;
}

#[cfg(test)]
mod tests {
    use super::parse_offset;

    #[test]
    fn durations_have_a_unit() {
        assert_eq!(parse_offset("90d"), Ok(7_776_000_000_000));
        assert_eq!(parse_offset("-2h"), Ok(-7_200_000_000));
        for bad in ["", "d", "90", "9w", "1.5h", "ü"] {
            assert!(parse_offset(bad).is_err(), "{bad}");
        }
    }
}
