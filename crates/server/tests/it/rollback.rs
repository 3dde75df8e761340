//! Rollback: back to a version that was in production, on a Friday night, without the ordinary way; and its drill.

use serde_json::json;

use crate::support::app::both;

both! {
    async fn a_drill_says_what_the_rollback_then_does(app: &TestApp) {
        let cast = app.cast().await;
        let incident = app.user("on-call", &["incident"]).await;
        cast.scientist.model("loan", "high").await;
        for bytes in [b"1", b"2"] {
            let version = cast.evaluated("loan", bytes).await;
            cast.bring_to(&version, "production").await;
        }
        cast.scientist.put("/api/v1/models/loan/aliases/champion", json!({"version": 2})).await.expect(200);
        cast.scientist.put("/api/v1/models/loan/aliases/mine", json!({"version": 2})).await.expect(200);
        let size = app.size().await;
        let drill = incident.post("/api/v1/models/loan/rollback", json!({"reason": "rehearsal", "drill": true})).await;
        insta::assert_snapshot!(drill.snapshot(), @r#"
        200 {
          "drill": true,
          "exceptions": [
            "approval.complete",
            "approval.unexpired"
          ],
          "findings": [
            {
              "gate": "rollback",
              "message": "1 file held, each with its digest",
              "non_waivable": true,
              "outcome": "pass",
              "references": [
                "ART-2",
                "VER-1",
                "POL-4"
              ],
              "rule": "artifact.intact",
              "who": [
                "contributor",
                "administrator"
              ]
            },
            {
              "gate": "rollback",
              "message": "1 file scanned, none dangerous",
              "non_waivable": true,
              "outcome": "pass",
              "references": [
                "ART-4",
                "POL-4",
                "EU-AI-Act Art. 15",
                "NIST AI RMF MEASURE 2.7"
              ],
              "rule": "artifact.scan",
              "who": [
                "contributor",
                "security"
              ]
            },
            {
              "gate": "rollback",
              "message": "a person in the role incident asks",
              "non_waivable": true,
              "outcome": "pass",
              "references": [
                "LIF-5",
                "LIF-2"
              ],
              "rule": "rollback.actor",
              "who": [
                "incident",
                "pipeline"
              ]
            },
            {
              "gate": "rollback",
              "message": "the version was in production before",
              "non_waivable": true,
              "outcome": "pass",
              "references": [
                "LIF-5"
              ],
              "rule": "rollback.was-production",
              "who": [
                "incident"
              ]
            },
            {
              "gate": "rollback",
              "message": "risk tier high may be promoted under enforce",
              "non_waivable": true,
              "outcome": "pass",
              "references": [
                "ENT-3",
                "POL-1",
                "EU-AI-Act Art. 5"
              ],
              "rule": "tier.permitted",
              "who": [
                "ai-governance"
              ]
            },
            {
              "gate": "rollback",
              "message": "no critical vulnerability is unresolved",
              "non_waivable": false,
              "outcome": "pass",
              "references": [
                "ART-6",
                "POL-3",
                "EU-AI-Act Art. 15",
                "NIST AI RMF MEASURE 2.7"
              ],
              "rule": "vulnerability.no-critical",
              "who": [
                "contributor",
                "owner"
              ]
            }
          ],
          "replaces": [
            2
          ],
          "to": 1,
          "would_pass": true
        }
        "#);
        assert_eq!(app.size().await, size, "a drill is no entry");
        let done = incident.post("/api/v1/models/loan/rollback", json!({"reason": "it refuses everybody"})).await;
        insta::assert_snapshot!(format!("{:#?}", done.kinds()), @r#"
        [
            "version.transitioned",
            "version.transitioned",
            "exception.requested",
            "exception.granted",
            "exception.requested",
            "exception.granted",
            "alias.set",
            "decision.recorded",
        ]
        "#);
        let model = cast.auditor.get("/api/v1/models/loan").await.expect(200);
        assert_eq!(model["production"], json!([1]));
        assert_eq!(model["aliases"], json!({"champion": 1, "mine": 2}), "what promises production follows");
        let replaced = cast.auditor.get("/api/v1/models/loan/versions/2").await.expect(200);
        assert_eq!((replaced["state"].clone(), replaced["successor"].clone()), (json!("deprecated"), json!(1)));
        // And forward again.
        incident.post("/api/v1/models/loan/rollback", json!({"to": 2, "reason": "it was the network"})).await.expect(200);
        assert_eq!(cast.auditor.get("/api/v1/models/loan").await.expect(200)["production"], json!([2]));
    }

    async fn a_stored_token_rolls_nothing_of_a_high_tier_back(app: &TestApp) {
        let cast = app.cast().await;
        let stored = app.admin.post("/api/v1/tokens", json!({"user": "ci"})).await.expect(201)["secret"].as_str().unwrap().to_owned();
        let stored = app.anonymous.with_token(&stored);
        cast.scientist.model("loan", "high").await;
        for bytes in [b"1", b"2"] {
            let version = cast.evaluated("loan", bytes).await;
            cast.bring_to(&version, "production").await;
        }
        let refused = stored.post("/api/v1/models/loan/rollback", json!({"reason": "it refuses everybody"})).await;
        assert_eq!(refused.recorded_problem(), "403 non_waivable");
        assert!(refused.json()["findings"].as_array().unwrap().iter().any(|finding| finding["rule"] == "rollback.actor"), "{}", refused.json());
        cast.pipeline.post("/api/v1/models/loan/rollback", json!({"reason": "it refuses everybody"})).await.expect(200);
        assert_eq!(cast.auditor.get("/api/v1/models/loan").await.expect(200)["production"], json!([1]));
    }

    async fn what_cannot_be_rolled_back_to(app: &TestApp) {
        let cast = app.cast().await;
        cast.scientist.model("loan", "high").await;
        cast.scientist.model("other", "high").await;
        let rollback = async |to: Option<u64>| {
            let body = to.map_or(json!({"reason": "r"}), |to| json!({"to": to, "reason": "r"}));
            cast.pipeline.post("/api/v1/models/loan/rollback", body).await
        };
        assert_eq!(rollback(None).await.recorded_problem(), "409 transition_refused");
        for (number, state) in (1_u64..).zip(["draft", "candidate", "approved", "retired", "production"]) {
            let version = cast.evaluated("loan", state.as_bytes()).await;
            cast.bring_to(&version, state).await;
            assert_eq!(rollback(Some(number)).await.recorded_problem(), "409 transition_refused to", "{state}");
        }
        // Deprecated, but never released.
        let draft = cast.evaluated("loan", b"never").await;
        cast.bring_to(&draft, "deprecated").await;
        assert_eq!(rollback(Some(draft.number)).await.recorded_problem(), "409 transition_refused to");
        assert_eq!(rollback(Some(99)).await.problem(), "404 not_found");
        assert_eq!(cast.scientist.post("/api/v1/models/loan/rollback", json!({"reason": "r"})).await.recorded_problem(), "403 access_denied");
        assert_eq!(cast.pipeline.post("/api/v1/models/loan/rollback", json!({"to": 1})).await.problem(), "422 invalid_field body");
    }
}
