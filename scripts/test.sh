#!/usr/bin/env bash
# All checks of the project. Run by `make test`, after `scripts/setup.sh test`. Nothing is skipped: what cannot run fails.
set -euo pipefail
cd "$(dirname "$0")/.."
export CHANCERY_TEST_PYTHON="$PWD/target/venv/bin/python"
# A snapshot that differs fails; nothing is written here.
export INSTA_UPDATE=no
# Nothing is built twice here, and the caches of incremental builds would take more disk than everything else together.
export CARGO_INCREMENTAL=0
step() { printf '\n== %s\n' "$*"; }

step "format"
cargo fmt --all -- --check
step "lints"
cargo clippy --locked --workspace --all-targets -- -D warnings
step "tests: rules, formats, server on SQLite and PostgreSQL, crashes, third-party verifiers"
cargo test --locked --workspace
step "the stories of the examples, to their end, showing what docs/stories/ says"
cargo build --locked --package chancery
scripts/stories.sh --check
step "the API under made-up requests, as each role"
python3 tests/schemathesis/run.py target/debug/chancery "$PWD/target/venv-schemathesis/bin/schemathesis"
step "the example: its models say what their evaluations say"
scripts/example.sh
printf '\nall checks hold\n'
