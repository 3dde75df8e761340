# metric.threshold: required metrics are reported and inside their limits, and no result misses the limit that its own suite sets.
# Data: chancery.metric_threshold.required, a list of {metric, minimum, maximum, kinds, tiers}; either limit may be absent.
# Only evaluations bound to the version count, never the metrics that the registrar claimed. Of each suite and dataset the
# newest evaluation counts; when several report a metric, every value must be inside the limits.
package chancery.rules.metric_threshold

import data.chancery.lib
import rego.v1

metadata := {
	"id": "metric.threshold",
	"title": "required metrics are reported and inside their limits",
	"gates": ["approved"],
	"references": ["POL-2", "ENT-8", "EVD-1", "EU-AI-Act Art. 10", "EU-AI-Act Art. 15", "NIST AI RMF MEASURE 2.3"],
	"who": ["contributor", "pipeline"],
	"remedy": "improve the model and register a new version, or add a newer evaluation of the same suite",
}

required := [entry |
	some entry in data.chancery.metric_threshold.required
	lib.applies(entry)
]

wanted := {entry.metric | some entry in required}

# One walk over all metrics: the values of the required ones, for the whole dataset.
reported := [metric |
	some entry in lib.evaluations
	some metric in entry.summary.metrics
	metric.name in wanted
	lib.is_whole(metric)
]

names := {metric.name | some metric in reported}

problems contains text if {
	some name in wanted
	not name in names
	text := sprintf("%s is required for tier %s and no evaluation reports it", [name, lib.tier])
}

problems contains text if {
	some metric in reported
	not is_number(object.get(metric, "value", null))
	text := concat("", [metric.name, " is not a number"])
}

problems contains text if {
	some entry in required
	some metric in reported
	metric.name == entry.metric
	is_number(metric.value)
	metric.value < entry.minimum
	text := sprintf("%s %s is below the minimum %s for tier %s", [entry.metric, lib.shown(metric.value), lib.shown(entry.minimum), lib.tier])
}

problems contains text if {
	some entry in required
	some metric in reported
	metric.name == entry.metric
	is_number(metric.value)
	metric.value > entry.maximum
	text := sprintf("%s %s is above the maximum %s for tier %s", [entry.metric, lib.shown(metric.value), lib.shown(entry.maximum), lib.tier])
}

# The limits that the suite itself sets, for slices too.
problems contains text if {
	some entry in lib.evaluations
	some metric in entry.summary.metrics
	metric.value < metric.minimum
	is_number(metric.value)
	text := sprintf("%s %s is below the minimum %s of suite %s", [metric.name, lib.shown(metric.value), lib.shown(metric.minimum), entry.summary.suite.name])
}

problems contains text if {
	some entry in lib.evaluations
	some metric in entry.summary.metrics
	metric.value > metric.maximum
	is_number(metric.value)
	text := sprintf("%s %s is above the maximum %s of suite %s", [metric.name, lib.shown(metric.value), lib.shown(metric.maximum), entry.summary.suite.name])
}

inside := sort({text |
	some metric in reported
	is_number(metric.value)
	text := concat(" ", [metric.name, lib.shown(metric.value)])
})

result := {
	"outcome": "fail",
	"message": lib.joined(problems),
} if {
	count(problems) > 0
} else := {
	"outcome": "not-applicable",
	"message": concat("", ["no metric is required for ", lib.subject]),
} if {
	count(required) == 0
} else := {
	"outcome": "pass",
	"message": concat("", ["inside the limits for tier ", lib.tier, ": ", concat(", ", inside)]),
}
