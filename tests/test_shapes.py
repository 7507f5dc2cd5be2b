"""Shape inference: every value in every scope, past what fails and past what onnx does not know."""

from __future__ import annotations

import os
import subprocess
import sys
import warnings
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import onnx
import pytest
from inference_here import inference_here

from onnxlint import Shapes
from onnxlint.analyses import Analyses
from onnxlint.contributions import Contributions
from onnxlint.model.file.load import open_model
from onnxlint.model.graph.graph import Graph
from onnxlint.runtime.shape_inference import inference
from onnxlint.safety import forked
from onnxlint.settings import Settings
from onnxlint.testing import model_from_text

Write = Callable[..., Path]


@contextmanager
def shapes_of(path: Path):
    with open_model(str(path)) as model:
        analyses = Analyses(Settings(), model)
        try:
            yield analyses.get(Graph), analyses.get(Shapes)
        finally:
            analyses.close()


def known(graph: Graph, shapes: Shapes) -> dict[str, str]:
    return {value.name: str(shapes.of(value)) for value in graph.values()}


@pytest.mark.parametrize(
    ("body", "conflicts"),
    [
        ("a = Add(x) b = MatMul(x, x) y = Relu(x)", [1]),
        ("a = lost.Op(x) b = MatMul(x, x) y = Relu(x)", [1]),
        ("a = MatMul(x, x) b = MatMul(x, x) c = Add(a, b) y = Relu(x)", [0, 1]),
        ("a = Concat<axis = 0>(x, z) b = Gemm(x) c = MatMul(x, x) y = Relu(x)", [0, 2]),
        ("a = com.acme.Op(x) b = MatMul(x, x) y = Relu(x)", [1]),
        ("a = Relu(nothing) b = MatMul(x, x) y = Relu(x)", [1]),
    ],
)
def test_one_failing_node_hides_no_other(
    write_model: Write, body: str, conflicts: list[int]
) -> None:
    header = '<ir_version: 10, opset_import: ["" : 21, "com.acme" : 1]>'
    path = write_model(f"{header} n (float[3, 2] x, float[5, 4] z) => (float[3, 2] y) {{ {body} }}")
    with shapes_of(path) as (graph, shapes):
        assert [f.node.index for f in shapes.failures if f.is_conflict] == conflicts
        assert shapes.problem is None
        assert str(shapes.of(graph.main.values["y"])) == "float[3, 2]"


def test_a_constant_of_the_wrong_rank_is_seen(write_model: Write) -> None:
    """Onnx follows the constant, and then does not look at its rank."""
    path = write_model("n (float[2, 3] x) => (float[N] y) { s = Size(x) y = ConstantOfShape(s) }")
    with shapes_of(path) as (_, shapes):
        (failure,) = shapes.failures
        assert failure.is_conflict
        assert failure.reason == "shape input must be 1D tensor"


def test_a_branch_of_unknown_type_contradicts_no_other(write_model: Write) -> None:
    """Onnxruntime knows the operator and runs the model."""
    text = """<ir_version: 10, opset_import: ["" : 21, "com.microsoft" : 1]>
    n (bool c, float[3, 3] x) => (float[3, 3] y) {
        y = If (c) <
            then_branch = a () => (p) { p = com.microsoft.Inverse(x) },
            else_branch = b () => (q) { q = Relu(x) }
        >
    }"""
    with shapes_of(write_model(text)) as (_, shapes):
        assert not [failure for failure in shapes.failures if failure.is_conflict]


CRASHING = "Split <axis = 0, num_outputs = 1>"
"""Onnx 1.23 ends the process at a Split with more outputs than it says."""


@pytest.mark.parametrize(
    ("text", "places"),
    [
        (f"""n (float[4, 3] x) => (float[4, 3] y) {{
            a = Exp(x)
            b, c = {CRASHING} (a)
            d = MatMul(x, x)
            y = Relu(a)
            e, f = {CRASHING} (y)
        }}""", ["#1", "#2", "#4"]),
        (f"""n (bool c, float[4, 3] x) => (float[4, 3] y) {{
            y = If (c) <
                then_branch = t () => (float[4, 3] p) {{ a, b = {CRASHING} (x) p = Exp(x) }},
                else_branch = e () => (float[4, 3] q) {{ q = Relu(x) }}
            >
            d = MatMul(x, x)
        }}""", ["If_0/then_branch #0", "#1"]),
        (f"""<ir_version: 10, opset_import: ["" : 21, "f" : 1]>
        n (float[4, 3] x) => (float[4, 3] y) {{ y = f.half(x) d = MatMul(y, y) }}
        <domain: "f", opset_import: ["" : 21]>
        half(a) => (c) {{ c = Relu(a) d, e = {CRASHING} (c) }}""", ["#1", "function:f::half #1"]),
    ],
)  # fmt: skip
def test_where_native_code_crashes_the_rest_is_known(
    write_model: Write, text: str, places: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inference, "_misfit", lambda node: None)
    with shapes_of(write_model(text)) as (graph, shapes):
        failing = [f"{f.node.scope.path} #{f.node.index}".strip() for f in shapes.failures]
        assert sorted(failing) == sorted(places)
        assert shapes.problem is None
        assert str(shapes.of(graph.main.values["y"])) == "float[4, 3]"


