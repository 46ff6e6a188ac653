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

for image in $(sed -n -e 's/^ *image: \([a-z]*:.*\)$/\1/p' "$root"/deploy/docker-compose*.yml) python:3.11-slim-bookworm; do
    name=${image%%:*}
    has "$image" || timeout 60 docker pull --quiet "$image" 2>/dev/null && continue
    make_debian
    context=$(mktemp -d)
    cp Dockerfile start-*.sh "$context"
    cp "$root/.venv/bin/nats-server" "$context"
    cp "${PIP_CERT:-/etc/ssl/certs/ca-certificates.crt}" "$context/authorities.crt"
    docker build --quiet --target "$name" --tag "$image" "$context" >/dev/null
    rm -r "$context"
    echo "Made a stand-in for $image."
done
