# monitor.linked: it is planned what is watched in production, and where to look.
# Data: chancery.monitor_linked.kinds, .tiers and .address_tiers (a monitor must say where it is).
# The monitoring plan that was added last counts. What monitors report is read once deployments exist.
package chancery.rules.monitor_linked

import data.chancery.lib
import rego.v1

metadata := {
	"id": "monitor.linked",
	"title": "a monitoring plan names the monitors of the version",
	"gates": ["production"],
	"references": ["MON-1", "EU-AI-Act Art. 72", "NIST AI RMF MEASURE 2.4", "NIST AI RMF MANAGE 4.1"],
	"who": ["contributor", "owner"],
	"remedy": "write a monitoring plan with its monitors and their addresses, and add it: `chancery evidence add NAME/VERSION --type plan FILE`",
}

limits := data.chancery.monitor_linked

asked if lib.applies(limits)

plan := lib.last_added([entry |
	some entry in lib.of_type("plan")
	entry.summary.plan == "monitoring"
])

monitors := [monitor |
	some monitor in lib.elements(plan.summary.monitors)
	monitor.name != ""
]

address_needed if lib.tier in limits.address_tiers

linked := [monitor |
	some monitor in monitors
	monitor.address != ""
]

result := {
	"outcome": "not-applicable",
	"message": concat("", [lib.subject, " need no monitor"]),
} if {
	not asked
} else := {
	"outcome": "fail",
	"message": "no monitoring plan is attached",
} if {
	not plan
} else := {
	"outcome": "fail",
	"message": "the monitoring plan names no monitor",
} if {
	count(monitors) == 0
} else := {
	"outcome": "fail",
	"message": "the monitoring plan says of no monitor where it is",
} if {
	address_needed
	count(linked) == 0
} else := {
	"outcome": "pass",
	"message": concat("", ["watched by ", lib.some_of([monitor.name | some monitor in monitors])]),
}
