package chancery.rules.sbom_present_test

import data.chancery.fixture
import data.chancery.rules.sbom_present
import rego.v1

of(document) := result if {
	result := sbom_present.result with input as document
}

test_bound_document_passes if of(fixture.document).outcome == "pass"

test_absent_fails if {
	result := of(fixture.with_evidence("sbom", []))
	result.outcome == "fail"
	result.message == "no bill of materials is attached"
}

test_what_does_not_count if {
	every changes in [{"summary": {"bound": false}}, {"summary": {"components": 0}}] {
		contains(of(fixture.with_changed("sbom", changes)).message, "none names a digest of this version")
	}
	every changes in [{"binds_to": {"digest": "d1"}}, {"binds_to": {"kind": "file"}}] {
		of(fixture.with_changed("sbom", changes)).outcome == "fail"
	}
}

# One that names the bytes is enough, whatever else is attached.
test_one_of_two_is_enough if {
	other := object.union(fixture.evidence("sbom", {"bound": false}), {"digest": "s2", "at": "2026-05-03T00:00:00.000000Z"})
	of(fixture.changed({"evidence": array.concat(fixture.document.evidence, [other])})).outcome == "pass"
}

test_minimal_and_prompts_are_not_applicable if {
	of(object.union(fixture.of_tier("minimal"), {"evidence": []})).outcome == "not-applicable"
	of(fixture.changed({"model": {"kind": "prompt"}, "evidence": []})).outcome == "not-applicable"
}

test_limited_needs_it_too if of(object.union(fixture.of_tier("limited"), {"evidence": []})).outcome == "fail"

test_malformed_fails if {
	every document in fixture.with_malformed("sbom") {
		of(document).outcome == "fail"
	}
}
