#!/bin/sh
# Builds and starts Plue: the coordinator first, which is complete by itself, then the edge.
# usage: infra/run.sh run|dev|be
#
# PLUE_DATA_DIR (default .plue/data), PLUE_HTTP, PLUE_SSH and PLUE_EDGE (addresses) may be set;
# every variable of `plue config --reference` reaches the coordinator.
set -eu
cd "$(dirname "$0")/.."
mode="$1"

cache="${XDG_CACHE_HOME:-$HOME/.cache}/plue"
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$cache/target}"
data="${PLUE_DATA_DIR:-$PWD/.plue/data}"
http="${PLUE_HTTP:-127.0.0.1:4000}"
ssh="${PLUE_SSH:-127.0.0.1:2222}"
edge="${PLUE_EDGE:-127.0.0.1:8787}"
# Words of this script and not of the server, which refuses variables that it does not know.
unset PLUE_HTTP PLUE_SSH PLUE_EDGE
logs="$data/../logs"

began=$(date +%s)
say() { printf 'plue: [%3ds] %s\n' "$(($(date +%s) - began))" "$*"; }

coordinator_pid=""
edge_pid=""
build_pid=""
# Runs a build so that a signal need not wait for its end.
build() {
    $apart "$@" &
    build_pid=$!
    status=0
    wait "$build_pid" || status=$?
    build_pid=""
    return "$status"
}
# Ends both in the order in which nobody is left waiting: the edge, then the coordinator.
stop() {
    trap '' INT TERM HUP
    # A build leads its own group, where there is setsid, and has children of its own.
    [ -z "$build_pid" ] || kill -TERM "-$build_pid" 2>/dev/null || kill -TERM "$build_pid" 2>/dev/null || true
    for pid in $edge_pid $coordinator_pid; do
        kill -TERM "$pid" 2>/dev/null || true
        wait "$pid" 2>/dev/null || true
        # What it started and did not end itself, as npx does with wrangler.
        [ -z "$apart" ] || kill -TERM "-$pid" 2>/dev/null || true
    done
    rm -f "$ready" "$edge_ready"
}
# A Ctrl-C at the terminal reaches every process of this session; the servers get one signal, from us.
apart=""
if command -v setsid >/dev/null 2>&1; then apart=setsid; fi
ready=$(mktemp)
edge_ready=$(mktemp)
trap 'echo; say "stopping"; stop; say "stopped"; exit 0' INT TERM HUP
trap stop EXIT

infra/need.sh build
say "building the coordinator (minutes the first time, seconds after)"
# What speaks to S3 and to a collector of traces is a fifth of what there is to compile, and most who run this have neither.
features="--no-default-features"
[ -z "${S3_BUCKET:-}${OTEL_EXPORTER_OTLP_ENDPOINT:-}" ] || features=""
build cargo build --locked --profile quick -p plue $features
plue="$CARGO_TARGET_DIR/quick/plue"

mkdir -p "$data" "$logs"
chmod 700 "$data"
say "starting the coordinator; its log is $(cd "$logs" && pwd)/coordinator.log"
env -u PLUE_TOOLS_DIR $apart "$plue" serve --json --data-dir "$data" --http "$http" --ssh "$ssh" \
    >"$ready" 2>>"$logs/coordinator.log" &
coordinator_pid=$!
while [ ! -s "$ready" ]; do
    if ! kill -0 "$coordinator_pid" 2>/dev/null; then
        coordinator_pid=""
        say "the coordinator did not start:"
        tail -n 20 "$logs/coordinator.log"
        exit 1
    fi
    sleep 0.05
done
# field NAME FILE: a text member of the one line of JSON.
field() { sed -n "s/.*\"$1\":\"\([^\"]*\)\".*/\1/p" "$2"; }
origin=$(field http "$ready")
ssh_at=$(field ssh "$ready")
sign_in=$(field admin_link "$ready")
say "the coordinator answers at $origin"

front="$origin"
edge_note=""
if [ "$mode" != be ]; then
    say "building the edge"
    status=0
    build infra/edge/build.sh || status=$?
    if [ "$status" = 3 ]; then
        edge_note="not running: see above for the one command that mends it; the coordinator is complete without it"
    elif [ "$status" != 0 ]; then
        edge_note="not running: its build failed, see above; the coordinator is complete without it"
    elif [ "$mode" = dev ]; then
        say "starting wrangler dev"
        # Secrets for wrangler come from a file that only this user can read and that git ignores.
        vars="$PWD/.dev.vars"
        (umask 077 && printf 'EDGE_SECRET=%s\nJWT_SECRET=%s\n' \
            "$(cat "$data/secrets/edge-secret")" "$(cat "$data/secrets/jwt-secret")" >"$vars")
        WRANGLER_SEND_METRICS=false $apart npx wrangler dev --ip "${edge%:*}" --port "${edge##*:}" --var "ORIGIN_URL:$origin" \
            --var CLIENT_ADDRESS:socket --var BEHIND_TLS:false &
        edge_pid=$!
        front="http://$edge"
    else
        say "starting the edge in workerd; its log is $(cd "$logs" && pwd)/edge.log"
        EDGE_SECRET="${EDGE_SECRET:-$(cat "$data/secrets/edge-secret")}" \
            JWT_SECRET="${JWT_SECRET:-$(cat "$data/secrets/jwt-secret")}" \
            $apart node infra/edge/serve.mjs --listen "$edge" --origin "$origin" --state "$data/../edge" \
            >"$edge_ready" 2>>"$logs/edge.log" &
        edge_pid=$!
        while [ ! -s "$edge_ready" ]; do
            if ! kill -0 "$edge_pid" 2>/dev/null; then
                edge_pid=""
                say "the edge did not start:"
                tail -n 20 "$logs/edge.log"
                edge_note="not running: see above; the coordinator is complete without it"
                break
            fi
            sleep 0.05
        done
        [ -z "$edge_pid" ] || front=$(field edge "$edge_ready")
    fi
fi

[ -n "$edge_note" ] || edge_note="$front"
host="${front#http://}"
say "ready"
cat <<END

  Edge          $([ "$mode" = be ] && echo "not started (make run starts it)" || echo "$edge_note")
  Coordinator   $origin
  SSH           ssh://git@$ssh_at

  Sign in       ${sign_in:-$front/login}
                (another link: $plue admin --data-dir $data user link admin)

  Push a repository, from any work tree:
    TOKEN=\$($plue admin --data-dir $data token create --user admin --scopes repo)
    git push http://admin:\$TOKEN@$host/admin/hello.git HEAD:main
  Clone it over HTTP, and over SSH with your key:
    git clone http://admin:\$TOKEN@$host/admin/hello.git
    $plue admin --data-dir $data key add --user admin --name me --file ~/.ssh/id_ed25519.pub
    git clone ssh://git@$ssh_at/admin/hello.git hello-ssh

  Ctrl-C stops all of it.

END

# Ends when either of them does, and says which.
while :; do
    if ! kill -0 "$coordinator_pid" 2>/dev/null; then
        coordinator_pid=""
        say "the coordinator ended; the end of its log:"
        tail -n 20 "$logs/coordinator.log"
        exit 1
    fi
    if [ -n "$edge_pid" ] && ! kill -0 "$edge_pid" 2>/dev/null; then
        edge_pid=""
        say "the edge ended; the coordinator goes on at $origin"
    fi
    sleep 1 &
    wait $! || true
done
