//! Roles that hold in a team or on a model, classifications, access policies of the organisation, and the answer to `can-i`.

use serde_json::{Value, json};

use crate::support::app::both;
use crate::support::{Answer, Client, TestApp};

/// Teams `credit` and `fraud` with a model each, and a contributor and a viewer in each team.
struct Teams {
    credit: Client,
    fraud: Client,
    reader: Client,
}

fn of_team(name: &str, team: &str, classification: &str) -> Value {
    json!({"name": name, "risk_tier": "high", "classification": classification, "ownership": {"owning_team": team}})
}

async fn teams(app: &TestApp) -> Teams {
    app.team("credit").await;
    app.team("fraud").await;
    let credit = app.user("credit-scientist", &["contributor@team:credit"]).await;
    let fraud = app.user("fraud-scientist", &["contributor@team:fraud"]).await;
    let reader = app.user("reader", &["viewer"]).await;
    for (who, team) in [(&credit, "credit"), (&fraud, "fraud")] {
        who.post("/api/v1/models", of_team(&format!("{team}-model"), team, "internal")).await.expect(201);
    }
    Teams { credit, fraud, reader }
}

fn policy(text: &str) -> Value {
    json!({"files": {"own.cedar": text}, "reason": "agreed"})
}

/// Installs policies as the first administrator and has the second one activate them; the path and the last answer.
async fn put_in_force(app: &TestApp, second: &Client, text: &str) -> (String, Answer) {
    let installed = app.admin.post("/api/v1/access-policies", policy(text)).await;
    installed.expect(201);
    let path = installed.header("location").to_owned();
    let answer = second.post(&format!("{path}/activate"), json!({"reason": "agreed"})).await;
    (path, answer)
}

async fn second_administrator(app: &TestApp) -> Client {
    app.user("second", &["administrator"]).await;
    app.own("second").await
}

async fn can_i(who: &Client, query: &str) -> Value {
    who.get(&format!("/api/v1/can-i?{query}")).await.expect(200)
}

