package chancery.rules.rollback_plan_test

import data.chancery.fixture
import data.chancery.rules.rollback_plan
import rego.v1

of(document) := result if {
	result := rollback_plan.result with input as document
}

test_plan_passes if of(fixture.document) == {"outcome": "pass", "message": "a rollback plan with 1 steps is attached"}

test_absent_fails if of(fixture.with_evidence("plan", [])).message == "no rollback plan is attached"

test_other_plan_fails if of(fixture.with_summary("plan", {"plan": "retirement"})).outcome == "fail"

test_no_steps_fail if of(fixture.with_summary("plan", {"steps": []})).message == "the rollback plan has no steps"

test_tried_where_data_asks_for_it if {
	every case in [["2026-04-20", "pass"], ["2026-05-04", "fail"], [null, "fail"]] {
		result := rollback_plan.result with input as fixture.with_summary("plan", {"tested_at": case[0]}) with data.chancery.rollback_plan.tested_tiers as ["high"]
		result.outcome == case[1]
	}
}

test_limited_is_not_applicable if of(fixture.of_tier("limited")).outcome == "not-applicable"

test_malformed_fails if {
	every document in fixture.with_malformed("plan") {
		of(document).outcome == "fail"
	}
}
