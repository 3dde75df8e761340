# What depends on the moment of the evaluation. A rule that does not import this says the same of the same document at any time, and is not asked
# twice. No rule lives here.
package chancery.lib_time

import rego.v1

now := time.parse_rfc3339_ns(input.now)

day := 86400000000000

# Whether a moment is more than so many days ago.
is_older(moment, days) if now - moment > days * day
