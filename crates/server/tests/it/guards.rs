//! Whole classes, walked through the OpenAPI document: what must hold for every operation, also for those of tomorrow.

use std::collections::BTreeMap;
use std::path::Path;

use chancery_core::access::{Action, Policies, Role};
use chancery_core::names::Label;
use serde_json::{Value, json};

use crate::support::app::both;
use crate::support::browser::PASSWORD;
use crate::support::{Answer, Cast, Client, TestApp, issuer};

/// An operation of the document.
#[derive(Clone, Debug)]
pub(crate) struct Operation {
    pub(crate) id: String,
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) effect: String,
}

impl Operation {
    /// The path with something well-formed in the place of each parameter.
    pub(crate) fn filled(&self) -> String {
        let parts = self.path.split('/').map(|part| match part {
            "{version}" | "{a}" | "{b}" | "{index}" => "1".to_owned(),
            "{digest}" => "a".repeat(64),
            "{number}" => "1".to_owned(),
            part if part.starts_with('{') => "x".to_owned(),
            part => part.to_owned(),
        });
        parts.collect::<Vec<_>>().join("/")
    }
}

pub(crate) async fn operations(app: &TestApp) -> Vec<Operation> {
    let document = app.anonymous.get("/api/v1/openapi.json").await.expect(200);
    let mut found = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let Some(id) = operation["operationId"].as_str() else { continue };
            let effect = operation["x-effect"].as_str().unwrap().to_owned();
            found.push(Operation { id: id.to_owned(), method: method.to_uppercase(), path: path.clone(), effect });
        }
    }
    assert!(found.len() > 60, "the document lost operations: {}", found.len());
    found
}

/// Compares with a file in `snapshots`; CHANCERY_UPDATE_SNAPSHOTS=1 writes it.
fn check_file(name: &str, actual: &str) {
    check_path(&format!("tests/it/snapshots/{name}"), actual);
}

