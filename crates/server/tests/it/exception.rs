//! Exceptions (POL-4, AUD-4): asked for, granted by somebody else, named in the decisions that use them, refused, revoked, over.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chancery_core::names::Timestamp;
use serde_json::{Value, json};

use crate::support::app::{START, both};
use crate::support::builders::Made;
use crate::support::{Answer, Cast, Client};

/// A time so many days after the start.
fn in_days(days: i64) -> String {
    Timestamp::parse(START).unwrap().plus_seconds(days * 86_400).to_string()
}

/// Rules that keep a version from a state and that an exception could waive.
pub(crate) async fn waivable(who: &Client, version: &Made, to: &str) -> Vec<String> {
    let check = who.get(&format!("{}/check?to={to}", version.path)).await.expect(200);
    let failed = check["findings"].as_array().unwrap().iter().filter(|finding| finding["outcome"] == "fail" && finding["non_waivable"] == false);
    failed.map(|finding| finding["rule"].as_str().unwrap().to_owned()).collect()
}

async fn ask(who: &Client, body: Value) -> Answer {
    let mut whole = json!({"model": "loan", "rule": "evaluation.baseline", "expires_at": in_days(30), "reason": "the old pipeline"});
    whole.as_object_mut().unwrap().extend(body.as_object().unwrap().clone());
    who.post("/api/v1/exceptions", whole).await
}

/// Asks for an exception and gives its path.
async fn asked(who: &Client, body: Value) -> String {
    let answer = ask(who, body).await;
    answer.expect(201);
    assert_eq!(answer.kinds(), ["exception.requested"]);
    answer.header("location").to_owned()
}

/// Somebody in the role that the policy names for the rule of an exception.
async fn grantor<'a>(cast: &'a Cast, path: &str) -> &'a Client {
    match cast.auditor.get(path).await.expect(200)["grantors"][0].as_str().unwrap() {
        "security" => &cast.security,
        _ => &cast.governance,
    }
}

/// Waives every rule that keeps a version from a state; gives the paths.
async fn waive_all(cast: &Cast, version: &Made, to: &str) -> Vec<String> {
    let mut paths = Vec::new();
    for rule in waivable(&cast.auditor, version, to).await {
        let path = asked(&cast.scientist, json!({"version": version.number, "rule": rule})).await;
        grantor(cast, &path).await.post(&format!("{path}/grant"), json!({})).await.expect(200);
        paths.push(path);
    }
    paths
}

/// What a signed decision says.
async fn said(who: &Client, digest: &str) -> Value {
    let envelope = who.get(&format!("/api/v1/decisions/{digest}")).await.expect(200);
    let payload = STANDARD.decode(envelope["payload"].as_str().unwrap()).unwrap();
    serde_json::from_slice(&payload).unwrap()
}

async fn decision_of(cast: &Cast, version: &Made, word: &str) -> Value {
    let decisions = cast.auditor.get(&format!("{}/decisions", version.path)).await.expect(200);
    let found = decisions.as_array().unwrap().iter().find(|decision| decision["decision"] == word).cloned();
    said(&cast.auditor, found.unwrap_or_else(|| panic!("no {word} in {decisions}"))["digest"].as_str().unwrap()).await
}

