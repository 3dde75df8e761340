# entry.complete: the fields that kind, tier and target ask for are filled and have the right type.
# Data: chancery.entry_complete.required, a list of {field, type, from, kinds, tiers}. `field` is a path in the input,
# `from` the first state that needs it. An organisation adds its own fields there.
package chancery.rules.entry_complete

import data.chancery.lib
import rego.v1

metadata := {
	"id": "entry.complete",
	"title": "every field that kind, risk tier and target state ask for is filled",
	"gates": ["candidate"],
	"references": ["ENT-13", "ENT-1", "ENT-2", "ENT-3", "POL-6", "EU-AI-Act Art. 11"],
	"who": ["owner", "contributor"],
	"remedy": "fill the fields that are named; a sealed fact needs a new version",
}

# Fields that this kind and tier need on the whole way to production, with what is there: the measure of completeness.
asked := [{"field": entry.field, "type": object.get(entry, "type", ""), "rank": lib.rank[entry.from], "value": value, "filled": is_filled(value)} |
	some entry in data.chancery.entry_complete.required
	lib.applies(entry)
	value := object.get(input, split(entry.field, "."), null)
]

# Fields that the target needs now.
needed := [entry |
	some entry in asked
	entry.rank <= lib.rank[input.target]
]

is_filled(value) := false if {
	value in [null, [], {}]
} else := false if {
	is_string(value)
	trim_space(value) == ""
} else := true

filled := [entry |
	some entry in asked
	entry.filled
]

missing := sort([entry.field |
	some entry in needed
	not entry.filled
])

malformed := [entry |
	some entry in needed
	entry.filled
	not entry.type in {"", type_name(entry.value)}
]

malformed_text := sort([sprintf("%s has type %s instead of %s", [entry.field, type_name(entry.value), entry.type]) | some entry in malformed])

wrong := sort(array.concat(missing, [entry.field | some entry in malformed]))

# Share of the asked fields that are filled, 0 to 1.
completeness := count(filled) / count(asked) if count(asked) > 0

completeness := 1 if count(asked) == 0

# A target that no gate leads to would need nothing, and pass.
known_target if lib.rank[input.target]

result := {
	"outcome": "fail",
	"message": sprintf("target %s is not a state that a gate leads to", [input.target]),
	"completeness": completeness,
} if {
	not known_target
} else := {
	"outcome": "pass",
	"message": sprintf("%d of %d required fields are filled for %s", [count(needed), count(needed), input.target]),
	"completeness": completeness,
} if {
	count(missing) + count(malformed) == 0
} else := {
	"outcome": "fail",
	"message": concat("; ", array.concat(missing_text, malformed_text)),
	"remedy": sprintf("fill %s; a field of version.facts is sealed and needs a new version", [concat(", ", wrong)]),
	"completeness": completeness,
}

missing_text := [sprintf("%d of %d required fields are missing: %s", [count(missing), count(needed), concat(", ", missing)])] if count(missing) > 0

missing_text := [] if count(missing) == 0
