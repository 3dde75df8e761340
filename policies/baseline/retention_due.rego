# retention.due: the time for which a version that serves nobody must be kept has ended, and somebody should decide what comes then.
# Data: chancery.retention_due.days by tier: ten years. A version in production is kept, however old it is. Nothing is destroyed
# by this rule: that takes a recorded order.
package chancery.rules.retention_due

import data.chancery.lib
import data.chancery.lib_time
import rego.v1

metadata := {
	"id": "retention.due",
	"title": "the retention period of a version that serves nobody has not ended",
	"gates": ["schedule"],
	"references": ["RET-1", "RET-2", "EU-AI-Act Art. 18"],
	"who": ["owner", "administrator"],
	"remedy": "decide whether it is kept longer or retired: `chancery retire NAME/VERSION --reason TEXT`",
}

days := data.chancery.retention_due.days[lib.tier]

result := {
	"outcome": "not-applicable",
	"message": "a version in production is kept",
} if {
	input.version.state == "production"
} else := {
	"outcome": "fail",
	"message": sprintf("it was registered at %s, and its retention period of %d days has ended", [input.version.registered_at, days]),
} if {
	lib_time.is_older(lib.instant(input.version.registered_at), days)
} else := {
	"outcome": "pass",
	"message": concat("", ["it is kept; registered at ", input.version.registered_at]),
}
