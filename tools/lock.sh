#!/bin/sh
# Resolve the dependencies anew and pin each with its hashes; the files name no index and no host.
# Needs uv on the PATH, or UV=/path/to/uv.
set -eu
cd "$(dirname "$0")/.."
uv=${UV:-uv}
pin() { "$uv" pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --no-header "$@"; }
pin pyproject.toml --group build --output-file requirements/core.lock
pin pyproject.toml --group dev --output-file requirements/dev.lock
pin --group clients --output-file requirements/clients.lock
