//! Pages with 200 rows, as somebody who is logged in opens them, over 100,000 versions.

use std::sync::Arc;

use anyhow::Context as _;
use serde_json::json;

use crate::http::Client;
use crate::load::{self, Make};
use crate::proc::{Server, Setup};
use crate::sight::model_name;
use crate::table::{Limit, Table};

/// Seconds of load in each round.
const SECONDS: f64 = 1.5;
/// Password of the person who looks.
const PASSWORD: &str = "correct horse battery staple";

/// Time until a page is there, and its size. The server makes a page whole before its first byte leaves, so that is the time of both.
pub async fn measure(setup: &Setup, server: &Server, table: &mut Table, name: &str) -> anyhow::Result<()> {
    let cookie = log_in(server).await?;
    let model = model_name(1);
    let pages = [
        ("inbox", "/".to_owned()),
        ("models", "/models?limit=200".to_owned()),
        ("models that match", "/models?limit=200&q=model-09".to_owned()),
        ("model", format!("/models/{model}?limit=200")),
        ("version", format!("/models/{model}/1")),
        ("history", format!("/models/{model}/history?limit=200")),
        ("promotions", "/promotions?limit=200".to_owned()),
        ("ledger", "/ledger?limit=200".to_owned()),
        ("entry", "/ledger/5000".to_owned()),
    ];
    for (what, path) in pages {
        let mut client = Client::with(&server.address, cookie.clone()).await?;
        let size = client.get(&path).await.with_context(|| path.clone())?.len();
        table.figure(&format!("page `{what}` on {name}: size"), "kB", &[size as f64 / 1_000.0], Limit::Below(60.0));
        let mut rounds = Vec::new();
        for _ in 0..setup.rounds {
            let path = path.clone();
            let make: Arc<Make> = Arc::new(move |_, _| ("GET", path.clone(), String::new()));
            let client = Client::with(&server.address, cookie.clone()).await?;
            rounds.push(load::run_with(vec![client], SECONDS, make).await?.p95);
        }
        table.figure(&format!("page `{what}` on {name}: p95"), "ms", &rounds, Limit::Below(50.0));
    }
    Ok(())
}

/// The cookie of somebody who may see everything.
async fn log_in(server: &Server) -> anyhow::Result<String> {
    let mut client = server.client().await?;
    client.json("POST", "/api/v1/users", &json!({"name": "looker", "kind": "person", "roles": ["auditor", "owner"]})).await?;
    let reset = client.json("POST", "/api/v1/users/looker/password-reset", &json!({})).await?;
    let secret = reset.get("secret").and_then(|secret| secret.as_str()).context("no secret")?;
    client.json("POST", "/api/v1/account/password", &json!({"name": "looker", "current": secret, "new": PASSWORD})).await?;
    let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build()?;
    let origin = format!("http://{}", server.address);
    let form = format!("name=looker&password={}&next=", PASSWORD.replace(' ', "+"));
    let request = http.post(format!("{origin}/login")).header("origin", &origin).header("content-type", "application/x-www-form-urlencoded").body(form);
    let answer = request.send().await?;
    let cookie = answer.headers().get("set-cookie").context("no session: the login was refused")?.to_str()?;
    Ok(format!("Cookie: {}", cookie.split(';').next().unwrap_or_default()))
}
