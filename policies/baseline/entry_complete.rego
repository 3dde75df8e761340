# entry.complete: the fields that kind, tier and target ask for are filled and have the right type.
# Data: chancery.entry_complete.required, a list of {field, type, from, each, kinds, tiers}. `field` is a path in the input,
# `from` the first state that needs it, `each` the members that every element of a list must have. An organisation adds its own
# fields there.
package chancery.rules.entry_complete

import data.chancery.lib
import rego.v1

metadata := {
	"id": "entry.complete",
	"title": "every field that kind, risk tier and target state ask for is filled",
	"gates": ["candidate"],
	"references": ["ENT-13", "ENT-1", "ENT-2", "ENT-3", "ENT-5", "ENT-6", "ENT-7", "ENT-8", "POL-6", "AIG-010", "EU-AI-Act Art. 11", "ISO/IEC 42001 A.4.3"],
	"who": ["owner", "contributor"],
	"remedy": "fill the fields that are named; a sealed fact needs a new version",
}

kind := input.model.kind

tier := lib.tier

# Fields that this kind and tier need on the whole way to production: the measure of completeness.
asked := [entry |
	some entry in data.chancery.entry_complete.required
	kind in object.get(entry, "kinds", [kind])
	tier in object.get(entry, "tiers", [tier])
]

unfilled := [entry |
	some entry in asked
	is_unfilled(object.get(input, split(entry.field, "."), null))
]

is_unfilled(value) if value in [null, "", [], {}]

is_unfilled(value) if {
	is_string(value)
	trim_space(value) == ""
}

is_given(element, member) if {
	is_object(element)
	not is_unfilled(object.get(element, member, null))
}

target_rank := lib.rank[input.target]

# Fields that the target needs now.
needed := [entry |
	some entry in asked
	lib.rank[entry.from] <= target_rank
]

missing := sort([entry.field |
	some entry in unfilled
	lib.rank[entry.from] <= target_rank
])

malformed contains [entry.field, text] if {
	some entry in needed
	value := object.get(input, split(entry.field, "."), null)
	type_name(value) != object.get(entry, "type", type_name(value))
	not is_unfilled(value)
	text := sprintf("%s has type %s instead of %s", [entry.field, type_name(value), entry.type])
}

malformed contains [entry.field, text] if {
	some entry in needed
	some member in entry.each
	some index, element in lib.elements(object.get(input, split(entry.field, "."), null))
	not is_given(element, member)
	text := sprintf("%s[%d] has no %s", [entry.field, index, member])
}

wrong := sort(array.concat(missing, [field | some field in {problem[0] | some problem in malformed}]))

# Share of the asked fields that are filled, 0 to 1.
completeness := (count(asked) - count(unfilled)) / count(asked) if count(asked) > 0

completeness := 1 if count(asked) == 0

missing_text := [sprintf("%d of %d required fields are missing: %s", [count(missing), count(needed), concat(", ", missing)])] if {
	count(missing) > 0
} else := []

# A target that no gate leads to would need nothing, and pass.
result := {
	"outcome": "fail",
	"message": sprintf("target %s is not a state that a gate leads to", [input.target]),
	"completeness": completeness,
} if {
	not target_rank
} else := {
	"outcome": "pass",
	"message": sprintf("%d of %d required fields are filled for %s", [count(needed), count(needed), input.target]),
	"completeness": completeness,
} if {
	count(missing) + count(malformed) == 0
} else := {
	"outcome": "fail",
	"message": concat("; ", array.concat(missing_text, sort([problem[1] | some problem in malformed]))),
	"remedy": sprintf("fill %s; a field of version.facts is sealed and needs a new version", [concat(", ", wrong)]),
	"completeness": completeness,
}
