#!/usr/bin/env bash
# Speed against its limits. What is measured runs on core 0, the load on core 1; exit code 0 only when every limit is reached.
# Arguments go to `chancery-bench run`: --rounds 5, --only sqlite,ledger.
set -euo pipefail
cd "$(dirname "$0")/.."
# Where errors are only a way to say "not defined", as in Rego, each would cost a walk of the stack.
unset RUST_BACKTRACE RUST_LIB_BACKTRACE
profile=${CHANCERY_BENCH_PROFILE:-release}
target=${CARGO_TARGET_DIR:-target}
cargo build --locked --profile "$profile" --package chancery --package chancery-bench
# Neighbours on the machine would be measured too; root may ask for the processor first.
first=()
[ "$(id -u)" = 0 ] && first=(nice -n -15)
exec "${first[@]}" taskset --cpu-list 1 "$target/$profile/chancery-bench" run --server "$target/$profile/chancery" --work "$target/bench" "$@"
