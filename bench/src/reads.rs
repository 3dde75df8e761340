//! Reads beside an empty handler of the same server.

use std::sync::Arc;

use crate::load::{self, Make};
use crate::proc::{Server, Setup};
use crate::script::{CONNECTIONS, VERSIONS, model_name};
use crate::table::Table;

/// Seconds of load in each round.
const SECONDS: f64 = 1.5;

/// The alias that is read.
pub const ALIAS: &str = "shadow";

/// Version by number, and alias.
pub async fn measure(setup: &Setup, server: &Server, table: &mut Table, name: &str, limit: f64) -> anyhow::Result<()> {
    let empty: Arc<Make> = Arc::new(|_, _| ("GET", "/healthz".to_owned(), String::new()));
    let version: Arc<Make> =
        Arc::new(|connection, number| ("GET", format!("/api/v1/models/{}/versions/{}", model_name(connection), 1 + number % VERSIONS), String::new()));
    let alias: Arc<Make> = Arc::new(|connection, _| ("GET", format!("/api/v1/models/{}/aliases/{ALIAS}", model_name(connection)), String::new()));
    let (mut versions, mut aliases) = (Vec::new(), Vec::new());
    for _ in 0..setup.rounds {
        let ceiling = load::run(server, CONNECTIONS, SECONDS, Arc::clone(&empty)).await?.rate;
        versions.push((load::run(server, CONNECTIONS, SECONDS, Arc::clone(&version)).await?.rate, ceiling));
        aliases.push((load::run(server, CONNECTIONS, SECONDS, Arc::clone(&alias)).await?.rate, ceiling));
    }
    table.share(&format!("read a version on {name} / empty handler"), "requests/s", &versions, limit);
    table.share(&format!("read an alias on {name} / empty handler"), "requests/s", &aliases, limit);
    Ok(())
}
