# condition.due: conditions of approvals are met before they are missed, whatever their effect.
# Data: chancery.condition_due.days of warning.
package chancery.rules.condition_due

import data.chancery.lib
import data.chancery.lib_time
import rego.v1

metadata := {
	"id": "condition.due",
	"title": "no condition of an approval is due soon or missed",
	"gates": ["schedule"],
	"references": ["APR-6", "REV-1", "NIST AI RMF MANAGE 1.1"],
	"who": ["owner"],
	"remedy": "do what the condition asks and record it: `chancery promotion condition met NAME/VERSION NUMBER`",
}

days := data.chancery.condition_due.days

due := {text |
	some condition in input.conditions
	condition.status in {"open", "missed"}
	lib.instant(condition.due) - lib_time.now <= days * lib_time.day
	text := sprintf("%s (%s, owed by %s until %s)", [condition.text, condition.status, condition.owner, condition.due])
}

result := {
	"outcome": "not-applicable",
	"message": "no approval has a condition",
} if {
	count(input.conditions) == 0
} else := {
	"outcome": "pass",
	"message": sprintf("no condition is due within %d days", [days]),
} if {
	count(due) == 0
} else := {
	"outcome": "fail",
	"message": lib.some_of(sort(due)),
}
