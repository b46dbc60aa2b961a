# shellcheck shell=bash
# Sourced by bench/compare and bench/amqp: how a server is started on its own
# processor, measured from the other, and stopped.
#
# Whoever sources it has set `rounds`, `seconds`, `warm_up`, `servers`,
# `scenarios` and a function `start_other NAME`, which starts a server that is
# not Twinhub with in_background and adds to `target`.
source "$(dirname "${BASH_SOURCE[0]}")/../scripts/environment.sh"

# options USAGE QUICK ARGUMENTS...: the command line that both have; QUICK is
# what --quick sets.
options() {
    local usage=$1 quick=$2
    shift 2
    while (($# > 0)); do
        case $1 in
        --quick) eval "$quick" ;;
        --rounds) rounds=$2 && shift ;;
        --seconds) seconds=$2 && shift ;;
        --servers) servers=$2 && shift ;;
        --scenarios) scenarios=$2 && shift ;;
        *) die "usage: $usage [--quick] [--rounds N] [--seconds N] [--servers LIST] [--scenarios LIST]" ;;
        esac
        shift
    done
}

# debian_packages PACKAGE...: installs them.
debian_packages() {
    (($# > 0)) || return 0
    say "Debian packages: $*"
    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq \
        --no-install-recommends "$@" >&2 || die "install $* first"
}

# Builds what is not named, makes the folder, and copies the programs into it:
# a build that runs meanwhile must not replace what is measured.
prepare() {
    if [[ -z ${TWINHUB_BIN:-} ]]; then
        release_binary
        TWINHUB_BIN=$CARGO_TARGET_DIR/release/twinhub
    fi
    if [[ -z ${TWINHUB_BENCH_BIN:-} ]]; then
        (cd "$repository" && cargo build --release --locked --package twinhub-bench)
        TWINHUB_BENCH_BIN=$CARGO_TARGET_DIR/release/twinhub-bench
    fi

    # Connections are open files, on both sides.
    ulimit -n "$(ulimit -Hn)"
    files=$(ulimit -n)
    [[ $files == unlimited ]] || ((idle <= files - 500)) || idle=$((files - 500))

    on_server_cpu=() on_own_cpu=() pinned=no
    if command -v taskset >/dev/null && (($(nproc) >= 2)); then
        on_server_cpu=(taskset -c 0) on_own_cpu=(taskset -c 1) pinned=yes
    fi

    work=$(mktemp -d -p "${TWINHUB_BENCH_DIR:-$cache}" compare.XXXXXX)
    trap 'stop_server; rm -rf "$work"' EXIT
    trap 'exit 130' INT TERM
    runs=$work/runs log=$work/log
    cp "$TWINHUB_BIN" "$work/twinhub"
    cp "$TWINHUB_BENCH_BIN" "$work/twinhub-bench"
    twinhub=$work/twinhub bench=$work/twinhub-bench
    certificate=$work/hub/tls/server.pem key=$work/hub/tls/server-key.pem ca=$work/hub/tls/ca.pem
    # The first start makes the certificate that all servers use.
    start_server twinhub
    stop_server
}

# Credentials and port of the servers that are not Twinhub.
user=bench password=bench-password
port=18890
server="" failed=0

# in_background COMMAND...: starts a server on the processor that is for servers.
in_background() {
    "${on_server_cpu[@]}" "$@" </dev/null >>"$log" 2>&1 &
    server=$!
}

stop_server() {
    [[ -n $server ]] || return 0
    kill -TERM "$server" 2>/dev/null || true
    wait "$server" 2>/dev/null || true
    server=""
}

# until_true COMMAND...: waits for it, for thirty seconds and as long as the server runs.
until_true() {
    for ((i = 0; i < 300; i++)); do
        ! "$@" 2>/dev/null || return 0
        kill -0 "$server" 2>/dev/null || break
        sleep 0.1
    done
    cat "$log" >&2
    die "the server did not start"
}

answers() {
    (exec 3<>"/dev/tcp/127.0.0.1/$port")
}

# start_server NAME: runs it until stop_server; `target` tells the generator where it is.
start_server() {
    if [[ $1 == twinhub ]]; then
        rm -rf "$work/hub/running.json"
        in_background "$twinhub" serve --data-dir "$work/hub" --listen 127.0.0.1 \
            --https-port 0 --mqtts-port 0 --amqps-port 0 --log warn
        until_true test -f "$work/hub/running.json"
        target=(--data-dir "$work/hub")
    else
        target=(--broker "127.0.0.1:$port" --user "$user" --password "$password")
        start_other "$1"
        until_true answers
        target+=(--pid "$server")
    fi
}

# record WHAT VALUE TITLE COMMAND...: runs the generator, and adds a line to the
# runs: what was measured, and the value that counts.
record() {
    local what=$1 value=$2 title=$3 result
    shift 3
    if result=$("${on_own_cpu[@]}" "$bench" --json "$@" "${target[@]}" 2>>"$log" | grep "\"$value\""); then
        printf '%s\t%s\t%s\t%s\n' "$what" "$value" "$title" "$result" >>"$runs"
        echo "$title: $result" >&2
    else
        echo "$title: $what: failed" >&2
        tail -n 3 "$log" >&2
        failed=1
    fi
}

# Creates the devices that stay idle, with a hub of their own: memory that
# creating has left over would hide what connections cost.
idle_prefix=idle
load_devices() {
    start_server twinhub
    "${on_own_cpu[@]}" "$bench" load-devices --count "$idle" --prefix "$idle_prefix" "${target[@]}" >>"$log"
    stop_server
}
