//! Teams, transfers between them, and roles that two administrators give.

use insta::assert_snapshot;
use serde_json::json;

use crate::support::Client;
use crate::support::app::both;

/// A model that the team owns.
async fn owned(owner: &Client, name: &str, team: &str) {
    owner.post("/api/v1/models", json!({"name": name, "risk_tier": "high", "ownership": {"owning_team": team}})).await.expect(201);
}

both! {
    async fn a_team_has_members_and_models_until_it_is_dissolved(app: &TestApp) {
        let made = app.admin.post("/api/v1/teams", json!({"name": "credit", "description": "scores loans"})).await;
        assert_eq!((made.status, made.header("location")), (201, "/api/v1/teams/credit"));
        let ann = app.user("ann", &["owner"]).await;
        app.admin.put("/api/v1/teams/credit/members/ann", json!({})).await.expect(200);
        owned(&ann, "loans", "credit").await;
        let shown = ann.get("/api/v1/teams/credit").await;
        assert_eq!((shown.json()["members"].as_u64(), shown.json()["models"].as_u64()), (Some(1), Some(1)));
        assert_eq!(shown.header("etag"), format!("\"{}\"", shown.json()["revision"]));
        assert_snapshot!(ann.get("/api/v1/teams/credit/members").await.snapshot_of("/items/0/kind"), @r#"200 "person""#);
        let dissolve = || app.admin.post("/api/v1/teams/credit/dissolve", json!({"reason": "done"}));
        assert_eq!(dissolve().await.recorded_problem(), "409 transition_refused name");
        ann.post("/api/v1/models/loans/hide", json!({"reason": "a mistake"})).await.expect(200);
        assert_eq!(dissolve().await.recorded_problem(), "409 transition_refused name");
        app.admin.delete("/api/v1/teams/credit/members/ann").await.expect(200);
        dissolve().await.expect(200);
        assert_eq!(app.admin.post("/api/v1/teams", json!({"name": "credit"})).await.problem(), "409 already_exists name");
        assert_eq!(ann.get("/api/v1/teams").await.expect(200)["items"][0]["dissolved"], true);
        assert_eq!(ann.post("/api/v1/teams", json!({"name": "mine"})).await.recorded_problem(), "403 access_denied");
    }

    async fn the_owning_team_is_known_and_changes_by_transfer_only(app: &TestApp) {
        for team in ["credit", "risk"] {
            app.team(team).await;
        }
        let ann = app.user("ann", &["owner", "owner@team:credit"]).await;
        let rob = app.user("rob", &["owner@team:risk"]).await;
        let unknown = ann.post("/api/v1/models", json!({"name": "new", "ownership": {"owning_team": "nobody"}})).await;
        assert_eq!(unknown.problem(), "422 invalid_field ownership.owning_team");
        owned(&ann, "loans", "credit").await;
        let update = ann.put("/api/v1/models/loans", json!({"ownership": {"owning_team": "risk"}})).await;
        assert_eq!(update.recorded_problem(), "409 transition_refused ownership.owning_team");
        ann.put("/api/v1/models/loans", json!({"description": "scores"})).await.expect(200);
        assert_eq!(ann.get("/api/v1/models/loans").await.json()["ownership"]["owning_team"], "credit", "left out, it stays");
        ann.post("/api/v1/models/loans/transfer", json!({"to": "risk", "reason": "theirs"})).await.expect(201);
        let waiting = rob.get("/api/v1/transfers").await.expect(200);
        assert_eq!((&waiting["items"][0]["from"], &waiting["items"][0]["to"], &waiting["items"][0]["reason"]), (&json!("credit"), &json!("risk"), &json!("theirs")));
        let accepted = rob.post("/api/v1/models/loans/transfer/accept", json!({"to": "risk"})).await;
        accepted.expect(200);
        assert_eq!(accepted.kinds(), ["model.transferred"]);
        assert_eq!(ann.get("/api/v1/models/loans").await.json()["ownership"]["owning_team"], "risk");
        assert_eq!(rob.get("/api/v1/transfers").await.expect(200)["items"], json!([]));
        let before = accepted.json()["index"].as_u64().unwrap() - 1;
        let then = ann.get(&format!("/api/v1/models/loans?as_of={before}")).await.expect(200);
        assert_eq!(then["ownership"]["owning_team"], "credit", "as it was");
    }

    async fn a_second_administrator_confirms_protected_roles(app: &TestApp) {
        app.user("second", &["administrator"]).await;
        let second = app.own("second").await;
        let made = app.admin.post("/api/v1/users", json!({"name": "ann", "kind": "person", "roles": ["viewer", "approver:security"]})).await;
        made.expect(201);
        assert_eq!(made.kinds(), ["actor.created", "actor.grant-proposed"]);
        let waiting = second.get("/api/v1/grant-proposals").await.expect(200);
        assert_eq!((&waiting["items"][0]["user"], &waiting["items"][0]["roles"]), (&json!("ann"), &json!(["approver:security"])));
        let confirm = json!({"roles": ["approver:security"]});
        let own = app.admin.post("/api/v1/grant-proposals/ann/confirm", confirm.clone()).await;
        assert_eq!(own.recorded_problem(), "403 separation_of_duties");
        second.post("/api/v1/grant-proposals/ann/confirm", confirm.clone()).await.expect(200);
        assert_eq!(second.post("/api/v1/grant-proposals/ann/confirm", confirm).await.problem(), "404 not_found");
        let users = app.admin.get("/api/v1/users").await.expect(200);
        let ann = users["items"].as_array().unwrap().iter().find(|user| user["name"] == "ann").unwrap().clone();
        assert_eq!(ann["roles"], json!(["viewer", "approver:security"]));
    }
}
