"""What kind a test is: told by what it uses, then by its file; CONTRIBUTING.md has the table."""

from __future__ import annotations

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
        "linear", "links", "output_safety", "processes", "reruns", "same_answers", "trust",
        "wheel", "work", "worker",
    ),
}  # fmt: skip
"""Files whose tests are of one kind; those of any other file are unit tests."""
KIND_OF_FILE = {f"test_{name}": kind for kind, names in FILES.items() for name in names}
RUNNING = {
    f"test_{name}" for name in (
        "act_rules", "behaviour", "channels", "data_rules", "expected", "hints", "layers_inside",
        "nan_marks", "positions", "predictions", "propagation", "public_reports", "reference",
        "refusals", "reruns", "runtime_rules", "scores", "shapes", "synthesis", "targets", "ties",
        "together", "trace", "within", "witnesses",
    )
}  # fmt: skip
"""Files whose models run in a worker, which costs most of the time of such a test."""
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
