# signature.compatible: callers of the version it would replace are not broken without a new MAJOR number.
# Data: none. The registry compares the signatures (`reference.signature_change`).
package chancery.rules.signature_compatible

import rego.v1

metadata := {
	"id": "signature.compatible",
	"title": "a breaking change of the signature has a new MAJOR version",
	"gates": ["approved"],
	"references": ["ENT-9", "VER-4", "EU-AI-Act Art. 13"],
	"who": ["contributor"],
	"remedy": "register the version with the next MAJOR number: `chancery register NAME FOLDER --semver MAJOR.0.0`",
}

change := input.reference.signature_change

reference_name := concat(" ", [input.reference.why, input.reference.semver])

major(number) := to_number(split(number, ".")[0])

result := {
	"outcome": "not-applicable",
	"message": "there is no version to compare the signature with",
} if {
	input.reference == null
} else := {
	"outcome": "pass",
	"message": concat("", ["callers of ", reference_name, " can call this version"]),
} if {
	change in {"none", "compatible"}
} else := {
	"outcome": "pass",
	"message": concat("", [input.version.semver, " has a new MAJOR number: its signature breaks callers of ", reference_name]),
} if {
	change == "breaking"
	major(input.version.semver) > major(input.reference.semver)
} else := {
	"outcome": "fail",
	"message": concat("", ["the signature breaks callers of ", reference_name, ", and ", input.version.semver, " has no new MAJOR number"]),
} if {
	change == "breaking"
} else := {
	"outcome": "not-applicable",
	"message": concat("", ["the signature cannot be compared with that of ", reference_name]),
}
