# `make demo` and `make test` set everything up themselves, in .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: help demo test test-all lint attack bench fuzz docs targets clean new-rule

help:  ## Show the targets.
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/'

$(VENV)/installed: pyproject.toml hatch_build.py onnxlint/runtime/statistics/passes.c onnxlint/runtime/worker/taps.c
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --editable .
	@touch $@

$(VENV)/installed-dev: $(VENV)/installed
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	@touch $@

demo: $(VENV)/installed  ## Install, and lint a flawed model.
	@echo '$$ onnxlint fixtures/demo/flawed.onnx --stage init'
	@$(BIN)/onnxlint fixtures/demo/flawed.onnx --stage init; test $$? -eq 1

test: lint  ## Install, and run every check.
	$(BIN)/pytest -n auto

test-all: lint  ## Run every check, and every case of those that are sampled.
	$(BIN)/pytest -n auto -m "slow or not slow"

lint: $(VENV)/installed-dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

attack: $(VENV)/installed-dev  ## Run every attack on the command, and tell which break it.
	$(BIN)/python tests/attacks/run.py --jobs 2

bench: $(VENV)/installed-dev  ## Speed and memory beside onnxruntime and other linters.
	$(BIN)/python -m pip install --quiet --editable '.[bench]'
	$(BIN)/python benchmarks/runtime_analysers.py
	$(BIN)/python benchmarks/budget.py
	$(BIN)/python benchmarks/large_graph.py
	$(BIN)/python benchmarks/judges.py
	$(BIN)/python benchmarks/large_weights.py
	$(BIN)/python benchmarks/other_linters.py

N ?= 2000

fuzz: $(VENV)/installed-dev  ## Lint damaged models: make fuzz N=2000; with ARGS=--run, run them too.
	PYTHONPATH=tests $(BIN)/python -m attacks.fuzz $(N) $(ARGS)

docs: $(VENV)/installed  ## Write the documentation, with a page for every rule, into site/.
	$(BIN)/python -m pip install --quiet --editable '.[docs]'
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict

targets: $(VENV)/installed  ## Read off the installed onnxruntime what it runs.
	$(BIN)/python tools/docs/make_targets.py

new-rule: $(VENV)/installed  ## Start a rule: make new-rule CODE=ACT099 NAME=my-rule
	$(BIN)/python tools/docs/new_rule.py $(CODE) $(NAME)

clean:  ## Remove what the other targets made.
	rm -rf $(VENV) site dist fuzz-failures onnxlint/runtime/_passes.so .pytest_cache .mypy_cache .ruff_cache .hypothesis
