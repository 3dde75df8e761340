package chancery.rules.monitor_linked_test

import data.chancery.fixture
import data.chancery.rules.monitor_linked
import rego.v1

of(document) := result if {
	result := monitor_linked.result with input as document
}

test_linked_passes if of(fixture.document) == {"outcome": "pass", "message": "watched by drift"}

test_absent_fails if of(fixture.with_evidence("plan", [])).message == "no monitoring plan is attached"

# A rollback plan is no monitoring plan.
test_other_plan_fails if of(fixture.with_summary("plan", {"plan": "rollback"})).outcome == "fail"

test_no_monitor_fails if {
	of(fixture.with_summary("plan", {"monitors": []})).message == "the monitoring plan names no monitor"
	of(fixture.with_summary("plan", {"monitors": [{"name": ""}, "drift", null]})).outcome == "fail"
}

test_high_needs_an_address if {
	nowhere := fixture.with_summary("plan", {"monitors": [{"name": "drift"}]})
	of(nowhere).message == "the monitoring plan says of no monitor where it is"
	of(object.union(nowhere, {"model": {"risk": {"tier": "limited"}}})).outcome == "pass"
}

test_minimal_is_not_applicable if of(fixture.of_tier("minimal")).outcome == "not-applicable"

test_malformed_fails if {
	every document in fixture.with_malformed("plan") {
		of(document).outcome == "fail"
	}
}
