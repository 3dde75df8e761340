#!/usr/bin/env bash
# The story of a model, told by the program itself: a real classifier goes from its training folder to production under policy, a
# worse one is refused, and a tampered database is caught. Everything happens in a temporary folder.
#   scripts/demo.sh           runs the story and ends
#   scripts/demo.sh --serve   runs the story in target/demo and leaves the server up on its data
set -euo pipefail
# shellcheck source=scripts/story.sh
source "$(dirname "$0")/story.sh"
example=$root/examples/loan-approval
evidence=$root/target/demo-evidence

serve=no
listen=127.0.0.1:0
if [ "${1:-}" = --serve ]; then
  serve=yes
  listen=${CHANCERY_LISTEN:-127.0.0.1:8080}
  use_work "$root/target/demo"
fi

# evaluated_and_built NUMBER FOLDER: what the training pipeline says about a version: looked at, listed, built, evaluated; part of it signed.
evaluated_and_built() {
  local version=loan-approval/$1 folder=$example/$2 out=$work/built/$1 content
  show "python3 examples/loan-approval/pipeline.py examples/loan-approval/$2/model examples/loan-approval/$2/facts.yaml --to WORK/built/$1"
  content=$(python3 "$example/pipeline.py" "$folder/model" "$folder/facts.yaml" --to "$out")
  tell "   content digest ${content:0:12}…"
  cp "$folder/evaluation.json" "$folder/reproducibility.json" "$out"
  show "chancery evidence sign FILE --type TYPE --key training-pipeline.pem   # provenance.json, evaluation.json"
  rm -rf "$work/signed"
  seal training-pipeline provenance "$out/provenance.json" "$content"
  seal training-pipeline evaluation "$out/evaluation.json" "$content"
  attach training-pipeline "$version" sbom="$out/sbom.cdx.json" provenance="$work/signed/provenance.dsse.json" artifact-scan="$out/scan.json" \
    vulnerability-report="$out/vulnerabilities.json" evaluation="$work/signed/evaluation.dsse.json" reproducibility="$out/reproducibility.json"
}
# documented NUMBER FOLDER [TYPE=FILE…]: what people wrote about a version, and the review of somebody who did not make it.
documented() {
  local version=loan-approval/$1 folder=$example/$2
  shift 2
  attach data-scientist "$version" model-card="$folder/model-card.md" datasheet="$example/datasheet.md" explainability="$folder/explainability.md" \
    risk-assessment="$folder/risk-assessment.md" plan="$example/monitoring-plan.md" plan="$example/rollback-plan.md" "$@"
  KEEP=evidence as platform-lead evidence add "$version" "$folder/peer-review.md" --type review --role platform
}

# let_in NAME…: gives these people one password, which is made for this run, as an administrator and they themselves do it.
let_in() {
  local name secret
  (umask 077 && openssl rand -hex 10 >"$work/password")
  for name in "$@"; do
    secret=$(CHANCERY_TOKEN=$(cat "$work/tokens/administrator") "$chancery" user reset-password "$name" 2>"$work/answer") || fail "no secret for $name"
    printf '%s\n%s\n' "$secret" "$(cat "$work/password")" | "$chancery" account password --name "$name" >"$work/answer" 2>&1 || fail "no password for $name"
  done
}

# The documents of the example were made on a day, and the policy does not accept old ones: the story happens on the day after.
SOURCE_DATE_EPOCH=$(date -u -d 2026-11-22T09:00:00Z +%s)
export SOURCE_DATE_EPOCH

chapter "Start a registry: one binary, SQLite and a folder"
show "chancery serve --data WORK/data --clock-offset OFFSET"
start_server "$listen" --clock-offset "$((SOURCE_DATE_EPOCH - $(date +%s)))s"
tell "Its clock stands at 22 November 2026, the day after the example was made: a rehearsal, which is in the record too."
tell "It listens on $CHANCERY_URL and wrote the first administrator's token to a file that only you can read."

chapter "People and pipelines get roles; nobody shares a login. A pipeline signs with a key of its own"
as administrator team create credit-risk --description "scores loans"
enrol data-scientist contributor approver:product
enrol platform-lead approver:platform
enrol product-owner approver:product
enrol security-lead approver:security
enrol governance-lead approver:ai-governance
enrol training-pipeline contributor --kind=pipeline
recognise release-pipeline acme/loan-approval
enrol night-shift incident
enrol model-auditor auditor
signing_key training-pipeline

chapter "A data scientist registers a trained model: its folder, and what is claimed about it"
KEEP='registered|state|composite' as data-scientist register loan-approval "$example/v1/model" --facts "$example/v1/facts.yaml" --create --model-file "$example/model.yaml"
tell "The version is frozen: its identity is the digest of its files and of its sealed facts. It starts as a draft."

