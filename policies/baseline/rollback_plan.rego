# rollback.plan: it is written down, step by step, how to go back.
# Data: chancery.rollback_plan.kinds, .tiers and .tested_tiers (the plan must say when it was tried). The plan added last counts.
package chancery.rules.rollback_plan

import data.chancery.lib
import data.chancery.lib_time
import rego.v1

metadata := {
	"id": "rollback.plan",
	"title": "a rollback plan with steps is attached",
	"gates": ["production"],
	"references": ["LIF-5", "EU-AI-Act Art. 20", "NIST AI RMF MANAGE 2.4"],
	"who": ["contributor", "owner"],
	"remedy": "write the steps and add the plan: `chancery evidence add NAME/VERSION --type plan FILE`",
}

limits := data.chancery.rollback_plan

asked if lib.applies(limits)

plan := lib.last_added([entry |
	some entry in lib.of_type("plan")
	entry.summary.plan == "rollback"
])

steps := lib.elements(object.get(plan.summary, "steps", []))

test_needed if lib.tier in limits.tested_tiers

tested if {
	is_string(plan.summary.tested_at)
	lib.instant(plan.summary.tested_at) <= lib_time.now
}

result := {
	"outcome": "not-applicable",
	"message": concat("", [lib.subject, " need no rollback plan"]),
} if {
	not asked
} else := {
	"outcome": "fail",
	"message": "no rollback plan is attached",
} if {
	not plan
} else := {
	"outcome": "fail",
	"message": "the rollback plan has no steps",
} if {
	count(steps) == 0
} else := {
	"outcome": "fail",
	"message": "the rollback plan was never tried",
	"remedy": "try it, write the date into the plan as `tested_at`, and add it again",
} if {
	test_needed
	not tested
} else := {
	"outcome": "pass",
	"message": sprintf("a rollback plan with %d steps is attached", [count(steps)]),
}
