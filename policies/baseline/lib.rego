# Functions that several rules share. No rule lives here.
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

# How far a state is on the way to production; states that no gate leads to have no rank.
rank := {"candidate": 1, "approved": 2, "production": 3}

# Nanoseconds of an RFC 3339 time, and of the time of this evaluation.
nanoseconds(text) := time.parse_rfc3339_ns(text)

now := nanoseconds(input.now)

# Evaluation documents that are bound to a version (by version digest or by content digest), are well formed, and do not
# claim to be about other bytes.
evaluations(evidence, version_digest) := [entry |
	some entry in evidence
	entry.type == "evaluation"
	entry.binds_to.kind in {"version", "content"}
	is_array(entry.summary.metrics)
	is_about(entry, version_digest)
]

is_about(entry, version_digest) if {
	entry.binds_to.kind == "version"
	entry.binds_to.digest == version_digest
}

# The content digest of the reference is not part of the input: its evidence was chosen by the registry.
is_about(entry, version_digest) if {
	entry.binds_to.kind == "content"
	version_digest != input.version.version_digest
}

is_about(entry, version_digest) if {
	entry.binds_to.kind == "content"
	version_digest == input.version.version_digest
	entry.binds_to.digest == input.version.content_digest
	claimed := object.get(entry.summary, ["subject", "content_digest"], input.version.content_digest)
	plain(claimed) == input.version.content_digest
}

# A digest without its prefix. Undefined for what is not text: documents come from outside.
plain(digest) := trim_prefix(digest, "sha256:") if is_string(digest)

# What makes two evaluations comparable: suite name, suite version and dataset digest. Undefined when one is not given.
test_of(entry) := [name, version, dataset] if {
	name := entry.summary.suite.name
	version := sprintf("%v", [entry.summary.suite.version])
	dataset := plain(entry.summary.dataset.digest)
	is_string(name)
	name != ""
	version != ""
	dataset != ""
}

# Suite and dataset without the suite's version: a later evaluation of the same test replaces an earlier one.
test_line(entry) := [
	object.get(entry.summary, ["suite", "name"], ""),
	object.get(entry.summary, ["dataset", "digest"], ""),
]

# The evaluations that count: of each suite and dataset the one that was added last.
newest(evaluations_of) := [entry |
	some index, entry in evaluations_of
	count([1 |
		some other_index, other in evaluations_of
		test_line(other) == test_line(entry)
		later(other, other_index, entry, index)
	]) == 0
]

later(left, _, right, _) if nanoseconds(left.at) > nanoseconds(right.at)

later(left, left_index, right, right_index) if {
	nanoseconds(left.at) == nanoseconds(right.at)
	left_index > right_index
}

# All values that a document gives for a metric of the whole dataset.
values(document, metric) := [object.get(entry, "value", null) |
	some entry in document.metrics
	entry.name == metric
	is_whole(entry)
]

# Whether a reported value is about the whole dataset, not about a slice of it.
is_whole(entry) if object.get(entry, "slice", null) in {null, ""}

# Roles that must approve, for tier and target. Undefined when data.json does not say.
required_roles := data.chancery.approval_complete.required[tier][input.target]

# A number as people read it: four decimals at most.
shown(number) := sprintf("%v", [round(number * 10000) / 10000]) if {
	abs(number) < 1000000
} else := sprintf("%v", [number])

# Several problems on one line, in a stable order.
joined(texts) := concat("; ", sort(texts))
