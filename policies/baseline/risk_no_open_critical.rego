# risk.no-open-critical: no critical risk is open, in the register or in the newest assessment.
# Data: chancery.risk_no_open_critical.levels and .statuses that block.
package chancery.rules.risk_no_open_critical

import data.chancery.lib
import rego.v1

metadata := {
	"id": "risk.no-open-critical",
	"title": "no critical risk is open",
	"gates": ["approved"],
	"references": ["RSK-1", "APR-5", "EU-AI-Act Art. 9", "NIST AI RMF MANAGE 1.1"],
	"who": ["owner", "ai-governance"],
	"remedy": "mitigate or accept the risk in the register (`chancery risk`)",
}

limits := data.chancery.risk_no_open_critical

open_risks contains concat("", [risk.id, " ", risk.title]) if {
	some risk in input.risks
	risk.level in limits.levels
	risk.status in limits.statuses
}

# The status in an assessment is a free word; one that is absent is open.
open_risks contains text if {
	some risk in lib.elements(lib.newest_of("risk-assessment").summary.risks)
	risk.severity in limits.levels
	object.get(risk, "status", "open") in limits.statuses
	text := sprintf("%v in the risk assessment", [risk.title])
}

result := {
	"outcome": "pass",
	"message": "no critical risk is open",
} if {
	count(open_risks) == 0
} else := {
	"outcome": "fail",
	"message": concat("", ["open risks: ", lib.some_of(sort(open_risks))]),
}
