//! How people log in: passwords, tokens of logins, sessions of the pages (ACC-1).

use base64::Engine as _;
use serde_json::json;

use crate::support::app::both;
use crate::support::browser::{Browser, PASSWORD};

const MINUTE: i64 = 60;
const HOUR: i64 = 3_600;
const OTHER: &str = "another staple for the horse";

fn basic(name: &str, password: &str) -> String {
    format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(format!("{name}:{password}")))
}

both! {
    async fn a_person_sets_a_password_and_logs_in_with_it(app: &TestApp) {
        app.user("ana", &["contributor"]).await;
        let reset = app.admin.post("/api/v1/users/ana/password-reset", json!({})).await;
        assert_eq!((reset.status, reset.kinds()), (200, vec!["actor.password-reset".to_owned()]));
        let secret = reset.json()["secret"].as_str().unwrap().to_owned();
        let set = |current: &str, new: &str| json!({"name": "ana", "current": current, "new": new});
        // The one-time secret is no password, and the rules hold for it too.
        assert_eq!(app.anonymous.post("/api/v1/login", json!({"name": "ana", "password": secret})).await.problem(), "401 unauthenticated");
        assert_eq!(app.anonymous.post("/api/v1/account/password", set(&secret, "short")).await.problem(), "422 invalid_field new");
        let done = app.anonymous.post("/api/v1/account/password", set(&secret, PASSWORD)).await;
        assert_eq!((done.status, done.kinds()), (200, vec!["actor.password-set".to_owned()]));
        assert_eq!(app.anonymous.post("/api/v1/account/password", set(&secret, OTHER)).await.problem(), "401 unauthenticated");

        let granted = app.anonymous.post("/api/v1/login", json!({"name": "ana", "password": PASSWORD})).await;
        assert_eq!((granted.status, granted.kinds()), (201, vec!["token.issued".to_owned()]));
        let granted = granted.json();
        assert_eq!(granted["entries"][0]["data"]["purpose"], "login");
        assert_eq!(granted["entries"][0]["actor"], granted["entries"][0]["data"]["actor"], "the person himself did it");
        let ana = app.anonymous.with_token(granted["secret"].as_str().unwrap());
        assert_eq!(ana.get("/api/v1/whoami").await.json()["name"], "ana");
        app.advance(12 * HOUR - 1);
        assert_eq!(ana.get("/api/v1/whoami").await.status, 200);
        app.advance(1);
        assert_eq!(ana.get("/api/v1/whoami").await.problem(), "401 unauthenticated");
        let entries = String::from_utf8(app.admin.get("/api/v1/ledger/entries?limit=500").await.bytes).unwrap();
        for hidden in [PASSWORD, secret.as_str(), "argon2", granted["secret"].as_str().unwrap()] {
            assert!(!entries.contains(hidden), "{hidden} is in an entry");
        }
    }

    async fn a_new_password_ends_everything_that_came_from_the_old_one(app: &TestApp) {
        let token = app.user("ana", &["contributor"]).await;
        app.password("ana", PASSWORD).await;
        let browser = app.browser("ana").await;
        let granted = app.anonymous.post("/api/v1/login", json!({"name": "ana", "password": PASSWORD})).await.expect(201);
        let login = app.anonymous.with_token(granted["secret"].as_str().unwrap());
        let basic_ok = || app.anonymous.call("GET", "/api/v1/whoami").header("Authorization", &basic("ana", PASSWORD)).send();
        assert_eq!((basic_ok().await.status, browser.get("/account").await.status), (200, 200));
        let change = json!({"name": "ana", "current": PASSWORD, "new": OTHER});
        assert_eq!(app.anonymous.post("/api/v1/account/password", change).await.kinds(), ["actor.password-set", "token.revoked"]);
        assert_eq!(browser.get("/account").await.location(), "/login?next=%2Faccount");
        assert_eq!((login.get("/api/v1/whoami").await.status, basic_ok().await.status), (401, 401), "the minute of a verified password does not count");
        assert_eq!(token.get("/api/v1/whoami").await.status, 200, "a token that an administrator issued stays");
        // A reset ends the password itself.
        app.admin.post("/api/v1/users/ana/password-reset", json!({})).await.expect(200);
        assert_eq!(app.anonymous.post("/api/v1/login", json!({"name": "ana", "password": OTHER})).await.problem(), "401 unauthenticated");
    }

    async fn a_one_time_secret_ends_after_a_day(app: &TestApp) {
        app.user("ana", &["viewer"]).await;
        let secret = app.admin.post("/api/v1/users/ana/password-reset", json!({})).await.expect(200)["secret"].clone();
        app.advance(24 * HOUR);
        let body = json!({"name": "ana", "current": secret, "new": PASSWORD});
        assert_eq!(app.anonymous.post("/api/v1/account/password", body).await.problem(), "401 unauthenticated");
    }

    async fn who_resets_and_who_has_a_password(app: &TestApp) {
        let viewer = app.user("ana", &["viewer"]).await;
        app.actor("ci", "pipeline", &["deployer"]).await;
        app.actor("portal", "service", &["viewer"]).await;
        assert_eq!(viewer.post("/api/v1/users/ana/password-reset", json!({})).await.recorded_problem(), "403 access_denied");
        for machine in ["ci", "portal"] {
            let reset = app.admin.post(&format!("/api/v1/users/{machine}/password-reset"), json!({})).await;
            assert_eq!(reset.recorded_problem(), "403 access_denied name");
        }
        assert_eq!(app.admin.post("/api/v1/users/administrator/password-reset", json!({})).await.recorded_problem(), "403 separation_of_duties name");
        assert_eq!(app.admin.post("/api/v1/users/nobody/password-reset", json!({})).await.problem(), "404 not_found");
        let machine = app.actor("ci2", "pipeline", &["deployer"]).await;
        assert_eq!(machine.get("/api/v1/account/sessions").await.problem(), "403 access_denied");
    }

    async fn sessions_end_when_they_are_not_used_and_in_any_case(app: &TestApp) {
        app.user("ana", &["contributor", "viewer@team:credit"]).await;
        app.password("ana", PASSWORD).await;
        let browser = app.browser("ana").await;
        let page = browser.get("/account").await;
        assert_eq!(page.status, 200, "{}", page.text);
        for shown in ["contributor", "everywhere", "models of team credit", "(this one)"] {
            assert!(page.text.contains(shown), "{shown}: {}", page.text);
        }
        app.advance(30 * MINUTE - 1);
        assert_eq!(browser.get("/account").await.status, 200);
        app.advance(30 * MINUTE - 1);
        assert_eq!(browser.get("/account").await.status, 200, "used in between");
        app.advance(30 * MINUTE);
        assert_eq!(browser.get("/account").await.location(), "/login?next=%2Faccount");
        let browser = app.browser("ana").await;
        for _ in 0..24 {
            assert_eq!(browser.get("/account").await.status, 200);
            app.advance(30 * MINUTE - 1);
        }
        app.advance(24);
        assert_eq!(browser.get("/account").await.status, 303, "twelve hours are over");
    }

    async fn people_see_and_end_their_sessions(app: &TestApp) {
        let ana = app.user("ana", &["contributor"]).await;
        let eve = app.user("eve", &["contributor"]).await;
        app.password("ana", PASSWORD).await;
        let (first, second) = (app.browser("ana").await, app.browser("ana").await);
        let listed = ana.get("/api/v1/account/sessions").await.expect(200);
        assert_eq!(listed["items"].as_array().unwrap().len(), 2);
        assert_eq!(listed["items"][0]["method"], "password");
        let text = listed.to_string();
        for browser in [&first, &second] {
            assert!(!text.contains(&browser.cookie("chancery-session").unwrap()), "the secret is not shown");
        }
        let id = listed["items"][0]["id"].as_str().unwrap();
        assert_eq!(eve.delete(&format!("/api/v1/account/sessions/{id}")).await.problem(), "404 not_found");
        ana.delete(&format!("/api/v1/account/sessions/{id}")).await.expect(200);
        let open = [first.get("/account").await.status, second.get("/account").await.status];
        assert_eq!(open.iter().filter(|status| **status == 200).count(), 1);
        let third = app.browser("ana").await;
        assert_eq!(third.submit("/account/sessions", &[]).await.location(), "/account?done=session");
        assert_eq!((first.get("/account").await.status, second.get("/account").await.status, third.get("/account").await.status), (303, 303, 303));
        // Who loses his access loses it at once.
        let browser = app.browser("ana").await;
        app.admin.delete("/api/v1/users/ana").await.expect(200);
        assert_eq!(browser.get("/account").await.status, 303);
        assert_eq!(app.anonymous.post("/api/v1/login", json!({"name": "ana", "password": PASSWORD})).await.problem(), "401 unauthenticated");
    }

    async fn the_pages_log_in_and_out(app: &TestApp) {
        app.user("ana", &["contributor"]).await;
        app.password("ana", PASSWORD).await;
        let browser = Browser::new(&app.address);
        assert_eq!(browser.get("/").await.location(), "/login");
        assert_eq!(browser.get("/account?x=1").await.location(), "/login?next=%2Faccount%3Fx%3D1");
        let form = browser.get("/login?next=%2Faccount%3Fx%3D1").await;
        assert_eq!((form.status, form.field("next").as_str()), (200, "/account?x=1"));
        let wrong = browser.post("/login", &[("name", "ana"), ("password", "wrong wrong wrong"), ("next", "/account?x=1")]).await;
        assert_eq!(wrong.status, 401);
        assert!(wrong.text.contains("value=\"ana\"") && wrong.text.contains("role=\"alert\"") && !wrong.text.contains("wrong wrong"), "{}", wrong.text);
        assert_eq!(wrong.field("next"), "/account?x=1", "the form is kept");
        let right = browser.post("/login", &[("name", "ana"), ("password", PASSWORD), ("next", "/account?x=1")]).await;
        assert_eq!((right.status, right.location()), (303, "/account?x=1"));
        let cookie = right.header("set-cookie");
        for part in ["chancery-session=", "; Path=/", "; HttpOnly", "; SameSite=Lax", "; Max-Age=43200"] {
            assert!(cookie.contains(part), "{cookie}");
        }
        assert_eq!(browser.get("/login").await.location(), "/", "logged in already");
        let page = browser.get("/account").await;
        let policy = page.header("content-security-policy");
        assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'") && !policy.contains("unsafe"), "{policy}");
        assert_eq!((page.header("cache-control"), page.header("x-content-type-options"), page.header("referrer-policy")), ("no-store", "nosniff", "same-origin"));
        assert!(!page.text.contains("<script") && !page.text.contains("style="), "{}", page.text);
        assert_eq!(browser.get("/assets/chancery.css").await.header("content-type"), "text/css; charset=utf-8");
        // Cookies mean nothing to the API.
        assert_eq!(browser.get("/api/v1/whoami").await.status, 401);
        let stolen = browser.cookie("chancery-session").unwrap();
        assert_eq!(browser.submit("/logout", &[]).await.location(), "/login?done=logout");
        assert_eq!(browser.cookie("chancery-session"), None);
        browser.plant("chancery-session", &stolen);
        assert_eq!(browser.get("/account").await.status, 303, "a cookie that was kept opens nothing");
    }

    async fn people_change_their_password_and_revoke_tokens_on_their_page(app: &TestApp) {
        app.user("ana", &["contributor"]).await;
        app.password("ana", PASSWORD).await;
        let (browser, other) = (app.browser("ana").await, app.browser("ana").await);
        let change = |current: &'static str, new: &'static str, again: &'static str| [("name", "eve"), ("current", current), ("new", new), ("again", again)];
        for (fields, status, says) in [
            (change(PASSWORD, OTHER, "another"), 422, "not the same twice"),
            (change("not my password", OTHER, OTHER), 401, "wrong"),
            (change(PASSWORD, "short", "short"), 422, "12 to 256"),
            (change(PASSWORD, "anaanaanaana", "anaanaanaana"), 422, "your name"),
        ] {
            let seen = browser.submit("/account/password", &fields).await;
            assert_eq!(seen.status, status, "{}", seen.text);
            assert!(seen.text.contains(says) && !seen.text.contains(OTHER) && !seen.text.contains(PASSWORD), "{says}: {}", seen.text);
        }
        let before = browser.cookie("chancery-session");
        assert_eq!(browser.submit("/account/password", &change(PASSWORD, OTHER, OTHER)).await.location(), "/account?done=password");
        assert_ne!(browser.cookie("chancery-session"), before, "a new secret");
        assert!(browser.get("/account?done=password").await.text.contains("Your password is changed"));
        assert_eq!(other.get("/account").await.status, 303);
        let granted = app.anonymous.post("/api/v1/login", json!({"name": "ana", "password": OTHER})).await.expect(201);
        let token = app.anonymous.with_token(granted["secret"].as_str().unwrap());
        assert!(browser.get("/account").await.text.contains(granted["token_id"].as_str().unwrap()));
        assert_eq!(browser.submit("/account/tokens", &[("token", granted["token_id"].as_str().unwrap())]).await.location(), "/account?done=token");
        assert_eq!(token.get("/api/v1/whoami").await.status, 401);
    }

    async fn a_password_is_set_on_a_page_with_the_secret_of_a_reset(app: &TestApp) {
        app.user("ana", &["contributor"]).await;
        let secret = app.admin.post("/api/v1/users/ana/password-reset", json!({})).await.expect(200)["secret"].as_str().unwrap().to_owned();
        let browser = Browser::new(&app.address);
        assert_eq!(browser.get("/password").await.status, 200);
        let fields = |current: &str| [("name", "ana".to_owned()), ("current", current.to_owned()), ("new", PASSWORD.to_owned()), ("again", PASSWORD.to_owned())];
        let post = async |current: &str| {
            let fields = fields(current);
            let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
            browser.post("/password", &fields).await
        };
        assert_eq!(post("once-00").await.status, 401);
        assert_eq!(post(&secret).await.location(), "/login?done=password");
        assert_eq!(browser.log_in("ana", PASSWORD).await.status, 303);
    }

    async fn mlflow_clients_may_use_name_and_password(app: &TestApp) {
        app.user("ana", &["contributor"]).await;
        app.password("ana", PASSWORD).await;
        let create = |name: &str, header: String| {
            let body = json!({"name": name});
            async move { app.anonymous.call("POST", "/api/2.0/mlflow/registered-models/create").header("Authorization", &header).json(&body).send().await.status }
        };
        assert_eq!(create("loan", basic("ana", PASSWORD)).await, 200);
        assert_eq!(create("loan2", basic("ana", PASSWORD)).await, 200);
        assert_eq!(create("loan3", basic("ana", "wrong wrong wrong")).await, 401);
        assert_eq!(create("loan3", basic("Ana", PASSWORD)).await, 401);
        // Roles count as they are now, also within the minute for which the password is remembered.
        app.admin.put("/api/v1/users/ana/roles", json!({"roles": ["viewer"]})).await.expect(200);
        assert_eq!(create("loan3", basic("ana", PASSWORD)).await, 403);
    }
}
