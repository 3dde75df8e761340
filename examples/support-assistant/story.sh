#!/usr/bin/env bash
# The story of an LLM system, told by the program itself: three parts become one system, a prompt changes, a rule is waived for a
# month, a release is taken back on a Friday night, and time passes. Everything happens in a temporary folder.
set -euo pipefail
# shellcheck source=scripts/story.sh
source "$(dirname "$0")/../../scripts/story.sh"
example=$root/examples/support-assistant
system=support-assistant

# evaluated WHAT VERSION: adds the evaluation of a part or of the system, bound to the content digest of this version.
evaluated() {
  local content
  content=$(value model-auditor content_digest version show "$2")
  python3 "$example/parts.py" --evaluate "$1" "$content" >"$work/evaluation-$1.json"
  KEEP=evidence as engineer evidence add "$2" "$work/evaluation-$1.json" --type evaluation
}
# approved_part NAME FOLDER WHAT NUMBER [ARGUMENT…]: registers a part, adds its evaluation and brings it to approved.
approved_part() {
  local name=$1 folder=$2 what=$3 number=$4
  shift 4
  KEEP='is registered' as engineer register "$name" "$work/parts/$folder" "$@"
  evaluated "$what" "$name/$number"
  KEEP='open and waits' refused 3 engineer promote "$name/$number" --to approved
  KEEP=recorded as product-owner promotion approve "$name/$number" --role product
  KEEP='is now' as release-pipeline promote "$name/$number" --to approved
}
# approved_by_both VERSION: product and security approve a release of the system.
approved_by_both() {
  KEEP=recorded as product-owner promotion approve "$1" --role product
  KEEP=recorded as security-lead promotion approve "$1" --role security
}

chapter "A registry, and who does what"
show "chancery serve --data WORK/data"
start_server 127.0.0.1:0
as administrator team create support-automation --description "answers questions about invoices"
enrol service-owner owner
enrol engineer contributor
enrol product-owner approver:product
enrol security-lead approver:security
enrol governance-lead approver:ai-governance
recognise release-pipeline acme/support-assistant
run_of release-pipeline acme/support-assistant
enrol night-shift incident
enrol model-auditor auditor

chapter "Three parts, each with its own gates: a base model, an adapter for it, a prompt"
show "python3 examples/support-assistant/parts.py WORK/parts"
python3 "$example/parts.py" "$work/parts"
for part in base adapter prompt; do KEEP='is created' as service-owner model create "assistant-$part" --file "$example/$part.yaml"; done
approved_part assistant-base base base 1 --facts "$example/base-facts.yaml"
approved_part assistant-adapter adapter adapter 1 --facts "$example/adapter-facts.yaml"
approved_part assistant-prompt prompt-1 prompt-1 1

chapter "A version of the system is a composition: it pins each part by digest"
as service-owner system create $system --file "$example/assistant.yaml"
compose() { # compose PROMPT [ARGUMENT…]
  local prompt=$1
  shift
  KEEP='registered|content digest' as engineer register $system --component model=assistant-base/1 --component adapter=assistant-adapter/1 \
    --component "prompt=assistant-prompt/$prompt" "$@"
}
compose 1
KEEP='not ready|^- ' refused 3 engineer check $system/1 --to production
tell "The parts are approved, the system is not: what they do together was never evaluated."

chapter "The system is evaluated as a whole, bound to its composition, and released"
evaluated system-1 $system/1
attach engineer $system/1 model-card="$example/model-card.md" plan="$example/monitoring-plan.md"
KEEP='open and waits|missing roles' refused 3 engineer promote $system/1 --to production --comment "first release"
approved_by_both $system/1
as release-pipeline promote $system/1 --to production

chapter "Somebody improves the prompt. The released system does not change"
approved_part assistant-prompt prompt-2 prompt-2 2
KEEP='assistant-prompt' as model-auditor version show $system/1
compose 2
tell "The new version has another composition, so it starts without evaluations. That of version 1 is not about it:"
KEEP='refused|remedy' refused 5 engineer evidence add $system/2 "$work/evaluation-system-1.json" --type evaluation
attach engineer $system/2 model-card="$example/model-card.md" change-summary="$example/change-summary-2.md"
KEEP='open and waits|missing roles|^- ' refused 3 engineer promote $system/2 --to production
approved_by_both $system/2
KEEP='refused|recorded' refused 3 release-pipeline promote $system/2 --to production
tell "Approvals do not replace an evaluation. It is evaluated; the evidence set changed, so whoever approved looks again."
evaluated system-2 $system/2

chapter "One rule cannot be met this month: monitoring moves. An exception is asked for, and somebody else decides"
until=$(date -u -d '+30 days' +%Y-%m-%dT%H:%M:%SZ)
KEEP='not ready|^- ' refused 3 engineer check $system/2 --to production
as engineer exception request $system monitor.linked --until "$until" --reason "monitoring moves to another system, OPS-31"
exception=$(value model-auditor items.0.id exception list --model $system)
KEEP='refused|recorded' refused 1 engineer exception grant "$exception"
KEEP='refused|recorded' refused 1 security-lead exception grant "$exception" --role security
as governance-lead exception grant "$exception" --role ai-governance
KEEP='open and waits|missing roles' refused 3 engineer promote $system/2 --to production --comment "shorter answers"
approved_by_both $system/2
as release-pipeline promote $system/2 --to production
KEEP='exception|waived|decision:' as model-auditor promotion show $system/2

chapter "Friday night: customers get wrong amounts. One command goes back"
as night-shift rollback $system --reason "wrong amounts since the release" --drill
as night-shift rollback $system --reason "wrong amounts since the release"
[ "$(value model-auditor state version show $system/1)" = production ] || fail "version 1 is not back in production"
as model-auditor version list $system

chapter "The base model turns out to have a flaw. Whom does a recall touch?"
as model-auditor lineage impact assistant-base/1

chapter "Eighty days later. What was granted for a time is over, without anybody doing anything"
stop_server
show "chancery serve --data WORK/data --clock-offset 80d"
start_server 127.0.0.1:0 --clock-offset 80d
as model-auditor exception list --model $system
KEEP='registered' as engineer register $system --component model=assistant-base/1 --component prompt=assistant-prompt/2
KEEP='not ready|monitor.linked' refused 3 engineer check $system/3 --to production
tell "The rule that was waived for version 2 fails again. And the approvals behind the release in production end soon:"
as administrator jobs run
KEEP='RULE|approval.expiring|review.overdue' as model-auditor finding list --model $system

chapter "All of it is in the ledger, and holds"
sleep 1
show "chancery ledger verify --data WORK/data --files"
"$chancery" ledger verify --data "$CHANCERY_DATA" --files | sed 's/^/      /'

say "Done. What was shown"
cat <<TEXT
   - a system is the exact parts that it is made of; a new prompt is a new version, and starts without evaluations;
   - approvals do not replace an evaluation, and what was approved before the evidence changed is approved again;
   - a rule was waived with a reason, by somebody else, until a day; after it the rule asked again by itself;
   - one command put the earlier release back, and a flaw in a part is known to touch the system.
TEXT