/// Compares with a file of this crate; CHANCERY_UPDATE_SNAPSHOTS=1 writes it.
pub(crate) fn check_path(name: &str, actual: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    if std::env::var_os("CHANCERY_UPDATE_SNAPSHOTS").is_some() {
        std::fs::write(&path, actual).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    if expected != actual {
        let line = expected.lines().zip(actual.lines()).find(|(expected, actual)| expected != actual);
        panic!("`{}` differs, first in {line:?}; look at the change, then set CHANCERY_UPDATE_SNAPSHOTS=1", path.display());
    }
}

#[test]
fn roles_and_actions_are_what_was_reviewed() {
    let words = ["viewer", "contributor", "owner", "deployer", "incident", "auditor", "administrator"];
    let mut roles: Vec<Role> = words.iter().map(|word| Role::parse(word).unwrap()).collect();
    roles.extend(["product", "ai-governance"].map(|role| Role::Approver(Label::parse(role).unwrap())));
    let mut text = String::from("# Which role allows which action. Written by tests/it/guards.rs.\n");
    for action in Action::ALL {
        let allowed: Vec<String> = roles.iter().filter(|role| Policies::shipped().role_allows(role, *action)).map(ToString::to_string).collect();
        text.push_str(&format!("{:<16} {}\n", action.as_str(), allowed.join(" ")));
    }
    check_file("roles.txt", &text);
}

/// Operations of the anonymous list that are asked with what they need in the body.
const NEEDS_A_BODY: &[&str] = &["/api/v1/token-exchange"];

/// The anonymous list is the whole list; everything else refuses with a challenge.
async fn anonymous_callers(app: &TestApp) {
    for operation in operations(app).await {
        let answer = app.anonymous.call(&operation.method, &operation.filled()).send().await;
        if NEEDS_A_BODY.contains(&operation.path.as_str()) {
            assert_eq!(answer.status, 422, "{operation:?} reads its body, which holds what it needs");
            continue;
        }
        if chancery::http::ANONYMOUS.contains(&operation.path.as_str()) {
            // What changes something has its credential in the body, which is missing here.
            let reads = operation.method == "GET";
            assert!(if reads { answer.status < 400 } else { answer.status == 400 }, "{operation:?}: {}", answer.status);
            continue;
        }
        assert_eq!(answer.problem(), "401 unauthenticated", "{operation:?}");
        assert!(answer.header("www-authenticate").starts_with("Bearer"), "{operation:?}");
        let wrong = app.anonymous.with_token("no-such-token").call(&operation.method, &operation.filled()).send().await;
        assert_eq!(wrong.status, 401, "{operation:?}");
    }
    for path in chancery::http::ANONYMOUS.iter().filter(|path| !path.contains('{')) {
        assert!(matches!(app.anonymous.get(path).await.status, 200 | 405), "{path}");
    }
    for (path, status) in [("/log/tile/0/000.p/1", 200), ("/log/tile/entries/000.p/1", 401), ("/api/v1/nothing", 404)] {
        assert_eq!(app.anonymous.get(path).await.status, status, "{path}");
    }
}

/// Somebody with a token and no role may do nothing, and the attempts that could have changed something are entries.
async fn callers_without_a_role(app: &TestApp) {
    let nobody = app.user("nobody", &[]).await;
    for (number, operation) in operations(app).await.into_iter().enumerate() {
        if chancery::http::ANONYMOUS.contains(&operation.path.as_str()) {
            continue;
        }
        if number % 50 == 0 {
            // Only so many refusals of one actor are recorded one by one in a minute.
            app.advance(60);
            app.app.record_suppressed().await.unwrap();
        }
        let answer = nobody.call(&operation.method, &operation.filled()).send().await;
        assert_eq!(answer.recorded_problem(), "403 access_denied", "{operation:?}");
    }
    assert_eq!(nobody.get("/log/tile/entries/000.p/1").await.status, 403);
}

/// The routes of MLflow's artifact proxy are not in the document: they are walked here. All refuse anonymous callers and callers
/// without a role in MLflow's shape, before they look at anything else.
async fn artifact_routes(app: &TestApp) {
    let nobody = app.user("nobody", &[]).await;
    let routes = chancery::http::mlflow::artifacts::routes();
    assert!(routes.len() > 30, "routes were lost: {}", routes.len());
    for route in routes {
        let path = route.path.replace("{*path}", "a").replace("{upload}", "x").replace("{part}", "1");
        let wrong = app.anonymous.with_token("no-such-token");
        for (caller, status) in [(&app.anonymous, 401), (&wrong, 401), (&nobody, 403)] {
            let answer = caller.call(route.method, &path).send().await;
            // Who has no secret is refused there, whoever he is.
            let status = if route.path == chancery::http::mlflow::artifacts::PART { 403 } else { status };
            let code = if status == 401 { "UNAUTHENTICATED" } else { "PERMISSION_DENIED" };
            assert_eq!((answer.status, answer.json()["error_code"].as_str()), (status, Some(code)), "{} {path}", route.method);
            assert_eq!(answer.header("www-authenticate").starts_with("Bearer"), status == 401, "{} {path}", route.method);
        }
        let anonymous = chancery::http::ANONYMOUS.contains(&route.path.as_str());
        assert_eq!(anonymous, route.path == chancery::http::mlflow::artifacts::PART, "{}", route.path);
    }
}

/// The routes of MLflow's registry, which are not in the document either.
async fn mlflow_routes(app: &TestApp) {
    let nobody = app.user("nobody", &[]).await;
    let routes = chancery::http::mlflow::routes();
    assert!(routes.len() > 40, "routes were lost: {}", routes.len());
    for (verb, path) in routes {
        assert!(!chancery::http::ANONYMOUS.contains(&path.as_str()), "{path}");
        for (caller, status, code) in [(&app.anonymous, 401, "UNAUTHENTICATED"), (&nobody, 403, "PERMISSION_DENIED")] {
            let answer = caller.call(verb, &path).send().await;
            assert_eq!((answer.status, answer.json()["error_code"].as_str()), (status, Some(code)), "{verb} {path}");
            assert_eq!(answer.header("www-authenticate").starts_with("Bearer"), status == 401, "{verb} {path}");
        }
    }
}

/// An access policy that changes nothing for the fixtures.
const ACCESS_POLICY: &str =
    "@id(\"readers.comment\") permit (principal, action == Chancery::Action::\"comment\", resource) when { resource in principal.viewer };";

/// What the fixtures of the operations stand on; each changes a subject of its own.
pub(crate) struct World {
    cast: Cast,
    admin: Client,
    candidate: String,
    /// Risk ids by purpose.
    risks: BTreeMap<&'static str, String>,
    review: String,
    /// Promotion ids by purpose.
    promotions: BTreeMap<&'static str, String>,
    package: Value,
    token: String,
    /// Token ids of the scientist by purpose.
    own_tokens: BTreeMap<&'static str, String>,
    /// Path of a workload identity that may go.
    identity: String,
    /// The time of the registry in microseconds.
    now: i64,
    /// Subjects of exceptions that were asked for, by purpose.
    exceptions: BTreeMap<&'static str, String>,
    incident: Client,
    attestation: String,
    /// Path of access policies that wait for their activation.
    access_policy: String,
    /// Path of a policy bundle that waits for its activation.
    bundle: String,
    anonymous: Client,
    /// One-time secret of `guard-password`.
    once: String,
    /// Somebody with the id of the token that he uses.
    own_token: (Client, String),
    /// Another administrator.
    second: Client,
    /// Another one who manages the policy.
    deputy: Client,
    /// An owner in team `risk`.
    receiver: Client,
}

pub(crate) async fn world(app: &TestApp) -> World {
    let cast = app.cast().await;
    let deputy = app.user("governance-deputy", &["approver:ai-governance"]).await;
    app.user("second-administrator", &["administrator"]).await;
    let second = app.own("second-administrator").await;
    for name in ["update", "rename", "hide", "tier", "used", "confirm", "reject", "withdraw-tier"] {
        cast.owner.model(name, "high").await;
    }
    // Two releases, so that there is something to go back to; and drafts for what changes a version.
    for bytes in [b"one", b"two"] {
        let version = cast.evaluated("used", bytes).await;
        cast.bring_to(&version, "production").await;
    }
    let mut promotions = BTreeMap::new();
    for purpose in ["review", "withdraw", "cancel", "execute", "condition", "break-glass"] {
        cast.owner.model(purpose, "high").await;
        let version = cast.evaluated(purpose, purpose.as_bytes()).await;
        let target = if purpose == "break-glass" { "production" } else { "approved" };
        let id = cast.scientist.promote(&version, target).await.expect(201)["promotion"]["id"].as_str().unwrap().to_owned();
        if purpose == "withdraw" {
            cast.product.verdict(&id, "product", "approve").await.expect(200);
        }
        if purpose == "condition" {
            let set = cast.product.get(&format!("/api/v1/promotions/{id}")).await.expect(200)["evidence_set"].clone();
            let conditions = json!([{"text": "watch it", "owner": "credit", "due": "2026-07-01T00:00:00Z", "effect": "finding"}]);
            let body = json!({"role": "product", "verdict": "approve", "evidence_set": set, "conditions": conditions});
            cast.product.post(&format!("/api/v1/promotions/{id}/approvals"), body).await.expect(200);
        }
        if purpose == "execute" {
            for (role, approver) in cast.approvers() {
                approver.verdict(&id, role, "approve").await.expect(200);
            }
        }
        promotions.insert(purpose, id);
    }
    for name in ["confirm", "reject", "withdraw-tier"] {
        cast.owner.post(&format!("/api/v1/models/{name}/risk-tier"), json!({"risk_tier": "limited", "reason": "less"})).await.expect(200);
    }
    cast.owner.model("drafts", "high").await;
    cast.owner.model("mode", "limited").await;
    let candidate = cast.evaluated("drafts", b"three").await;
    cast.scientist.version("drafts", b"four").await;
    cast.bring_to(&candidate, "candidate").await;
    for _ in 0..2 {
        deputy.post("/api/v1/templates", json!({"name": "fixture", "type": "review", "text": "# Review\n## Findings\n"})).await.expect(201);
    }
    app.user("leaver", &["viewer"]).await;
    let token = app.admin.post("/api/v1/tokens", json!({"user": "leaver"})).await.expect(201)["token_id"].as_str().unwrap().to_owned();
    let mut own_tokens = BTreeMap::new();
    for purpose in ["rotate", "rotate-any"] {
        let made = cast.scientist.post("/api/v1/account/tokens", json!({})).await.expect(201);
        own_tokens.insert(purpose, made["token_id"].as_str().unwrap().to_owned());
    }
    app.admin.post("/api/v1/users", json!({"name": "old-ci", "kind": "pipeline", "roles": []})).await.expect(201);
    let added = app
        .admin
        .post(
            "/api/v1/users/old-ci/identities",
            json!({"issuer": issuer::GITLAB, "rules": [
        {"claim": "project_path", "match": "exact", "value": "acme/loans"}, {"claim": "ref_path", "match": "exact", "value": "refs/heads/main"}]}),
        )
        .await;
    added.expect(201);
    let identity = added.header("location").to_owned();
    let now = app.clock().load(std::sync::atomic::Ordering::SeqCst);
    let package = cast.scientist.package(b"five").await;
    cast.owner.model("elsewhere", "high").await;
    let attestation = cast.owner.get("/api/v1/models/used/versions/2/attestations").await.expect(200)["items"][0]["digest"].as_str().unwrap().to_owned();
    let claim = json!({"facts": {}, "origin": {"source": "s3://bucket/model"}});
    cast.scientist.post("/api/v1/models/elsewhere/versions", claim).await.expect(201);
    let mut exceptions = BTreeMap::new();
    for purpose in ["grant", "refuse", "revoke"] {
        let body = json!({"model": "drafts", "version": 2, "rule": "entry.complete", "expires_at": "2026-06-20T00:00:00Z", "reason": "soon"});
        exceptions.insert(purpose, cast.scientist.post("/api/v1/exceptions", body).await.expect(201)["entries"][0]["subject"].as_str().unwrap().to_owned());
    }
    let incident = app.user("guard-on-call", &["incident"]).await;
    let mut risks = BTreeMap::new();
    for purpose in ["change", "link", "unlink", "mitigate", "finish", "status"] {
        let risk = json!({"title": purpose, "category": "quality", "severity": "low", "likelihood": "rare",
            "models": if purpose == "unlink" { json!(["used"]) } else { json!([]) }, "mitigations": [{"text": "look", "owner": "credit"}]});
        let made = cast.scientist.post("/api/v1/risks", risk).await;
        made.expect(201);
        risks.insert(purpose, made.header("location").to_owned());
    }
    let review = json!({"about": "policy", "owner": "ai-governance", "due": "2027-01-01T00:00:00Z"});
    let review = cast.scientist.post("/api/v1/reviews", review).await;
    review.expect(201);
    let review = review.header("location").to_owned();
    let files = json!({
        "org.rego": "package chancery.organisation\nf(x) := x\n",
        "org_test.rego": "package chancery.rules.org_test\nimport rego.v1\nimport data.chancery.organisation\ntest_f if organisation.f(1) == 1\n",
    });
    let uploaded = deputy.post("/api/v1/policy/bundles", json!({"files": files})).await;
    uploaded.expect(201);
    let bundle = uploaded.header("location").to_owned();
    let policies = app.admin.post("/api/v1/access-policies", json!({"files": {"own.cedar": ACCESS_POLICY}})).await;
    policies.expect(201);
    let access_policy = policies.header("location").to_owned();
    for name in ["guard-login", "guard-password"] {
        app.user(name, &["viewer"]).await;
    }
    app.password("guard-login", PASSWORD).await;
    let once = app.admin.post("/api/v1/users/guard-password/password-reset", json!({})).await.expect(200)["secret"].as_str().unwrap().to_owned();
    let own = app.anonymous.post("/api/v1/login", json!({"name": "guard-login", "password": PASSWORD})).await.expect(201);
    let own_token = (app.anonymous.with_token(own["secret"].as_str().unwrap()), own["token_id"].as_str().unwrap().to_owned());
    let anonymous = app.anonymous.clone();
    for team in ["risk", "empty"] {
        app.team(team).await;
    }
    app.admin.put("/api/v1/teams/credit/members/scientist", json!({})).await.expect(200);
    let receiver = app.user("risk-owner", &["owner@team:risk", "owner"]).await;
    for name in ["transfer-propose", "transfer-accept", "transfer-reject", "transfer-withdraw"] {
        cast.owner.post("/api/v1/models", json!({"name": name, "risk_tier": "high", "ownership": {"owning_team": "credit"}})).await.expect(201);
        if name != "transfer-propose" {
            cast.owner.post(&format!("/api/v1/models/{name}/transfer"), json!({"to": "risk", "reason": "theirs"})).await.expect(201);
        }
    }
    for name in ["grant-confirm", "grant-reject", "grant-withdraw"] {
        app.admin.post("/api/v1/users", json!({"name": name, "kind": "person", "roles": ["approver:product"]})).await.expect(201);
    }
    app.user("gone", &["viewer"]).await;
    app.admin.delete("/api/v1/users/gone").await.expect(200);
    World {
        access_policy,
        anonymous,
        once,
        own_token,
        second,
        deputy,
        receiver,
        exceptions,
        incident,
        risks,
        review,
        bundle,
        admin: app.admin.clone(),
        cast,
        candidate: candidate.path,
        promotions,
        package,
        token,
        own_tokens,
        identity,
        now,
        attestation,
    }
}

/// A successful call of an operation; none for an operation that nobody wrote a fixture for.
pub(crate) fn fixture(world: &World, id: &str) -> Option<(Client, String, Value)> {
    let World { cast, admin, candidate, promotions, .. } = world;
    let model = |rest: &str| format!("/api/v1/models/{rest}");
    let promotion = |purpose: &str, rest: &str| format!("/api/v1/promotions/{}/{rest}", promotions[purpose]);
    let exception = |purpose: &str| format!("/api/v1/exceptions/{}/{purpose}", world.exceptions[purpose].trim_start_matches("exception/"));
    let (who, path, body) = match id {
        "model_create" => (&cast.scientist, model(""), json!({"name": "new"})),
        "model_update" => (&cast.scientist, model("update"), json!({"description": "new"})),
        "model_rename" => (&cast.owner, model("rename/rename"), json!({"to": "renamed"})),
        "model_hide" => (&cast.owner, model("hide/hide"), json!({"reason": "a mistake"})),
        "model_risk_tier" => (&cast.governance, model("tier/risk-tier"), json!({"risk_tier": "limited", "reason": "reviewed"})),
        "tier_proposal_confirm" => (&cast.governance, model("confirm/tier-proposal/confirm"), json!({"risk_tier": "limited", "reason": "reviewed"})),
        "tier_proposal_reject" => (&cast.governance, model("reject/tier-proposal/reject"), json!({"reason": "people are scored"})),
        "tier_proposal_withdraw" => (&cast.owner, model("withdraw-tier/tier-proposal/withdraw"), json!({"reason": "too early"})),
        "model_policy_mode" => (admin, model("mode/policy-mode"), json!({"mode": "warn", "reason": "trial"})),
        "exception_request" => {
            let body = json!({"model": "drafts", "version": 2, "rule": "entry.complete", "expires_at": "2026-06-20T00:00:00Z", "reason": "soon"});
            (&cast.scientist, "/api/v1/exceptions".to_owned(), body)
        }
        "exception_grant" => (&cast.governance, exception("grant"), json!({})),
        "exception_refuse" => (&cast.governance, exception("refuse"), json!({"reason": "fill it in"})),
        "exception_revoke" => (&cast.scientist, exception("revoke"), json!({"reason": "done"})),
        "promotion_break_glass" => (&world.incident, promotion("break-glass", "break-glass"), json!({"reason": "the release leaks"})),
        "model_rollback" => (&cast.pipeline, model("used/rollback"), json!({"reason": "it fails"})),
        "model_tag_set" | "model_tag_delete" => (&cast.scientist, model("used/tags/team/name"), json!({"value": "credit"})),
        "version_tag_set" | "version_tag_delete" => (&cast.scientist, format!("{candidate}/tags/note"), json!({"value": "x"})),
        "alias_set" | "alias_delete" => (&cast.scientist, model("drafts/aliases/trial"), json!({"version": 1})),
        "version_register" => (&cast.scientist, model("drafts/versions"), world.package.clone()),
        "version_attach" => (&cast.scientist, model("elsewhere/versions/1/attach"), json!({"files": world.package["files"]})),
        "version_describe" => (&cast.scientist, candidate.clone(), json!({"description": "new"})),
        "version_hide" => (&cast.owner, model("drafts/versions/2/hide"), json!({"reason": "a mistake"})),
        "version_check_record" => (&cast.scientist, format!("{candidate}/check"), json!({"to": "production"})),
        "version_transition" => (&cast.owner, format!("{candidate}/transitions"), json!({"to": "draft", "reason": "more work"})),
        "evidence_add" => (&cast.scientist, format!("{candidate}/evidence?type=other"), json!({"text": "fine"})),
        "template_add" => (admin, "/api/v1/templates".to_owned(), json!({"name": "new", "type": "review", "text": "# Review\n## Findings\n"})),
        "template_approve" => (&cast.governance, "/api/v1/templates/fixture/1/approve".to_owned(), json!({})),
        "template_withdraw" => (admin, "/api/v1/templates/fixture/2/withdraw".to_owned(), json!({"reason": "a mistake"})),
        "promotion_open" => (&cast.scientist, "/api/v1/promotions".to_owned(), json!({"model": "drafts", "version": 1, "to": "production"})),
        "promotion_review" => (&cast.product, promotion("review", "approvals"), Value::Null),
        "promotion_withdraw" => (&cast.product, promotion("withdraw", "withdraw"), json!({"role": "product", "reason": "second thoughts"})),
        "promotion_cancel" => (&cast.scientist, promotion("cancel", "cancel"), json!({"reason": "not now"})),
        "promotion_execute" => (&cast.pipeline, promotion("execute", "execute"), json!({})),
        "risk_add" => (&cast.scientist, "/api/v1/risks".to_owned(), json!({"title": "new", "category": "quality", "severity": "low", "likelihood": "rare"})),
        "risk_change" => {
            (&cast.scientist, world.risks["change"].clone(), json!({"title": "x", "category": "quality", "severity": "low", "likelihood": "rare"}))
        }
        "risk_link" => (&cast.scientist, format!("{}/models/used", world.risks["link"]), Value::Null),
        "risk_unlink" => (&cast.scientist, format!("{}/models/used", world.risks["unlink"]), Value::Null),
        "risk_mitigate" => (&cast.scientist, format!("{}/mitigations", world.risks["mitigate"]), json!({"text": "look", "owner": "credit"})),
        "risk_mitigation_done" => (&cast.scientist, format!("{}/mitigations/1/done", world.risks["finish"]), json!({})),
        "risk_status" => (&cast.scientist, format!("{}/status", world.risks["status"]), json!({"status": "closed", "reason": "gone"})),
        "risk_import" => {
            (&cast.scientist, "/api/v1/risks/import".to_owned(), json!([{"title": "imported", "category": "quality", "severity": "low", "likelihood": "rare"}]))
        }
        "review_schedule" => {
            (&cast.scientist, "/api/v1/reviews".to_owned(), json!({"about": "entry", "model": "used", "owner": "credit", "due": "2027-01-01T00:00:00Z"}))
        }
        "review_done" => (&cast.scientist, format!("{}/done", world.review), json!({"outcome": "confirmed"})),
        "jobs_run" => (admin, "/api/v1/jobs/run".to_owned(), json!({})),
        "promotion_comment" => (&cast.product, promotion("review", "comments"), json!({"text": "looks good"})),
        "condition_met" => (&cast.product, promotion("condition", "conditions/1/met"), json!({"note": "it is watched"})),
        "delegation_give" => {
            let body = json!({"role": "security", "to": "scientist", "until": "2026-06-08T12:00:00Z", "reason": "on leave"});
            (&cast.security, "/api/v1/delegations".to_owned(), body)
        }
        "delegation_end" => (&cast.security, "/api/v1/delegations/security/scientist".to_owned(), Value::Null),
        "policy_bundle_upload" => {
            (admin, "/api/v1/policy/bundles".to_owned(), json!({"files": {"other.rego": "package chancery.organisation.other\nx := 1\n"}}))
        }
        "policy_bundle_activate" => (&cast.governance, format!("{}/activate", world.bundle), json!({"reason": "agreed"})),
        "policy_bundle_withdraw" => (&world.deputy, format!("{}/withdraw", world.bundle), json!({"reason": "a mistake"})),
        "access_policy_install" => {
            let other = ACCESS_POLICY.replace("readers", "others");
            (admin, "/api/v1/access-policies".to_owned(), json!({"files": {"own.cedar": other}}))
        }
        "access_policy_activate" => (&world.second, format!("{}/activate", world.access_policy), json!({"reason": "agreed"})),
        "access_policy_withdraw" => (admin, format!("{}/withdraw", world.access_policy), json!({"reason": "over"})),
        "policy_mode" => (admin, "/api/v1/policy/mode".to_owned(), json!({"mode": "warn", "reason": "trial"})),
        "login" => (&world.anonymous, "/api/v1/login".to_owned(), json!({"name": "guard-login", "password": PASSWORD})),
        "account_password" => {
            let body = json!({"name": "guard-password", "current": world.once, "new": PASSWORD});
            (&world.anonymous, "/api/v1/account/password".to_owned(), body)
        }
        "user_password_reset" => (admin, "/api/v1/users/leaver/password-reset".to_owned(), json!({})),
        "user_bind" | "user_unbind" => (admin, "/api/v1/users/guard-password/oidc".to_owned(), json!({"subject": "somebody"})),
        "group_map" | "group_unmap" => (admin, "/api/v1/groups/ml".to_owned(), json!({"roles": ["viewer"]})),
        "team_create" => (admin, "/api/v1/teams".to_owned(), json!({"name": "new"})),
        "team_change" => (admin, "/api/v1/teams/risk".to_owned(), json!({"description": "rates risks"})),
        "team_dissolve" => (admin, "/api/v1/teams/empty/dissolve".to_owned(), json!({"reason": "unused"})),
        "team_member_add" => (admin, "/api/v1/teams/risk/members/scientist".to_owned(), Value::Null),
        "team_member_remove" => (admin, "/api/v1/teams/credit/members/scientist".to_owned(), Value::Null),
        "transfer_propose" => (&cast.owner, model("transfer-propose/transfer"), json!({"to": "risk", "reason": "theirs"})),
        "transfer_accept" => (&world.receiver, model("transfer-accept/transfer/accept"), json!({"to": "risk"})),
        "transfer_reject" => (&world.receiver, model("transfer-reject/transfer/reject"), json!({"reason": "not ours"})),
        "transfer_withdraw" => (&cast.owner, model("transfer-withdraw/transfer/withdraw"), json!({"reason": "too early"})),
        "grant_confirm" => (&world.second, "/api/v1/grant-proposals/grant-confirm/confirm".to_owned(), json!({"roles": ["approver:product"]})),
        "grant_reject" => (&world.second, "/api/v1/grant-proposals/grant-reject/reject".to_owned(), json!({"reason": "not trained"})),
        "grant_withdraw" => (admin, "/api/v1/grant-proposals/grant-withdraw/withdraw".to_owned(), json!({"reason": "a mistake"})),
        "user_erase" => (admin, "/api/v1/users/gone/erase".to_owned(), json!({})),
        "user_create" => (admin, "/api/v1/users".to_owned(), json!({"name": "new", "kind": "person", "roles": []})),
        "user_roles" => (admin, "/api/v1/users/leaver/roles".to_owned(), json!({"roles": ["auditor"]})),
        "user_deactivate" => (admin, "/api/v1/users/leaver".to_owned(), Value::Null),
        "key_add" => (&cast.product, "/api/v1/users/product-owner/keys".to_owned(), json!({"key": crate::key::pem(&crate::key::key(7))})),
        "key_remove" => (&cast.product, format!("/api/v1/users/product-owner/keys/{}", crate::key::id(&crate::key::key(7))), Value::Null),
        "attestation_revoke" => {
            (&cast.owner, format!("/api/v1/attestations/{}/revoke", world.attestation), json!({"reason": "vulnerable", "comment": "see SEC-7"}))
        }
        "token_issue" => (admin, "/api/v1/tokens".to_owned(), json!({"user": "scientist"})),
        "token_exchange" => {
            let token = issuer::sign(&issuer::claims(world.now));
            return Some((admin.with_token("none"), "/api/v1/token-exchange".to_owned(), json!({"subject_token": token})));
        }
        "token_rotate" => (admin, format!("/api/v1/tokens/{}/rotate", world.own_tokens["rotate-any"]), json!({})),
        "own_token_issue" => (&cast.scientist, "/api/v1/account/tokens".to_owned(), json!({})),
        "own_token_rotate" => (&cast.scientist, format!("/api/v1/account/tokens/{}/rotate", world.own_tokens["rotate"]), json!({})),
        "own_token_revoke" => (&world.own_token.0, format!("/api/v1/account/tokens/{}", world.own_token.1), Value::Null),
        "identity_add" => (
            admin,
            "/api/v1/users/ci/identities".to_owned(),
            json!({"issuer": issuer::GITHUB, "rules": [
            {"claim": "repository", "match": "exact", "value": "acme/other"}, {"claim": "environment", "match": "exact", "value": "production"}]}),
        ),
        "identity_remove" => (admin, world.identity.clone(), Value::Null),
        "token_revoke" => (admin, format!("/api/v1/tokens/{}", world.token), Value::Null),
        _ => return None,
    };
    Some((who.clone(), path.trim_end_matches('/').to_owned(), body))
}

/// Every operation that says `entry` appends one when it succeeds, and says which.
async fn operations_with_effect(app: &TestApp) {
    let world = world(app).await;
    let mut operations = operations(app).await;
    operations.retain(|operation| operation.effect == "entry");
    // What removes comes after what it removes; the mode last, for it changes the rules for the rest.
    operations.sort_by_key(|operation| (operation.id == "policy_mode", operation.id == "user_deactivate", operation.method == "DELETE", operation.id.clone()));
    for operation in operations {
        let Some((who, path, mut body)) = fixture(&world, &operation.id) else { panic!("write a fixture for `{}`", operation.id) };
        if operation.id == "promotion_review" {
            let shown = who.get(path.trim_end_matches("/approvals")).await.expect(200);
            body = json!({"role": "product", "verdict": "approve", "evidence_set": shown["evidence_set"]});
        }
        let before = app.size().await;
        let call = who.call(&operation.method, &path);
        let answer: Answer = if body.is_null() { call.send().await } else { call.json(&body).send().await };
        assert!(matches!(answer.status, 200 | 201), "{operation:?}: {} {}", answer.status, String::from_utf8_lossy(&answer.bytes));
        let kinds = answer.kinds();
        assert!(!kinds.is_empty(), "{operation:?} has an empty receipt");
        assert!(app.size().await >= before + kinds.len() as u64, "{operation:?} appended nothing");
        let last = answer.json().pointer("/receipt/index").cloned().unwrap_or_else(|| answer.json()["index"].clone());
        let entry = app.admin.get(&format!("/api/v1/ledger/entries/{last}")).await.expect(200);
        assert_eq!(entry["kind"], kinds.last().unwrap().as_str(), "{operation:?}");
    }
}

both! {
    async fn every_operation_but_the_anonymous_ones_needs_a_token(app: &TestApp) {
        anonymous_callers_after_a_checkpoint(app).await;
    }

    async fn every_operation_needs_a_role(app: &TestApp) {
        callers_without_a_role(app).await;
    }

    async fn every_route_of_the_artifact_proxy_needs_a_role(app: &TestApp) {
        artifact_routes(app).await;
    }

    async fn every_route_of_the_registry_of_mlflow_needs_a_role(app: &TestApp) {
        mlflow_routes(app).await;
    }

    async fn every_operation_with_an_effect_appends_an_entry(app: &TestApp) {
        operations_with_effect(app).await;
    }

    async fn the_openapi_document_is_what_was_reviewed(app: &TestApp) {
        let document = app.anonymous.get("/api/v1/openapi.json").await.expect(200);
        check_file("openapi.json", &format!("{}\n", serde_json::to_string_pretty(&document).unwrap()));
    }
}

async fn anonymous_callers_after_a_checkpoint(app: &TestApp) {
    app.user("somebody", &[]).await;
    app.app.sign_checkpoint().await.unwrap();
    anonymous_callers(app).await;
}
