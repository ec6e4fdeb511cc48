# Needlepoint. `make run` and `make test` are all that most people need; `make help` lists the rest.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.PHONY: help run consortium port setup test outside chain ceremony check proofs bench clean format docs requirements

PORT ?= 8000
PYTHON ?= $(firstword $(foreach name,python3 python3.13 python3.12 python3.11,$(shell $(name) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' 2>/dev/null && echo $(name))))
WORKERS ?= 2
BROWSERS ?= 2
# A folder for what the tests gave, as JUnit XML: make test RESULTS=var/results (docs/how-to/validate-an-installation.md).
RESULTS ?=
xml = $(if $(RESULTS),--junitxml=$(RESULTS)/$(1).xml)
# Whether the system has Node of version 20 or newer.
NODE = $(shell command -v npm >/dev/null && node -e 'process.exit(+process.versions.node.split(".")[0] < 20 ? 1 : 0)' 2>/dev/null && echo yes)
PIP := .venv/bin/python -m pip --quiet --disable-pip-version-check
MANAGE := .venv/bin/python manage.py
PYTEST := .venv/bin/python -m pytest -rfER
POSTGRES := $(or $(NEEDLEPOINT_TEST_POSTGRES_URL),postgresql://postgres@127.0.0.1:5432/postgres)

help: ## this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 16

run: port setup ## set up what is missing and serve on http://127.0.0.1:8000 (make run PORT=8001)
	@echo "── Database: bringing the tables up to date"
	@$(MANAGE) migrate --noinput --verbosity 0
	@if [ "$${NEEDLEPOINT_MODE:-demonstration}" = demonstration ]; then echo "── Demonstration: nine organisations and their therapies, all with real signatures"; $(MANAGE) seed_demo --if-empty; fi
	@echo "── Serving: open http://127.0.0.1:$(PORT)/ (Ctrl-C stops)"
	@NEEDLEPOINT_PUBLIC_URL="$${NEEDLEPOINT_PUBLIC_URL:-http://127.0.0.1:$(PORT)}" exec .venv/bin/python -m uvicorn portal.asgi:application --host 127.0.0.1 --port $(PORT) --no-access-log --log-level warning --timeout-graceful-shutdown 3

consortium: port setup ## the portal and five members' witnesses, each a process of its own (Ctrl-C stops all)
	@echo "── Database: bringing the tables up to date"
	@$(MANAGE) migrate --noinput --verbosity 0
	@echo "── Demonstration: nine organisations and their therapies, all with real signatures"; $(MANAGE) seed_demo --if-empty
	@echo "── Consortium: the portal, and a witness of each kind of member"
	@exec $(MANAGE) consortium --port $(PORT)

port: | .venv/bin/python
	@.venv/bin/python scripts/port-is-free $(PORT)

setup: .venv/.stamp-runtime ## Python and front-end packages, without starting anything
	@$(if $(NODE),,$(MAKE) -s --no-print-directory .venv/.stamp-node)
	@mkdir -p staticfiles
	@.venv/bin/python scripts/build-static

.venv/bin/python:
	@test -n "$(PYTHON)" || { echo "Python 3.11, 3.12 or 3.13 is needed and was not found. Install one, or say make run PYTHON=/path/to/python3.11"; exit 1; }
	@echo "── Python: a virtual environment in .venv ($$($(PYTHON) --version))"
	@$(PYTHON) -m venv .venv

# All that is needed is pinned, so nothing is resolved; the front end's packages come meanwhile where the system has Node.
.venv/.stamp-runtime: requirements.txt | .venv/bin/python
	@echo "── Python packages: $$(grep -c == requirements.txt), pinned in requirements.txt"
	@$(if $(NODE),.venv/bin/python scripts/build-static & front=$$!;) $(PIP) install --no-compile --no-deps -r requirements.txt; $(if $(NODE),wait $$front)
	@touch $@

.venv/.stamp-dev: requirements-dev.txt requirements-pkcs11.txt .venv/.stamp-runtime
	@echo "── Python packages for development: $$(grep -c == requirements-dev.txt), pinned in requirements-dev.txt"
	@$(PIP) install -r requirements-dev.txt -r requirements-pkcs11.txt
	@touch $@

.venv/.stamp-node: requirements-node.txt .venv/.stamp-runtime
	@echo "── Node: the system has none of version 20 or newer, so it comes as a Python package"
	@$(PIP) install -r requirements-node.txt
	@touch $@

test: setup .venv/.stamp-dev ## every test; says what it leaves out when a service is missing
	@echo "── Services"
	@.venv/bin/python -m tests.services
	@echo "── Tests on SQLite"
	@$(PYTEST) -n $(WORKERS) --dist worksteal $(call xml,sqlite) -m "not bench and not timed" tests/unit tests/integration
	@echo "── Tests that hold a clock to a limit, with nothing beside them"
	@$(PYTEST) $(call xml,timed) -m "timed and not bench" tests/unit tests/integration
	@echo "── Browser tests, in processes of their own: Playwright keeps an event loop"
	@$(PYTEST) -n $(BROWSERS) --reruns 1 --reruns-delay 3 --timeout 600 --timeout-method thread $(call xml,browser) -m "not bench" tests/functional
	@echo "── Tests that need the portal itself on PostgreSQL"
	@DATABASE_URL="$(POSTGRES)" $(PYTEST) $(call xml,postgres) -m "postgres and not bench" tests/unit tests/integration

outside: ## verifiers that others wrote, beside the portal, so that tests can ask them (Python 3.12, npm, Go)
	@scripts/set-up-outside

chain: ## an EVM node and the contract's compiler, for tests (npm; Linux on x86-64)
	@echo "── An EVM node for tests"
	@npm ci --prefix tests/chain --no-audit --no-fund --silent

ceremony: ## snarkjs, with which members make keys of compliance proofs together (npm)
	@echo "── snarkjs for key ceremonies"
	@npm ci --prefix scripts/ceremony --no-audit --no-fund --silent

check: .venv/.stamp-dev ## format, lint, types, templates, walls between packages, migrations, production settings
	@echo "── ruff";         .venv/bin/ruff format --check --quiet . && .venv/bin/ruff check --quiet .
	@echo "── mypy";         .venv/bin/mypy portal manufacturing custody ledger
	@echo "── djlint";       .venv/bin/djlint templates --lint --quiet
	@echo "── import-linter"; .venv/bin/lint-imports --no-cache | tail -n 8
	@echo "── migrations";   $(MANAGE) makemigrations --check --dry-run
	@echo "── settings reference"; $(MANAGE) settings_reference --check
	@echo "── access matrix"; $(MANAGE) access_matrix --check
	@echo "── compliance tables"; $(MANAGE) compliance_tables --check
	@echo "── system checks with production settings"; scripts/check-production

format: .venv/.stamp-dev ## put code and imports in form
	@.venv/bin/ruff format --quiet . && .venv/bin/ruff check --fix --quiet .

proofs: setup .venv/.stamp-dev ## compliance proofs from nothing: a key, proofs, every verifier, every falsification
	@cache=$$(mktemp -d) && trap 'rm -rf "$$cache"' EXIT && .venv/bin/python -m tests.unit.ledger.proofs.from_nothing "$$cache" && echo "── Every clause broken on purpose" && NEEDLEPOINT_PROOF_CACHE_DIR="$$cache" $(PYTEST) -q -n $(WORKERS) tests/unit/ledger/proofs

bench: setup .venv/.stamp-dev ## print speeds as ratios to a bare measure on the same PostgreSQL
	@DATABASE_URL="$(POSTGRES)" $(PYTEST) -m bench -s -p no:cacheprovider tests/bench

docs: .venv/.stamp-dev ## write the generated parts of docs/ anew
	@$(MANAGE) settings_reference
	@$(MANAGE) access_matrix
	@$(MANAGE) compliance_tables

requirements: ## resolve requirements*.in anew into the pinned files
	@scripts/pin-requirements

clean: ## remove everything that set-up made; data and keys in var/ stay
	@rm -rf .venv .venv-outside tests/integration/outside/programs/node_modules tests/chain/node_modules scripts/ceremony/node_modules node_modules static/build static/vendor staticfiles .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
	@echo "Removed. The database and the keys in var/ are still there; remove them yourself to begin anew."
