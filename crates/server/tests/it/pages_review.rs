//! The pages on which people decide: the inbox, the approver's page with its forms, the page of a rollback.

use std::sync::atomic::Ordering;

use chancery_core::names::Timestamp;
use serde_json::json;

use crate::support::app::both;
use crate::support::browser::{Browser, PASSWORD, Seen};
use crate::support::builders::evaluation;
use crate::support::{Cast, Made, TestApp};

/// A high-risk model with one release, and an open promotion of a second version, which is worse in one metric.
async fn opened(app: &TestApp) -> (Cast, Made, String) {
    let cast = app.cast().await;
    cast.scientist.model("loan", "high").await;
    let first = cast.evaluated("loan", b"1").await;
    cast.bring_to(&first, "production").await;
    let second = cast.scientist.version("loan", b"2").await;
    cast.evaluate(&second, &evaluation(0.85, 0.85)).await;
    cast.complete(&second).await;
    let promotion = cast.scientist.promote(&second, "production").await.expect(201)["promotion"]["id"].as_str().unwrap().to_owned();
    for name in ["scientist", "security-lead", "platform-lead", "product-owner", "governance-lead", "model-owner", "model-auditor"] {
        app.password(name, PASSWORD).await;
    }
    (cast, second, format!("/promotions/{promotion}"))
}

/// Sends a form of a page as the page has it: with the token of the session, and the hidden fields that are asked for.
async fn send(browser: &Browser, page: &str, action: &str, hidden: &[&str], fields: &[(&str, &str)]) -> Seen {
    let seen = browser.get(page).await;
    assert!(seen.text.contains(&format!("action=\"{action}\"")), "the page has no form for {action}: {}", seen.text);
    let kept: Vec<(&str, String)> = ["csrf"].iter().chain(hidden).map(|name| (*name, seen.field(name))).collect();
    let kept: Vec<(&str, &str)> = kept.iter().map(|(name, value)| (*name, value.as_str())).collect();
    browser.post(action, &[kept.as_slice(), fields].concat()).await
}

const HIDDEN: &[&str] = &["evidence_set", "newest", "role"];

async fn verdict(browser: &Browser, page: &str, fields: &[(&str, &str)]) -> Seen {
    send(browser, page, &format!("{page}/verdict"), HIDDEN, fields).await
}

fn shows(seen: &Seen, words: &[&str]) {
    for word in words {
        assert!(seen.text.contains(word), "{word} is not in: {}", seen.text);
    }
}

