# `make demo` and `make test` set everything up themselves, in .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

# Tests start hundreds of processes, and each would compile the packages anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help demo test test-all check lint architecture attack bench fuzz docs targets clean new-rule rule \
  changelog hooks dist

help:  ## Show the targets.
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/'

# What is imported is compiled then; to compile all 13,000 files takes longer than to unpack them.
INSTALL := $(BIN)/python -m pip install --quiet --no-compile
BUILT_FROM := pyproject.toml hatch_build.py onnxlint/runtime/statistics/passes.c $(wildcard onnxlint/runtime/worker/*.[ch])

$(VENV)/pip:
	$(PYTHON) -m venv $(VENV)
	$(INSTALL) --upgrade pip
	@touch $@

$(VENV)/installed: $(BUILT_FROM) | $(VENV)/pip
	$(INSTALL) --editable .
	@touch $@

# Model Explorer without what converts other models than ONNX: 480 MB of native code.
MODEL_EXPLORER := ai-edge-model-explorer model-explorer-onnx

$(VENV)/installed-dev: $(BUILT_FROM) | $(VENV)/pip
	$(INSTALL) --editable '.[dev]'
	$(INSTALL) --no-deps $(MODEL_EXPLORER)
	@touch $(VENV)/installed $@

demo: $(VENV)/installed  ## Install, and lint a flawed model.
	@echo '$$ onnxlint fixtures/demo/flawed.onnx --stage init'
	@$(BIN)/onnxlint fixtures/demo/flawed.onnx --stage init; test $$? -eq 1

test:  ## Install, and run every check.
	@$(MAKE) --no-print-directory -j2 lint tests

# Each process has whole files, as long as there are some: what a file sets up is set up once.
PYTEST := $(BIN)/pytest -n auto --dist worksteal

# Pages are opened in a browser, by tests that are skipped where there is none.
BROWSERS := chromium chromium-browser google-chrome chrome

$(VENV)/browser: | $(VENV)/pip
	@for name in $(BROWSERS); do command -v $$name && break; done > $@.log || \
	  { export DEBIAN_FRONTEND=noninteractive; test "$$(id -u)" = 0 && timeout 120 apt-get update && \
	    timeout 300 apt-get install --yes --no-install-recommends chromium; } \
	  >> $@.log 2>&1 < /dev/null || echo 'No browser: tests of pages are skipped. Install chromium to run them.'
	@touch $@

.PHONY: tests
tests: $(VENV)/installed-dev $(VENV)/browser
	$(PYTEST)

QUICK := (unit or examples) and not (runtime or slow or docs)

check: lint  ## The quick checks: style, types, and the tests that run no model.
	$(PYTEST) -q -m "$(QUICK)"

test-all: lint  ## Run every check, and every case of those that are sampled.
	$(PYTEST) -m "slow or not slow" --hypothesis-profile all

lint: $(VENV)/installed-dev  ## Format, style, types, contracts between modules.
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

snapshots: $(VENV)/installed-dev  ## Write anew what each rule prints: tests/snapshots.
	$(BIN)/python tools/tests/snapshots.py

architecture: $(VENV)/installed-dev  ## Draw the figure of ARCHITECTURE.md anew.
	$(BIN)/python tools/docs/import_graph.py

attack: $(VENV)/installed-dev  ## Run every attack on the command, and tell which break it.
	$(BIN)/python tests/attacks/run.py --jobs 2

index: $(VENV)/installed-dev  ## Write anew what the index says of our rules.
	$(BIN)/python -m onnxlint.indexing onnxlint_rules

bench: $(VENV)/installed-dev  ## Speed and memory beside onnxruntime and other linters.
	$(INSTALL) --editable '.[bench]'
	$(BIN)/python benchmarks/goals.py
	$(BIN)/python benchmarks/runtime_analysers.py
	$(BIN)/python benchmarks/budget.py
	$(BIN)/python benchmarks/large_graph.py
	$(BIN)/python benchmarks/large_forest.py
	$(BIN)/python benchmarks/ranges.py
	$(BIN)/python benchmarks/numeric_faults.py
	$(BIN)/python benchmarks/judges.py
	$(BIN)/python benchmarks/report_cache.py
	$(BIN)/python benchmarks/fleet.py
	$(BIN)/python benchmarks/html_report.py
	$(BIN)/python benchmarks/large_weights.py
	$(BIN)/python benchmarks/statistics_passes.py
	$(BIN)/python benchmarks/other_linters.py

N ?= 2000

fuzz: $(VENV)/installed-dev  ## Lint damaged models: make fuzz N=2000; with ARGS=--run, run them too.
	PYTHONPATH=tests $(BIN)/python -m attacks.fuzz $(N) $(ARGS)

docs: $(VENV)/installed  ## Write the documentation, with a page for every rule, into site/.
	$(INSTALL) --editable '.[docs]'
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict

targets: $(VENV)/installed  ## Read off the installed onnxruntime what it runs.
	$(BIN)/python tools/docs/make_targets.py

new-rule: $(VENV)/installed  ## Start a rule: make new-rule CODE=ACT099 NAME=my-rule
	$(BIN)/python tools/docs/new_rule.py $(CODE) $(NAME)

rule: $(VENV)/installed-dev  ## Try one rule: its examples, its page: make rule CODE=ACT099
	$(BIN)/onnxlint test-rules --select $(or $(CODE),$(error which rule? make rule CODE=ACT099))
	$(BIN)/python tools/tests/snapshots.py --examples $(CODE)
	$(BIN)/python tools/docs/schemas.py
	$(BIN)/python -m onnxlint.indexing onnxlint_rules
	$(BIN)/pytest -q -n 0 tests/test_docs.py tests/test_project.py -k "$(CODE) or code or changelog"
	@echo "tests/snapshots/$(CODE).txt is what its Bad examples print: read it"
	@$(BIN)/python tools/docs/new_rule.py --unfilled

changelog: $(VENV)/installed-dev  ## Show the next entry of the changelog; with VERSION=0.2.0, write it.
ifdef VERSION
	$(BIN)/hatchling version $(VERSION)
	$(BIN)/towncrier build --yes --version $(VERSION)
else
	$(BIN)/towncrier build --draft --version next
endif

hooks: $(VENV)/installed-dev  ## Run the checks of .pre-commit-config.yaml at every commit.
	$(BIN)/pre-commit install

dist: $(VENV)/installed-dev  ## Build the sdist, the wheel for any machine, and this platform's.
	$(INSTALL) --editable '.[release]'
	rm -rf dist
	$(BIN)/python -m build --sdist
	ONNXLINT_PURE=1 $(BIN)/python -m build --wheel
	$(BIN)/python -m build --wheel --outdir dist/built
	$(BIN)/python tools/repair_wheel.py dist/built dist

clean:  ## Remove what the other targets made.
	rm -rf $(VENV) site dist fuzz-failures onnxlint/runtime/_passes.so .pytest_cache .mypy_cache .ruff_cache .hypothesis
