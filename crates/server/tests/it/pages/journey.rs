//! One release as people do it in the browser, from the login to the proof: `tests/pages/journey.mjs`.

use serde_json::json;

use crate::support::TestApp;
use crate::support::browser::PASSWORD;

/// What the script must have come through.
const STEPS: &[&str] = &[
    "a model is found through the search box",
    "the version page says why it cannot be promoted",
    "a promotion is opened",
    "who made it cannot sign",
    "who has no role in it cannot sign either, and is told who can",
    "each role approves with the keyboard alone, from the inbox to the receipt",
    "the promotion is complete and waits for the pipeline",
    "a pipeline executes it, and the page says so",
    "somebody without the right is told who has it, and his attempt is an entry",
    "the version before is put back by the page",
    "the entries are found in the ledger",
    "the browser checks the proof",
    "a changed entry is refused in words",
    "a changed checkpoint is refused in words",
    "a record that was rewritten since the last visit is refused in words",
];

/// A model with a release, a version that lacks nothing but approvals, and one that lacks everything.
pub(super) async fn told(app: &TestApp) {
    let cast = app.cast().await;
    app.user("on-call", &["incident"]).await;
    app.user("reader", &["viewer"]).await;
    cast.owner.model("loan", "high").await;
    let first = cast.evaluated("loan", b"one").await;
    cast.bring_to(&first, "production").await;
    let second = cast.evaluated("loan", b"two").await;
    cast.scientist.version("loan", b"three").await;
    let approvers = [("platform-lead", "platform"), ("product-owner", "product"), ("security-lead", "security"), ("governance-lead", "ai-governance")];
    for name in ["scientist", "reader", "on-call", "model-auditor"].iter().chain(approvers.iter().map(|(name, _)| name)) {
        app.password(name, PASSWORD).await;
    }
    let approvers: Vec<_> = approvers.iter().map(|(name, role)| json!({"name": name, "role": role})).collect();
    let asked =
        json!({"password": PASSWORD, "model": "loan", "version": 2, "bare": 3, "back": 1, "approvers": approvers, "pipeline": cast.pipeline.token().await});
    let (fine, found) = app.drive("journey.mjs", asked).await;
    assert!(fine, "{found:#}");
    let steps: Vec<&str> = found["steps"].as_array().unwrap().iter().map(|step| step[0].as_str().unwrap()).collect();
    assert_eq!(steps, STEPS);
    // What the pages said is what happened.
    assert_eq!((cast.auditor.state(&first).await.as_str(), cast.auditor.state(&second).await.as_str() == "production"), ("production", false));
}