chapter "What is missing before it may go to production?"
KEEP='not ready|^- ' refused 3 data-scientist check loan-approval/1 --to production
tell "Each rule also says how to fix it and who can (cut here)."

chapter "The training pipeline says what is in the files, where they come from and how they were evaluated"
evaluated_and_built 1 v1
tell "The signatures are checked with the registered key: these results count as attested. No scanner has its database here, so"
tell "vulnerabilities.json is an example, and says so."

chapter "People write what only people can know, and somebody who did not make the model reviews it"
documented 1 v1
KEEP='not ready|^- ' refused 3 data-scientist check loan-approval/1 --to production
tell "What is left are the people and the act of the release."

chapter "Ask for production: a promotion opens and waits for four roles"
KEEP='open and waits|^missing|^next' refused 3 data-scientist promote loan-approval/1 --to production --comment "first release"

chapter "The author holds the role product too, and tries to approve the own work"
KEEP='^refused|^remedy|^recorded' refused 1 data-scientist promotion approve loan-approval/1 --role product

chapter "Four named people approve. Each signs the digests of what they were shown"
as platform-lead promotion approve loan-approval/1 --role platform --comment "serving cost is fine"
KEEP=recorded as product-owner promotion approve loan-approval/1 --role product --ticket LOAN-17
KEEP=recorded as security-lead promotion approve loan-approval/1 --role security
KEEP=recorded as governance-lead promotion approve loan-approval/1 --role ai-governance --comment "parity by race is above the four-fifths rule"

chapter "A person may not release a high-risk model, not even the administrator"
KEEP='^refused|remedy|who|^recorded' refused 1 administrator promote loan-approval/1 --to production

chapter "The release pipeline may, once its run has logged in: every rule is asked again, the decision is signed, the version moves"
tell "No secret is stored for it: what its CI system says of the run decides, and it gets a token for a quarter of an hour."
run_of release-pipeline acme/loan-approval
as release-pipeline promote loan-approval/1 --to production
as release-pipeline alias set champion loan-approval/1
as model-auditor version show loan-approval@champion

chapter "A second version scores better, and is worse for one group. Will it pass?"
KEEP='registered' as data-scientist register loan-approval "$example/v2/model" --facts "$example/v2/facts.yaml"
evaluated_and_built 2 v2
documented 2 v2 change-summary="$example/v2/change-summary.md"
KEEP='open and waits' refused 3 data-scientist promote loan-approval/2 --to production --comment "better AUC"
KEEP='changed|METRIC|parity|opportunity|auc_roc|metric\.' as security-lead promotion show loan-approval/2
KEEP='^refused|^recorded' refused 3 release-pipeline promote loan-approval/2 --to production
tell "No: its AUC-ROC is higher, but its demographic parity is below the limit and below that of version 1."

chapter "A third version is released, and on Friday night something is wrong. One command goes back"
KEEP='registered' as data-scientist register loan-approval "$example/v1/model" --facts "$example/v1/facts.yaml" --semver 1.0.1
evaluated_and_built 3 v1
documented 3 v1 change-summary="$example/v1/change-summary-1.0.1.md"
KEEP='open and waits' refused 3 data-scientist promote loan-approval/3 --to production
KEEP=recorded as platform-lead promotion approve loan-approval/3 --role platform
KEEP=recorded as product-owner promotion approve loan-approval/3 --role product
KEEP=recorded as security-lead promotion approve loan-approval/3 --role security
KEEP=recorded as governance-lead promotion approve loan-approval/3 --role ai-governance
as release-pipeline promote loan-approval/3 --to production
as night-shift rollback loan-approval --reason "complaints since the release" --drill
as night-shift rollback loan-approval --reason "complaints since the release"
[ "$(value model-auditor state version show loan-approval/1)" = production ] || fail "version 1 is not back in production"
as model-auditor version list loan-approval

chapter "Months later: an inference carries a composite id. What is behind it?"
composite=$(value model-auditor composite_id version show loan-approval/1)
as model-auditor trace "$composite"

chapter "An auditor asks what happened, and what was in production before that"
as model-auditor history loan-approval --limit 24
released=$(value model-auditor production_index version show loan-approval/3)
tell "Entry $released released version 3. What was in production before it?"
as model-auditor version list loan-approval --state production --as-of $((released - 1))
as model-auditor history loan-approval/3 --as-of $((released - 1)) --limit 1
[ "$(value model-auditor state version show loan-approval/1 --as-of $((released - 1)))" = production ] || fail "the past is not what it was"

