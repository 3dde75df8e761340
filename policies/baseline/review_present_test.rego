package chancery.rules.review_present_test

import data.chancery.fixture
import data.chancery.rules.review_present
import rego.v1

of(document) := result if {
	result := review_present.result with input as document
}

more(changes) := fixture.changed({"evidence": array.concat(
	fixture.document.evidence,
	[object.union(object.union(fixture.evidence("review", {"kind": "peer", "verdict": "approve"}), {"actor": "u-6", "digest": "r2", "at": "2026-05-02T01:00:00.000000Z"}), changes)],
)})

test_peer_review_passes if of(fixture.document) == {"outcome": "pass", "message": "reviewed: peer"}

test_absent_fails if of(fixture.with_evidence("review", [])).message == "0 of 1 peer reviews are there"

test_what_does_not_count if {
	every changes in [{"actor": "u-author"}, {"binds_to": {"digest": "d1"}}, {"summary": {"kind": "legal"}}] {
		of(fixture.with_changed("review", changes)).outcome == "fail"
	}
}

test_conditional_counts if of(fixture.with_summary("review", {"verdict": "conditional"})).outcome == "pass"

# Somebody else's approval does not outvote a rejection.
test_rejection_stands if {
	of(more({"summary": {"verdict": "reject"}})).message == "the peer review of u-6 rejects it"
	of(more({})).outcome == "pass"
}

test_last_word_of_a_reviewer if {
	of(more({"actor": "u-5", "summary": {"verdict": "reject"}})).outcome == "fail"
	of(more({"actor": "u-5", "summary": {"verdict": "reject"}, "at": "2026-05-01T00:00:00.000000Z"})).outcome == "pass"
}

test_count_and_role if {
	two := [{"kind": "peer", "count": 2}]
	one := review_present.result with input as fixture.document with data.chancery.review_present.required as two
	one.message == "1 of 2 peer reviews are there"
	both := review_present.result with input as more({}) with data.chancery.review_present.required as two
	both.outcome == "pass"
	security := [{"kind": "peer", "role": "security"}]
	every case in [[{}, "fail"], [{"role": "security"}, "pass"]] {
		result := review_present.result with input as more(case[0]) with data.chancery.review_present.required as security
		result.outcome == case[1]
	}
}

test_limited_is_not_applicable if of(fixture.of_tier("limited")).outcome == "not-applicable"

test_malformed_fails if {
	every document in fixture.with_malformed("review") {
		of(document).outcome == "fail"
	}
}
