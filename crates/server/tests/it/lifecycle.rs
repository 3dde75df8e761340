//! All 36 cells of the transition table over HTTP, hiding, and what a retired version still gives (LIF-1, LIF-3, LIF-4).

use chancery_core::lifecycle::{Move, transition};
use chancery_core::names::State;
use serde_json::json;

use crate::support::app::both;

both! {
    async fn every_cell_of_the_table(app: &TestApp) {
        let cast = app.cast().await;
        cast.scientist.model("toy", "minimal").await;
        for (from, to) in State::ALL.iter().flat_map(|from| State::ALL.iter().map(move |to| (*from, *to))) {
            let version = cast.evaluated("toy", format!("{from} {to}").as_bytes()).await;
            cast.into_state(&version, from.as_str()).await;
            let answer = cast.owner.post(&format!("{}/transitions", version.path), json!({"to": to.as_str(), "reason": "test"})).await;
            let after = cast.auditor.state(&version).await;
            match transition(from, to) {
                Move::Demote | Move::Deprecate | Move::Reinstate | Move::Retire => {
                    answer.expect(200);
                    assert_eq!(after, to.as_str());
                }
                Move::Same | Move::Promote | Move::Rollback | Move::Refused(_) => {
                    assert_eq!(answer.recorded_problem(), "409 transition_refused to", "{from} to {to}");
                    assert_eq!(after, from.as_str());
                }
            }
        }
    }

    async fn only_a_draft_that_nobody_shared_is_hidden(app: &TestApp) {
        let cast = app.cast().await;
        cast.scientist.model("toy", "minimal").await;
        let draft = cast.scientist.version("toy", b"one").await;
        let shared = cast.scientist.version("toy", b"two").await;
        cast.scientist.put("/api/v1/models/toy/aliases/mine", json!({"version": shared.number})).await.expect(200);
        let reason = json!({"reason": "a mistake"});
        cast.owner.post(&format!("{}/hide", draft.path), reason.clone()).await.expect(200);
        assert_eq!(cast.owner.post(&format!("{}/hide", shared.path), reason.clone()).await.recorded_problem(), "409 protected_deletion version");
        assert_eq!(cast.owner.post("/api/v1/models/toy/hide", reason).await.recorded_problem(), "409 protected_deletion");
        let listed = cast.scientist.get("/api/v1/models/toy/versions").await.json();
        assert_eq!(listed["items"].as_array().unwrap().len(), 1);
        let next = cast.scientist.version("toy", b"three").await;
        assert_eq!(next.number, 3, "a number is never used again");
    }

    async fn a_retired_version_is_for_auditors(app: &TestApp) {
        let cast = app.cast().await;
        cast.scientist.model("toy", "minimal").await;
        let version = cast.evaluated("toy", b"old weights").await;
        cast.into_state(&version, "production").await;
        let file = format!("{}/files/data/model.bin", version.path);
        assert_eq!(cast.scientist.get(&file).await.bytes, b"old weights");
        cast.owner.post(&format!("{}/transitions", version.path), json!({"to": "deprecated", "reason": "replaced"})).await.expect(200);
        let warned = cast.scientist.get(&file).await;
        assert!(warned.header("warning").starts_with("299"), "a download of a deprecated version warns");
        cast.owner.post(&format!("{}/transitions", version.path), json!({"to": "retired", "reason": "over"})).await.expect(200);
        assert_eq!(cast.scientist.get(&file).await.recorded_problem(), "409 transition_refused version");
        assert_eq!(cast.auditor.get(&file).await.bytes, b"old weights");
        let alias = cast.scientist.put("/api/v1/models/toy/aliases/mine", json!({"version": version.number})).await;
        assert_eq!(alias.recorded_problem(), "409 transition_refused version");
        assert_eq!(cast.pipeline.promote(&version, "production").await.recorded_problem(), "409 transition_refused to");
    }

    /// `name/number` means one version for ever, whatever happens to names.
    async fn names_and_numbers(app: &TestApp) {
        let cast = app.cast().await;
        cast.scientist.model("old", "minimal").await;
        let first = cast.scientist.version("old", b"one").await;
        let digest = cast.auditor.get(&first.path).await.json()["version_digest"].clone();
        cast.owner.post("/api/v1/models/old/rename", json!({"to": "new"})).await.expect(200);
        let by_old = cast.auditor.get("/api/v1/models/old/versions/1").await.expect(200);
        let by_new = cast.auditor.get("/api/v1/models/new/versions/1").await.expect(200);
        assert_eq!((&by_old["version_digest"], &by_new["version_digest"]), (&digest, &digest));
        cast.scientist.model("old", "minimal").await;
        let second = cast.scientist.version("old", b"two").await;
        assert_eq!(second.number, 2, "a name that is used again goes on counting");
        assert_eq!(cast.owner.post("/api/v1/models/new/rename", json!({"to": "old"})).await.problem(), "409 already_exists name");
        let composite = by_old["composite_id"].as_str().unwrap().to_owned();
        let trace = cast.auditor.get(&format!("/api/v1/trace/{composite}")).await.expect(200);
        assert_eq!(trace["version"]["version_digest"], digest);
    }

    async fn twenty_at_once_get_dense_numbers(app: &TestApp) {
        let scientist = app.user("scientist", &["contributor"]).await;
        scientist.model("toy", "minimal").await;
        let mut bodies = Vec::new();
        for number in 0..20 {
            bodies.push(scientist.package(format!("weights {number}").as_bytes()).await);
        }
        let answers = futures_util::future::join_all(bodies.into_iter().map(|body| scientist.post("/api/v1/models/toy/versions", body))).await;
        let mut numbers: Vec<u64> = answers.iter().map(|answer| answer.expect(201)["entries"][0]["data"]["number"].as_u64().unwrap()).collect();
        numbers.sort_unstable();
        assert_eq!(numbers, (1..=20).collect::<Vec<u64>>());
    }
}
