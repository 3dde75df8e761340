# evaluation.baseline: somebody evaluated this version, and the result is evidence bound to it.
# Data: chancery.evaluation_baseline.kinds and .minimum (number of evaluations).
package chancery.rules.evaluation_baseline

import data.chancery.lib
import rego.v1

metadata := {
	"id": "evaluation.baseline",
	"title": "at least one evaluation is bound to this version or its bytes",
	"gates": ["candidate"],
	"references": ["ENT-8", "POL-2", "EU-AI-Act Art. 15"],
	"who": ["contributor", "pipeline"],
	"remedy": "run the evaluation suite and add its result: `chancery evidence add NAME/VERSION --type evaluation FILE`",
}

asked if input.model.kind in data.chancery.evaluation_baseline.kinds

minimum := data.chancery.evaluation_baseline.minimum

bound := lib.evaluations(input.evidence, input.version.version_digest)

# Evaluations that are there but do not count; the message says so, or their absence would surprise.
others := count([1 | some entry in input.evidence; entry.type == "evaluation"]) - count(bound)

result := {
	"outcome": "not-applicable",
	"message": sprintf("kind %s needs no evaluation", [input.model.kind]),
} if {
	not asked
} else := {
	"outcome": "pass",
	"message": sprintf("%d evaluations are bound to this version", [count(bound)]),
} if {
	count(bound) >= minimum
} else := {
	"outcome": "fail",
	"message": sprintf("%d evaluations are bound to this version and %d are needed; %d more are malformed or about other bytes", [count(bound), minimum, others]),
} if {
	others > 0
} else := {
	"outcome": "fail",
	"message": sprintf("%d evaluations are bound to this version and %d are needed", [count(bound), minimum]),
}
