package chancery.rules.facts_consistent_test

import data.chancery.fixture
import data.chancery.rules.facts_consistent
import rego.v1

of(document) := result if {
	result := facts_consistent.result with input as document
}

contradicted := fixture.changed({"version": {"facts": {"claims": {"flavour": "xgboost", "framework.version": "1.0"}}}})

test_no_contradiction_passes if of(fixture.document).outcome == "pass"

test_contradiction_without_review_fails if {
	result := of(object.union(contradicted, {"evidence": []}))
	result.outcome == "fail"
	result.message == "the files contradict what was stated: flavour, framework.version"
}

test_review_settles_it if of(contradicted).outcome == "pass"

test_review_that_does_not_settle_it if {
	every changes in [{"actor": "u-author"}, {"summary": {"verdict": "reject"}}, {"summary": {"kind": "stakeholder"}}, {"binds_to": {"digest": "d1"}}] {
		evidence := fixture.with_changed("review", changes).evidence
		of(object.union(contradicted, {"evidence": evidence})).outcome == "fail"
	}
}

# The last word of a reviewer counts.
test_later_rejection_unsettles_it if {
	approves := fixture.with_changed("review", {}).evidence
	rejects := object.union(fixture.evidence("review", {"kind": "peer", "verdict": "reject"}), {"actor": "u-5", "digest": "r2", "at": "2026-05-02T01:00:00.000000Z"})
	of(object.union(contradicted, {"evidence": array.concat(approves, [rejects])})).outcome == "fail"
}

test_facts_that_are_no_object_pass_elsewhere if of(object.union(fixture.document, {"version": {"facts": null}})).outcome == "pass"

test_claims_of_another_type_fail if of(fixture.changed({"version": {"facts": {"claims": 7}}})).outcome == "fail"

test_malformed_reviews_do_not_stop_the_rule if {
	every document in fixture.with_malformed("review") {
		of(object.union(document, {"version": {"facts": {"claims": {"flavour": "x"}}}})).outcome == "fail"
	}
}
