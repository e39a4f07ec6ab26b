# The two commands of the README: `make book` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# the same with what only the benchmarks need beside it
BENCH := .venv-bench

# Numerical libraries on one thread: sums in a fixed order give the same bytes on every run.
export OMP_NUM_THREADS := 1
export OPENBLAS_NUM_THREADS := 1
export MKL_NUM_THREADS := 1
export PYTHONHASHSEED := 0

.DEFAULT_GOAL := help
.PHONY: help book pdf test lint format types lock synthesize codecheck simulate audit-benchmark bench bench-sweep clean

help:  ## show this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 18

$(VENV)/installed: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(0 if (3, 11) <= v <= (3, 13) else f"replica needs Python 3.11 to 3.13, found {v[0]}.{v[1]}; choose one with: make PYTHON=python3.12 book")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

book: $(VENV)/installed  ## run the notebooks and build the book
	$(BIN)/replica book

pdf: $(VENV)/installed  ## print the whole book as build/html/book.pdf (needs Chromium)
	$(BIN)/replica pdf

# Files of tests share the cores; tests/sharing_cores.py says which stay together and which start first.
test: $(VENV)/installed  ## run every test
	$(BIN)/python -m pytest --numprocesses=auto

lint: $(VENV)/installed  ## ruff: rules and format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: $(VENV)/installed  ## rewrite the code in the project's format
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

types: $(VENV)/installed  ## mypy, strict on the package
	$(BIN)/mypy

synthesize: $(VENV)/installed  ## make the committed synthetic cohorts and their ranges again
	$(BIN)/replica synthesize sclc_second_line
	$(BIN)/replica synthesize mlc_second_primary --seed 8
	$(BIN)/replica synthesize myeloma_second_primary --seed 8 --evaluations 16000000
	$(BIN)/replica ranges mlc_second_primary
	$(BIN)/replica ranges sclc_second_line

codecheck: $(VENV)/installed  ## run the notebooks, compare every output with the committed hashes
	$(BIN)/replica codecheck --run

simulate: $(VENV)/installed  ## plant a truth, count how often intervals cover it (minutes)
	$(BIN)/python benchmarks/simulate.py

audit-benchmark: $(VENV)/installed  ## plant slips in clean tables, count what the audit finds (minutes)
	$(BIN)/python benchmarks/audit.py $(ARGS)

$(BENCH)/installed: requirements.lock benchmarks/requirements.lock pyproject.toml
	$(PYTHON) -m venv $(BENCH)
	$(BENCH)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BENCH)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r benchmarks/requirements.lock
	$(BENCH)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

bench: $(BENCH)/installed  ## time the package beside R and others (half an hour; leave the machine alone)
	@command -v Rscript >/dev/null || echo 'Rscript is not on the PATH: rows of R will say "not measured"; the rest is measured'
	$(BENCH)/bin/python benchmarks/run.py $(ARGS)

bench-sweep: $(VENV)/installed  ## runs of a sweep per second, at 1 and 2 workers (a minute)
	$(BIN)/python benchmarks/sweep.py

lock:  ## renew both lock files (needs uv)
	uv pip compile --universal --python-version 3.11 --generate-hashes --extra dev \
	  --no-emit-index-url --no-emit-find-links --no-annotate --no-header pyproject.toml -o requirements.lock
	uv pip compile --universal --python-version 3.11 --generate-hashes \
	  --no-emit-index-url --no-emit-find-links --no-annotate --no-header \
	  -c requirements.lock benchmarks/requirements.in -o benchmarks/requirements.lock

clean:  ## remove everything generated (keeps .venv)
	rm -rf build .pytest_cache .mypy_cache .ruff_cache .hypothesis
