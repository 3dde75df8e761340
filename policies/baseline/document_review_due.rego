# document.review-due: entry, documents and risks are reviewed when their time comes.
# Data: chancery.document_review_due.tiers that need a date at all, and .days of warning before it.
package chancery.rules.document_review_due

import data.chancery.lib
import data.chancery.lib_time
import rego.v1

metadata := {
	"id": "document.review-due",
	"title": "no review of the entry, its documents or its risks is due",
	"gates": ["schedule"],
	"references": ["REV-1", "ENT-15", "RSK-1", "EU-AI-Act Art. 9", "EU-AI-Act Art. 11"],
	"who": ["owner"],
	"remedy": "do the review and set the next date: `chancery review`, or `chancery model update NAME --file FILE` with document_control.next_review",
}

limits := data.chancery.document_review_due

is_due(text) if lib.instant(text) - lib_time.now <= limits.days * lib_time.day

next_review := object.get(input, ["model", "document_control", "next_review"], null)

due contains concat("", ["the entry should have been reviewed by ", next_review]) if {
	is_string(next_review)
	is_due(next_review)
}

due contains concat("", ["the review of ", review.about, " by ", review.owner, " was due at ", review.due]) if {
	some review in input.reviews
	is_due(review.due)
}

due contains concat("", ["risk ", risk.id, " should have been reviewed by ", risk.review_date]) if {
	some risk in input.risks
	risk.status in {"open", "mitigated", "accepted"}
	is_string(risk.review_date)
	is_due(risk.review_date)
}

result := {
	"outcome": "fail",
	"message": lib.some_of(sort(due)),
} if {
	count(due) > 0
} else := {
	"outcome": "fail",
	"message": concat("", ["the entry has no date for its next review, and ", lib.subject, " need one"]),
} if {
	lib.applies(limits)
	not is_string(next_review)
} else := {
	"outcome": "pass",
	"message": "no review is due",
}
