package chancery.rules.owner_present_test

import data.chancery.fixture
import data.chancery.rules.owner_present
import rego.v1

of(ownership, tier) := result if {
	result := owner_present.result with input as fixture.changed({"model": {"ownership": ownership, "risk": {"tier": tier}}})
}

test_owned_passes if of({}, "high") == {"outcome": "pass", "message": "owned by u-owner"}

test_absent_is_named if of({"owner": " ", "owning_team": ""}, "high").message == "nobody is named for owner, owning_team"

test_stand_ins_by_tier if {
	alone := {"backup_owner": "", "escalation_contact": ""}
	of(alone, "high").message == "nobody is named for escalation_contact, backup_owner"
	of(alone, "limited").message == "nobody is named for escalation_contact"
	of(alone, "minimal").outcome == "pass"
}
