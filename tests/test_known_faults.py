"""ARC025's knowledge base: every entry finds its example, and leaves its near miss alone."""

import tomllib

import pytest
from msgspec.structs import replace

from onnxlint import Graph, Pattern, Shapes
from onnxlint.analyses import Analyses
from onnxlint.model.file.load import open_model
from onnxlint.rules.documentation import Documentation
from onnxlint.settings import Settings
from onnxlint.testing import problems
from onnxlint_rules.arc._known_faults import HERE, Fault, known_faults
from onnxlint_rules.arc.known_exporter_fault import known_exporter_fault


@pytest.mark.parametrize("fault", known_faults(), ids=lambda fault: fault.name)
def test_entry_finds_its_example_alone(fault, monkeypatch):
    told = Documentation("one entry", "why", "fix", (fault.bad,), (fault.good,))
    only = "onnxlint_rules.arc.known_exporter_fault.known_faults"
    monkeypatch.setattr(only, lambda producer, ops: (fault,))
    assert problems(replace(known_exporter_fault, documented=told)) == []


def test_names_are_unique_and_each_has_its_report():
    faults = known_faults()
    assert len({fault.name for fault in faults}) == len(faults) >= 25
    assert len({fault.exporter or fault.producer for fault in faults}) >= 8
    assert all(fault.reference.startswith("https://github.com/") for fault in faults)


def test_faults_are_the_tables_of_the_files():
    files = sorted(HERE.glob("*.toml"))
    tables = [tomllib.loads(file.read_text("utf-8"))["fault"] for file in files]
    assert known_faults() == tuple(Fault(**table) for faults in tables for table in faults)


@pytest.mark.parametrize("producer", ["", "pytorch", "PyTorch", "CNTK", "somebody"])
def test_faults_of_a_producer_are_those_that_its_models_may_have(producer):
    meant = [each for each in known_faults() if each.producer.lower() in ("", producer.lower())]
    assert list(known_faults(producer)) == meant
    assert any(not each.producer for each in meant)


@pytest.mark.parametrize("fault", known_faults(), ids=lambda fault: fault.name)
def test_it_is_read_for_models_that_have_an_operator_of_its_pattern(fault):
    texts = [fault.pattern] if isinstance(fault.pattern, str) else fault.pattern
    for op in (op for text in texts for op in Pattern(text).ops):
        assert fault in known_faults(None, [op])
    assert fault not in known_faults(None, ["Det", "com.example::Det"])


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


ADD = """
<ir_version: 8, opset_import: ["" : 17]>
net (float[N, C, 4] x, float[C, N] of) => (float[N, C, 4] y)
<float[4] b = {1, 2, 0, 4}>
{
    a = Exp(x)
    y = Add(a, b)
}
"""


def is_found(path, conditions):
    fault = Fault("f", "y = Add(a, b)", "m", "r", "u", "b", "g", **conditions)
    with open_model(str(path)) as model:
        analyses = Analyses(Settings(), model)
        try:
            return bool([*fault.matches(analyses.get(Graph), analyses.get(Shapes))])
        finally:
            analyses.close()


@pytest.mark.parametrize(
    ("conditions", "expected"),
    [
        ({"types": {"a": ["float", "double"], "b": ["float"]}}, True),
        ({"types": {"a": ["float16"]}}, False),
        ({"types": {"absent": ["float"]}}, False),
        ({"shapes": {"a": ["n", "_", 4], "b": [4]}}, True),
        ({"shapes": {"a": ["_", "=C", 4]}}, True),
        ({"shapes": {"a": ["_", "=N", 4]}}, False),
        ({"shapes": {"a": ["_", "..."], "b": ["_", "..."]}}, True),
        ({"shapes": {"b": ["_", "_", "..."]}}, False),
        ({"shapes": {"a": ["_", "_"]}}, False),
        ({"shapes": {"a": ["_", "_", "_", "_"]}}, False),
        ({"shapes": {"b": ["c"], "a": ["_", "_", "c"]}}, True),
        ({"shapes": {"b": ["c"], "a": ["_", "c", "_"]}}, False),
        ({"shapes": {"b": ["c"], "a": ["_", "not c", "_"]}}, True),
        ({"shapes": {"b": ["not 1"]}}, True),
        ({"shapes": {"b": ["not 4"]}}, False),
        ({"shapes": {"a": ["n", "c", "_"], "of": ["c", "n"]}}, True),
        ({"shapes": {"a": ["n", "c", "_"], "of": ["n", "c"]}}, False),
        ({"shapes": {"a": ["?", "?", "_"]}}, True),
        ({"shapes": {"a": ["_", "_", "?"]}}, False),
        ({"shapes": {"absent": ["_"]}}, False),
        ({"filled": {"b": 0.75}}, True),
        ({"filled": {"b": 0.76}}, False),
        ({"filled": {"a": 0.1}}, False),
        ({"unless": "s = Sqrt(x)\ny = Add(s, _)"}, True),
        ({"unless": "s = Exp(x)\ny = Add(s, _)"}, False),
    ],
    ids=str,
)
def test_conditions_on_what_a_pattern_found(conditions, expected, write_model):
    assert is_found(write_model(ADD), conditions) is expected


def test_a_declared_shape_counts_before_the_inferred_one(write_model):
    path = write_model(ADD.replace("(float[N, C, 4] y)", "(float[M] y)"))
    assert is_found(path, {"shapes": {"y": ["=M"]}})
