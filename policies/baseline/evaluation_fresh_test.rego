package chancery.rules.evaluation_fresh_test

import data.chancery.fixture
import data.chancery.rules.evaluation_fresh
import rego.v1

of(document) := result if {
	result := evaluation_fresh.result with input as document
}

completed(at) := fixture.with_summary("evaluation", {"completed_at": at})

test_young_passes if of(fixture.document) == {"outcome": "pass", "message": "evaluated within the last 180 days"}

test_limits_of_the_tiers if {
	every case in [
		["high", "2025-11-04T12:00:00Z", "pass"],
		["high", "2025-11-04T11:59:59Z", "fail"],
		["limited", "2025-05-03T12:00:00Z", "pass"],
		["limited", "2025-05-03T11:59:59Z", "fail"],
	] {
		result := of(object.union(completed(case[1]), {"model": {"risk": {"tier": case[0]}}}))
		result.outcome == case[2]
	}
}

test_old_is_named if {
	result := of(completed("2025-01-01T00:00:00Z"))
	result.message == "no fresh evaluation of bias, cost, latency, quality, robustness: suite credit was run more than 180 days ago"
}

# A date in the future does not make it younger than the day it was added.
test_future_date_does_not_help if {
	old := fixture.with_changed("evaluation", {"at": "2025-01-01T00:00:00.000000Z", "summary": {"completed_at": "2030-01-01T00:00:00Z"}})
	of(old).outcome == "fail"
}

test_no_date_counts_from_when_it_was_added if {
	of(completed("")).outcome == "pass"
	of(object.union(fixture.with_changed("evaluation", {"at": "2025-01-01T00:00:00.000000Z"}), {})).outcome == "fail"
}

test_one_fresh_result_for_a_dimension_is_enough if {
	old := completed("2025-01-01T00:00:00Z").evidence
	fresh := object.union(fixture.document.evidence[0], {"digest": "second", "summary": {"suite": {"name": "other"}}})
	of(fixture.changed({"evidence": array.concat(old, [fresh])})).outcome == "pass"
	partial := object.union(fresh, {"summary": {"dimensions": ["quality"]}})
	contains(of(fixture.changed({"evidence": array.concat(old, [partial])})).message, "no fresh evaluation of bias, cost, latency, robustness")
}

test_suite_version_that_data_names if {
	every case in [[["3"], "pass"], [["4", "5"], "fail"]] {
		result := evaluation_fresh.result with input as fixture.document with data.chancery.evaluation_fresh.suites as {"credit": case[0]}
		result.outcome == case[1]
	}
}

test_minimal_is_not_applicable if of(fixture.of_tier("minimal")).outcome == "not-applicable"

test_no_evaluation_is_not_applicable if of(fixture.with_evidence("evaluation", [])).outcome == "not-applicable"

test_malformed_counts_as_none if {
	every document in fixture.with_malformed("evaluation") {
		of(document).outcome == "not-applicable"
	}
}
