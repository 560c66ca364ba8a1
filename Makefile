# The words of this project. Each prints what it is doing; `make` alone prints this list.
CACHE := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/plue
# Build output survives a fresh clone, and can be put elsewhere.
export CARGO_TARGET_DIR ?= $(CACHE)/target
export PLUE_TOOLS_DIR ?= $(CACHE)/tools

.PHONY: help run dev be build edge test check bench services clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' Makefile

run: ## build and start everything: the coordinator (4000, SSH 2222), then the edge in workerd (8787)
	@infra/run.sh run

dev: ## the same, with the edge under `wrangler dev`, which reloads
	@infra/run.sh dev

be: ## build and start the coordinator alone
	@infra/run.sh be

build: ## the release binaries plue and plue-ssh-bridge
	@infra/need.sh build
	cargo build --locked --release -p plue -p plue-ssh-bridge
	@echo "built: $(CARGO_TARGET_DIR)/release/plue and plue-ssh-bridge"

edge: ## the worker alone, into edge/cloudflare/build
	@infra/need.sh build edge
	@infra/edge/build.sh

test: ## every test, with the servers that they need
	@infra/need.sh build edge test
	@infra/test.sh

check: ## formatting, lints, documentation, wasm targets, dependencies
	@infra/need.sh build
	@infra/check.sh

bench: ## the benchmarks, each beside its peer (pass names with ARGS="jwt limiter")
	@infra/need.sh build bench
	cargo build --locked --release -p plue -p plue-ssh-bridge -p plue-bench
	PLUE_BIN_DIR=$(CARGO_TARGET_DIR)/release $(CARGO_TARGET_DIR)/release/plue-bench $(ARGS)

services: ## PostgreSQL, an S3 server and Redis for development, until Ctrl-C
	@infra/need.sh build
	@infra/services.sh

clean: ## remove what was built; data in .plue stays
	cargo clean
	rm -rf edge/cloudflare/build node_modules
