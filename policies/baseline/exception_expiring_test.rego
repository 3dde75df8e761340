package chancery.rules.exception_expiring_test

import data.chancery.fixture
import data.chancery.rules.exception_expiring
import rego.v1

of(at) := result if {
	result := exception_expiring.result with input as fixture.changed({"exceptions": [{"rule": "card.sections", "expires_at": at}]})
}

test_long_passes if of("2026-07-01T00:00:00.000000Z").outcome == "pass"

test_ending_is_named if of("2026-05-17T12:00:00.000000Z").message == "the exception from card.sections ends at 2026-05-17T12:00:00.000000Z"

test_ended_is_not_applicable if of("2026-05-03T12:00:00.000000Z").outcome == "not-applicable"

test_none_is_not_applicable if {
	result := exception_expiring.result with input as fixture.document
	result.outcome == "not-applicable"
}
