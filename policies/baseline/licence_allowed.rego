# licence.allowed: the model's licence is one that the organisation accepts, and none of its parts has one that it refuses.
# Data: chancery.licence_allowed.allowed (SPDX identifiers), .denied for parts, .tiers that need a licence at all.
# `A OR B` is accepted when one is, `A AND B` when both are. Parts: components of a system, datasets, the bill of materials.
package chancery.rules.licence_allowed

import data.chancery.lib
import rego.v1

metadata := {
	"id": "licence.allowed",
	"title": "the licence is accepted and no part has a refused one",
	"gates": ["approved"],
	"references": ["ENT-1", "POL-6", "EU-AI-Act Art. 53", "ISO/IEC 42001 A.10.3"],
	"who": ["owner", "legal"],
	"remedy": "correct the licence of the entry (`chancery model update NAME --file FILE`), replace the part, or ask the role legal for an exception",
}

limits := data.chancery.licence_allowed

asked if lib.tier in limits.tiers

licence := trim_space(input.model.licence)

accepted if every part in split(licence, " AND ") {
	some choice in split(trim(part, "()"), " OR ")
	trim(choice, "() ") in limits.allowed
}

parts := array.concat(
	[{"what": concat(" ", ["component", component.name]), "licence": component.licence} | some component in input.components],
	[{"what": concat(" ", ["dataset", dataset.name]), "licence": dataset.licence} |
		some dataset in object.get(input, ["version", "facts", "datasets"], [])
		is_string(dataset.licence)
	],
)

refused contains concat(" of ", [part.licence, part.what]) if {
	some part in parts
	part.licence in limits.denied
}

refused contains concat(" of ", [name, "the bill of materials"]) if {
	some entry in lib.of_type("sbom")
	some name in limits.denied
	name in lib.elements(entry.summary.licences)
}

result := {
	"outcome": "fail",
	"message": concat("", ["refused licences: ", lib.some_of(sort(refused))]),
} if {
	count(refused) > 0
} else := {
	"outcome": "not-applicable",
	"message": concat("", ["tier ", lib.tier, " may do without a licence"]),
} if {
	licence == ""
	not asked
} else := {
	"outcome": "fail",
	"message": "the entry names no licence",
} if {
	licence == ""
} else := {
	"outcome": "pass",
	"message": concat("", ["licence ", licence, " is accepted"]),
} if {
	accepted
} else := {
	"outcome": "fail",
	"message": concat("", ["licence ", licence, " is not on the list of accepted ones"]),
}
