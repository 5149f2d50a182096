# Two commands: `make demo` and `make test`. Each sets up its own virtual environment first.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV ?= .venv
BIN = $(VENV)/bin
PIP = $(BIN)/python -m pip --disable-pip-version-check install --quiet

.PHONY: demo test bench lint types contracts format lock clean

demo: $(VENV)/.runtime
	$(BIN)/tajo demo

# The histories play on a clock of their own, so both cores may be busy with them.
test: lint types contracts
	$(BIN)/python -m pytest --ignore tests/histories
	$(BIN)/python -m pytest --numprocesses 2 tests/histories

lint: $(VENV)/.dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: $(VENV)/.dev
	$(BIN)/mypy

contracts: $(VENV)/.dev
	$(BIN)/lint-imports

bench: $(VENV)/.dev
	$(BIN)/python -m benchmarks

format: $(VENV)/.dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# Anew from the .in files; no address of a package index goes into them.
lock: $(VENV)/.dev
	for name in build runtime dev; do $(BIN)/uv pip compile --quiet --universal --python-version 3.11 \
	  --generate-hashes --no-emit-index-url --no-header \
	  --output-file requirements/$$name.txt requirements/$$name.in; done

$(BIN)/python:
	$(PYTHON) -c 'import sys; sys.exit("Tajo needs Python 3.11 or newer: make PYTHON=/path/to/python3.11" if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.build: requirements/build.txt pyproject.toml | $(BIN)/python
	$(PIP) --require-hashes -r requirements/build.txt
	touch $@

$(VENV)/.runtime: requirements/runtime.txt $(VENV)/.build
	$(PIP) --require-hashes -r requirements/runtime.txt
	$(PIP) --no-deps --no-build-isolation -e .
	touch $@

$(VENV)/.dev: requirements/dev.txt $(VENV)/.runtime
	$(PIP) --require-hashes -r requirements/dev.txt
	touch $@

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
