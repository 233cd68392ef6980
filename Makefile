# Roundsman's desk: `make` lists what there is. Needs make, Python >= 3.11 with venv, and pip; nothing else.

# The Python that makes .venv. Another one: make demo PYTHON=/usr/bin/python3.12
PYTHON ?= python3
# Arguments of `roundsman demo`, for instance ARGS="--for 120 --headless"
ARGS ?=
# What `make test` runs, and further arguments of pytest, for instance TESTS=tests/wire TEST_ARGS="-k ranges -n 0"
TESTS ?= tests
TEST_ARGS ?=
# The bench that `make bench` runs; without it the benches are listed
ONLY ?=

VENV := .venv
AGENT_VENV := .venv-agent
PY := $(VENV)/bin/python
OURS := wire/pyproject.toml agent/pyproject.toml collector/pyproject.toml
PIP_FLAGS := --disable-pip-version-check --no-input --quiet --progress-bar off

.DELETE_ON_ERROR:
.PHONY: help demo test agent-alone check lint format types contracts schemas dashboards dashboards-made pages pages-made calendars words house fix bench soak mutation lock clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

demo: $(VENV)/.demo-installed ## the whole system on this machine; arguments in ARGS="--for 120 --headless"
	$(VENV)/bin/roundsman demo $(ARGS)

# Many tests wait for a device's deadline or for a process: three of them keep two processors busy.
test: $(VENV)/.dev-installed ## all tests, three at a time; TESTS=tests/wire TEST_ARGS="-k ranges"
	$(PY) -m pytest -n 3 --dist worksteal --ignore=tests/bench $(TESTS) $(TEST_ARGS)

# All of wire and agent is tested by `make test`; here, what the absence of a collector could change.
agent-alone: $(AGENT_VENV)/.installed ## the agent where no collector is installed: all imports, real processes, recorded devices
	@! $(AGENT_VENV)/bin/python -c 'import roundsman_collector' 2>/dev/null \
	  || { echo "$(AGENT_VENV) can import roundsman_collector, so it proves nothing: run make clean and try again" >&2; exit 1; }
	$(AGENT_VENV)/bin/python -m pytest -n 2 --dist worksteal tests/wire $(TEST_ARGS)
	$(AGENT_VENV)/bin/python -m pytest -n 2 --dist worksteal -m alone tests/agent $(TEST_ARGS)

check: lint format types contracts schemas dashboards-made pages-made house ## everything that can be said without running the system

lint: $(VENV)/.dev-installed ## ruff
	$(PY) -m ruff check .

format: $(VENV)/.dev-installed ## is everything formatted?
	$(PY) -m ruff format --check .

types: $(VENV)/.dev-installed ## mypy --strict
	$(PY) -m mypy

contracts: $(VENV)/.dev-installed ## who may import whom
	$(VENV)/bin/lint-imports

schemas: $(VENV)/.dev-installed ## are the generated schemas up to date?
	$(PY) -m roundsman_collector.schemas --check

dashboards: $(VENV)/.dev-installed ## make the Grafana dashboards from dashboards/generate.py
	$(PY) -m dashboards.generate

dashboards-made: $(VENV)/.dev-installed ## are the Grafana dashboards up to date?
	$(PY) -m dashboards.generate --check

pages: $(VENV)/.dev-installed ## make the probes' pages in docs/probes from the probes
	$(PY) docs/probes/generate.py

pages-made: $(VENV)/.dev-installed ## are the probes' pages up to date?
	$(PY) docs/probes/generate.py --check

calendars: $(VENV)/.dev-installed ## make China's calendar from calendars/generate.py
	$(PY) -m calendars.generate

words: $(VENV)/.dev-installed ## bring new words of the pages into the Chinese file
	$(PY) -m roundsman_collector.web.extract

house: $(VENV)/.dev-installed ## the repository tests itself
	$(PY) -m pytest -q -n 0 tests/house

fix: $(VENV)/.dev-installed ## let ruff mend what it can
	$(PY) -m ruff check --fix .
	$(PY) -m ruff format .

bench: $(VENV)/.dev-installed ## list the benches; ONLY=NAME runs one and ends with a line of JSON
	$(PY) -m tests.bench $(ONLY)

soak: $(VENV)/.dev-installed ## random deaths, cut cables and cut files, thousands of times; SOAK_ARGS="--runs 5000 --seed 0"
	nice $(PY) -m tests.soak $(SOAK_ARGS)

mutation: $(VENV)/.dev-installed ## change the core in 500 places, one at a time: do tests notice? (docs/mutation.md)
	nice $(PY) -m tests.mutation $(MUTATION_ARGS)

# --- environments ----------------------------------------------------------------------------------------------------

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "$(PYTHON) is no Python >= 3.11 with venv and pip. Debian: apt install python3-venv. Or: make PYTHON=/path/to/python3" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.demo-installed: requirements/demo.txt $(OURS) | $(VENV)/bin/python
	@echo "Installing locked packages into $(VENV) (about 100 MB, once) ..."
	$(PY) -m pip install $(PIP_FLAGS) --require-hashes -r requirements/demo.txt
	$(PY) -m pip install $(PIP_FLAGS) --no-deps --no-build-isolation -e wire -e agent -e collector
	@touch $@

$(VENV)/.dev-installed: requirements/dev.txt $(VENV)/.demo-installed
	@echo "Installing locked development packages into $(VENV) ..."
	$(PY) -m pip install $(PIP_FLAGS) --require-hashes -r requirements/dev.txt
	@touch $@

$(VENV)/bin/uv: | $(VENV)/bin/python
	$(PY) -m pip install $(PIP_FLAGS) uv

$(AGENT_VENV)/.installed: requirements/agent-test.txt wire/pyproject.toml agent/pyproject.toml | $(VENV)/bin/python
	$(VENV)/bin/python -m venv $(AGENT_VENV)
	$(AGENT_VENV)/bin/python -m pip install $(PIP_FLAGS) --require-hashes -r requirements/agent-test.txt
	$(AGENT_VENV)/bin/python -m pip install $(PIP_FLAGS) --no-deps --no-build-isolation -e wire -e agent
	@touch $@

# No registry's address may get into a lock: --no-emit-index-url and --no-header see to it, tests/house checks it.
LOCK := $(VENV)/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url \
	--no-emit-find-links --annotation-style line \
	--no-emit-package roundsman-wire --no-emit-package roundsman-agent --no-emit-package roundsman-collector

lock: | $(VENV)/bin/uv ## renew requirements/*.txt; LOCK_ARGS="--upgrade" takes newer versions
	$(LOCK) $(LOCK_ARGS) requirements/dev.in -o requirements/dev.txt
	for name in agent run pdf demo agent-test; do \
	  $(LOCK) -c requirements/dev.txt "requirements/$$name.in" -o "requirements/$$name.txt" || exit 1; \
	done

clean: ## remove environments and caches
	rm -rf $(VENV) $(AGENT_VENV) .hypothesis .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .grimp_cache
	find agent collector tests wire -name __pycache__ -type d -prune -exec rm -rf {} +
