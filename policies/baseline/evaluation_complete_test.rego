package chancery.rules.evaluation_complete_test

import data.chancery.fixture
import data.chancery.rules.evaluation_complete
import rego.v1

of(document) := result if {
	result := evaluation_complete.result with input as document
}

covering(dimensions) := fixture.with_summary("evaluation", {"dimensions": dimensions})

test_all_dimensions_pass if {
	of(fixture.document).outcome == "pass"
	of(fixture.document).message == "evaluated for bias, cost, latency, quality, robustness"
}

test_missing_dimensions_are_named if {
	result := of(covering(["quality", "latency"]))
	result.outcome == "fail"
	result.message == "3 of 5 dimensions are not evaluated: bias, cost, robustness"
}

# Two suites may share the work.
test_evaluations_add_up if {
	second := object.union(fixture.document.evidence[0], {"digest": "second", "summary": {"suite": {"name": "other"}, "dataset": {"digest": "other"}, "dimensions": ["cost", "robustness", "bias"]}})
	first := covering(["quality", "latency"])
	of(object.union(first, {"evidence": array.concat(first.evidence, [second])})).outcome == "pass"
}

test_kind_and_tier_decide if {
	every case in [
		["system", "high", ["quality", "toxicity", "jailbreak", "bias", "latency", "cost"], "pass"],
		["system", "limited", ["quality", "toxicity", "bias", "latency", "cost"], "fail"],
		["system", "minimal", ["quality"], "pass"],
		["prompt", "limited", ["quality", "toxicity", "jailbreak"], "pass"],
		["prompt", "limited", ["quality", "toxicity"], "fail"],
		["adapter", "high", ["quality", "toxicity", "jailbreak", "bias", "latency"], "fail"],
		["model", "limited", ["quality"], "pass"],
	] {
		document := object.union(covering(case[2]), {"model": {"kind": case[0], "risk": {"tier": case[1]}}})
		of(document).outcome == case[3]
	}
}

test_evaluation_of_other_bytes_fails if of(fixture.with_changed("evaluation", {"binds_to": {"digest": "d1"}})).outcome == "fail"

test_dataset_is_not_applicable if of(fixture.changed({"model": {"kind": "dataset"}})).outcome == "not-applicable"

test_malformed_fails if {
	every document in fixture.with_malformed("evaluation") {
		of(document).outcome == "fail"
	}
}
