#!/usr/bin/env bash
# Builds the images of deploy/ and draws the secrets that are missing. ARGS are those of `docker build`.
set -euo pipefail
cd "$(dirname "$0")/.."

components="todo-web todo-api save-handler audit-handler mutating-handler search-handler calendar-handler webhook-handler tools"
version=${TODO_VERSION:-latest}

if ! docker info >/dev/null 2>&1; then
    echo "There is no Docker engine that this user may use: docker info says why." \
        "(On Debian: sudo apt-get install docker.io docker-compose)" >&2
    exit 1
fi

draw_secret() { # draw_secret NAME: a password that nobody has to remember
    local file=deploy/secrets/$1
    if [ -s "$file" ]; then return; fi
    # The folder is its owner's alone; the file must be readable to whoever the container runs as.
    mkdir -p -m 700 deploy/secrets
    (umask 022 && head -c 24 /dev/urandom | base64 | tr '+/' '-_' | tr -d '\n' >"$file")
    echo "Drew $file. Keep a copy of it with your backups."
}

build() { # build IMAGE ARGUMENT...
    local image=dovetail-todo/$1:$version log
    shift
    log=$(mktemp)
    if ! docker build --tag "$image" "$@" >"$log" 2>&1; then
        tail -n 20 "$log" >&2
        rm -f "$log"
        echo "Building $image failed; the lines above say why." >&2
        exit 1
    fi
    rm -f "$log"
    echo "Built $image."
}

echo "Building the images; the first time takes a minute or two…"
revision=$(git rev-parse --short HEAD 2>/dev/null || echo unknown)
for component in $components; do
    build "${component#todo-}" --file deploy/Dockerfile --target "$component" --build-arg "REVISION=$revision" "$@" .
done
for component in save-handler mutating-handler; do
    build "lab-$component" --build-arg "VERSION=$version" "deploy/lab/$component"
done
# The operator's own file from now on.
[ -e deploy/.env ] || cat >deploy/.env <<'EOF'
# What Compose calls this application: the names of containers and volumes begin with it.
COMPOSE_PROJECT_NAME=todo
EOF
for secret in database-password grafana-password; do draw_secret "$secret"; done
