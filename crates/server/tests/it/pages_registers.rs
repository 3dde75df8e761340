//! The registers of exceptions and risks as pages.

use chancery_core::names::Timestamp;

use crate::support::app::{START, both};
use crate::support::browser::{PASSWORD, Seen};

/// A day so many days after the start.
fn in_days(days: i64) -> String {
    Timestamp::parse(START).unwrap().plus_seconds(days * 86_400).to_string().chars().take(10).collect()
}

#[track_caller]
fn shows(seen: &Seen, status: u16, words: &str) {
    assert_eq!(seen.status, status, "{}", seen.text);
    assert!(seen.text.contains(words), "no `{words}` in: {}", seen.text);
}

/// Where a form leads that did something, without the entry.
#[track_caller]
fn led(seen: &Seen) -> String {
    assert_eq!(seen.status, 303, "{}", seen.text);
    seen.location().split_once("?entry=").unwrap_or_else(|| panic!("no entry: {}", seen.location())).0.to_owned()
}

both! {
    async fn an_exception_is_asked_for_refused_and_granted(app: &TestApp) {
        let cast = app.cast().await;
        cast.scientist.model("loan", "high").await;
        let version = cast.evaluated("loan", b"one").await;
        for name in ["scientist", "security-lead", "governance-lead", "model-auditor"] {
            app.password(name, PASSWORD).await;
        }
        let (scientist, auditor) = (app.browser("scientist").await, app.browser("model-auditor").await);
        shows(&scientist.get("/exceptions").await, 200, "None fits what is asked for.");
        shows(&auditor.get("/exceptions").await, 200, "Contributors, owners and approvers ask for exceptions.");
        let (number, until) = (version.number.to_string(), in_days(20));
        let ask = |until: &'static str| [("model", "loan"), ("version", "1"), ("rule", "evaluation.baseline"), ("scope", "version"), ("until", until), ("reason", "the old <b>pipeline")];
        assert_eq!(number, "1");
        let wrong = scientist.submit("/exceptions", &ask("soon")).await;
        shows(&wrong, 422, "the old &#60;b&#62;pipeline");
        let path = led(&scientist.submit("/exceptions", &[&ask("")[..4], &[("until", until.as_str()), ("reason", "the old <b>pipeline")]].concat()).await);
        let page = scientist.get(&path).await;
        shows(&page, 200, "The rule still holds: the exception waits for");
        shows(&page, 200, "You have none of these roles here.");
        assert!(!page.text.contains("<b>pipeline"), "{}", page.text);
        let role = cast.auditor.get(&format!("/api/v1{path}")).await.expect(200)["grantors"][0].as_str().unwrap().to_owned();
        let grantor = app.browser(if role == "security" { "security-lead" } else { "governance-lead" }).await;
        let revision = grantor.get(&path).await.field("revision");
        let empty = [("revision", revision.as_str()), ("role", role.as_str()), ("reason", "")];
        assert_eq!(grantor.submit(&format!("{path}/refuse"), &empty).await.status, 422);
        assert_eq!(scientist.submit(&format!("{path}/grant"), &[("revision", &revision), ("role", &role)]).await.status, 403);
        assert_eq!(led(&grantor.submit(&format!("{path}/grant"), &[("revision", &revision), ("role", &role)]).await), path);
        shows(&auditor.get(&path).await, 200, "The rule is waived for loan/1 until");
        let stale = grantor.submit(&format!("{path}/refuse"), &[("revision", &revision), ("role", &role), ("reason", "typed with care")]).await;
        shows(&stale, 412, "now it is granted");
        let now = scientist.get(&path).await.field("revision");
        let back = [("revision", now.as_str()), ("why", "met at last")];
        assert_eq!(led(&scientist.submit(&format!("{path}/revoke"), &back).await), path);
        shows(&auditor.get(&path).await, 200, "It was taken back by");
        shows(&auditor.get("/exceptions?status=revoked&model=loan").await, 200, "evaluation.baseline");
        shows(&auditor.get("/exceptions?status=unknown").await, 422, "None fits what is asked for.");
        assert_eq!(auditor.get(&format!("{path}?as_of=1")).await.status, 200);
    }

    async fn a_risk_is_added_mitigated_and_decided(app: &TestApp) {
        let cast = app.cast().await;
        cast.scientist.model("loan", "high").await;
        for name in ["scientist", "security-lead", "model-auditor"] {
            app.password(name, PASSWORD).await;
        }
        let (scientist, security, auditor) = (app.browser("scientist").await, app.browser("security-lead").await, app.browser("model-auditor").await);
        shows(&auditor.get("/risks").await, 200, "Contributors, owners and approvers add risks and change them.");
        let risk = |models: &'static str| {
            [
                ("title", "<script>unfair</script>"),
                ("category", "fairness"),
                ("severity", "high"),
                ("likelihood", "likely"),
                ("description", "first\r\nsecond"),
                ("requirements", "EU-AI-Act Art. 10\r\nBSI"),
                ("review", "2026-12-01"),
                ("models", models),
            ]
        };
        let wrong = scientist.submit("/risks", &risk("nothing")).await;
        shows(&wrong, 404, "value=\"&#60;script&#62;unfair&#60;/script&#62;\"");
        let path = led(&scientist.submit("/risks", &risk("loan")).await);
        let page = scientist.get(&path).await;
        shows(&page, 200, "Nothing is planned against it.");
        shows(&page, 200, "You have none, so ask somebody who has.");
        assert!(!page.text.contains("<script>unfair"), "{}", page.text);
        let revision = page.field("revision");
        let mitigate = [("text", "measure parity"), ("owner", "credit"), ("due", "2026-11-01")];
        assert_eq!(led(&scientist.submit(&format!("{path}/mitigations"), &mitigate).await), path);
        let stale = [("revision", revision.as_str()), ("status", "accepted"), ("reason", "typed with care")];
        shows(&security.submit(&format!("{path}/status"), &stale).await, 412, "typed with care");
        assert_eq!(led(&scientist.submit(&format!("{path}/mitigations/done"), &[("number", "1"), ("note", "done")]).await), path);
        shows(&scientist.get(&path).await, 200, "Every mitigation is done.");
        let now = scientist.get(&path).await.field("revision");
        let decide = [("revision", now.as_str()), ("status", "mitigated"), ("reason", "parity holds")];
        shows(&scientist.submit(&format!("{path}/status"), &decide).await, 403, "Nothing was changed.");
        assert_eq!(led(&security.submit(&format!("{path}/status"), &decide).await), path);
        shows(&auditor.get(&path).await, 200, "security-lead decided that it is mitigated.");
        shows(&auditor.get("/risks?status=mitigated&level=critical").await, 200, "No risk fits what is asked for.");
        shows(&auditor.get("/risks?status=mitigated&model=loan").await, 200, path.as_str());
        assert_eq!(auditor.submit("/risks", &risk("loan")).await.status, 403);
        assert_eq!(led(&security.submit(&format!("{path}/models"), &[("model", "loan"), ("change", "unlink")]).await), path);
    }
}
