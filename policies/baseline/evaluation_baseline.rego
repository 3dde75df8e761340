# evaluation.baseline: somebody evaluated this version, and the result is evidence bound to it.
# Data: chancery.evaluation_baseline.kinds and .minimum (number of evaluations).
package chancery.rules.evaluation_baseline

import data.chancery.lib
import rego.v1

metadata := {
	"id": "evaluation.baseline",
	"title": "at least one evaluation is bound to this version or its bytes",
	"gates": ["candidate"],
	"references": ["ENT-8", "POL-2", "EVD-1", "EU-AI-Act Art. 15", "NIST AI RMF MEASURE 2.1"],
	"who": ["contributor", "pipeline"],
	"remedy": "run the evaluation suite and add its result: `chancery evidence add NAME/VERSION --type evaluation FILE`",
}

limits := data.chancery.evaluation_baseline

asked if input.model.kind in limits.kinds

# An evaluation without a single metric says nothing.
telling := [1 |
	some entry in lib.evaluations
	count(entry.summary.metrics) > 0
]

# Evaluations that are there but do not count; the message says so, or their absence would surprise.
others := count([1 |
	some entry in input.evidence
	entry.type == "evaluation"
]) - count(telling)

result := {
	"outcome": "not-applicable",
	"message": concat("", ["kind ", input.model.kind, " needs no evaluation"]),
} if {
	not asked
} else := {
	"outcome": "pass",
	"message": sprintf("%d evaluations are bound to this version", [count(telling)]),
} if {
	count(telling) >= limits.minimum
} else := {
	"outcome": "fail",
	"message": sprintf("%d evaluations are bound to this version and %d are needed; %d more are replaced by newer ones, without metrics, or about other bytes", [count(telling), limits.minimum, others]),
} if {
	others > 0
} else := {
	"outcome": "fail",
	"message": sprintf("%d evaluations are bound to this version and %d are needed", [count(telling), limits.minimum]),
}
