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

ours := lib.newest(lib.evaluations(input.evidence, input.version.version_digest))

theirs := lib.newest(lib.evaluations(input.reference.evidence, input.reference.version_digest))

# What the reference reports of the guarded metrics: metric, test and value.
expected contains {"metric": reported.name, "test": lib.test_of(entry), "value": reported.value} if {
	some entry in theirs
	some reported in entry.summary.metrics
	guarded[reported.name]
	lib.is_whole(reported)
	is_number(reported.value)
}

# The same with what this version reports for that metric in that test.
comparisons := [object.union(expectation, {"found": found}) |
	some expectation in expected
	found := [value |
		some entry in ours
		lib.test_of(entry) == expectation.test
		some value in lib.values(entry.summary, expectation.metric)
	]
]

problems contains text if {
	count(comparisons) == 0
	text := sprintf("not comparable: %s has no evaluation with a guarded metric, a suite version and a dataset digest", [reference_name])
}

problems contains text if {
	some comparison in comparisons
	count(comparison.found) == 0
	text := sprintf("not comparable: no evaluation reports %s for suite %s %s and dataset %s, as that of %s does", [
		comparison.metric,
		comparison.test[0],
		comparison.test[1],
		substring(comparison.test[2], 0, 12),
		reference_name,
	])
}

problems contains text if {
	some comparison in comparisons
	some value in comparison.found
	not is_number(value)
	text := sprintf("not comparable: %s is not a number", [comparison.metric])
}

problems contains text if {
	some comparison in comparisons
	some value in comparison.found
	is_number(value)
	rule := guarded[comparison.metric]
	worse(rule, value, comparison.value)
	text := sprintf("%s %s is worse than %s of %s by more than the tolerance %s", [
		comparison.metric,
		lib.shown(value),
		lib.shown(comparison.value),
		reference_name,
		lib.shown(rule.tolerance),
	])
}

worse(rule, value, reference) if {
	rule.better == "higher"
	value < (reference - rule.tolerance) - rounding
}

worse(rule, value, reference) if {
	rule.better == "lower"
	value > (reference + rule.tolerance) + rounding
}

metrics := sort({comparison.metric | some comparison in comparisons})

result := {
	"outcome": "not-applicable",
	"message": "there is no champion, no version in production and no earlier release to compare with",
} if {
	input.reference == null
} else := {
	"outcome": "pass",
	"message": sprintf("not worse than %s: %s", [reference_name, concat(", ", metrics)]),
} if {
	count(problems) == 0
} else := {
	"outcome": "fail",
	"message": lib.joined(problems),
}
