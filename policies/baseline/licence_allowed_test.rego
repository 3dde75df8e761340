package chancery.rules.licence_allowed_test

import data.chancery.fixture
import data.chancery.rules.licence_allowed
import rego.v1

of(document) := result if {
	result := licence_allowed.result with input as document
}

licensed(text) := of(fixture.changed({"model": {"licence": text}}))

test_accepted_passes if of(fixture.document) == {"outcome": "pass", "message": "licence Apache-2.0 is accepted"}

test_expressions if {
	every case in [
		["MIT OR AGPL-3.0-only", "pass"],
		["MIT AND Apache-2.0", "pass"],
		["MIT AND AGPL-3.0-only", "fail"],
		["(MIT OR AGPL-3.0-only) AND Apache-2.0", "pass"],
		["mine", "fail"],
	] {
		licensed(case[0]).outcome == case[1]
	}
}

test_no_licence_fails if licensed(" ").message == "the entry names no licence"

test_minimal_may_do_without if of(object.union(fixture.of_tier("minimal"), {"model": {"licence": ""}})).outcome == "not-applicable"

test_parts_with_a_refused_licence_fail if {
	bom := of(fixture.with_summary("sbom", {"licences": ["MIT", "AGPL-3.0-only"]}))
	bom.message == "refused licences: AGPL-3.0-only of the bill of materials"
	data_of := of(fixture.changed({"version": {"facts": {"datasets": [{"name": "loanapp", "licence": "CC-BY-NC-4.0"}]}}}))
	data_of.message == "refused licences: CC-BY-NC-4.0 of dataset loanapp"
	part := of(fixture.changed({"components": [{"name": "base", "licence": "SSPL-1.0"}]}))
	part.message == "refused licences: SSPL-1.0 of component base"
}

test_malformed_does_not_stop_the_rule if {
	every document in fixture.with_malformed("sbom") {
		of(document).outcome == "pass"
	}
	of(fixture.changed({"version": {"facts": {"datasets": ["x", null, {"licence": 7}]}}})).outcome == "pass"
	of(object.union(fixture.document, {"version": {"facts": null}})).outcome == "pass"
}
