# explainability.present: it is documented how a result can be explained, and by which method.
# Data: chancery.explainability_present.kinds and .tiers.
package chancery.rules.explainability_present

import data.chancery.lib
import rego.v1

metadata := {
	"id": "explainability.present",
	"title": "an explainability report names its method",
	"gates": ["approved"],
	"references": ["ENT-12", "EU-AI-Act Art. 13", "EU-AI-Act Art. 86", "NIST AI RMF MEASURE 2.9"],
	"who": ["contributor"],
	"remedy": "add the report: `chancery evidence add NAME/VERSION --type explainability FILE`",
}

asked if lib.applies(data.chancery.explainability_present)

report := lib.newest_of("explainability")

result := {
	"outcome": "not-applicable",
	"message": concat("", [lib.subject, " need no explainability report"]),
} if {
	not asked
} else := {
	"outcome": "fail",
	"message": "no explainability report is attached",
} if {
	not report
} else := {
	"outcome": "pass",
	"message": concat("", ["explained by ", report.summary.method]),
} if {
	is_string(report.summary.method)
	report.summary.method != ""
} else := {
	"outcome": "fail",
	"message": "the explainability report names no method",
}
