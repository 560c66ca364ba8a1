#!/bin/sh
# Checks that the programs which a task needs are there, and installs what a package client can
# without being root. usage: infra/need.sh [build] [edge] [test] [bench]
set -eu
cd "$(dirname "$0")/.."

say() { printf 'plue: %s\n' "$*" >&2; }

absent=""
packages=""
# need PROGRAM PACKAGE
need() {
    if ! command -v "$1" >/dev/null 2>&1 && [ ! -x "/usr/sbin/$1" ]; then
        absent="$absent $1"
        case " $packages " in *" $2 "*) ;; *) packages="$packages $2" ;; esac
    fi
}

for task in "$@"; do
    case "$task" in
    build)
        need git git
        need cc build-essential
        if ! command -v cargo >/dev/null 2>&1; then
            say "Rust is missing; install it with:"
            say "  curl --proto '=https' -sSf https://sh.rustup.rs | sh"
            exit 1
        fi
        ;;
    edge) # Without these the coordinator still runs; infra/edge/build.sh says what is missing.
        ;;
    test)
        need ssh openssh-client
        need ssh-keygen openssh-client
        need openssl openssl
        ;;
    bench)
        need ssh openssh-client
        need sshd openssh-server
        need nginx nginx
        need fcgiwrap fcgiwrap
        need wrk wrk
        need node nodejs
        need npm npm
        [ -x /usr/lib/cgit/cgit.cgi ] || need cgit.cgi cgit
        ;;
    *) say "infra/need.sh: no task is called $task" && exit 2 ;;
    esac
done
if [ -n "$absent" ]; then
    say "missing:$absent; install with:"
    say "  apt-get install -y$packages"
    exit 1
fi

# Compared here and not by a toolchain file, which would stop every cargo where its channel is not installed.
wanted=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)
found=$(rustc --version | cut -d' ' -f2)
if [ "$(printf '%s\n%s\n' "$wanted" "$found" | sort -V | head -n 1)" != "$wanted" ]; then
    say "rustc is $found, and $wanted or newer is needed; update it with:  rustup update stable"
    exit 1
fi
wanted=2.39
found=$(git version | cut -d' ' -f3)
if [ "$(printf '%s\n%s\n' "$wanted" "$found" | sort -V | head -n 1)" != "$wanted" ]; then
    say "git is $found, and $wanted or newer is needed"
    exit 1
fi
