# change.assessed: what changed against the version it would replace is written down, with whom it affects.
# Data: chancery.change_assessed.tiers. The change summary that was added last counts.
package chancery.rules.change_assessed

import data.chancery.lib
import rego.v1

metadata := {
	"id": "change.assessed",
	"title": "a change summary with an impact assessment is attached",
	"gates": ["approved"],
	"references": ["APR-7", "APR-1", "EU-AI-Act Annex IV 6"],
	"who": ["contributor", "owner"],
	"remedy": "write what changed, whom it affects and how to go back, and add it: `chancery evidence add NAME/VERSION --type change-summary FILE`",
}

asked if lib.applies(data.chancery.change_assessed)

change := lib.newest_of("change-summary")

impact := change.summary.impact

result := {
	"outcome": "not-applicable",
	"message": "there is no version that this one would replace",
} if {
	input.reference == null
} else := {
	"outcome": "not-applicable",
	"message": concat("", [lib.subject, " need no change summary"]),
} if {
	not asked
} else := {
	"outcome": "fail",
	"message": "no change summary is attached",
} if {
	not change
} else := {
	"outcome": "fail",
	"message": "the change summary has no impact assessment",
} if {
	not impact.severity
} else := {
	"outcome": "fail",
	"message": "the change summary says that nothing breaks, and the signature breaks callers",
} if {
	input.reference.signature_change == "breaking"
	object.get(impact, "breaking", false) != true
} else := {
	"outcome": "pass",
	"message": concat("", ["the change is assessed: impact ", impact.severity]),
}
