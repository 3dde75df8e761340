#!/usr/bin/env bash
# Pictures of the pages, taken from the running program on the data of the demo.
#   scripts/screenshots.sh            the three of the README, in docs/images/
#   scripts/screenshots.sh --all DIR  ten pages in both themes and at two widths, for looking at
# Needs what `scripts/setup.sh test` installs, and the program: `cargo build --package chancery`.
set -euo pipefail
cd "$(dirname "$0")/.."
largest=$((150 * 1024))
case ${1:-} in
  '') what=readme out=docs/images ;;
  --all) what=all out=${2:?usage: screenshots.sh [--all DIR]} ;;
  *) echo "usage: scripts/screenshots.sh [--all DIR]" >&2; exit 2 ;;
esac
mkdir -p "$out"
folder=$(mktemp -d)
demo=
finish() {
  # Its own trap stops the server.
  if [ -n "$demo" ]; then kill "$demo" 2>/dev/null && wait "$demo" 2>/dev/null || true; fi
  rm -rf "$folder"
}
trap finish EXIT

CHANCERY_LISTEN=127.0.0.1:0 NO_COLOR=1 scripts/demo.sh --serve >"$folder/demo.log" 2>&1 &
demo=$!
for _ in $(seq 600); do
  grep -q 'The server goes on at' "$folder/demo.log" && break
  kill -0 "$demo" 2>/dev/null || { tail -20 "$folder/demo.log" >&2; echo "the demo did not come to its end" >&2; exit 1; }
  sleep 0.5
done
address=$(sed -n 's#.*The server goes on at \(http://[^ ]*\) .*#\1#p' "$folder/demo.log")

target/venv/bin/python - "$address" "$what" "$out" >"$folder/asked.json" <<'PYTHON'
import json, os, sys, urllib.parse, urllib.request

address, what, out = sys.argv[1:]
token = open("target/demo/tokens/model-auditor").read().strip()


def get(path):
    request = urllib.request.Request(address + path, headers={"Authorization": f"Bearer {token}"})
    return json.load(urllib.request.urlopen(request))


promotions = get("/api/v1/promotions?model=loan-approval")["items"]
waiting = next(one["id"] for one in promotions if one["status"] == "open")
executed = next(one["id"] for one in promotions if one["status"] == "executed")
version = get("/api/v1/models/loan-approval/versions/3")
released, composite = version["production_index"], version["composite_id"]
pages = {
    "promotion": (f"/promotions/{waiting}", "security-lead"),
    "version": ("/models/loan-approval/2", "data-scientist"),
    "ledger": (f"/ledger/{released}", "model-auditor"),
    "inbox": ("/", "security-lead"),
    "models": ("/models", "data-scientist"),
    "model": ("/models/loan-approval", "model-auditor"),
    "compare": ("/models/loan-approval/compare/1...2", "data-scientist"),
    "executed": (f"/promotions/{executed}", "model-auditor"),
    "record": ("/ledger", "model-auditor"),
    "policy": ("/policy", "model-auditor"),
}
pictures = []
for name, (path, person) in pages.items():
    one = {"path": path, "person": person, "check": name == "ledger"}
    if what == "readme":
        if len(pictures) < 3:
            pictures.append({**one, "file": f"{out}/{name}.png", "width": 1280, "height": 1200, "theme": "light"})
        continue
    for theme in ("light", "dark"):
        for width in (1280, 390):
            pictures.append({**one, "file": f"{out}/{name}-{theme}-{width}.png", "width": width, "theme": theme})
modules = os.environ.get("CHANCERY_TEST_PAGES", os.path.abspath("target/pages/node_modules"))
password = open("target/demo/password").read().strip()
json.dump({"modules": modules, "chromium": "/usr/bin/chromium", "address": address, "password": password, "pictures": pictures}, sys.stdout)
PYTHON
node tests/pages/pictures.mjs "$folder/asked.json" | while read -r file size; do
  echo "$file: $((size / 1024)) KiB"
  if [ "$what" = readme ] && [ "$size" -gt "$largest" ]; then echo "$file is larger than $largest bytes" >&2; exit 1; fi
done
