#!/usr/bin/env bash
# Installs what a target needs, from Debian's packages and from PyPI. Does nothing when it is there already.
#   setup.sh build   a C compiler for SQLite and TLS
#   setup.sh test    also PostgreSQL, openssl, SoftHSM, Go with golang.org/x/mod, the Python verifiers in target/venv, the MLflow
#                    clients in target/venv-mlflow3 and target/venv-mlflow2, schemathesis in target/venv-schemathesis,
#                    Node with an OpenID provider in target/oidc, and Chromium with Playwright and axe in target/pages
#   setup.sh bench   also PostgreSQL, and MLflow's server in target/venv-mlflow-server
set -euo pipefail
cd "$(dirname "$0")/.."
what=${1:?usage: setup.sh build|test|bench}

packages=()
need() { # need PACKAGE TEST…: installs PACKAGE unless the test holds
  local package=$1
  shift
  "$@" >/dev/null 2>&1 || packages+=("$package")
}
need build-essential command -v cc
need git command -v git
need openssl command -v openssl
need python3 command -v python3
if [ "$what" != build ]; then
  need python3-venv python3 -c 'import ensurepip'
  need postgresql test -n "$(ls -d /usr/lib/postgresql/*/bin/initdb 2>/dev/null)"
fi
if [ "$what" = test ]; then
  need nodejs command -v node
  need npm command -v npm
  # Playwright drives Debian's own browser; nothing is downloaded from elsewhere. Its fonts decide how wide a text is.
  need chromium test -x /usr/bin/chromium
  need fonts-liberation test -d /usr/share/fonts/truetype/liberation
  need golang-go command -v go
  need softhsm2 test -f /usr/lib/softhsm/libsofthsm2.so
  need golang-golang-x-mod-dev test -d /usr/share/gocode/src/golang.org/x/mod/sumdb/tlog
fi
if [ ${#packages[@]} -gt 0 ]; then
  echo "installing: ${packages[*]}"
  run=""
  [ "$(id -u)" = 0 ] || run=sudo
  $run env DEBIAN_FRONTEND=noninteractive apt-get -qq update
  $run env DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends "${packages[@]}" >/dev/null
fi
command -v cargo >/dev/null || { echo "install Rust first: 1.95 or newer, with cargo" >&2; exit 1; }

environment() { # environment FOLDER REQUIREMENTS: a virtual environment with exactly what the file pins
  cmp -s "$2" "$1/requirements.txt" && return
  rm -rf "$1"
  python3 -m venv "$1"
  "$1/bin/pip" install --quiet --disable-pip-version-check -r "$2"
  cp "$2" "$1/requirements.txt"
}
mkdir -p target
# A verifier of signed decisions that is not ours: used by the demo and by the tests.
environment target/venv tests/requirements.txt
if [ "$what" = test ]; then
  environment target/venv-mlflow3 tests/mlflow/requirements-3.txt
  environment target/venv-mlflow2 tests/mlflow/requirements-2.txt
  environment target/venv-schemathesis tests/schemathesis/requirements.txt
fi
modules() { # modules NAME: what tests/NAME pins of npm, in target/NAME
  cmp -s "tests/$1/package-lock.json" "target/$1/package-lock.json" && return
  rm -rf "target/$1"
  mkdir -p "target/$1"
  cp "tests/$1/package.json" "tests/$1/package-lock.json" "target/$1/"
  (cd "target/$1" && npm ci --silent --no-audit --no-fund --ignore-scripts) || { rm -rf "target/$1"; exit 1; }
}
if [ "$what" = test ]; then
  # A real OpenID provider, for the tests of the login; Playwright and axe, for the tests of the pages.
  modules oidc
  modules pages
fi
if [ "$what" = bench ]; then
  environment target/venv-mlflow-server bench/requirements.txt
fi
