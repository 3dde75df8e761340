# approval.unexpired: no required role rests on an approval that has run out.
# Data: the roles of chancery.approval_complete.required; each approval carries its own end (90 days when it is given,
# chancery.approvals.lifetime_days). A deployment to a test environment needs none.
package chancery.rules.approval_unexpired

import data.chancery.lib
import data.chancery.rules.approval_complete
import rego.v1

metadata := {
	"id": "approval.unexpired",
	"title": "no required approval has expired",
	"gates": ["production", "deploy"],
	"references": ["POL-3", "POL-6", "APR-3", "EU-AI-Act Art. 14"],
	"who": ["approver"],
	"remedy": "ask the people named to look again and renew their approval: `chancery promotion approve NAME/VERSION --role ROLE`",
}

required := approval_complete.required

given := [approval |
	some approval in input.approvals
	approval.verdict == "approve"
	approval.withdrawn == false
	approval.version_digest == input.version.version_digest
	approval.target == input.target
	approval.environment == input.environment
	approval.role in required
]

in_force := [approval |
	some approval in given
	approval.expires_at > input.now
]

covered := {approval.role | some approval in in_force}

# A person who approved again has two approvals, of which one may be in force.
expired contains sprintf("the approval of %s by %s expired at %s", [approval.role, approval.actor, approval.expires_at]) if {
	some approval in given
	not approval.role in covered
}

known if is_array(required)

result := {
	"outcome": "not-applicable",
	"message": concat("", ["environment ", input.environment, " is for tests"]),
} if {
	input.environment in {"development", "staging", "test"}
} else := {
	"outcome": "fail",
	"message": sprintf("data.json names no approval roles for tier %s and target %s", [lib.tier, input.target]),
	"remedy": "add the tier and target to chancery.approval_complete.required in the bundle",
} if {
	not known
} else := {
	"outcome": "not-applicable",
	"message": concat("", ["tier ", lib.tier, " needs no approval for ", input.target]),
} if {
	count(required) == 0
} else := {
	"outcome": "fail",
	"message": lib.joined(expired),
} if {
	count(expired) > 0
} else := {
	"outcome": "fail",
	"message": "no required role has approved",
	"remedy": "complete the approvals of the promotion",
} if {
	count(given) == 0
} else := {
	"outcome": "pass",
	"message": sprintf("%d approvals are in force", [count(in_force)]),
}
