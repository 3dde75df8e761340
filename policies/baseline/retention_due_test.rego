package chancery.rules.retention_due_test

import data.chancery.fixture
import data.chancery.rules.retention_due
import rego.v1

of(at, state) := result if {
	result := retention_due.result with input as fixture.changed({"version": {"registered_at": at, "state": state}})
}

test_kept_passes if of("2016-05-06T00:00:00.000000Z", "approved").outcome == "pass"

test_ten_years_later_fails if of("2016-05-05T11:59:59.000000Z", "deprecated").outcome == "fail"

test_production_is_kept if of("2010-01-01T00:00:00.000000Z", "production").outcome == "not-applicable"
