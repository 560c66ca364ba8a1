#!/bin/sh
# Builds the worker into edge/cloudflare/build: index.js and index_bg.wasm, the same files for
# plain workerd, `wrangler dev` and `wrangler deploy`. Installs its own tools, pinned, and does
# nothing where nothing changed.
#
# Exit status 3: the wasm tool chain cannot be had; the last line says what would mend it.
set -eu
cd "$(dirname "$0")/../.."

WORKER_BUILD=0.8.7
WASM_BINDGEN=0.2.129
LIMIT_BYTES=1048576

cache="${XDG_CACHE_HOME:-$HOME/.cache}/plue"
tools="${PLUE_TOOLS_DIR:-$cache/tools}"
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$cache/target}"
out=edge/cloudflare/build
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
        cat Cargo.lock Cargo.toml package-lock.json infra/edge/build.sh
        find contract edge/gateway edge/cloudflare/src edge/cloudflare/Cargo.toml -type f \
            \( -name '*.rs' -o -name '*.toml' -o -name '*.json' \) -print | LC_ALL=C sort | while IFS= read -r file; do
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

command -v rustc >/dev/null || cannot "there is no rustc" "curl --proto '=https' -sSf https://sh.rustup.rs | sh"
built_from=$(fingerprint)
if [ -f "$out/index.js" ] && [ "$(cat "$stamp" 2>/dev/null)" = "$built_from" ]; then
    say "nothing changed"
    exit 0
fi

# The target's standard library, however it was installed.
if [ ! -d "$(rustc --print sysroot)/lib/rustlib/wasm32-unknown-unknown/lib" ]; then
    say "adding the target wasm32-unknown-unknown"
    rustup target add wasm32-unknown-unknown >&2 ||
        cannot "the target wasm32-unknown-unknown is missing" "rustup target add wasm32-unknown-unknown"
fi

if [ ! -x node_modules/.bin/esbuild ] || [ ! -x node_modules/.bin/wasm-opt ] || [ ! -x node_modules/.bin/workerd ]; then
    say "installing the npm packages"
    npm ci --no-fund --no-audit >&2 || cannot "npm could not install its packages" "npm ci"
fi

# Tools are built without optimisation: they run for seconds and would compile for minutes.
tool() {
    if [ "$("$tools/bin/$2" --version 2>/dev/null | grep -oE '[0-9]+\.[0-9]+\.[0-9]+' | head -n 1)" != "$3" ]; then
        say "installing $1 $3 (some minutes, once)"
        cargo install --quiet --locked --debug --force --root "$tools" --target-dir "$CARGO_TARGET_DIR/tools" "$1@$3" >&2 ||
            cannot "cargo could not install $1" "cargo install --locked --debug --root '$tools' $1@$3"
    fi
}
tool worker-build worker-build "$WORKER_BUILD"
tool wasm-bindgen-cli wasm-bindgen "$WASM_BINDGEN"

say "building"
rm -f "$stamp"
log="$CARGO_TARGET_DIR/edge-build.log"
mkdir -p "$CARGO_TARGET_DIR"
if ! WASM_BINDGEN_BIN="$tools/bin/wasm-bindgen" \
    ESBUILD_BIN="$PWD/node_modules/.bin/esbuild" \
    WASM_OPT_BIN="$PWD/node_modules/.bin/wasm-opt" \
    "$tools/bin/worker-build" --profile edge edge/cloudflare -- --locked >"$log" 2>&1; then
    cat "$log" >&2
    exit 1
fi
measure
printf '%s' "$built_from" >"$stamp"
