package chancery.rules.evaluation_attested_test

import data.chancery.fixture
import data.chancery.rules.evaluation_attested
import rego.v1

of(document) := result if {
	result := evaluation_attested.result with input as document
}

claimed := fixture.with_changed("evaluation", {"grade": "claimed"})

test_signed_passes if of(fixture.document).outcome == "pass"

test_claimed_fails if of(claimed).message == "no signed evaluation of bias, cost, latency, quality, robustness"

test_each_dimension_must_be_signed if {
	signed := object.union(fixture.document.evidence[0], {"digest": "second", "summary": {"suite": {"name": "other"}, "dimensions": ["quality", "bias"]}})
	of(object.union(claimed, {"evidence": array.concat(claimed.evidence, [signed])})).message == "no signed evaluation of cost, latency, robustness"
}

# A claimed result that is added later does not take the place of a signed one.
test_claim_does_not_replace_a_signature if {
	later := object.union(fixture.document.evidence[0], {"digest": "later", "grade": "claimed", "at": "2026-05-02T00:00:00.000000Z"})
	of(fixture.changed({"evidence": array.concat([later], fixture.document.evidence)})).outcome == "pass"
}

test_limited_is_not_applicable if of(object.union(claimed, {"model": {"risk": {"tier": "limited"}}})).outcome == "not-applicable"

test_malformed_fails if {
	every document in fixture.with_malformed("evaluation") {
		of(document).outcome == "fail"
	}
}
