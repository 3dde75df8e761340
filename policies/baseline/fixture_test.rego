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
	"actor": {"id": "p1", "kind": "pipeline", "roles": []},
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
	},
	"version": {
		"number": 2,
		"semver": "1.1.0",
		"state": "approved",
		"content_digest": "c2",
		"facts_digest": "f2",
		"version_digest": "d2",
		"was_production": false,
		"facts": {
			"framework": {"name": "scikit-learn", "version": "1.9.0"},
			"training": {"date": "2026-05-01", "code": {"repository": "https://git.example/loan", "commit": "9f2c", "dirty": false}},
			"datasets": [{"role": "training", "name": "loanapp", "digest": "aa"}],
			"signature": {"inputs": [{"name": "income"}], "outputs": [{"name": "score"}]},
			"environment": {"pinned": true, "unpinned": [], "packages": ["scikit-learn==1.9.0"]},
		},
	},
	"evidence": [evaluation("d2", "2026-05-01T00:00:00.000000Z", {"auc_roc": 0.81, "demographic_parity_ratio": 0.86})],
	"evidence_set_digest": "e1",
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
		"evidence": [evaluation("d1", "2026-01-01T00:00:00.000000Z", {"auc_roc": 0.80, "demographic_parity_ratio": 0.87})],
	},
}

# An evaluation of the suite "credit" on one dataset, bound to a version digest.
evaluation(version_digest, at, metrics) := {
	"digest": sprintf("evaluation-%s-%s", [version_digest, at]),
	"type": "evaluation",
	"grade": "claimed",
	"binds_to": {"kind": "version", "digest": version_digest},
	"actor": "u-author",
	"at": at,
	"summary": {
		"schema": "chancery.evaluation/v1",
		"suite": {"name": "credit", "version": "3"},
		"dataset": {"name": "loanapp-test", "version": "1", "digest": "aabbccddeeff0011"},
		"metrics": array.concat(
			[{"name": name, "value": value} | some name, value in metrics],
			[{"name": "selection_rate", "value": 0.5, "slice": "race=black"}],
		),
	},
}

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
}

# The document with changes merged into it.
changed(changes) := object.union(document, changes)

# The document with these metrics as its only evaluation.
measured(metrics) := changed({"evidence": [evaluation("d2", "2026-05-01T00:00:00.000000Z", metrics)]})
