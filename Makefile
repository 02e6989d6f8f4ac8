# The one way in: `make run` needs Python 3.11 or newer, make and a package index, and sets up the rest.

# The first Python that is new enough; `make PYTHON=…` names another.
PYTHON ?= $(shell for python in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$python && break; done)
BIN := .venv/bin
READY := .venv/ready
TOOLS := .venv/tools

export PIP_DISABLE_PIP_VERSION_CHECK := 1
# What is started here is started again and again: it is compiled once.
unexport PYTHONDONTWRITEBYTECODE

# Strategy days of the long fault run; `make chaos DAYS=5000 SEED=7` runs more of them, reproducibly.
DAYS ?= 1000
SEED ?=
NAMES ?=

.PHONY: setup tools run test proof check docs chaos bench lock sbom
.DELETE_ON_ERROR:

setup: $(READY)
	@echo "Ready: $(BIN)/stopwatch --help"

# What tests, checks and benches need beside what runs: once anything asks for it.
tools: $(TOOLS)

# `make run PORT=8001` serves on another port, `make run HOST=0.0.0.0` for a phone in this network as well.
run: $(READY)
	@$(BIN)/stopwatch up --demo $(if $(PORT),--port $(PORT)) $(if $(HOST),--host $(HOST))

test: $(TOOLS)
	$(BIN)/pytest -m "not proof"

# The tests that take long, two at a time: each starts a product or more, and its seconds are those of a trading day.
# Where none is selected pytest ends with 5, and make with it.
proof: $(TOOLS)
	$(BIN)/pytest -m proof -n 2

check: $(TOOLS)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -P -m local.with_postgres $(BIN)/alembic upgrade head -- $(BIN)/alembic check
	$(BIN)/bandit --quiet --configfile pyproject.toml --recursive domain workflows activities execution services api listener adapters \
		paper local migrations cli.py cli_settings.py settings.py wiring.py worker.py
	$(BIN)/python -P -m local.links
	$(BIN)/python -P -m local.docs_site
	$(BIN)/python -P -m local.secret_scan
	$(BIN)/python -P -m local.audit

# The documentation as a site, in build/site.
docs: $(TOOLS)
	$(BIN)/python -P -m local.docs_site

chaos: $(TOOLS)
	$(BIN)/python -m tests.chaos --days $(DAYS) $(if $(SEED),--seed $(SEED))

# `make bench NAMES="entry_lateness_p99_ms sleepers"` measures some of the figures only.
bench: $(TOOLS)
	$(BIN)/python -m bench $(NAMES)

# Exact versions with hashes, for every platform; no address of a package index. The image gets what runs, no more.
COMPILE := .venv/lock/bin/uv pip compile --quiet --universal --generate-hashes --python-version 3.11 \
	--no-emit-index-url --no-emit-package pywebview --no-emit-package bottle --no-emit-package proxy-tools --no-annotate --custom-compile-command "make lock"
lock:
	$(PYTHON) -m venv .venv/lock && .venv/lock/bin/pip install --quiet uv
	$(COMPILE) --extra build --extra dev -o requirements.lock pyproject.toml
	@# pandas: what the chart's package would draw from in Python, of which nothing is run here. 60 MB.
	$(COMPILE) --extra build --constraints requirements.lock --no-emit-package pandas -o requirements.image.lock pyproject.toml

# What the image holds, package by package with its hashes: a software bill of materials (CycloneDX).
sbom: $(TOOLS)
	@mkdir -p build
	$(BIN)/cyclonedx-py requirements --pyproject pyproject.toml --output-reproducible \
		-o build/sbom.json requirements.image.lock

# One line that counts the packages where somebody looks; where nobody does, nothing but what went wrong.
FETCHED = awk -v of=$$(grep -c '^[a-zA-Z0-9].*==' $(1)) -v seen=$$(test -t 1 && echo 1) \
	'/^(Collecting|Requirement already)/ { n++; if (seen) printf "\r  %d of %d", n, of } /^Installing/ { if (seen) printf "\r  installing …          " } \
	/^(ERROR|error)/ { print } END { if (seen) printf "\r                         \r" }'
INSTALL = set -o pipefail; $(BIN)/python -m pip install --progress-bar off --require-hashes --no-deps --no-compile -r $(1) 2>&1 \
	| tee .venv/install.log | $(FETCHED) || { tail -3 .venv/install.log; echo "$(HELP)"; exit 1; }
HELP = The packages could not be installed. Is the package index reachable (pip config list), and is the disk not full (df -h .)? All of pip's words are in .venv/install.log; make goes on where it stopped.
SHELL := /bin/bash
# Not compiled ahead: what is read by few commands, or by none. Python does it when it first reads one.
RARELY := /(tests?|testing|scripts|pip|setuptools|twisted|autobahn|botocore|apprise|holidays|pygments|grpc_tools)/

# Made again whenever the lock or the project's own description changes. What runs; nothing that tests need.
$(READY): requirements.image.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo "Stopwatch needs Python 3.11 or newer, and finds none: install it, or name it with make PYTHON=…"; exit 1; }
	@rm -f $@
	@echo "Setting up .venv (1 of 4): a Python environment of its own"
	@$(PYTHON) -m venv .venv
	@# The pip that Python brings may be years old and takes twice as long: first the one of the lock.
	@awk '/^pip==/ { found = 1 } found { print } found && !/\\$$/ { exit }' requirements.lock > .venv/pip.lock
	@$(BIN)/python -m pip install --quiet --require-hashes --no-deps -r .venv/pip.lock || { echo "$(HELP)"; exit 1; }
	@echo "Setting up .venv (2 of 4): what runs, from requirements.image.lock"
	@$(call INSTALL,requirements.image.lock)
	@echo "Setting up .venv (3 of 4): compiling on all processors what is run"
	@$(BIN)/python -m compileall -q -q -j 0 -x '$(RARELY)' .venv/lib || true
	@echo "Setting up .venv (4 of 4): the stopwatch command"
	@$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation -e . > .venv/install.log 2>&1 || { cat .venv/install.log; exit 1; }
	@touch $@

$(TOOLS): requirements.lock $(READY)
	@rm -f $@
	@echo "Setting up .venv: what tests, checks and benches need beside what runs, from requirements.lock"
	@$(call INSTALL,requirements.lock)
	@$(BIN)/python -m compileall -q -q -j 0 -x '$(RARELY)' .venv/lib || true
	@touch $@
