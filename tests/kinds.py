"""What kind a test is: told by what it uses, then by its file; CONTRIBUTING.md has the table."""

from __future__ import annotations

from importlib import metadata

import pytest
from hypothesis import is_hypothesis_test

from onnxlint.rule_runner import needs_worker
from onnxlint.rules.rule import Rule

FILES = {
    "examples": ("docs", "examples", "known_faults", "public_reports", "readme"),
    "property": (
        "conformance", "fuzz", "made_up_bounds", "made_up_columns", "mutations", "spec_rows",
        "synthesis_proof",
    ),
    "end_to_end": (
        "attacks", "bounds", "cli", "fixing", "fixtures", "hostile_contents", "hostile_data",
        "linear", "links", "output_safety", "pipelines", "processes", "reports_of_a_run", "reruns",
        "same_answers", "trust",
        "wheel", "work", "worker",
    ),
}  # fmt: skip
"""Files whose tests are of one kind; those of any other file are unit tests."""
KIND_OF_FILE = {f"test_{name}": kind for kind, names in FILES.items() for name in names}
RUNNING = {
    f"test_{name}" for name in (
        "act_rules", "asserting", "behaviour",
        "channels", "data_rules", "expected", "hints", "layers_inside",
        "nan_marks", "positions", "predictions", "propagation", "public_reports", "reference",
        "refusals", "reruns", "runtime_rules", "scores", "shapes", "synthesis", "targets", "ties",
        "together", "trace", "within", "witnesses",
    )
}  # fmt: skip
"""Files whose models run in a worker, which costs most of the time of such a test."""
NEWEST = {
    "test_examples_of_the_built_in_rules[ACT007-constant-activation]": "onnxruntime",
    "test_examples_of_the_built_in_rules[ONX027-shape-conflict]": "onnx",
    "test_examples_of_the_built_in_rules[RUN002-execution-failure]": "onnxruntime",
    "test_labels_and_scores[2]": "onnxruntime",
    "test_operands_that_do_not_fit_inside[a mask of another length]": "onnx",
}
"""Tests of what onnx or onnxruntime do, which KNOWN do, and the oldest supported do not."""
KNOWN = {"onnx": (1, 23), "onnxruntime": (1, 32)}
COMMAND = {"onnxlint", "pytester"}
"""Fixtures that run a command, as a user does."""


def kind(item: pytest.Item) -> str:
    """Whether a test is of units, examples, properties or the whole."""
    if is_hypothesis_test(getattr(item, "obj", None)):
        return "property"
    if COMMAND & set(getattr(item, "fixturenames", ())):
        return "end_to_end"
    return KIND_OF_FILE.get(item.path.stem, "unit")


def runs(item: pytest.Item) -> bool:
    """Whether it has the marker `runtime`: its model, or its rule's examples, run in a worker."""
    given = getattr(item, "callspec", None)
    rules = [value for value in given.params.values() if isinstance(value, Rule)] if given else []
    return item.path.stem in RUNNING or any(map(needs_worker, rules))


def lacks(item: pytest.Item) -> str | None:
    """The package that is too old to do what the test is about."""
    package = NEWEST.get(item.name)
    if package is None:
        return None
    installed = tuple(int(part) for part in metadata.version(package).split(".")[:2])
    return package if installed < KNOWN[package] else None
