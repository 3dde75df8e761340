//! A realistic input document for tests: version 2 of a high-risk model on its way to production, complete in every way.

use serde_json::{Value, json};

use super::input::{Approval, Evidence, Input};
use crate::names::Digest;

/// The time of the evaluation.
pub(super) const NOW: &str = "2026-05-03T12:00:00Z";

/// Digest that a word stands for.
pub(super) fn digest(word: &str) -> String {
    Digest::of(word.as_bytes()).to_string()
}

/// Actor id that a letter and a digit stand for.
pub(super) fn actor(kind: char, number: u32) -> String {
    format!("{kind}{number:032x}")
}

/// An evaluation bound to a content digest, with some other metrics and slices around the two that gates read.
pub(super) fn evaluation(content: &str, auc: f64, parity: f64) -> Evidence {
    let metric = |name: &str, value: f64| json!({"name": name, "value": value, "unit": "1", "higher_is_better": true, "n": 597});
    let mut metrics = vec![metric("auc_roc", auc), metric("demographic_parity_ratio", parity), metric("accuracy", 0.88)];
    for slice in ["race=black", "race=hispan", "race=white", "sex=male", "sex=female"] {
        metrics.push(json!({"name": "selection_rate", "value": 0.81, "unit": "1", "higher_is_better": true, "slice": slice, "confidence_interval": [0.74, 0.87], "n": 120}));
    }
    from(json!({
        "digest": digest(&format!("evaluation of {content}")),
        "type": "evaluation",
        "grade": "claimed",
        "binds_to": {"kind": "content", "digest": digest(content)},
        "actor": actor('p', 7),
        "at": "2026-05-01T00:00:00Z",
        "summary": {
            "schema": "chancery.evaluation/v1",
            "suite": {"name": "credit-baseline", "version": "1.0.0"},
            "subject": {"content_digest": digest(content)},
            "dataset": {"name": "loanapp-holdout", "version": "1", "digest": digest("holdout")},
            "created_at": "2026-05-01T00:00:00Z",
            "metrics": metrics,
            "categories": ["quality", "bias"],
        },
    }))
}

/// An approval of the sample in `role`.
pub(super) fn approval(role: &str, number: u32) -> Approval {
    from(json!({
        "role": role, "verdict": "approve", "actor": actor('u', number), "at": "2026-05-02T00:00:00Z", "expires_at": "2026-07-31T00:00:00Z",
        "withdrawn": false, "version_digest": digest("version 2"), "target": "production", "environment": "production", "tier": "high",
        "evidence_set_digest": digest("evidence"),
    }))
}

/// The whole document: passes every gate on the way to production.
pub(super) fn input() -> Input {
    from(json!({
        "v": 1, "now": NOW, "mode": "enforce", "target": "production", "environment": "production",
        "actor": {"id": actor('p', 7), "kind": "pipeline", "roles": ["deployer"]},
        "model": model(),
        "version": version(),
        "evidence": [evaluation("content 2", 0.82, 0.87)],
        "evidence_set_digest": digest("evidence"),
        "promotion": {"id": format!("p{:032x}", 1), "opened_by": actor('p', 7), "opened_at": "2026-05-01T12:00:00Z"},
        "authors": [actor('u', 9), actor('p', 7)],
        "approvals": [approval("platform", 1), approval("product", 2), approval("security", 3), approval("ai-governance", 4)],
        "decision": {
            "id": "decision-1", "digest": digest("decision"), "decision": "APPROVED", "target": "production", "environment": "production",
            "version_digest": digest("version 2"), "index": 812, "signature_valid": true, "expires_at": "2026-05-10T00:00:00Z",
        },
        "exceptions": [], "components": [], "conditions": [], "risks": [], "reviews": [],
        "reference": {"number": 1, "semver": "1.0.0", "why": "champion", "version_digest": digest("version 1"), "evidence": [evaluation("content 1", 0.80, 0.86)]},
    }))
}

fn model() -> Value {
    json!({
        "id": format!("m{:032x}", 1), "name": "loan-approval", "kind": "model",
        "description": "scores mortgage applications", "use_case": "pre-selection for a human decision", "limitations": "data of one city and one year",
        "intended_users": ["credit officers"], "allowed_uses": ["mortgage pre-selection"], "prohibited_uses": ["automatic refusal"], "licence": "Apache-2.0",
        "ownership": {"owning_team": "credit-risk", "owner": "ada", "backup_owner": "ben", "escalation_contact": "credit-oncall", "business_unit": "retail"},
        "risk": {"tier": "high", "security_rating": "medium", "mitigation_controls": ["human review"], "compliance_status": "assessed", "fairness_tested": true},
        "classification": "internal", "personal_data": true,
    })
}

fn version() -> Value {
    let packages: Vec<Value> = (0..100).map(|n| json!({"name": format!("package-{n}"), "version": format!("1.{n}.0")})).collect();
    let columns: Vec<Value> = (0..60).map(|n| json!({"name": format!("feature_{n}"), "type": "double", "required": true})).collect();
    let files: Vec<Value> =
        (0..24).map(|n| json!({"path": format!("model/file-{n}.bin"), "size": 4096, "digest": digest(&format!("file {n}")), "fixity": "intact"})).collect();
    json!({
        "number": 2, "semver": "1.1.0", "state": "approved",
        "content_digest": digest("content 2"), "facts_digest": digest("facts 2"), "version_digest": digest("version 2"),
        "registered_at": "2026-05-01T00:00:00Z", "registered_by": actor('p', 7), "registered_index": 700, "ungated": false, "was_production": false,
        "facts": {
            "framework": {"name": "scikit-learn", "version": "1.9.0", "libraries": ["numpy"]}, "flavour": "sklearn", "model_type": "classifier",
            "training": {"date": "2026-05-01", "run_id": "r1", "pipeline_run": "88", "reproducible": true, "hyperparameters": {"C": 1.0},
                "code": {"repository": "https://git.example/loan", "commit": digest("commit"), "dirty": false}},
            "datasets": [{"role": "training", "name": "loanapp", "version": "1", "digest": digest("training data")}],
            "metrics": [{"name": "auc_roc", "value": 0.82, "unit": "1", "dataset": "loanapp-holdout", "higher_is_better": true}],
            "signature": {"inputs": columns, "outputs": [{"name": "approved", "type": "long"}]},
            "environment": {"pinned": true, "unpinned": [], "packages": packages, "python": "3.13.1"},
            "parents": [],
        },
        "grades": {"framework": "read", "training": "claimed", "signature": "read"},
        "files": files, "bytes_held": true, "source": "",
    })
}

fn from<T: serde::de::DeserializeOwned>(value: Value) -> T {
    serde_json::from_value(value).unwrap()
}
