# card.sections: the written documents that the kind needs are attached, and each required section says something.
# Data: chancery.card_sections.required, a list of {type, sections, kinds, tiers}. Of each type the document added last counts.
package chancery.rules.card_sections

import data.chancery.lib
import rego.v1

metadata := {
	"id": "card.sections",
	"title": "model card or datasheet have every required section",
	"gates": ["candidate"],
	"references": ["ENT-12", "POL-6", "DOC-8", "EU-AI-Act Art. 11", "EU-AI-Act Art. 13", "NIST AI RMF MAP 1.1"],
	"who": ["contributor", "owner"],
	"remedy": "write the sections and add the document: `chancery evidence add NAME/VERSION --type model-card FILE` (`--type datasheet` for a dataset)",
}

required := [entry |
	some entry in data.chancery.card_sections.required
	lib.applies(entry)
]

problems contains text if {
	some entry in required
	not lib.newest_of(entry.type)
	text := concat("", ["no ", entry.type, " is attached"])
}

problems contains text if {
	some entry in required
	lib.newest_of(entry.type)
	document := lib.newest_of(entry.type)
	sections := lib.elements(object.get(document.summary, "sections", []))
	absent := [section |
		some section in entry.sections
		not section in sections
	]
	count(absent) > 0
	text := concat("", ["the ", entry.type, " has no text for ", concat(", ", absent)])
}

result := {
	"outcome": "not-applicable",
	"message": concat("", [lib.subject, " need no model card or datasheet"]),
} if {
	count(required) == 0
} else := {
	"outcome": "pass",
	"message": concat("", ["every required section has text: ", concat(", ", [entry.type | some entry in required])]),
} if {
	count(problems) == 0
} else := {
	"outcome": "fail",
	"message": lib.joined(problems),
}
