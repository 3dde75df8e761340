# evaluation.fresh: what the evaluations cover is covered by results that are young enough, from an accepted version of the suite.
# Data: chancery.evaluation_fresh.days by tier, and .suites, suite name → accepted versions (a suite that is not named: any).
# The age counts from the end of the evaluation, or from when it was added if it names no end or a later one. Results bind to
# digests, so a new prompt, template or composition starts without any.
package chancery.rules.evaluation_fresh

import data.chancery.lib
import data.chancery.lib_time
import rego.v1

metadata := {
	"id": "evaluation.fresh",
	"title": "evaluations are young enough and of an accepted suite version",
	"gates": ["approved"],
	"references": ["POL-3", "EVD-1", "SYS-1", "EU-AI-Act Art. 15", "NIST AI RMF MEASURE 2.4"],
	"who": ["contributor", "pipeline"],
	"remedy": "run the suite again and add its result: `chancery evidence add NAME/VERSION --type evaluation FILE`",
}

limits := data.chancery.evaluation_fresh

days := limits.days[lib.tier]

old := [entry |
	some entry in lib.evaluations
	lib_time.is_older(lib.made(entry, object.get(entry.summary, "completed_at", null)), days)
]

outdated := [entry |
	some entry in lib.evaluations
	some name, versions in limits.suites
	name == entry.summary.suite.name
	not entry.summary.suite.version in versions
]

stale := {entry.digest | some entry in array.concat(old, outdated)}

# A dimension may rest on several results; one that is fresh is enough.
covered := {dimension |
	some entry in lib.evaluations
	not entry.digest in stale
	some dimension in entry.summary.dimensions
}

uncovered := {dimension |
	some entry in array.concat(old, outdated)
	some dimension in entry.summary.dimensions
	not dimension in covered
}

reasons contains concat("", ["suite ", entry.summary.suite.name, " was run more than ", format_int(days, 10), " days ago"]) if some entry in old

reasons contains concat("", ["suite ", entry.summary.suite.name, " was run in version ", entry.summary.suite.version]) if some entry in outdated

result := {
	"outcome": "not-applicable",
	"message": concat("", ["tier ", lib.tier, " sets no age for evaluations"]),
} if {
	not days
} else := {
	"outcome": "not-applicable",
	"message": "there is no evaluation whose age could be checked",
} if {
	count(lib.evaluations) == 0
} else := {
	"outcome": "pass",
	"message": concat("", ["evaluated within the last ", format_int(days, 10), " days"]),
} if {
	count(uncovered) == 0
	count(stale) < count(lib.evaluations)
} else := {
	"outcome": "fail",
	"message": concat("", ["no fresh evaluation of ", concat(", ", sort(uncovered)), ": ", lib.joined(reasons)]),
} if {
	count(uncovered) > 0
} else := {
	"outcome": "fail",
	"message": concat("", ["no fresh evaluation: ", lib.joined(reasons)]),
}
