package chancery.rules.version_stale_test

import data.chancery.fixture
import data.chancery.rules.version_stale
import rego.v1

of(document) := result if {
	result := version_stale.result with input as document
}

registered(at, state) := object.union(fixture.with_evidence("evaluation", []), {"version": {"registered_at": at, "state": state}})

test_young_passes if of(fixture.document).outcome == "pass"

test_limits_of_the_states if {
	every case in [
		["2025-11-04T12:00:00.000000Z", "approved", "pass"],
		["2025-11-04T11:59:59.000000Z", "approved", "fail"],
		["2025-05-03T12:00:00.000000Z", "production", "pass"],
		["2025-05-03T11:59:59.000000Z", "production", "fail"],
	] {
		of(registered(case[0], case[1])).outcome == case[2]
	}
}

# Evaluated again, it is not stale.
test_evaluation_renews if of(fixture.changed({"version": {"registered_at": "2020-01-01T00:00:00.000000Z"}})).outcome == "pass"

test_other_states_are_not_applicable if of(registered("2020-01-01T00:00:00.000000Z", "draft")).outcome == "not-applicable"

test_malformed_evaluations_do_not_stop_the_rule if {
	every document in fixture.with_malformed("evaluation") {
		of(document).outcome == "pass"
	}
}
