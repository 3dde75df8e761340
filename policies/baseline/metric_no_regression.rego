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
expected contains {"metric": metric, "test": lib.test_of(entry), "value": value} if {
	some entry in theirs
	some metric, _ in guarded
	some value in lib.values(entry.document, metric)
	is_number(value)
}

# What this version reports for the same metric in the same test.
found(expectation) := [value |
	some entry in ours
	lib.test_of(entry) == expectation.test
	some value in lib.values(entry.document, expectation.metric)
]

problems contains text if {
	count(expected) == 0
	text := sprintf("not comparable: %s has no evaluation with a guarded metric, a suite version and a dataset digest", [reference_name])
}

problems contains text if {
	some expectation in expected
	count(found(expectation)) == 0
	text := sprintf("not comparable: no evaluation reports %s for suite %s %s and dataset %s, as that of %s does", [
		expectation.metric,
		expectation.test[0],
		expectation.test[1],
		substring(expectation.test[2], 0, 12),
		reference_name,
	])
}

problems contains text if {
	some expectation in expected
	some value in found(expectation)
	not is_number(value)
	text := sprintf("not comparable: %s is not a number", [expectation.metric])
}

problems contains text if {
	some expectation in expected
	some value in found(expectation)
	is_number(value)
	rule := guarded[expectation.metric]
	worse(rule, value, expectation.value)
	text := sprintf("%s %s is worse than %s of %s by more than the tolerance %s", [
		expectation.metric,
		lib.shown(value),
		lib.shown(expectation.value),
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

metrics := sort({expectation.metric | some expectation in expected})

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
