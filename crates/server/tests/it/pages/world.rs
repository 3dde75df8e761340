//! One registry that has something for every page: versions in every state, promotions with every end, exceptions, risks, a system with
//! its parts, people, teams, pipelines, refused attempts.

use serde_json::json;

use super::texts::Texts;
use crate::support::browser::encoded;
use crate::support::builders::{evaluation, profile};
use crate::support::{Answer, Cast, Client, Made, TestApp, issuer};

/// People with a password, whose pages are looked at.
pub(super) const PEOPLE: &[&str] = &[
    "scientist",
    "security-lead",
    "product-owner",
    "governance-lead",
    "model-owner",
    "model-auditor",
    "on-call",
    "releaser",
    "registrar",
    "reader",
    "newcomer",
];

/// What the paths of pages are made of.
pub(super) struct World {
    /// Promotions by what became of them.
    pub(super) promotions: Vec<(&'static str, String)>,
    /// Exceptions by what became of them.
    pub(super) exceptions: Vec<(&'static str, String)>,
    pub(super) risk: String,
    /// A model whose name is as strange as a name may be.
    pub(super) strange: String,
    pub(super) composite: String,
    /// Documents of a version.
    pub(super) evidence: Vec<String>,
    pub(super) bundle: String,
    /// An entry of a decision.
    pub(super) verdict: u64,
    /// An entry that a gate stands behind.
    pub(super) gate: u64,
    /// An entry of a refused attempt.
    pub(super) refused: u64,
    pub(super) token: String,
    /// A moment in the middle of the record.
    pub(super) earlier: u64,
}

impl World {
    pub(super) fn promotion(&self, what: &str) -> &str {
        &self.promotions.iter().find(|(name, _)| *name == what).unwrap().1
    }

    pub(super) fn exception(&self, what: &str) -> &str {
        &self.exceptions.iter().find(|(name, _)| *name == what).unwrap().1
    }
}

/// The last part of the path that an answer leads to.
fn made(answer: &Answer) -> String {
    answer.expect(201);
    answer.header("location").rsplit('/').next().unwrap().to_owned()
}

async fn opened(cast: &Cast, version: &Made) -> String {
    cast.scientist.promote(version, "production").await.expect(201)["promotion"]["id"].as_str().unwrap().to_owned()
}

/// An approval with a condition, on what the promotion shows now.
async fn on_condition(texts: Texts, who: &Client, id: &str, role: &str) {
    let set = who.get(&format!("/api/v1/promotions/{id}")).await.expect(200)["evidence_set"].clone();
    let conditions = json!([{"text": texts.of("Watch the parity for a month"), "owner": "credit", "due": "2026-07-01T00:00:00Z", "effect": "finding"}]);
    let body = json!({"role": role, "verdict": "approve", "evidence_set": set, "comment": texts.of("Acceptable if it is watched."), "conditions": conditions});
    who.post(&format!("/api/v1/promotions/{id}/approvals"), body).await.expect(200);
}

/// The model that most pages are about: two releases, an open promotion with findings and a worse metric, a bare draft.
async fn loan(app: &TestApp, cast: &Cast, texts: Texts) -> (String, u64) {
    cast.owner.model("loan", "high").await;
    let first = cast.evaluated("loan", b"one").await;
    cast.bring_to(&first, "production").await;
    // A condition that is owed, because the version moved under it.
    let second = cast.evaluated("loan", b"two").await;
    let id = opened(cast, &second).await;
    for (role, approver) in cast.approvers() {
        if role == "product" {
            on_condition(texts, approver, &id, role).await;
        } else {
            approver.verdict(&id, role, "approve").await.expect(200);
        }
    }
    cast.pipeline.post(&format!("/api/v1/promotions/{id}/execute"), json!({})).await.expect(200);
    let earlier = app.size().await - 1;
    cast.pipeline.put("/api/v1/models/loan/aliases/champion", json!({"version": 2})).await.expect(200);
    cast.scientist.put("/api/v1/models/loan/tags/team", json!({"value": texts.tag("credit decisions")})).await.expect(200);
    let third = cast.scientist.version("loan", b"three").await;
    cast.evaluate(&third, &evaluation(0.84, 0.62)).await;
    cast.complete(&third).await;
    cast.scientist.put(&format!("{}/tags/note", third.path), json!({"value": texts.tag("newer data")})).await.expect(200);
    cast.scientist.put("/api/v1/models/loan/aliases/trial", json!({"version": 3})).await.expect(200);
    let open = opened(cast, &third).await;
    cast.platform.verdict(&open, "platform", "approve").await.expect(200);
    on_condition(texts, &cast.product, &open, "product").await;
    cast.owner.post(&format!("/api/v1/promotions/{open}/comments"), json!({"text": texts.of("The parity is known, see the risk.")})).await.expect(200);
    bare(cast, texts).await;
    (open, earlier)
}

/// A draft of the model that has files and next to no evidence.
async fn bare(cast: &Cast, texts: Texts) {
    let mut body = cast.scientist.package(b"four").await;
    let digest = cast.scientist.upload(texts.mlmodel().as_bytes()).await;
    body["files"][0]["path"] = texts.file().into();
    body["files"].as_array_mut().unwrap().push(json!({"path": "MLmodel", "size": texts.mlmodel().len(), "digest": digest}));
    body["facts"]["framework"]["version"] = texts.short("1.9.1").into();
    body["facts"]["training"]["hyperparameters"] = json!({(texts.short("C")): texts.of("1.0")});
    body["facts"]["metrics"] = json!([{"name": texts.short("auc_roc"), "value": 0.5}]);
    body["facts"]["signature"]["inputs"] = json!([{"name": texts.short("x"), "type": "double"}]);
    let made = cast.scientist.post("/api/v1/models/loan/versions", body).await;
    made.expect(201);
    let path = made.header("location").to_owned();
    cast.scientist.call("PATCH", &path).json(&json!({"description": texts.of("Not looked at yet.")})).send().await.expect(200);
    let card = format!("{path}/evidence?{}", encoded(&[("type", "model-card"), ("title", &texts.short("card"))]));
    cast.scientist.call("POST", &card).bytes(texts.card()).send().await.expect(201);
}

/// Promotions with the ends that there are.
async fn promotions(cast: &Cast, texts: Texts, open: String) -> Vec<(&'static str, String)> {
    let mut all = vec![("open", open)];
    for what in ["complete", "ready", "rejected", "cancelled", "withdrawn", "lapsed", "stale"] {
        // What is of high risk is executed by a pipeline alone.
        cast.owner.model(what, if what == "ready" { "limited" } else { "high" }).await;
        let version = cast.evaluated(what, what.as_bytes()).await;
        let id = if ["complete", "ready"].contains(&what) { cast.approved(&version, "production").await } else { opened(cast, &version).await };
        let path = format!("/api/v1/promotions/{id}");
        match what {
            "rejected" => {
                let set = cast.security.get(&path).await.expect(200)["evidence_set"].clone();
                let body = json!({"role": "security", "verdict": "reject", "evidence_set": set, "comment": texts.of("The scan is of the wrong files.")});
                cast.security.post(&format!("{path}/approvals"), body).await.expect(200);
            }
            "cancelled" => drop(cast.scientist.post(&format!("{path}/cancel"), json!({"reason": texts.of("not this quarter")})).await.expect(200)),
            "withdrawn" => {
                cast.product.verdict(&id, "product", "approve").await.expect(200);
                cast.product.post(&format!("{path}/withdraw"), json!({"role": "product", "reason": texts.of("second thoughts")})).await.expect(200);
            }
            // A document came after the evidence was frozen; for one of the two it is frozen anew.
            "lapsed" | "stale" => {
                cast.product.verdict(&id, "product", "approve").await.expect(200);
                cast.evaluate(&version, &evaluation(0.83, 0.88)).await;
                if what == "lapsed" {
                    cast.scientist.promote(&version, "production").await.expect(200);
                }
            }
            _ => {}
        }
        all.push((what, id));
    }
    let listed = cast.auditor.get("/api/v1/promotions?model=loan").await.expect(200);
    let executed = listed["items"].as_array().unwrap().iter().find(|item| item["status"] == "executed" && item["version"] == 2).unwrap();
    all.push(("executed", executed["id"].as_str().unwrap().to_owned()));
    all
}

/// Versions that are no longer used, that no gate has seen, and a long list of them.
async fn other_states(app: &TestApp, cast: &Cast, texts: Texts) {
    cast.owner.model("old", "high").await;
    for (bytes, to) in [(b"sunset", "deprecated"), (b"retire", "retired")] {
        let version = cast.evaluated("old", bytes).await;
        cast.bring_to(&version, "candidate").await;
        cast.bring_to(&version, to).await;
    }
    cast.owner.model("scoring", "limited").await;
    app.admin.put("/api/v1/models/scoring/policy-mode", json!({"mode": "warn", "reason": texts.of("a trial of the rules")})).await.expect(200);
    let bare = cast.scientist.version("scoring", b"no evidence at all").await;
    cast.scan(&bare).await;
    cast.pipeline.promote(&bare, "candidate").await.expect(201);
    for number in 0..55 {
        let name = if number == 0 { "bulk-00".to_owned() } else { texts.name(&format!("bulk-{number:02}")) };
        cast.owner.post("/api/v1/models", json!({"name": name, "risk_tier": "limited", "ownership": {"owning_team": "credit"}})).await.expect(201);
    }
    cast.owner.model("many", "limited").await;
    for number in 0..55 {
        cast.scientist.version("many", format!("version {number}").as_bytes()).await;
    }
}

/// A system, its parts, and a version that somebody else made.
async fn system(cast: &Cast, texts: Texts) {
    for (name, kind) in [("base", "model"), ("greeting", "prompt"), ("assistant", "system"), ("elsewhere", "model")] {
        let mut body = profile();
        for (field, value) in [("name", name), ("kind", kind), ("risk_tier", "limited")] {
            body[field] = value.into();
        }
        cast.owner.post("/api/v1/models", body).await.expect(201);
    }
    cast.scientist.version("base", b"weights").await;
    cast.scientist.version("greeting", b"Hello {{name}}").await;
    let parts = json!([{"role": "model", "reference": "base/1"}, {"role": "prompt", "reference": "greeting/1"}]);
    cast.scientist.post("/api/v1/models/assistant/versions", json!({"facts": {"composition": parts}})).await.expect(201);
    let claim = json!({"facts": {}, "origin": {"source": texts.short("s3://bucket/model")}});
    cast.scientist.post("/api/v1/models/elsewhere/versions", claim).await.expect(201);
}

async fn exceptions(cast: &Cast, texts: Texts) -> Vec<(&'static str, String)> {
    let mut all = Vec::new();
    for (what, rule) in [("asked", "entry.complete"), ("granted", "metric.threshold"), ("refused", "build.reproducible"), ("revoked", "evaluation.fresh")] {
        let body =
            json!({"model": "loan", "version": 3, "rule": rule, "expires_at": "2026-06-20T00:00:00Z", "reason": texts.of("The parity is measured anew.")});
        let id = made(&cast.scientist.post("/api/v1/exceptions", body).await);
        let path = format!("/api/v1/exceptions/{id}");
        let grantors = cast.auditor.get(&path).await.expect(200)["grantors"].clone();
        let grantor = if grantors[0] == "security" { &cast.security } else { &cast.governance };
        match what {
            "granted" | "revoked" => drop(grantor.post(&format!("{path}/grant"), json!({})).await.expect(200)),
            "refused" => drop(grantor.post(&format!("{path}/refuse"), json!({"reason": texts.of("Build it again.")})).await.expect(200)),
            _ => {}
        }
        if what == "revoked" {
            cast.scientist.post(&format!("{path}/revoke"), json!({"reason": texts.of("It is no longer needed.")})).await.expect(200);
        }
        all.push((what, id));
    }
    all
}

/// Risks, reviews, proposals: what waits for somebody.
async fn governance(cast: &Cast, texts: Texts) -> String {
    let risk = json!({"title": texts.short("Worse for one group"), "category": "fairness", "severity": "high", "likelihood": "possible", "models": ["loan"],
        "review_date": "2026-05-01T00:00:00Z", "mitigations": [{"text": texts.of("Watch the parity"), "owner": "credit"}]});
    let id = made(&cast.scientist.post("/api/v1/risks", risk).await);
    for about in [json!({"about": "policy"}), json!({"about": "entry", "model": "loan"})] {
        let mut review = about;
        review["owner"] = "ai-governance".into();
        review["due"] = "2026-06-15T00:00:00Z".into();
        cast.scientist.post("/api/v1/reviews", review).await.expect(201);
    }
    cast.owner.post("/api/v1/models/loan/risk-tier", json!({"risk_tier": "limited", "reason": texts.of("A person decides.")})).await.expect(200);
    cast.owner.post("/api/v1/models/old/transfer", json!({"to": "risk", "reason": texts.of("It is theirs.")})).await.expect(201);
    let lend = json!({"role": "security", "to": "platform-lead", "until": "2026-06-08T12:00:00Z", "reason": texts.of("on leave")});
    cast.security.post("/api/v1/delegations", lend).await.expect(201);
    id
}

/// Templates, the organisation's own rules, tokens, identities.
async fn administration(app: &TestApp, cast: &Cast, texts: Texts) -> (String, String) {
    let admin = &app.admin;
    let template = json!({"name": "card", "type": "model-card", "text": format!("# Card\n## Intended use\n{}\n", texts.of(""))});
    admin.post("/api/v1/templates", template).await.expect(201);
    let files = json!({
        "org.rego": "package chancery.organisation\nf(x) := x\n",
        "org_test.rego": "package chancery.rules.org_test\nimport rego.v1\nimport data.chancery.organisation\ntest_f if organisation.f(1) == 1\n",
    });
    let bundle = made(&admin.post("/api/v1/policy/bundles", json!({"files": files})).await);
    admin.post("/api/v1/users", json!({"name": "old-ci", "kind": "pipeline", "roles": []})).await.expect(201);
    let rules =
        json!([{"claim": "project_path", "match": "exact", "value": "acme/loans"}, {"claim": "ref_path", "match": "exact", "value": "refs/heads/main"}]);
    admin.post("/api/v1/users/old-ci/identities", json!({"issuer": issuer::GITLAB, "rules": rules})).await.expect(201);
    let key = json!({"key": crate::key::pem(&crate::key::key(7))});
    cast.scientist.post("/api/v1/users/scientist/keys", key).await.expect(201);
    let token = cast.scientist.post("/api/v1/account/tokens", json!({})).await.expect(201)["token_id"].as_str().unwrap().to_owned();
    admin.put("/api/v1/teams/credit/members/scientist", json!({})).await.expect(200);
    app.user("leaver", &["viewer", "owner"]).await;
    admin.delete("/api/v1/users/leaver").await.expect(200);
    (bundle, token)
}

/// Makes all of it.
pub(super) async fn world(app: &TestApp, texts: Texts) -> World {
    let cast = app.cast().await;
    app.user("on-call", &["incident"]).await;
    app.user("releaser", &["deployer"]).await;
    let reader = json!({"name": "reader", "display_name": texts.short("Ruth Reader"), "kind": "person", "roles": ["viewer"]});
    app.admin.post("/api/v1/users", reader).await.expect(201);
    // He loses his role before anything is looked at: without one, nobody sets a password.
    app.user("newcomer", &["viewer"]).await;
    app.admin.post("/api/v1/teams", json!({"name": "risk", "description": texts.of("rates risks")})).await.expect(201);
    let (open, earlier) = loan(app, &cast, texts).await;
    let promotions = promotions(&cast, texts, open).await;
    other_states(app, &cast, texts).await;
    system(&cast, texts).await;
    let exceptions = exceptions(&cast, texts).await;
    let risk = governance(&cast, texts).await;
    let (bundle, token) = administration(app, &cast, texts).await;
    let refused = cast.scientist.post("/api/v1/models/loan/rollback", json!({"reason": texts.of("I would like to")})).await;
    assert_eq!(refused.recorded_problem(), "403 access_denied");
    let refused = app.size().await - 1;
    app.admin.post("/api/v1/jobs/run", json!({})).await.expect(200);
    // The second administrator comes last: from now on some roles need two persons.
    app.user("registrar", &["administrator"]).await;
    app.admin.post("/api/v1/users", json!({"name": "waiting", "kind": "person", "roles": ["approver:product"]})).await.expect(201);
    app.app.sign_checkpoint().await.unwrap();
    let shown = cast.auditor.get("/api/v1/models/loan/versions/2").await.expect(200);
    let mut evidence = Vec::new();
    for version in [2, 4] {
        let documents = cast.auditor.get(&format!("/api/v1/models/loan/versions/{version}/evidence")).await.expect(200);
        evidence.extend(documents["items"].as_array().unwrap().iter().map(|item| item["digest"].as_str().unwrap().to_owned()));
    }
    let decisions = cast.auditor.get("/api/v1/models/loan/versions/2/decisions").await.expect(200);
    let executed = app.admin.get("/api/v1/ledger/entries?kind=promotion.executed").await.expect(200);
    World {
        promotions,
        exceptions,
        risk,
        strange: texts.name("bulk-01"),
        composite: shown["composite_id"].as_str().unwrap().to_owned(),
        evidence,
        bundle,
        verdict: decisions.as_array().unwrap().last().unwrap()["index"].as_u64().unwrap(),
        gate: executed["items"][0]["index"].as_u64().unwrap(),
        refused,
        token,
        earlier,
    }
}
