# environment.allowed: the environment is one that the organisation knows, and data of this class may be processed there.
# Data: chancery.environment_allowed.names, .prefixes, and .denied, a list of {environments, classifications, tiers}.
package chancery.rules.environment_allowed

import data.chancery.lib
import rego.v1

metadata := {
	"id": "environment.allowed",
	"title": "the version may be deployed to this environment",
	"gates": ["deploy"],
	"references": ["DEP-1", "ENT-14", "EU-AI-Act Art. 26", "ISO/IEC 42001 A.6.2.5"],
	"who": ["deployer", "platform"],
	"remedy": "deploy to an environment that the policy names, or ask the administrators of the policy to add it",
}

limits := data.chancery.environment_allowed

known if input.environment in limits.names

known if {
	some prefix in limits.prefixes
	startswith(input.environment, prefix)
}

denied if {
	some entry in limits.denied
	input.environment in entry.environments
	input.model.classification in object.get(entry, "classifications", [input.model.classification])
	lib.applies(entry)
}

result := {
	"outcome": "fail",
	"message": concat("", ["environment ", input.environment, " is not one that the policy names"]),
} if {
	not known
} else := {
	"outcome": "fail",
	"message": sprintf("a model of classification %v and tier %s may not be deployed to %s", [input.model.classification, lib.tier, input.environment]),
} if {
	denied
} else := {
	"outcome": "pass",
	"message": concat("", ["environment ", input.environment, " is allowed"]),
}
