#!/usr/bin/env bash
# All checks of the project. Run by `make test`; `scripts/setup.sh test` comes first.
set -euo pipefail
cd "$(dirname "$0")/.."
export CHANCERY_TEST_PYTHON="$PWD/target/venv/bin/python"
export INSTA_UPDATE=no INSTA_FORCE_PASS=0
step() { printf '\n== %s\n' "$*"; }

step "format"
cargo fmt --all -- --check
step "lints"
cargo clippy --locked --workspace --all-targets -- -D warnings
step "tests"
cargo test --locked --workspace
step "policy: the baseline's own tests"
cargo run --locked --quiet --package chancery -- policy test --offline
step "example: the models say what their evaluations say"
printf 'done\n'