@pytest.mark.parametrize(
    ("node", "reason"),
    [
        (f"y, z = {CRASHING} (x)", "2 outputs, but num_outputs is 1"),
        ("y = GatherND <batch_dims = -99> (x, i)", "batch_dims is -99 (minimum 0)"),
        ("y = GatherND <batch_dims = 1> (x, i)", None),
        ("y, z = Split <num_outputs = 2> (x)", None),
    ],
)
def test_what_onnx_does_not_ask_about(write_model: Write, node: str, reason: str | None) -> None:
    path = write_model(f"n (float[4, 3] x, int64[4, 1] i) => (float[?] y) {{ {node} }}")
    with shapes_of(path) as (_, shapes):
        told = [f.reason for f in shapes.failures if f.is_conflict]
        assert told == ([reason] if reason else [])


def test_no_node_is_told_by_the_name_that_inference_gave_it(write_model: Write) -> None:
    path = write_model('n (float[4, 3] x) => (float[?] y) { y = EyeLike <dtype = "a"> (x) }')
    with shapes_of(path) as (_, shapes):
        (failure,) = shapes.failures
        assert failure.reason == "Attribute dtype should be of integer type and specify a type"


def test_after_an_unexplained_crash_declared_types_are_known(
    write_model: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inference, "_infer_functions", lambda model, **_: os.abort())
    path = write_model("n (float[4, 3] x) => (float[4, 3] y) { h = Exp(x) y = Relu(h) }")
    with shapes_of(path) as (graph, shapes):
        assert shapes.problem == "shape inference failed: native code crashed (SIGABRT)"
        assert not shapes.failures
        assert str(shapes.of(graph.main.values["y"])) == "float[4, 3]"


NAMED = "n (float[4, 3] x) => (float[4, 3] y) { h = Exp(x) a = MatMul(h, h) y = Relu(h) }"


