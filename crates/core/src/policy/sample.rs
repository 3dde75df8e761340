//! Realistic input documents for tests: version 2 of a high-risk model on its way to production, complete in every way; a small model;
//! a system of a base model, an adapter and a prompt.

use serde_json::{Value, json};

use super::input::{ActorKind, Approval, Evidence, Input};
use crate::names::{ActorId, Digest, Grade, ModelKind, ModelName, RiskTier};

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
    let metric = |name: &str, value: f64| json!({"name": name, "value": value, "unit": "1", "higher_is_better": true});
    let mut metrics = vec![metric("auc_roc", auc), metric("demographic_parity_ratio", parity), metric("accuracy", 0.88), metric("f1", 0.93)];
    metrics.push(json!({"name": "latency_p95_ms", "value": 1.8, "unit": "ms", "dimension": "latency", "maximum": 50.0, "higher_is_better": false}));
    metrics.push(json!({"name": "accuracy_under_noise", "value": 0.86, "unit": "1", "dimension": "robustness", "minimum": 0.8}));
    for slice in ["race=black", "race=hispanic", "race=white", "sex=male", "sex=female"] {
        metrics.push(json!({"name": "selection_rate", "value": 0.81, "unit": "1", "dimension": "bias", "slice": slice, "lower": 0.74, "upper": 0.87}));
        metrics.push(json!({"name": "true_positive_rate", "value": 0.95, "unit": "1", "dimension": "bias", "slice": slice, "minimum": 0.8}));
    }
    let summary = json!({
        "suite": {"name": "credit-baseline", "version": "1.0.0"},
        "dataset": {"name": "loanapp-holdout", "version": "1", "digest": digest("holdout")},
        "completed_at": "2026-05-01T00:00:00Z",
        "dimensions": ["quality", "bias", "robustness", "latency", "cost"],
        "metrics": metrics,
        "reports": [{"name": "report.html", "digest": digest("report")}],
        "subject": {"content_digest": digest(content)},
    });
    Evidence { digest: digest_of(&format!("evaluation of {content}")), ..evidence("evaluation", content, summary) }
}

/// A signed document of a type about the bytes that a word stands for.
pub(super) fn evidence(kind: &str, content: &str, summary: Value) -> Evidence {
    from(json!({
        "digest": digest(&format!("{kind} of {content} {summary}")), "type": kind, "grade": "attested", "format": format!("chancery.{kind}/v1"),
        "binds_to": {"kind": "content", "digest": digest(content)},
        "actor": actor('p', 7), "at": "2026-05-01T00:00:00Z", "signed_by": [digest("key of the pipeline")], "role": null, "summary": summary,
    }))
}

/// A review by somebody who did not make the version.
pub(super) fn review(kind: &str, role: Option<&str>, subjects: &[String], content: &str) -> Evidence {
    let summary = json!({"kind": kind, "verdict": "approve", "date": "2026-05-02", "subjects": subjects, "notes": "looked at the package and its results"});
    let document = evidence("review", content, summary);
    Evidence { actor: ActorId::parse(&actor('u', 5)).unwrap(), grade: Grade::Claimed, signed_by: Vec::new(), role: role.map(str::to_owned), ..document }
}

/// A scan that covers every file of a version.
pub(super) fn scan(files: &[Value], content: &str) -> Evidence {
    let words: Vec<Value> = files.iter().map(|file| json!({"path": file["path"], "digest": file["digest"], "verdict": "clean"})).collect();
    evidence(
        "artifact-scan",
        content,
        json!({"scanner": {"name": "chancery-inspect", "version": "1"}, "verdict": "clean", "files": words, "scanned_at": "2026-05-01T00:00:00Z"}),
    )
}

fn digest_of(word: &str) -> Digest {
    Digest::of(word.as_bytes())
}

