# sbom.present: a bill of materials that names these bytes is attached.
# Data: chancery.sbom_present.kinds, .tiers and .minimum_components.
package chancery.rules.sbom_present

import data.chancery.lib
import rego.v1

metadata := {
	"id": "sbom.present",
	"title": "a bill of materials about exactly these bytes is attached",
	"gates": ["candidate"],
	"references": ["ART-5", "POL-3", "EU-AI-Act Art. 15", "ISO/IEC 42001 A.4.4"],
	"who": ["contributor", "pipeline"],
	"remedy": "write a CycloneDX or SPDX document whose component carries the content digest or a file's digest, and add it: `chancery evidence add NAME/VERSION --type sbom FILE`",
}

limits := data.chancery.sbom_present

asked if lib.applies(limits)

attached := lib.of_type("sbom")

naming := [entry |
	some entry in attached
	entry.summary.bound == true
	entry.summary.components >= limits.minimum_components
]

result := {
	"outcome": "not-applicable",
	"message": concat("", [lib.subject, " need no bill of materials"]),
} if {
	not asked
} else := {
	"outcome": "pass",
	"message": "a bill of materials names these bytes",
} if {
	count(naming) > 0
} else := {
	"outcome": "fail",
	"message": "no bill of materials is attached",
} if {
	count(attached) == 0
} else := {
	"outcome": "fail",
	"message": sprintf("%d bills of materials are attached, and none names a digest of this version and at least %d components", [count(attached), limits.minimum_components]),
}
