# environment.pinned: the environment of the version names one exact version of every package.
# Data: chancery.environment_pinned.kinds, the kinds of entry that need it.
package chancery.rules.environment_pinned

import data.chancery.lib
import rego.v1

metadata := {
	"id": "environment.pinned",
	"title": "every package of the environment is pinned to one version",
	"gates": ["candidate"],
	"references": ["ENT-7", "EU-AI-Act Art. 15"],
	"who": ["contributor"],
	"remedy": "pin each package (name==version) in requirements.txt or conda.yaml and register a new version",
}

asked if input.model.kind in data.chancery.environment_pinned.kinds

environment := object.get(input, ["version", "facts", "environment"], null)

pinned if environment.pinned == true

unpinned := sort([name_in(entry) | some entry in environment.unpinned])

name_in(entry) := entry if {
	is_string(entry)
} else := entry.name if {
	is_string(entry.name)
} else := "a package without a name"

result := {
	"outcome": "not-applicable",
	"message": sprintf("kind %s has no package environment", [input.model.kind]),
} if {
	not asked
} else := {
	"outcome": "fail",
	"message": "the version names no environment (requirements.txt or conda.yaml)",
	"remedy": "add requirements.txt or conda.yaml with pinned packages to the package and register a new version",
} if {
	not is_object(environment)
} else := {
	"outcome": "fail",
	"message": sprintf("%d packages are not pinned: %s", [count(unpinned), lib.some_of(unpinned)]),
} if {
	count(unpinned) > 0
} else := {
	"outcome": "pass",
	"message": sprintf("%d packages are pinned", [count(object.get(environment, "packages", []))]),
} if {
	pinned
} else := {
	"outcome": "fail",
	"message": "the environment is not pinned",
}
