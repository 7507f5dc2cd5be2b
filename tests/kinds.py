"""What kind a test is: told by what it uses, then by its file; CONTRIBUTING.md has the table."""

from __future__ import annotations

import pytest
from hypothesis import is_hypothesis_test

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
COMMAND = {"onnxlint"}
"""Fixtures that run the command, as a user does."""


def kind(item: pytest.Item) -> str:
    """The marker of a test."""
    if is_hypothesis_test(getattr(item, "obj", None)):
        return "property"
    if COMMAND & set(getattr(item, "fixturenames", ())):
        return "end_to_end"
    return KIND_OF_FILE.get(item.path.stem, "unit")