chapter "The auditor does not have to believe any of this: proofs and signatures are checked"
sleep 1
entry=$(value model-auditor registered_index version show loan-approval/1)
as model-auditor ledger prove "$entry" --to "$work/registration.tlog-proof"
show "chancery ledger verify --data WORK/data --files"
"$chancery" ledger verify --data "$CHANCERY_DATA" --files | sed 's/^/      /'

chapter "The auditor takes the evidence home and checks it with programs that are not ours"
rm -rf "$evidence"
show "chancery ledger export loan-approval/1 --to target/demo-evidence"
"$chancery" ledger export loan-approval/1 --data "$CHANCERY_DATA" --to "$evidence" | sed "s#$root/##; s/^/      /"
for pae in "$evidence"/envelopes/*.pae "$evidence"/signed-evidence/*.pae; do
  case $pae in
    */signed-evidence/*) key=$work/training-pipeline.pub.pem ;;
    *) key=$evidence/decision.$(cat "${pae%.pae}.keyid").pem ;;
  esac
  printf '      openssl: %s ' "$(basename "${pae%.pae}" | cut -c1-12)"
  openssl dgst -sha256 -verify "$key" -signature "${pae%.pae}.sig" "$pae"
done
"$python" scripts/verify_evidence.py "$evidence" | sed 's/^/      /'

chapter "Somebody edits the database behind the registry's back, in a copy of it"
mkdir "$work/tampered"
cp -r "$CHANCERY_DATA/keys" "$work/tampered/keys"
"$python" - "$CHANCERY_DATA/chancery.db" "$work/tampered/chancery.db" <<'PYTHON'
import sqlite3, sys
source, target = sqlite3.connect(f"file:{sys.argv[1]}?mode=ro", uri=True), sqlite3.connect(sys.argv[2])
source.backup(target)
target.execute("UPDATE versions SET state = 'production' WHERE number = 2")
target.commit()
PYTHON
cp "$CHANCERY_DATA/scratch.db" "$work/tampered/scratch.db"
tell "First, version 2 is set to production in its table:"
code=0
"$chancery" ledger verify --data "$work/tampered" | sed -nE '/problem|ALTERED/{s/ \(expected [0-9a-f]{64}.*//;s/^/      /;p}' || code=${PIPESTATUS[0]}
[ "$code" = 5 ] || fail "the tampered state was not found"
tell "Then the entry that records the refused approval is rewritten as well:"
"$python" - "$work/tampered/chancery.db" <<'PYTHON'
import sqlite3, sys
database = sqlite3.connect(sys.argv[1])
index, data = database.execute("SELECT entry_index, bytes FROM entries WHERE CAST(bytes AS TEXT) LIKE '%\"separation_of_duties\"%'").fetchone()
database.execute("UPDATE entries SET bytes = ? WHERE entry_index = ?", (data.replace(b"separation_of_duties", b"precondition_failed"), index))
database.commit()
PYTHON
code=0
"$chancery" ledger verify --data "$work/tampered" | sed -nE '/problem|ALTERED/{s/ \(expected [0-9a-f]{64}.*//;s/^/      /;p}' || code=${PIPESTATUS[0]}
[ "$code" = 5 ] || fail "the tampered entry was not found"

say "Done. What was shown"
cat <<TEXT
   - nothing reached production without signed evaluation and provenance, documents, a review by somebody else, four named approvals,
     a signed decision and a run of the one pipeline, which has no stored secret;
   - a better score did not outweigh a worse parity, and nobody could approve the own work;
   - one command put the earlier release back, and the past can still be asked;
   - every step, refusals included, is in a ledger; an edit of the database shows.
   The evidence is in target/demo-evidence; its README.txt says how to check it with openssl alone.
TEXT
if [ "$serve" = no ]; then
  cat <<TEXT
   To see it in a browser: \`make serve\` tells the story again and stays up, with a password for everybody in it. Then open
   http://127.0.0.1:8080/models/loan-approval
TEXT
else
  let_in data-scientist platform-lead product-owner security-lead governance-lead night-shift model-auditor
  cat <<TEXT

   The server goes on at $CHANCERY_URL with this data (target/demo/data). Ctrl-C ends it. In a browser:
      $CHANCERY_URL/models/loan-approval       what is in production since when, and what waits
      $CHANCERY_URL/models/loan-approval/2     why version 2 may not go there
   Log in as data-scientist, platform-lead, product-owner, security-lead, governance-lead, night-shift or model-auditor, with the
   password $(cat "$work/password")   # of this run; it is in target/demo/password too
   In another terminal:
      export CHANCERY_URL=$CHANCERY_URL CHANCERY_DATA=target/demo/data
      target/debug/chancery version show loan-approval/1
TEXT
  wait "$server"
fi
