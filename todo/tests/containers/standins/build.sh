#!/usr/bin/env bash
# Makes a stand-in for each of these images that is not there and cannot be pulled.
set -euo pipefail
cd "$(dirname "$0")"
root=$PWD/../../../..
debian=dovetail-standin/debian

has() { docker image inspect "$1" >/dev/null 2>&1; }

make_debian() {
    has "$debian" && return
    # shellcheck source=scripts/apt.sh
    (cd "$root" && . scripts/apt.sh && { command -v mmdebstrap >/dev/null || install_packages mmdebstrap; })
    echo "Making a small Debian, to stand in for images that cannot be pulled…"
    mmdebstrap --quiet --variant=minbase --include=ca-certificates bookworm - | docker import - "$debian" >/dev/null
}

images=$(sed -n -e 's/^ *image: \(prom\/prometheus\|nats\|postgres\|redis\|rabbitmq\):\(.*\)$/\1:\2/p' "$root"/deploy/docker-compose*.yml)
for image in $images python:3.11-slim-bookworm; do
    name=${image%%:*}
    if has "$image" || timeout 60 docker pull --quiet "$image" >/dev/null 2>&1; then continue; fi
    make_debian
    context=$(mktemp -d)
    cp Dockerfile start-*.sh "$context"
    cp "$root/.venv/bin/nats-server" "$context"
    cp "${PIP_CERT:-/etc/ssl/certs/ca-certificates.crt}" "$context/authorities.crt"
    DOCKER_BUILDKIT=0 docker build --quiet --target "${name##*/}" --tag "$image" "$context" >"$context/log" 2>&1 \
        || { cat "$context/log" >&2; exit 1; }
    rm -r "$context"
    echo "Made a stand-in for $image."
done
