# use.allowed: it is stated what the model may be used for, and nothing is both allowed and prohibited.
# Data: chancery.use_allowed.tiers that must state their uses.
package chancery.rules.use_allowed

import data.chancery.lib
import rego.v1

metadata := {
	"id": "use.allowed",
	"title": "allowed uses are stated and contradict no prohibited one",
	"gates": ["deploy"],
	"references": ["ENT-1", "DEP-1", "EU-AI-Act Art. 13", "EU-AI-Act Art. 26", "NIST AI RMF MAP 1.1"],
	"who": ["owner"],
	"remedy": "state the uses of the entry: `chancery model update NAME --file FILE` with allowed_uses and prohibited_uses",
}

asked if lib.applies(data.chancery.use_allowed)

normal(uses) := {lower(trim_space(use)) | some use in uses}

both := [use |
	some use in normal(input.model.allowed_uses)
	use in normal(input.model.prohibited_uses)
]

result := {
	"outcome": "fail",
	"message": concat("", ["both allowed and prohibited: ", lib.some_of(sort(both))]),
} if {
	count(both) > 0
} else := {
	"outcome": "fail",
	"message": "the entry states no allowed use",
} if {
	asked
	count(input.model.allowed_uses) == 0
} else := {
	"outcome": "not-applicable",
	"message": concat("", [lib.subject, " may do without stated uses"]),
} if {
	count(input.model.allowed_uses) == 0
} else := {
	"outcome": "pass",
	"message": sprintf("%d allowed uses are stated", [count(input.model.allowed_uses)]),
}