both! {
    /// POL-4, AUD-4: an exception has a reason, a grantor and an expiry, and the decision that uses it names it.
    async fn an_exception_waives_a_rule_until_it_is_revoked(app: &TestApp) {
        let cast = app.cast().await;
        cast.owner.model("loan", "limited").await;
        let version = cast.scientist.version("loan", b"without an evaluation").await;
        cast.scan(&version).await;
        let failing = waivable(&cast.auditor, &version, "candidate").await;
        assert!(failing.contains(&"evaluation.baseline".to_owned()), "{failing:?}");
        let paths = waive_all(&cast, &version, "candidate").await;
        assert_eq!(waivable(&cast.auditor, &version, "candidate").await, Vec::<String>::new());

        let granted = decision_of(&cast, &version, "EXCEPTION_GRANTED").await;
        assert_eq!(granted["subject"][0]["digest"]["sha256"], cast.auditor.get(&version.path).await.expect(200)["version_digest"]);
        assert_eq!(granted["predicate"]["checks"][0]["outcome"], "WAIVED");
        assert!(granted["predicate"]["expiresAt"].is_string());

        assert_eq!(cast.pipeline.promote(&version, "candidate").await.expect(201)["executed"], true);
        let executed = decision_of(&cast, &version, "EXECUTED").await;
        let checks = executed["predicate"]["checks"].as_array().unwrap();
        let waived: Vec<&Value> = checks.iter().filter(|check| check["outcome"] == "WAIVED").collect();
        assert_eq!(waived.len(), failing.len());
        assert!(waived.iter().all(|check| paths.iter().any(|path| path.ends_with(check["waiver"].as_str().unwrap()))));

        let first = &paths[0];
        let shown = cast.auditor.get(first).await.expect(200);
        assert_eq!((&shown["status"], &shown["origin"], &shown["reason"]), (&json!("granted"), &json!("asked"), &json!("the old pipeline")));
        assert_eq!(cast.scientist.post(&format!("{first}/revoke"), json!({"reason": "done"})).await.kinds(), ["exception.revoked"]);
        cast.owner.post(&format!("{}/transitions", version.path), json!({"to": "draft", "reason": "again"})).await.expect(200);
        assert_eq!(waivable(&cast.auditor, &version, "candidate").await, [shown["rule"].as_str().unwrap()]);
    }

    /// POL-4: what nobody may waive, what is not known, and times that the policy does not allow.
    async fn what_cannot_be_asked_for(app: &TestApp) {
        let cast = app.cast().await;
        cast.owner.model("loan", "limited").await;
        cast.scientist.version("loan", b"1").await;
        for (body, expected) in [
            (json!({"version": 1, "rule": "no.such-rule"}), "422 invalid_field rule"),
            (json!({"version": 1, "rule": "%"}), "422 invalid_field rule"),
            (json!({"version": 1, "expires_at": in_days(0)}), "422 invalid_field expires_at"),
            (json!({"version": 1, "expires_at": in_days(91)}), "422 invalid_field expires_at"),
            (json!({"version": 1, "reason": " "}), "422 invalid_field reason"),
            (json!({"version": 1, "scope": "all"}), "422 invalid_field scope"),
            (json!({}), "422 invalid_field version"),
            (json!({"version": 9}), "404 not_found"),
            (json!({"model": "other", "version": 1}), "404 not_found"),
            (json!({"version": 1, "because": "x"}), "422 invalid_field because"),
        ] {
            let refused = ask(&cast.scientist, body.clone()).await.problem();
            assert!(refused == expected || refused == "422 invalid_field body", "{body}: {refused}");
        }
        for rule in ["artifact.intact", "decision.signed", "promoter.pipeline", "tier.permitted"] {
            let refused = ask(&cast.scientist, json!({"version": 1, "rule": rule, "scope": "model"})).await;
            assert_eq!(refused.recorded_problem(), "403 non_waivable rule", "{rule}");
        }
        assert_eq!(ask(&cast.auditor, json!({"version": 1})).await.recorded_problem(), "403 access_denied");
        assert_eq!(cast.auditor.get("/api/v1/exceptions").await.expect(200)["items"], json!([]));
    }

    /// POL-4: never the one who asked, never an author, never somebody outside of the role.
    async fn who_grants(app: &TestApp) {
        let cast = app.cast().await;
        let both = app.user("both", &["contributor", "approver:ai-governance"]).await;
        cast.owner.model("loan", "limited").await;
        let version = both.version("loan", b"1").await;
        let grant = async |who: &Client, path: &str, body: Value| who.post(&format!("{path}/grant"), body).await;
        let own = asked(&cast.governance, json!({"version": 1})).await;
        assert_eq!(grant(&cast.governance, &own, json!({})).await.recorded_problem(), "403 separation_of_duties");
        assert_eq!(grant(&both, &own, json!({})).await.recorded_problem(), "403 separation_of_duties", "the registrar");
        assert_eq!(grant(&cast.scientist, &own, json!({})).await.recorded_problem(), "403 access_denied");
        assert_eq!(grant(&cast.product, &own, json!({})).await.recorded_problem(), "403 access_denied role");
        assert_eq!(grant(&cast.product, &own, json!({"role": "product"})).await.recorded_problem(), "403 access_denied role");
        let whole = asked(&cast.scientist, json!({"scope": "model"})).await;
        assert_eq!(grant(&both, &whole, json!({})).await.recorded_problem(), "403 separation_of_duties", "an author of a version of the model");
        assert_eq!(grant(&cast.governance, &whole, json!({})).await.kinds(), ["exception.granted", "decision.recorded"]);
        assert_eq!(grant(&cast.governance, &whole, json!({})).await.recorded_problem(), "409 transition_refused exception");
        assert!(!waivable(&cast.auditor, &version, "candidate").await.contains(&"evaluation.baseline".to_owned()));
        // Of the model: the next version has it too.
        let next = cast.scientist.version("loan", b"2").await;
        assert!(!waivable(&cast.auditor, &next, "candidate").await.contains(&"evaluation.baseline".to_owned()));
        let missing = format!("/api/v1/exceptions/x{}", "0".repeat(32));
        assert_eq!(grant(&cast.governance, &missing, json!({})).await.problem(), "404 not_found");
        assert_eq!(cast.product.post(&format!("{whole}/revoke"), json!({"reason": "r"})).await.recorded_problem(), "403 access_denied");
        cast.owner.post(&format!("{whole}/revoke"), json!({"reason": "r"})).await.expect(200);
        assert!(waivable(&cast.auditor, &next, "candidate").await.contains(&"evaluation.baseline".to_owned()));
    }

    async fn lists_and_what_is_over(app: &TestApp) {
        let cast = app.cast().await;
        cast.owner.model("loan", "limited").await;
        cast.owner.model("other", "limited").await;
        let version = cast.scientist.version("loan", b"1").await;
        cast.scientist.version("other", b"2").await;
        let short = asked(&cast.scientist, json!({"version": 1, "expires_at": in_days(1)})).await;
        let long = asked(&cast.scientist, json!({"version": 1})).await;
        let refused = asked(&cast.scientist, json!({"version": 1, "rule": "entry.complete"})).await;
        asked(&cast.scientist, json!({"model": "other", "version": 1})).await;
        cast.governance.post(&format!("{long}/grant"), json!({"role": "ai-governance"})).await.expect(200);
        let answer = cast.governance.post(&format!("{refused}/refuse"), json!({"reason": "fill it in"})).await;
        assert_eq!(answer.kinds(), ["exception.refused"]);
        let history = cast.auditor.get(&format!("{refused}/history")).await.expect(200);
        let told: Vec<_> = history["items"].as_array().unwrap().iter().map(|item| (item["kind"].clone(), item["reason"].clone())).collect();
        assert_eq!(told, [(json!("exception.refused"), json!("fill it in")), (json!("exception.requested"), json!("the old pipeline"))]);
        let count = async |query: &str| cast.auditor.get(&format!("/api/v1/exceptions?{query}")).await.expect(200)["items"].as_array().unwrap().len();
        for (query, expected) in [
            ("", 4), ("model=loan", 3), ("model=other", 1), ("rule=entry.complete", 1), ("rule=entry_complete", 0), ("rule=e%25", 0),
            ("status=requested", 2), ("status=granted", 1), ("status=refused", 1), ("status=expired", 0), ("status=granted&model=other", 0),
        ] {
            assert_eq!(count(query).await, expected, "{query}");
        }
        let page = cast.auditor.get("/api/v1/exceptions?limit=3").await.expect(200);
        let next = cast.auditor.get(&format!("/api/v1/exceptions?limit=3&after={}", page["next"].as_str().unwrap())).await.expect(200);
        assert_eq!((page["items"].as_array().unwrap().len(), next["items"].as_array().unwrap().len()), (3, 1));
        app.advance(86_400);
        assert_eq!(cast.governance.post(&format!("{short}/grant"), json!({})).await.recorded_problem(), "409 transition_refused exception");
        assert_eq!((count("status=expired").await, count("status=requested").await), (1, 1));
        assert!(!waivable(&cast.auditor, &version, "candidate").await.contains(&"evaluation.baseline".to_owned()));
        app.advance(30 * 86_400);
        assert!(waivable(&cast.auditor, &version, "candidate").await.contains(&"evaluation.baseline".to_owned()), "its time is over");
        assert_eq!(cast.auditor.get(&long).await.expect(200)["status"], "expired");
        for query in ["status=old", "limit=0", "after=x"] {
            assert_eq!(cast.auditor.get(&format!("/api/v1/exceptions?{query}")).await.problem().split(' ').next(), Some("422"), "{query}");
        }
    }
}
