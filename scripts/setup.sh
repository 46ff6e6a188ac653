#!/usr/bin/env bash
# setup.sh runtime|dev: makes .venv, with both packages, or adds what tests and checks need.
# Called by make, which knows whether there is something to do.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/python.sh

# Two `make` at once take turns; what the first one did is not done again.
exec 9<Makefile
if command -v flock >/dev/null; then flock 9; fi

progress() { # counts pip's lines on a terminal, and is silent elsewhere
    awk -v total="$1" -v tty="$([ -t 1 ] && echo 1 || echo 0)" '
        /^Collecting / && tty { split($2, name, "=="); printf "\r\033[K  %d/%d %s", ++n, total, name[1]; fflush() }
        /^Installing collected/ && tty { printf "\r\033[K  unpacking"; fflush() }
        END { if (tty) printf "\r\033[K" }'
}

install() { # install WHAT PIP-ARGUMENT...: hash-checked, without asking the index for dependencies
    local what=$1 log count started=$SECONDS
    shift
    count=$(cat "$@" | grep -c '^[a-z].*==')
    log=$(mktemp)
    echo "Installing $count packages ($what)…"
    # shellcheck disable=SC2046
    if .venv/bin/python -m pip install --disable-pip-version-check --no-input --no-deps --require-hashes \
        $(printf -- '-r %s ' "$@") 2>"$log" | progress "$count"; then
        echo "Installed $what in $((SECONDS - started)) s."
        rm -f "$log"
    else
        cat "$log" >&2
        rm -f "$log"
        echo "Installing $what failed; the lines above say why. Run make again to go on." >&2
        return 1
    fi
}

newer() { # newer STAMP FILE...: is the stamp there and newer than every file?
    local stamp=$1 file
    shift
    [ -e "$stamp" ] || return 1
    for file; do [ "$stamp" -nt "$file" ] || return 1; done
}

runtime() {
    local locks="requirements.lock requirements-build.lock"
    local projects="dovetail/pyproject.toml todo/pyproject.toml"
    # shellcheck disable=SC2086
    if newer .venv/.runtime $locks $projects; then return; fi
    if [ "$(cat .venv/.home 2>/dev/null)" != "$PWD" ] || ! .venv/bin/python -m pip --version >/dev/null 2>&1; then
        local python
        python=$(find_python)
        echo "Making .venv with $("$python" --version)…"
        make_environment "$python" .venv
        echo "$PWD" >.venv/.home
    fi
    # shellcheck disable=SC2086
    install "dovetail and todo" $locks
    # What an older version of ours was called: left there, its commands would go with it some day.
    if compgen -G '.venv/lib/python*/site-packages/todo-*.dist-info' >/dev/null; then
        .venv/bin/python -m pip uninstall -qq --disable-pip-version-check --yes dovetail todo
    fi
    .venv/bin/python -m pip install -qq --disable-pip-version-check \
        --no-deps --no-build-isolation --no-index -e dovetail -e todo
    touch .venv/.runtime
}

dev() {
    if newer .venv/.dev requirements-dev.lock; then return; fi
    install "tests and checks" requirements-dev.lock
    touch .venv/.dev
}

"$1"
