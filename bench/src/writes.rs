//! Writes over HTTP beside bare writes of the same rows, and what gates cost.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use rusqlite::Connection;
use serde_json::{Value, json};

use crate::http::Client;
use crate::load::{self, Make, Measured};
use crate::postgres::Postgres;
use crate::proc::{Server, Setup};
use crate::reads;
use crate::script::{self, CONNECTIONS, FILES, TAG, VERSIONS, model_name, tag_value};
use crate::table::{Limit, Table};

/// Seconds of load in each round.
const SECONDS: f64 = 2.0;
/// Commands of a bare run.
const BARE: usize = 16_000;
/// A server that is too slow to form groups must not slow the bare rate with it.
const LEAST_GROUP: usize = 16;
/// One command in so many runs a gate.
const GATE: u64 = 10;

/// The evaluation of the example: what the gates read.
const EVALUATION: &[u8] = include_bytes!("../../examples/loan-approval/v1/evaluation.json");

/// Shares that must be reached.
struct Limits {
    name: &'static str,
    tag: f64,
    register: f64,
    reads: f64,
}

/// The figures on SQLite.
pub async fn sqlite(setup: &Setup, table: &mut Table) -> anyhow::Result<()> {
    measure(setup, None, table, &Limits { name: "SQLite", tag: 0.6, register: 0.4, reads: 0.4 }).await
}

/// The figures on PostgreSQL.
pub async fn postgres(setup: &Setup, table: &mut Table) -> anyhow::Result<()> {
    let server = Postgres::start(setup)?;
    measure(setup, Some(&server), table, &Limits { name: "PostgreSQL", tag: 0.3, register: 0.3, reads: 0.25 }).await
}

async fn measure(setup: &Setup, postgres: Option<&Postgres>, table: &mut Table, limits: &Limits) -> anyhow::Result<()> {
    let data = setup.fresh("writes")?;
    let database = match postgres {
        Some(postgres) => Some(postgres.database("served").await?),
        None => None,
    };
    let bench = Bench { setup, postgres, facts: setup.work.join("facts.json"), data: data.clone(), database: database.clone() };
    let server = setup.serve(&data, database.as_deref()).await?;
    seed(&server).await?;
    keep_facts(&server, &bench.facts).await?;

    let (mut tags, mut registrations, mut gated, mut p50) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for round in 0..setup.rounds as u64 {
        let base = (round + 1) << 32;
        let tag = bench.served(&server, "tag", tag(base)).await?;
        tags.push((tag.rate, bench.bare("tag", tag.group).await?));
        let mixed = bench.served(&server, "10 % gates", with_gates(base)).await?;
        gated.push((mixed.rate, tag.rate));
        p50.push(mixed.p50);
        let registration = bench.served(&server, "register", register(base)).await?;
        registrations.push((registration.rate, bench.bare("register", registration.group).await?));
    }
    let name = limits.name;
    table.share(&format!("tag change on {name}: 64 connections / bare rows"), "commands/s", &tags, limits.tag);
    table.share(&format!("registration on {name}: 64 connections / bare rows"), "commands/s", &registrations, limits.register);
    table.share(&format!("10 % gates on {name} / without gates"), "commands/s", &gated, 0.5);
    table.figure(&format!("10 % gates on {name}: p50"), "ms", &p50, Limit::Below(10.0));
    reads::measure(setup, &server, table, name, limits.reads).await
}

struct Bench<'a> {
    setup: &'a Setup,
    postgres: Option<&'a Postgres>,
    facts: PathBuf,
    data: PathBuf,
    database: Option<String>,
}

/// A round of load.
struct Round {
    rate: f64,
    p50: f64,
    /// Commands in a transaction, on the average.
    group: usize,
}

