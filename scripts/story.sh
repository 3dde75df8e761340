# Functions of the stories that the program tells about itself. Sourced by scripts/demo.sh and the story.sh of examples, which set
# nothing before and get: $work (a folder of their own), $chancery, $python, and what is defined below.
# shellcheck shell=bash
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"
chancery=$root/target/debug/chancery
python=$root/target/venv/bin/python

work=$(mktemp -d)
keep_work=no # `yes` leaves the folder where it is at the end
server=
finish() {
  local code=$?
  # What KEEP left out may say why.
  if [ "$code" != 0 ] && [ -s "$work/answer" ]; then echo "the last answer was:" >&2; cat "$work/answer" >&2; fi
  stop_server
  [ "$keep_work" = yes ] || rm -rf "$work"
}
trap finish EXIT

bold='' dim='' plain=''
if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then bold=$'\033[1m' dim=$'\033[2m' plain=$'\033[0m'; fi
step=0
say() { printf '\n%s%s%s\n' "$bold" "$*" "$plain"; }
chapter() { step=$((step + 1)); say "$step. $*"; }
tell() { printf '   %s\n' "$*"; }
show() { printf '   $ %s\n' "$*"; }
fail() { echo "this is not what the story expects: $*" >&2; exit 1; }
short() { sed "s#$work#WORK#g; s#$root/##g"; }

# use_work FOLDER: tells the story in this folder, empty, and leaves it there.
use_work() {
  rm -rf "$work" "$1"
  work=$1 keep_work=yes
  mkdir -p "$work"
}

# The issuer of a CI system that the pipelines of the story run in.
ci=https://ci.example.com

# start_server ADDRESS [--clock-offset DURATION]: starts the registry on WORK/data, which knows the CI system's issuer, and exports how to
# reach it.
start_server() {
  local listen=$1
  shift
  export CHANCERY_DATA=$work/data
  case ${2:-} in
    *d) export ISSUER_CLOCK_OFFSET=$((${2%d} * 86400)) ;;
    *s) export ISSUER_CLOCK_OFFSET=${2%s} ;;
  esac
  "$python" scripts/issuer.py new "$work/ci"
  cat >"$work/chancery.toml" <<TOML
[[workload_issuer]]
issuer = "$ci"
audience = "chancery"
shape = "github"
algorithms = ["ES256"]
jwks_file = "$work/ci/jwks.json"
TOML
  : >"$work/server.out"
  "$chancery" serve --config "$work/chancery.toml" --data "$CHANCERY_DATA" --listen "$listen" "$@" >"$work/server.out" 2>"$work/server.log" &
  server=$!
  for _ in $(seq 100); do
    grep -q ' serves ' "$work/server.out" && break
    kill -0 "$server" 2>/dev/null || { cat "$work/server.log" >&2; exit 1; }
    sleep 0.1
  done
  CHANCERY_URL=$(sed -n 's#.* serves \(http://[^ ]*\) .*#\1#p' "$work/server.out")
  export CHANCERY_URL
  mkdir -p "$work/tokens"
  chmod 700 "$work/tokens"
  [ -e "$work/tokens/administrator" ] || cp "$CHANCERY_DATA/admin-token" "$work/tokens/administrator"
}
stop_server() {
  if [ -n "$server" ]; then kill "$server" 2>/dev/null && wait "$server" 2>/dev/null || true; fi
  server=
}

# enrol NAME ROLE…: a user with a token; --kind=pipeline for one that is no person.
enrol() {
  local name=$1 roles=() role
  shift
  for role in "$@"; do case $role in --*) roles+=("$role") ;; *) roles+=(--role "$role") ;; esac done
  printf '   %sadministrator%s $ chancery user create %s %s --token\n' "$dim" "$plain" "$name" "${roles[*]}"
  CHANCERY_TOKEN=$(cat "$work/tokens/administrator") "$chancery" user create "$name" "${roles[@]}" --token >"$work/tokens/$name" 2>/dev/null
}

# recognise NAME REPOSITORY: a pipeline that has no stored token: the administrator says what the token of its runs must say.
recognise() {
  printf '   %sadministrator%s $ chancery user create %s --role deployer --kind=pipeline\n' "$dim" "$plain" "$1"
  CHANCERY_TOKEN=$(cat "$work/tokens/administrator") "$chancery" user create "$1" --role deployer --kind=pipeline >/dev/null
  KEEP=recorded as administrator pipeline identity add "$1" --issuer "$ci" --rule "repository=$2" --rule "environment=production"
}

