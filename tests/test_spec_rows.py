"""What onnx's checker and onnxruntime say of a file, and what rules must say: kind by kind."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from conftest import findings, severities
from onnx import TensorProto, helper, parser

from onnxlint.severity import Severity
from onnxlint.testing import run_rule
from onnxlint_rules.gra.duplicate_node_name import duplicate_node_name
from onnxlint_rules.onx.deprecated_operator import deprecated_operator
from onnxlint_rules.onx.experimental_operator import experimental_operator
from onnxlint_rules.onx.initializer_not_input import initializer_not_input
from onnxlint_rules.onx.invalid_attribute import invalid_attribute
from onnxlint_rules.onx.shadowed_name import shadowed_name
from onnxlint_rules.onx.shape_conflict import shape_conflict
from onnxlint_rules.onx.type_constraint_violation import type_constraint_violation
from onnxlint_rules.onx.undefined_output import undefined_output
from onnxlint_rules.onx.unknown_operator import unknown_operator
from onnxlint_rules.run.optimisation_divergence import optimisation_divergence

ERROR, WARNING = Severity.ERROR, Severity.WARNING
BRANCHES = """net (bool c, float[2] x) => (float[2] y) {{
    {before}
    y = If(c) <then_branch = a () => (float[2] {out}) {{ {inside} }},
               else_branch = b () => (float[2] q) {{ q = Neg(x) }}>
}}"""


@pytest.mark.parametrize(
    ("nodes", "severity"),
    [
        ("[a] h = Exp(x) [a] y = Relu(h)", ERROR),
        ("[a] h = Exp(x) [b] k = Abs(h) [a] y = Relu(k)", ERROR),
        ("[a] h = Constant <value = float[2] {1, 2}> () [a] y = Add(x, h)", WARNING),
    ],
)
def test_onnxruntime_refuses_two_nodes_of_one_name(nodes, severity):
    text = f"net (float[2] x) => (float[2] y) {{ {nodes} }}"
    assert severities(duplicate_node_name, text) == [severity]


@pytest.mark.parametrize(("called", "severity"), [("o.f", ERROR), ("Relu", WARNING)])
def test_a_function_that_nothing_calls_is_not_loaded(called, severity):
    text = f"""<ir_version: 10, opset_import: ["" : 21, "o" : 1]>
    net (float[2] x) => (float[2] y) {{ y = {called}(x) }}
    <domain: "o", opset_import: ["" : 21]>
    f (a) => (b) {{ [n] h = Abs(a) [n] b = Relu(h) }}"""
    assert severities(duplicate_node_name, text) == [severity]


@pytest.mark.parametrize(
    ("graph", "severity"),
    [
        ("(float[2] x) => (float[2] y) <float[2] w = {1, 2}> { y = Relu(x) }", ERROR),
        ("(float[2] x) => (float[2] y) <float[2] w = {1, 2}> { y = Add(x, w) }", WARNING),
        ("(float[2] x) => (float[2] w) <float[2] w = {1, 2}> { h = Relu(x) }", WARNING),
        (
            "(bool c, float[2] x) => (float[2] y) <float[2] w = {1, 2}> { y = If(c) <"
            "then_branch = a () => (float[2] p) { p = Abs(w) },"
            "else_branch = b () => (float[2] q) { q = Neg(x) }> }",
            ERROR,
        ),
    ],
)
def test_an_unread_initializer_before_ir_4(graph, severity):
    text = f'<ir_version: 3, opset_import: ["" : 11]> net {graph}'
    assert severities(initializer_not_input, text) == [severity]


@pytest.mark.parametrize(
    ("opset", "ir", "node", "severity"),
    [
        (10, 5, "Upsample(x, s)", ERROR),
        (11, 6, "Scatter(x, i, s)", ERROR),
        (20, 9, "GroupNormalization <num_groups = 2> (x, s, s)", WARNING),
    ],
)
def test_deprecated_and_refused_or_run_all_the_same(opset, ir, node, severity):
    header = f'<ir_version: {ir}, opset_import: ["" : {opset}]>'
    text = f"{header} net (float[1,4,2,2] x, float[4] s, int64[4] i) => (y) {{ y = {node} }}"
    assert severities(deprecated_operator, text) == [severity]


@pytest.mark.parametrize("opset", [9, 10])
def test_experimental_operators_end_with_opset_9(opset):
    text = f"""<ir_version: 3, opset_import: ["" : {opset}]>
    net (float[1,1,2,2] x) => (float[1,1,2,2] y) {{ y = ScaledTanh <alpha = 2.0> (x) }}"""
    is_known = opset == 9
    assert severities(experimental_operator, text) == [WARNING] * is_known
    assert severities(unknown_operator, text) == [ERROR] * (not is_known)


def test_an_operator_that_only_onnxruntime_knows_so_early():
    text = """<ir_version: 8, opset_import: ["" : 15]>
    net (float[2, 4] x, float[4] s) => (float[2, 4] y) { y = LayerNormalization(x, s) }"""
    (found,) = findings(unknown_operator, text)
    assert "opset 17" in found.message
    assert "onnxruntime runs it" in found.message


def test_a_constant_of_a_type_that_came_later_is_read_all_the_same():
    text = """<ir_version: 3, opset_import: ["" : 7]>
    net (float[5] x) => (float[5,1] y) {
        s = Constant <value = int64[2] {5, 1}> () y = Reshape(x, s) }"""
    assert severities(type_constraint_violation, text) == [WARNING]


@pytest.mark.parametrize(
    ("field", "node", "fires"),
    [
        ("i", "Concat <axis = 1> (x, x)", False),
        ("f", "LeakyRelu <alpha = 0.5> (x)", False),
        ("t", "Constant <value = float[1] {1}> ()", True),
    ],
)
def test_zero_is_a_value_that_proto3_leaves_out(field, node, fires, tmp_path):
    model = parser.parse_model(
        f'<ir_version: 10, opset_import: ["" : 21]> net (float[1, 2] x) => (y) {{ y = {node} }}'
    )
    model.graph.node[0].attribute[0].ClearField(field)
    onnx.save(model, tmp_path / "m.onnx")
    assert bool(run_rule(invalid_attribute, tmp_path / "m.onnx").findings) is fires


@pytest.mark.parametrize(
    ("before", "inside", "out", "fires"),
    [
        ("h = Exp(x)", "h = Abs(x) p = Relu(h)", "p", True),
        ("h = Exp(x)", "y = Relu(h)", "y", False),
        ("", "p = If(c) <then_branch = d () => (float[2] y) { y = Abs(x) }, "
             "else_branch = e () => (float[2] r) { r = Neg(x) }>", "p", False),
        # the file is not sorted, and the If needs what comes later
        ("w = Identity(h) h = Exp(x)", "h = Abs(w) p = Relu(h)", "p", True),
    ],
)  # fmt: skip
def test_only_what_is_made_before_a_subgraph_is_shadowed(before, inside, out, fires):
    text = BRANCHES.format(before=before, inside=inside, out=out)
    assert bool(findings(shadowed_name, text)) is fires


def test_a_later_name_is_shadowed_when_the_node_depends_on_it():
    text = """net (bool c, float[2] x) => (float[2] y) {
        z = If(c) <then_branch = a () => (float[2] p) { h = Abs(x) p = Relu(h) },
                   else_branch = b () => (float[2] q) { q = Neg(w) }>
        h = Exp(x) w = Exp(h) y = Relu(z) }"""
    assert severities(shadowed_name, text) == [ERROR]


@pytest.mark.parametrize(
    ("before", "inside", "out", "fires"),
    [
        ("s = Abs(x)", "", "s", True),
        ("", "", "x", True),
        ("s = Abs(x)", "p = Identity(s)", "p", False),
    ],
)
def test_a_subgraph_may_not_hand_out_what_it_only_sees(before, inside, out, fires):
    text = BRANCHES.format(before=before, inside=inside, out=out)
    assert bool(findings(undefined_output, text)) is fires


def test_the_type_of_what_a_custom_operator_gives_is_unknown():
    header = '<ir_version: 8, opset_import: ["" : 17, "my" : 1, "ai.onnx.ml" : 2]>'
    scan = """y, z = Scan <num_scan_inputs = 1, body = b (float[2] s, float[2] n) => (float[2] so,
        float[2] o) { so = Add(s, n) o = Identity(so) }> (i, raw)"""
    for node in (
        scan,
        "y = ai.onnx.ml.LabelEncoder <keys_strings = ['a'], values_int64s = [1]> (raw)",
        "y = QLinearMatMul(a, s, raw, a, s, a, s, a)",
        "q = SequenceInsert(raw, i) y = SequenceLength(q)",
    ):
        text = f"""{header} net (float[2] i, float[3,2] x, uint8[2,2] a, float s) => (y)
        {{ raw = my.MyOp(x) {node.replace("'", '"')} }}"""
        assert not findings(shape_conflict, text), node


def test_zero_points_of_another_type_are_found_by_their_types():
    text = """net (uint8[2,2] a, float s, int8 z, uint8 u) => (y) {
        y = QLinearMatMul(a, s, z, a, s, u, s, u) }"""
    assert severities(type_constraint_violation, text) == [ERROR]


@pytest.mark.parametrize(
    ("equation", "fires"),
    [("......ii,...jj->...ij", True), ("...i...,...j->...ij", True), (".ijk,ijk->i", True),
     ("...ii,...jj->...ij", False), ("...,...->...", False)],
)  # fmt: skip
def test_dots_beyond_one_ellipsis_do_not_hold_inference_up(equation, fires):
    text = f"""net (float[3,3,3] a, float[3,3,3] b) => (float[3,3,3] y) {{
        y = Einsum <equation = "{equation}"> (a, b) }}"""
    assert bool(findings(shape_conflict, text)) is fires


@pytest.mark.parametrize(("op", "columns"), [("Identity", 0), ("MatMul", 3), ("Add", 3)])
def test_a_sparse_initializer_is_read_as_a_dense_one(op, columns, tmp_path):
    model = _with_sparse(op, columns)
    onnx.save(model, tmp_path / "m.onnx")
    for rule in (shape_conflict, type_constraint_violation):
        assert run_rule(rule, tmp_path / "m.onnx").findings == ()


def test_a_sparse_initializer_of_the_wrong_shape(tmp_path):
    onnx.save(_with_sparse("MatMul", 4), tmp_path / "m.onnx")
    (found,) = run_rule(shape_conflict, tmp_path / "m.onnx").findings
    assert "float[3, 3]" in found.message


def _with_sparse(op: str, columns: int) -> onnx.ModelProto:
    """A node that reads a 3 x 3 sparse initializer, and an input of so many columns."""
    node = helper.make_node(op, ["x", "w"] if columns else ["w"], ["y"])
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, [3, columns])]
    output = helper.make_tensor_value_info("y", TensorProto.FLOAT, [3, 3])
    graph = helper.make_graph([node], "g", inputs if columns else [], [output])
    graph.sparse_initializer.add(
        values=helper.make_tensor("w", TensorProto.FLOAT, [2], np.array([1.0, 2.0])),
        indices=helper.make_tensor("at", TensorProto.INT64, [2], [1, 5]),
        dims=[3, 3],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def test_a_model_without_outputs_does_not_differ_when_optimised():
    assert not findings(optimisation_divergence, "net (float[2] x) => () { y = Relu(x) }")