both! {
    /// The page answers first, and says to each person what is his part.
    async fn the_page_answers_whether_it_may_go_and_who_signs(app: &TestApp) {
        let (_, _, page) = opened(app).await;
        let seen = app.browser("security-lead").await.get(&page).await;
        shows(&seen, &["Move loan/2 to production", "Not yet: 4 approvals are missing.", "Your verdict as security is asked for.", "0 of 4 approvals"]);
        shows(&seen, &["compared with", "version 1", "auc_roc", "+0.04", "demographic_parity_ratio went from 0.86 to 0.85: worse", "Findings for security"]);
        shows(&seen, &["You sign exactly this", "name=\"evidence_set\"", "Sign verdict", "This page as JSON"]);
        assert!(!seen.text.contains(" checked>"), "a verdict is chosen for him: {}", seen.text);
        let seen = app.browser("scientist").await.get(&page).await;
        shows(&seen, &["You are one of its authors", "security: security-lead", "Cancel this promotion"]);
        assert!(!seen.text.contains("class=\"verdict\""), "{}", seen.text);
        let seen = app.browser("model-auditor").await.get(&page).await;
        shows(&seen, &["you have none of the roles", "security: security-lead"]);
        assert!(!seen.text.contains("method=\"post\" action=\"/promotions"), "{}", seen.text);
        shows(&app.browser("model-auditor").await.get("/promotions").await, &["are open: each waits", "Move loan/2 to production"]);
        shows(&app.browser("model-auditor").await.get("/promotions?status=executed").await, &["that were executed", "Move loan/1 to production"]);
        assert_eq!(app.browser("model-auditor").await.get("/promotions?status=odd").await.status, 422);
        assert_eq!(app.browser("model-auditor").await.get("/promotions/p00").await.status, 422);
    }

    /// What is wrong with a verdict is said at the field, and nothing that was written is lost.
    async fn a_verdict_that_is_refused_keeps_what_was_written(app: &TestApp) {
        let (cast, version, page) = opened(app).await;
        let browser = app.browser("security-lead").await;
        let size = app.size().await;
        let seen = verdict(&browser, &page, &[("comment", "my <b>long</b> text")]).await;
        assert_eq!(seen.status, 422);
        shows(&seen, &["Choose a verdict", "my &#60;b&#62;long&#60;/b&#62; text"]);
        let condition = [("verdict", "conditions"), ("condition", "retest"), ("owner", "credit"), ("due", "2020-01-01"), ("effect", "block"), ("comment", "with care")];
        let seen = verdict(&browser, &page, &condition).await;
        assert_eq!(seen.status, 422);
        shows(&seen, &["Choose a due date from today on", "value=\"retest\"", "value=\"2020-01-01\"", "with care"]);
        assert_eq!(verdict(&browser, &page, &[("verdict", "reject")]).await.status, 422);
        assert_eq!(app.size().await, size, "nothing was recorded");
        let seen = browser.get(&page).await;
        let forged = [("evidence_set", seen.field("evidence_set")), ("newest", seen.field("newest")), ("role", "security".to_owned()), ("verdict", "approve".to_owned())];
        let forged: Vec<(&str, &str)> = forged.iter().map(|(name, value)| (*name, value.as_str())).collect();
        assert_eq!(browser.post(&format!("{page}/verdict"), &forged).await.status, 403, "without the token of the session");

        // Documents come while he reads.
        let csrf = seen.field("csrf");
        cast.evaluate(&version, &evaluation(0.86, 0.83)).await;
        cast.scientist.promote(&version, "production").await.expect(200);
        let sent = [forged.as_slice(), &[("csrf", csrf.as_str()), ("comment", "looks fine")]].concat();
        let seen = browser.post(&format!("{page}/verdict"), &sent).await;
        assert_eq!(seen.status, 412);
        shows(&seen, &["1 document is new since you opened the page: evaluation", "looks fine", "Nothing was changed"]);
    }

    /// From the inbox to the receipt, for each role; then a pipeline executes.
    async fn four_people_sign_and_a_pipeline_executes(app: &TestApp) {
        let (cast, version, page) = opened(app).await;
        for (role, name) in [("platform", "platform-lead"), ("product", "product-owner"), ("security", "security-lead"), ("ai-governance", "governance-lead")] {
            let browser = app.browser(name).await;
            shows(&browser.get("/").await, &["<strong>1 decision</strong> waits for you", "Move loan/2 to production", &format!("You sign as <strong>{role}</strong>"), "class=\"count\""]);
            let fields: &[(&str, &str)] = if role == "product" {
                &[("verdict", "conditions"), ("condition", "retest on live data"), ("owner", "credit"), ("due", "2090-01-15"), ("effect", "block"), ("comment", "ship after the freeze")]
            } else {
                &[("verdict", "approve"), ("ticket", "RISK-1")]
            };
            let seen = verdict(&browser, &page, fields).await;
            assert_eq!(seen.status, 303, "{}", seen.text);
            let seen = browser.get(seen.location()).await;
            shows(&seen, &["Recorded as entry", "You have given your verdict.", "Withdraw your approval"]);
            assert!(!seen.text.contains("class=\"verdict\""), "he is asked again: {}", seen.text);
            shows(&browser.get("/").await, &["Nothing waits for you."]);
        }
        let seen = app.browser("model-owner").await.get(&page).await;
        shows(&seen, &["Yes: nothing is missing but the execution, and a pipeline executes it.", "ready to execute", "retest on live data", "ship after the freeze"]);
        assert!(!seen.text.contains("/execute\""), "{}", seen.text);
        cast.pipeline.post(&format!("/api/v1{page}/execute"), json!({})).await.expect(200);
        let seen = app.browser("security-lead").await.get(&page).await;
        shows(&seen, &["It was executed: version 2 went to production.", "no verdict is asked for", "</svg>executed</span>"]);
        // Who ended it, in which run, and what was signed.
        shows(&seen, &["How it ended", "ci executed it, ", "It was the run <code", ">APPROVED</a>", ">EXECUTED</a>"]);
        let entry = cast.auditor.get("/api/v1/ledger/entries?kind=decision.recorded").await.expect(200)["items"][0]["index"].clone();
        app.password("model-auditor", PASSWORD).await;
        let auditor = app.browser("model-auditor").await;
        let decision = auditor.get(&format!("/ledger/{entry}")).await.text;
        let decision = decision.split("href=\"/open/api/v1/decisions/").nth(1).and_then(|rest| rest.split('"').next()).expect("the entry leads to the decision");
        assert_eq!(auditor.get(&format!("/open/api/v1/decisions/{decision}")).await.status, 200);
        assert_eq!(cast.auditor.state(&version).await, "production");
        // Who set the condition says that it is met.
        let browser = app.browser("product-owner").await;
        shows(&browser.get(&page).await, &["Condition 1 is met"]);
        let met = format!("{page}/conditions/1/met");
        assert_eq!(send(&browser, &page, &met, &["key"], &[("note", "")]).await.status, 422);
        assert_eq!(send(&browser, &page, &met, &["key"], &[("note", "retested")]).await.status, 303);
        shows(&browser.get(&page).await, &["met</span> retest on live data", "retested"]);
    }

    async fn an_approval_is_withdrawn_and_a_promotion_cancelled_unless_it_changed(app: &TestApp) {
        let (cast, version, page) = opened(app).await;
        let browser = app.browser("security-lead").await;
        assert_eq!(verdict(&browser, &page, &[("verdict", "approve")]).await.status, 303);
        let action = format!("{page}/withdraw");
        assert_eq!(send(&browser, &page, &action, &["role", "given_by"], &[("reason", " ")]).await.status, 422);
        assert_eq!(send(&browser, &page, &action, &["role", "given_by"], &[("reason", "new facts")]).await.status, 303);
        shows(&browser.get(&page).await, &["Your verdict as security is asked for.", "Verdicts that do not count", "withdrawn"]);

        let scientist = app.browser("scientist").await;
        let comment = format!("{page}/comment");
        assert_eq!(send(&scientist, &page, &comment, &["key"], &[("text", "<script>alert(1)</script>")]).await.status, 303);
        let seen = scientist.get(&page).await;
        shows(&seen, &["&#60;script&#62;alert(1)"]);
        assert!(!seen.text.contains("<script>alert"), "{}", seen.text);

        // Evidence that comes later is named, and frozen anew.
        cast.evaluate(&version, &evaluation(0.86, 0.83)).await;
        let old = scientist.get(&page).await;
        shows(&old, &["Documents were added after the evidence was frozen", "Freeze the evidence anew"]);
        assert_eq!(send(&scientist, &page, &format!("{page}/refresh"), &["revision"], &[]).await.status, 303);
        assert!(!scientist.get(&page).await.text.contains("Freeze the evidence anew"));
        let stale = [("csrf", old.field("csrf")), ("revision", old.field("revision")), ("reason", "not now".to_owned())];
        let stale: Vec<(&str, &str)> = stale.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let seen = scientist.post(&format!("{page}/cancel"), &stale).await;
        assert_eq!(seen.status, 412);
        shows(&seen, &["The promotion changed while you read", ">not now</textarea>"]);
        let fresh = scientist.get(&page).await;
        let fields = ["csrf", "key", "revision"].map(|name| (name, fresh.field(name)));
        let whole: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (*name, value.as_str())).chain([("reason", "not now")]).collect();
        let size = app.size().await;
        for time in ["once", "twice, as an impatient hand does"] {
            assert_eq!(scientist.post(&format!("{page}/cancel"), &whole).await.status, 303, "{time}");
            assert_eq!(app.size().await, size + 1, "{time}");
        }
        shows(&scientist.get(&page).await, &["It was cancelled"]);
        assert_eq!(browser.get("/").await.text.matches("Nothing waits for you.").count(), 1);
    }

    async fn a_rollback_says_what_will_serve_and_needs_a_reason(app: &TestApp) {
        let (cast, version, _) = opened(app).await;
        cast.approved_again(&version).await;
        cast.pipeline.promote(&version, "production").await.expect(200);
        let page = "/models/loan/1/rollback";
        let reader = app.browser("security-lead").await.get(page).await;
        shows(&reader, &["would serve instead of version 2", "The rollback gate passes, but not for you", "<b>incident</b>"]);
        assert!(!reader.text.contains("method=\"post\" action=\"/models"), "{}", reader.text);
        shows(&app.browser("security-lead").await.get("/models/loan/2/rollback").await, &["There is no way back to this version."]);
        app.user("on-call", &["incident"]).await;
        app.password("on-call", PASSWORD).await;
        let on_call = app.browser("on-call").await;
        // Either version leads there: the one that serves, and the one that could.
        for (number, words) in [(2, "Roll back"), (1, "Roll back to it")] {
            shows(&on_call.get(&format!("/models/loan/{number}")).await, &[&format!("href=\"{page}\">{words}</a>")]);
        }
        let size = app.size().await;
        let seen = send(&on_call, page, page, &["replaces"], &[("act", "drill"), ("reason", "rehearsal")]).await;
        assert_eq!(seen.status, 200);
        shows(&seen, &["The drill passes", ">rehearsal</textarea>"]);
        let seen = send(&on_call, page, page, &["replaces"], &[("act", "rollback"), ("reason", " ")]).await;
        assert_eq!(seen.status, 422);
        shows(&seen, &["Give a reason"]);
        let csrf = on_call.get(page).await.field("csrf");
        let seen = on_call.post(page, &[("csrf", csrf.as_str()), ("replaces", "7"), ("act", "rollback"), ("reason", "complaints")]).await;
        assert_eq!(seen.status, 412);
        shows(&seen, &["2 is in production now", ">complaints</textarea>"]);
        assert_eq!(app.size().await, size, "nothing was recorded");
        let seen = send(&on_call, page, page, &["replaces"], &[("act", "rollback"), ("reason", "complaints")]).await;
        assert_eq!(seen.status, 303, "{}", seen.text);
        assert!(seen.location().starts_with("/models/loan/1?entry="), "{}", seen.location());
        assert_eq!(cast.auditor.state(&version).await, "deprecated");
        shows(&on_call.get("/models/loan/1").await, &["brought it back by a rollback", "Waived now", "by rollback"]);
        shows(&on_call.get("/exceptions").await, &["in force</strong>"]);
        // What it waived counts while it serves.
        let counting = async || {
            let listed = cast.auditor.get("/api/v1/exceptions?model=loan").await.expect(200);
            listed["items"].as_array().unwrap().iter().filter(|item| item["version"] == 1 && item["counts"] == true).count()
        };
        assert!(counting().await > 0);
        send(&on_call, "/models/loan/2/rollback", "/models/loan/2/rollback", &["replaces"], &[("act", "rollback"), ("reason", "it was the network")]).await;
        assert_eq!(cast.auditor.state(&version).await, "production");
        assert_eq!(counting().await, 0);
        assert!(!on_call.get("/models/loan/1").await.text.contains("Waived now"));
    }

    async fn the_inbox_says_what_is_owed(app: &TestApp) {
        let (cast, _, _) = opened(app).await;
        let seen = app.browser("scientist").await.get("/").await;
        shows(&seen, &["Nothing waits for you.", "You sign for nothing", "The record", "1 open"]);
        let due = Timestamp::from_micros(app.clock().load(Ordering::SeqCst)).plus_seconds(86_400).to_string();
        cast.scientist.post("/api/v1/reviews", json!({"about": "card", "model": "loan", "owner": "security", "due": due})).await.expect(201);
        // Approvals are for others to give; rules that fail are for who opened the promotion to mend.
        let bare = cast.scientist.version("loan", b"3").await;
        cast.scientist.promote(&bare, "production").await.expect(201);
        shows(&app.browser("scientist").await.get("/").await, &["The promotion of loan/3 is held up", "You opened it; 17 rules failed when last recorded: artifact.scan, ", " and 12 more."]);
        // A lower tier waits for governance, and not for who proposed it.
        cast.owner.post("/api/v1/models/loan/risk-tier", json!({"risk_tier": "limited", "reason": "advice only"})).await.expect(200);
        shows(&app.browser("governance-lead").await.get("/").await, &["Lower the risk tier of loan from high to limited", "model-owner proposes it"]);
        assert!(!app.browser("security-lead").await.get("/").await.text.contains("Lower the risk tier"));
        // He was here before.
        app.browser("security-lead").await;
        let seen = app.browser("security-lead").await.get("/").await;
        shows(&seen, &["1 falls due in 30 days", "Review (card) of loan", "Since you were here"]);
        assert_eq!(Browser::new(&app.address).get("/").await.location(), "/login");
    }

    /// Roles and access policies are asked of the administrator who may put them in force, and of nobody else.
    async fn the_inbox_asks_the_second_administrator(app: &TestApp) {
        app.user("boss", &["administrator"]).await;
        let boss = app.own("boss").await;
        app.user("second", &["administrator"]).await;
        boss.post("/api/v1/grant-proposals/second/confirm", json!({"roles": ["administrator"]})).await.expect(200);
        let second = app.own("second").await;
        for name in ["ana", "bob"] {
            app.user(name, &["viewer"]).await;
        }
        boss.put("/api/v1/users/ana/roles", json!({"roles": ["viewer", "approver:security"]})).await.expect(200);
        // Who gets roles is not asked about them.
        boss.put("/api/v1/users/second/roles", json!({"roles": ["administrator", "approver:product"]})).await.expect(200);
        let seen = app.browser("second").await.get("/").await;
        shows(&seen, &["<strong>1 decision</strong> waits for you", "class=\"count\"", "href=\"/admin/people/ana\">Give approver:security to ana", "boss proposes it"]);
        shows(&seen, &["chancery grant confirm ana --role approver:security."]);
        shows(&app.browser("boss").await.get("/").await, &["Nothing waits for you."]);
        second.post("/api/v1/grant-proposals/ana/confirm", json!({"roles": ["approver:security"]})).await.expect(200);
        shows(&app.browser("second").await.get("/").await, &["Nothing waits for you."]);

        let policy = "@id(\"no.services\") forbid (principal, action, resource) when { principal.kind == \"service\" };";
        let installed = boss.post("/api/v1/access-policies", json!({"files": {"own.cedar": policy}})).await;
        installed.expect(201);
        let digest = installed.header("location").rsplit('/').next().unwrap().to_owned();
        shows(&app.browser("second").await.get("/").await, &["Put the access policies ", &format!("chancery access-policy activate {digest} --reason TEXT.")]);
        shows(&app.browser("boss").await.get("/").await, &["Nothing waits for you."]);
        second.post(&format!("/api/v1/access-policies/{digest}/activate"), json!({"reason": "agreed"})).await.expect(200);
        assert!(!app.browser("second").await.get("/").await.text.contains("chancery access-policy activate"));

        // Nor is anybody asked who is logged in by what the other one made.
        app.admin.put("/api/v1/users/bob/roles", json!({"roles": ["viewer", "approver:product"]})).await.expect(200);
        shows(&app.browser("second").await.get("/").await, &["Give approver:product to bob"]);
        app.password("second", PASSWORD).await;
        assert!(!app.browser("second").await.get("/").await.text.contains("Give approver:product to bob"));
        shows(&app.browser("boss").await.get("/").await, &["Give approver:product to bob"]);
    }

    /// A transfer is asked of the other side; a bundle and a template of another one than who brought it.
    async fn the_inbox_asks_the_other_side_and_another_person(app: &TestApp) {
        for team in ["credit", "risk"] {
            app.team(team).await;
        }
        let ann = app.user("ann", &["owner@team:credit"]).await;
        let rob = app.user("rob", &["owner@team:risk"]).await;
        let deputy = app.user("deputy", &["approver:ai-governance"]).await;
        let lead = app.user("lead", &["approver:ai-governance"]).await;
        app.user("reader", &["viewer"]).await;
        for name in ["ann", "rob", "deputy", "lead", "reader"] {
            app.password(name, PASSWORD).await;
        }
        let model = json!({"name": "loans", "risk_tier": "high", "ownership": {"owning_team": "credit"}});
        ann.post("/api/v1/models", model).await.expect(201);
        ann.post("/api/v1/models/loans/transfer", json!({"to": "risk", "reason": "theirs"})).await.expect(201);
        let seen = app.browser("rob").await.get("/").await;
        shows(&seen, &["<strong>1 decision</strong> waits for you", "Transfer the model loans from team credit to team risk", "ann proposes it"]);
        shows(&seen, &["chancery model transfer accept loans risk."]);
        assert!(!seen.text.contains("href=\"/models/loans\""), "he does not read it yet: {}", seen.text);
        for name in ["ann", "lead", "reader"] {
            shows(&app.browser(name).await.get("/").await, &["Nothing waits for you."]);
        }
        rob.post("/api/v1/models/loans/transfer/accept", json!({"to": "risk"})).await.expect(200);
        shows(&app.browser("rob").await.get("/").await, &["Nothing waits for you."]);

        let files = json!({
            "org.rego": "package chancery.organisation\nf(x) := x\n",
            "org_test.rego": "package chancery.rules.org_test\nimport rego.v1\nimport data.chancery.organisation\ntest_f if organisation.f(1) == 1\n",
        });
        let bundle = deputy.post("/api/v1/policy/bundles", json!({"files": files})).await;
        bundle.expect(201);
        let digest = bundle.header("location").rsplit('/').next().unwrap().to_owned();
        let text = "# Model card\n\n## Intended use\n";
        deputy.post("/api/v1/templates", json!({"name": "card", "type": "model-card", "text": text})).await.expect(201);
        let seen = app.browser("lead").await.get("/").await;
        shows(&seen, &["<strong>2 decisions</strong> wait for you", &format!("href=\"/policy/bundles/{digest}\">Put the policy bundle "), "deputy uploaded it"]);
        shows(&seen, &[&format!("chancery policy activate {digest} --reason TEXT."), "Approve version 1 of the template card", "chancery template approve card@1."]);
        for name in ["deputy", "rob", "reader"] {
            shows(&app.browser(name).await.get("/").await, &["Nothing waits for you."]);
        }
        lead.post("/api/v1/templates/card/1/approve", json!({})).await.expect(200);
        let seen = app.browser("lead").await.get("/").await;
        shows(&seen, &["<strong>1 decision</strong> waits for you", "chancery policy activate"]);
        assert!(!seen.text.contains("chancery template approve"), "{}", seen.text);
    }
}
