# approval.complete: named people in each required role approved exactly this.
# Data: chancery.approval_complete.required, tier → target → roles (a name, or {role, count} for several people in one role);
# .signed_tiers, the tiers in which an approval must carry the signature of the person's own key.
# An approval counts when it approves, was not withdrawn, has not expired, was given by nobody who made the version (nor in the
# place of somebody who did), and binds what is decided now: version digest, target, environment, tier and evidence set. The last
# word of a person in a role counts. One person counts for one role: the required role in which they spoke first. Who stands in
# for another speaks with that person's voice: both together count once in a role.
package chancery.rules.approval_complete

import data.chancery.lib
import rego.v1

metadata := {
	"id": "approval.complete",
	"title": "named people in each required role approved this version",
	"gates": ["approved"],
	"references": ["APR-2", "APR-3", "LIF-2", "EU-AI-Act Art. 14", "NIST AI RMF MANAGE 1.1"],
	"who": ["approver"],
	"remedy": "ask a person in each missing role, who did not make the version, to approve the promotion: `chancery promotion approve NAME/VERSION --role ROLE`",
}

entries := data.chancery.approval_complete.required[lib.tier][input.target]

# The names of the roles, in the order of the data.
required := [role_in(entry) | some entry in entries] if is_array(entries)

role_in(entry) := entry if {
	is_string(entry)
} else := entry.role

# How many people a role needs.
needed := {role_in(entry): people_in(entry) | some entry in entries}

people_in(entry) := entry.count if {
	is_object(entry)
} else := 1

own_signature if lib.tier in data.chancery.approval_complete.signed_tiers

# Approvals and rejections of what is decided now.
standing_for_this := [approval |
	some approval in input.approvals
	approval.withdrawn == false
	approval.version_digest == input.version.version_digest
	approval.target == input.target
	approval.environment == input.environment
	approval.tier == input.model.risk.tier
	approval.evidence_set_digest == input.evidence_set_digest
	approval.expires_at > input.now
	approval.role in required
]

# The last word of a person in a role; of two at the same moment the rejection. Mostly each person speaks once.
standing := standing_for_this if {
	count({[approval.actor, approval.role] | some approval in standing_for_this}) == count(standing_for_this)
} else := [approval |
	some approval in standing_for_this
	[approval.at, approval.verdict] == max([[other.at, other.verdict] |
		some other in standing_for_this
		other.actor == approval.actor
		other.role == approval.role
	])
]

rejected_roles := {approval.role |
	some approval in standing
	approval.verdict == "reject"
}

# Who speaks: the person, or the one in whose place they stand.
voice_of(approval) := object.get(approval, "delegated_by", approval.actor) if {
	object.get(approval, "delegated_by", null) != null
} else := approval.actor

is_by_author(approval) if approval.actor in input.authors

is_by_author(approval) if voice_of(approval) in input.authors

lacks_signature(approval) if {
	own_signature
	object.get(approval, "signed_with", null) == null
}

# Approvals of people who may approve.
eligible := [approval |
	some approval in standing
	approval.verdict == "approve"
	not is_by_author(approval)
	not lacks_signature(approval)
]

# Approvals that count for their role: of a person the one in the required role in which they spoke first.
counting := eligible if {
	count({approval.actor | some approval in eligible}) == count(eligible)
} else := [approval |
	some approval in eligible
	[approval.at, approval.role] == min([[other.at, other.role] |
		some other in eligible
		other.actor == approval.actor
	])
]

voices := {[approval.role, voice_of(approval)] | some approval in counting}

people := {role: count([1 | some voice in voices; voice[0] == role]) | some role in required}

missing := [role |
	some role in required
	not is_satisfied(role)
]

is_satisfied(role) if {
	not role in rejected_roles
	people[role] >= needed[role]
}

# Why a role is missing although somebody spoke.
notes contains concat("", [approval.role, " was rejected by ", approval.actor]) if {
	some approval in standing
	approval.verdict == "reject"
}

notes contains text if {
	count(missing) > 0
	some approval in standing
	approval.verdict == "approve"
	approval.role in missing
	text := why_not(approval)
}

notes contains sprintf("%s has %d of %d people", [role, people[role], needed[role]]) if {
	some role in missing
	needed[role] > 1
}

why_not(approval) := concat("", [approval.actor, " is an author and does not count for ", approval.role]) if {
	approval.actor in input.authors
} else := concat("", [approval.actor, " stands in for an author and does not count for ", approval.role]) if {
	is_by_author(approval)
} else := concat("", [approval.actor, " did not sign with a key of their own for ", approval.role]) if {
	lacks_signature(approval)
} else := concat("", [approval.actor, " counts for ", other.role, " already, not for ", approval.role]) if {
	some other in counting
	other.actor == approval.actor
	other.role != approval.role
}

note_text := concat("", [" (", lib.joined(notes), ")"]) if {
	count(notes) > 0
} else := ""

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
	"message": concat("", ["tier ", lib.tier, " needs no approval for ", input.target]),
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
	"remedy": sprintf("ask a person in each of the roles %s, who did not make the version, to approve the promotion: `chancery promotion approve NAME/VERSION --role ROLE`", [concat(", ", sort(missing))]),
}
