#!/bin/sh
# Starts PostgreSQL, an S3 server and Redis for development, on ports of their own, with their
# files in .plue/services, until Ctrl-C. Prints what to put into the environment of `make be`.
set -eu
cd "$(dirname "$0")/.."
cache="${XDG_CACHE_HOME:-$HOME/.cache}/plue"
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$cache/target}"
tools="${PLUE_TOOLS_DIR:-$cache/tools}"
S3S_FS=0.14.1
root="$PWD/.plue/services"
mkdir -p "$root/s3/plue" "$root/redis"

say() { printf 'services: %s\n' "$*"; }
pids=""
stop() {
    trap '' INT TERM HUP EXIT
    [ -z "${pg_ctl:-}" ] || $as_owner "$pg_ctl" -D "$pgdata" -m fast stop >/dev/null 2>&1 || true
    for pid in $pids; do kill "$pid" 2>/dev/null || true; done
    wait
    say "stopped"
}
trap 'echo; stop; exit 0' INT TERM HUP
# Also where a step fails: none of them is left behind.
trap stop EXIT
# started NAME LOG: whether the program that was started last is still there after a moment.
started() {
    sleep 1
    if ! kill -0 "$!" 2>/dev/null; then
        say "$1 did not start:"
        tail -n 5 "$2"
        exit 1
    fi
}

pg_ctl=$(ls /usr/lib/postgresql/*/bin/pg_ctl 2>/dev/null | sort -V | tail -n 1)
[ -n "$pg_ctl" ] || pg_ctl=$(command -v pg_ctl || true)
if [ -z "$pg_ctl" ] || ! command -v redis-server >/dev/null 2>&1; then
    say "missing programs; install with:  apt-get install -y postgresql redis-server"
    exit 1
fi
# PostgreSQL refuses to run as root; then its files belong to the user that Debian makes for it.
as_owner=""
pgdata="$root/postgres"
if [ "$(id -u)" = 0 ]; then
    as_owner="runuser -u postgres --"
    pgdata="/var/lib/postgresql/plue-services"
fi
if ! $as_owner test -s "$pgdata/PG_VERSION"; then
    say "making a PostgreSQL cluster"
    $as_owner "$(dirname "$pg_ctl")/initdb" -D "$pgdata" -U plue --auth=trust --encoding=UTF8 --locale=C >/dev/null
fi
$as_owner "$pg_ctl" -D "$pgdata" -w -l "$pgdata/log" \
    -o "-c listen_addresses=127.0.0.1 -c port=54320 -c unix_socket_directories=''" start >/dev/null || {
    say "PostgreSQL did not start:"
    $as_owner tail -n 5 "$pgdata/log"
    exit 1
}
$as_owner "$(dirname "$pg_ctl")/createdb" -h 127.0.0.1 -p 54320 -U plue plue 2>/dev/null || true

redis-server --bind 127.0.0.1 --port 63790 --dir "$root/redis" --save "" >"$root/redis.log" 2>&1 &
pids="$pids $!"
started Redis "$root/redis.log"

if [ ! -x "$tools/bin/s3s-fs" ]; then
    say "installing the S3 server s3s-fs $S3S_FS (a few minutes, once)"
    cargo install --quiet --locked --debug --root "$tools" --target-dir "$CARGO_TARGET_DIR/tools" --features binary "s3s-fs@$S3S_FS"
fi
"$tools/bin/s3s-fs" --host 127.0.0.1 --port 9014 --access-key plue --secret-key plue-development "$root/s3" \
    >"$root/s3.log" 2>&1 &
pids="$pids $!"
started "The S3 server" "$root/s3.log"

cat <<END

  PostgreSQL  127.0.0.1:54320      Redis  127.0.0.1:63790      S3  127.0.0.1:9014

  To run the coordinator on them:

    DATABASE_URL=postgres://plue@127.0.0.1:54320/plue \\
    S3_ENDPOINT=http://127.0.0.1:9014 S3_BUCKET=plue S3_REGION=us-east-1 S3_PATH_STYLE=true \\
    S3_ACCESS_KEY_ID=plue S3_SECRET_ACCESS_KEY=plue-development make be

  Ctrl-C stops all of them; their data stays in .plue/services.

END
wait