both! {
    async fn a_role_in_a_team_holds_for_its_models_and_for_no_others(app: &TestApp) {
        let Teams { credit, fraud, .. } = teams(app).await;
        assert_eq!(credit.post("/api/v1/models", of_team("second-model", "credit", "internal")).await.status, 201);
        let stolen = credit.post("/api/v1/models", of_team("stolen", "fraud", "internal")).await;
        assert_eq!(stolen.recorded_problem(), "403 access_denied", "nobody makes a model for a team that he does not work in");
        assert_eq!(credit.post("/api/v1/models", json!({"name": "nobodys"})).await.recorded_problem(), "403 access_denied");
        credit.post("/api/2.0/mlflow/registered-models/create", json!({"name": "by-mlflow"})).await.expect(200);
        assert_eq!(app.admin.get("/api/v1/models/by-mlflow").await.expect(200)["ownership"]["owning_team"], "credit");
        let own = credit.put("/api/v1/models/credit-model/tags/a", json!({"value": "1"})).await;
        assert_eq!(own.kinds(), ["tag.set"]);
        // What somebody may not read does not exist for him.
        let foreign = fraud.put("/api/v1/models/credit-model/tags/a", json!({"value": "1"})).await;
        assert_eq!(foreign.problem(), "404 not_found");
        // With the right to read everything he sees the model, and the refusal is on the record.
        app.admin.put("/api/v1/users/fraud-scientist/roles", json!({"roles": ["contributor@team:fraud", "viewer"]})).await.expect(200);
        let seen = fraud.put("/api/v1/models/credit-model/tags/a", json!({"value": "1"})).await;
        assert_eq!(seen.recorded_problem(), "403 access_denied");
        let package = fraud.package(b"bytes").await;
        assert_eq!(fraud.post("/api/v1/models/credit-model/versions", package).await.recorded_problem(), "403 access_denied");
    }

    async fn a_role_on_a_model_holds_for_it_alone(app: &TestApp) {
        teams(app).await;
        let id = app.admin.get("/api/v1/models/credit-model").await.expect(200)["id"].as_str().unwrap().to_owned();
        let guest = app.user("guest", &[&format!("contributor@model:{id}")]).await;
        guest.put("/api/v1/models/credit-model/tags/a", json!({"value": "1"})).await.expect(200);
        assert_eq!(guest.put("/api/v1/models/fraud-model/tags/a", json!({"value": "1"})).await.problem(), "404 not_found");
        app.admin.put("/api/v1/users/guest/roles", json!({"roles": []})).await.expect(200);
        assert_eq!(guest.put("/api/v1/models/credit-model/tags/a", json!({"value": "2"})).await.problem(), "403 access_denied");
    }

    async fn a_member_of_a_team_reads_its_restricted_models(app: &TestApp) {
        let Teams { credit, reader, .. } = teams(app).await;
        credit.post("/api/v1/models", of_team("secret", "credit", "restricted")).await.expect(201);
        assert_eq!(can_i(&reader, "action=read&model=credit-model").await["allowed"], true);
        let refused = app.admin.get("/api/v1/can-i?action=read&model=secret&as=reader").await.expect(200);
        assert_eq!((&refused["allowed"], &refused["policies"][0]["id"]), (&json!(false), &json!("classification.restricted")));
        app.admin.put("/api/v1/teams/credit/members/reader", json!({})).await.expect(200);
        assert_eq!(can_i(&reader, "action=read&model=secret").await["allowed"], true);
    }

    async fn an_organisation_adds_policies_with_two_persons(app: &TestApp) {
        let Teams { reader, .. } = teams(app).await;
        let second = second_administrator(app).await;
        let comment = "@id(\"credit.tags\") @title(\"readers tag credit\")\npermit (principal, action == Chancery::Action::\"register\", resource is Chancery::Model)\nwhen { resource.team == \"credit\" && resource in principal.viewer };";
        let tag = "/api/v1/models/credit-model/tags/b";
        assert_eq!(reader.put(tag, json!({"value": "1"})).await.recorded_problem(), "403 access_denied");
        let installed = app.admin.post("/api/v1/access-policies", policy(comment)).await;
        assert_eq!(installed.kinds(), ["access-policy.installed"]);
        let path = installed.header("location").to_owned();
        assert_eq!(reader.put(tag, json!({"value": "1"})).await.status, 403, "installed is not in force");
        let own = app.admin.post(&format!("{path}/activate"), json!({"reason": "mine"})).await;
        assert_eq!(own.recorded_problem(), "403 separation_of_duties digest");
        assert_eq!(second.post(&format!("{path}/activate"), json!({"reason": "agreed"})).await.kinds(), ["access-policy.activated"]);
        assert_eq!(reader.put(tag, json!({"value": "1"})).await.kinds(), ["tag.set"]);
        assert_eq!(reader.put("/api/v1/models/fraud-model/tags/b", json!({"value": "1"})).await.status, 403);
        let answer = can_i(&reader, "action=register&model=credit-model").await;
        assert_eq!((&answer["allowed"], &answer["policies"][0]["id"], &answer["policies"][0]["source"]), (&json!(true), &json!("credit.tags"), &json!("own.cedar:1")));
        assert_eq!(app.admin.get(&path).await.expect(200)["access_policy"]["status"], "active");
        assert_eq!(app.admin.get("/api/v1/access-policies").await.expect(200)["items"][0]["policies"], 1);
        assert_eq!(reader.get("/api/v1/access-policies").await.status, 403);
        assert_eq!(second.post(&format!("{path}/withdraw"), json!({"reason": "mine"})).await.recorded_problem(), "403 separation_of_duties digest");
        assert_eq!(app.admin.post(&format!("{path}/withdraw"), json!({"reason": "over"})).await.kinds(), ["access-policy.withdrawn"]);
        assert_eq!(reader.put(tag, json!({"value": "2"})).await.status, 403);
    }

    async fn policies_that_do_not_fit_are_refused_with_their_line(app: &TestApp) {
        for (text, said) in [
            ("", "no policy"),
            ("@id(\"a\")\npermit (principal, action, resource) when { resource.colour == \"red\" };", "`own.cedar`, policy at line 1"),
            ("// fine\n\n@id(\"a\")\npermit (principal", "line 3"),
            ("@id(\"role.mine\") permit (principal, action, resource);", "ship with the program"),
        ] {
            let answer = app.admin.post("/api/v1/access-policies", policy(text)).await;
            assert_eq!(answer.problem(), "422 invalid_field files", "{text}");
            let detail = answer.json()["detail"].as_str().unwrap().to_owned();
            assert!(detail.contains(said), "{text}: {detail}");
        }
        let long = format!("// {}\n", "x".repeat(65 * 1024));
        assert!(app.admin.post("/api/v1/access-policies", policy(&long)).await.status >= 400);
        let files = app.admin.get("/api/v1/access-policies/shipped").await.expect(200)["files"].clone();
        assert!(files["schema.cedarschema"].as_str().unwrap().contains("namespace Chancery") && files["roles.cedar"].is_string());
    }

    async fn policies_that_lock_every_administrator_out_are_not_activated(app: &TestApp) {
        let second = second_administrator(app).await;
        let (service, tag) = (app.actor("scraper", "service", &["contributor"]).await, "/api/v1/models/loan/tags/a");
        service.post("/api/v1/models", json!({"name": "loan"})).await.expect(201);
        service.put(tag, json!({"value": "1"})).await.expect(200);
        let (path, refused) = put_in_force(app, &second, "@id(\"closed.shop\") forbid (principal, action == Chancery::Action::\"manage-access\", resource);").await;
        assert_eq!(refused.problem(), "409 transition_refused digest");
        assert_eq!(app.admin.get(&path).await.expect(200)["access_policy"]["status"], "uploaded");
        // A policy that forbids more is in force at once, for everybody whom it names.
        let (_, activated) = put_in_force(app, &second, "@id(\"no.services\") forbid (principal, action, resource) when { principal.kind == \"service\" };").await;
        assert_eq!(activated.kinds(), ["access-policy.activated"]);
        assert_eq!(service.put(tag, json!({"value": "2"})).await.problem(), "404 not_found", "it does not even read any more");
        let said = can_i(&app.admin, "action=register&model=loan&as=scraper").await;
        assert_eq!((&said["allowed"], &said["policies"][0]["id"]), (&json!(false), &json!("no.services")));
    }

    async fn can_i_says_which_policy_decides_and_what_would(app: &TestApp) {
        let Teams { credit, .. } = teams(app).await;
        let yes = can_i(&credit, "action=edit-model&model=credit-model").await;
        assert_eq!((&yes["allowed"], &yes["policies"][0]["id"], &yes["roles_that_would"]), (&json!(true), &json!("role.contributor"), &json!([])));
        let no = can_i(&credit, "action=execute&model=credit-model").await;
        assert_eq!((&no["allowed"], &no["policies"], &no["roles_that_would"][0]), (&json!(false), &json!([]), &json!("owner@team:credit")));
        assert!(no["remedy"].as_str().unwrap().contains("owner@team:credit") && no["note"].is_string());
        assert_eq!(credit.get("/api/v1/can-i?action=read&model=fraud-model").await.problem(), "404 not_found model", "not even that it is there");
        assert_eq!(credit.get("/api/v1/can-i?action=fly").await.problem(), "422 invalid_field action");
        assert_eq!(credit.get("/api/v1/can-i?action=read&as=fraud-scientist").await.recorded_problem(), "403 access_denied");
        let other = can_i(&app.admin, "action=manage-actors&as=credit-scientist").await;
        assert_eq!((&other["allowed"], &other["roles_that_would"]), (&json!(false), &json!(["administrator"])));
        assert_eq!(can_i(&app.admin, "action=manage-actors").await["allowed"], true);
    }

    async fn approvers_of_a_team_count_for_its_models_only(app: &TestApp) {
        app.team("credit").await;
        app.team("fraud").await;
        let scientist = app.user("scientist", &["contributor"]).await;
        let ours = app.user("credit-lead", &["approver:product@team:credit"]).await;
        let theirs = app.user("fraud-lead", &["approver:product@team:fraud"]).await;
        let reading = app.user("both-lead", &["approver:product@team:fraud", "viewer"]).await;
        scientist.post("/api/v1/models", of_team("loan", "credit", "internal")).await.expect(201);
        let made = scientist.version("loan", b"bytes").await;
        scientist.promote(&made, "approved").await;
        let listed = app.admin.get("/api/v1/promotions?status=open").await.expect(200);
        let id = listed["items"][0]["id"].as_str().unwrap().to_owned();
        let shown = app.admin.get(&format!("/api/v1/promotions/{id}")).await.expect(200);
        let roles = shown["roles"].as_array().unwrap().clone();
        let product = roles.iter().find(|role| role["role"] == "product");
        if let Some(product) = product {
            let names: Vec<&str> = product["people"].as_array().unwrap().iter().filter_map(|person| person["name"].as_str()).collect();
            assert_eq!(names, ["credit-lead"]);
        }
        let verdict = |set: &Value| json!({"role": "product", "verdict": "approve", "evidence_set": set});
        let body = verdict(&shown["evidence_set"]);
        assert_eq!(theirs.post(&format!("/api/v1/promotions/{id}/approvals"), body.clone()).await.problem(), "404 not_found");
        assert_eq!(reading.post(&format!("/api/v1/promotions/{id}/approvals"), body.clone()).await.recorded_problem(), "403 access_denied");
        ours.post(&format!("/api/v1/promotions/{id}/approvals"), body).await.expect(200);
    }
}
