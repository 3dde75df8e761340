# signature.present: the version says which inputs it takes and which outputs it gives.
# Data: chancery.signature_present.kinds, the kinds of entry that need it.
package chancery.rules.signature_present

import rego.v1

metadata := {
	"id": "signature.present",
	"title": "the version has a signature with inputs and outputs",
	"gates": ["candidate"],
	"references": ["ENT-9", "EU-AI-Act Art. 13"],
	"who": ["contributor"],
	"remedy": "register a new version with a signature: MLflow infer_signature, or `signature` in the facts file",
}

parts := {part: n |
	some part in ["inputs", "outputs"]
	n := size(object.get(input, ["version", "facts", "signature", part], []))
}

size(value) := count(value) if {
	is_array(value)
} else := 0

absent := [part |
	some part in ["inputs", "outputs"]
	parts[part] == 0
]

asked if input.model.kind in data.chancery.signature_present.kinds

result := {
	"outcome": "not-applicable",
	"message": sprintf("kind %s has no signature", [input.model.kind]),
} if {
	not asked
} else := {
	"outcome": "pass",
	"message": sprintf("the signature has %d inputs and %d outputs", [parts.inputs, parts.outputs]),
} if {
	count(absent) == 0
} else := {
	"outcome": "fail",
	"message": sprintf("the signature has no %s", [concat(" and no ", absent)]),
}
