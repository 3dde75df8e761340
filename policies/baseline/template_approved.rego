# template.approved: written documents follow a template that the organisation approved, in a version that is still accepted.
# Data: chancery.template_approved.required, a list of {type, template, versions, kinds, tiers}; empty in the baseline.
package chancery.rules.template_approved

import data.chancery.lib
import rego.v1

metadata := {
	"id": "template.approved",
	"title": "written documents follow an approved template in an accepted version",
	"gates": ["candidate"],
	"references": ["DOC-8", "POL-6", "ISO/IEC 42001 A.6.2.7"],
	"who": ["contributor", "owner"],
	"remedy": "start from the approved template (`chancery template`), and add the document again",
}

required := [entry |
	some entry in data.chancery.template_approved.required
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
	not follows(document.summary, entry)
	text := sprintf("the %s does not follow template %s in version %s", [entry.type, entry.template, concat(" or ", entry.versions)])
}

follows(summary, entry) if {
	summary.template.name == entry.template
	summary.template.version in entry.versions
}

result := {
	"outcome": "not-applicable",
	"message": concat("", ["no template is prescribed for ", lib.subject]),
} if {
	count(required) == 0
} else := {
	"outcome": "pass",
	"message": "every prescribed template is followed",
} if {
	count(problems) == 0
} else := {
	"outcome": "fail",
	"message": lib.joined(problems),
}
