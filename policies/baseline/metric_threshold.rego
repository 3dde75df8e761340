# metric.threshold: required metrics are reported and inside their limits.
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
	"references": ["POL-2", "ENT-8", "EU-AI-Act Art. 10", "EU-AI-Act Art. 15"],
	"who": ["contributor", "pipeline"],
	"remedy": "improve the model and register a new version, or add a newer evaluation of the same suite",
}

required := [entry |
	some entry in data.chancery.metric_threshold.required
	lib.applies(entry)
]

counted := lib.newest(lib.evaluations(input.evidence, input.version.version_digest))

values_of(metric) := [value |
	some entry in counted
	some value in lib.values(entry.summary, metric)
]

problems contains text if {
	some entry in required
	count(values_of(entry.metric)) == 0
	text := sprintf("%s is required for tier %s and no evaluation reports it", [entry.metric, lib.tier])
}

problems contains text if {
	some entry in required
	some value in values_of(entry.metric)
	not is_number(value)
	text := sprintf("%s is not a number", [entry.metric])
}

problems contains text if {
	some entry in required
	some value in values_of(entry.metric)
	is_number(value)
	value < entry.minimum
	text := sprintf("%s %s is below the minimum %s for tier %s", [entry.metric, lib.shown(value), lib.shown(entry.minimum), lib.tier])
}

problems contains text if {
	some entry in required
	some value in values_of(entry.metric)
	is_number(value)
	value > entry.maximum
	text := sprintf("%s %s is above the maximum %s for tier %s", [entry.metric, lib.shown(value), lib.shown(entry.maximum), lib.tier])
}

inside := [text |
	some entry in required
	some value in values_of(entry.metric)
	is_number(value)
	text := sprintf("%s %s", [entry.metric, lib.shown(value)])
]

result := {
	"outcome": "not-applicable",
	"message": sprintf("no metric is required for kind %s and tier %s", [input.model.kind, lib.tier]),
} if {
	count(required) == 0
} else := {
	"outcome": "pass",
	"message": sprintf("inside the limits for tier %s: %s", [lib.tier, concat(", ", sort(inside))]),
} if {
	count(problems) == 0
} else := {
	"outcome": "fail",
	"message": lib.joined(problems),
}
