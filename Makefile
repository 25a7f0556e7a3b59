# The developer's commands. `make` alone lists them.

PYTHON ?= python3
PROCESSES ?= 4
BIN := .venv/bin
SET_UP := .venv/.set-up
LOCK := $(BIN)/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-annotate --no-header \
	--python-version 3.11 pyproject.toml

.DEFAULT_GOAL := help
.PHONY: help setup lint format test chaos soak compose garbage audit bench pictures schemas demo lock clean

help: ## list these commands
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(SET_UP) ## build .venv with the pinned requirements; PYTHON=python3.12 chooses another Python

# Only what the hashes name is installed; the project itself is built with the pinned setuptools among it.
$(SET_UP): requirements/development.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(None if sys.version_info >= (3, 11) else "Python 3.11 or newer is needed: make PYTHON=...")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements/development.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@$(BIN)/python -c 'import pathlib, sysconfig; pathlib.Path(sysconfig.get_path("purelib"), "checkout.pth").write_text("$(CURDIR)\n")'  # tests and bench
	@touch $@

lint: setup ## check style, types, import rules and that what is generated is current
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m schemas.generate --check
	$(BIN)/python -m docs.generate --check

format: setup ## put the code into the common form
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

test: setup ## run the tests but the long ones; ARGS="-k outbox" goes to pytest
	ORDERBRIDGE_TEST_PATIENCE=$${ORDERBRIDGE_TEST_PATIENCE:-3} $(BIN)/pytest -m "not long" --numprocesses=$(PROCESSES) \
		--dist=loadfile --no-loadscope-reorder --durations=10 $(ARGS)

chaos: setup ## everything that goes wrong, for minutes; then the books are compared; LONG=1 for the long runs
	$(BIN)/pytest tests/chaos --capture=no $(if $(LONG),,-m "not long") $(ARGS)

soak: setup ## two hours of steady trade: memory flat, tables and topics bounded, no lag? ARGS="--minutes 30"
	$(BIN)/python -m bench.soak $(ARGS)

compose: setup ## the whole tier of docker compose: scaled, killed, made anew; needs Docker
	$(BIN)/pytest tests/compose $(ARGS)

garbage: setup ## 100,000 broken events, 1,000 rounds of broken answers of Amazon's: does anything crash, block or pause?
	$(BIN)/pytest tests/integration/proof -m long -k garbage --numprocesses=$(PROCESSES) $(ARGS)

audit: setup ## ask for known vulnerabilities of what is pinned; fails where its source does not know a package
	$(BIN)/uv tool run --from pip-audit==2.10.1 pip-audit --requirement requirements/runtime.txt --require-hashes \
		--disable-pip --strict --progress-spinner off $(ARGS)

bench: setup ## run each benchmark; a JSON object a line
	@set -e; for name in events latency confirm startup takeover import_orders history redaction console ticker; do $(BIN)/python bench/$$name.py --json; done

pictures: setup ## take a picture of each page of the console, to build/pictures; and those of the README
	$(BIN)/python docs/pictures/make.py

schemas: setup ## write schemas/json and schemas/asyncapi.yaml from the models, and the page of variables
	$(BIN)/python -m schemas.generate
	$(BIN)/python -m docs.generate

demo: setup ## the whole loop on this machine; ARGS=--once ends by itself
	@$(BIN)/orderbridge demo $(ARGS)

lock: setup ## pin the newest requirements that pyproject.toml allows; ARGS="--upgrade-package NAME" only one
	$(LOCK) $(or $(ARGS),--upgrade) --output-file requirements/runtime.txt
	$(LOCK) $(or $(ARGS),--upgrade) --extra dev --constraint requirements/runtime.txt --output-file requirements/development.txt

clean: ## remove what was built, fetched and cached here (.orderbridge, your data, stays)
	rm -rf .venv .cache .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache build ./*.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