impl Bench<'_> {
    async fn served(&self, server: &Server, what: &str, make: Arc<Make>) -> anyhow::Result<Round> {
        let (before, _) = self.batches(0).await?;
        let Measured { rate, p50, p99, .. } = load::run(server, CONNECTIONS, SECONDS, make).await?;
        let (entries, batches) = self.batches(before).await?;
        let group = entries as usize / (batches as usize).max(1);
        eprintln!("  {what}: {rate:.0}/s, p50 {p50:.2} ms, p99 {p99:.2} ms, {group} in a transaction");
        Ok(Round { rate, p50, group: group.clamp(LEAST_GROUP, 256) })
    }

    /// The number of entries from `first` on, and of the transactions that made them: those of one transaction have one time.
    async fn batches(&self, first: u64) -> anyhow::Result<(u64, u64)> {
        if let (Some(postgres), Some(database)) = (self.postgres, &self.database) {
            return postgres.batches(database, first).await;
        }
        let connection = Connection::open(self.data.join("chancery.db"))?;
        let text = "SELECT count(*), count(DISTINCT json_extract(CAST(bytes AS TEXT), '$.at')) FROM entries WHERE entry_index >= ?1";
        let (entries, batches): (i64, i64) = connection.query_row(text, [i64::try_from(first)?], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok((u64::try_from(entries)?, u64::try_from(batches)?))
    }

    async fn bare(&self, kind: &str, group: usize) -> anyhow::Result<f64> {
        let data = self.setup.fresh("bare")?;
        let database = match self.postgres {
            Some(postgres) => Some(postgres.database("bare").await?),
            None => None,
        };
        let (group, commands) = (group.to_string(), BARE.to_string());
        let mut arguments = vec!["bare", "--kind", kind, "--group", &group, "--commands", &commands];
        let (facts, data) = (self.facts.display().to_string(), data.display().to_string());
        arguments.extend(["--facts", &facts, "--data", &data]);
        arguments.extend(database.iter().flat_map(|database| ["--database", database.as_str()]));
        let rate = self.setup.baseline(&arguments)?;
        eprintln!("  {kind} bare: {rate:.0}/s, {group} in a transaction");
        Ok(rate)
    }
}

fn tag_request(connection: usize, number: u64) -> (&'static str, String, String) {
    let version = 1 + number % VERSIONS;
    let path = format!("/api/v1/models/{}/versions/{version}/tags/{TAG}", model_name(connection));
    ("PUT", path, format!(r#"{{"value":"{}"}}"#, tag_value(number)))
}

fn tag(base: u64) -> Arc<Make> {
    Arc::new(move |connection, number| tag_request(connection, base + number))
}

fn with_gates(base: u64) -> Arc<Make> {
    Arc::new(move |connection, number| {
        // The connections take turns, so that the gates are spread evenly.
        if !(number + connection as u64).is_multiple_of(GATE) {
            return tag_request(connection, base + number);
        }
        let path = format!("/api/v1/models/{}/versions/{}/check", model_name(connection), 1 + number % VERSIONS);
        ("POST", path, r#"{"to":"production"}"#.to_owned())
    })
}

fn registration(connection: usize, number: u64) -> (&'static str, String, String) {
    let body = json!({"files": script::files(number), "facts": script::facts(number)});
    ("POST", format!("/api/v1/models/{}/versions", model_name(connection)), body.to_string())
}

fn register(base: u64) -> Arc<Make> {
    Arc::new(move |connection, number| registration(connection, base + number))
}

/// Blobs, models, versions with evidence, a first value of each tag, an alias.
async fn seed(server: &Server) -> anyhow::Result<()> {
    let mut client = server.client().await?;
    for (_, bytes) in FILES {
        client.bytes("PUT", &format!("/api/v1/blobs/{}", chancery_core::names::Digest::of(bytes)), bytes).await?;
    }
    let models = (0..CONNECTIONS).map(|connection| seed_model(server, connection));
    futures_util::future::try_join_all(models).await.map(drop)
}

async fn seed_model(server: &Server, connection: usize) -> anyhow::Result<()> {
    let mut client: Client = server.client().await?;
    let name = model_name(connection);
    let mut profile = script::profile();
    if let Some(members) = profile.as_object_mut() {
        members.extend([("name".to_owned(), json!(name)), ("kind".to_owned(), json!("model")), ("risk_tier".to_owned(), json!("high"))]);
    }
    client.json("POST", "/api/v1/models", &profile).await?;
    for number in 0..VERSIONS {
        let (method, path, body) = registration(connection, number);
        client.bytes(method, &path, body.as_bytes()).await?;
        let version = number + 1;
        let evidence = format!("/api/v1/models/{name}/versions/{version}/evidence?type=evaluation&title=evaluation.json");
        client.bytes("POST", &evidence, EVALUATION).await?;
        let (method, path, body) = tag_request(connection, number);
        client.bytes(method, &path, body.as_bytes()).await?;
    }
    client.json("PUT", &format!("/api/v1/models/{name}/aliases/{}", reads::ALIAS), &json!({"version": 1})).await.map(drop)
}

/// The facts of a version as the server seals them, for the bare rows.
async fn keep_facts(server: &Server, file: &Path) -> anyhow::Result<()> {
    let mut client = server.client().await?;
    let view: Value = serde_json::from_slice(client.get(&format!("/api/v1/models/{}/versions/1", model_name(0))).await?)?;
    let mut facts = view.get("facts").cloned().context("a version without facts")?;
    if let Some(members) = facts.as_object_mut() {
        members.insert("grades".to_owned(), view.get("grades").cloned().unwrap_or_default());
    }
    Ok(std::fs::write(file, facts.to_string())?)
}
