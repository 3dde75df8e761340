# facts.consistent: what people stated agrees with what the registry read in the files, or somebody looked at the difference.
# The file wins: at registration the read value takes the place of the stated one, which is kept in `facts.claims`.
# Data: chancery.facts_consistent.reviews, the kinds of review that settle a difference.
package chancery.rules.facts_consistent

import data.chancery.lib
import rego.v1

metadata := {
	"id": "facts.consistent",
	"title": "stated facts agree with what was read in the files, or a review settles the difference",
	"gates": ["candidate"],
	"references": ["ENT-17", "POL-6", "ENT-5", "EU-AI-Act Art. 11"],
	"who": ["contributor", "reviewer"],
	"remedy": "register a new version with the right facts, or let somebody else review it: `chancery evidence add NAME/VERSION --type review --role ROLE FILE`",
}

claims := object.get(input, ["version", "facts", "claims"], {})

names := sort(object.keys(claims)) if is_object(claims)

settled if {
	some review in lib.reviews
	review.summary.verdict == "approve"
	review.summary.kind in data.chancery.facts_consistent.reviews
}

result := {
	"outcome": "pass",
	"message": "nothing that was stated contradicts the files",
} if {
	count(names) == 0
} else := {
	"outcome": "pass",
	"message": concat("", ["a review settles what the files contradict: ", lib.some_of(names)]),
} if {
	count(names) > 0
	settled
} else := {
	"outcome": "fail",
	"message": concat("", ["the files contradict what was stated: ", lib.some_of(names)]),
} if {
	count(names) > 0
} else := {
	"outcome": "fail",
	"message": "the facts of the version cannot be read",
}
