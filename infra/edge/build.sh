#!/bin/sh
# Builds the worker into edge/cloudflare/build: index.js and index_bg.wasm, the same files for
# plain workerd, `wrangler dev` and `wrangler deploy`, and beside them the assets of the pages. Installs its own tools, pinned, and does
# nothing where nothing changed. With PLUE_EDGE_FAILPOINTS=1 it builds the worker of the tests,
# which panics on demand, into edge/cloudflare/build/failpoints; with PLUE_EDGE_BENCH=1 the one of
# the benchmarks, which does nothing but verify tokens, into edge/cloudflare/build/bench.
#
# The standard library is built along, so that a panic unwinds: it then ends one request, where
# the library as it comes would take every request of the isolate with it.
#
# Exit status 3: the wasm tool chain cannot be had; the last line says what would mend it.
set -eu
cd "$(dirname "$0")/../.."

LIMIT_BYTES=1048576

cache="${XDG_CACHE_HOME:-$HOME/.cache}/plue"
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$cache/target}"
out=edge/cloudflare/build
features=
shim=edge/cloudflare/shim.js
if [ "${PLUE_EDGE_FAILPOINTS:-}" = 1 ]; then
    out=edge/cloudflare/build/failpoints
    features=failpoints
elif [ "${PLUE_EDGE_BENCH:-}" = 1 ]; then
    out=edge/cloudflare/build/bench
    features=bench
    shim=tests/bench/workerd/jwt.js
fi
stamp="$out/.built-from"

say() { printf 'edge: %s\n' "$*" >&2; }
cannot() {
    say "$1"
    say "the wasm tool chain is incomplete; mend it with:  $2"
    exit 3
}

# What decides the build's outcome: every source, every pinned version, this script.
fingerprint() {
    {
        cat Cargo.lock Cargo.toml package-lock.json infra/edge/build.sh "$shim"
        find contract edge/gateway infra/edge/bindgen edge/cloudflare/src edge/cloudflare/Cargo.toml edge/cloudflare/shim.js edge/cloudflare/glue.js -type f \
            \( -name '*.rs' -o -name '*.toml' -o -name '*.json' -o -name '*.js' \) -print | LC_ALL=C sort | while IFS= read -r file; do
            printf '%s\n' "$file"
            cat "$file"
        done
        rustc --version
    } | sha256sum | cut -d' ' -f1
}

# The size of the worker as it travels: compressed.
measure() {
    bytes=$(cat "$out/index.js" "$out/index_bg.wasm" | gzip -9 | wc -c)
    say "the worker is $((bytes / 1024)) KiB gzipped (at most $((LIMIT_BYTES / 1024)))"
    if [ "$bytes" -gt "$LIMIT_BYTES" ]; then
        say "that is too large: what grew?"
        exit 1
    fi
}

# Two builds at once would take each other's files.
mkdir -p "$CARGO_TARGET_DIR"
if command -v flock >/dev/null; then
    exec 9>"$CARGO_TARGET_DIR/edge-worker.lock"
    flock 9
fi

if command -v node >/dev/null 2>&1; then
    node infra/edge/assets.mjs edge/cloudflare/build/assets
fi

rustc --version >/dev/null 2>&1 || cannot "there is no Rust compiler that runs" "curl --proto '=https' -sSf https://sh.rustup.rs | sh"
built_from=$(fingerprint)
if [ -f "$out/index.js" ] && [ "$(cat "$stamp" 2>/dev/null)" = "$built_from" ]; then
    say "nothing changed"
    exit 0
fi

if [ ! -d "$(rustc --print sysroot)/lib/rustlib/src/rust/library/std" ]; then
    say "adding the standard library's source"
    rustup component add rust-src >&2 ||
        cannot "the source of Rust's standard library is missing" "rustup component add rust-src"
fi

if [ ! -x node_modules/.bin/esbuild ] || [ ! -x node_modules/.bin/wasm-opt ] || [ ! -x node_modules/.bin/workerd ]; then
    say "installing the npm packages"
    npm ci --no-fund --no-audit >&2 || cannot "npm could not install its packages" "npm ci"
fi

say "building"
rm -f "$stamp"
work="$CARGO_TARGET_DIR/edge-worker"
rm -rf "$work"
mkdir -p "$work" "$out"

# It runs for a second: built as quickly as can be, beside what `make run` or the tests have built already.
profile="${PLUE_BUILD_PROFILE:-quick}"
cargo build --quiet --locked --profile "$profile" -p plue-edge-bindgen >&2
[ "$profile" != dev ] || profile=debug

# `build-std` is a switch of cargo that stable compilers have under this name only. The flags
# replace whatever the user's environment has for native builds. Every runtime has SIMD, and hashes
# take two thirds of the time with it.
RUSTC_BOOTSTRAP=1 WASM_BINDGEN_USE_JS_SYS=1 RUSTFLAGS="-Cpanic=unwind -Ctarget-feature=+simd128" cargo build --quiet \
    -Zbuild-std=std,panic_unwind --target wasm32-unknown-unknown --profile edge \
    -p plue-edge-cloudflare --features "$features" >&2
"$CARGO_TARGET_DIR/$profile/plue-edge-bindgen" \
    "$CARGO_TARGET_DIR/wasm32-unknown-unknown/edge/plue_edge_cloudflare.wasm" "$work"
# Named features only: the optimiser must not write what the runtime does not read yet.
node_modules/.bin/wasm-opt -O3 "$work/index_bg.wasm" -o "$work/optimised.wasm" \
    --enable-mutable-globals --enable-sign-ext --enable-nontrapping-float-to-int --enable-bulk-memory \
    --enable-multivalue --enable-reference-types --enable-exception-handling --enable-simd
cp "$shim" "$work/shim.js"
cp edge/cloudflare/glue.js "$work"
NODE_PATH=node_modules node_modules/.bin/esbuild "$work/shim.js" --bundle --minify --format=esm --log-level=warning \
    --external:./index_bg.wasm '--external:cloudflare:*' --outfile="$work/bundled.js"
# The runtime hands over a compiled module for a plain import.
sed 's/import source /import /' "$work/bundled.js" >"$out/index.js"
cp "$work/optimised.wasm" "$out/index_bg.wasm"
measure
printf '%s' "$built_from" >"$stamp"
