package chancery.rules.entry_complete_test

import data.chancery.fixture
import data.chancery.rules.entry_complete
import rego.v1

of(changes) := result if {
	result := entry_complete.result with input as fixture.changed(changes)
}

test_complete_passes if {
	result := entry_complete.result with input as fixture.document
	result.outcome == "pass"
	result.completeness == 1
}

test_missing_fields_are_named if {
	result := of({"model": {"limitations": " ", "prohibited_uses": []}, "version": {"facts": {"training": {"code": null}}}})
	result.outcome == "fail"
	startswith(result.message, "4 of ")
	contains(result.message, "model.limitations, model.prohibited_uses, version.facts.training.code.commit, version.facts.training.code.repository")
	result.completeness < 1
	result.completeness > 0.5
}

test_malformed_field_is_named if {
	result := of({"model": {"intended_users": "everyone"}})
	result.outcome == "fail"
	result.message == "model.intended_users has type string instead of array"
}

test_each_element_is_looked_at if {
	result := of({"version": {"facts": {"datasets": [{"name": "a", "version": "1"}, {"name": "b"}, {"version": " "}]}}})
	result.outcome == "fail"
	result.message == "version.facts.datasets[1] has no version; version.facts.datasets[2] has no name; version.facts.datasets[2] has no version"
}

test_elements_of_another_type_are_named if {
	result := of({"version": {"facts": {"datasets": ["loanapp", 7]}}})
	result.outcome == "fail"
}

# `false` is an answer; null is none.
test_false_is_filled if {
	of({"model": {"personal_data": false}}).outcome == "pass"
	of({"model": {"personal_data": null}}).outcome == "fail"
}

test_later_targets_need_more if {
	of({"target": "candidate", "model": {"ownership": {"business_unit": ""}}}).outcome == "pass"
	of({"target": "approved", "model": {"ownership": {"business_unit": ""}}}).outcome == "pass"
	of({"target": "production", "model": {"ownership": {"business_unit": ""}}}).outcome == "fail"
}

# The score does not depend on the target, only on what is filled.
test_score_is_the_same_for_all_targets if {
	scores := {score |
		some target in ["candidate", "approved", "production"]
		score := of({"target": target, "model": {"licence": ""}}).completeness
	}
	count(scores) == 1
}

test_minimal_needs_little if {
	minimal := {"model": {"risk": {"tier": "minimal"}, "limitations": "", "use_case": ""}}
	of(minimal).outcome == "pass"
	of(object.union(minimal, {"model": {"description": ""}})).outcome == "fail"
}

test_prompt_needs_no_framework if of({"model": {"kind": "prompt"}, "version": {"facts": {"framework": null}}}).outcome == "pass"

test_organisation_adds_a_field if {
	extended := array.concat(data.chancery.entry_complete.required, [{"field": "model.document_id", "type": "string", "from": "candidate"}])
	result := entry_complete.result with input as fixture.document with data.chancery.entry_complete.required as extended
	result.outcome == "fail"
	contains(result.message, "model.document_id")
}

test_unknown_target_fails if of({"target": "retired"}).outcome == "fail"
