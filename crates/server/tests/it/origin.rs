//! Versions whose bytes are elsewhere: registered as a claim, attached later, approved anew; tags from the start and long ones; what hiding takes along.

use serde_json::{Value, json};

use crate::support::TestApp;
use crate::support::app::both;
use crate::support::builders::{Cast, Made, evaluation, facts};

/// The body of a registration without bytes.
fn claim() -> Value {
    json!({"facts": facts(), "origin": {"source": "s3://bucket/loans/model", "run_id": "0a1b", "run_link": "https://tracking.example/0a1b"}})
}

async fn elsewhere(cast: &Cast, model: &str) -> Made {
    let answer = cast.scientist.post(&format!("/api/v1/models/{model}/versions"), claim()).await;
    answer.expect(201);
    let path = answer.header("location").to_owned();
    Made { model: model.to_owned(), number: path.rsplit('/').next().unwrap().parse().unwrap(), path }
}

/// A text of many different characters, which no index can compress.
fn noise(characters: usize) -> String {
    let mut state = 1_u64;
    let next = move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        char::from_u32(0x4e00 + u32::try_from(state >> 33).unwrap() % 20_000).unwrap()
    };
    std::iter::repeat_with(next).take(characters).collect()
}

/// Outcome, message and remedy of `artifact.intact` at the gate of candidate.
async fn intact(cast: &Cast, version: &Made) -> [String; 3] {
    let verdict = cast.scientist.get(&format!("{}/check?to=candidate", version.path)).await.expect(200);
    let findings = verdict.pointer("/findings").or_else(|| verdict.pointer("/verdict/findings")).unwrap().as_array().unwrap().clone();
    let finding = findings.into_iter().find(|finding| finding["rule"] == "artifact.intact").unwrap();
    ["outcome", "message", "remedy"].map(|member| finding[member].as_str().unwrap_or_default().to_owned())
}

async fn warn(app: &TestApp) {
    app.admin.put("/api/v1/policy/mode", json!({"mode": "warn", "reason": "a trial"})).await.expect(200);
}

