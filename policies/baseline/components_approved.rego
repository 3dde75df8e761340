# components.approved: every part of a system is itself authorised for production.
# Data: none: approved or released, through its own gates.
package chancery.rules.components_approved

import data.chancery.lib
import rego.v1

metadata := {
	"id": "components.approved",
	"title": "every component of a system is approved or in production",
	"gates": ["approved"],
	"references": ["SYS-1", "LIN-1", "EU-AI-Act Art. 25", "NIST AI RMF MAP 4.1"],
	"who": ["owner"],
	"remedy": "promote the components that are named (`chancery promote NAME/NUMBER --to approved`), or compose a new version of the system with approved ones",
}

problems contains text if {
	some component in input.components
	not component.state in {"approved", "production"}
	text := sprintf("%s %s/%d is %s", [component.role, component.name, component.number, component.state])
}

problems contains text if {
	some component in input.components
	component.ungated == true
	text := sprintf("%s %s/%d passed a gate that it failed", [component.role, component.name, component.number])
}

problems contains text if {
	some component in input.components
	component.tier == "prohibited"
	text := sprintf("%s %s/%d is a prohibited practice", [component.role, component.name, component.number])
}

result := {
	"outcome": "not-applicable",
	"message": concat("", ["kind ", input.model.kind, " has no components"]),
} if {
	input.model.kind != "system"
} else := {
	"outcome": "fail",
	"message": "the system has no components",
	"remedy": "register a version that pins its components (`chancery register`)",
} if {
	count(input.components) == 0
} else := {
	"outcome": "pass",
	"message": sprintf("%d components are approved or in production", [count(input.components)]),
} if {
	count(problems) == 0
} else := {
	"outcome": "fail",
	"message": lib.some_of(sort(problems)),
}
