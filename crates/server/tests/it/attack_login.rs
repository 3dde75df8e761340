//! Attacks on how people log in (issue 5: default or empty passwords, self-made accounts, forged headers, DNS rebinding, cross-site form posts,
//! stored script in names, session fixation, enumeration of users, brute force).

use std::time::Instant;

use base64::Engine as _;
use reqwest::Method;
use serde_json::json;

use crate::support::app::both;
use crate::support::browser::{Browser, PASSWORD, encoded};

fn login(name: &str, password: &str) -> serde_json::Value {
    json!({"name": name, "password": password})
}

both! {
    async fn default_or_empty_passwords(app: &TestApp) {
        app.user("ana", &["contributor"]).await;
        for name in ["administrator", "admin", "root", "ana", "anonymous", "system", ""] {
            for password in ["", " ", "admin", "administrator", "password", "changeme", "chancery", "ana"] {
                let answer = app.anonymous.post("/api/v1/login", login(name, password)).await;
                assert!(matches!(answer.status, 401 | 429), "{name} {password}: {}", answer.status);
                let seen = Browser::new(&app.address).log_in(name, password).await;
                assert!(matches!(seen.status, 401 | 429), "{name} {password}: {}", seen.status);
                let header = format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(format!("{name}:{password}")));
                let basic = app.anonymous.call("GET", "/api/v1/whoami").header("Authorization", &header).send().await;
                assert!(matches!(basic.status, 401 | 429), "{name} {password}: {}", basic.status);
                app.advance(2 * 3_600);
            }
        }
        // Nobody can make his own password empty or plain either.
        let secret = app.admin.post("/api/v1/users/ana/password-reset", json!({})).await.expect(200)["secret"].clone();
        for new in ["", "            ", "password", "ana-ana-ana-ana", &"x".repeat(257)] {
            let answer = app.anonymous.post("/api/v1/account/password", json!({"name": "ana", "current": secret, "new": new})).await;
            assert_eq!(answer.problem(), "422 invalid_field new", "{new}");
        }
    }

    async fn self_made_accounts(app: &TestApp) {
        let viewer = app.user("ana", &["contributor"]).await;
        let account = json!({"name": "mallory", "kind": "person", "roles": ["administrator"]});
        assert_eq!(app.anonymous.post("/api/v1/users", account.clone()).await.problem(), "401 unauthenticated");
        assert_eq!(viewer.post("/api/v1/users", account).await.recorded_problem(), "403 access_denied");
        for path in ["/signup", "/register", "/api/v1/signup", "/api/2.0/mlflow/users/create", "/ajax-api/2.0/mlflow/users/create", "/users/create"] {
            let answer = app.anonymous.call("POST", path).json(&json!({"username": "mallory", "password": PASSWORD})).send().await;
            assert!(matches!(answer.status, 401 | 404 | 405), "{path}: {}", answer.status);
        }
        assert_eq!(Browser::new(&app.address).log_in("mallory", PASSWORD).await.status, 401);
        let users = app.admin.get("/api/v1/users").await.expect(200);
        assert!(!users.to_string().contains("mallory"));
        // Whoever has a one-time secret of his own cannot use it for somebody else.
        app.user("bea", &["administrator"]).await;
        let secret = app.admin.post("/api/v1/users/ana/password-reset", json!({})).await.expect(200)["secret"].clone();
        let answer = app.anonymous.post("/api/v1/account/password", json!({"name": "bea", "current": secret, "new": PASSWORD})).await;
        assert_eq!(answer.problem(), "401 unauthenticated");
    }

    async fn forged_user_headers(app: &TestApp) {
        let ana = app.user("ana", &["viewer"]).await;
        let browser = Browser::new(&app.address);
        for header in ["X-Forwarded-User", "X-Remote-User", "Remote-User", "X-Forwarded-Email", "X-Auth-Request-User", "X-User", "X-WEBAUTH-USER", "X-Original-User"] {
            for name in ["administrator", "ana"] {
                assert_eq!(app.anonymous.call("GET", "/api/v1/users").header(header, name).send().await.status, 401, "{header}");
                assert_eq!(ana.call("GET", "/api/v1/whoami").header(header, name).send().await.json()["name"], "ana", "{header}");
                assert_eq!(ana.call("GET", "/api/v1/users").header(header, name).send().await.status, 403, "{header}");
                assert_eq!(browser.see(browser.request(Method::GET, "/account").header(header, name)).await.status, 303, "{header}");
            }
        }
    }

    async fn forwarded_addresses_do_not_evade_the_back_off(app: &TestApp) {
        let mut refused = 0;
        for number in 0..40 {
            // Another name each time: only the address is the same.
            let call = app.anonymous.call("POST", "/api/v1/login").json(&login(&format!("user-{number}"), "wrong wrong wrong"));
            let mut call = call;
            for header in ["X-Forwarded-For", "X-Real-IP", "Forwarded", "CF-Connecting-IP", "True-Client-IP"] {
                call = call.header(header, &format!("203.0.113.{number}"));
            }
            refused += usize::from(call.send().await.status == 429);
        }
        assert!(refused >= 5, "{refused}");
    }

    async fn dns_rebinding(app: &TestApp) {
        app.user("ana", &["contributor"]).await;
        app.password("ana", PASSWORD).await;
        let browser = app.browser("ana").await;
        let csrf = browser.get("/account").await.field("csrf");
        for host in ["attacker.example", "127.0.0.1.attacker.example", "localhost.attacker.example:80", "attacker.example:8080"] {
            for path in ["/account", "/login", "/password"] {
                assert_eq!(browser.see(browser.request(Method::GET, path).header("Host", host)).await.status, 421, "{host} {path}");
            }
            let origin = format!("http://{host}");
            for path in ["/account/sessions", "/logout", "/login"] {
                let form = browser.request(Method::POST, path).header("Host", host).header("Origin", &origin).header("Sec-Fetch-Site", "same-origin");
                let form = form.header("Content-Type", "application/x-www-form-urlencoded").body(encoded(&[("csrf", &csrf)]));
                assert_eq!(browser.see(form).await.status, 421, "{host} {path}");
            }
        }
        assert_eq!(browser.get("/account").await.status, 200, "nothing was ended");
    }

    async fn cross_site_form_posts_with_odd_content_types(app: &TestApp) {
        app.user("ana", &["contributor"]).await;
        app.password("ana", PASSWORD).await;
        let browser = app.browser("ana").await;
        let csrf = browser.get("/account").await.field("csrf");
        let body = encoded(&[("csrf", &csrf)]);
        let form = "application/x-www-form-urlencoded";
        let own = app.address.as_str();
        let multipart = format!("--x\r\nContent-Disposition: form-data; name=\"csrf\"\r\n\r\n{csrf}\r\n--x--\r\n");
        for path in ["/account/sessions", "/logout", "/account/password", "/account/tokens"] {
            for (why, origin, site, kind, body) in [
                ("plain text", Some(own), Some("same-origin"), Some("text/plain"), body.as_str()),
                ("plain text that says form", Some(own), Some("same-origin"), Some("text/plain; application/x-www-form-urlencoded"), body.as_str()),
                ("multipart", Some(own), Some("same-origin"), Some("multipart/form-data; boundary=x"), multipart.as_str()),
                ("JSON", Some(own), Some("same-origin"), Some("application/json"), "{}"),
                ("no type", Some(own), Some("same-origin"), None, body.as_str()),
                ("another origin", Some("https://attacker.example"), None, Some(form), body.as_str()),
                ("an origin that hides", Some("null"), None, Some(form), body.as_str()),
                ("another port", Some("http://127.0.0.1:1"), None, Some(form), body.as_str()),
                ("another site", None, Some("cross-site"), Some(form), body.as_str()),
                ("a sibling", None, Some("same-site"), Some(form), body.as_str()),
                ("our origin, forged, from another site", Some(own), Some("cross-site"), Some(form), body.as_str()),
                ("nothing said", None, None, Some(form), body.as_str()),
                ("no token", Some(own), Some("same-origin"), Some(form), ""),
                ("an empty token", Some(own), Some("same-origin"), Some(form), "csrf="),
                ("a wrong token", Some(own), Some("same-origin"), Some(form), "csrf=AAAA"),
            ] {
                let mut request = browser.request(Method::POST, path).body(body.to_owned());
                for (name, value) in [("Origin", origin), ("Sec-Fetch-Site", site), ("Content-Type", kind)] {
                    if let Some(value) = value {
                        request = request.header(name, value);
                    }
                }
                assert_eq!(browser.see(request).await.status, 403, "{path}: {why}");
            }
        }
        // The token of one session is nothing in another.
        let other = app.browser("ana").await;
        assert_eq!(other.post("/logout", &[("csrf", &csrf)]).await.status, 403);
        // A login is not sent from elsewhere either: nobody is logged in as somebody else without knowing it.
        let foreign = other.request(Method::POST, "/login").header("Origin", "https://attacker.example").header("Content-Type", form);
        assert_eq!(other.see(foreign.body(encoded(&[("name", "ana"), ("password", PASSWORD)]))).await.status, 403);
        assert_eq!((browser.get("/account").await.status, other.get("/account").await.status), (200, 200), "nothing was ended");
    }

    async fn the_api_takes_no_cookie(app: &TestApp) {
        app.user("ana", &["contributor"]).await;
        app.password("ana", PASSWORD).await;
        let browser = app.browser("ana").await;
        for path in ["/api/v1/whoami", "/api/v1/models", "/api/v1/account/sessions", "/api/2.0/mlflow/registered-models/search"] {
            assert_eq!(browser.get(path).await.status, 401, "{path}");
        }
        let request = browser.request(Method::POST, "/api/v1/models").header("Origin", &app.address).json(&json!({"name": "x"}));
        assert_eq!(browser.see(request).await.status, 401);
    }

    async fn stored_script_in_names(app: &TestApp) {
        let script = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>";
        app.admin.post("/api/v1/users", json!({"name": "ana", "display_name": script, "kind": "person", "roles": ["viewer"]})).await.expect(201);
        app.password("ana", PASSWORD).await;
        let browser = Browser::new(&app.address);
        let login = browser.request(Method::POST, "/login").header("Origin", &app.address).header("User-Agent", script);
        let login = login.header("Content-Type", "application/x-www-form-urlencoded").body(encoded(&[("name", "ana"), ("password", PASSWORD)]));
        assert_eq!(browser.see(login).await.status, 303);
        let page = browser.get("/account").await;
        assert!(page.text.contains("alert(1)"), "the name is shown: {}", page.text);
        let failed = browser.post("/login", &[("name", script), ("password", script), ("next", script)]).await;
        let opened = Browser::new(&app.address).get(&format!("/login?{}", encoded(&[("next", script), ("done", script)]))).await;
        for seen in [&page, &failed, &opened] {
            for bad in ["<script", "<img", "onerror=alert(2)>"] {
                assert!(!seen.text.contains(bad), "{bad}: {}", seen.text);
            }
        }
    }

    async fn session_fixation(app: &TestApp) {
        app.user("ana", &["contributor"]).await;
        app.password("ana", PASSWORD).await;
        let planted = "A".repeat(43);
        let browser = Browser::new(&app.address);
        browser.plant("chancery-session", &planted);
        assert_eq!(browser.log_in("ana", PASSWORD).await.status, 303);
        let own = browser.cookie("chancery-session").unwrap();
        assert_ne!(own, planted);
        let attacker = Browser::new(&app.address);
        attacker.plant("chancery-session", &planted);
        assert_eq!(attacker.get("/account").await.status, 303, "what was planted opens nothing");
        // A login in a browser that has a session already gives another secret, and ends the one before.
        assert_eq!(browser.log_in("ana", PASSWORD).await.status, 303);
        attacker.plant("chancery-session", &own);
        assert_eq!(attacker.get("/account").await.status, 303, "the old secret is over");
        // Two cookies of the name: one of them was planted, so neither counts.
        let both = format!("chancery-session={}; chancery-session={planted}", browser.cookie("chancery-session").unwrap());
        let bare = Browser::new(&app.address);
        assert_eq!(bare.see(bare.request(Method::GET, "/account").header("Cookie", both)).await.status, 303);
    }

    async fn enumeration_of_users_by_login(app: &TestApp) {
        app.user("ana", &["contributor"]).await;
        app.password("ana", PASSWORD).await;
        app.user("bea", &["contributor"]).await;
        app.user("gone", &["contributor"]).await;
        app.password("gone", PASSWORD).await;
        app.admin.delete("/api/v1/users/gone").await.expect(200);
        app.actor("ci", "pipeline", &["deployer"]).await;
        let mut answers = std::collections::BTreeSet::new();
        let mut times = Vec::new();
        // With a password; without one; whose access ended, with the right password; a machine; nobody; no name at all.
        for (name, password) in [("ana", "wrong wrong wrong"), ("bea", "wrong wrong wrong"), ("gone", PASSWORD), ("ci", "wrong wrong wrong"), ("nobody", PASSWORD), ("No Name!", PASSWORD)] {
            let started = Instant::now();
            let answer = app.anonymous.post("/api/v1/login", login(name, password)).await;
            times.push((started.elapsed(), name));
            answers.insert(format!("{} {}", answer.status, String::from_utf8(answer.bytes).unwrap()));
            let set = app.anonymous.post("/api/v1/account/password", json!({"name": name, "current": password, "new": "a new password it is"})).await;
            answers.insert(format!("{} {}", set.status, String::from_utf8(set.bytes).unwrap()));
        }
        assert_eq!(answers.len(), 1, "{answers:?}");
        // The same work: hashing takes longer than all else, so no answer comes in a fraction of the time of the others.
        times.sort();
        let (fastest, slowest) = (times[0], times[times.len() - 1]);
        assert!(fastest.0 * 5 > slowest.0, "{times:?}");
        // The back-off too: it counts names, not accounts.
        for name in ["ana", "nobody"] {
            app.advance(7_200);
            let mut statuses = Vec::new();
            for _ in 0..8 {
                statuses.push(app.anonymous.post("/api/v1/login", login(name, "wrong wrong wrong")).await.status);
            }
            assert_eq!(statuses, [401, 401, 401, 401, 401, 401, 429, 429], "{name}");
        }
    }

    async fn brute_force(app: &TestApp) {
        app.user("ana", &["contributor"]).await;
        app.password("ana", PASSWORD).await;
        // All at once count like one after another.
        let guesses = (0..12).map(|number| app.anonymous.post("/api/v1/login", login("ana", &format!("wrong guess number {number}"))));
        let tried = futures_util::future::join_all(guesses).await.iter().filter(|answer| answer.status == 401).count();
        assert!(tried <= 6, "{tried} guesses were looked at");
        // Through no other door either, and not with the right password, which would tell that it is right.
        assert_eq!(app.anonymous.post("/api/v1/login", login("ana", PASSWORD)).await.problem(), "429 rate_limited");
        assert_eq!(Browser::new(&app.address).log_in("ana", PASSWORD).await.status, 429);
        let header = format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(format!("ana:{PASSWORD}")));
        assert_eq!(app.anonymous.call("GET", "/api/2.0/mlflow/registered-models/search").header("Authorization", &header).send().await.status, 429);
        let change = json!({"name": "ana", "current": PASSWORD, "new": "a new password it is"});
        assert_eq!(app.anonymous.post("/api/v1/account/password", change).await.problem(), "429 rate_limited");
        // Each failure waits twice as long, up to five minutes.
        let mut tried = 0;
        for _ in 0..3_600 / 10 {
            app.advance(10);
            tried += usize::from(app.anonymous.post("/api/v1/login", login("ana", "wrong wrong wrong")).await.status == 401);
        }
        assert!((8..=20).contains(&tried), "{tried} guesses in an hour");
        app.advance(301);
        app.anonymous.post("/api/v1/login", login("ana", PASSWORD)).await.expect(201);
    }

    async fn no_page_is_shown_to_somebody_who_is_not_logged_in(app: &TestApp) {
        use chancery::http::ui::{Visitor, routes};
        let browser = Browser::new(&app.address);
        assert!(routes().len() > 8);
        for (method, path, visitor) in routes() {
            match (method, visitor) {
                ("GET", Visitor::Person) => assert!(browser.get(path).await.location().starts_with("/login"), "{path}"),
                ("POST", Visitor::Person) => {
                    assert_eq!(browser.post(path, &[]).await.location(), "/login", "{path}");
                    assert_eq!(browser.see(browser.request(Method::POST, path)).await.status, 403, "{path}");
                }
                (_, Visitor::Anybody) => assert!(browser.get(path).await.status < 500, "{path}"),
                other => panic!("a page is GET or POST: {other:?}"),
            }
        }
    }
}
