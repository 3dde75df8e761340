package chancery.rules.document_review_due_test

import data.chancery.fixture
import data.chancery.rules.document_review_due
import rego.v1

of(changes) := result if {
	result := document_review_due.result with input as fixture.changed(changes)
}

test_nothing_due_passes if of({}).outcome == "pass"

test_entry_past_its_date_fails if {
	of({"model": {"document_control": {"next_review": "2026-05-03"}}}).message == "the entry should have been reviewed by 2026-05-03"
	of({"model": {"document_control": {"next_review": "2026-05-03T11:00:00+01:00"}}}).outcome == "fail"
	of({"model": {"document_control": {"next_review": "2026-05-04"}}}).outcome == "pass"
}

test_no_date_fails if {
	result := of({"model": {"document_control": null}})
	result.outcome == "fail"
	result.message == "the entry has no date for its next review, and kind model and tier high need one"
}

test_reviews_and_risks if {
	of({"reviews": [{"about": "card", "owner": "ada", "due": "2026-05-01T00:00:00.000000Z"}]}).message == "the review of card by ada was due at 2026-05-01T00:00:00.000000Z"
	of({"reviews": [{"about": "card", "owner": "ada", "due": "2026-06-01T00:00:00.000000Z"}]}).outcome == "pass"
	of({"risks": [{"id": "r1", "status": "accepted", "review_date": "2026-05-01T00:00:00.000000Z"}]}).message == "risk r1 should have been reviewed by 2026-05-01T00:00:00.000000Z"
	of({"risks": [{"id": "r1", "status": "closed", "review_date": "2026-05-01T00:00:00.000000Z"}]}).outcome == "pass"
	of({"risks": [{"id": "r1", "status": "open", "review_date": null}]}).outcome == "pass"
}

test_warning_before_the_date if {
	document := fixture.changed({"model": {"document_control": {"next_review": "2026-05-10"}}})
	result := document_review_due.result with input as document with data.chancery.document_review_due.days as 7
	result.outcome == "fail"
}

test_tiers_that_need_no_date_pass if {
	result := document_review_due.result with input as fixture.changed({"model": {"document_control": null}}) with data.chancery.document_review_due.tiers as []
	result.outcome == "pass"
}
