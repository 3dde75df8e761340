package chancery.rules.card_sections_test

import data.chancery.fixture
import data.chancery.rules.card_sections
import rego.v1

of(document) := result if {
	result := card_sections.result with input as document
}

test_complete_card_passes if of(fixture.document) == {"outcome": "pass", "message": "every required section has text: model-card"}

test_absent_card_fails if of(fixture.with_evidence("model-card", [])).message == "no model-card is attached"

test_missing_sections_are_named if {
	result := of(fixture.with_summary("model-card", {"sections": ["performance", "limitations"]}))
	result.outcome == "fail"
	result.message == "the model-card has no text for intended_use, ethical_considerations"
}

# The card that was added last counts, whatever the order in the list.
test_newest_card_counts if {
	worse := object.union(fixture.evidence("model-card", {"sections": []}), {"digest": "m2", "at": "2026-05-02T01:00:00.000000Z"})
	of(fixture.changed({"evidence": array.concat(fixture.document.evidence, [worse])})).outcome == "fail"
	of(fixture.changed({"evidence": array.concat([worse], fixture.document.evidence)})).outcome == "fail"
	older := object.union(worse, {"at": "2026-05-01T01:00:00.000000Z"})
	of(fixture.changed({"evidence": array.concat(fixture.document.evidence, [older])})).outcome == "pass"
}

test_card_of_another_version_fails if of(fixture.with_changed("model-card", {"binds_to": {"digest": "d1"}})).outcome == "fail"

test_dataset_needs_a_datasheet if {
	dataset := fixture.changed({"model": {"kind": "dataset"}})
	of(dataset).message == "no datasheet is attached"
	sheet := fixture.evidence("datasheet", {"sections": ["motivation", "composition", "collection_process", "uses", "distribution"]})
	of(object.union(dataset, {"evidence": [sheet]})).outcome == "pass"
}

test_minimal_is_not_applicable if of(fixture.of_tier("minimal")).outcome == "not-applicable"

test_malformed_fails if {
	every document in fixture.with_malformed("model-card") {
		of(document).outcome == "fail"
	}
}
