# Everything happens in a virtual environment of the project's own; nothing else of the machine is touched,
# but for `make test`, which may install the servers that the tests need (see tests/cluster).
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: demo board test run-tests check cluster docs screenshots bench clean

demo: $(STAMP)  ## train a small network on this machine and watch it
	TRAINBOARD_HOME=$(CURDIR)/.demo $(BIN)/trainboard demo

test: $(VENV)/.dev  ## set up and run all checks and tests
	@$(BIN)/python -m tests.cluster install || [ -z "$$CI" ]
	@# The types are checked by one process while the tests wait for servers.
	@$(MAKE) --no-print-directory --jobs=2 --keep-going check run-tests

run-tests: $(VENV)/.dev
	$(BIN)/python -m pytest -q -n auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder

check: $(VENV)/.dev  ## format, lint, types, import directions, the Python of what is sent to hosts
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/vermin -q -t=3.6- --no-tips --violations backends/runner backends/remote backends/queue backends/predictions

docs: $(STAMP)  ## make docs/*.md that are made from the model, the keys, the rules and Slurm's reasons
	$(BIN)/python -m specs.describe > docs/spec.md.new && mv docs/spec.md.new docs/spec.md
	$(BIN)/python -m tui.keys > docs/keys.md.new && mv docs/keys.md.new docs/keys.md
	$(BIN)/python -m trainboard.diagnose.describe > docs/findings.md.new && mv docs/findings.md.new docs/findings.md
	$(BIN)/python -m trainboard.reasons > docs/waiting.md.new && mv docs/waiting.md.new docs/waiting.md

screenshots: $(VENV)/.dev  ## make the pictures of the README from the real app and the test cluster
	$(BIN)/python -m screenshots.make

bench: $(VENV)/.dev  ## measure the budgets
	$(BIN)/python -m benchmarks

clean:
	rm -rf $(VENV) .demo

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit("trainboard needs Python 3.11 or newer; try: make PYTHON=python3.12 demo" if sys.version_info < (3, 11) else 0)'
	@# Debian's python3 has no ensurepip unless python3-venv is installed; its pip can do the same.
	$(PYTHON) -m venv $(VENV) >/dev/null 2>&1 || { rm -rf $(VENV) && $(PYTHON) -m venv --without-pip $(VENV) \
	  && $(PYTHON) -m pip --python $(BIN)/python install --quiet --disable-pip-version-check pip; }

$(STAMP): $(VENV)/bin/python pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	@touch $@

$(VENV)/.dev: $(STAMP)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check 'pip>=25.1'
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --group dev
	@touch $@
