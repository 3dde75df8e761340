//! MLflow's API: our server beside MLflow's own, with the same requests on the same data; then ours with many versions.

use std::path::Path;
use std::sync::Arc;

use serde_json::json;

use crate::http::Client;
use crate::load::{self, Make};
use crate::proc::{Server, Setup};
use crate::table::{Limit, Table};

/// Connections beside MLflow.
const FEW: usize = 16;
/// Connections with many versions.
const MANY: usize = 64;
/// Seconds of load in each round.
const SECONDS: f64 = 2.0;
/// What is read by alias.
const ALIAS: &str = "best";
/// Entries of the first page.
const PAGE: usize = 10;

/// How many models, and how many versions each of them has.
#[derive(Clone, Copy, Debug)]
struct Shape {
    models: usize,
    versions: usize,
}

/// 2,000 versions, which MLflow's server can be given in seconds.
const COMPARED: Shape = Shape { models: 100, versions: 20 };

/// Rates beside MLflow's server of this virtual environment, then latencies and rates with many versions.
pub async fn measure(setup: &Setup, python: &Path, table: &mut Table) -> anyhow::Result<()> {
    compare(setup, python, table).await?;
    many(setup, table, "over 1,000 models", 1_000, 1, 100).await?;
    many(setup, table, "in one model", 1, 1_000, 100_000).await
}

async fn compare(setup: &Setup, python: &Path, table: &mut Table) -> anyhow::Result<()> {
    let ours = setup.serve(&setup.fresh("mlflow-ours")?, None).await?;
    let theirs = setup.serve_mlflow(python, &setup.fresh("mlflow-theirs")?).await?;
    for server in [&ours, &theirs] {
        fill(server, COMPARED, 0).await?;
    }
    let figures: [(&str, Arc<Make>, f64); 4] = [
        ("get a version", get(COMPARED), 50.0),
        ("get by alias", alias(COMPARED), 50.0),
        ("search models by two tags", search(), 20.0),
        // Last, for it changes what the others read.
        ("create a version", create(COMPARED), 30.0),
    ];
    for (what, make, times) in figures {
        let mut pairs = Vec::new();
        for _ in 0..setup.rounds {
            let baseline = load::run(&theirs, FEW, SECONDS, Arc::clone(&make)).await?.rate;
            pairs.push((load::run(&ours, FEW, SECONDS, Arc::clone(&make)).await?.rate, baseline));
        }
        table.share(&format!("MLflow API: {what} / MLflow's own server"), "requests/s", &pairs, times);
    }
    Ok(())
}

/// What is read with few versions and then with a hundred times as many.
async fn many(setup: &Setup, table: &mut Table, name: &str, models: usize, few: usize, lots: usize) -> anyhow::Result<()> {
    let server = setup.serve(&setup.fresh("mlflow-many")?, None).await?;
    let (small, large) = (Shape { models, versions: few }, Shape { models, versions: lots });
    fill(&server, small, 0).await?;
    let reads: [(&str, Arc<Make>); 3] =
        [("search by two tags", search()), ("first page of versions", first_page(large)), ("first page of models", models_page())];
    let mut before = Vec::new();
    for (_, make) in &reads {
        before.push(rate(setup, &server, make).await?);
    }
    fill(&server, large, few).await?;
    for ((what, make), small) in reads.iter().zip(before) {
        let large = rate(setup, &server, make).await?;
        table.share(&format!("{what}, 100,000 versions {name} / 1,000"), "requests/s", &[(large, small)], 0.5);
    }
    let timed = [
        ("get a version", get(large)),
        ("get by alias", alias(large)),
        ("search by two tags", search()),
        ("first page of versions", first_page(large)),
        ("create a version", create(large)),
    ];
    for (what, make) in timed {
        let mut rounds = Vec::new();
        for _ in 0..setup.rounds {
            rounds.push(load::run(&server, MANY, SECONDS, Arc::clone(&make)).await?.p99);
        }
        table.figure(&format!("{what}, 100,000 versions {name}: p99 at 64"), "ms", &rounds, Limit::Below(25.0));
    }
    Ok(())
}

