package chancery.rules.condition_met_test

import data.chancery.fixture
import data.chancery.rules.condition_met
import rego.v1

of(changes) := result if {
	condition := object.union({"text": "measure drift", "owner": "ada", "due": "2026-05-01T00:00:00.000000Z", "effect": "block", "status": "missed"}, changes)
	result := condition_met.result with input as fixture.changed({"conditions": [condition]})
}

test_missed_is_named if {
	of({}).outcome == "fail"
	of({}).message == "missed: measure drift (owed by ada since 2026-05-01T00:00:00.000000Z)"
}

test_others_pass if {
	every changes in [{"status": "met"}, {"status": "open"}, {"effect": "finding"}, {"effect": "deprecate"}] {
		of(changes).outcome == "pass"
	}
}

test_no_condition_is_not_applicable if {
	result := condition_met.result with input as fixture.document
	result.outcome == "not-applicable"
}
