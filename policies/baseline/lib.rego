# Values and functions that several rules share. No rule lives here. A value is computed once for a rule, however often it is
# named; a function every time.
package chancery.lib

import rego.v1

# The tier that rules go by. Under enforce nobody profits from not classifying: unclassified counts as high.
# Under warn it counts as minimal. A prohibited model is refused by the core; its other findings read as for high.
tier := "high" if {
	input.model.risk.tier in {"high", "prohibited"}
} else := "high" if {
	input.model.risk.tier == "unclassified"
	input.mode == "enforce"
} else := "minimal" if {
	input.model.risk.tier == "unclassified"
} else := input.model.risk.tier

# Whether an entry of a requirement list in data.json speaks about this kind and tier. A list that is not given means all.
applies(entry) if {
	input.model.kind in object.get(entry, "kinds", [input.model.kind])
	tier in object.get(entry, "tiers", [tier])
}

# What a rule that asks nothing says it was about.
subject := concat("", ["kind ", input.model.kind, " and tier ", tier])

# How far a state is on the way to production; states that no gate leads to have no rank.
rank := {"candidate": 1, "approved": 2, "production": 3}

# Times that the registry wrote are texts of one width (UTC, six decimals): they compare as texts. Times in documents do not:
# they are RFC 3339 with any offset, or a date.
instant(text) := time.parse_rfc3339_ns(text) if {
	contains(text, "T")
} else := time.parse_rfc3339_ns(concat("", [text, "T00:00:00Z"]))

# When a document was made: the moment it states, but never later than it was added.
made(entry, stated) := min([instant(stated), instant(entry.at)]) if {
	is_string(stated)
	stated != ""
} else := instant(entry.at)

# The digests that evidence can bind to and still speak about the whole version.
own := {"version": input.version.version_digest, "content": input.version.content_digest}

# Evidence of a type that was read and is about exactly this version: no other digest counts, whoever attached it.
of_type(wanted) := [entry |
	some entry in input.evidence
	entry.type == wanted
	entry.binds_to.digest == own[entry.binds_to.kind]
	is_object(entry.summary)
]

# The evidence of a type that counts: the one that was added last; of two at the same moment that with the larger digest.
newest_of(wanted) := last_added(of_type(wanted))

last_added(entries) := entries[0] if {
	count(entries) == 1
} else := entry if {
	count(entries) > 1
	key := max([[candidate.at, candidate.digest] | some candidate in entries])
	some entry in entries
	entry.digest == key[1]
}

# Reviews by people who did not make the version. The last word of a person counts.
independent_reviews := [entry |
	some entry in of_type("review")
	not entry.actor in input.authors
]

reviews := independent_reviews if {
	count(independent_reviews) < 2
} else := [entry |
	some entry in independent_reviews
	entry.digest == max([[other.at, other.digest] |
		some other in independent_reviews
		other.actor == entry.actor
		other.summary.kind == entry.summary.kind
	])[1]
]

# Evaluations of this version that count, and those of the version it is compared with.
evaluations := latest_of_each_test([entry |
	some entry in of_type("evaluation")
	is_array(entry.summary.metrics)
	not is_about_another(entry.summary)
])

# The registry chose the evidence of the reference: it lists what is attached to that version, whose content digest is no part of the input.
reference_evaluations := latest_of_each_test([entry |
	some entry in input.reference.evidence
	entry.type == "evaluation"
	is_array(entry.summary.metrics)
	is_of_reference(entry.binds_to)
])

is_of_reference(binding) if binding.kind == "content"

is_of_reference(binding) if {
	binding.kind == "version"
	binding.digest == input.reference.version_digest
}

# A document that says what it measured, and says something else.
is_about_another(summary) if summary.subject.version_digest != own.version

is_about_another(summary) if summary.subject.content_digest != own.content

# The composition of a system is its content.
is_about_another(summary) if summary.subject.composition_digest != own.content

# Suite and dataset without the suite's version: a later evaluation of the same test replaces an earlier one.
same_test_as(summary) := [
	object.get(summary, ["suite", "name"], ""),
	object.get(summary, ["dataset", "digest"], object.get(summary, ["dataset", "name"], "")),
]

# Signed results are not replaced by claimed ones; otherwise the one that was added last replaces the others.
weight_of(entry) := [1, entry.at, entry.digest] if {
	entry.grade == "attested"
} else := [0, entry.at, entry.digest]

latest_of_each_test(entries) := entries if {
	count(entries) < 2
} else := [candidate.entry |
	some candidate in weighed(entries)
	candidate.weight == max([other.weight |
		some other in weighed(entries)
		other.line == candidate.line
	])
]

weighed(entries) := [{"line": same_test_as(entry.summary), "weight": weight_of(entry), "entry": entry} | some entry in entries]

# What makes two evaluations comparable: suite name, suite version and dataset digest. Undefined when one is not given.
exact_test(summary) := [summary.suite.name, summary.suite.version, summary.dataset.digest] if {
	is_string(summary.suite.name)
	is_string(summary.suite.version)
	is_string(summary.dataset.digest)
	summary.suite.version != ""
}

# Whether a reported value is about the whole dataset, not about a slice of it.
is_whole(metric) if object.get(metric, "slice", "") in {null, ""}

# A version that was in production comes back: what was checked at its release is not asked again in full.
rolling_back if {
	input.version.state == "deprecated"
	input.target == "production"
}

# The elements of a list in a document; of anything else none.
elements(value) := value if {
	is_array(value)
} else := []

# A number as people read it: four decimals at most.
shown(number) := sprintf("%v", [round(number * 10000) / 10000]) if {
	abs(number) < 1000000
} else := sprintf("%v", [number])

# Several problems on one line, in a stable order.
joined(texts) := concat("; ", sort(texts))

# At most five names on one line; the rest is counted.
some_of(names) := concat(", ", names) if {
	count(names) < 6
} else := sprintf("%s and %d more", [concat(", ", array.slice(names, 0, 5)), count(names) - 5])
