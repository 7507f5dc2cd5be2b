"""What kind a test is: told by what it uses, then by its file; CONTRIBUTING.md has the table."""

from __future__ import annotations

from importlib import metadata

import pytest
from hypothesis import is_hypothesis_test

from onnxlint.asking import needs_worker
from onnxlint.rules.rule import Rule

FILES = {
    "examples": ("docs", "examples", "known_faults", "public_reports", "readme"),
    "property": (
        "conformance", "fuzz", "made_up_bounds", "made_up_columns", "mutations", "spec_rows",
        "synthesis_proof",
    ),
    "end_to_end": (
        "attacks", "bounds", "cli", "fixing", "fixtures", "fleet_cluster", "hostile_contents",
        "hostile_data", "in_memory", "linear", "links", "model_explorer", "output_safety",
        "pipelines", "processes", "reports_of_a_run", "reruns", "same_answers", "tensorboard",
        "terminal", "trust", "view", "wheel", "work", "worker",
    ),
}  # fmt: skip
"""Files whose tests are of one kind; those of any other file are unit tests."""
KIND_OF_FILE = {f"test_{name}": kind for kind, names in FILES.items() for name in names}
RUNNING = {
    f"test_{name}" for name in (
        "act_rules", "asserting", "baselines", "behaviour", "channels", "class_folders",
        "confusion", "constant_guess", "contract", "costs", "detectors",
        "data_rules", "expected", "hints", "init", "inspect", "label_reach", "labelled",
        "language", "layers_inside", "model_explorer",
        "modes", "nan_marks", "positions", "predictions", "profile", "propagation",
        "public_reports", "reference", "refusals", "release_diff", "reruns", "runtime_rules",
        "scores", "series", "shapes", "shift", "synthesis", "targets", "tensorboard", "ties",
        "together", "trace", "two_sets", "within", "witnesses",
    )
}  # fmt: skip
"""Files whose models run in a worker, which costs most of the time of such a test."""
NEWEST = {
    "test_a_model_agrees_with_itself_and_with_its_optimised_copy[handwritten_transformer_dynamo]":
        "onnxruntime",  # opset 23
    "test_examples_of_the_built_in_rules[ACT007-constant-activation]": "onnxruntime",
    "test_examples_of_the_built_in_rules[ONX027-shape-conflict]": "onnx",
    "test_examples_of_the_built_in_rules[RUN002-execution-failure]": "onnxruntime",
    "test_gradient_at_the_input[text10-4]": "onnxruntime",  # opset 23
    "test_hostile_file_as_labels[deep.parquet]": "pyarrow",  # the older one reads the other column
    "test_labels_and_scores[2]": "onnxruntime",
    "test_operands_that_do_not_fit_inside[a mask of another length]": "onnx",
    # the older one does not optimise the defect away, and an error tells it
    "test_report_is_found_by_name_and_its_twin_is_silent[ultralytics/ultralytics#13048]":
        "onnxruntime",
    "test_scales_that_are_no_use[float s = {1e-40}-warning]": "onnx",  # subnormal numbers in text
    "test_scales_that_are_no_use[float[3] s = {1, 1e-40, 1}-None]": "onnx",
    # the older one ends the process at an integer division by zero
    "test_the_fault_shows_and_its_repair_holds[chunk_length]": "onnxruntime",
    "test_the_fault_shows_and_its_repair_holds[wrapped_positions]": "onnxruntime",
    # the older one moves the scale of one channel to both
    "test_the_fault_shows_and_its_repair_holds[small_channel]": "onnxruntime",
    "test_the_layer_is_found_behind_fused_ones": "onnxruntime",  # opset 23
    # the older one does not crash
    "test_where_native_code_crashes_the_rest_is_known[text0-places0]": "onnx",
    "test_where_native_code_crashes_the_rest_is_known[text1-places1]": "onnx",
    "test_where_native_code_crashes_the_rest_is_known[text2-places2]": "onnx",
}  # fmt: skip
"""Tests of what a package does in the release that is KNOWN, and not in the oldest supported."""
KNOWN = {"onnx": (1, 23), "onnxruntime": (1, 32), "pyarrow": (26, 0)}
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
