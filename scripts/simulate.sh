#!/usr/bin/env bash
# simulate.sh ARGUMENT...: runs the simulation in an environment of its own, .venv-simulate, which it makes first.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/python.sh

environment=.venv-simulate

find_new_python() { # prints a Python >= 3.12: on PATH, or one that pyenv has
    local candidate
    for candidate in ${PYTHON:-python3.14 python3.13 python3.12 python3 \
        "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3.1[2-9]*/bin/python}; do
        if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 12))' 2>/dev/null; then
            echo "$candidate"
            return
        fi
    done
    return 1
}

make_simulate_environment() {
    local python
    if ! python=$(find_new_python); then
        # shellcheck source=scripts/apt.sh
        . scripts/apt.sh
        local package
        package=$(apt-cache search --names-only '^python3\.1[2-9]$' 2>/dev/null | cut -d' ' -f1 | head -1)
        if [ -n "$package" ] && install_packages "$package" && python=$(find_new_python); then
            :
        else
            echo "The simulation needs Python 3.12 or newer: pyenv install 3.12, or make PYTHON=/path/to/python3.12"
            # Where one could be had, its absence is a failure of whoever set up the CI.
            [ -n "${CI:-}" ] && { [ -n "$package" ] || command -v pyenv >/dev/null; } && exit 1
            exit 0
        fi
    fi
    echo "Making $environment with $("$python" --version)…"
    make_environment "$python" "$environment"
    "$environment/bin/python" -m pip install -qq --disable-pip-version-check --no-input --no-deps \
        --require-hashes -r requirements-simulate.lock
    echo "$PWD" >"$environment/.home"
    touch "$environment/.ready"
}

exec 9<Makefile
if command -v flock >/dev/null; then flock 9; fi
if [ "$(cat "$environment/.home" 2>/dev/null)" != "$PWD" ] \
    || [ ! "$environment/.ready" -nt requirements-simulate.lock ] \
    || ! "$environment/bin/python" -c '' 2>/dev/null; then
    make_simulate_environment
fi
exec 9<&-
PYTHONPATH=dovetail/src:. exec "$environment/bin/python" -m simulation "$@"
