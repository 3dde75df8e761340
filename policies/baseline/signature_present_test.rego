package chancery.rules.signature_present_test

import data.chancery.fixture
import data.chancery.rules.signature_present
import rego.v1

test_signature_passes if {
	result := signature_present.result with input as fixture.document
	result.outcome == "pass"
	result.message == "the signature has 1 inputs and 1 outputs"
}

test_no_outputs_fails if {
	result := signature_present.result with input as fixture.changed({"version": {"facts": {"signature": {"outputs": []}}}})
	result.outcome == "fail"
	result.message == "the signature has no outputs"
}

test_no_signature_fails if {
	result := signature_present.result with input as fixture.changed({"version": {"facts": {"signature": null}}})
	result.outcome == "fail"
}

test_signature_of_another_type_fails if {
	result := signature_present.result with input as fixture.changed({"version": {"facts": {"signature": {"inputs": "all", "outputs": 3}}}})
	result.outcome == "fail"
	result.message == "the signature has no inputs and no outputs"
}

test_prompt_is_not_applicable if {
	result := signature_present.result with input as fixture.changed({"model": {"kind": "prompt"}})
	result.outcome == "not-applicable"
}
