package chancery.rules.change_assessed_test

import data.chancery.fixture
import data.chancery.rules.change_assessed
import rego.v1

of(document) := result if {
	result := change_assessed.result with input as document
}

test_assessed_passes if of(fixture.document) == {"outcome": "pass", "message": "the change is assessed: impact low"}

test_absent_fails if of(fixture.with_evidence("change-summary", [])).message == "no change summary is attached"

test_no_impact_fails if of(fixture.with_summary("change-summary", {"impact": null})).message == "the change summary has no impact assessment"

test_breaking_must_be_said if {
	breaking := fixture.changed({"reference": {"signature_change": "breaking"}})
	of(breaking).message == "the change summary says that nothing breaks, and the signature breaks callers"
	said := fixture.with_summary("change-summary", {"impact": {"breaking": true}})
	of(object.union(said, {"reference": {"signature_change": "breaking"}})).outcome == "pass"
}

test_no_reference_is_not_applicable if of(fixture.changed({"reference": null})).outcome == "not-applicable"

test_minimal_is_not_applicable if of(fixture.of_tier("minimal")).outcome == "not-applicable"

test_malformed_fails if {
	every document in fixture.with_malformed("change-summary") {
		of(document).outcome == "fail"
	}
}
