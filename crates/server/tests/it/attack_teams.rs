//! Attacks on who owns what and who has which role: each is named after what the attacker tries.

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::support::app::both;
use crate::support::{Client, TestApp};

async fn roles_of(app: &TestApp, name: &str) -> Value {
    let users = app.admin.get("/api/v1/users?limit=500").await.expect(200);
    users["items"].as_array().unwrap().iter().find(|user| user["name"] == name).unwrap()["roles"].clone()
}

/// A token of a user, which an administrator issues.
async fn token(app: &TestApp, by: &Client, name: &str) -> Client {
    let issued = by.post("/api/v1/tokens", json!({"user": name})).await.expect(201);
    app.anonymous.with_token(issued["secret"].as_str().unwrap())
}

both! {
    async fn an_administrator_grants_himself_a_role_through_a_second_account(app: &TestApp) {
        let second = app.user("second", &["administrator"]).await;
        let puppet = app.user("puppet", &["viewer"]).await;
        let confirm = |roles: &[&str]| json!({"roles": roles});
        for roles in [&["viewer", "approver:security"][..], &["viewer", "administrator"], &["viewer", "approver:ai-governance@team:credit"]] {
            app.admin.put("/api/v1/users/puppet/roles", json!({"roles": roles})).await.expect(200);
            assert_eq!(roles_of(app, "puppet").await, json!(["viewer"]), "{roles:?} wait");
            let path = "/api/v1/grant-proposals/puppet/confirm";
            assert_eq!(app.admin.post(path, confirm(&roles[1..])).await.recorded_problem(), "403 separation_of_duties");
            assert_eq!(puppet.post(path, confirm(&roles[1..])).await.recorded_problem(), "403 access_denied");
            second.post("/api/v1/grant-proposals/puppet/reject", json!({"reason": "a puppet"})).await.expect(200);
        }
        // Nor at its creation, nor for himself, nor by making a team.
        app.admin.post("/api/v1/users", json!({"name": "puppet-2", "kind": "person", "roles": ["administrator"]})).await.expect(201);
        assert_eq!(roles_of(app, "puppet-2").await, json!([]));
        let puppet_2 = token(app, &app.admin, "puppet-2").await;
        assert_eq!(puppet_2.post("/api/v1/grant-proposals/puppet-2/confirm", confirm(&["administrator"])).await.recorded_problem(), "403 access_denied");
        let own = app.admin.put("/api/v1/users/administrator/roles", json!({"roles": ["administrator", "approver:security"]})).await;
        assert_eq!(own.recorded_problem(), "403 separation_of_duties");
        app.team("credit").await;
        assert_eq!(app.admin.put("/api/v1/teams/credit/members/administrator", json!({})).await.recorded_problem(), "403 separation_of_duties member");
    }

    async fn an_administrator_removes_the_other_one_and_grants_alone(app: &TestApp) {
        app.user("second", &["administrator"]).await;
        app.user("puppet", &["viewer"]).await;
        app.admin.delete("/api/v1/users/second").await.expect(200);
        let grant = || app.admin.put("/api/v1/users/puppet/roles", json!({"roles": ["approver:security"]}));
        assert_eq!(grant().await.recorded_problem(), "403 separation_of_duties roles");
        app.advance(3 * 86_400 + 60);
        grant().await.expect(200);
    }

    async fn an_approver_is_made_in_the_moment_in_which_a_second_administrator_is(app: &TestApp) {
        let create = |name: String, role: &'static str| async move {
            loop {
                let answer = app.admin.post("/api/v1/users", json!({"name": name, "kind": "person", "roles": [role]})).await;
                // Each change of access makes the others decide anew, and some give up.
                if answer.status != 409 {
                    return answer;
                }
            }
        };
        let mut calls = vec![create("second".to_owned(), "administrator")];
        calls.extend((0..12).map(|number| create(format!("puppet-{number}"), "approver:security")));
        let answers = join_all(calls).await;
        let second = answers[0].expect(201)["index"].as_u64().unwrap();
        for answer in &answers[1..] {
            let index = answer.expect(201)["entries"][0]["index"].as_u64().unwrap();
            let waits = answer.kinds() == ["actor.created", "actor.grant-proposed"];
            assert_eq!(waits, index > second, "entry {index}, the second administrator is entry {second}");
        }
    }

    async fn a_model_is_taken_by_one_person_on_both_sides(app: &TestApp) {
        for team in ["credit", "risk"] {
            app.team(team).await;
        }
        let owner = app.user("owner", &["owner", "owner@team:credit"]).await;
        let both_sides = app.user("both-sides", &["owner@team:credit", "owner@team:risk", "viewer"]).await;
        let taker = app.user("taker", &["owner@team:risk", "viewer", "contributor"]).await;
        for name in ["taker", "both-sides"] {
            app.admin.put(&format!("/api/v1/teams/risk/members/{name}"), json!({})).await.expect(200);
        }
        owner.post("/api/v1/models", json!({"name": "loans", "risk_tier": "high", "ownership": {"owning_team": "credit"}})).await.expect(201);
        let propose = json!({"to": "risk", "reason": "mine"});
        let (path, accept) = ("/api/v1/models/loans/transfer", json!({"to": "risk"}));
        assert_eq!(taker.post(path, propose.clone()).await.recorded_problem(), "403 access_denied", "the receiving side takes nothing");
        both_sides.post(path, propose.clone()).await.expect(201);
        let again = token(app, &app.admin, "both-sides").await;
        for client in [&both_sides, &again] {
            let refused = client.post(&format!("{path}/accept"), accept.clone()).await;
            assert_eq!(refused.recorded_problem(), "403 separation_of_duties", "with another token he is the same person");
        }
        // Nor with a machine of his, nor by membership without the role, nor by an update of the profile.
        let robot = app.actor("robot", "service", &["owner@team:risk"]).await;
        let machine = robot.post(&format!("{path}/accept"), accept.clone()).await;
        assert!([403, 404].contains(&machine.status), "{}", machine.status);
        let member = app.user("member", &["viewer", "contributor"]).await;
        app.admin.put("/api/v1/teams/risk/members/member", json!({})).await.expect(200);
        assert_eq!(member.post(&format!("{path}/accept"), accept.clone()).await.status, 403);
        let update = taker.put("/api/v1/models/loans", json!({"ownership": {"owning_team": "risk"}})).await;
        assert!([403, 409].contains(&update.status), "{}", update.status);
        assert_eq!(owner.get("/api/v1/models/loans").await.json()["ownership"]["owning_team"], "credit");
        taker.post(&format!("{path}/accept"), accept).await.expect(200);
    }

    async fn the_ledger_is_flooded_by_refused_calls(app: &TestApp) {
        let flooder = app.user("flooder", &[]).await;
        let other = app.user("other", &[]).await;
        let before = app.size().await;
        // Refusals are counted in the server: one database is enough for the whole flood.
        let rounds = if app.database.is_some() { 10 } else { 200 };
        for _ in 0..rounds {
            let calls = (0..50).map(|_| flooder.get("/api/v1/models"));
            for answer in join_all(calls).await {
                assert!([403, 429].contains(&answer.status), "{}", answer.status);
            }
        }
        assert_eq!(other.get("/api/v1/models").await.recorded_problem(), "403 access_denied", "others are recorded as before");
        app.advance(60);
        app.app.record_suppressed().await.unwrap();
        let made = app.size().await - before;
        assert!(made <= 110, "{} refused calls made {made} entries", rounds * 50);
        let last = app.admin.get(&format!("/api/v1/ledger/entries/{}", app.size().await - 1)).await.expect(200);
        assert_eq!(last["kind"], "refusals.suppressed");
    }

    async fn a_spreadsheet_runs_a_formula_that_was_exported(app: &TestApp) {
        let cast = app.cast().await;
        let formulas = ["=cmd|'/c calc'!A1", "+1+1", "-2+3", "@SUM(1)", "\t=1", "\r=1"];
        for formula in formulas {
            let risk = json!({"title": format!("{}x", formula.trim()), "category": "quality", "severity": "low", "likelihood": "rare", "description": formula,
                "requirements": [formula.trim()], "mitigations": [{"text": formula, "owner": "credit"}]});
            cast.scientist.post("/api/v1/risks", risk).await.expect(201);
        }
        let answer = cast.auditor.get("/api/v1/risks/export?format=csv").await;
        assert_eq!(answer.header("content-disposition"), "attachment; filename=\"risks.csv\"");
        answer.expect(200);
        let mut quoted = false;
        let text = String::from_utf8(answer.bytes.clone()).unwrap();
        let mut cells = vec![String::new()];
        for letter in text.chars() {
            match (letter, quoted) {
                ('"', _) => quoted = !quoted,
                (',' | '\n', false) => cells.push(String::new()),
                (letter, _) => cells.last_mut().unwrap().push(letter),
            }
        }
        let dangerous: Vec<&String> = cells.iter().filter(|cell| cell.starts_with(['=', '+', '-', '@', '\t', '\r']) && cell.trim() != "").collect();
        assert_eq!(dangerous, Vec::<&String>::new());
        assert!(cells.iter().filter(|cell| cell.starts_with("'=cmd")).count() >= 2, "the test must see the cells");
    }

    async fn a_name_smuggles_a_header_into_an_answer(app: &TestApp) {
        let cast = app.cast().await;
        let smuggled = "x\r\nSet-Cookie: a=b";
        for (what, answer) in [
            ("a model", cast.owner.post("/api/v1/models", json!({"name": smuggled})).await),
            ("a team", app.admin.post("/api/v1/teams", json!({"name": smuggled})).await),
            ("a user", app.admin.post("/api/v1/users", json!({"name": smuggled, "kind": "person", "roles": []})).await),
        ] {
            assert_eq!(answer.status, 422, "{what}");
            assert_eq!((answer.header("set-cookie"), answer.header("location")), ("", ""), "{what}");
        }
        cast.owner.model("loan", "high").await;
        let made = cast.scientist.version("loan", b"weights").await;
        let path = format!("{}/files/a%0d%0aSet-Cookie:%20a=b", made.path);
        for path in [path.as_str(), "/api/v1/models/x%0d%0aSet-Cookie:%20a=b", "/api/v1/teams/x%0d%0aSet-Cookie:%20a=b"] {
            let answer = cast.auditor.get(path).await;
            assert!(answer.status >= 400, "{path}: {}", answer.status);
            assert_eq!(answer.header("set-cookie"), "", "{path}");
        }
        // A program that calls itself so makes one line of the access log, and no header.
        let answer = cast.auditor.call("GET", "/api/v1/risks/export?format=csv").header("user-agent", "a\tb=c").send().await;
        assert_eq!(answer.header("set-cookie"), "");
        let lines = app.admin.get("/api/v1/access-log?kind=export").await.expect(200);
        assert_eq!(lines["items"].as_array().unwrap().len(), 1);
    }
}
