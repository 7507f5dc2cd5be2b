"""ARC025's knowledge base: every entry finds its example, and leaves its near miss alone."""

from dataclasses import replace

import pytest

from onnxlint.rules.rule import Documentation
from onnxlint.testing import problems
from onnxlint_rules.arc._known_faults import Fault, known_faults
from onnxlint_rules.arc.known_exporter_fault import known_exporter_fault


@pytest.mark.parametrize("fault", known_faults(), ids=lambda fault: fault.name)
def test_entry_finds_its_example_alone(fault, monkeypatch):
    told = Documentation("one entry", "why", "fix", (fault.bad,), (fault.good,))
    only = "onnxlint_rules.arc.known_exporter_fault.known_faults"
    monkeypatch.setattr(only, lambda: (fault,))
    assert problems(replace(known_exporter_fault, documented=told)) == []


def test_names_are_unique_and_each_has_its_report():
    faults = known_faults()
    assert len({fault.name for fault in faults}) == len(faults)
    assert all(fault.reference.startswith("https://github.com/") for fault in faults)


@pytest.mark.parametrize(
    ("producer", "version", "expected"),
    [
        ("pytorch", "2.1.0", True),
        ("PyTorch", "2.1", True),
        ("pytorch", "2.10.0a0+cu121", True),
        ("pytorch", "2.0.1", False),
        ("pytorch", "2.11", False),
        ("pytorch", "", False),
        ("tf2onnx", "2.1.0", False),
    ],
)
def test_producer_and_versions(producer, version, expected):
    fault = Fault("f", "y = Relu(x)", "m", "r", "u", "b", "g", "pytorch", "2.1", before="2.11")
    assert fault.may_be_in(producer, version) is expected
