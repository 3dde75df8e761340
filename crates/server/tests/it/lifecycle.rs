//! The transition table over HTTP, all 36 cells; hiding and retiring.

use chancery_core::lifecycle::{Move, transition};
use chancery_core::names::State;
use serde_json::json;

use crate::support::app::both;

both! {
    async fn every_cell_of_the_table(app: &TestApp) {
        let cast = app.cast().await;
        cast.scientist.model("loan", "high").await;
        for from in State::ALL {
            let mut version = None;
            for to in State::ALL {
                // A cell that moved nothing leaves the version for the next one.
                let made = match version.take() {
                    Some(made) => made,
                    None => {
                        let made = cast.evaluated("loan", from.as_str().as_bytes()).await;
                        cast.bring_to(&made, from.as_str()).await;
                        made
                    }
                };
                let answer = cast.owner.post(&format!("{}/transitions", made.path), json!({"to": to, "reason": "the table"})).await;
                let moves = match transition(*from, *to) {
                    Move::Demote | Move::Deprecate | Move::Retire | Move::Reinstate => true,
                    Move::Same | Move::Promote | Move::Rollback | Move::Refused(_) => false,
                };
                if moves {
                    assert_eq!(answer.status, 200, "{from} to {to}: {}", answer.json());
                    assert_eq!(answer.kinds()[0], "version.transitioned", "{from} to {to}");
                    assert!(answer.kinds()[1..].iter().all(|kind| kind == "attestation.revoked"), "{from} to {to}: {:?}", answer.kinds());
                } else {
                    assert_eq!(answer.recorded_problem(), "409 transition_refused to", "{from} to {to}");
                    assert!(!answer.json()["remedy"].as_str().unwrap().is_empty());
                    version = Some(made.clone());
                }
                assert_eq!(cast.auditor.state(&made).await, if moves { to.as_str() } else { from.as_str() });
            }
        }
    }

    /// Nobody is asked to sign for where a version cannot go any more.
    async fn promotions_end_with_what_they_promoted(app: &TestApp) {
        let cast = app.cast().await;
        cast.scientist.model("loan", "high").await;
        let mut number = 0;
        for (to, ends) in [("deprecated", true), ("retired", true), ("draft", false)] {
            number += 1;
            let version = cast.evaluated("loan", to.as_bytes()).await;
            cast.bring_to(&version, "candidate").await;
            let opened = cast.scientist.promote(&version, "production").await;
            let id = opened.json()["promotion"]["id"].as_str().unwrap().to_owned();
            let promotion = format!("/api/v1/promotions/{id}");
            let moved = cast.owner.post(&format!("{}/transitions", version.path), json!({"to": to, "reason": "over"})).await;
            let expected = if ends { vec!["version.transitioned", "promotion.cancelled"] } else { vec!["version.transitioned"] };
            assert_eq!(moved.kinds(), expected, "{to}");
            let shown = cast.auditor.get(&promotion).await.expect(200);
            assert_eq!(shown["status"], if ends { "cancelled" } else { "open" }, "{to}");
            assert_eq!(shown["version"], number);
            if ends {
                let approve = json!({"role": "product", "verdict": "approve", "evidence_set": shown["evidence_set"]});
                let refused = cast.product.post(&format!("{promotion}/approvals"), approve).await;
                assert_eq!(refused.recorded_problem(), "409 transition_refused promotion", "{to}");
            }
        }
        // A release leaves the promotions behind that led to less.
        let version = cast.evaluated("loan", b"released").await;
        let opened = cast.scientist.promote(&version, "approved").await;
        let less = opened.json()["promotion"]["id"].as_str().unwrap().to_owned();
        let whole = cast.approved(&version, "production").await;
        let made = cast.pipeline.post(&format!("/api/v1/promotions/{whole}/execute"), json!({})).await;
        assert_eq!(made.kinds().iter().filter(|kind| *kind == "promotion.cancelled").count(), 1, "{:?}", made.kinds());
        assert_eq!(cast.auditor.get(&format!("/api/v1/promotions/{less}")).await.expect(200)["status"], "cancelled");
    }

    async fn moves_have_a_reason_a_precondition_and_a_role(app: &TestApp) {
        let cast = app.cast().await;
        let incident = app.user("on-call", &["incident"]).await;
        cast.scientist.model("loan", "high").await;
        let version = cast.evaluated("loan", b"1").await;
        cast.bring_to(&version, "candidate").await;
        let path = format!("{}/transitions", version.path);
        for (body, expected) in [
            (json!({"to": "draft"}), "422 invalid_field body"),
            (json!({"to": "draft", "reason": ""}), "422 invalid_field reason"),
            (json!({"to": "draft", "reason": "x".repeat(10_001)}), "413 too_large reason"),
            (json!({"to": "deprecated", "reason": "r", "successor": 1}), "422 invalid_field successor"),
            (json!({"to": "deprecated", "reason": "r", "successor": 9}), "404 not_found"),
            (json!({"to": "deprecated", "reason": "r", "sunset": "soon"}), "422 invalid_field sunset"),
            (json!({"to": "great", "reason": "r"}), "422 invalid_field to"),
        ] {
            assert_eq!(cast.owner.post(&path, body.clone()).await.problem(), expected, "{body}");
        }
        let stale = cast.owner.call("POST", &path).header("If-Match", "\"1\"").json(&json!({"to": "draft", "reason": "r"})).send().await;
        assert_eq!(stale.problem(), "412 precondition_failed If-Match");
        assert_eq!(cast.scientist.post(&path, json!({"to": "draft", "reason": "r"})).await.recorded_problem(), "403 access_denied");
        assert_eq!(incident.post(&path, json!({"to": "retired", "reason": "r"})).await.recorded_problem(), "403 access_denied");
        let done = incident.post(&path, json!({"to": "deprecated", "reason": "r", "sunset": "2026-12-01T00:00:00Z"})).await;
        insta::assert_snapshot!(done.snapshot(), @r#"
        200 {
          "entries": [
            {
              "actor": "[id]",
              "at": "[time]",
              "data": {
                "from": "candidate",
                "reason": "[digest]",
                "sunset": "[time]",
                "to": "deprecated"
              },
              "door": "api",
              "index": 45,
              "kind": "version.transitioned",
              "subject": "model/[id]/1",
              "through": [
                "[id]"
              ],
              "v": 1
            }
          ],
          "index": 45
        }
        "#);
    }

    async fn only_drafts_that_were_never_shared_are_hidden(app: &TestApp) {
        let cast = app.cast().await;
        cast.scientist.model("loan", "high").await;
        let plain = cast.evaluated("loan", b"plain").await;
        let aliased = cast.evaluated("loan", b"aliased").await;
        cast.scientist.put("/api/v1/models/loan/aliases/mine", json!({"version": 2})).await.expect(200);
        cast.scientist.delete("/api/v1/models/loan/aliases/mine").await.expect(200);
        let demoted = cast.evaluated("loan", b"demoted").await;
        cast.bring_to(&demoted, "candidate").await;
        cast.owner.post(&format!("{}/transitions", demoted.path), json!({"to": "draft", "reason": "r"})).await.expect(200);
        let released = cast.evaluated("loan", b"released").await;
        cast.bring_to(&released, "production").await;
        let hide = async |path: &str| cast.owner.post(&format!("{path}/hide"), json!({"reason": "mistake"})).await;
        for shared in [&aliased, &demoted, &released] {
            assert_eq!(hide(&shared.path).await.recorded_problem(), "409 protected_deletion version");
        }
        assert_eq!(hide("/api/v1/models/loan").await.recorded_problem(), "409 protected_deletion");
        assert_eq!(cast.scientist.post(&format!("{}/hide", plain.path), json!({"reason": "r"})).await.recorded_problem(), "403 access_denied");
        assert_eq!(hide(&plain.path).await.kinds(), ["version.hidden"]);
        let listed = cast.auditor.get("/api/v1/models/loan/versions").await.expect(200);
        assert!(listed["items"].as_array().unwrap().iter().all(|item| item["number"] != 1));
        let shown = cast.auditor.get(&plain.path).await.expect(200);
        assert_eq!((shown["hidden"].clone(), shown["state"].clone()), (json!(true), json!("retired")), "entries, bytes and number stay");
    }

    async fn nothing_serves_a_retired_version_but_auditors_fetch_it(app: &TestApp) {
        let cast = app.cast().await;
        cast.scientist.model("loan", "high").await;
        let version = cast.evaluated("loan", b"old bytes").await;
        cast.bring_to(&version, "production").await;
        cast.owner.post(&format!("{}/transitions", version.path), json!({"to": "retired", "reason": "the end"})).await.expect(200);
        let file = cast.auditor.get(&format!("{}/files/data/model.bin", version.path)).await;
        assert_eq!((file.status, file.bytes.as_slice()), (200, b"old bytes".as_slice()));
        assert_eq!(cast.owner.post("/api/v1/models/loan/rollback", json!({"to": 1, "reason": "r"})).await.recorded_problem().split(' ').next(), Some("403"));
        assert_eq!(cast.pipeline.post("/api/v1/models/loan/rollback", json!({"to": 1, "reason": "r"})).await.recorded_problem(), "409 transition_refused to");
    }
}
