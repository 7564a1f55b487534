# make demo   set up, and prune documents in LangChain and LlamaIndex
# make test   set up, and run every check
# make docs   run the README's examples and the cookbooks again, and save what they print
# make bench  set up, and time the parts that have to be fast
# make fix    format, and fix what ruff can

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet --constraint constraints.txt
SETUP := pyproject.toml constraints.txt

.PHONY: demo test docs bench fix clean

demo: $(VENV)/demo
	$(BIN)/semantic-highlight demo $(DEMO)

test: $(VENV)/dev
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/pytest

docs: $(VENV)/dev
	$(BIN)/python tests/documentation.py

bench: $(VENV)/dev
	for file in tests/benchmarks/*.py; do $(BIN)/python $$file || exit 1; done

fix: $(VENV)/dev
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

clean:
	rm -rf $(VENV)

$(VENV)/pip:
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("Python 3.11 or later is needed: make PYTHON=python3.12")'
	$(PYTHON) -m venv $(VENV)
	$(PIP) --upgrade 'pip>=25.1'  # the first that knows dependency groups
	@touch $@

$(VENV)/demo: $(VENV)/pip $(SETUP)
	$(PIP) --editable '.[demo]'
	@touch $@

$(VENV)/dev: $(VENV)/pip $(SETUP)
	$(PIP) --editable '.[all]' --group dev
	@touch $@ $(VENV)/demo
