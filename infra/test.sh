#!/bin/sh
# Runs every test and ends with the one line `N passed, N failed`.
set -u
cd "$(dirname "$0")/.."
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/plue/target}"
export PLUE_BUILD_PROFILE=dev
log="$(mktemp)"
trap 'rm -f "$log"' EXIT

say() { printf 'test: %s\n' "$*"; }
failed_parts=""

# One selection of packages and features for all of it: with another, cargo builds most dependencies
# once more. The programs that the tests start are among what is built.
say "building the tests, and what they start"
if ! cargo test --locked --features plue/failpoints --no-run; then
    echo "0 passed, 1 failed"
    exit 1
fi
if command -v node >/dev/null 2>&1; then
    # Exit status 3 says that the wasm tools cannot be had; the tests of the edge then say that they are skipped.
    infra/edge/build.sh || [ $? = 3 ] || failed_parts="$failed_parts edge-build"
fi

say "running the tests"
# A file and not a pipe keeps the exit status; `tail` shows the progress meanwhile.
: >"$log"
tail -f "$log" &
tail_pid=$!
PLUE_BIN_DIR="$CARGO_TARGET_DIR/debug" cargo test --locked --features plue/failpoints --no-fail-fast -- --quiet \
    >>"$log" 2>&1 || failed_parts="$failed_parts cargo-test"
sleep 1
kill "$tail_pid" 2>/dev/null
wait "$tail_pid" 2>/dev/null

count() { awk -v word="$1" '/^test result:/ { for (i = 2; i <= NF; i++) if ($i ~ "^" word) sum += $(i - 1) } END { print sum + 0 }' "$log"; }
passed=$(count passed)
failed=$(count failed)
if command -v node >/dev/null 2>&1; then
    say "running the tests in a browser; what was seen is in $CARGO_TARGET_DIR/screenshots"
    node --test tests/browser/*.test.mjs >"$log.node" 2>&1 || failed_parts="$failed_parts browser"
    cat "$log.node"
    # Node's closing lines, in either of its styles; 0 where it ended without them.
    counted() { sed -n "s/^# $1 \([0-9]*\)\$/\1/p; s/^ℹ $1 \([0-9]*\)\$/\1/p" "$log.node" | awk '{ sum += $1 } END { print sum + 0 }'; }
    passed=$((passed + $(counted pass)))
    failed=$((failed + $(counted fail)))
    rm -f "$log.node"
fi
# A test program that crashed, or did not compile, has no line of its own.
if [ -n "$failed_parts" ] && [ "$failed" = 0 ]; then failed=1; fi
[ -z "$failed_parts" ] || say "failed:$failed_parts"
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
