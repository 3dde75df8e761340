# metric.no-regression: the version is not worse than the one it would replace.
# Data: chancery.metric_no_regression.guarded, metric → {better: higher|lower, tolerance}.
# Two results are compared only when suite, suite version and dataset digest are the same: anything else is not
# comparable, and not comparable fails. A guarded metric that the reference does not report is not compared.
package chancery.rules.metric_no_regression

import data.chancery.lib
import rego.v1

metadata := {
	"id": "metric.no-regression",
	"title": "no guarded metric is worse than that of the version it is compared with",
	"gates": ["approved"],
	"references": ["POL-2", "APR-1", "EU-AI-Act Art. 15"],
	"who": ["contributor", "pipeline"],
	"remedy": "evaluate both versions with the same suite version and dataset, or improve the model and register a new version",
}

guarded := data.chancery.metric_no_regression.guarded

# Differences below this are rounding, not regression.
rounding := 0.000000001

reference_name := sprintf("%s %d", [input.reference.why, input.reference.number])

# What the reference reports of the guarded metrics.
expected := [{"metric": metric.name, "test": test, "value": metric.value} |
	some entry in lib.reference_evaluations
	lib.exact_test(entry.summary)
	test := lib.exact_test(entry.summary)
	some metric in entry.summary.metrics
	guarded[metric.name]
	is_number(metric.value)
	lib.is_whole(metric)
]

# What this version reports of them.
reported := [{"metric": metric.name, "test": test, "value": object.get(metric, "value", null)} |
	some entry in lib.evaluations
	lib.exact_test(entry.summary)
	test := lib.exact_test(entry.summary)
	some metric in entry.summary.metrics
	guarded[metric.name]
	lib.is_whole(metric)
]

measured := {[found.metric, found.test] | some found in reported}

problems contains text if {
	count(expected) == 0
	text := sprintf("not comparable: %s has no evaluation with a guarded metric, a suite version and a dataset digest", [reference_name])
}

problems contains text if {
	some wanted in expected
	not [wanted.metric, wanted.test] in measured
	text := sprintf("not comparable: no evaluation reports %s for suite %s %s and dataset %s, as that of %s does", [
		wanted.metric,
		wanted.test[0],
		wanted.test[1],
		substring(wanted.test[2], 0, 12),
		reference_name,
	])
}

problems contains text if {
	some wanted in expected
	some found in reported
	found.metric == wanted.metric
	found.test == wanted.test
	not is_number(found.value)
	text := sprintf("not comparable: %s is not a number", [wanted.metric])
}

problems contains text if {
	some wanted in expected
	some found in reported
	found.metric == wanted.metric
	found.test == wanted.test
	is_number(found.value)
	rule := guarded[wanted.metric]
	is_worse(rule, found.value, wanted.value)
	text := sprintf("%s %s is worse than %s of %s by more than the tolerance %s", [
		wanted.metric,
		lib.shown(found.value),
		lib.shown(wanted.value),
		reference_name,
		lib.shown(rule.tolerance),
	])
}

is_worse(rule, value, reference) if {
	rule.better == "higher"
	value < (reference - rule.tolerance) - rounding
}

is_worse(rule, value, reference) if {
	rule.better == "lower"
	value > (reference + rule.tolerance) + rounding
}

result := {
	"outcome": "not-applicable",
	"message": "there is no champion, no version in production and no earlier release to compare with",
} if {
	input.reference == null
} else := {
	"outcome": "pass",
	"message": sprintf("not worse than %s: %s", [reference_name, concat(", ", sort({wanted.metric | some wanted in expected}))]),
} if {
	count(problems) == 0
} else := {
	"outcome": "fail",
	"message": lib.joined(problems),
}
