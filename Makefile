# `make` alone lists the targets. ARGS= is passed on: make up ARGS="--scale save-handler=3"

.DEFAULT_GOAL := help
.PHONY: help setup up test quick test-simulation test-containers check bench simulate format lock images dist clean dev servers
BIN := .venv/bin
PYTHON ?=
ARGS ?=
QUICK := $(addprefix dovetail/tests/,unit transports/test_memory.py transports/test_nats.py) \
	$(addprefix todo/tests/,unit api web store)

# An environment that was moved here, or whose interpreter is gone, is made anew.
$(shell [ "`cat .venv/.home 2>/dev/null`" = "$(CURDIR)" ] && [ -x $(BIN)/python ] \
	|| rm -f .venv/.runtime .venv/.dev)

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-15s %s\n", $$1, $$2 }' Makefile

setup: .venv/.runtime ## make the environment in .venv without running anything
	@:

up: setup ## run the whole to-do application; Ctrl-C stops it
	@exec $(BIN)/todo up $(ARGS)

test: dev servers ## run all tests, on real servers, three at a time; ARGS are pytest's
	@$(BIN)/python -m pytest -n 3 --dist worksteal $(ARGS)

quick: dev servers ## run what needs neither kills, browser nor any server but NATS: two minutes
	@$(BIN)/python -m pytest -n 4 --dist worksteal -m quick $(ARGS) $(QUICK)

test-simulation: dev ## run the conformance suite on the simulation's fake servers, which CI does not
	@$(BIN)/python -m pytest -n 3 --dist worksteal $(ARGS) simulation/tests

test-containers: dev ## run the images and the Compose files on a real container engine
	@scripts/test-containers.sh $(ARGS)

check: dev ## format, lint, strict types, import contracts and deploy/, changing nothing
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache
	@find deploy -name 'Dockerfile*' ! -name '*.dockerignore' -exec $(BIN)/hadolint {} +
	@$(BIN)/python -m pytest -n0 -q -p no:cacheprovider deploy/tests/manifests

bench: dev servers ## measure ours against the raw clients and the peers
	@$(BIN)/python -m benchmarks $(ARGS)

simulate: ## thousands of simulated histories, each from a seed: ARGS="--seed 7" replays one
	@PYTHON="$(PYTHON)" scripts/simulate.sh $(ARGS)

format: dev ## format the code and mend what the linter can
	@$(BIN)/ruff check --fix-only --quiet .
	@$(BIN)/ruff format .

images: ## build the images of deploy/ and draw the secrets that are missing
	@scripts/images.sh $(ARGS)

dist: setup ## build the wheels and source archives of both packages into dist/
	@scripts/dist.sh $(ARGS)

lock: ## pin what the requirements*.in files name; ARGS=--upgrade for newer versions
	@PYTHON="$(PYTHON)" scripts/lock.sh $(ARGS)

clean: ## remove the environment and what the tools made; ./data stays
	rm -rf .venv .venv-simulate dist .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache test-results
	find . -name __pycache__ -type d -not -path './.git/*' -prune -exec rm -rf {} +

dev: setup .venv/.dev

servers:
	@scripts/install-servers.sh

.venv/.runtime: requirements.lock requirements-build.lock dovetail/pyproject.toml todo/pyproject.toml
	@PYTHON="$(PYTHON)" scripts/setup.sh runtime

.venv/.dev: requirements-dev.lock | .venv/.runtime
	@scripts/setup.sh dev
