# review.present: people who did not make the version reviewed it, in each kind that is asked for, and nobody's last word is no.
# Data: chancery.review_present.required, a list of {kind, count, role, kinds, tiers}; `role` is the approval role in which the
# reviewer must speak, when one is named.
package chancery.rules.review_present

import data.chancery.lib
import rego.v1

metadata := {
	"id": "review.present",
	"title": "each required kind of review was done by somebody who did not make the version",
	"gates": ["approved"],
	"references": ["APR-6", "LIF-2", "EU-AI-Act Art. 14", "ISO/IEC 42001 A.6.2.4"],
	"who": ["reviewer"],
	"remedy": "ask an approver who did not make it for the review, and let them add it: `chancery evidence add NAME/VERSION --type review --role ROLE FILE`",
}

required := [entry |
	some entry in data.chancery.review_present.required
	lib.applies(entry)
]

# A review that asks for something counts: what it asks is followed as a condition of the approval.
accepting(entry) := {review.actor |
	some review in lib.reviews
	review.summary.kind == entry.kind
	review.summary.verdict in {"approve", "conditional"}
	object.get(entry, "role", review.role) == review.role
}

problems contains text if {
	some entry in required
	present := count(accepting(entry))
	present < object.get(entry, "count", 1)
	text := sprintf("%d of %d %s reviews are there", [present, object.get(entry, "count", 1), entry.kind])
}

problems contains text if {
	some entry in required
	some review in lib.reviews
	review.summary.kind == entry.kind
	review.summary.verdict == "reject"
	text := concat("", ["the ", entry.kind, " review of ", review.actor, " rejects it"])
}

result := {
	"outcome": "not-applicable",
	"message": concat("", [lib.subject, " need no review"]),
} if {
	count(required) == 0
} else := {
	"outcome": "pass",
	"message": concat("", ["reviewed: ", concat(", ", [entry.kind | some entry in required])]),
} if {
	count(problems) == 0
} else := {
	"outcome": "fail",
	"message": lib.joined(problems),
}
