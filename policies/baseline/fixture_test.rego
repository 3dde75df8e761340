# The input document that the tests start from: version 2 of a high-risk model on its way to production, with everything
# that the baseline asks for, compared with version 1. Tests change one thing with object.union.
package chancery.fixture

import rego.v1

document := {
	"v": 1,
	"now": "2026-05-03T12:00:00.000000Z",
	"mode": "enforce",
	"target": "production",
	"environment": "production",
	"actor": {"id": "p1", "kind": "pipeline", "roles": [], "credential": "workload"},
	"model": {
		"id": "m1",
		"name": "loan-approval",
		"kind": "model",
		"description": "scores mortgage applications",
		"use_case": "pre-selection of applications for a human decision",
		"limitations": "data of one city and one year",
		"intended_users": ["credit officers"],
		"allowed_uses": ["mortgage pre-selection"],
		"prohibited_uses": ["automatic refusal"],
		"licence": "Apache-2.0",
		"ownership": {
			"owning_team": "credit-risk",
			"owner": "u-owner",
			"backup_owner": "u-backup",
			"escalation_contact": "credit-oncall",
			"business_unit": "retail",
		},
		"risk": {
			"tier": "high",
			"security_rating": "medium",
			"mitigation_controls": ["human review"],
			"compliance_status": "assessed",
			"fairness_tested": true,
		},
		"classification": "internal",
		"personal_data": true,
		"policy_mode": null,
		"document_control": {"next_review": "2026-12-01"},
	},
	"version": {
		"number": 2,
		"semver": "1.1.0",
		"state": "approved",
		"content_digest": "c2",
		"facts_digest": "f2",
		"version_digest": "d2",
		"registered_at": "2026-05-01T00:00:00.000000Z",
		"was_production": false,
		"facts": {
			"framework": {"name": "scikit-learn", "version": "1.9.0"},
			"training": {
				"date": "2026-05-01",
				"pipeline_run": "88",
				"hyperparameters": {"C": 1},
				"code": {"repository": "https://git.example/loan", "commit": "9f2c", "dirty": false},
			},
			"datasets": [{"role": "training", "name": "loanapp", "version": "1", "digest": "aa"}],
			"metrics": [{"name": "auc_roc", "value": 0.81}],
			"signature": {"inputs": [{"name": "income"}], "outputs": [{"name": "score"}]},
			"environment": {"pinned": true, "unpinned": [], "packages": ["scikit-learn==1.9.0"]},
		},
	},
	"evidence": array.concat([evaluation("d2", "2026-05-01T00:00:00.000000Z", {"auc_roc": 0.81, "demographic_parity_ratio": 0.86})], documents),
	"evidence_set_digest": "e1",
	"promotion": {"id": "p1", "opened_by": "u-author"},
	"authors": ["u-author"],
	"approvals": [
		approval("platform", "u-1"),
		approval("product", "u-2"),
		approval("security", "u-3"),
		approval("ai-governance", "u-4"),
	],
	"decision": null,
	"exceptions": [],
	"reference": {
		"number": 1,
		"semver": "1.0.0",
		"why": "champion",
		"version_digest": "d1",
		"signature_change": "compatible",
		"evidence": [evaluation("d1", "2026-01-01T00:00:00.000000Z", {"auc_roc": 0.80, "demographic_parity_ratio": 0.87})],
	},
	"components": [],
	"conditions": [],
	"risks": [],
	"reviews": [],
	"risk_score": null,
}

# One document of every other type.
documents := [
	evidence("sbom", {"standard": "cyclonedx", "spec_version": "1.6", "components": 12, "subjects": ["c2"], "bound": true, "licences": ["MIT"]}),
	evidence("provenance", {"builder": "https://ci.example/runner", "build_type": "https://ci.example/train", "subjects": ["c2"], "materials": 3, "bound": true}),
	evidence("artifact-scan", {"scanner": {"name": "picklescan"}, "verdict": "clean", "files": []}),
	evidence("vulnerability-report", {
		"scanner": "grype",
		"scanned_at": "2026-05-02T00:00:00Z",
		"database_at": "2026-05-01T00:00:00Z",
		"counts": {"critical": 0, "high": 1, "medium": 0, "low": 0, "unknown": 0},
		"vulnerabilities": [vulnerability("CVE-2026-1", "high")],
	}),
	evidence("model-card", {"title": "loan-approval", "sections": ["intended_use", "performance", "limitations", "ethical_considerations"]}),
	evidence("explainability", {"method": "SHAP", "scope": "local", "sections": ["method"]}),
	evidence("risk-assessment", {
		"tier": "high",
		"date": "2026-04-01",
		"conclusion": "acceptable-with-mitigations",
		"risks": [{"title": "unequal refusals", "severity": "high", "status": "mitigated"}],
		"sections": [],
	}),
	object.union(evidence("review", {"kind": "peer", "verdict": "approve", "subjects": []}), {"actor": "u-5"}),
	evidence("reproducibility", {"content_digest": "c2", "same": true}),
	evidence("change-summary", {
		"summary": "retrained on a year more",
		"changes": ["data of 2025"],
		"impact": {"affected": ["underwriters"], "severity": "low", "breaking": false},
	}),
	object.union(evidence("plan", {"plan": "rollback", "steps": ["move champion back"], "tested_at": "2026-04-20"}), {"digest": "plan-rollback"}),
	object.union(evidence("plan", {
		"plan": "monitoring",
		"steps": ["look at it daily"],
		"monitors": [{"name": "drift", "address": "https://monitor.example/loan"}],
	}), {"digest": "plan-monitoring"}),
]

