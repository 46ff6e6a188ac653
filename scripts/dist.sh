#!/usr/bin/env bash
# Builds the wheels and the source archives of both distributions into dist/, or into the folder that is named.
# Nothing is asked of an index: the build backend is the one of requirements-build.lock, in .venv.
set -euo pipefail
cd "$(dirname "$0")/.."

mkdir -p "${1:-dist}"
folder=$(cd "${1:-dist}" && pwd)
python=$PWD/.venv/bin/python
rm -f "$folder"/dovetail_messaging-* "$folder"/dovetail_todo-*
for project in dovetail todo; do
    if ! said=$(cd "$project" && "$python" -m hatchling build --directory "$folder" 2>&1); then
        echo "$said" >&2
        exit 1
    fi
done
ls "$folder"
