package chancery.rules.components_approved_test

import data.chancery.fixture
import data.chancery.rules.components_approved
import rego.v1

component(changes) := object.union({"role": "prompt", "name": "greeting", "number": 3, "state": "approved", "tier": "limited", "ungated": false}, changes)

of(components) := result if {
	result := components_approved.result with input as fixture.changed({"model": {"kind": "system"}, "components": components})
}

test_approved_components_pass if {
	of([component({}), component({"role": "model", "state": "production"})]) == {"outcome": "pass", "message": "2 components are approved or in production"}
}

test_others_are_named if {
	every state in ["draft", "candidate", "deprecated", "retired"] {
		of([component({}), component({"state": state})]).message == concat("", ["prompt greeting/3 is ", state])
	}
	of([component({"ungated": true})]).message == "prompt greeting/3 passed a gate that it failed"
	of([component({"tier": "prohibited"})]).message == "prompt greeting/3 is a prohibited practice"
}

test_no_components_fail if of([]).message == "the system has no components"

test_model_is_not_applicable if {
	result := components_approved.result with input as fixture.document
	result.outcome == "not-applicable"
}
