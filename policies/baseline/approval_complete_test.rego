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

# Who stands in for an approver speaks with that person's voice.
delegated(changes) := with_security(object.union({"actor": "u-7", "delegated_by": "u-3"}, changes))

test_delegate_counts if delegated({}).outcome == "pass"

test_delegate_of_an_author_does_not_count if {
	result := delegated({"delegated_by": "u-author"})
	result.outcome == "fail"
	contains(result.message, "(u-7 stands in for an author and does not count for security)")
}

test_author_as_delegate_does_not_count if delegated({"actor": "u-author"}).outcome == "fail"

two_of_security := {"high": {"production": ["platform", {"role": "security", "count": 2}]}}

of_two(approvals) := result if {
	result := approval_complete.result with input as fixture.changed({"approvals": array.concat([fixture.approval("platform", "u-1")], approvals)})
		with data.chancery.approval_complete.required as two_of_security
}

test_two_people_of_one_role if {
	alone := of_two([fixture.approval("security", "u-3")])
	alone.outcome == "fail"
	contains(alone.message, "(security has 1 of 2 people)")
	of_two([fixture.approval("security", "u-3"), fixture.approval("security", "u-8")]).outcome == "pass"
}

# A person and who stands in for them are one voice, and one person who speaks twice is one.
test_one_voice_counts_once if {
	stand_in := object.union(fixture.approval("security", "u-7"), {"delegated_by": "u-3"})
	of_two([fixture.approval("security", "u-3"), stand_in]).outcome == "fail"
	of_two([fixture.approval("security", "u-3"), fixture.approval("security", "u-3")]).outcome == "fail"
}

test_roles_are_named_with_and_without_count if {
	names := approval_complete.required with input as fixture.document with data.chancery.approval_complete.required as two_of_security
	names == ["platform", "security"]
}

test_own_signature_where_data_asks_for_it if {
	unsigned := approval_complete.result with input as fixture.document with data.chancery.approval_complete.signed_tiers as ["high"]
	unsigned.outcome == "fail"
	contains(unsigned.message, "u-3 did not sign with a key of their own for security")
	signed := [object.union(approval, {"signed_with": "k9"}) | some approval in fixture.document.approvals]
	with_keys := approval_complete.result with input as fixture.changed({"approvals": signed}) with data.chancery.approval_complete.signed_tiers as ["high"]
	with_keys.outcome == "pass"
}
