#!/usr/bin/env bash
# Runs the images and the Compose files on a real container engine: one that is there, else one that this starts,
# with its data in a folder of its own, which stays for the next time. Arguments are pytest's.
set -euo pipefail
cd "$(dirname "$0")/.."
folder=${CONTAINERS_FOLDER:-/var/lib/dovetail-containers}

missing() { # without an engine: a failure in CI, else nothing to be done
    echo "No container engine, so nothing is tested: $1" >&2
    [ -z "${CI:-}" ]
    exit
}

has_engine() { docker info >/dev/null 2>&1; }

install_engine() {
    command -v dockerd >/dev/null && command -v docker-compose >/dev/null && return
    # shellcheck source=scripts/apt.sh
    . scripts/apt.sh
    may_install && forbid_services && install_packages docker.io docker-compose iptables
}

start_engine() {
    [ "$(id -u)" = 0 ] || return 1
    mkdir -p "$folder"
    # Two runs at once take turns: there is one engine in this folder.
    exec 8>"$folder/lock"
    flock 8
    export DOCKER_HOST=unix://$folder/engine.sock
    rm -f "$folder/engine.pid"
    dockerd --host "$DOCKER_HOST" --data-root "$folder/data" --exec-root "$folder/exec" \
        --pidfile "$folder/engine.pid" >"$folder/engine.log" 2>&1 8>&- &
    engine=$!
    trap 'kill "$engine"; wait "$engine" || true' EXIT
    for _ in $(seq 100); do
        if has_engine; then
            # What a run that was killed left behind starts again with the engine.
            docker ps --all --quiet | xargs --no-run-if-empty docker rm --force >/dev/null
            return
        fi
        kill -0 "$engine" 2>/dev/null || break
        sleep 0.3
    done
    tail -n 5 "$folder/engine.log" >&2
    return 1
}

install_engine || missing "Docker and docker-compose can be neither found nor installed (Debian: docker.io docker-compose)."
has_engine || start_engine || missing "no Docker engine runs, and none can be started."
todo/tests/containers/standins/build.sh
TODO_VERSION=trial scripts/images.sh
.venv/bin/python -m pytest -n0 todo/tests/containers "$@"
