//! Searches of a caller who may read one model in a hundred, and pages, over 100,000 versions, on both databases.

use std::sync::Arc;

use anyhow::Context as _;
use serde_json::json;

use crate::load::{self, Make};
use crate::postgres::Postgres;
use crate::proc::{Server, Setup};
use crate::table::{Limit, Table};

/// Models; one in [`SHARE`] belongs to the caller's team.
const MODELS: usize = 1_000;
/// Versions of each.
const VERSIONS: usize = 100;
const SHARE: usize = 100;
/// Connections that make the versions.
const FILLERS: usize = 16;
/// Seconds of load in each round.
const SECONDS: f64 = 2.0;

/// Latency of the first page, one request at a time.
pub async fn measure(setup: &Setup, table: &mut Table) -> anyhow::Result<()> {
    searches(setup, table, "SQLite", None).await?;
    let postgres = Postgres::start(setup)?;
    let database = postgres.database("sight").await?;
    searches(setup, table, "PostgreSQL", Some(&database)).await
}

async fn searches(setup: &Setup, table: &mut Table, name: &str, database: Option<&str>) -> anyhow::Result<()> {
    let mut server = setup.serve(&setup.fresh("sight")?, database).await?;
    fill(&server).await?;
    crate::pages::measure(setup, &server, table, name).await?;
    server.token = reader(&server).await?;
    let searches: [(&str, &'static str); 5] = [
        ("list of models", "/api/v1/models?limit=10"),
        ("MLflow: search models", "/api/2.0/mlflow/registered-models/search?max_results=10"),
        ("MLflow: search versions", "/api/2.0/mlflow/model-versions/search?max_results=10"),
        ("MLflow: search versions by name", "/api/2.0/mlflow/model-versions/search?max_results=10&order_by=name%20ASC"),
        ("MLflow: search versions by a tag", "/api/2.0/mlflow/model-versions/search?max_results=10&filter=tags.team%20%3D%20%27risk%27"),
    ];
    for (what, path) in searches {
        let make: Arc<Make> = Arc::new(move |_, _| ("GET", path.to_owned(), String::new()));
        let mut rounds = Vec::new();
        for _ in 0..setup.rounds {
            rounds.push(load::run(&server, 1, SECONDS, Arc::clone(&make)).await?.p99);
        }
        table.figure(&format!("{what}, 1% of 100,000 versions may be read, {name}: p99"), "ms", &rounds, Limit::Below(50.0));
    }
    Ok(())
}

/// Somebody who reads the models of one team.
async fn reader(server: &Server) -> anyhow::Result<String> {
    let mut client = server.client().await?;
    client.json("POST", "/api/v1/users", &json!({"name": "reader", "kind": "person", "roles": ["viewer@team:mine"]})).await?;
    let token = client.json("POST", "/api/v1/tokens", &json!({"user": "reader"})).await?;
    Ok(token.get("secret").and_then(|secret| secret.as_str()).context("no secret")?.to_owned())
}

/// The name of a model of [`fill`].
pub fn model_name(number: usize) -> String {
    format!("model-{number:04}")
}

/// Makes 100,000 versions of 1,000 models.
pub async fn fill(server: &Server) -> anyhow::Result<()> {
    let mut client = server.client().await?;
    for team in ["mine", "other"] {
        client.json("POST", "/api/v1/teams", &json!({"name": team})).await?;
    }
    let owner = json!({"name": "filler", "kind": "person", "roles": ["owner"]});
    client.json("POST", "/api/v1/users", &owner).await?;
    let token = client.json("POST", "/api/v1/tokens", &json!({"user": "filler"})).await?;
    let token = token.get("secret").and_then(|secret| secret.as_str()).context("no secret")?;
    let fillers = (0..FILLERS).map(|filler| async move {
        let mut client = crate::http::Client::connect(&server.address, token).await?;
        for model in (0..MODELS).filter(|model| model % FILLERS == filler) {
            let team = if model % SHARE == SHARE / 2 { "mine" } else { "other" };
            let body = json!({"name": model_name(model), "ownership": {"owning_team": team}});
            client.json("POST", "/api/v1/models", &body).await?;
            for version in 0..VERSIONS {
                let source = format!("s3://models/{}/{version}", model_name(model));
                let body = json!({"name": model_name(model), "source": source, "tags": [{"key": "team", "value": "risk"}]});
                client.bytes("POST", "/api/2.0/mlflow/model-versions/create", body.to_string().as_bytes()).await?;
            }
        }
        anyhow::Ok(())
    });
    futures_util::future::try_join_all(fillers).await.map(drop)
}
