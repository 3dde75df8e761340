# provenance.present: an attestation says which build made these bytes; where the tier asks for it, a trusted key signed it.
# Data: chancery.provenance_present.kinds, .tiers, .attested_tiers and .trusted_builders (empty: any builder).
package chancery.rules.provenance_present

import data.chancery.lib
import rego.v1

metadata := {
	"id": "provenance.present",
	"title": "an attestation about exactly these bytes says which build made them",
	"gates": ["candidate"],
	"references": ["ART-5", "POL-3", "ENT-17", "SLSA v1 Build L2", "EU-AI-Act Art. 15"],
	"who": ["pipeline"],
	"remedy": "let the build pipeline write SLSA provenance with the content digest as subject, sign it with its registered key, and add it: `chancery evidence add NAME/VERSION --type provenance FILE`",
}

limits := data.chancery.provenance_present

asked if lib.applies(limits)

attached := lib.of_type("provenance")

naming := [entry |
	some entry in attached
	entry.summary.bound == true
	object.get(entry.summary, "builder", "") != ""
	is_trusted(entry.summary.builder)
]

is_trusted(_) if count(limits.trusted_builders) == 0

is_trusted(builder) if builder in limits.trusted_builders

must_be_signed if lib.tier in limits.attested_tiers

signed if {
	some entry in naming
	entry.grade == "attested"
}

result := {
	"outcome": "not-applicable",
	"message": concat("", [lib.subject, " need no provenance"]),
} if {
	not asked
} else := {
	"outcome": "fail",
	"message": "no provenance is attached",
} if {
	count(attached) == 0
} else := {
	"outcome": "fail",
	"message": sprintf("%d attestations of provenance are attached, and none names a digest of this version and a trusted builder", [count(attached)]),
} if {
	count(naming) == 0
} else := {
	"outcome": "fail",
	"message": concat("", ["tier ", lib.tier, " needs provenance that a trusted key signed, and it is only claimed"]),
} if {
	must_be_signed
	not signed
} else := {
	"outcome": "pass",
	"message": concat("", ["built by ", naming[0].summary.builder]),
}
