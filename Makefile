# make serve and make test need only Python >= 3.11 and make: each sets up .venv on first use.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# All extras that this checkout's own work needs; a plain `make serve` installs the package alone.
STAMP := $(VENV)/.installed
DEV_STAMP := $(VENV)/.installed-dev
PIP_INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt

# What `make bench` measures on: JSON Lines of articles and of reading questions.
NEWS ?= ../shared/data/news.jsonl.xz
QUESTIONS ?= ../shared/data/cmrc2018_trial.jsonl.xz

.PHONY: install serve test lint ray audit eval format bench torture clean

install: $(STAMP)

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed; run: make PYTHON=python3.12 " if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV)

# torch comes first and alone: pip then keeps the build it found (a CPU build where your pip
# configuration offers one, see the README) instead of weighing it against newer releases.
$(STAMP): pyproject.toml constraints.txt | $(BIN)/python
	$(PIP_INSTALL) torch
	$(PIP_INSTALL) -e .
	@touch $@

$(DEV_STAMP): $(STAMP)
	$(PIP_INSTALL) -e '.[dev,train]'
	@touch $@

serve: $(STAMP)
	$(BIN)/rag serve

test: $(DEV_STAMP)
	$(BIN)/python -m pytest -n auto --cov --cov-report=term --cov-fail-under=90

lint: $(DEV_STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# For the tests of tests/preparing, which skip without it.
ray: $(DEV_STAMP)
	$(PIP_INSTALL) -e '.[ray]'

# Holes known in the pinned dependencies; 2 where the package index's database can't be asked.
audit: $(DEV_STAMP)
	$(BIN)/python -m tests.audit

# The gold sets that docs/ can answer, held to the gate; the report is in eval/reports/.
eval: $(STAMP)
	$(BIN)/rag eval --corpus docs --gate eval/gate.toml

format: $(DEV_STAMP)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(DEV_STAMP)
	$(BIN)/python -m benchmarks.core --articles $(NEWS) $(if $(QUESTIONS),--questions $(QUESTIONS))

# At length (hours): ROUNDS kills of builds and of restores, a fault at every file operation, ROUNDS
# damaged places, EXAMPLES inputs for each test of tests/fuzz.
ROUNDS ?= 1000
EXAMPLES ?= 100000
torture: $(DEV_STAMP)
	$(BIN)/python -m tests.torture --rounds $(ROUNDS)
	$(BIN)/python -m tests.torture --rounds $(ROUNDS) --restore
	$(BIN)/python -m tests.torture --rounds $(ROUNDS) --compact
	$(BIN)/python -m tests.faults.disk
	$(BIN)/python -m tests.faults.damage --places $(ROUNDS)
	FUZZ_EXAMPLES=$(EXAMPLES) $(BIN)/python -m pytest -n auto tests/fuzz

clean:
	rm -rf $(VENV) build dist index/CURRENT index/generations
