package chancery.rules.environment_allowed_test

import data.chancery.fixture
import data.chancery.rules.environment_allowed
import rego.v1

of(changes) := result if {
	result := environment_allowed.result with input as fixture.changed(changes)
}

test_known_passes if {
	every name in ["production", "staging", "test", "development", "production-eu", "prod-1"] {
		of({"environment": name}).outcome == "pass"
	}
}

test_unknown_fails if {
	of({"environment": "my-laptop"}).message == "environment my-laptop is not one that the policy names"
	of({"environment": "production"}).outcome == "pass"
	of({"environment": ""}).outcome == "fail"
}

test_restricted_stays_out_of_test_environments if {
	of({"environment": "test", "model": {"classification": "restricted"}}).outcome == "fail"
	of({"environment": "production", "model": {"classification": "restricted"}}).outcome == "pass"
	of({"environment": "test", "model": {"classification": null}}).outcome == "pass"
}

test_tiers_can_be_denied if {
	denied := [{"environments": ["production-eu"], "tiers": ["high"]}]
	every case in [["high", "fail"], ["limited", "pass"]] {
		document := object.union(fixture.of_tier(case[0]), {"environment": "production-eu"})
		result := environment_allowed.result with input as document with data.chancery.environment_allowed.denied as denied
		result.outcome == case[1]
	}
}
