# approval.expiring: an approval that the version rests on does not run out soon.
# Data: chancery.approval_expiring.days before the end.
package chancery.rules.approval_expiring

import data.chancery.lib
import data.chancery.lib_time
import rego.v1

metadata := {
	"id": "approval.expiring",
	"title": "no approval of the version runs out soon",
	"gates": ["schedule"],
	"references": ["POL-3", "POL-6", "REV-1"],
	"who": ["approver", "owner"],
	"remedy": "ask the people named to look again and renew their approval: `chancery promotion approve NAME/VERSION --role ROLE`",
}

days := data.chancery.approval_expiring.days

counting := [approval |
	some approval in input.approvals
	approval.verdict == "approve"
	approval.withdrawn == false
	approval.version_digest == input.version.version_digest
]

# Of a role the approval that lasts longest.
last_end := {approval.role: end |
	some approval in counting
	end := max([other.expires_at |
		some other in counting
		other.role == approval.role
	])
}

ending := {text |
	some role, end in last_end
	lib.instant(end) - lib_time.now <= days * lib_time.day
	text := concat("", ["the approval of ", role, " ends at ", end])
}

result := {
	"outcome": "not-applicable",
	"message": "the version has no approval",
} if {
	count(counting) == 0
} else := {
	"outcome": "pass",
	"message": sprintf("every approval lasts longer than %d days", [days]),
} if {
	count(ending) == 0
} else := {
	"outcome": "fail",
	"message": lib.some_of(sort(ending)),
}
