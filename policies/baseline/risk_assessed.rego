# risk.assessed: somebody assessed the risks of this version, recently, for the tier it has, and concluded that they are acceptable.
# Data: chancery.risk_assessed.tiers and .days. The assessment that was added last counts.
package chancery.rules.risk_assessed

import data.chancery.lib
import data.chancery.lib_time
import rego.v1

metadata := {
	"id": "risk.assessed",
	"title": "a risk assessment of this version concludes that its risks are acceptable",
	"gates": ["approved"],
	"references": ["APR-5", "ENT-3", "EU-AI-Act Art. 9", "NIST AI RMF MANAGE 1.1"],
	"who": ["contributor", "owner"],
	"remedy": "assess the risks and add the assessment: `chancery evidence add NAME/VERSION --type risk-assessment FILE`",
}

limits := data.chancery.risk_assessed

asked if lib.applies(limits)

assessment := lib.newest_of("risk-assessment")

conclusion := object.get(assessment.summary, "conclusion", "")

about := object.get(assessment.summary, "tier", input.model.risk.tier)

result := {
	"outcome": "not-applicable",
	"message": concat("", [lib.subject, " need no risk assessment"]),
} if {
	not asked
} else := {
	"outcome": "fail",
	"message": "no risk assessment is attached",
} if {
	not assessment
} else := {
	"outcome": "fail",
	"message": sprintf("the risk assessment concludes %v", [conclusion]),
	"remedy": "mitigate the risks that it names, register a new version if the model changes, and assess it again",
} if {
	not conclusion in {"acceptable", "acceptable-with-mitigations"}
} else := {
	"outcome": "fail",
	"message": sprintf("the risk assessment is about tier %v, and the model has tier %s", [about, input.model.risk.tier]),
} if {
	not about in {input.model.risk.tier, lib.tier}
} else := {
	"outcome": "fail",
	"message": sprintf("the risk assessment is more than %d days old", [limits.days]),
} if {
	lib_time.is_older(lib.made(assessment, object.get(assessment.summary, "date", null)), limits.days)
} else := {
	"outcome": "pass",
	"message": concat("", ["the risk assessment concludes ", conclusion]),
}
