# exception.expiring: an exception that the version rests on does not run out soon.
# Data: chancery.exception_expiring.days before the end.
package chancery.rules.exception_expiring

import data.chancery.lib
import data.chancery.lib_time
import rego.v1

metadata := {
	"id": "exception.expiring",
	"title": "no exception of the version runs out soon",
	"gates": ["schedule"],
	"references": ["POL-4", "AUD-4", "REV-1"],
	"who": ["owner", "ai-governance"],
	"remedy": "do what the rule asks, or ask for a new exception in time (`chancery exception request`)",
}

days := data.chancery.exception_expiring.days

in_force := [exception |
	some exception in input.exceptions
	exception.expires_at > input.now
]

ending := {text |
	some exception in in_force
	lib.instant(exception.expires_at) - lib_time.now <= days * lib_time.day
	text := concat("", ["the exception from ", exception.rule, " ends at ", exception.expires_at])
}

result := {
	"outcome": "not-applicable",
	"message": "the version rests on no exception",
} if {
	count(in_force) == 0
} else := {
	"outcome": "pass",
	"message": sprintf("every exception lasts longer than %d days", [days]),
} if {
	count(ending) == 0
} else := {
	"outcome": "fail",
	"message": lib.some_of(sort(ending)),
}
