package chancery.rules.signature_compatible_test

import data.chancery.fixture
import data.chancery.rules.signature_compatible
import rego.v1

of(change, semver) := result if {
	result := signature_compatible.result with input as fixture.changed({"reference": {"signature_change": change}, "version": {"semver": semver}})
}

test_compatible_passes if {
	of("none", "1.0.1").outcome == "pass"
	of("compatible", "1.1.0").message == "callers of champion 1.0.0 can call this version"
}

test_breaking_needs_a_major_number if {
	of("breaking", "1.1.0").message == "the signature breaks callers of champion 1.0.0, and 1.1.0 has no new MAJOR number"
	of("breaking", "0.9.0").outcome == "fail"
	of("breaking", "2.0.0").outcome == "pass"
	of("breaking", "10.0.0-rc.1").outcome == "pass"
}

test_unknown_is_not_applicable if {
	of("unknown", "1.1.0").outcome == "not-applicable"
	of("", "1.1.0").outcome == "not-applicable"
}

test_no_reference_is_not_applicable if {
	result := signature_compatible.result with input as fixture.changed({"reference": null})
	result.outcome == "not-applicable"
}