def test_a_crash_after_the_types_loses_none(
    write_model: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Native code may crash only where it follows no constants."""
    check = inference.check

    def crash_at_exp(serialized: bytes) -> None:
        if b"Exp" in serialized:
            os.abort()
        check(serialized)

    monkeypatch.setattr(inference, "check", crash_at_exp)
    with shapes_of(write_model(NAMED)) as (graph, shapes):
        assert str(shapes.of(graph.main.values["y"])) == "float[4, 3]"
        assert {f.node.op for f in shapes.failures} == {"Exp", "MatMul"}
        assert [f.reason for f in shapes.failures if f.node.op == "Exp"] == [
            "onnx's shape inference crashes here (SIGABRT)"
        ]
        assert str(shapes.of(graph.main.values["h"])) == "float[4, 3]"
        assert shapes.problem is shapes.loss is None


def test_complaints_that_take_too_much_are_a_loss_and_the_types_are_known(
    write_model: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inference, "check", lambda _: os._exit(forked._OUT_OF_MEMORY))
    with shapes_of(write_model(NAMED)) as (graph, shapes):
        assert [f.node.op for f in shapes.failures] == ["MatMul"]
        assert str(shapes.of(graph.main.values["y"])) == "float[4, 3]"
        assert shapes.problem is None
        report = Contributions()
        shapes.contribute(report)
        (loss,) = report.losses
        assert "ran out of the" in loss.message
        assert loss.message.endswith("some nodes that do not fit are not known")


def test_a_name_that_looks_like_a_tag_of_inference_is_none(tmp_path: Path) -> None:
    tags = [f"onnxlint-node:{number}" for number in ("0:77", "9:0", f"0:{'9' * 5000}")]
    for tag in tags:
        model = model_from_text("n (float[4, 3] x, float[5] z) => (y) { y = Add(x, z) }")
        model.graph.input[1].name = model.graph.node[0].input[1] = tag
        path = tmp_path / "tagged.onnx"
        path.write_bytes(model.SerializeToString())
        with shapes_of(path) as (_, shapes):
            (failure,) = shapes.failures
            assert failure.is_conflict and shapes.problem is None


FUNCTION = """<ir_version: 10, opset_import: ["" : 21, "f" : 1]>
net ({inputs}) => (y, z) {{ {calls} }}
<domain: "f", opset_import: ["" : 21]>
join<axis = {axis}>(a, b) => (c) {{ h = Concat<axis: int = @axis>(a, b)  c = Relu(h) }}
"""


@pytest.mark.parametrize(
    ("calls", "inner", "outer"),
    [
        ("y = f.join(v, v) z = Relu(v)", "float[4, 3]", "float[4, 3]"),
        ("y = f.join<axis = 1>(v, v) z = Relu(v)", "float[2, 6]", "float[2, 6]"),
        ("y = f.join(v, v) z = f.join(w, w)", "float[unk__0, 3]", "float[4, 3]"),
        ("y = f.join(v, v) z = f.join<axis = 1>(v, v)", "None", "float[4, 3]"),
    ],
)
def test_values_of_functions_hold_at_every_call(
    write_model: Write, calls: str, inner: str, outer: str
) -> None:
    inputs = "float[2, 3] v, float[5, 3] w"
    with shapes_of(write_model(FUNCTION.format(inputs=inputs, calls=calls, axis=0))) as found:
        graph, shapes = found
        (function,) = graph.functions
        assert str(shapes.of(function.values["h"])) == inner
        assert str(shapes.of(graph.main.values["y"])) == outer


def test_a_conflict_in_a_function_stands_in_its_body(write_model: Write) -> None:
    text = FUNCTION.format(inputs="float[2, 3] v, float[5, 4] w", axis=0,
                           calls="y = f.join(v, w) z = Relu(v)")  # fmt: skip
    with shapes_of(write_model(text)) as (_, shapes):
        (failure,) = (failure for failure in shapes.failures if failure.is_conflict)
        assert failure.node.place.scope == "function:f::join"


def test_functions_that_call_functions(write_model: Write) -> None:
    text = """<ir_version: 10, opset_import: ["" : 21, "f" : 1]>
    net (float[2, 3] x) => (y) { y = f.outer(x) }
    <domain: "f", opset_import: ["" : 21, "f" : 1]>
    inner(a) => (c) { c = Transpose(a) }
    <domain: "f", opset_import: ["" : 21, "f" : 1]>
    outer(a) => (c) { h = f.inner(a)  c = Exp(h) }
    """
    with shapes_of(write_model(text)) as (graph, shapes):
        inner, outer = graph.functions
        assert str(shapes.of(inner.values["a"])) == "float[2, 3]"
        assert str(shapes.of(outer.values["h"])) == "float[3, 2]"


def test_subgraphs_see_the_types_around_them(write_model: Write) -> None:
    text = """n (bool c, float[2, 3] x) => (float[3, 3] y) {
        t = Transpose(x)
        y = If (c) <
            then_branch = a () => (p) { p = MatMul(t, x) },
            else_branch = b () => (q) { q = MatMul(t, x) }
        >
    }"""
    with shapes_of(write_model(text)) as (graph, shapes):
        assert known(graph, shapes)["p"] == known(graph, shapes)["q"] == "float[3, 3]"


def test_the_standard_domain_may_be_written_out(write_model: Write, tmp_path: Path) -> None:
    text = """<ir_version: 10, opset_import: ["" : 21, "f" : 1]>
    net (bool c, float[2, 3] x) => (y, z) {
        y = f.twice(x)
        z = If (c) <then_branch = a () => (p) { p = Relu(x) }, else_branch = b () => (q) { q = Exp(x) }>
    }
    <domain: "f", opset_import: ["" : 21]>
    twice(a) => (b) { b = Add(a, a) }
    """  # noqa: E501
    model = onnx.load(write_model(text))
    for node in (*model.functions[0].node, *model.graph.node[1].attribute[0].g.node):
        node.domain = "ai.onnx"
    for entry in (entry for part in (model, *model.functions) for entry in part.opset_import):
        entry.domain = entry.domain or "ai.onnx"
    path = tmp_path / "spelt.onnx"
    path.write_bytes(model.SerializeToString())
    with shapes_of(path) as (graph, shapes):
        assert not shapes.failures
        assert {known(graph, shapes)[name] for name in "yzbpq"} == {"float[2, 3]"}


CONTRIB = '<ir_version: 10, opset_import: ["" : 17, "com.microsoft" : 1]>\n'


@pytest.mark.parametrize(
    ("body", "shape"),
    [
        ("h = com.microsoft.Gelu(x)", "float[N, 3, 4]"),
        ("h = com.microsoft.FusedMatMul<transB = 1>(x, x)", "float[N, 3, 3]"),
        ("h = com.microsoft.FusedMatMul<transA = 1>(x, x)", "float[N, 4, 4]"),
        ("h = com.microsoft.BiasSoftmax<axis = 1, is_inner_broadcast = 1>(x, x)", "float[N, 3, 4]"),
        ("h = com.microsoft.FusedConv<activation = \"Relu\">(x, w)", "float[N, 5, 3]"),
        ("f = Flatten(x) h = com.microsoft.FusedGemm<transB = 1>(f, v)", "float[N, 2]"),
        ("h = com.microsoft.SkipLayerNormalization(x, x, s)", "float[N, 3, 4]"),
    ],
)  # fmt: skip
def test_onnxruntimes_own_operators_are_known(write_model: Write, body: str, shape: str) -> None:
    inputs = "float[N, 3, 4] x, float[5, 3, 2] w, float[2, 12] v, float[4] s"
    text = f"n ({inputs}) => (y) {{ {body} y = Exp(h) }}"
    with shapes_of(write_model(CONTRIB + text)) as (graph, shapes):
        assert known(graph, shapes)["h"] == shape
        assert known(graph, shapes)["y"] == shape


def test_sizes_that_depend_on_data_have_a_rank(write_model: Write) -> None:
    text = "n (float[N, 3] x) => (y) { i = NonZero(x) t = Transpose(i) y = GatherND(x, t) }"
    with shapes_of(write_model(text)) as (graph, shapes):
        assert shapes.of(graph.main.values["t"]).dim(1) == 2
        assert shapes.of(graph.main.values["y"]).rank == 1


def test_the_linters_process_never_loads_onnxruntime(write_model: Write) -> None:
    path = write_model(CONTRIB + "n (float[N, 3] x) => (y) { y = com.microsoft.QuickGelu(x) }")
    code = (
        "import sys\n"
        "from onnxlint.config import load\n"
        "from onnxlint.job import plan\n"
        "from onnxlint.rules.packs import discover\n"
        "from onnxlint.pipeline import lint_model\n"
        f"path = {str(path)!r}\n"
        "done = lint_model(plan(load(None), discover(), path, static_only=True))\n"
        "assert done.complete\n"
        "assert 'onnx' in sys.modules and 'onnxruntime' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_what_is_inferred_is_what_operators_give(tmp_path: Path) -> None:
    """The conformance cases with their outputs undeclared, against the outputs they ship."""
    from onnx.backend.test.case.node import collect_testcases

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # numpy's, while onnx computes the expected outputs
        cases = [case for case in collect_testcases(None) if case.model and case.data_sets]
    compared = 0
    for case in cases[::5]:
        model = onnx.ModelProto()
        model.CopyFrom(case.model)
        for output in model.graph.output:
            output.ClearField("type")
        path = tmp_path / "model.onnx"
        path.write_bytes(model.SerializeToString())
        with inference_here(), shapes_of(path) as (graph, shapes):
            for value, array in zip(graph.outputs, case.data_sets[0][1], strict=True):
                shape = shapes.of(value)
                if shape is None or shape.dims is None or not isinstance(array, np.ndarray):
                    continue
                fits = [size == dim or isinstance(dim, str | None)
                        for size, dim in zip(array.shape, shape.dims, strict=True)]  # fmt: skip
                assert all(fits), (case.name, str(shape), array.shape)
                compared += 1
    assert compared > 40


def test_what_is_asked_of_one_value(tmp_path):
    text = "net (float[N, 4] x, int64[2] at, z) => (y) { y = Relu(x) }"
    path = tmp_path / "model.onnx"
    onnx.save(model_from_text(text), path)
    with shapes_of(path) as (graph, shapes):
        x, at, z = graph.inputs
        assert [shapes.rank(each) for each in (x, at, z, None)] == [2, 1, None, None]
        assert [shapes.dim(x, axis) for axis in (0, 1, -1, 2)] == ["N", 4, 4, None]
        assert [shapes.axis(x, axis) for axis in (0, -1, -2, 2, -3)] == [0, 1, 0, None, None]
        assert [shapes.axis(each, 0) for each in (z, None)] == [None, None]
        assert [shapes.is_integer(each) for each in (x, at, z, None)] == [False, True, False, False]
