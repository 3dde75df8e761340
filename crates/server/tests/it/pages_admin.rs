//! The pages of administration, and the own page: what they answer, whom they refuse, what their forms do and keep.

use crate::support::app::{TestApp, both};
use crate::support::browser::{Browser, PASSWORD, Seen};

/// A browser in which a person with these roles is logged in.
async fn person(app: &TestApp, name: &str, roles: &[&str]) -> Browser {
    app.user(name, roles).await;
    app.password(name, PASSWORD).await;
    app.browser(name).await
}

/// A browser of an administrator. There are two of them then, so roles of approval and administration wait for the other one.
async fn administrator(app: &TestApp) -> Browser {
    person(app, "boss", &["administrator"]).await
}

/// Text without tags, with single spaces.
fn text(seen: &Seen) -> String {
    let mut text = String::new();
    for part in seen.text.split('<') {
        let ends = ["/td", "/th", "/p", "/li", "/h1", "/h2", "/div", "/dt", "/dd"].iter().any(|tag| part.starts_with(tag));
        text.push_str(if ends { " " } else { "" });
        text.push_str(part.split_once('>').map_or(part, |(_, after)| after));
    }
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[track_caller]
fn shows(seen: &Seen, status: u16, sentence: &str) {
    assert_eq!(seen.status, status, "{}", text(seen));
    assert!(text(seen).contains(sentence), "no `{sentence}` in: {}", text(seen));
}

/// The entry that a form says it made.
#[track_caller]
fn recorded(seen: &Seen, path: &str) -> String {
    assert_eq!(seen.status, 303, "{}", text(seen));
    let index = seen.location().strip_prefix(&format!("{path}?entry=")).unwrap_or_else(|| panic!("not at {path}: {}", seen.location()));
    assert!(index.parse::<u64>().is_ok(), "{index}");
    seen.location().to_owned()
}

const NEW: [(&str, &str); 6] = [("name", "ana"), ("display_name", "Ana <b>"), ("kind", "person"), ("role", "viewer"), ("approval", ""), ("place", "")];

both! {
    async fn every_page_answers_its_question(app: &TestApp) {
        app.team("credit").await;
        app.pipeline("ci", &["deployer"]).await;
        let browser = administrator(app).await;
        for (path, sentence) in [
            ("/admin/people", "3 people, pipelines and services are known here; 3 of those on this page have access. No role waits for a second administrator."),
            ("/admin/people/administrator", "administrator is a person with 3 roles."),
            ("/admin/people/ci/offboarding", "Nothing: ci can leave without anything being left behind."),
            ("/admin/teams", "1 team owns models"),
            ("/admin/teams/credit", "credit has 0 members and owns 0 models that you may read."),
            ("/admin/roles", "9 roles permit what the table says"),
            ("/admin/tokens", "2 tokens are known."),
            ("/admin/pipelines", "1 pipeline is known, with 1 workload identity by which a run logs in without a stored secret."),
            ("/admin/settings", "Secrets are in files of their own and are never shown."),
            ("/admin/jobs", "No job of this server failed the last time it ran."),
            ("/admin/access-log", "no login among them failed"),
            ("/account", "You are boss. You have 1 role, are logged in at 1 browser"),
        ] {
            let seen = browser.get(path).await;
            shows(&seen, 200, sentence);
            assert_eq!(seen.text.matches("<h1").count(), 1, "{path}");
            assert!(seen.text.len() < 60_000, "{path} has {} bytes", seen.text.len());
            // What shows the present says so when it is asked for the past.
            let past = browser.get(&format!("{path}?as_of=1")).await;
            shows(&past, 200, "This page shows the present, not the time that was asked for.");
            assert!(!text(&past).contains("The record as of entry"), "{path}");
        }
        shows(&browser.get("/admin/people/nobody").await, 404, "Nothing here");
        shows(&browser.get("/admin/people?name=nobody").await, 404, "Who has access");
        assert_eq!(browser.get("/admin/people?name=ci").await.location(), "/admin/people/ci");
    }

    async fn who_may_not_is_told_who_may(app: &TestApp) {
        app.team("credit").await;
        let viewer = person(app, "vic", &["viewer"]).await;
        for path in ["/admin/people", "/admin/people/vic", "/admin/tokens", "/admin/pipelines", "/admin/settings", "/admin/jobs", "/admin/access-log"] {
            let seen = viewer.get(path).await;
            shows(&seen, 403, "Nothing was changed.");
            assert!(seen.text.contains("Your attempt is entry"), "{path}");
        }
        let team = viewer.get("/admin/teams/credit").await;
        shows(&team, 200, "Administrators change who is in a team.");
        assert!(!team.text.contains("action=\"/admin"), "{}", text(&team));
        assert!(!viewer.get("/admin/roles").await.text.contains("/admin/tokens"), "no way to what he may not open");
        let auditor = person(app, "aud", &["auditor"]).await;
        let people = auditor.get("/admin/people/vic").await;
        shows(&people, 200, "An administrator changes roles; you may look.");
        assert!(!people.text.contains("action=\"/admin"), "{}", text(&people));
        assert_eq!(auditor.get("/admin/people/vic/offboarding").await.status, 403);
        assert_eq!(auditor.submit("/admin/people", &NEW).await.status, 403);
        assert_eq!(auditor.submit("/admin/jobs/checks", &[("run", "now")]).await.status, 403);
    }

    async fn people_come_get_roles_and_go(app: &TestApp) {
        app.team("credit").await;
        let browser = administrator(app).await;
        recorded(&browser.submit("/admin/people", &NEW).await, "/admin/people/ana");
        let page = browser.get("/admin/people/ana").await;
        shows(&page, 200, "viewer everywhere boss");
        assert!(page.text.contains("Ana &#60;b&#62;") && !page.text.contains("Ana <b>"), "{}", page.text);
        // Taken: everything that was typed is there again.
        let again = browser.submit("/admin/people", &NEW).await;
        shows(&again, 409, "`ana` is taken.");
        assert!(again.text.contains("value=\"ana\"") && again.text.contains("value=\"Ana &#60;b&#62;\""), "{}", again.text);
        let foreign = browser.post("/admin/people", &NEW).await;
        assert_eq!(foreign.status, 403, "without the token of the session");
        let revision = page.field("revision");
        let change = [("revision", revision.as_str()), ("role", "deployer"), ("approval", ""), ("place", "model:nothing")];
        shows(&browser.submit("/admin/people/ana/roles", &change).await, 404, "model");
        let change = [("revision", revision.as_str()), ("keep", "viewer"), ("role", "deployer"), ("approval", ""), ("place", "team:credit")];
        recorded(&browser.submit("/admin/people/ana/roles", &change).await, "/admin/people/ana");
        shows(&browser.get("/admin/people/ana").await, 200, "deployer models of team credit boss");
        let stale = browser.submit("/admin/people/ana/roles", &change).await;
        shows(&stale, 412, "The roles changed while you looked at them: now they are viewer, deployer@team:credit.");
        assert!(stale.text.contains("value=\"team:credit\""), "the text is kept");
        shows(&browser.submit("/admin/people/ana/end", &[("name", "an")]).await, 422, "Type the name `ana` to end this access.");
        recorded(&browser.submit("/admin/people/ana/end", &[("name", "ana")]).await, "/admin/people/ana");
        shows(&browser.get("/admin/people/ana").await, 200, "access ended");
        let own = browser.get("/admin/people/boss").await;
        shows(&own, 200, "Nobody changes his own roles: another administrator does.");
    }

    async fn a_second_administrator_confirms_on_the_page(app: &TestApp) {
        app.user("boss", &["administrator"]).await;
        let boss = app.own("boss").await;
        app.user("second", &["administrator"]).await;
        let roles = serde_json::json!({"roles": ["administrator"]});
        boss.post("/api/v1/grant-proposals/second/confirm", roles).await.expect(200);
        app.own("second").await;
        let (first, second) = (app.browser("boss").await, app.browser("second").await);
        app.user("ana", &["viewer"]).await;
        let revision = first.get("/admin/people/ana").await.field("revision");
        let change = [("revision", revision.as_str()), ("keep", "viewer"), ("role", "approver"), ("approval", "security"), ("place", "")];
        recorded(&first.submit("/admin/people/ana/roles", &change).await, "/admin/people/ana");
        shows(&first.get("/admin/people").await, 200, "1 proposal waits for a second administrator.");
        shows(&first.get("/admin/people/ana").await, 200, "You proposed it, so another administrator confirms it.");
        let answer = [("verdict", "confirm"), ("role", "approver:security")];
        shows(&first.submit("/admin/people/ana/proposal", &answer).await, 403, "Nothing was changed.");
        let other = [("verdict", "confirm"), ("role", "approver:product")];
        shows(&second.submit("/admin/people/ana/proposal", &other).await, 412, "The proposed roles are approver:security.");
        let reject = second.submit("/admin/people/ana/proposal", &[("verdict", "reject"), ("reason", "")]).await;
        assert_eq!(reject.status, 422, "{}", text(&reject));
        recorded(&second.submit("/admin/people/ana/proposal", &answer).await, "/admin/people/ana");
        shows(&second.get("/admin/people/ana").await, 200, "approver:security everywhere boss, confirmed by second");
    }

    async fn secrets_are_shown_once(app: &TestApp) {
        let browser = administrator(app).await;
        app.user("ana", &["viewer"]).await;
        let secret = |seen: &Seen| seen.text.split("<pre>").nth(1).unwrap().split('<').next().unwrap().to_owned();
        let reset = browser.submit("/admin/people/ana/password", &[]).await;
        shows(&reset, 200, "The one-time secret shown once");
        let body = serde_json::json!({"name": "ana", "current": secret(&reset), "new": PASSWORD});
        app.anonymous.post("/api/v1/account/password", body).await.expect(200);
        let form = [("days", "30"), ("actions", "read, upload"), ("teams", ""), ("models", ""), ("key", "once")];
        let issued = browser.submit("/admin/people/ana/tokens", &form).await;
        shows(&issued, 200, "The secret of the new token");
        app.anonymous.with_token(&secret(&issued)).get("/api/v1/models").await.expect(200);
        let twice = browser.submit("/admin/people/ana/tokens", &form).await;
        shows(&twice, 200, "This form was sent before");
        assert!(!browser.get("/admin/people/ana").await.text.contains("<pre>"));
        let wrong = browser.submit("/admin/people/ana/tokens", &[("days", "400"), ("actions", "read"), ("teams", ""), ("models", "")]).await;
        shows(&wrong, 422, "Nothing was changed.");
        assert!(wrong.text.contains("value=\"400\"") && wrong.text.contains("value=\"read\""), "{}", text(&wrong));
        let tokens = browser.get("/admin/tokens?user=ana").await;
        shows(&tokens, 200, "actions read, upload");
        let token = tokens.field("token");
        let rotated = browser.submit("/admin/tokens/rotate", &[("token", &token), ("overlap_hours", "1")]).await;
        shows(&rotated, 200, "The secret of the new token");
        recorded(&browser.submit("/admin/tokens/revoke", &[("token", &token)]).await, "/admin/tokens");
    }

    async fn teams_are_made_and_dissolved(app: &TestApp) {
        let browser = administrator(app).await;
        app.user("ana", &["viewer"]).await;
        recorded(&browser.submit("/admin/teams", &[("name", "credit"), ("description", "scores")]).await, "/admin/teams/credit");
        shows(&browser.submit("/admin/teams", &[("name", "credit"), ("description", "other")]).await, 409, "Nothing was changed.");
        recorded(&browser.submit("/admin/teams/credit/members", &[("member", "ana"), ("change", "add")]).await, "/admin/teams/credit");
        let page = browser.get("/admin/teams/credit").await;
        shows(&page, 200, "credit has 1 member");
        let revision = page.field("revision");
        let change = [("revision", revision.as_str()), ("description", "scores loans")];
        recorded(&browser.submit("/admin/teams/credit", &change).await, "/admin/teams/credit");
        let stale = browser.submit("/admin/teams/credit", &[("revision", revision.as_str()), ("description", "typed with care")]).await;
        assert_eq!(stale.status, 412, "{}", text(&stale));
        assert!(stale.text.contains("typed with care"));
        shows(&browser.submit("/admin/teams/credit/dissolve", &[("reason", "over")]).await, 409, "Nothing was changed.");
        recorded(&browser.submit("/admin/teams/credit/members", &[("member", "ana"), ("change", "remove")]).await, "/admin/teams/credit");
        recorded(&browser.submit("/admin/teams/credit/dissolve", &[("reason", "over")]).await, "/admin/teams/credit");
        shows(&browser.get("/admin/teams/credit").await, 200, "dissolved");
    }

    async fn claims_are_tried_on_the_identities_of_pipelines(app: &TestApp) {
        let browser = administrator(app).await;
        app.pipeline("ci", &["deployer"]).await;
        let before = app.size().await;
        let none = browser.submit("/admin/pipelines/try", &[("pipeline", ""), ("claims", "{\"iss\": \"https://else.example\"}")]).await;
        shows(&none, 200, "No identity fits.");
        assert!(none.text.contains("https://else.example"), "what was pasted is kept");
        shows(&browser.submit("/admin/pipelines/try", &[("pipeline", "ci"), ("claims", "no json")]).await, 422, "The claims must be a JSON object");
        assert_eq!(app.size().await, before, "nothing is recorded");
        app.admin.post("/api/v1/users", serde_json::json!({"name": "other", "kind": "pipeline", "roles": []})).await.expect(201);
        let rules = [("claim", "repository_id"), ("match", "exact"), ("value", "7"), ("claim", ""), ("match", "exact"), ("value", "")];
        let short = browser.submit("/admin/pipelines/identities", &[&[("pipeline", "other"), ("issuer", crate::support::issuer::GITHUB)], &rules[..]].concat()).await;
        assert_eq!(short.status, 422, "{}", text(&short));
        assert!(short.text.contains("value=\"repository_id\""), "the rules are kept");
        let page = browser.get("/admin/pipelines").await;
        let identity = page.field("identity");
        recorded(&browser.submit("/admin/pipelines/identities/remove", &[("pipeline", "ci"), ("identity", &identity)]).await, "/admin/pipelines");
        shows(&browser.get("/admin/pipelines").await, 200, "No workload identity: its runs need a token that somebody keeps.");
    }

    async fn the_checks_run_from_the_page(app: &TestApp) {
        let browser = administrator(app).await;
        let before = app.size().await;
        shows(&browser.submit("/admin/jobs/checks", &[("run", "dry")]).await, 200, "What a run would do");
        assert_eq!(app.size().await, before, "a rehearsal records nothing");
        shows(&browser.submit("/admin/jobs/checks", &[("run", "now")]).await, 200, "What the run did");
        shows(&browser.get("/admin/jobs").await, 200, "by boss: 0 versions looked at");
        shows(&browser.submit("/admin/jobs/checks", &[("run", "later")]).await, 422, "Nothing was changed.");
    }

    async fn the_access_log_is_filtered(app: &TestApp) {
        let browser = administrator(app).await;
        app.user("ana", &["viewer"]).await;
        assert_eq!(Browser::new(&app.address).log_in("<script>x", PASSWORD).await.status, 401);
        let failed = browser.get("/admin/access-log?kind=login-failed").await;
        shows(&failed, 200, "1 failed login is among them.");
        assert!(failed.text.contains("&#60;script&#62;x") && !failed.text.contains("<script>x"), "{}", failed.text);
        shows(&browser.get("/admin/access-log?user=ana").await, 200, "Nothing fits what is asked for.");
        shows(&browser.get("/admin/access-log?since=soon").await, 422, "Nothing fits what is asked for.");
    }

    async fn the_own_page_keeps_keys_tokens_and_a_theme(app: &TestApp) {
        let browser = person(app, "ana", &["viewer"]).await;
        assert_eq!(browser.submit("/account/theme", &[("theme", "dark")]).await.location(), "/account?done=theme");
        assert!(browser.get("/account").await.text.contains("data-theme=\"dark\""));
        assert_eq!(browser.submit("/account/theme", &[("theme", "system")]).await.status, 303);
        assert!(!browser.get("/account").await.text.contains("data-theme"));
        shows(&browser.submit("/account/theme", &[("theme", "pink")]).await, 422, "Nothing was changed.");
        let wrong = browser.submit("/account/keys", &[("public_key", "ssh-rsa AAAA typed")]).await;
        assert_eq!(wrong.status, 422, "{}", text(&wrong));
        assert!(wrong.text.contains("ssh-rsa AAAA typed"), "the text is kept");
        let issued = browser.submit("/account/tokens/new", &[("days", "3")]).await;
        shows(&issued, 200, "The secret of your new token");
        let token = browser.get("/account").await.field("token");
        assert_eq!(browser.submit("/account/tokens", &[("token", &token)]).await.location(), "/account?done=token");
    }
}
