# evaluation.complete: the evaluations cover every dimension that the kind needs.
# Data: chancery.evaluation_complete.required, a list of {dimensions, kinds, tiers}; all entries that apply add up.
package chancery.rules.evaluation_complete

import data.chancery.lib
import rego.v1

metadata := {
	"id": "evaluation.complete",
	"title": "evaluations cover every dimension that the kind needs",
	"gates": ["approved"],
	"references": ["EVD-1", "POL-2", "EU-AI-Act Art. 15", "NIST AI RMF MEASURE 2.3", "NIST AI RMF MEASURE 2.11"],
	"who": ["contributor", "pipeline"],
	"remedy": "evaluate the dimensions that are named and add the result: `chancery evidence add NAME/VERSION --type evaluation FILE`",
}

required := {dimension |
	some entry in data.chancery.evaluation_complete.required
	lib.applies(entry)
	some dimension in entry.dimensions
}

covered := {dimension |
	some entry in lib.evaluations
	some dimension in entry.summary.dimensions
}

missing := {dimension |
	some dimension in required
	not dimension in covered
}

result := {
	"outcome": "not-applicable",
	"message": concat("", [lib.subject, " need no dimension"]),
} if {
	count(required) == 0
} else := {
	"outcome": "pass",
	"message": concat("", ["evaluated for ", concat(", ", sort(required))]),
} if {
	count(missing) == 0
} else := {
	"outcome": "fail",
	"message": sprintf("%d of %d dimensions are not evaluated: %s", [count(missing), count(required), concat(", ", sort(missing))]),
}