/// Median rate at 16 connections.
async fn rate(setup: &Setup, server: &Server, make: &Arc<Make>) -> anyhow::Result<f64> {
    let mut rates = Vec::new();
    for _ in 0..setup.rounds {
        rates.push(load::run(server, FEW, SECONDS, Arc::clone(make)).await?.rate);
    }
    Ok(crate::table::median(&rates))
}

fn model_name(number: usize) -> String {
    format!("model-{number:04}")
}

fn body(model: usize, version: u64) -> String {
    let source = format!("s3://models/{}/{version}", model_name(model));
    json!({"name": model_name(model), "source": source, "tags": [{"key": "team", "value": "risk"}, {"key": "build", "value": version.to_string()}]}).to_string()
}

/// Makes the models, if no version is there yet, and the versions from `from` on.
async fn fill(server: &Server, shape: Shape, from: usize) -> anyhow::Result<()> {
    let workers = if shape.models == 1 { 1 } else { FEW };
    if from == 0 {
        let mut client = server.client().await?;
        for model in 0..shape.models {
            let tags = json!([{"key": "team", "value": format!("t{}", model % 10)}, {"key": "area", "value": format!("a{}", model / 10 % 10)}]);
            client.json("POST", "/api/2.0/mlflow/registered-models/create", &json!({"name": model_name(model), "tags": tags})).await?;
        }
    }
    let fillers = (0..FEW).map(|worker| async move {
        let mut client = server.client().await?;
        // One model is filled by all, many are shared among them.
        let models = if workers == 1 { 0..1 } else { 0..shape.models };
        for model in models.filter(|model| workers == 1 || model % FEW == worker) {
            for version in (from..shape.versions).filter(|version| workers > 1 || version % FEW == worker) {
                client.bytes("POST", "/api/2.0/mlflow/model-versions/create", body(model, version as u64).as_bytes()).await?;
            }
        }
        anyhow::Ok(())
    });
    futures_util::future::try_join_all(fillers).await?;
    if from == 0 { name_versions(&mut server.client().await?, shape).await } else { Ok(()) }
}

async fn name_versions(client: &mut Client, shape: Shape) -> anyhow::Result<()> {
    for model in 0..shape.models {
        let alias = json!({"name": model_name(model), "alias": ALIAS, "version": "1"});
        client.json("POST", "/api/2.0/mlflow/registered-models/alias", &alias).await?;
    }
    Ok(())
}

/// Spreads the requests of all connections over the models.
fn model_of(shape: Shape, connection: usize, number: u64) -> usize {
    (connection * 37 + number as usize * 17) % shape.models
}

fn get(shape: Shape) -> Arc<Make> {
    Arc::new(move |connection, number| {
        let version = 1 + (number * 7 + connection as u64) % shape.versions as u64;
        let path = format!("/api/2.0/mlflow/model-versions/get?name={}&version={version}", model_name(model_of(shape, connection, number)));
        ("GET", path, String::new())
    })
}

fn alias(shape: Shape) -> Arc<Make> {
    Arc::new(move |connection, number| {
        let path = format!("/api/2.0/mlflow/registered-models/alias?name={}&alias={ALIAS}", model_name(model_of(shape, connection, number)));
        ("GET", path, String::new())
    })
}

fn create(shape: Shape) -> Arc<Make> {
    Arc::new(move |connection, number| ("POST", "/api/2.0/mlflow/model-versions/create".to_owned(), body(model_of(shape, connection, number), number)))
}

/// One model in a hundred has both tags.
fn search() -> Arc<Make> {
    Arc::new(|connection, number| {
        let (team, area) = ((connection as u64 + number) % 10, number / 10 % 10);
        let filter = format!("tags.team%20%3D%20%27t{team}%27%20AND%20tags.area%20%3D%20%27a{area}%27");
        ("GET", format!("/api/2.0/mlflow/registered-models/search?filter={filter}"), String::new())
    })
}

fn first_page(shape: Shape) -> Arc<Make> {
    Arc::new(move |connection, number| {
        let filter = format!("name%20%3D%20%27{}%27", model_name(model_of(shape, connection, number)));
        ("GET", format!("/api/2.0/mlflow/model-versions/search?filter={filter}&max_results={PAGE}"), String::new())
    })
}

fn models_page() -> Arc<Make> {
    Arc::new(|_, _| ("GET", format!("/api/2.0/mlflow/registered-models/search?max_results={PAGE}"), String::new()))
}
