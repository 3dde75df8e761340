#!/usr/bin/env bash
# Builds the release program and measures it against its limits: the load on core 1, servers and bare runs on core 0.
#   scripts/bench.sh [sqlite|postgres|upload|ledger]    one part only
set -euo pipefail
cd "$(dirname "$0")/.."
profile=${PROFILE:-release}
cargo build --locked --profile "$profile" --package chancery --package chancery-bench
target=${CARGO_TARGET_DIR:-target}
exec taskset -c 1 "$target/$profile/chancery-bench" "$@"
