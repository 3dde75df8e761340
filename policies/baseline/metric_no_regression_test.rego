package chancery.rules.metric_no_regression_test

import data.chancery.fixture
import data.chancery.rules.metric_no_regression
import rego.v1

of(metrics) := result if {
	result := metric_no_regression.result with input as fixture.measured(metrics)
}

with_document(changes) := result if {
	result := metric_no_regression.result with input as fixture.with_summary("evaluation", changes)
}

test_as_good_passes if {
	result := of({"auc_roc": 0.80, "demographic_parity_ratio": 0.87})
	result.outcome == "pass"
	result.message == "not worse than champion 1: auc_roc, demographic_parity_ratio"
}

test_exactly_the_tolerance_passes if of({"auc_roc": 0.79, "demographic_parity_ratio": 0.85}).outcome == "pass"

# The example of the issue: the second version scores better and regresses on parity.
test_worse_parity_fails if {
	result := of({"auc_roc": 0.84, "demographic_parity_ratio": 0.71})
	result.outcome == "fail"
	result.message == "demographic_parity_ratio 0.71 is worse than 0.87 of champion 1 by more than the tolerance 0.02"
}

test_absent_metric_is_not_comparable if {
	result := of({"auc_roc": 0.84})
	result.outcome == "fail"
	startswith(result.message, "not comparable: no evaluation reports demographic_parity_ratio for suite credit 3 and dataset aabbccddeeff")
}

test_text_is_not_comparable if of({"auc_roc": "0.84", "demographic_parity_ratio": 0.9}).outcome == "fail"

test_other_suite_version_is_not_comparable if {
	result := with_document({"suite": {"version": "4"}})
	result.outcome == "fail"
	startswith(result.message, "not comparable")
}

test_other_dataset_is_not_comparable if with_document({"dataset": {"digest": "ff"}}).outcome == "fail"

test_no_dataset_digest_is_not_comparable if with_document({"dataset": {"digest": null}}).outcome == "fail"

test_reference_without_evaluation_is_not_comparable if {
	result := metric_no_regression.result with input as fixture.changed({"reference": {"evidence": []}})
	result.outcome == "fail"
	startswith(result.message, "not comparable: champion 1 has no evaluation")
}

test_lower_is_better_where_data_says_so if {
	reference := fixture.evaluation("d1", "2026-01-01T00:00:00.000000Z", {"log_loss": 0.40})
	every case in [[0.42, "pass"], [0.43, "fail"], [0.30, "pass"]] {
		document := object.union(fixture.measured({"log_loss": case[0]}), {"reference": {"evidence": [reference]}})
		result := metric_no_regression.result with input as document
		result.outcome == case[1]
	}
}

test_no_reference_is_not_applicable if {
	result := metric_no_regression.result with input as fixture.changed({"reference": null})
	result.outcome == "not-applicable"
}

test_malformed_is_not_comparable if {
	every document in fixture.with_malformed("evaluation") {
		result := metric_no_regression.result with input as document
		result.outcome == "fail"
	}
}

# Evidence of the reference that is about another version does not count.
test_reference_evidence_of_another_version_does_not_count if {
	other := object.union(fixture.document.reference.evidence[0], {"binds_to": {"digest": "d0"}})
	result := metric_no_regression.result with input as fixture.changed({"reference": {"evidence": [other]}})
	startswith(result.message, "not comparable")
}
