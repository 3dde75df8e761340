# build.reproducible: a second build gave the same bytes.
# Data: chancery.build_reproducible.kinds and .tiers. The record that was added last counts.
package chancery.rules.build_reproducible

import data.chancery.lib
import rego.v1

metadata := {
	"id": "build.reproducible",
	"title": "a second build gave the same content digest",
	"gates": ["approved"],
	"references": ["ENT-7", "ART-5", "EU-AI-Act Art. 15"],
	"who": ["pipeline"],
	"remedy": "build it again elsewhere, compare the content digest, and add the record: `chancery evidence add NAME/VERSION --type reproducibility FILE`; if training cannot be repeated bit by bit, ask for an exception",
}

asked if lib.applies(data.chancery.build_reproducible)

record := lib.newest_of("reproducibility")

result := {
	"outcome": "not-applicable",
	"message": concat("", [lib.subject, " need no second build"]),
} if {
	not asked
} else := {
	"outcome": "fail",
	"message": "no record of a second build is attached",
} if {
	not record
} else := {
	"outcome": "pass",
	"message": "a second build gave the same content digest",
} if {
	record.summary.same == true
	record.summary.content_digest == input.version.content_digest
} else := {
	"outcome": "fail",
	"message": "the second build gave other bytes",
}