# run_of NAME REPOSITORY: a run of that pipeline begins: it exchanges the token that its CI system made for it.
run_of() {
  "$python" scripts/issuer.py token "$work/ci" "iss=$ci" aud=chancery "sub=repo:$2:environment:production" "repository=$2" environment=production \
    ref=refs/heads/main event_name=workflow_dispatch run_id=88 sha=4185f5f1619853e486c07542e26b20c0600c6f7f "server_url=$ci" \
    "workflow_ref=$2/.github/workflows/release.yml@refs/heads/main" actor=release-manager >"$work/run.jwt"
  show "chancery login --workload-token-file WORK/run.jwt --save WORK/tokens/$1   # the token that the CI system made for this run"
  "$chancery" login --workload-token-file "$work/run.jwt" --save "$work/tokens/$1" 2>"$work/answer" || fail "the run of $1 may not log in"
}

# signing_key NAME: makes a P-256 key for a pipeline with openssl and has the administrator register its public half.
signing_key() {
  show "openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out $1.pem; openssl pkey -in $1.pem -pubout -out $1.pub.pem"
  openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$work/$1.pem" 2>/dev/null
  openssl pkey -in "$work/$1.pem" -pubout -out "$work/$1.pub.pem"
  as administrator key add "$work/$1.pub.pem" --user "$1"
}

# as WHO COMMAND…: runs a command of the client as somebody, and shows it. With KEEP only the lines of its answer that match are shown.
as() {
  local who=$1 words='' word
  shift
  for word in "$@"; do case $word in *' '*) words+=" \"$word\"" ;; *) words+=" $word" ;; esac done
  printf '   %s%s%s $ chancery%s\n' "$dim" "$who" "$plain" "$words" | short
  local code=0
  CHANCERY_TOKEN=$(cat "$work/tokens/$who") "$chancery" "$@" >"$work/answer" 2>&1 || code=$?
  short <"$work/answer" | sed -nE "/${KEEP:-^}/s/^/      /p"
  return $code
}
# refused CODE WHO COMMAND…: the same, when the registry must refuse it with this exit code.
refused() {
  local expected=$1 code=0
  shift
  as "$@" || code=$?
  [ "$code" = "$expected" ] || fail "exit code $code instead of $expected"
}
# value WHO FIELDS COMMAND…: one value out of the JSON answer.
value() {
  local who=$1 fields=$2
  shift 2
  CHANCERY_TOKEN=$(cat "$work/tokens/$who") "$chancery" --output json "$@" | "$python" -c '
import json, sys
value = json.load(sys.stdin)
for field in sys.argv[1].split("."):
    value = value[int(field)] if field.isdigit() else value[field]
print(value)' "$fields"
}

# attach WHO VERSION TYPE=FILE…: adds pieces of evidence, each by its own command, and shows them on one line for each.
attach() {
  local who=$1 version=$2 piece
  shift 2
  printf '   %s%s%s $ chancery evidence add %s FILE --type TYPE   # for each of\n' "$dim" "$who" "$plain" "$version"
  for piece in "$@"; do
    CHANCERY_TOKEN=$(cat "$work/tokens/$who") "$chancery" evidence add "$version" "${piece#*=}" --type "${piece%%=*}" >"$work/answer" 2>&1 \
      || fail "$version does not take ${piece#*=}"
    printf '      %-20s %s\n' "${piece%%=*}" "${piece#*=}" | short
  done
}

# seal KEY TYPE FILE CONTENT: a pipeline signs a document about a content digest; the envelope lies in WORK/signed.
seal() {
  local subject=(--subject "content:$4") envelope
  envelope=$work/signed/$(basename "${3%.*}").dsse.json
  mkdir -p "$work/signed"
  if [ "$2" = provenance ]; then subject=(); fi
  "$chancery" evidence sign "$3" --type "$2" --key "$work/$1.pem" "${subject[@]}" --out "$envelope" >/dev/null 2>"$work/answer" \
    || fail "$3 is not signed"
}