# A signed document of a type about this version.
evidence(type, summary) := {
	"digest": concat("-", [type, "1"]),
	"type": type,
	"grade": "attested",
	"binds_to": {"kind": "version", "digest": "d2"},
	"actor": "u-author",
	"at": "2026-05-02T00:00:00.000000Z",
	"format": "",
	"summary": summary,
	"signed_by": ["k1"],
	"role": null,
}

# An evaluation of the suite "credit" on one dataset, bound to a version digest.
evaluation(version_digest, at, metrics) := {
	"digest": sprintf("evaluation-%s-%s", [version_digest, at]),
	"type": "evaluation",
	"grade": "attested",
	"binds_to": {"kind": "version", "digest": version_digest},
	"actor": "u-author",
	"at": at,
	"format": "chancery.evaluation/v1",
	"signed_by": ["k1"],
	"role": null,
	"summary": {
		"suite": {"name": "credit", "version": "3"},
		"dataset": {"name": "loanapp-test", "version": "1", "digest": "aabbccddeeff0011"},
		"completed_at": at,
		"dimensions": ["quality", "bias", "robustness", "latency", "cost"],
		"metrics": array.concat(
			[{"name": name, "value": value} | some name, value in metrics],
			[{"name": "selection_rate", "value": 0.5, "slice": "race=black"}],
		),
	},
}

vulnerability(id, severity) := {"id": id, "severity": severity, "package": "numpy", "version": "2.0.0", "purl": "pkg:pypi/numpy@2.0.0"}

# An approval of what the document asks for, 90 days long.
approval(role, actor) := {
	"role": role,
	"verdict": "approve",
	"actor": actor,
	"at": "2026-05-02T00:00:00.000000Z",
	"expires_at": "2026-07-31T00:00:00.000000Z",
	"withdrawn": false,
	"version_digest": "d2",
	"target": "production",
	"environment": "production",
	"tier": "high",
	"evidence_set_digest": "e1",
	"delegated_by": null,
	"signed_with": null,
}

# The document with changes merged into it.
changed(changes) := object.union(document, changes)

of_tier(tier) := changed({"model": {"risk": {"tier": tier}}})

# The document with these metrics as its only evaluation.
measured(metrics) := with_evidence("evaluation", [evaluation("d2", "2026-05-01T00:00:00.000000Z", metrics)])

# The document with these as its only evidence of a type.
with_evidence(type, list) := changed({"evidence": array.concat([entry | some entry in document.evidence; entry.type != type], list)})

# The document with changes merged into each piece of evidence of a type.
with_changed(type, changes) := changed({"evidence": [edited |
	some entry in document.evidence
	edited := object.union(entry, {name: value | some name, value in changes; entry.type == type})
]})

# The document with changes merged into the summary of a type.
with_summary(type, changes) := with_changed(type, {"summary": changes})

# Wrong types in place of a summary. Readers refuse such documents; a rule must not stop over one.
malformed := [
	null,
	{},
	{"dimensions": 7, "metrics": "none", "suite": [], "sections": 7, "files": null, "bound": "yes", "counts": [], "vulnerabilities": 7},
	{"kind": 7, "verdict": null, "plan": [], "steps": 7, "monitors": "all", "impact": "none", "conclusion": 7, "risks": "none", "method": 7, "builder": 7},
	{"statements": "none", "licences": 7, "components": "many", "scanner": 7, "template": 7, "same": "yes", "content_digest": 7},
]

# The document with a malformed summary in place of each of a type.
with_malformed(type) := [changed({"evidence": array.concat(
	[entry | some entry in document.evidence; entry.type != type],
	[object.union(object.remove(entry, ["summary"]), {"summary": summary}) | some entry in document.evidence; entry.type == type],
)}) |
	some summary in malformed
]
