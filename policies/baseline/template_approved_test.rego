package chancery.rules.template_approved_test

import data.chancery.fixture
import data.chancery.rules.template_approved
import rego.v1

required := [{"type": "model-card", "template": "card", "versions": ["2", "3"]}]

of(document) := result if {
	result := template_approved.result with input as document with data.chancery.template_approved.required as required
}

following(version) := fixture.with_summary("model-card", {"template": {"name": "card", "version": version}})

test_off_by_default if {
	result := template_approved.result with input as fixture.document
	result.outcome == "not-applicable"
}

test_accepted_version_passes if of(following("3")).outcome == "pass"

test_old_version_fails if {
	result := of(following("1"))
	result.outcome == "fail"
	result.message == "the model-card does not follow template card in version 2 or 3"
}

test_no_template_fails if of(fixture.document).outcome == "fail"

test_no_document_fails if of(fixture.with_evidence("model-card", [])).message == "no model-card is attached"

test_malformed_fails if {
	every document in fixture.with_malformed("model-card") {
		of(document).outcome == "fail"
	}
}
