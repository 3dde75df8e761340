# owner.present: somebody answers for the model. Unowned models are found on schedule.
# Data: chancery.owner_present.required, a list of {member, kinds, tiers}: members of `model.ownership`.
package chancery.rules.owner_present

import data.chancery.lib
import rego.v1

metadata := {
	"id": "owner.present",
	"title": "owner, team and stand-ins that the tier needs are named",
	"gates": ["schedule"],
	"references": ["ENT-2", "HYG-1", "POL-6", "NIST AI RMF GOVERN 1.6"],
	"who": ["owner", "administrator"],
	"remedy": "name them: `chancery model update NAME --file FILE`",
}

absent := [entry.member |
	some entry in data.chancery.owner_present.required
	lib.applies(entry)
	trim_space(object.get(input.model.ownership, entry.member, "")) == ""
]

result := {
	"outcome": "pass",
	"message": concat("", ["owned by ", input.model.ownership.owner]),
} if {
	count(absent) == 0
} else := {
	"outcome": "fail",
	"message": concat("", ["nobody is named for ", concat(", ", absent)]),
}
