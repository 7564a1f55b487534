# make demo   set up, and prune documents in LangChain and LlamaIndex
# make test   set up, and run every check
# make test-transformers4   run the tests of checkpoints with transformers 4, in an environment of its own
# make docs   run the README's examples and the cookbooks again, and save what they print
# make bench  set up, and time the parts that have to be fast
# make results  measure the bundled model and the baselines on ../shared anew
# make fix    format, and fix what ruff can

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet --constraint constraints.txt
SETUP := pyproject.toml constraints.txt
VENV4 := .venv-transformers4
PYTEST := pytest pytest-asyncio pytest-socket pytest-timeout hypothesis

.PHONY: demo test test-transformers4 docs bench results fix clean

demo: $(VENV)/demo
	$(BIN)/semantic-highlight demo $(DEMO)

test: $(VENV)/dev
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/pytest

# transformers 4 uses parts of torch that warn of their end, and warnings are errors here.
test-transformers4: $(VENV4)/dev
	$(VENV4)/bin/pytest tests/models -W ignore::DeprecationWarning

docs: $(VENV)/dev
	$(BIN)/python tests/documentation.py

bench: $(VENV)/dev
	for file in tests/benchmarks/*.py; do $(BIN)/python $$file || exit 1; done

results: $(VENV)/dev
	$(BIN)/python tests/benchmarks/measure_results.py $(or $(DATA),../shared)

fix: $(VENV)/dev
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

clean:
	rm -rf $(VENV) $(VENV4)

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

$(VENV4)/dev: $(SETUP) constraints-transformers4.txt
	$(PYTHON) -m venv $(VENV4)
	awk -F== 'NR == FNR { own[$$1]; print; next } !($$1 in own)' constraints-transformers4.txt constraints.txt \
		> $(VENV4)/constraints.txt
	$(VENV4)/bin/python -m pip --disable-pip-version-check install --quiet \
		--constraint $(VENV4)/constraints.txt --editable '.[torch]' $(PYTEST)
	@touch $@
