package chancery.rules.approval_complete_test

import data.chancery.fixture
import data.chancery.rules.approval_complete
import rego.v1

of(approvals) := result if {
	result := approval_complete.result with input as fixture.changed({"approvals": approvals})
}

# The four approvals with changes merged into the one of security.
with_security(changes) := of([changed |
	some approval in fixture.document.approvals
	changed := object.union(approval, {key: value | some key, value in changes; approval.role == "security"})
])

test_all_roles_pass if {
	result := approval_complete.result with input as fixture.document
	result.outcome == "pass"
}

test_missing_roles_are_named if {
	result := of([fixture.approval("platform", "u-1")])
	result.outcome == "fail"
	result.message == "3 of 4 required roles are missing for production: ai-governance, product, security"
}

# Each of these makes the approval of security one that does not count.
test_what_does_not_count if {
	every changes in [
		{"withdrawn": true},
		{"verdict": "reject"},
		{"version_digest": "d1"},
		{"target": "approved"},
		{"environment": "staging"},
		{"tier": "limited"},
		{"evidence_set_digest": "e0"},
		{"expires_at": "2026-05-03T12:00:00.000000Z"},
		{"actor": "u-author"},
		{"actor": "u-1", "at": "2026-05-02T01:00:00.000000Z"},
		{"role": "legal"},
	] {
		result := with_security(changes)
		result.outcome == "fail"
		contains(result.message, "1 of 4 required roles are missing for production: security")
	}
}

test_notes_say_why if {
	contains(with_security({"actor": "u-author"}).message, "(u-author is an author and does not count for security)")
	contains(with_security({"verdict": "reject"}).message, "(security was rejected by u-3)")
	contains(with_security({"actor": "u-1", "at": "2026-05-02T01:00:00.000000Z"}).message, "(u-1 counts for platform already, not for security)")
}

# A rejection by a second person stands until it is withdrawn.
test_rejection_blocks_its_role if {
	rejection := object.union(fixture.approval("security", "u-9"), {"verdict": "reject"})
	of(array.concat(fixture.document.approvals, [rejection])).outcome == "fail"
	of(array.concat(fixture.document.approvals, [object.union(rejection, {"withdrawn": true})])).outcome == "pass"
}

test_last_word_of_a_person_counts if {
	rejection := object.union(fixture.approval("security", "u-3"), {"verdict": "reject", "at": "2026-05-01T00:00:00.000000Z"})
	of(array.concat(fixture.document.approvals, [rejection])).outcome == "pass"
	later := object.union(rejection, {"at": "2026-05-03T00:00:00.000000Z"})
	of(array.concat(fixture.document.approvals, [later])).outcome == "fail"
}

test_roles_depend_on_the_tier if {
	limited := object.union(fixture.document, {"model": {"risk": {"tier": "limited"}}, "approvals": []})
	result := approval_complete.result with input as limited
	result.message == "2 of 2 required roles are missing for production: product, security"
}

test_unclassified_needs_what_high_needs if {
	unclassified := object.union(fixture.document, {"model": {"risk": {"tier": "unclassified"}}, "approvals": []})
	result := approval_complete.result with input as unclassified
	startswith(result.message, "4 of 4 required roles are missing")
}

test_candidate_is_not_applicable if {
	result := approval_complete.result with input as fixture.changed({"target": "candidate", "approvals": []})
	result.outcome == "not-applicable"
}

test_unknown_target_fails if {
	result := approval_complete.result with input as fixture.changed({"target": "retired"})
	result.outcome == "fail"
}