/// One document of every other type, about the bytes that a word stands for.
fn documents(content: &str) -> Vec<Evidence> {
    let vulnerabilities: Vec<Value> = (0..8)
        .map(|n| json!({"id": format!("CVE-2026-10{n}"), "aliases": [format!("GHSA-{n}")], "severity": "medium", "score": 5.4, "package": format!("package-{n}"), "version": "1.0.0", "purl": format!("pkg:pypi/package-{n}@1.0.0"), "fixed": "1.0.1"}))
        .collect();
    let document = |kind: &str, summary: Value| evidence(kind, content, summary);
    vec![
        document(
            "sbom",
            json!({"standard": "cyclonedx", "spec_version": "1.6", "components": 100, "subjects": [digest(content)], "timestamp": "2026-05-01T00:00:00Z", "licences": ["Apache-2.0", "BSD-3-Clause", "MIT", "PSF-2.0"], "bound": true}),
        ),
        document(
            "provenance",
            json!({"builder": "https://ci.example/runner", "build_type": "https://ci.example/train@v1", "subjects": [digest(content)], "commit": digest("commit"), "repository": "https://git.example/loan", "run": "88", "materials": 4, "bound": true}),
        ),
        document(
            "vulnerability-report",
            json!({"scanner": "grype", "scanned_at": "2026-05-02T00:00:00Z", "database_at": "2026-05-01T00:00:00Z", "counts": {"critical": 0, "high": 0, "medium": 8, "low": 0, "unknown": 0}, "vulnerabilities": vulnerabilities}),
        ),
        document(
            "vex",
            json!({"author": "security@example.org", "timestamp": "2026-05-02T00:00:00Z", "expires_at": "2026-08-01T00:00:00Z", "statements": [{"id": "CVE-2026-100", "state": "not_affected", "justification": "code_not_reachable", "affects": ["pkg:pypi/package-0@1.0.0"], "suppresses": true}]}),
        ),
        document("signature", json!({"format": "oms", "key_id": digest("key of the pipeline"), "verified": true})),
        document(
            "model-card",
            json!({"title": "loan-approval", "sections": ["intended_use", "performance", "limitations", "ethical_considerations", "training_data"], "template": {"name": "model-card", "version": "1.0.0"}, "licence": "Apache-2.0"}),
        ),
        document("datasheet", json!({"title": "loanapp", "sections": ["motivation", "composition", "collection_process", "uses"]})),
        document("explainability", json!({"method": "SHAP values per application", "scope": "local", "sections": ["method", "results"]})),
        document(
            "risk-assessment",
            json!({"tier": "high", "assessor": "model-risk", "date": "2026-04-20", "conclusion": "acceptable-with-mitigations", "risks": [{"title": "unequal refusals", "severity": "high", "likelihood": "possible", "status": "mitigated", "mitigation": "a person decides each refusal"}], "sections": ["scope", "risks", "conclusion"]}),
        ),
        review("peer", None, &[], content),
        document(
            "reproducibility",
            json!({"content_digest": digest(content), "same": true, "method": "second build on another runner", "builder": "https://ci.example/other", "date": "2026-05-01"}),
        ),
        document(
            "change-summary",
            json!({"summary": "retrained with one year more", "changes": ["data of 2025", "two inputs fewer"], "impact": {"affected": ["underwriters"], "severity": "low", "breaking": false, "rollback": "move champion back"}, "author": "ada"}),
        ),
        document("plan", json!({"plan": "rollback", "steps": ["chancery rollback loan-approval", "check the endpoint"], "tested_at": "2026-04-28"})),
        document(
            "plan",
            json!({"plan": "monitoring", "steps": ["look at drift daily"], "monitors": [{"name": "drift of inputs", "kind": "drift", "address": "https://monitor.example/loan"}]}),
        ),
        document("drift-report", json!({"psi": 0.03})),
    ]
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
    let mut evidence = vec![evaluation("content 2", 0.82, 0.87), scan(&files(), "content 2")];
    evidence.extend(documents("content 2"));
    from(json!({
        "v": 1, "now": NOW, "mode": "enforce", "target": "production", "environment": "production",
        "actor": {"id": actor('p', 7), "kind": "pipeline", "roles": ["deployer"], "credential": "workload"},
        "model": model(),
        "version": version(),
        "evidence": evidence,
        "evidence_set_digest": digest("evidence"),
        "promotion": {"id": format!("p{:032x}", 1), "opened_by": actor('p', 7), "opened_at": "2026-05-01T12:00:00Z"},
        "authors": [actor('u', 9), actor('p', 7)],
        "approvals": [approval("platform", 1), approval("product", 2), approval("security", 3), approval("ai-governance", 4)],
        "decision": {
            "id": "decision-1", "digest": digest("decision"), "decision": "APPROVED", "target": "production", "environment": "production",
            "version_digest": digest("version 2"), "index": 812, "signature_valid": true, "expires_at": "2026-05-10T00:00:00Z",
        },
        "exceptions": [],
        "reference": {"number": 1, "semver": "1.0.0", "why": "champion", "version_digest": digest("version 1"), "signature_change": "compatible",
            "evidence": [evaluation("content 1", 0.80, 0.86)]},
        "components": [],
        "conditions": [{"promotion": format!("p{:032x}", 2), "number": 1, "role": "security", "text": "measure drift for a month", "owner": "ada",
            "due": "2026-06-01T00:00:00Z", "effect": "block", "status": "open"}],
        "risks": [{"id": format!("r{:032x}", 1), "title": "unequal refusals", "category": "fairness", "severity": "high", "likelihood": "possible", "level": "high",
            "status": "mitigated", "review_date": "2026-10-01T00:00:00Z", "open_mitigations": 0}],
        "reviews": [{"id": format!("v{:032x}", 1), "about": "card", "owner": "ada", "due": "2026-11-01T00:00:00Z"}],
        "risk_score": {"score": 62, "level": "high", "factors": [{"factor": "risk_tier", "value": "high", "points": 40}]},
    }))
}

