package chancery.rules.environment_pinned_test

import data.chancery.fixture
import data.chancery.rules.environment_pinned
import rego.v1

outcome(environment) := result if {
	result := environment_pinned.result with input as fixture.changed({"version": {"facts": {"environment": environment}}})
}

test_pinned_passes if {
	result := environment_pinned.result with input as fixture.document
	result.outcome == "pass"
	result.message == "1 packages are pinned"
}

test_unpinned_package_is_named if {
	result := outcome({"pinned": false, "unpinned": ["pandas", "numpy"]})
	result.outcome == "fail"
	result.message == "2 packages are not pinned: numpy, pandas"
}

# A claim of pinned beside a list of unpinned packages is no pin.
test_contradiction_fails if outcome({"pinned": true, "unpinned": ["numpy"]}).outcome == "fail"

test_not_pinned_fails if outcome({"pinned": false}).outcome == "fail"

test_a_word_is_not_true if outcome({"pinned": "true"}).outcome == "fail"

test_no_environment_fails if {
	result := outcome(null)
	result.outcome == "fail"
	contains(result.message, "names no environment")
}

test_dataset_is_not_applicable if {
	result := environment_pinned.result with input as fixture.changed({"model": {"kind": "dataset"}})
	result.outcome == "not-applicable"
}
