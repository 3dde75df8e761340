package chancery.rules.provenance_present_test

import data.chancery.fixture
import data.chancery.rules.provenance_present
import rego.v1

of(document) := result if {
	result := provenance_present.result with input as document
}

claimed := fixture.with_changed("provenance", {"grade": "claimed"})

test_signed_passes if of(fixture.document) == {"outcome": "pass", "message": "built by https://ci.example/runner"}

test_absent_fails if of(fixture.with_evidence("provenance", [])).message == "no provenance is attached"

test_claimed_fails_for_high if {
	of(claimed).outcome == "fail"
	of(claimed).message == "tier high needs provenance that a trusted key signed, and it is only claimed"
}

test_claimed_is_enough_for_limited if of(object.union(claimed, {"model": {"risk": {"tier": "limited"}}})).outcome == "pass"

test_what_does_not_count if {
	every changes in [{"summary": {"bound": false}}, {"summary": {"builder": ""}}, {"binds_to": {"digest": "d1"}}] {
		of(fixture.with_changed("provenance", changes)).outcome == "fail"
	}
}

test_organisation_names_its_builders if {
	every case in [[["https://ci.example/runner"], "pass"], [["https://other.example"], "fail"]] {
		result := provenance_present.result with input as fixture.document with data.chancery.provenance_present.trusted_builders as case[0]
		result.outcome == case[1]
	}
}

test_minimal_is_not_applicable if of(fixture.of_tier("minimal")).outcome == "not-applicable"

test_malformed_fails if {
	every document in fixture.with_malformed("provenance") {
		of(document).outcome == "fail"
	}
}