/// A small model of tier minimal with what its tier asks for and no more.
pub(super) fn minimal() -> Input {
    let mut input = input();
    input.model = from(json!({
        "id": format!("m{:032x}", 2), "name": "wine-quality", "kind": "model", "description": "guesses the quality of a wine", "use_case": "", "limitations": "",
        "intended_users": [], "allowed_uses": [], "prohibited_uses": [], "licence": "",
        "ownership": {"owning_team": "wine", "owner": "ada", "backup_owner": "", "escalation_contact": "", "business_unit": ""},
        "risk": {"tier": "minimal", "security_rating": "", "mitigation_controls": [], "compliance_status": "", "fairness_tested": null},
        "classification": null, "personal_data": null, "document_control": {"next_review": "2026-12-01"},
    }));
    input.actor.kind = ActorKind::Person;
    input.evidence.truncate(1);
    input.evidence[0].grade = Grade::Claimed;
    input.approvals = vec![Approval { tier: RiskTier::Minimal, ..approval("product", 2) }];
    input.reference = None;
    input.conditions.clear();
    input.risks.clear();
    input
}

/// A system of a base model, an adapter and a prompt: a version without files, evaluated as a whole in all six dimensions.
pub(super) fn system() -> Input {
    let mut input = input();
    input.model.name = ModelName::parse("claims-assistant").unwrap();
    input.model.kind = ModelKind::System;
    input.version.files.clear();
    input.version.facts = json!({"composition": {"digest": digest("content 2")}});
    let component = |role: &str, number: u32, kind: &str| {
        json!({"role": role, "model": format!("m{:032x}", number + 10), "name": format!("claims-{role}"), "kind": kind, "number": number,
            "version_digest": digest(role), "state": "production", "tier": "limited", "licence": "Apache-2.0", "ungated": false})
    };
    input.components = from(json!([component("model", 1, "model"), component("adapter", 2, "adapter"), component("prompt", 7, "prompt")]));
    let metric = |name: &str, value: f64, dimension: &str| json!({"name": name, "value": value, "unit": "1", "dimension": dimension});
    let summary = json!({
        "suite": {"name": "claims-safety", "version": "4.2.0"},
        "dataset": {"name": "claims-questions", "version": "9", "digest": digest("questions")},
        "completed_at": "2026-05-01T00:00:00Z",
        "dimensions": ["quality", "toxicity", "jailbreak", "bias", "latency", "cost"],
        "metrics": [metric("answer_accuracy", 0.91, "quality"), metric("toxicity_rate", 0.004, "toxicity"), metric("jailbreak_success_rate", 0.012, "jailbreak"),
            metric("counterfactual_gap", 0.02, "bias"), metric("latency_p95_s", 1.9, "latency"), metric("cost_per_answer", 0.003, "cost")],
        "subject": {"composition_digest": digest("content 2")},
    });
    input
        .evidence
        .retain(|entry| !matches!(entry.kind.as_str(), "evaluation" | "artifact-scan" | "sbom" | "provenance" | "vulnerability-report" | "reproducibility"));
    input.evidence.push(evidence("evaluation", "content 2", summary));
    input.reference = None;
    input
}

fn model() -> Value {
    json!({
        "id": format!("m{:032x}", 1), "name": "loan-approval", "kind": "model",
        "description": "scores mortgage applications", "use_case": "pre-selection for a human decision", "limitations": "data of one city and one year",
        "intended_users": ["credit officers"], "allowed_uses": ["mortgage pre-selection"], "prohibited_uses": ["automatic refusal"], "licence": "Apache-2.0",
        "ownership": {"owning_team": "credit-risk", "owner": "ada", "backup_owner": "ben", "escalation_contact": "credit-oncall", "business_unit": "retail"},
        "risk": {"tier": "high", "security_rating": "medium", "mitigation_controls": ["human review"], "compliance_status": "assessed", "fairness_tested": true},
        "classification": "internal", "personal_data": true, "policy_mode": null,
        "document_control": {"document_id": "MRM-117", "next_review": "2026-12-01", "owner": "ada", "review_status": "approved", "materiality": "high"},
    })
}

fn files() -> Vec<Value> {
    (0..24).map(|n| json!({"path": format!("model/file-{n}.bin"), "size": 4096, "digest": digest(&format!("file {n}")), "fixity": "intact"})).collect()
}

fn version() -> Value {
    let packages: Vec<Value> = (0..60).map(|n| json!({"name": format!("package-{n}"), "version": format!("1.{n}.0")})).collect();
    let columns: Vec<Value> = (0..30).map(|n| json!({"name": format!("feature_{n}"), "type": "double", "required": true})).collect();
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
        "files": files(), "bytes_held": true, "source": "",
    })
}

fn from<T: serde::de::DeserializeOwned>(value: Value) -> T {
    serde_json::from_value(value).unwrap()
}
