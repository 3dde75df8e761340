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

# Fields that this kind and tier need on the whole way to production: the measure of completeness.
asked := [entry |
	some entry in data.chancery.entry_complete.required
	lib.applies(entry)
]

# Fields that the target needs now.
needed := [entry |
	some entry in asked
	lib.rank[entry.from] <= lib.rank[input.target]
]

value_of(entry) := object.get(input, split(entry.field, "."), null)

empty(value) if value in [null, [], {}]

empty(text) if {
	is_string(text)
	trim_space(text) == ""
}

missing := sort([entry.field |
	some entry in needed
	empty(value_of(entry))
])

malformed := sort([text |
	some entry in needed
	value := value_of(entry)
	not empty(value)
	type_name(value) != object.get(entry, "type", type_name(value))
	text := sprintf("%s is a %s, not a %s", [entry.field, type_name(value), entry.type])
])

filled := [entry |
	some entry in asked
	not empty(value_of(entry))
]

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
	"message": concat("; ", array.concat(missing_text, malformed)),
	"remedy": sprintf("fill %s; a field of version.facts is sealed and needs a new version", [concat(", ", wrong)]),
	"completeness": completeness,
}

missing_text := [sprintf("%d of %d required fields are missing: %s", [count(missing), count(needed), concat(", ", missing)])] if count(missing) > 0

missing_text := [] if count(missing) == 0

wrong := sort([entry.field |
	some entry in needed
	unusable(entry)
])

unusable(entry) if empty(value_of(entry))

unusable(entry) if {
	value := value_of(entry)
	not empty(value)
	type_name(value) != object.get(entry, "type", type_name(value))
}
