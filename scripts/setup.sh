#!/usr/bin/env bash
# Installs what a target needs, from Debian's packages and from PyPI. Does nothing when it is there already.
#   setup.sh build   a C compiler for SQLite and TLS
#   setup.sh test    also PostgreSQL, openssl, Go with golang.org/x/mod, and the Python verifiers in target/venv
#   setup.sh bench   also PostgreSQL
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
  need postgresql test -n "$(ls -d /usr/lib/postgresql/*/bin/initdb 2>/dev/null)"
fi
if [ "$what" = test ]; then
  need golang-go command -v go
  need golang-golang-x-mod-dev test -d /usr/share/gocode/src/golang.org/x/mod/sumdb/tlog
  need python3-venv python3 -c 'import ensurepip'
fi
if [ ${#packages[@]} -gt 0 ]; then
  echo "installing: ${packages[*]}"
  run=""
  [ "$(id -u)" = 0 ] || run=sudo
  $run env DEBIAN_FRONTEND=noninteractive apt-get -qq update
  $run env DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends "${packages[@]}" >/dev/null
fi
command -v cargo >/dev/null || { echo "install Rust first: 1.95 or newer, with cargo" >&2; exit 1; }

# A verifier of signed decisions that is not ours: used by the demo and by the tests.
mkdir -p target
if ! cmp -s tests/requirements.txt target/venv/requirements.txt; then
  python3 -m venv target/venv
  target/venv/bin/pip install --quiet --disable-pip-version-check -r tests/requirements.txt
  cp tests/requirements.txt target/venv/requirements.txt
fi
