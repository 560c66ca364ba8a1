#!/bin/sh
# Everything that can be said about the code without running it. Each step is one claim.
set -eu
cd "$(dirname "$0")/.."
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/plue/target}"
# The worker's tools are built beside the tests.
export PLUE_BUILD_PROFILE=dev
tools="${PLUE_TOOLS_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/plue/tools}"
CARGO_DENY=0.20.2

say() { printf 'check: %s\n' "$*"; }

target() {
    [ -d "$(rustc --print sysroot)/lib/rustlib/$1/lib" ] || rustup target add "$1" >/dev/null 2>&1
}

say "formatting"
cargo fmt --all --check

say "lints"
cargo clippy --locked --all-targets --features plue/failpoints,plue-tests/s3 -- -D warnings

for wasm in wasm32-unknown-unknown wasm32-wasip2; do
    if target "$wasm"; then
        say "the gateway compiles for $wasm"
        cargo clippy --locked --target "$wasm" -p plue-contract -p plue-gateway -- -D warnings
    else
        say "the gateway for $wasm: skipped, the target cannot be installed (rustup target add $wasm)"
    fi
done
if target wasm32-unknown-unknown; then
    say "lints of the worker"
    cargo clippy --locked --target wasm32-unknown-unknown -p plue-edge-cloudflare -- -D warnings
fi

say "documentation"
RUSTDOCFLAGS="-D warnings" cargo doc --locked --quiet --no-deps --document-private-items --features plue/failpoints,plue-tests/s3

if ! command -v node >/dev/null 2>&1; then
    say "the worker as it would be deployed: skipped, there is no node here (apt-get install nodejs npm)"
else
    # Exit status 3 says that the wasm tools or the npm packages cannot be had.
    built=0
    infra/edge/build.sh || built=$?
    if [ "$built" = 3 ]; then
        say "the worker as it would be deployed: skipped, it cannot be built here; see above for what would mend it"
    elif [ "$built" != 0 ]; then
        exit "$built"
    else
        say "the worker as it would be deployed (wrangler deploy --dry-run, which needs no account)"
        deployed="$(mktemp -d)"
        CI=1 WRANGLER_SEND_METRICS=false node_modules/.bin/wrangler deploy --dry-run --outdir "$deployed" >"$deployed/said" 2>&1 || {
            cat "$deployed/said"
            exit 1
        }
        rm -rf "$deployed"
    fi
fi

# The selection of `make test`: with another, cargo would build most dependencies once more.
say "rooms, arrows, licences and the dependency budget"
cargo test --locked --quiet --features plue/failpoints --test house

# The house knows the licences and what is banned; cargo-deny, which takes minutes to build, adds the
# advisories, for which it has to reach their database.
if ! timeout 20 git ls-remote --quiet https://github.com/RustSec/advisory-db HEAD >/dev/null 2>&1; then
    say "advisories: skipped, their database cannot be reached from here (github.com/RustSec/advisory-db)"
else
    deny="$tools/bin/cargo-deny"
    if command -v cargo-deny >/dev/null 2>&1; then
        deny=cargo-deny
    elif [ ! -x "$deny" ]; then
        say "installing cargo-deny $CARGO_DENY (some minutes, once)"
        cargo install --quiet --locked --debug --root "$tools" --target-dir "$CARGO_TARGET_DIR/tools" "cargo-deny@$CARGO_DENY"
    fi
    say "advisories, licences, sources and bans by cargo-deny"
    "$deny" --locked check --hide-inclusion-graph
fi
say "everything holds"
