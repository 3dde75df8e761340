package chancery.rules.build_reproducible_test

import data.chancery.fixture
import data.chancery.rules.build_reproducible
import rego.v1

of(document) := result if {
	result := build_reproducible.result with input as document
}

test_same_bytes_pass if of(fixture.document).outcome == "pass"

test_absent_fails if of(fixture.with_evidence("reproducibility", [])).message == "no record of a second build is attached"

test_other_bytes_fail if {
	every changes in [{"same": false}, {"content_digest": "c1"}] {
		of(fixture.with_summary("reproducibility", changes)).message == "the second build gave other bytes"
	}
}

test_limited_and_prompts_are_not_applicable if {
	of(fixture.of_tier("limited")).outcome == "not-applicable"
	of(fixture.changed({"model": {"kind": "prompt"}})).outcome == "not-applicable"
}

test_malformed_fails if {
	every document in fixture.with_malformed("reproducibility") {
		of(document).outcome == "fail"
	}
}
