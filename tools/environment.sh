#!/bin/sh
# The environments of this checkout, made from lock files whose every line carries a hash.
#
#   tools/environment.sh core      .venv: what the server needs to run                        (make serve, make dev)
#   tools/environment.sh dev       .venv: that, and what tests, lint and types need           (make test)
#   tools/environment.sh aws-cli   .venv-clients: the AWS CLI                                 (make aws-cli)
#   tools/environment.sh clients   that, and what runs on Node.js in tests/clients            (make test-clients)
#
# Guarantees: nothing is installed whose hash is not in the lock; work is done again only when a lock, pyproject.toml, the
# Python or the place of the checkout has changed; two runs at once wait for each other. Does not touch anything outside the
# checkout, with one exception: "clients", as root on Debian, installs nodejs and npm when they are missing.
# Needs: a POSIX shell and Python >= 3.11 with venv. PYTHON=/path/to/python3 chooses another one.
set -eu

cd "$(dirname "$0")/.."
here=$(pwd -P)
suitable='
import importlib.util as find, sys
sys.exit(3 if sys.version_info < (3, 11) else 4 if not (find.find_spec("venv") and find.find_spec("ensurepip")) else 0)'
say() { printf '%s\n' "$*" >&2; }

# --- which Python ------------------------------------------------------------------------------------------------------------

find_python() {
    old='' bare=''
    if [ -n "${PYTHON:-}" ]; then set -- "$PYTHON"; else set -- python3 python3.14 python3.13 python3.12 python3.11; fi
    for candidate in "$@"; do
        command -v "$candidate" >/dev/null 2>&1 || continue
        verdict=0
        "$candidate" -c "$suitable" >/dev/null 2>&1 || verdict=$?
        case $verdict in
            0) python=$candidate && return 0 ;;
            4) bare="$bare $candidate" ;;
            *) old="$old $candidate" ;;
        esac
    done
    if [ -n "$bare" ]; then
        say "Keystead found Python ($(echo $bare)) without its venv module, and needs that to make its environment."
        say "On Debian or Ubuntu:  apt-get install python3-venv     Then run the same command again."
    elif [ -n "$old" ]; then
        say "Keystead needs Python 3.11 or newer; found only an older one: $(echo $old)."
        say "Install a newer Python, or name one:  PYTHON=/path/to/python3.12 make serve"
    else
        say "Keystead needs Python 3.11 or newer, and found none (looked for: $*)."
        say "On Debian or Ubuntu:  apt-get install python3 python3-venv     Or name one:  PYTHON=/path/to/python3.12 make serve"
    fi
    exit 1
}

# One run at a time per checkout. The lock lives on this shell's open file 9, so it ends with the shell, however it ends.
wait_for_turn() {
    exec 9<tools/environment.sh
    if ! "$python" -c 'import fcntl; fcntl.flock(9, fcntl.LOCK_EX | fcntl.LOCK_NB)' 9<&9 2>/dev/null; then
        say "Another command is making this environment; waiting for it."
        "$python" -c 'import fcntl; fcntl.flock(9, fcntl.LOCK_EX)' 9<&9
    fi
}

# fingerprint FILE...: the files' contents, the Python and the place, as one hash
fingerprint() {
    "$python" - "$here" "$@" <<'PY'
import hashlib, pathlib, sys
state = hashlib.sha256(repr((sys.version, sys.argv[1])).encode())
for name in sys.argv[2:]:
    state.update(hashlib.sha256(pathlib.Path(name).read_bytes()).digest())
print(state.hexdigest())
PY
}

stands() { [ -r "$1" ] && [ "$(cat "$1")" = "$2" ]; }

# --- making and filling a virtual environment ----------------------------------------------------------------------------------

# The place matters: the scripts of a virtual environment hold its absolute path, so one that was moved is made anew.
make_venv() {
    place=$(cat "$1/.place" 2>/dev/null || echo "$here")
    if "$1/bin/python" -c 'import pip' 2>/dev/null && [ "$place" = "$here" ]; then
        return 0
    fi
    say "Making $1 with $("$python" --version 2>&1)"
    rm -rf "$1"
    if ! "$python" -m venv "$1" >&2; then
        rm -rf "$1"
        say "Python could not make a virtual environment. On Debian or Ubuntu:  apt-get install python3-venv"
        exit 1
    fi
    printf '%s\n' "$here" >"$1/.place"
}

