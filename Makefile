# Casestream's chores. `make help` lists them.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
HEAVY := tests/chaos tests/integration
export STRICT

RUNTIME := $(VENV)/.installed
DEV := $(VENV)/.installed-dev
LOCK := uv pip compile --quiet --universal --generate-hashes --python-version 3.11 \
	--no-header --no-annotate --no-emit-index-url --no-emit-find-links

.DEFAULT_GOAL := help
.PHONY: help install demo test lint corpora events format lock clean

help: ## list what can be made
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 16

install: $(RUNTIME) ## make .venv with the command casestream in it

demo: $(RUNTIME) ## show the whole pipeline at work; ARGS="--help" says with what
	$(BIN)/casestream demo $(ARGS)

test: lint ## every check and every test, those that start servers beside the others; STRICT=1 makes a skipped test a failure
ifdef ARGS
	$(BIN)/pytest $(ARGS)
else
	@mkdir -p build; $(BIN)/pytest tests $(HEAVY:%=--ignore=%) >build/tests.log 2>&1 & light=$$!; \
	$(BIN)/pytest $(HEAVY); heavy=$$?; \
	wait $$light; light=$$?; cat build/tests.log; test $$heavy = 0 -a $$light = 0
endif

lint: $(DEV) ## style, types, the direction of imports
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

corpora: $(DEV) ## score parsers and business time by test data of others, with a peer's score beside it
	VIRTUAL_ENV=$(VENV) $(BIN)/uv pip install --quiet --group bench
	$(BIN)/python bench/corpora.py $(ARGS)

events: $(DEV) ## write the files in docs that say what events are
	$(BIN)/python -m pipeline.events docs

format: $(DEV) ## bring the code into the house's layout
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

lock: $(DEV) ## choose the versions of all dependencies anew
	$(BIN)/$(LOCK) --upgrade pyproject.toml --output-file requirements.lock
	$(BIN)/$(LOCK) --upgrade --group dev --constraints requirements.lock pyproject.toml --output-file requirements-dev.lock

clean: ## remove .venv and what the tools leave behind; data folders stay
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find pipeline tests bench -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/pip:
	$(PYTHON) -m venv $(VENV)

$(RUNTIME): requirements.lock pyproject.toml | $(BIN)/pip
	$(BIN)/pip install --quiet --require-hashes --requirement requirements.lock
	$(BIN)/pip install --quiet --no-deps --editable .
	touch $@

$(DEV): requirements-dev.lock $(RUNTIME)
	$(BIN)/pip install --quiet --require-hashes --requirement requirements-dev.lock
	touch $@
