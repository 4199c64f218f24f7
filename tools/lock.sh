#!/bin/sh
# Resolves the dependencies anew and pins each with its hashes; the files name no index, no registry and no host.
#   tools/lock.sh             keeps every pin that still fits
#   tools/lock.sh --upgrade   takes the newest releases that fit pyproject.toml and package.json
# Uses uv from UV=/path/to/uv, from the PATH, or one installed for this into .venv-lock; npm only when it is there.
set -eu
cd "$(dirname "$0")/.."
case "${1:-}" in '' | --upgrade) ;; *) echo "usage: tools/lock.sh [--upgrade]" >&2; exit 2 ;; esac

uv=${UV:-$(command -v uv || true)}
if [ -z "$uv" ]; then
    uv=.venv-lock/bin/uv
    [ -x "$uv" ] || { python3 -m venv .venv-lock && .venv-lock/bin/python -m pip install --quiet --disable-pip-version-check uv; }
fi

pin() { "$uv" pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --no-header "$@"; }
pin "$@" pyproject.toml --group build --output-file requirements/core.lock
pin "$@" pyproject.toml --group dev --output-file requirements/dev.lock
pin "$@" --group clients --output-file requirements/clients.lock

if command -v npm >/dev/null; then
    cd tests/clients/js
    if [ "${1:-}" = --upgrade ]; then npm install --package-lock-only --save-exact --loglevel=error @aws-sdk/client-iam@latest @aws-sdk/client-kms@latest @aws-sdk/client-sts@latest; fi
    npm install --package-lock-only --loglevel=error
else
    echo "npm is not installed: tests/clients/js/package-lock.json stays as it is" >&2
fi
