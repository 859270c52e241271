# Needs Python 3.11+ and make; everything else goes into .venv.
SHELL := /bin/sh
.DEFAULT_GOAL := help
.PHONY: help install demo serve test thorough browser screenshots explore fuzz coverage lint format lock bench chaos clean

PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
BIN := .venv/bin
# Many tests wait for servers and clocks: two for each of two cores.
TEST_PROCESSES ?= 4

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-11s %s\n", $$1, $$2}' Makefile

# Installed from the lock file, every hash checked; made again only when the lock changes. The lock has everything, so
# nothing is resolved again: pip would look at newer versions of what the lock holds back, and refuse them for a hash.
.venv/installed: requirements.lock
	@test -n "$(PYTHON)" || { echo "Rollcall needs Python 3.11 or newer with the venv module (on Debian: python3-venv)." >&2; exit 2; }
	@echo "Installing into .venv (once) ..."
	@$(PYTHON) -m venv --clear .venv
	@$(BIN)/python -m pip install --quiet --quiet --disable-pip-version-check --no-input --require-hashes --no-deps -r requirements.lock
	@touch $@

install: .venv/installed ## Install everything into .venv, and do nothing else

demo: .venv/installed ## Send a sample campaign through each provider's sandbox on loopback, and show the account
	@$(BIN)/python -m deployments.demo

serve: .venv/installed ## Prefect's UI, a worker, the receiver and the sandbox on this machine, until Ctrl-C
	@$(BIN)/python -m deployments.serve $(OPTIONS)

test: .venv/installed lint ## Lint, type-check and run the tests
	@$(BIN)/python -m pytest --numprocesses=$(TEST_PROCESSES) --dist=worksteal

thorough: .venv/installed lint ## All tests, also the long ones
	@$(BIN)/python -m pytest --numprocesses=$(TEST_PROCESSES) --dist=worksteal -m "long or not long"

# Beside the other lock: what it adds is for one suite alone.
.venv/browser-installed: .venv/installed requirements-browser.lock
	@$(BIN)/python -m pip install --quiet --quiet --disable-pip-version-check --no-input --require-hashes --no-deps -r requirements-browser.lock
	@touch $@

browser: .venv/browser-installed ## Fill in the form of the Prefect UI in a real browser (Debian's chromium), up to the report
	@$(BIN)/python -m pytest -m "long or not long" tests/browser

screenshots: .venv/browser-installed ## The same, and take the pictures of the documentation again
	@ROLLCALL_SCREENSHOTS=data/screenshots $(BIN)/python -m pytest -m "long or not long" tests/browser
	@$(BIN)/python -m tests.browser.pictures data/screenshots docs/images

explore: .venv/installed ## Look for new failures: the property tests with random examples, many of them
	@$(BIN)/python -m pytest --hypothesis-profile=explore tests/contacts tests/messaging tests/datasets

fuzz: .venv/installed ## Hostile files, texts and callbacks for five minutes, in a process with limits
	@$(BIN)/python -m tests.hostile

coverage: .venv/installed ## Run the tests with branch coverage
	@$(BIN)/python -m pytest --cov

lint: .venv/installed ## Ruff, mypy and the import rules
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo

format: .venv/installed ## Format the code
	@$(BIN)/ruff check --fix-only --quiet .
	@$(BIN)/ruff format --quiet .

lock: .venv/installed ## Resolve the newest allowed versions into requirements.lock
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header \
		--no-emit-index-url --no-emit-find-links --no-annotate --upgrade \
		--group dev pyproject.toml --output-file requirements.lock
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header \
		--no-emit-index-url --no-emit-find-links --no-annotate --upgrade --constraint requirements.lock \
		--group pyproject.toml:browser --output-file requirements-browser.lock

bench: .venv/installed ## Measure, as ratios against a floor in the same run
	@$(BIN)/python -m tests.bench --page docs/measured.md --json tests/bench/last_run.json --chart tests/bench/last_run.svg

chaos: .venv/installed ## Kill senders and reconcilers anywhere for half an hour, and compare the ledger with the truth
	@$(BIN)/python -m tests.chaos --minutes 30 --output data/chaos/results

clean: ## Remove the environment and what the demo made
	rm -rf .venv data/demo .coverage .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
