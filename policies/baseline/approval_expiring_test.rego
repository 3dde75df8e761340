package chancery.rules.approval_expiring_test

import data.chancery.fixture
import data.chancery.rules.approval_expiring
import rego.v1

of(approvals) := result if {
	result := approval_expiring.result with input as fixture.changed({"approvals": approvals})
}

ending(at) := object.union(fixture.approval("security", "u-3"), {"expires_at": at})

test_long_passes if {
	result := approval_expiring.result with input as fixture.document
	result.outcome == "pass"
}

test_fourteen_days_before if {
	of([ending("2026-05-17T12:00:00.000000Z")]).message == "the approval of security ends at 2026-05-17T12:00:00.000000Z"
	of([ending("2026-05-17T12:00:01.000000Z")]).outcome == "pass"
	of([ending("2026-05-01T00:00:00.000000Z")]).outcome == "fail"
}

# A renewed approval of the role is what counts.
test_renewed_passes if of([ending("2026-05-04T00:00:00.000000Z"), fixture.approval("security", "u-9")]).outcome == "pass"

test_nothing_that_counts_is_not_applicable if {
	of([]).outcome == "not-applicable"
	every changes in [{"withdrawn": true}, {"verdict": "reject"}, {"version_digest": "d1"}] {
		of([object.union(ending("2026-05-04T00:00:00.000000Z"), changes)]).outcome == "not-applicable"
	}
}
