package chancery.rules.approval_unexpired_test

import data.chancery.fixture
import data.chancery.rules.approval_unexpired
import rego.v1

of(approvals) := result if {
	result := approval_unexpired.result with input as fixture.changed({"approvals": approvals})
}

expired := object.union(fixture.approval("security", "u-3"), {"expires_at": "2026-05-03T11:59:59.000000Z"})

test_in_force_passes if {
	result := approval_unexpired.result with input as fixture.document
	result.outcome == "pass"
	result.message == "4 approvals are in force"
}

test_expired_is_named if {
	result := of([fixture.approval("platform", "u-1"), expired])
	result.outcome == "fail"
	result.message == "the approval of security by u-3 expired at 2026-05-03T11:59:59.000000Z"
}

test_the_last_moment_is_over if of([object.union(expired, {"expires_at": "2026-05-03T12:00:00.000000Z"})]).outcome == "fail"

test_renewed_passes if of([expired, fixture.approval("security", "u-3")]).outcome == "pass"

test_nobody_approved_fails if of([]).outcome == "fail"

test_no_role_required_is_not_applicable if {
	result := approval_unexpired.result with input as fixture.document
		with data.chancery.approval_complete.required as {"high": {"production": []}}
	result.outcome == "not-applicable"
}

test_unknown_target_fails if {
	result := approval_unexpired.result with input as fixture.changed({"target": "retired"})
	result.outcome == "fail"
}

test_environment_for_tests_is_not_applicable if {
	result := approval_unexpired.result with input as fixture.changed({"environment": "staging", "approvals": []})
	result.outcome == "not-applicable"
}
