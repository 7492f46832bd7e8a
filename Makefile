# Two commands do everything: `make run` and `make test`. Both need Python 3.11 or newer, and nothing else.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
UV     := $(BIN)/uv
export UV_PYTHON_DOWNLOADS = never
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup run test lint unit web bench soak crowd parity lock clean

PAGE := cryptopilot/api/page
NPM  := PATH="$(CURDIR)/$(BIN):$$PATH" npm --no-audit --no-fund

help: ## Show the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 10

$(UV):
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "CryptoPilot needs Python 3.11 or newer")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-tools.txt

# The development environment holds the whole of the running one, so `make run` never takes anything away from it.
$(VENV)/.run: requirements.txt requirements-tools.txt pyproject.toml | $(UV)
	test -f $(VENV)/.dev || $(UV) pip sync --quiet --compile-bytecode --require-hashes --python $(BIN)/python requirements.txt requirements-tools.txt
	$(UV) pip install --quiet --no-deps --python $(BIN)/python --editable .
	touch $@

$(VENV)/.dev: requirements-dev.txt requirements-tools.txt pyproject.toml | $(UV)
	$(UV) pip sync --quiet --compile-bytecode --require-hashes --python $(BIN)/python requirements-dev.txt requirements-tools.txt
	$(UV) pip install --quiet --no-deps --python $(BIN)/python --editable .
	touch $@ $(VENV)/.run

# The page is built with the node that comes as a Python package.
web/node_modules/.done: web/package.json web/package-lock.json | $(VENV)/.run
	cd web && $(NPM) ci --ignore-scripts --silent
	touch $@

# Its types come from the API itself; a build is renewed when either has changed.
web/src/api/schema.d.ts: $(shell find cryptopilot/api cryptopilot/runtime -name '*.py') web/node_modules/.done | $(VENV)/.run
	$(BIN)/python -m cryptopilot.api.schema > web/openapi.json
	cd web && $(NPM) run --silent types
	touch $@

$(PAGE)/index.html: $(shell find web -name node_modules -prune -o -type f ! -name openapi.json ! -name schema.d.ts -print) web/src/api/schema.d.ts
	cd web && $(NPM) run --silent build -- --logLevel warn

web: $(PAGE)/index.html ## Build the page

setup: $(VENV)/.run web ## Prepare the environment in .venv/ and build the page

run: setup ## Start the server and the pipeline on the sandbox market
	$(BIN)/cryptopilot serve

# A browser for the tests, as an npm package, where the machine has none.
tests/browser/node_modules/.done: tests/browser/package.json tests/browser/package-lock.json | $(VENV)/.run
	cd tests/browser && $(NPM) ci --ignore-scripts --silent
	touch $@

lint: $(VENV)/.dev web ## Style, types, architecture, lock files
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python tests/lockfiles.py
	cd web && $(NPM) run --silent check

unit: $(VENV)/.dev ## The fast tests alone
	$(BIN)/pytest -q tests/unit

test: lint tests/browser/node_modules/.done ## Every check that CI runs
	cd web && $(NPM) test --silent
	$(BIN)/pytest -q -n 2 --dist loadfile --cov --cov-report=term:skip-covered --cov-fail-under=90

# The peers that the figures are measured against, in an environment of their own.
.venv-bench/.done: bench/requirements.txt | $(UV)
	$(UV) venv --quiet --clear --python $(BIN)/python .venv-bench
	$(UV) pip sync --quiet --compile-bytecode --require-hashes --python .venv-bench/bin/python bench/requirements.txt
	touch $@

bench: $(VENV)/.dev .venv-bench/.done ## Measure the published figures against their peers
	$(BIN)/python -m bench.run

soak: $(VENV)/.dev ## A hundred market hours in ten minutes, with random kills
	$(BIN)/python -m tests.soak --minutes 10 --speed 600

crowd: $(VENV)/.dev ## Five hundred listeners of the stream, one of whom never reads
	$(BIN)/python -m tests.crowd

parity: $(VENV)/.dev ## Two recorded years and a thousand generated markets, live and over history, record by record
	$(BIN)/python -m tests.parity

lock: $(UV) ## Renew the lock files from pyproject.toml
	$(UV) pip compile -q --universal --python-version 3.11 --only-binary :all: --generate-hashes --no-emit-index-url --no-emit-find-links --no-header pyproject.toml -o requirements.txt
	$(UV) pip compile -q --universal --python-version 3.11 --only-binary :all: --generate-hashes --no-emit-index-url --no-emit-find-links --no-header pyproject.toml --group dev -c requirements.txt -o requirements-dev.txt
	printf "uv\nnodejs-wheel\n" | $(UV) pip compile -q --universal --python-version 3.11 --only-binary :all: --generate-hashes --no-emit-index-url --no-emit-find-links --no-header - -o requirements-tools.txt

clean: ## Remove the environment and caches; homes and books are left alone
	rm -rf $(VENV) $(PAGE) web/node_modules tests/browser/node_modules .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
