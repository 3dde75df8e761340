//! Models: create, read, list, change, rename, hide, risk tier.

use serde_json::json;

use crate::support::app::both;

both! {
    /// The first walk through everything that a model can do.
    async fn a_model_is_created_read_and_changed(app: &TestApp) {
        app.team("credit").await;
        let scientist = app.user("scientist", &["contributor"]).await;
        let made = scientist.model("loan", "high").await;
        insta::assert_snapshot!(made.snapshot(), @r#"
        201 {
          "entries": [
            {
              "actor": "[id]",
              "at": "[time]",
              "data": {
                "kind": "model",
                "name": "loan",
                "profile": {
                  "allowed_uses": [
                    "advice"
                  ],
                  "classification": "internal",
                  "description": "Says whether a loan may be granted.",
                  "intended_users": [
                    "loan officers"
                  ],
                  "licence": "Apache-2.0",
                  "limitations": "1990 data",
                  "ownership": {
                    "backup_owner": "deputy",
                    "business_unit": "retail",
                    "escalation_contact": "oncall",
                    "owner": "head of credit",
                    "owning_team": "credit"
                  },
                  "personal_data": true,
                  "prohibited_uses": [
                    "sole decision"
                  ],
                  "risk": {
                    "compliance_status": "assessed",
                    "fairness_tested": true,
                    "mitigation_controls": [
                      "four eyes"
                    ],
                    "security_rating": "medium"
                  },
                  "use_case": "credit decisions"
                },
                "risk_tier": "high"
              },
              "door": "api",
              "index": 6,
              "kind": "model.created",
              "subject": "model/[id]",
              "through": [
                "[id]"
              ],
              "v": 1
            }
          ],
          "index": 6
        }
        "#);
        assert_eq!(made.header("location"), "/api/v1/models/loan");
        let read = scientist.get("/api/v1/models/loan").await;
        insta::assert_snapshot!(read.snapshot(), @r#"
        200 {
          "aliases": {},
          "allowed_uses": [
            "advice"
          ],
          "classification": "internal",
          "created_at": "[time]",
          "created_by": "[id]",
          "description": "Says whether a loan may be granted.",
          "hidden": false,
          "id": "[id]",
          "intended_users": [
            "loan officers"
          ],
          "kind": "model",
          "latest": null,
          "licence": "Apache-2.0",
          "limitations": "1990 data",
          "name": "loan",
          "ownership": {
            "backup_owner": "deputy",
            "business_unit": "retail",
            "escalation_contact": "oncall",
            "owner": "head of credit",
            "owning_team": "credit"
          },
          "personal_data": true,
          "policy_mode": null,
          "production": [],
          "prohibited_uses": [
            "sole decision"
          ],
          "revision": 6,
          "risk": {
            "compliance_status": "assessed",
            "fairness_tested": true,
            "mitigation_controls": [
              "four eyes"
            ],
            "security_rating": "medium"
          },
          "risk_score": {
            "factors": [
              {
                "factor": "risk_tier",
                "points": 25,
                "value": "high"
              },
              {
                "factor": "classification",
                "points": 3,
                "value": "internal"
              },
              {
                "factor": "personal_data",
                "points": 10,
                "value": "true"
              },
              {
                "factor": "criticality",
                "points": 8,
                "value": ""
              },
              {
                "factor": "materiality",
                "points": 5,
                "value": ""
              },
              {
                "factor": "security_rating",
                "points": 5,
                "value": "medium"
              },
              {
                "factor": "audience",
                "points": 4,
                "value": ""
              },
              {
                "factor": "autonomy",
                "points": 4,
                "value": ""
              }
            ],
            "level": "high",
            "score": 64
          },
          "risk_tier": "high",
          "tags": {},
          "tier_proposal": null,
          "updated_at": "[time]",
          "use_case": "credit decisions"
        }
        "#);
        assert_eq!(read.header("etag"), made.header("etag"));
        let changed = scientist.call("PUT", "/api/v1/models/loan").header("If-Match", read.header("etag")).json(&json!({"description": "Other."})).send().await;
        insta::assert_snapshot!(changed.snapshot(), @r#"
        200 {
          "entries": [
            {
              "actor": "[id]",
              "at": "[time]",
              "data": {
                "profile": {
                  "description": "Other.",
                  "ownership": {
                    "owning_team": "credit"
                  },
                  "risk": {}
                }
              },
              "door": "api",
              "index": 7,
              "kind": "model.updated",
              "subject": "model/[id]",
              "through": [
                "[id]"
              ],
              "v": 1
            }
          ],
          "index": 7
        }
        "#);
        let stale = scientist.call("PUT", "/api/v1/models/loan").header("If-Match", read.header("etag")).json(&json!({"description": "Lost."})).send().await;
        insta::assert_snapshot!(stale.snapshot(), @r#"
        412 {
          "code": "precondition_failed",
          "detail": "the model changed: you saw revision 6, it is at 7",
          "field": "If-Match",
          "remedy": "read it again, compare, and repeat the command with the new ETag",
          "status": 412,
          "title": "precondition failed",
          "type": "https://chancery.dev/problems/precondition_failed"
        }
        "#);
        assert_eq!(scientist.get("/api/v1/models/loan").await.expect(200)["description"], "Other.");
    }

    async fn production_is_reached(app: &TestApp) {
        let cast = app.cast().await;
        cast.scientist.model("loan", "high").await;
        let version = cast.evaluated("loan", b"first").await;
        cast.bring_to(&version, "production").await;
    }
}