both! {
    async fn a_source_elsewhere_is_a_claim(app: &TestApp) {
        let cast = app.cast().await;
        cast.scientist.model("loan", "high").await;
        let mut body = claim();
        body["tags"] = json!({"b": "1", "mlflow.note": ""});
        let made = cast.scientist.post("/api/v1/models/loan/versions", body).await;
        assert_eq!(made.kinds(), ["version.registered", "tag.set", "tag.set"]);
        let sealed = json!({"source": "s3://bucket/loans/model", "run_id": "0a1b", "run_link": "https://tracking.example/0a1b"});
        assert_eq!(made.json()["entries"][0]["data"]["origin"], sealed);
        let version = Made { model: "loan".to_owned(), number: 1, path: made.header("location").to_owned() };
        let shown = cast.auditor.get(&version.path).await.expect(200);
        assert_eq!((&shown["held"], &shown["files"], &shown["source"]), (&json!(false), &json!(0), &json!("s3://bucket/loans/model")));
        assert_eq!((&shown["run_id"], &shown["run_link"]), (&json!("0a1b"), &json!("https://tracking.example/0a1b")));
        assert_eq!((&shown["facts"]["origin"], &shown["grades"]["origin"]), (&sealed, &json!("claimed")));
        assert_eq!(shown["tags"], json!({"b": "1", "mlflow.note": ""}));
        assert!(shown["facts"].get("inspection").is_none(), "nothing was looked at");
        for path in ["package", "files/model.bin", "fixity"] {
            let answer = cast.auditor.get(&format!("{}/{path}", version.path)).await;
            assert_eq!(answer.problem(), "404 not_found version", "{path}");
            assert!(answer.json()["detail"].as_str().unwrap().contains("s3://bucket/loans/model"), "{path}");
        }
        let [outcome, message, remedy] = intact(&cast, &version).await;
        assert_eq!(outcome, "fail");
        assert!(message.contains("`s3://bucket/loans/model`") && remedy.contains("chancery version attach"), "{message}; {remedy}");
        let held = cast.scientist.version("loan", b"weights").await;
        let shown = cast.auditor.get(&held.path).await.expect(200);
        assert_eq!((&shown["held"], &shown["source"], &shown["semver"]), (&json!(true), &json!(""), &json!("1.1.0")));
    }

    async fn what_an_origin_must_be(app: &TestApp) {
        let cast = app.cast().await;
        cast.scientist.model("loan", "high").await;
        let many: serde_json::Map<String, Value> = (0..1001).map(|number| (format!("k{number}"), json!(""))).collect();
        let size = app.size().await;
        for (body, expected) in [
            (json!({"facts": {}}), "422 invalid_field files"),
            (json!({"facts": {}, "origin": {"source": ""}}), "422 invalid_field source"),
            (json!({"facts": {}, "origin": {"source": "s3://a\u{0}"}}), "422 invalid_field source"),
            (json!({"facts": {}, "origin": {"source": "x".repeat(8193)}}), "413 too_large source"),
            (json!({"facts": {"origin": {"source": "s3://a"}}, "origin": {"source": "s3://b"}}), "422 invalid_field facts.origin"),
            (json!({"facts": {}, "origin": {"source": "s3://a"}, "tags": many}), "413 too_large tags"),
            (json!({"facts": {}, "origin": {"source": "s3://a"}, "tags": {"a": "x".repeat(100_001)}}), "413 too_large value"),
        ] {
            let answer = cast.scientist.post("/api/v1/models/loan/versions", body.clone()).await;
            assert_eq!(answer.problem(), expected, "{}", body.to_string().chars().take(200).collect::<String>());
        }
        assert_eq!(app.size().await, size);
    }

    /// What was approved without the bytes was something else.
    async fn attached_bytes_are_approved_anew(app: &TestApp) {
        let cast = app.cast().await;
        cast.scientist.model("loan", "high").await;
        let version = elsewhere(&cast, "loan").await;
        cast.scientist.evidence(&version, "evaluation", &evaluation(0.81, 0.86)).await.expect(201);
        let promotion = cast.approved(&version, "production").await;
        let path = format!("/api/v1/promotions/{promotion}");
        assert_eq!(cast.auditor.get(&path).await.expect(200)["missing_roles"], json!([]));
        assert_eq!(cast.pipeline.post(&format!("{path}/execute"), json!({})).await.recorded_problem().split(' ').next(), Some("403"), "nothing to release");
        let before = cast.auditor.get(&version.path).await.expect(200);
        let last = app.size().await - 1;

        let attach = format!("{}/attach", version.path);
        let absent = json!({"files": [{"path": "m.bin", "size": 3, "digest": "0".repeat(64)}]});
        assert_eq!(cast.scientist.post(&attach, absent).await.problem(), "422 digest_mismatch files");
        assert_eq!(cast.scientist.post(&attach, json!({"files": []})).await.problem(), "422 invalid_field files");
        let files = cast.scientist.package(b"weights").await["files"].clone();
        let body = json!({"files": files});
        let stale = cast.scientist.call("POST", &attach).header("If-Match", "\"1\"").json(&body).send().await;
        assert_eq!(stale.problem(), "412 precondition_failed If-Match");
        assert_eq!(cast.auditor.post(&attach, body.clone()).await.recorded_problem(), "403 access_denied");
        let helper = app.user("helper", &["contributor", "approver:product"]).await;
        assert_eq!(helper.post(&attach, body.clone()).await.kinds(), ["version.attached"]);

        let after = cast.auditor.get(&version.path).await.expect(200);
        assert_eq!((&after["held"], &after["files"], &after["size"]), (&json!(true), &json!(1), &json!(7)));
        assert_eq!((&after["source"], &after["facts"]["origin"]), (&before["source"], &before["facts"]["origin"]), "the claim stays");
        assert_eq!((&after["facts"]["formats"], &after["grades"]["formats"]), (&json!({"text": 1}), &json!("read")), "the bytes were looked at");
        assert_eq!(cast.auditor.get(&format!("{}/files/data/model.bin", version.path)).await.bytes, b"weights");
        assert_eq!(intact(&cast, &version).await[0], "pass");
        let roles = cast.auditor.get(&path).await.expect(200)["missing_roles"].clone();
        assert_eq!(roles.as_array().unwrap().len(), 4, "every approval was of another digest");
        assert_eq!(cast.pipeline.post(&format!("{path}/execute"), json!({})).await.recorded_problem().split(' ').next(), Some("403"));

        // What was given out for the version finds it for ever, and the past is as it was.
        for id in [&before["composite_id"], &after["composite_id"]] {
            let found = cast.auditor.get(&format!("/api/v1/resolve?reference={}", id.as_str().unwrap())).await.expect(200);
            assert_eq!((&found["number"], &found["version_digest"]), (&json!(1), &after["version_digest"]));
        }
        let past = cast.auditor.get(&format!("{}?as_of={last}", version.path)).await.expect(200);
        assert_eq!((&past["held"], &past["version_digest"]), (&json!(false), &before["version_digest"]));

        cast.evaluate(&version, &evaluation(0.81, 0.86)).await;
        cast.complete(&version).await;
        // Whoever brought in the bytes made the version too.
        cast.scientist.promote(&version, "production").await.expect(200);
        let authors = cast.auditor.get(&path).await.expect(200)["authors"].clone();
        assert_eq!(authors.as_array().unwrap().iter().filter(|author| author["name"] == "helper").count(), 1, "{authors}");
        assert_eq!(helper.verdict(&promotion, "product", "approve").await.recorded_problem().split(' ').nth(1), Some("separation_of_duties"));
        let again = cast.approved_again(&version).await;
        assert_eq!(again, promotion, "the same promotion, refreshed");
        cast.pipeline.post(&format!("{path}/execute"), json!({})).await.expect(200);
        assert_eq!(cast.auditor.state(&version).await, "production");
        assert_eq!(cast.scientist.post(&attach, body).await.recorded_problem(), "409 transition_refused version", "once is all");
    }

    async fn a_long_tag_value_is_kept_whole(app: &TestApp) {
        let cast = app.cast().await;
        let text = noise(100_000);
        cast.scientist.post("/api/v1/models", json!({"name": "loan", "tags": {"text": text}})).await.expect(201);
        assert_eq!(cast.auditor.get("/api/v1/models/loan").await.expect(200)["tags"]["text"], text.as_str());
        let last = app.size().await - 1;
        let key = "k".repeat(250);
        for (path, value, expected) in [
            (format!("/api/v1/models/loan/tags/{key}"), noise(20_000), 200),
            ("/api/v1/models/loan/tags/text".to_owned(), "short".to_owned(), 200),
            (format!("/api/v1/models/loan/tags/{key}k"), "x".to_owned(), 422),
            ("/api/v1/models/loan/tags/text".to_owned(), "x".repeat(100_001), 413),
        ] {
            let answer = cast.scientist.put(&path, json!({"value": value})).await;
            assert_eq!(answer.status, expected, "{}", path.len());
            if expected == 200 {
                let name = path.rsplit('/').next().unwrap();
                assert_eq!(cast.auditor.get("/api/v1/models/loan").await.expect(200)["tags"][name], value.as_str());
            }
        }
        let past = cast.auditor.get(&format!("/api/v1/models/loan?as_of={last}")).await.expect(200);
        assert_eq!(past["tags"]["text"], text.as_str(), "the past has the long value");
    }

    async fn aliases_go_with_what_is_hidden(app: &TestApp) {
        warn(app).await;
        let cast = app.cast().await;
        cast.scientist.model("loan", "minimal").await;
        for bytes in [b"1", b"2", b"3"] {
            cast.scientist.version("loan", bytes).await;
        }
        for (alias, number) in [("a", 1), ("b", 2), ("é-7", 1)] {
            cast.scientist.put(&format!("/api/v1/models/loan/aliases/{alias}"), json!({"version": number})).await.expect(200);
        }
        let hide = async |path: &str| cast.owner.post(&format!("/api/v1/models/{path}/hide"), json!({"reason": "mistake"})).await;
        assert_eq!(hide("loan/versions/1").await.kinds(), ["alias.deleted", "alias.deleted", "version.hidden"]);
        assert_eq!(hide("loan/versions/1").await.problem(), "404 not_found");
        assert_eq!(cast.auditor.get("/api/v1/models/loan").await.expect(200)["aliases"], json!({"b": 2}));
        assert_eq!(hide("loan").await.kinds(), ["alias.deleted", "model.hidden"]);
        assert_eq!(hide("loan").await.problem(), "404 not_found");
        assert_eq!(cast.auditor.get("/api/v1/resolve?reference=loan@b").await.problem(), "404 not_found");
        for number in 1..=3 {
            let shown = cast.auditor.get(&format!("/api/v1/models/loan/versions/{number}")).await.expect(200);
            assert_eq!((&shown["hidden"], &shown["state"]), (&json!(true), &json!("retired")), "{number}");
        }
        cast.scientist.model("loan", "minimal").await;
        assert_eq!(cast.scientist.version("loan", b"4").await.number, 4, "the name goes on counting");
        let listed = cast.auditor.get("/api/v1/models/loan/versions").await.expect(200);
        assert_eq!(listed["items"].as_array().unwrap().len(), 1);
    }
}
