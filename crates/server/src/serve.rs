//! `chancery serve`: opens the registry, signs checkpoints, answers HTTP until it is told to stop.

mod arguments;

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context as _;
use chancery_core::names::PolicyMode;
use tokio::net::TcpListener;

pub use arguments::{ServeArgs, database_address, key_sources, parse_offset};

use crate::app::rates::Rates;
use crate::app::{App, AppConfig};
use crate::clock::Clock;
use crate::http::transport::{Settings, TlsState, serve};
use crate::store::StoreConfig;

/// Runs the server until SIGINT or SIGTERM; with `--check-config` it only says whether it could start.
///
/// # Errors
/// Why it could not start, or could not stop in order.
pub async fn run(args: ServeArgs) -> anyhow::Result<()> {
    let config = args.config()?;
    let tls = config.tls.as_ref().map(TlsState::open).transpose()?.map(Arc::new);
    if args.check_config {
        config.check_files()?;
        println!("the configuration is valid");
        return Ok(());
    }
    let database = args.database_address(&config)?;
    let rates = Arc::new(Rates::new(&config.rate));
    let app_config = AppConfig {
        store: StoreConfig { data: args.data(&config), database },
        policy_mode: config.policy_mode.unwrap_or(PolicyMode::Enforce),
        no_auth: args.no_auth,
        login: config.login.clone(),
        web: crate::app::WebConfig { public_url: config.public_url.clone(), tls: config.tls.is_some() },
        clock: Clock::System { offset: args.clock_offset.unwrap_or(0) },
        workload_issuers: config.workload_issuers.clone(),
        crash: None,
        keys: args.key_sources(&config, None)?,
        rates: Arc::clone(&rates),
        settings: args.settings(&config)?,
    };
    let (app, token) = App::open(app_config).await?;
    app.record_clock_offset(args.clock_offset.unwrap_or(0)).await?;
    let listen = config.listen.address;
    let listener = TcpListener::bind(listen).await.with_context(|| format!("cannot listen on {listen}"))?;
    greet(&args, &config, listener.local_addr()?, token.as_deref());
    let router = crate::http::router_within(app.clone(), config.limits.request_time());
    let jobs = [
        tokio::spawn(crate::jobs::access_log::run(app.clone())),
        tokio::spawn(crate::jobs::checkpoint::run(app.clone())),
        tokio::spawn(crate::jobs::checks::run(app.clone())),
        tokio::spawn(crate::jobs::senders::run(app.clone())),
    ];
    let watch = tls.clone().map(|tls| {
        let notices = app.notices().clone();
        tokio::spawn(async move { tls.watch(notices).await })
    });
    let log = app.clone();
    drop(app);
    serve(listener, router, Settings { limits: config.limits, listen: config.listen, tls, rates }, stopped()).await;
    log.flush_access_log().await;
    jobs.iter().chain(&watch).for_each(tokio::task::JoinHandle::abort);
    Ok(())
}

/// What a person at the keyboard needs: where it is, and the first token, once.
fn greet(args: &ServeArgs, config: &crate::config::Config, address: SocketAddr, token: Option<&str>) {
    let scheme = if config.tls.is_some() { "https" } else { "http" };
    let data = args.data(config);
    println!("chancery {} serves {scheme}://{address} from {}", env!("CARGO_PKG_VERSION"), data.display());
    if let Some(token) = token {
        println!("first administrator token (shown once, also in {}): {token}", data.join("admin-token").display());
    }
    if args.no_auth {
        println!("WARNING: --no-auth: nobody is asked who they are, every entry says `anonymous`");
    }
    if args.clock_offset.is_some() {
        println!("WARNING: the clock is moved");
    }
    if config.listen.insecure_http && config.tls.is_none() && !config.listen.address.ip().is_loopback() {
        println!("WARNING: --insecure-http: whoever is on the way between a caller and this server reads the caller's token");
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
