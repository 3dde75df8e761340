# condition.met: no condition of an earlier approval that blocks is overdue.
# Data: none. An approver says what happens when a condition is missed; only the effect `block` stops promotions.
package chancery.rules.condition_met

import data.chancery.lib
import rego.v1

metadata := {
	"id": "condition.met",
	"title": "no condition of an approval that blocks was missed",
	"gates": ["approved"],
	"references": ["APR-6", "LIF-2", "NIST AI RMF MANAGE 1.1"],
	"who": ["owner"],
	"remedy": "do what the condition asks and record it: `chancery promotion condition met NAME/VERSION NUMBER`",
}

missed := {text |
	some condition in input.conditions
	condition.status == "missed"
	condition.effect == "block"
	text := sprintf("%s (owed by %s since %s)", [condition.text, condition.owner, condition.due])
}

result := {
	"outcome": "not-applicable",
	"message": "no approval has a condition",
} if {
	count(input.conditions) == 0
} else := {
	"outcome": "pass",
	"message": "no condition that blocks is overdue",
} if {
	count(missed) == 0
} else := {
	"outcome": "fail",
	"message": concat("", ["missed: ", lib.some_of(sort(missed))]),
}
