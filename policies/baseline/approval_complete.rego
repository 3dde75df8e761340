# approval.complete: a named person in each required role approved exactly this.
# Data: chancery.approval_complete.required, tier → target → roles.
# An approval counts when it approves, was not withdrawn, has not expired, was given by nobody who made the version, and
# binds what is decided now: version digest, target, environment, tier and evidence set. The last word of a person in a
# role counts. One person counts for one role: the required role in which they spoke first.
package chancery.rules.approval_complete

import data.chancery.lib
import rego.v1

metadata := {
	"id": "approval.complete",
	"title": "a named person in each required role approved this version",
	"gates": ["approved"],
	"references": ["APR-2", "APR-3", "EU-AI-Act Art. 14"],
	"who": ["approver"],
	"remedy": "ask a person in each missing role, who did not make the version, to approve the promotion",
}

required := lib.required_roles

# Approvals and rejections of what is decided now.
bound := [approval |
	some approval in input.approvals
	approval.withdrawn == false
	approval.version_digest == input.version.version_digest
	approval.target == input.target
	approval.environment == input.environment
	approval.tier == input.model.risk.tier
	approval.evidence_set_digest == input.evidence_set_digest
	lib.nanoseconds(approval.expires_at) > lib.now
	approval.role in required
]

# The last word of a person in a role; of two at the same moment the rejection.
superseded(approval) if {
	some other in bound
	other.actor == approval.actor
	other.role == approval.role
	lib.nanoseconds(other.at) > lib.nanoseconds(approval.at)
}

superseded(approval) if {
	approval.verdict == "approve"
	some other in bound
	other.actor == approval.actor
	other.role == approval.role
	other.at == approval.at
	other.verdict == "reject"
}

standing := [approval |
	some approval in bound
	not superseded(approval)
]

rejected_roles := {approval.role |
	some approval in standing
	approval.verdict == "reject"
}

# Approvals of people who may approve.
eligible := [approval |
	some approval in standing
	approval.verdict == "approve"
	not approval.actor in input.authors
]

# The required role that a person counts for.
role_of(actor) := sort([[lib.nanoseconds(approval.at), approval.role] |
	some approval in eligible
	approval.actor == actor
])[0][1]

covered := {role |
	some approval in eligible
	role := role_of(approval.actor)
}

missing := [role |
	some role in required
	not satisfied(role)
]

satisfied(role) if {
	role in covered
	not role in rejected_roles
}

# Why a role is missing although somebody spoke.
notes contains sprintf("%s was rejected by %s", [approval.role, approval.actor]) if {
	some approval in standing
	approval.verdict == "reject"
}

notes contains sprintf("%s is an author and does not count for %s", [approval.actor, approval.role]) if {
	some approval in standing
	approval.verdict == "approve"
	approval.actor in input.authors
	approval.role in missing
}

notes contains sprintf("%s counts for %s already, not for %s", [approval.actor, role_of(approval.actor), approval.role]) if {
	some approval in eligible
	approval.role in missing
	role_of(approval.actor) != approval.role
}

note_text := sprintf(" (%s)", [lib.joined(notes)]) if count(notes) > 0

note_text := "" if count(notes) == 0

# A tier or target that data.json does not know would have no missing role, and pass.
known if is_array(required)

result := {
	"outcome": "fail",
	"message": sprintf("data.json names no approval roles for tier %s and target %s", [lib.tier, input.target]),
	"remedy": "add the tier and target to chancery.approval_complete.required in the bundle",
} if {
	not known
} else := {
	"outcome": "not-applicable",
	"message": sprintf("tier %s needs no approval for %s", [lib.tier, input.target]),
} if {
	count(required) == 0
} else := {
	"outcome": "pass",
	"message": sprintf("%d of %d required roles approved: %s", [count(required), count(required), concat(", ", sort(required))]),
} if {
	count(missing) == 0
} else := {
	"outcome": "fail",
	"message": sprintf("%d of %d required roles are missing for %s: %s%s", [count(missing), count(required), input.target, concat(", ", sort(missing)), note_text]),
	"remedy": sprintf("ask a person in each of the roles %s, who did not make the version, to approve the promotion", [concat(", ", sort(missing))]),
}
