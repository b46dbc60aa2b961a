# shellcheck shell=bash
# Sourced by ./test and ./start: where things are kept, and the set-up that both need.
#
# Everything that is built or downloaded goes to one folder outside the clone,
# so that a second run, or another clone, is quick:
#   TWINHUB_CACHE     that folder (default ~/.cache/twinhub)
#   CARGO_TARGET_DIR  build products (default $TWINHUB_CACHE/target)

repository=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cache=${TWINHUB_CACHE:-$HOME/.cache/twinhub}
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$cache/target}
export PATH=$cache/tools/bin:$PATH
mkdir -p "$cache"

# Prints a line that stands out from the output of the tools.
say() {
    printf '\n== %s\n' "$*" >&2
}

# Explains what is missing and ends the script.
die() {
    printf 'error: %s\n' "$*" >&2
    exit 1
}

require() {
    local command=$1 how=$2
    command -v "$command" >/dev/null || die "$command is missing: $how"
}

# Makes `$cache/venv` hold exactly what tests/requirements.txt names.
python_environment() {
    require python3 "install Python 3.10 or newer"
    local wanted=$repository/tests/requirements.txt stamp=$cache/venv/requirements.txt
    if ! cmp -s "$wanted" "$stamp"; then
        say "Python packages into $cache/venv"
        python3 -m venv --clear "$cache/venv" || die "python3 -m venv failed (Debian: apt install python3-venv)"
        "$cache/venv/bin/pip" install --quiet --disable-pip-version-check --no-deps -r "$wanted"
        cp "$wanted" "$stamp"
    fi
    export PATH=$cache/venv/bin:$PATH
}

# Adds qpid-proton to the Python packages. It comes as source and is built without
# TLS and Cyrus SASL, wherever those are, so that it is the same on all machines.
proton_environment() {
    local wanted=$repository/tests/amqp/requirements.txt stamp=$cache/venv/amqp-requirements.txt
    cmp -s "$wanted" "$stamp" && return
    "$cache/venv/bin/python" -c 'import os, sysconfig; os.stat(sysconfig.get_path("include") + "/Python.h")' ||
        die "Python.h is missing (Debian: apt install python3-dev)"
    say "qpid-proton into $cache/venv"
    PKG_CONFIG_LIBDIR=/nonexistent "$cache/venv/bin/pip" install --quiet --disable-pip-version-check --no-cache-dir \
        --no-deps -r "$wanted"
    cp "$wanted" "$stamp"
}

# Makes node_modules in a folder of tests/ hold exactly what its lock file names.
node_environment() {
    require npm "install Node.js 20 or newer with npm"
    local folder=$repository/tests/$1
    local lock=$folder/package-lock.json stamp=$folder/node_modules/.package-lock.stamp
    if ! cmp -s "$lock" "$stamp"; then
        say "Node packages into tests/$1/node_modules"
        (cd "$folder" && npm ci --no-audit --no-fund --loglevel=error)
        cp "$lock" "$stamp"
    fi
}

# Installs a cargo subcommand of a fixed version unless it is there.
cargo_tool() {
    local name=$1 version=$2
    cargo "${name#cargo-}" --version >/dev/null 2>&1 && return
    say "$name $version into $cache/tools"
    # Not the shared target folder: a tool's build would rebuild half of ours.
    # Unoptimised: it builds in a fraction of the time and runs for a second.
    env -u CARGO_TARGET_DIR cargo install --quiet --debug --locked --root "$cache/tools" "$name@$version"
}

release_binary() {
    require cargo "install Rust 1.95 or newer"
    say "the release binary"
    (cd "$repository" && cargo build --release --locked --package twinhub)
}
