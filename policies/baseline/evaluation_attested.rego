# evaluation.attested: every dimension that the kind needs rests on a result that a trusted key signed, not on a claim.
# Data: chancery.evaluation_attested.kinds and .tiers; the dimensions are those of chancery.evaluation_complete.
package chancery.rules.evaluation_attested

import data.chancery.lib
import data.chancery.rules.evaluation_complete
import rego.v1

metadata := {
	"id": "evaluation.attested",
	"title": "required evaluations are signed by a trusted pipeline",
	"gates": ["approved"],
	"references": ["ENT-17", "EVD-1", "EVD-2", "EU-AI-Act Annex IV 2(g)"],
	"who": ["pipeline"],
	"remedy": "let the pipeline that evaluates sign the result (DSSE, with the key registered for it) and add it: `chancery evidence add NAME/VERSION --type evaluation FILE`",
}

asked if lib.applies(data.chancery.evaluation_attested)

signed := {dimension |
	some entry in lib.evaluations
	entry.grade == "attested"
	some dimension in entry.summary.dimensions
}

claimed := {dimension |
	some dimension in evaluation_complete.required
	not dimension in signed
}

result := {
	"outcome": "not-applicable",
	"message": concat("", [lib.subject, " need no signed evaluation"]),
} if {
	not asked
} else := {
	"outcome": "pass",
	"message": "every required dimension is evaluated and signed",
} if {
	count(claimed) == 0
} else := {
	"outcome": "fail",
	"message": concat("", ["no signed evaluation of ", concat(", ", sort(claimed))]),
}
