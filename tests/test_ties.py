"""Ties: another answer of TopK, ArgMax and the like, between scores that agree but for rounding."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from onnx import numpy_helper

from onnxlint.analyses.static.decisions import Decided
from onnxlint.findings import Diagnostic
from onnxlint.rules.rule import Rule
from onnxlint.settings import Settings
from onnxlint.severity import Severity
from onnxlint.testing import Example, model_from_text, run_rule, saved
from onnxlint_rules.cmp.reference_divergence import reference_divergence
from onnxlint_rules.run.batch_coupling import batch_coupling
from onnxlint_rules.run.optimisation_divergence import optimisation_divergence


def judged(rule: Rule, text: str, **settings: object) -> tuple[Diagnostic, ...]:
    """What a rule says of a model that it can run."""
    with saved(Example.parse(text)) as path:
        report = run_rule(rule, path, settings=Settings(**settings))
    assert report.complete, report
    assert not report.not_applicable, report
    return report.findings


def shown(found: tuple[Diagnostic, ...]) -> list[tuple[Severity, bool]]:
    """How grave each finding is, and whether it speaks of a tie."""
    return [(each.severity, "a tie" in each.message) for each in found]


TIE = [(Severity.INFO, True)]
FLAW = [(Severity.WARNING, False)]

DECIDE = {
    "ArgMax": "y = ArgMax<axis = 1>(s)",
    "ArgMin": "n = Neg(s) y = ArgMin<axis = 1>(n)",
    "TopK": "v, y = TopK<axis = 1>(s, one)",
    "a threshold": "l = Slice(s, nought, one, one) r = Slice(s, one, two, one) y = Less(l, r)",
    "what was picked": "v, i = TopK<axis = 1>(s, one) k = Cos(x)"
    " y = GatherElements<axis = 1>(k, i)",
    "classes": "a = ArgMax<axis = 1, keepdims = 0>(s) y = Gather(names, a)",
    "decisions on decisions": "v, i = TopK<axis = 1>(s, two) c = Cast<to = 1>(i)"
    " y = ArgMax<axis = 1>(c)",
}

COUPLED = """net (float[batch, 2, 4, 4] x) => (%s[batch, A, B, C] y)
<int64[1] nought = {0}, int64[1] one = {1}, int64[1] two = {2}, float tiny = {%s},
 float[2] names = {5, 7}>
{ mean = ReduceMean<axes = [0]>(x) far = Sub(x, mean) s = Mul(far, tiny) %s }"""


def coupled(body: str, factor: str) -> str:
    """Scores that depend on the company by so much."""
    kinds = {"Gather": "float", "Less": "bool"}
    kind = next((kind for part, kind in kinds.items() if part in body), "int64")
    opset = '<ir_version: 8, opset_import: ["" : 17]>'
    return f"{opset} {COUPLED % (kind, factor, body)}"


@pytest.mark.parametrize("body", DECIDE.values(), ids=DECIDE)
def test_a_tie_in_company_is_an_info(body: str) -> None:
    assert shown(judged(batch_coupling, coupled(body, "1e-7"))) == TIE


@pytest.mark.parametrize("body", DECIDE.values(), ids=DECIDE)
def test_scores_that_differ_themselves_are_no_tie(body: str) -> None:
    assert shown(judged(batch_coupling, coupled(body, "1"))) == FLAW


def test_what_is_no_decision_is_no_tie() -> None:
    """The scores are nearly equal, and the output is what differs beside them."""
    body = "a = ArgMax<axis = 1>(s) c = Cast<to = 1>(a) h = Mul(c, tiny) y = Add(h, far)"
    text = coupled(body, "1e-7").replace("int64[batch, A", "float[batch, A")
    assert shown(judged(batch_coupling, text)) == FLAW


FUSED = """<ir_version: 8, opset_import: ["" : 17]>
net (float[N, 1, 16, 16] x) => (%s[N, A, B, C] y)
<float[2, 1, 1, 1] w = {0.1, 0.3}, float[2] scale = {3, %s}, float[2] shift = {0, 0},
 float[2] mean = {0, 0}, float[2] var = {1, 1}, int64[1] one = {1}>
{ c = Conv(x, w) s = BatchNormalization<epsilon = 0.0>(c, scale, shift, mean, var) %s }"""


@pytest.mark.parametrize(
    ("kind", "body"),
    [("int64", "y = ArgMax<axis = 1>(s)"), ("int64", "v, y = TopK<axis = 1>(s, one)")],
)
def test_a_tie_of_the_optimiser_is_an_info(kind: str, body: str) -> None:
    assert shown(judged(optimisation_divergence, FUSED % (kind, "1", body))) == TIE
    assert not judged(optimisation_divergence, FUSED % (kind, "2", body))


SCORES = """net (float[N, 4] x) => (int64[N, 1] y)
<float[4, 2] w = {1, 1, 2, 2, -1, -1, 0.5, 0.5}, int64[1] one = {1}> { s = MatMul(x, w) %s }"""


@pytest.mark.parametrize(
    ("change", "expected"), [(1e-6, TIE), (0.5, FLAW), (0.0, [])], ids=["tie", "flaw", "same"]
)
@pytest.mark.parametrize("body", ["y = ArgMax<axis = 1>(s)", "v, y = TopK(s, one)"])
def test_a_tie_against_the_reference_is_an_info(
    body: str, change: float, expected: list[tuple[Severity, bool]], tmp_path: Path
) -> None:
    reference = model_from_text(SCORES % body)
    weight = numpy_helper.to_array(reference.graph.initializer[0]).copy()
    weight[:, 1] += np.float32(change) * np.array([1, -1, 1, -1], np.float32)
    reference.graph.initializer[0].CopyFrom(numpy_helper.from_array(weight, "w"))
    path = tmp_path / "reference.onnx"
    path.write_bytes(reference.SerializeToString())
    assert shown(judged(reference_divergence, SCORES % body, reference=path)) == expected


def test_the_nearest_decision_is_found(graph_of) -> None:
    text = """net (float[N, 4] x) => (float[N, 1] y) <int64[1] one = {1}, float half = {0.5}>
    { a = Greater(x, half) c = Cast<to = 1>(a) h = Mul(c, x) r = Relu(h) v, i = TopK(r, one)
      g = GatherElements<axis = 1>(h, i) y = Neg(g) }"""
    with graph_of(text) as graph:
        found = Decided(graph).behind(graph.outputs[0])
        assert found is not None
        assert {node.op for node in found.nodes} == {
            "TopK"
        }  # what compares an input decides the same
        assert {value.name for value in found.read} == {"r", "h"}
