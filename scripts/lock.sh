#!/usr/bin/env bash
# Compiles requirements*.in into requirements*.lock: names, versions and hashes for every platform,
# and nothing of the machine that made them. lock.sh --upgrade moves to newer versions.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/python.sh

tools=$(mktemp -d)
trap 'rm -rf "$tools"' EXIT
make_environment "$(find_python)" "$tools"
"$tools/bin/python" -m pip install -qq --disable-pip-version-check uv

for name in requirements requirements-build requirements-tracing requirements-dev requirements-simulate; do
    python=3.11
    [ "$name" = requirements-simulate ] && python=3.12
    "$tools/bin/uv" pip compile --quiet --universal --python-version "$python" --generate-hashes \
        --no-header --no-annotate --no-emit-index-url --no-emit-find-links \
        "$@" "$name.in" --output-file "$name.lock"
    echo "$name.lock: $(grep -c '^[a-z].*==' "$name.lock") packages"
done
