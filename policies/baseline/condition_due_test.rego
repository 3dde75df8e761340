package chancery.rules.condition_due_test

import data.chancery.fixture
import data.chancery.rules.condition_due
import rego.v1

of(status, due) := result if {
	condition := {"text": "measure drift", "owner": "ada", "due": due, "effect": "finding", "status": status}
	result := condition_due.result with input as fixture.changed({"conditions": [condition]})
}

test_later_passes if of("open", "2026-05-11T00:00:00.000000Z").outcome == "pass"

test_due_soon_is_named if {
	of("open", "2026-05-10T12:00:00.000000Z").message == "measure drift (open, owed by ada until 2026-05-10T12:00:00.000000Z)"
}

test_missed_fails if of("missed", "2026-04-01T00:00:00.000000Z").outcome == "fail"

test_met_passes if of("met", "2026-04-01T00:00:00.000000Z").outcome == "pass"

test_none_is_not_applicable if {
	result := condition_due.result with input as fixture.document
	result.outcome == "not-applicable"
}
