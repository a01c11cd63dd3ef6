# The two commands of the README are `make demo` and `make test`; each sets up what it needs.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SOURCES := pyproject.toml labextension/package.json labextension/package-lock.json \
	$(shell find labextension/src labextension/style labextension/schema -type f 2>/dev/null)

.PHONY: help demo lab test lint unit frontend bench clean

help:
	@echo "make demo    set up, then run notebooks/quickstart.ipynb and print what happened"
	@echo "make lab     set up, then open JupyterLab on that notebook"
	@echo "make test    set up, then run all checks and tests"
	@echo "make bench   print the benchmarks' ratios"
	@echo "make clean   remove what was set up here"

# pip's stamp: made anew when the dependencies or the panel's source change.
$(VENV)/.installed: $(SOURCES)
	PYTHON=$(PYTHON) scripts/system-packages.sh demo
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	touch $@

demo: $(VENV)/.installed
	$(BIN)/python scripts/demo.py notebooks/quickstart.ipynb

lab: $(VENV)/.installed
	$(BIN)/omega local start
	$(BIN)/jupyter lab $(if $(filter 0,$(shell id -u)),--allow-root) notebooks/quickstart.ipynb

test: $(VENV)/.installed lint frontend unit

lint: $(VENV)/.installed
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

frontend: $(VENV)/.installed
	PYTHON=$(PYTHON) scripts/system-packages.sh test
	cd labextension && (test -d node_modules || npm ci --no-fund --no-audit) && npm run lint && npm test

unit: $(VENV)/.installed
	PYTHON=$(PYTHON) scripts/system-packages.sh test
	$(BIN)/python -m pytest -n 2 --dist loadfile

bench: $(VENV)/.installed
	$(BIN)/python -m benchmarks

clean:
	rm -rf $(VENV) labextension/node_modules labextension/lib omega_jupyter/labextension
