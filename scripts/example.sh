#!/usr/bin/env bash
# Loads the models of the loan example with scikit-learn and compares their metrics with the evaluations beside them.
set -euo pipefail
cd "$(dirname "$0")/../examples/loan-approval"
venv=../../target/venv-example
if ! cmp -s requirements-train.txt "$venv/requirements.txt"; then
  python3 -m venv "$venv"
  "$venv/bin/pip" install --quiet --disable-pip-version-check -r requirements-train.txt
  cp requirements-train.txt "$venv/requirements.txt"
fi
"$venv/bin/python" check.py
