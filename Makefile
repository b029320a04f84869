# Chuda's commands. `make help` lists them; every target creates what it needs and skips what is there.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
export DO_NOT_TRACK = 1
export PREFECT_SERVER_ANALYTICS_ENABLED = false
export PIP_DISABLE_PIP_VERSION_CHECK = 1

.DEFAULT_GOAL := help
.PHONY: help install install-dev demo channels channel-proof test soak mutate test-server lint coverage calibrate bench-dispatch docs lock clean

help:  ## what can be made here
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-13s %s\n", $$1, $$2}'

# The stamps hold the time of the last install; a newer lock or pyproject makes it run again.
$(VENV)/.installed: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Chuda needs Python 3.11 or newer; found $$($(PYTHON) --version). Try: make PYTHON=python3.12"; exit 2; }
	@echo "[1/3] creating $(VENV)"
	@if command -v uv >/dev/null 2>&1; then uv venv --quiet --allow-existing --seed --python $(PYTHON) $(VENV); else $(PYTHON) -m venv $(VENV); fi
	@echo "[2/3] installing the locked packages (once; a minute or two)"
	@if command -v uv >/dev/null 2>&1; then uv pip install --quiet --python $(BIN)/python --no-deps --require-hashes -r requirements.lock; \
		else $(BIN)/python -m pip install --quiet --no-deps --require-hashes -r requirements.lock; fi
	@echo "[3/3] installing chuda itself"
	@$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.installed requirements-dev.lock
	@echo "[dev] installing the locked test and lint packages (once)"
	@if command -v uv >/dev/null 2>&1; then uv pip install --quiet --python $(BIN)/python --no-deps --require-hashes -r requirements-dev.lock; \
		else $(BIN)/python -m pip install --quiet --no-deps --require-hashes -r requirements-dev.lock; fi
	@touch $@

install: $(VENV)/.installed  ## create the environment (the other targets do it by themselves)

install-dev: $(VENV)/.installed-dev  ## the same, with the test and lint tools

lock:  ## write both lock files anew (needs uv)
	uv pip compile pyproject.toml --extra build --quiet --generate-hashes --no-emit-index-url --no-emit-find-links --no-annotate --no-header --universal --python-version 3.11 -o requirements.lock
	uv pip compile pyproject.toml --extra build --extra dev -c requirements.lock --quiet --generate-hashes --no-emit-index-url --no-emit-find-links --no-annotate --no-header --universal --python-version 3.11 -o requirements-dev.lock

clean:  ## remove the environment and caches (never data/state)
	rm -rf $(VENV) build *.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache

demo: $(VENV)/.installed  ## the whole chain on generated data: simulated provider, simulated time, offline
	@$(BIN)/chuda demo --timings

test: $(VENV)/.installed-dev  ## all tests
	@$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder -m "not server and not slow"

soak: $(VENV)/.installed-dev  ## kill the senders a thousand times, on SQLite and PostgreSQL, one at a time and three at once
	@$(BIN)/python -m pytest -m slow -s tests/soak

mutate: $(VENV)/.installed-dev  ## mutation testing of the code that never sends twice rests on; docs/mutation.md lists survivors
	@$(BIN)/mutmut run --max-children 2
	@$(BIN)/mutmut results

channels: $(VENV)/.installed  ## try a good and five bad simulated channels: test, canary, bill, and the page that says why
	@$(BIN)/chuda channel test --simulated

channel-proof: $(VENV)/.installed-dev  ## the same as a test, and 100 seeds of every company: what is caught, and the false alarms
	@$(BIN)/python -m pytest -m slow -s tests/flows/test_flow_trial.py

test-server: $(VENV)/.installed-dev  ## deploy to a real local Prefect server and run by a real worker
	@$(BIN)/python -m pytest -m server

lint: $(VENV)/.installed-dev  ## ruff, mypy, and who may import whom
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

coverage: $(VENV)/.installed-dev  ## branch coverage of rules, ledger and decisions
	@$(BIN)/python -m pytest -m "not server and not slow" --cov=chuda/stores/ledger --cov=tasks/dispatch \
		--cov=tasks/compliance --cov=tasks/experiments --cov=chuda/windows.py --cov-branch --cov-report=term-missing:skip-covered

bench-dispatch: $(VENV)/.installed-dev  ## how fast a campaign leaves, against a bare loop and Kannel; memory and rate
	@$(BIN)/python -m benchmarks.dispatch

calibrate: $(VENV)/.installed-dev  ## how often the experiment method errs, on audiences with known effects
	@$(BIN)/python -m benchmarks.calibrate

docs: $(VENV)/.installed-dev  ## write the generated documents anew
	@$(BIN)/python -m tasks.kpi.dictionary
	@$(BIN)/python -m chuda.campaign.schema > docs/schemas/campaign.schema.json