# pip VENV TITLE TOTAL ARGUMENTS...: one line per package on a terminal, one line in all elsewhere; pip's own words on failure.
# The user's own pip configuration (mirror, proxy, certificates) is respected; the hashes decide what is accepted.
pip() {
    venv=$1 title=$2 total=$3
    shift 3
    log=$here/$venv/install.log
    [ -t 2 ] || say "$title"
    { "$venv/bin/python" -m pip --no-input --disable-pip-version-check "$@" --progress-bar off 2>&1 && echo pip-ended-well; } | tee "$log" | {
        count=0
        while read -r word name rest; do
            case "$word $name" in
                "Collecting "*) what=${name%%=*} count=$((count + 1)) ;;
                "Requirement already") what=${rest#satisfied: } what=${what%%=*} count=$((count + 1)) ;;
                "Installing collected") what="unpacking" ;;
                *) continue ;;
            esac
            [ ! -t 2 ] || printf '\r%s  %s/%s %s\033[K' "$title" "$count" "$total" "${what%% *}" >&2
        done
    }
    if [ "$(tail -n 1 "$log")" != pip-ended-well ]; then
        [ ! -t 2 ] || say
        tail -n 30 "$log" >&2
        say "pip could not finish (its whole output: $venv/install.log). Nothing was accepted that the lock does not name."
        return 1
    fi
    [ ! -t 2 ] || printf '\r%s  done\033[K\n' "$title" >&2
}

fill() {
    pip "$1" "Installing the packages of $2" "$(grep -c '==' "$2")" install --require-hashes -r "$2"
}

server_environment() {
    lock=requirements/$1.lock
    core=$(fingerprint requirements/core.lock pyproject.toml)
    wanted=$(fingerprint "$lock" pyproject.toml)
    if [ -x .venv/bin/python ] && stands ".venv/.stands-$1" "$wanted"; then return 0; fi
    make_venv .venv
    fill .venv "$lock"
    pip .venv "Installing Keystead itself, editable" 1 install --no-deps --no-build-isolation -e .
    # dev.lock holds every pin of core.lock (a house test says so), hence an environment for dev is one for core too
    [ "$1" = core ] || printf '%s\n' "$core" >.venv/.stands-core
    printf '%s\n' "$wanted" >".venv/.stands-$1"
}

# --- client programs: whatever cannot be had is named and left out, the tests that need it say so again ------------------------

aws_cli() {
    kms=2014-11-01
    wanted=$(fingerprint requirements/clients.lock "src/keystead/model/pinned/kms-$kms.json")
    if stands .venv-clients/.stands "$wanted"; then return 0; fi
    make_venv .venv-clients
    fill .venv-clients requirements/clients.lock || return 1
    mkdir -p ".venv-clients/models/kms/$kms"
    cp "src/keystead/model/pinned/kms-$kms.json" ".venv-clients/models/kms/$kms/service-2.json"
    printf '%s\n' "$wanted" >.venv-clients/.stands
}

node_from_debian() {
    if command -v node >/dev/null && command -v npm >/dev/null; then return 0; fi
    if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then return 1; fi
    say "Installing nodejs and npm from Debian"
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends nodejs npm >/dev/null 2>&1 ||
        { apt-get update -qq >/dev/null 2>&1 && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends nodejs npm >/dev/null 2>&1; }
}

# node_packages FOLDER NAME: what the folder's lock names, into the folder
node_packages() {
    folder=$1 name=$2
    wanted=$(fingerprint "$folder/package-lock.json")
    if stands "$folder/node_modules/.stands" "$wanted"; then return 0; fi
    say "Installing the packages of $folder/package-lock.json"
    if output=$(cd "$folder" && npm ci --loglevel=error 2>&1); then
        printf '%s\n' "$wanted" >"$folder/node_modules/.stands"
    else
        say "$output"
        say "SKIPPED $name: npm could not install it"
    fi
}

on_node() {
    both="JavaScript SDK, second policy evaluator"
    if ! node_from_debian; then
        say "SKIPPED $both: node and npm are not installed"
        return 0
    fi
    if ! node -e 'process.exit(parseInt(process.versions.node) < 20 ? 1 : 0)'; then
        say "SKIPPED $both: they need Node.js 20 or newer, this is $(node --version)"
        return 0
    fi
    node_packages tests/clients/js "JavaScript SDK"
    node_packages tests/clients/evaluator "second policy evaluator"
}

case "${1:-}" in
    core | dev | aws-cli | clients) ;;
    *)
        say "usage: tools/environment.sh core|dev|aws-cli|clients"
        exit 2
        ;;
esac
find_python
wait_for_turn
case $1 in
    aws-cli)
        aws_cli
        say "The AWS CLI is here. In a terminal where you want to use it:"
        say "  export PATH=\"$here/.venv-clients/bin:\$PATH\""
        say "and for operations of KMS that are newer than this release of it:"
        say "  export AWS_DATA_PATH=\"$here/.venv-clients/models\""
        ;;
    clients)
        aws_cli || say "SKIPPED AWS CLI: it could not be installed"
        on_node
        ;;
    *) server_environment "$1" ;;
esac
