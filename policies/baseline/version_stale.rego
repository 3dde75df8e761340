# version.stale: a version that is approved or serves was looked at within the time that its state allows.
# Data: chancery.version_stale.days by state. The age counts from registration or the newest evaluation, whichever is later.
package chancery.rules.version_stale

import data.chancery.lib
import data.chancery.lib_time
import rego.v1

metadata := {
	"id": "version.stale",
	"title": "the version was registered or evaluated within the time that its state allows",
	"gates": ["schedule"],
	"references": ["HYG-1", "REV-1", "EU-AI-Act Art. 72", "NIST AI RMF MEASURE 2.4"],
	"who": ["owner"],
	"remedy": "evaluate it again (`chancery evidence add NAME/VERSION --type evaluation FILE`), release a newer version, or deprecate this one: `chancery deprecate NAME/VERSION --reason TEXT`",
}

days := data.chancery.version_stale.days[input.version.state]

last := max(array.concat([input.version.registered_at], [entry.at | some entry in lib.evaluations]))

result := {
	"outcome": "not-applicable",
	"message": concat("", ["state ", input.version.state, " does not go stale"]),
} if {
	not days
} else := {
	"outcome": "fail",
	"message": sprintf("nobody registered or evaluated it in the last %d days; last at %s", [days, last]),
} if {
	lib_time.is_older(lib.instant(last), days)
} else := {
	"outcome": "pass",
	"message": concat("", ["registered or evaluated at ", last]),
}
