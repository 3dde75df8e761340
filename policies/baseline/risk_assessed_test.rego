package chancery.rules.risk_assessed_test

import data.chancery.fixture
import data.chancery.rules.risk_assessed
import rego.v1

of(document) := result if {
	result := risk_assessed.result with input as document
}

test_acceptable_passes if of(fixture.document) == {"outcome": "pass", "message": "the risk assessment concludes acceptable-with-mitigations"}

test_absent_fails if of(fixture.with_evidence("risk-assessment", [])).message == "no risk assessment is attached"

test_not_acceptable_fails if {
	of(fixture.with_summary("risk-assessment", {"conclusion": "not-acceptable"})).message == "the risk assessment concludes not-acceptable"
	of(fixture.with_summary("risk-assessment", {"conclusion": "fine"})).outcome == "fail"
}

test_of_another_tier_fails if {
	of(fixture.with_summary("risk-assessment", {"tier": "limited"})).message == "the risk assessment is about tier limited, and the model has tier high"
}

# An unclassified model counts as high: an assessment for high is about it.
test_unclassified_accepts_high if of(fixture.of_tier("unclassified")).outcome == "pass"

test_old_fails if {
	of(fixture.with_summary("risk-assessment", {"date": "2025-05-01"})).message == "the risk assessment is more than 365 days old"
	of(fixture.with_summary("risk-assessment", {"date": "2025-05-04"})).outcome == "pass"
}

test_newest_counts if {
	worse := object.union(fixture.evidence("risk-assessment", {"conclusion": "not-acceptable"}), {"digest": "r2", "at": "2026-05-02T01:00:00.000000Z"})
	of(fixture.changed({"evidence": array.concat([worse], fixture.document.evidence)})).outcome == "fail"
}

# Of two at the same moment the one with the larger digest counts, in whatever order they come.
test_order_does_not_matter if {
	last := object.union(fixture.evidence("risk-assessment", {"conclusion": "not-acceptable"}), {"digest": "z"})
	of(fixture.changed({"evidence": array.concat([last], fixture.document.evidence)})).outcome == "fail"
	of(fixture.changed({"evidence": array.concat(fixture.document.evidence, [last])})).outcome == "fail"
	first := object.union(last, {"digest": "a"})
	of(fixture.changed({"evidence": array.concat([first], fixture.document.evidence)})).outcome == "pass"
	of(fixture.changed({"evidence": array.concat(fixture.document.evidence, [first])})).outcome == "pass"
}

test_limited_is_not_applicable if of(fixture.of_tier("limited")).outcome == "not-applicable"

test_malformed_fails if {
	every document in fixture.with_malformed("risk-assessment") {
		of(document).outcome == "fail"
	}
}
