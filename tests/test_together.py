"""One cause is one finding: the first of many is told, the others are counted in its evidence."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from conftest import findings
from onnx import helper, numpy_helper

from onnxlint import Finding, Fix, Place, Severity, counted, listed, together
from onnxlint.findings import MOST_FINDINGS, folded
from onnxlint.testing import run_rule
from onnxlint_rules.arc.unfused_batchnorm import unfused_batchnorm
from onnxlint_rules.gra.duplicate_initializer import duplicate_initializer
from onnxlint_rules.gra.foldable_constant import foldable_constant
from onnxlint_rules.gra.identity_of_constant import identity_of_constant
from onnxlint_rules.gra.unused_initializer import unused_initializer
from onnxlint_rules.onx.declared_shape_mismatch import declared_shape_mismatch
from onnxlint_rules.onx.unsorted_nodes import unsorted_nodes
from onnxlint_rules.sec.local_path_leak import local_path_leak

COUNT = 7


def chain(step: str, first: str = "x") -> str:
    """A step again and again, `{i}` its number and `{h}` what it reads."""
    lines = [
        step.replace("{h}", first if i == 0 else f"h{i - 1}").replace("{i}", str(i))
        for i in range(COUNT)
    ]
    return " ".join([*lines, f"y = Identity(h{COUNT - 1})"])


def test_the_first_is_told_and_the_others_are_counted():
    many = [Finding(Place(value=str(i)), f"m{i}") for i in range(COUNT)]
    one = Finding(Place(), "other", severity=Severity.INFO)
    first, other = together([*many[:3], one, *many[3:]], "nodes")
    assert (first.subject, first.message) == (many[0].subject, "m0 (7 nodes)")
    assert first.evidence == {"count": 7, "places": [f"'{i}'" for i in range(5)]}
    assert (first.measured, other) == (COUNT, one)
    assert not list(together([], "nodes"))


def test_a_number_and_what_it_counts():
    assert [counted(n, "input") for n in (0, 1, 2)] == ["0 inputs", "1 input", "2 inputs"]
    assert counted(3000, "entry", "entries") == "3,000 entries"


def test_of_a_million_faults_a_thousand_are_told_one_by_one():
    made = []
    fixes = [Fix("mend", lambda _draft, i: made.append(i), i) for i in range(MOST_FINDINGS + 4)]
    many = [Finding(Place(value=str(i)), "m", fix=fix) for i, fix in enumerate(fixes)]
    info = Finding(Place(), "other", severity=Severity.INFO)
    *told, last = folded([*many[:2], info, *many[2:]])
    assert told == [*many[:2], info, *many[2 : MOST_FINDINGS - 1]]
    assert (last.message, last.measured) == ("m (5 such findings)", 5)
    last.fix.apply(None)
    assert made == list(range(MOST_FINDINGS - 1, MOST_FINDINGS + 4))
    assert list(folded([*many[:MOST_FINDINGS]])) == many[:MOST_FINDINGS]


def test_what_is_no_finding_is_told_by_its_type():
    with pytest.raises(TypeError, match="yielded a str, which is not a Finding"):
        list(folded([Finding(Place(), "m"), "text"]))


def test_leftovers_are_told_together_and_layers_weights_one_by_one():
    weights = "float[2] a = {1, 2}, float[2, 2] v = {1, 2, 3, 4}, int64 b = {3}, int64[1] c = {3}"
    text = f"net (float[N, 2] x) => (float[N, 2] y) <{weights}> {{ y = Relu(x) }}"
    infos = [found for found in findings(unused_initializer, text) if found.severity == "info"]
    (warning,) = [found for found in findings(unused_initializer, text) if found not in infos]
    assert (warning.place.value, warning.measured) == ("v", 16)
    (info,) = infos
    assert info.message == (
        "never used, nor 2 other initializers of at most one axis (24 bytes in total)"
    )
    assert info.evidence == {"count": 3, "places": ["'a'", "'b'", "'c'"]}


@pytest.mark.parametrize(
    ("rule", "header", "step"),
    [
        (identity_of_constant, "(float[N, 2] x) => (float[N, 2] y) <float[2, 2] w = {1, 2, 3, 4}>",
         "w{i} = Identity(w) h{i} = MatMul({h}, w{i})"),
        (foldable_constant, "(float[N, 2] x) => (float[N, 2] y) <float[2] w = {1, 2}>",
         "w{i} = Exp(w) h{i} = Mul({h}, w{i})"),
        (unfused_batchnorm, "(float[N, 2, H, W] x) => (float[N, 2, H, W] y)"
         " <float[2, 2, 1, 1] w = {1, 2, 3, 4}, float[2] s = {1, 1}>",
         "c{i} = Conv({h}, w) h{i} = BatchNormalization(c{i}, s, s, s, s)"),
    ],
)  # fmt: skip
def test_a_pattern_that_repeats_is_one_finding(rule, header, step):
    (found,) = findings(rule, f"net {header} {{ {chain(step)} }}")
    assert (found.evidence["count"], len(found.evidence["places"])) == (COUNT, 5)
    assert f"({COUNT} " in found.message


def test_an_order_is_one_of_all_nodes():
    text = "net (float[2] x) => (float[2] y) { " + chain("h{i} = Exp({h})") + " }"
    (found,) = findings(unsorted_nodes, text + "\n>>> model.graph.node.sort(key=str, reverse=True)")
    assert found.severity is Severity.ERROR
    assert found.evidence["count"] > 1
    assert found.fix


def test_copies_are_one_finding_at_the_largest(tmp_path):
    nodes, held = [], []
    for index, side in enumerate((128, 256, 192)):
        weight = np.arange(side * side, dtype=np.float32).reshape(side, side)
        held += [numpy_helper.from_array(weight, f"{name}{index}") for name in "ab"]
        nodes += [helper.make_node("MatMul", [f"a{index}", f"b{index}"], [f"y{index}"])]
    ends = [helper.make_tensor_value_info(f"y{i}", 1, None) for i in range(3)]
    graph = helper.make_graph(nodes, "g", [], ends, initializer=held)
    opsets = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=8), tmp_path / "m.onnx")
    (found,) = run_rule(duplicate_initializer, tmp_path / "m.onnx").findings
    assert found.place.value == "a1"
    assert found.measured == 4 * (128**2 + 256**2 + 192**2)
    assert found.evidence["count"] == 3


@pytest.mark.parametrize(
    ("path", "severity"),
    [("/workspace/net.py", Severity.INFO), ("/home/alice/net.py", Severity.WARNING)],
)
def test_traces_of_every_node_are_one_finding_of_the_model(path, severity):
    text = "net (float[2] x) => (float[2] y) { " + chain("h{i} = Exp({h})") + " }"
    trace = f'File \\"{path}\\", line 3, in forward'
    key = "pkg.torch.onnx.stack_trace"
    change = f'>>> [n.metadata_props.add(key="{key}", value="{trace}") for n in model.graph.node]'
    (found,) = findings(local_path_leak, f"{text}\n{change}")
    assert (found.severity, found.measured) == (severity, COUNT + 1)
    assert (found.place.node, found.place.value) == (None, None)


@pytest.mark.parametrize(
    ("declared", "severity"),
    [("float[N, 4]", Severity.WARNING), ("float[N]", Severity.WARNING),
     ("int64[N, 3]", Severity.ERROR)],
)  # fmt: skip
def test_onnxruntime_runs_an_output_of_another_shape_and_not_of_another_type(declared, severity):
    text = f"net (float[N, 3] x) => ({declared} y) {{ y = Relu(x) }}"
    assert [found.severity for found in findings(declared_shape_mismatch, text)] == [severity]


def test_names_are_listed_and_the_others_counted() -> None:
    assert listed([]) == ""
    assert listed(["Conv", "Relu"], 2) == "Conv, Relu"
    assert listed(["Conv", "Relu", "Abs"], 2) == "Conv, Relu and 1 more"
    assert listed([str(number) for number in range(2_000)]) == "0, 1, 2, 3, 4 and 1,995 more"


def test_the_nodes_of_one_cause_are_what_is_measured() -> None:
    places = [Place(node="a"), Place(node="b")]
    found = Finding.of_nodes(places, "is deprecated", hint="replace it")
    assert (found.message, found.measured, found.limit, found.unit) == (
        "is deprecated (2 nodes)", 2, 0, "nodes",
    )  # fmt: skip
    other = Finding.of_nodes(places, "is deprecated", measured=3)
    assert (other.measured, other.limit, other.unit) == (3, None, None)
