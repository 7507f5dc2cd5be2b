"""Propagation against gradients that PyTorch computed, and against matrices; its two rules."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import findings, tries
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper, load, numpy_helper, save

from onnxlint.analyses import Analyses
from onnxlint.analyses.execution.lanes import lanes
from onnxlint.analyses.execution.worker import Workers
from onnxlint.analyses.static.shapes import Shapes
from onnxlint.analyses.trace.gradient_propagation import (
    LEAST_RUNS,
    Propagation,
    _is_settled,
    _Reading,
)
from onnxlint.analyses.trace.perturbed_model import PerturbedModel
from onnxlint.model.file.load import open_model
from onnxlint.model.graph.graph import Graph
from onnxlint.model.graph.place import NotApplicable
from onnxlint.runtime import COMPILED
from onnxlint.settings import Settings
from onnxlint.severity import Severity
from onnxlint.testing import Example, saved
from onnxlint_rules.act.exploding_gradient import exploding_gradient
from onnxlint_rules.act.vanishing_gradient import vanishing_gradient

GRADIENTS = Path(__file__).parent.parent / "fixtures" / "gradients"
COMPILED_HERE = Path(COMPILED).exists()
KNOWN: dict[str, Any] = json.loads((GRADIENTS / "gradients.json").read_text())


@pytest.fixture(scope="module")
def workers() -> Iterator[Workers]:
    with closing(Workers()) as workers:
        yield workers


@contextmanager
def analyses_of(path: Path, workers: Workers, data: Path | None = None) -> Iterator[Analyses]:
    with open_model(str(path)) as model, closing(Analyses(Settings(data=data), model)) as analyses:
        analyses.give(workers.with_limits(60.0, None))
        yield analyses


def propagation_of(text: str, workers: Workers) -> Propagation:
    with saved(Example.parse(text)) as path, analyses_of(path, workers) as analyses:
        return analyses.get(Propagation)


def why_not(text: str, workers: Workers) -> str:
    with pytest.raises(NotApplicable) as told:
        propagation_of(text, workers)
    return str(told.value)


@pytest.mark.parametrize("samples_at_once", [None, 1])
@pytest.mark.parametrize("name", KNOWN)
def test_gradients_are_those_that_pytorch_computes(name, samples_at_once, workers, tmp_path):
    known = KNOWN[name]
    rng = np.random.default_rng(known["seed"])
    shape, bound = known["shape"], known["bound"]
    samples = rng.integers(0, bound, shape) if bound else rng.standard_normal(shape, np.float32)
    data = tmp_path / "data.npz"
    np.savez(data, x=samples)
    path = GRADIENTS / f"{name}.onnx"
    if samples_at_once:
        path = with_axis(path, samples_at_once, tmp_path)
    with analyses_of(path, workers, data) as analyses:
        found = analyses.get(Propagation)
        plan = analyses.get(PerturbedModel).plan
        assert plan.alone == (
            COMPILED_HERE and lanes(analyses.get(Graph), analyses.get(Shapes)) > 1
        )
    assert samples_at_once or not plan.alone
    measured = {layer.value.name: layer.gradient for layer in found.layers}
    measured[found.source.name] = found.gradient
    del measured[found.output.name]
    assert len(measured) >= 3
    for value, gradient in measured.items():
        assert 1 / 3 < gradient / known["gradients"][value] < 3, value


def with_axis(path: Path, size: int, folder: Path) -> Path:
    """The model with a fixed first axis of what it takes and gives."""
    model = load(path)
    for value in (*model.graph.input, *model.graph.output):
        value.type.tensor_type.shape.dim[0].dim_value = size
    del model.graph.value_info[:]
    save(model, folder / path.name)
    return folder / path.name


SIZES = st.lists(st.integers(1, 24), min_size=3, max_size=7)
SCALES = st.sampled_from([1e-4, 1e-2, 1.0, 1e2, 1e4])


@given(SIZES, st.lists(SCALES, min_size=6, max_size=6), st.integers(0, 99))
@tries(25)
def test_a_row_of_matrices_has_the_gradient_of_their_product(
    workers, tmp_path_factory, sizes, scales, seed
):
    rng = np.random.default_rng(seed)
    pairs = zip(sizes, sizes[1:], scales, strict=False)
    matrices = [(rng.standard_normal(pair) * scale).astype(np.float32) for *pair, scale in pairs]
    path = tmp_path_factory.mktemp("chain") / "chain.onnx"
    save(row_of(matrices), path)
    with analyses_of(path, workers) as analyses:
        found = analyses.get(Propagation)
    product = np.linalg.multi_dot([matrix.astype(np.float64) for matrix in matrices])
    expected = np.linalg.norm(product) / np.sqrt(sizes[-1])
    assert 1 / 2 < found.gradient / expected < 2
    assert len(found.layers) == len(matrices)


def row_of(matrices: list[np.ndarray]) -> Any:
    names = ["x", *(f"h{number}" for number in range(1, len(matrices))), "y"]
    nodes = [
        helper.make_node("MatMul", [names[number], f"w{number}"], [names[number + 1]])
        for number in range(len(matrices))
    ]
    weights = [numpy_helper.from_array(w, f"w{number}") for number, w in enumerate(matrices)]
    value = helper.make_tensor_value_info
    given = [value("x", TensorProto.FLOAT, ["N", len(matrices[0])])]
    made = [value("y", TensorProto.FLOAT, ["N", matrices[-1].shape[1]])]
    graph = helper.make_graph(nodes, "row", given, made, weights)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)


W = "<float[2, 2] w = {2, 0, 0, 2}>"


@pytest.mark.parametrize(
    ("text", "gradient"),
    [
        (f"n (float[N, 2] x) => (float[N, 2] y) {W} {{ h = MatMul(x, w) y = MatMul(h, w) }}", 4),
        # one fixed sample, and a head that is sure
        (f"n (float[1, 2] x) => (float[1, 2] y) {W} {{ h = MatMul(x, w) g = MatMul(h, w) "
         "b = MatMul(g, w) y = Softmax(b) }", 8),
        # the sum of both ways
        (f"n (float[N, 2] x) => (float[N, 2] y) {W} {{ h = MatMul(x, w) r = Add(h, x) "
         "y = MatMul(r, w) }", 6),
        # a loop: x2 in each of three steps
        ("n (float[N, 2] x) => (float[N, 2] y) <float[2, 2] w = {2, 0, 0, 2}, int64 n = {3}, "
         "bool go = {1}> { h = MatMul(x, w) l = Loop(n, go, h) <body = step (int64 i, bool c, "
         "float[A, B] s) => (bool c2, float[A, B] s2) { c2 = Identity(c) s2 = MatMul(s, w) }> "
         "y = MatMul(l, w) }", 32),
        # a branch that reads what is around it
        ("n (float[N, 2] x) => (float[N, 2] y) <float[2, 2] w = {2, 0, 0, 2}, bool go = {1}> "
         "{ h = MatMul(x, w) i = If(go) <then_branch = a () => (float[A, B] p) { p = Add(h, h) }, "
         "else_branch = b () => (float[A, B] q) { q = Identity(h) }> y = MatMul(i, w) }", 8),
        # the table is looked up, and the first that can change
        ("n (int64[N, 3] ids) => (float[N, 3, 2] y) <float[2, 2] w = {2, 0, 0, 2}, "
         "float[4, 2] table = {1, 2, 3, 4, 5, 6, 7, 8}> { x = Gather(table, ids) "
         "h = MatMul(x, w) y = MatMul(h, w) }", 4),
        # choices are made once, for both
        ("n (float[N, 2] x) => (float[N, 2] y) <float[2, 2] w = {2, 0, 0, 2}, float z = {0}> "
         "{ h = MatMul(x, w) up = Greater(h, z) m = Neg(h) a = Where(up, h, m) "
         "y = MatMul(a, w) }", 4),
        # pixels, made floats
        (f"n (uint8[N, 2] i) => (float[N, 2] y) {W} {{ x = Cast<to = 1>(i) h = MatMul(x, w) "
         "y = MatMul(h, w) }", 4),
        # probabilities that are handed out as a list of maps
        ('<ir_version: 8, opset_import: ["" : 17, "ai.onnx.ml" : 1]> '
         f"n (float[N, 2] x) => (seq(map(int64, float)) y) {W} {{ h = MatMul(x, w) "
         "g = MatMul(h, w) p = Softmax(g) "
         "y = ai.onnx.ml.ZipMap<classlabels_int64s = [0, 1]>(p) }", 4),
        # before opset 10, and after 21
        ('<ir_version: 4, opset_import: ["" : 8]> n (float[2, 2] x) => (float[2, 2] y) '
         f"{W} {{ h = MatMul(x, w) y = MatMul(h, w) }}", 4),
        ('<ir_version: 10, opset_import: ["" : 23]> n (float[2, 2] x) => (float[2, 2] y) '
         f"{W} {{ h = MatMul(x, w) y = MatMul(h, w) }}", 4),
        ("n (double[N, 2] x) => (double[N, 2] y) <double[2, 2] w = {2, 0, 0, 2}> "
         "{ h = MatMul(x, w) y = MatMul(h, w) }", 4),
        ("n (float16[N, 2] x) => (float16[N, 2] y) <float16[2, 2] w = {16384, 0, 0, 16384}> "
         "{ h = MatMul(x, w) y = MatMul(h, w) }", 4),
    ],
)  # fmt: skip
def test_gradient_at_the_input(text, gradient, workers):
    assert propagation_of(text, workers).gradient == pytest.approx(gradient, rel=0.2)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (f"n (float[N, 2] x) => (float[N, 2] y) {W} {{ y = MatMul(x, w) }}", "no path of two"),
        (f"n (float[N, 2] x) => (int64[N] y) {W} {{ h = MatMul(x, w) g = MatMul(h, w) "
         "y = ArgMax<axis = 1, keepdims = 0>(g) }", "decisions"),
        (f"n (float[N, 2] x) => (float[N, 2] y) {W} {{ h = MatMul(x, w) r = Round(h) "
         "y = MatMul(r, w) }", "rounding"),
        ("n (float[N, 2] x) => (float[N, 2] y) <float[2, 2] w = {2, 0, 0, 2}, float s = {0.1}, "
         "uint8 z = {128}> { h = MatMul(x, w) q = QuantizeLinear(h, s, z) "
         "d = DequantizeLinear(q, s, z) y = MatMul(d, w) }", "rounding"),
        ("n (float[N, 2] x) => (float[N, 2] y) <float[2, 2] w = {2, 0, 0, 2}, float half = {0.5}, "
         "bool on = {1}> { h = MatMul(x, w) d = Dropout(h, half, on) y = MatMul(d, w) }", "active"),
        ("n (float[N, 2] x) => (float[N, 2] y) <float[2, 2] w = {0, 0, 0, 0}> "
         "{ h = MatMul(x, w) g = Add(h, x) y = MatMul(g, w) }", "all zero"),
        ("n (float[N, 2] x) => (float[N, 2] y) <float[2, 2] w = {2, 0, 0, 2}> { h = MatMul(x, w) "
         "m = Neg(h) a = Mul(m, m) b = Neg(a) c = Sqrt(b) y = MatMul(c, w) }", "not finite"),
        ('<ir_version: 3, opset_import: ["" : 7]> n (float[2, 2] x) => (float[2, 2] y) '
         f"{W} {{ h = MatMul(x, w) y = MatMul(h, w) }}", "opset 8"),
    ],
)  # fmt: skip
def test_what_cannot_be_measured(text, reason, workers):
    assert reason in why_not(text, workers)


def test_a_very_deep_chain_is_cut_at_some_places_only(workers, tmp_path):
    matrices = [np.eye(2, dtype=np.float32) * (0.5 if number % 2 else 2) for number in range(600)]
    save(row_of(matrices), tmp_path / "deep.onnx")
    with analyses_of(tmp_path / "deep.onnx", workers) as analyses:
        found = analyses.get(Propagation)
    assert len(found.layers) == 200
    assert found.gradient == pytest.approx(1, rel=0.01)


def test_pixels_made_floats_are_no_layer(workers):
    text = f"n (uint8[N, 2] i) => (float[N, 2] y) {W} {{ x = Cast<to = 1>(i) h = MatMul(x, w) " \
           "y = MatMul(h, w) }"  # fmt: skip
    assert [layer.node.op for layer in propagation_of(text, workers).layers] == ["MatMul", "MatMul"]


SMALL = "<float[2, 2] w = {0.0001, 0, 0, 0.0001}>"
FADING = f"""n (float[N, 2] x) => (float[N, 2] y) {SMALL} {{
    [first] a = MatMul(x, w) ra = Relu(a)
    [second] b = MatMul(ra, w) rb = Relu(b)
    [third] c = MatMul(rb, w) rc = Relu(c)
    [fourth] y = MatMul(rc, w)
}}"""


def test_the_first_layer_from_the_output_is_named():
    (found,) = findings(vanishing_gradient, FADING)
    assert found.place.node == "second"
    assert found.measured == pytest.approx(1e-8, rel=0.5)
    layers = found.evidence["layers"]
    assert [layer["node"] for layer in layers] == ["fourth", "third", "second", "first"]
    assert not findings(exploding_gradient, FADING)


def test_an_output_on_the_way_brings_gradients_of_its_own():
    early = FADING.replace("=> (float[N, 2] y)", "=> (float[N, 2] y, float[N, 2] rb)")
    assert not [found for found in findings(vanishing_gradient, early)
                if found.place.node in ("first", "second")]  # fmt: skip


def test_a_layer_that_nothing_comes_through():
    text = """n (float[N, 2] x) => (float[N, 2] y)
    <float[2, 2] w = {1, 0, 0, 1}, float[2] off = {-100, -100}> {
        [first] a = MatMul(x, w)
        [second] b = Gemm(a, w, off) r = Relu(b)
        [third] y = MatMul(r, w)
    }"""
    (found,) = findings(vanishing_gradient, text)
    assert (found.place.node, found.measured) == ("first", 0.0)
    assert found.message.startswith("changes of this layer's output never reach 'y'")


@pytest.mark.parametrize(
    "text",
    [
        # sure of its answer, and units of the input and the output of its own
        """n (float[N, 2] x) => (float[N, 2] y)
        <float[2, 2] w = {9, 0, 0, 9}, float large = {1000000000}> {
            u = Div(x, large)
            a = MatMul(u, w)
            b = MatMul(a, w)
            c = Mul(b, large)
            d = Mul(c, large)
            y = Softmax(d)
        }""",
        # all values far from 0
        """n (float[N, 2] x) => (float[N, 2] y)
        <float[2, 2] w = {1, 0, 0, 1}, float[2] off = {1000, 1000}> {
            a = Gemm(x, w, off)
            b = Gemm(a, w, off)
            y = Gemm(b, w, off)
        }""",
    ],
)
def test_no_gradient_vanishes_or_explodes(text):
    assert not findings(vanishing_gradient, text)
    assert not findings(exploding_gradient, text)


CONVOLUTIONS = """n (float[N, 1, 4, 4] x) => (float[N, 1, 4, 4] y)
<float[1, 1, 1, 1] w = {0.0001}, float[1] b = {BIAS}, float[1] one = {1}, float[1] mean = {MEAN}> {
    [first] a = Conv(x, w, b) na = BatchNormalization(a, one, b, mean, one)
    [second] c = Conv(na, w, b) nc = BatchNormalization(c, one, b, mean, one)
    [third] y = Conv(nc, w, b)
}"""


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (CONVOLUTIONS.replace("BIAS", "0.5").replace("MEAN", "0.1"), ["first"]),
        # statistics of a model that was never trained
        (CONVOLUTIONS.replace("BIAS", "0.5").replace("MEAN", "0"), []),
        # the same, folded into the convolutions
        (CONVOLUTIONS.replace("BIAS", "0").replace("MEAN", "0.1")
         .replace("BatchNormalization(a, one, b, mean, one)", "Identity(a)")
         .replace("BatchNormalization(c, one, b, mean, one)", "Identity(c)"), []),
    ],
)  # fmt: skip
def test_untrained_normalisation_is_none_to_judge(text, found):
    assert [one.place.node for one in findings(vanishing_gradient, text)] == found


def test_the_same_model_gives_the_same_numbers(workers):
    path = GRADIENTS / "lstm.onnx"
    seen = []
    for _ in range(2):
        with analyses_of(path, workers) as analyses:
            seen.append(analyses.get(Propagation).evidence())
    assert seen[0] == seen[1]


STEEP = """n (float[N, 2] x) => (float[N, 2] y)
<float[2, 2] w = {{{0}, 0, 0, {0}}}, float[2, 2] v = {{1, 0.2, -0.2, 1}}> {{
    [first] a = MatMul(x, v) ra = Relu(a)
    [second] b = MatMul(ra, w) rb = Relu(b)
    [third] c = MatMul(rb, w) rc = Relu(c)
    [fourth] y = MatMul(rc, v)
}}"""


@pytest.mark.parametrize(
    ("factor", "vanishing", "exploding"),
    [
        (0.01, [(Severity.INFO, "first")], []),  # 1e-4
        (0.1, [], []),
        (5, [], []),
        (20, [], [(Severity.INFO, "first")]),  # 400
        (1e5, [], [(Severity.WARNING, "first")]),
        (1e-5, [(Severity.WARNING, "first")], []),
    ],
)
def test_a_first_layer_far_from_the_last_is_an_info(factor, vanishing, exploding):
    text = STEEP.format(factor)
    for rule, expected in ((vanishing_gradient, vanishing), (exploding_gradient, exploding)):
        assert [(one.severity, one.place.node) for one in findings(rule, text)] == expected


def test_directions_that_agree_are_enough():
    alike = [_Reading([2.0, 0.5], [0.0, 0.0])] * LEAST_RUNS
    assert _is_settled(alike, 0)
    assert not _is_settled(alike[1:], 0)


def test_directions_that_differ_are_not_enough():
    unlike = [_Reading([gain, 1.0], [0.0, 0.0]) for gain in (1e-3, 1.0, 1e-3, 1e-3)]
    assert not _is_settled(unlike, 0)
    assert _is_settled(unlike, 1), "what lies before the cut does not count"


def test_no_gradient_at_all_is_settled():
    assert _is_settled([_Reading([0.0], [0.0])] * LEAST_RUNS, 0)
