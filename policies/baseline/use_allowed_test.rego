package chancery.rules.use_allowed_test

import data.chancery.fixture
import data.chancery.rules.use_allowed
import rego.v1

of(model) := result if {
	result := use_allowed.result with input as fixture.changed({"model": model})
}

test_stated_passes if of({}) == {"outcome": "pass", "message": "1 allowed uses are stated"}

test_contradiction_fails if of({"prohibited_uses": [" Mortgage Pre-selection"]}).message == "both allowed and prohibited: mortgage pre-selection"

test_none_stated_fails if of({"allowed_uses": []}).message == "the entry states no allowed use"

test_minimal_is_not_applicable if of({"allowed_uses": [], "risk": {"tier": "minimal"}}).outcome == "not-applicable"
