//! Several people at once: each command succeeds or fails alone, and what was promised to one holds for all.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use serde_json::json;

use crate::support::app::both;

both! {
    async fn twenty_registrations_at_once_get_dense_numbers(app: &TestApp) {
        app.team("credit").await;
        let scientist = &app.user("scientist", &["contributor"]).await;
        scientist.model("loan", "high").await;
        let package = &scientist.package(b"bytes").await;
        let calls = (0..20).map(|_| async move { scientist.post("/api/v1/models/loan/versions", package.clone()).await });
        let mut numbers = BTreeSet::new();
        let mut semvers = BTreeSet::new();
        for answer in join_all(calls).await {
            let body = answer.expect(201);
            numbers.insert(body["entries"][0]["data"]["number"].as_u64().unwrap());
            semvers.insert(body["entries"][0]["data"]["semver"].as_str().unwrap().to_owned());
        }
        assert_eq!(numbers, (1..=20).collect());
        assert_eq!(semvers.len(), 20);
    }

    async fn of_many_who_move_an_alias_one_wins(app: &TestApp) {
        app.team("credit").await;
        let scientist = &app.user("scientist", &["contributor"]).await;
        scientist.model("loan", "high").await;
        for number in 0..11_u8 {
            scientist.version("loan", &[number]).await;
        }
        let path = "/api/v1/models/loan/aliases/mine";
        scientist.put(path, json!({"version": 1})).await.expect(200);
        let etag = &scientist.get(path).await.header("etag").to_owned();
        let calls = (2..12).map(|number| async move { scientist.call("PUT", path).header("If-Match", etag).json(&json!({"version": number})).send().await });
        let answers = join_all(calls).await;
        let won: Vec<usize> = (0..answers.len()).filter(|at| answers[*at].status == 200).collect();
        assert_eq!(won.len(), 1);
        for answer in answers.iter().filter(|answer| answer.status != 200) {
            assert_eq!(answer.problem(), "412 precondition_failed If-Match");
        }
        assert_eq!(scientist.get(path).await.expect(200)["number"], won[0] + 2);
    }

    async fn of_many_who_take_a_name_one_gets_it(app: &TestApp) {
        app.team("credit").await;
        let owner = &app.user("model-owner", &["owner"]).await;
        for number in 0..5 {
            owner.model(&format!("m{number}"), "high").await;
        }
        let creates = (0..5).map(|_| async move { owner.post("/api/v1/models", json!({"name": "wanted"})).await.status });
        let renames = (0..5).map(|number| async move { owner.post(&format!("/api/v1/models/m{number}/rename"), json!({"to": "wanted"})).await.status });
        let (created, renamed) = futures_util::future::join(join_all(creates), join_all(renames)).await;
        let statuses: Vec<u16> = created.into_iter().chain(renamed).collect();
        assert_eq!(statuses.iter().filter(|status| matches!(status, 200 | 201)).count(), 1, "{statuses:?}");
        assert_eq!(statuses.iter().filter(|status| **status == 409).count(), 9, "{statuses:?}");
    }

    async fn a_promotion_is_opened_once_and_executed_once(app: &TestApp) {
        let cast = &app.cast().await;
        cast.scientist.model("loan", "high").await;
        let version = &cast.evaluated("loan", b"bytes").await;
        let opened = join_all((0..6).map(|_| async move { cast.scientist.promote(version, "production").await })).await;
        assert_eq!(opened.iter().filter(|answer| answer.status == 201).count(), 1, "{:?}", opened.iter().map(|answer| answer.status).collect::<Vec<_>>());
        // Whoever comes second is answered as one who comes later: the promotion is known, not in the way.
        let later = cast.scientist.promote(version, "production").await.json()["code"].clone();
        for answer in opened.iter().filter(|answer| answer.status != 201) {
            assert_eq!(answer.json()["code"], later);
        }
        let listed = cast.auditor.get("/api/v1/promotions?status=open").await.expect(200);
        assert_eq!(listed["items"].as_array().unwrap().len(), 1);
        let id = listed["items"][0]["id"].as_str().unwrap();
        let verdicts = cast.approvers().into_iter().map(|(role, approver)| async move { approver.verdict(id, role, "approve").await });
        for answer in join_all(verdicts).await {
            answer.expect(200);
        }
        let path = &format!("/api/v1/promotions/{id}/execute");
        let executed = join_all((0..6).map(|_| async move { cast.pipeline.post(path, json!({})).await })).await;
        assert_eq!(executed.iter().filter(|answer| answer.status == 200).count(), 1);
        for answer in executed.iter().filter(|answer| answer.status != 200) {
            assert_eq!(answer.problem().split(' ').next(), Some("409"), "{}", answer.json());
        }
        let decisions = cast.auditor.get(&format!("{}/decisions", version.path)).await.expect(200);
        assert_eq!(decisions.as_array().unwrap().len(), 2, "one that approves and one that executes");
    }
}
