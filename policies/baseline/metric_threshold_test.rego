package chancery.rules.metric_threshold_test

import data.chancery.fixture
import data.chancery.rules.metric_threshold
import rego.v1

of(metrics) := result if {
	result := metric_threshold.result with input as fixture.measured(metrics)
}

test_inside_passes if {
	result := of({"auc_roc": 0.81, "demographic_parity_ratio": 0.86})
	result.outcome == "pass"
	result.message == "inside the limits for tier high: auc_roc 0.81, demographic_parity_ratio 0.86"
}

test_exactly_at_the_minimum_passes if of({"auc_roc": 0.70, "demographic_parity_ratio": 0.80}).outcome == "pass"

test_below_the_minimum_fails if {
	result := of({"auc_roc": 0.84, "demographic_parity_ratio": 0.71})
	result.outcome == "fail"
	result.message == "demographic_parity_ratio 0.71 is below the minimum 0.8 for tier high"
}

test_absent_metric_fails if {
	result := of({"auc_roc": 0.84})
	result.outcome == "fail"
	result.message == "demographic_parity_ratio is required for tier high and no evaluation reports it"
}

test_text_and_null_are_not_numbers if {
	every value in ["0.9", null, true, [0.9], {"value": 0.9}] {
		result := of({"auc_roc": 0.84, "demographic_parity_ratio": value})
		result.outcome == "fail"
		result.message == "demographic_parity_ratio is not a number"
	}
}

# A value of a slice says nothing about the whole.
test_slice_does_not_count if {
	sliced := object.union(fixture.document.evidence[0], {"summary": {"metrics": [
		{"name": "auc_roc", "value": 0.9},
		{"name": "demographic_parity_ratio", "value": 0.9, "slice": "sex=female"},
	]}})
	result := metric_threshold.result with input as fixture.changed({"evidence": [sliced]})
	result.outcome == "fail"
}

test_above_the_maximum_fails if {
	required := [{"metric": "latency_ms", "maximum": 200}]
	result := metric_threshold.result with input as fixture.measured({"latency_ms": 250.5})
		with data.chancery.metric_threshold.required as required
	result.outcome == "fail"
	result.message == "latency_ms 250.5 is above the maximum 200 for tier high"
}

bad := fixture.evaluation("d2", "2026-05-01T00:00:00.000000Z", {"auc_roc": 0.5, "demographic_parity_ratio": 0.9})

good := fixture.evaluation("d2", "2026-05-02T00:00:00.000000Z", {"auc_roc": 0.9, "demographic_parity_ratio": 0.9})

test_newer_evaluation_replaces_older if {
	every evidence in [[bad, good], [good, bad]] {
		result := metric_threshold.result with input as fixture.changed({"evidence": evidence})
		result.outcome == "pass"
	}
}

# A good result on a chosen dataset does not hide a bad one on another.
test_every_dataset_counts if {
	elsewhere := object.union(good, {"summary": {"dataset": {"digest": "other"}}})
	result := metric_threshold.result with input as fixture.changed({"evidence": [bad, elsewhere]})
	result.outcome == "fail"
	result.message == "auc_roc 0.5 is below the minimum 0.7 for tier high"
}

test_claimed_metrics_do_not_count if {
	result := metric_threshold.result with input as fixture.changed({
		"evidence": [],
		"version": {"facts": {"metrics": [{"name": "auc_roc", "value": 0.99}, {"name": "demographic_parity_ratio", "value": 1}]}},
	})
	result.outcome == "fail"
}

test_unclassified_counts_as_high_under_enforce if {
	result := metric_threshold.result with input as object.union(fixture.measured({"auc_roc": 0.9}), {"model": {"risk": {"tier": "unclassified"}}})
	result.outcome == "fail"
}

test_limited_needs_less if {
	result := metric_threshold.result with input as object.union(fixture.measured({"auc_roc": 0.65}), {"model": {"risk": {"tier": "limited"}}})
	result.outcome == "pass"
}

test_minimal_is_not_applicable if {
	result := metric_threshold.result with input as fixture.changed({"model": {"risk": {"tier": "minimal"}}})
	result.outcome == "not-applicable"
}

# Malformed entries beside good ones neither count nor stop the rule.
test_malformed_metrics_do_not_stop_the_rule if {
	metrics := array.concat(fixture.document.evidence[0].summary.metrics, ["auc_roc", null, 7, {"name": 7}, {"value": 0.1}])
	odd := object.union(fixture.document.evidence[0], {"summary": {"metrics": metrics, "suite": null, "dataset": ["x"]}})
	result := metric_threshold.result with input as fixture.changed({"evidence": [odd]})
	result.outcome == "pass"
}

# The suite sets limits of its own, for slices too.
test_limit_of_the_suite_counts if {
	metrics := array.concat(fixture.document.evidence[0].summary.metrics, [
		{"name": "selection_rate", "value": 0.4, "minimum": 0.45, "slice": "sex=female"},
		{"name": "latency_ms", "value": 90, "maximum": 80},
		{"name": "f1", "value": 0.9, "minimum": 0.9, "maximum": 1},
	])
	result := metric_threshold.result with input as fixture.with_summary("evaluation", {"metrics": metrics})
	result.outcome == "fail"
	result.message == "latency_ms 90 is above the maximum 80 of suite credit; selection_rate 0.4 is below the minimum 0.45 of suite credit"
}

test_system_has_its_own_limits if {
	document := object.union(fixture.measured({"toxicity_rate": 0.03, "jailbreak_success_rate": 0.01}), {"model": {"kind": "system"}})
	result := metric_threshold.result with input as document
	result.message == "toxicity_rate 0.03 is above the maximum 0.02 for tier high"
}

# A claimed result that is added later does not take the place of a signed one.
test_claim_does_not_replace_a_signature if {
	result := metric_threshold.result with input as fixture.changed({"evidence": [bad, object.union(good, {"grade": "claimed"})]})
	result.outcome == "fail"
}

test_huge_numbers_are_shown if {
	of({"auc_roc": -1e300, "demographic_parity_ratio": 0.9}).outcome == "fail"
	of({"auc_roc": 1e300, "demographic_parity_ratio": 0.9}).outcome == "pass"
}
