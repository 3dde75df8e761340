package chancery.rules.explainability_present_test

import data.chancery.fixture
import data.chancery.rules.explainability_present
import rego.v1

of(document) := result if {
	result := explainability_present.result with input as document
}

test_report_passes if of(fixture.document) == {"outcome": "pass", "message": "explained by SHAP"}

test_absent_fails if of(fixture.with_evidence("explainability", [])).outcome == "fail"

test_no_method_fails if of(fixture.with_summary("explainability", {"method": ""})).message == "the explainability report names no method"

test_report_of_another_version_fails if of(fixture.with_changed("explainability", {"binds_to": {"digest": "d1"}})).outcome == "fail"

test_limited_is_not_applicable if of(object.union(fixture.of_tier("limited"), {"evidence": []})).outcome == "not-applicable"

test_malformed_fails if {
	every document in fixture.with_malformed("explainability") {
		of(document).outcome == "fail"
	}
}
