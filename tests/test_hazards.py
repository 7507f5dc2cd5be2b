"""Which operands are hazards: past guards, refinements and what takes a failure away."""

from __future__ import annotations

import pytest
from soundness import Sounding

from onnxlint.analyses.inputs.inputs import Inputs
from onnxlint.analyses.ranges import search
from onnxlint.analyses.ranges.hazard import Hazard
from onnxlint.analyses.ranges.hazards import Hazards
from onnxlint.analyses.ranges.ranges import Ranges
from onnxlint.settings import InputContract, Settings

CONSTANTS = "<float one = {1}, float zero = {0}, float little = {1e-6}, int64[1] last = {1}>"


def hazards(
    body: str, range_: tuple[float, float] | None = (-3.0, 3.0), **more: str
) -> list[Hazard]:
    """The hazards of a model with two inputs in the same range."""
    inputs = more.get("inputs", "float[B, 4] x, float[B, 4] y")
    constants = more.get("constants", CONSTANTS)
    header = '<ir_version: 9, opset_import: ["" : 17]>'
    text = f"{header} m ({inputs}) => (float[B, K] z) {constants} {{ {body} }}"
    sounding = Sounding(text)
    contracts = {v.name: InputContract(range=range_) for v in sounding.graph.inputs if range_}
    settings = Settings(inputs=contracts)
    ranges = Ranges(sounding.graph, sounding.shapes, Inputs(), settings)
    return Hazards(sounding.graph, ranges).all


@pytest.mark.parametrize("nodes_a_step", [1, 2])
def test_what_is_foreseen_is_looked_for_node_by_node(nodes_a_step, monkeypatch):
    """So nobody who waits for a run waits for more than a few, and nothing else is found."""
    monkeypatch.setattr(search, "NODES_A_STEP", nodes_a_step)
    text = f"""<ir_version: 9, opset_import: ["" : 17]>
    m (float[B, 4] x, bool c) => (float[B, 4] z) {CONSTANTS} {{
        a = Exp(x) b = Sub(a, one)
        d = If(c) <
            then_branch = t () => (float[B, 4] k) {{ e = Add(b, b) k = Log(e) }},
            else_branch = f () => (float[B, 4] o) {{ o = Identity(b) }}
        >
        z = Sqrt(d) }}"""
    sounding = Sounding(text)

    def looked_for() -> Hazards:
        ranges = Ranges(sounding.graph, sounding.shapes, Inputs(), Settings())
        return Hazards(sounding.graph, ranges)

    foreseen, asked = looked_for(), looked_for()
    steps = sum(1 for _ in foreseen.foresee())
    assert steps * nodes_a_step >= sum(1 for _ in sounding.graph.main.nodes)
    assert foreseen.known
    assert [str(each) for each in foreseen.all] == [str(each) for each in asked.all]


def kinds(body: str, range_: tuple[float, float] | None = (-3.0, 3.0), **more: str) -> list[str]:
    return [str(hazard.kind) for hazard in hazards(body, range_, **more)]


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ("z = Log(x)", "log"), ("s = Sigmoid(x) t = Mul(s, y) z = Log(t)", "log"),
        ("z = Div(x, y)", "division"), ("z = Reciprocal(x)", "division"), ("z = Sqrt(x)", "root"),
        ("q = Mul(x, x) a = Mul(q, q) b = Mul(a, a) z = Exp(b)", "overflow"),
        ("z = Acos(x)", "domain"),
        ("c = Cast<to = 2>(x) z = Cast<to = 1>(c)", "cast"),
    ],
)  # fmt: skip
def test_an_operand_that_reaches_where_its_operator_fails(body, kind):
    (hazard,) = hazards(body)
    assert hazard.kind == kind
    assert hazard.zone.hits(hazard.range)


SAFE = [
    "a = Abs(x) s = Add(a, little) z = Log(s)",
    "c = Greater(x, zero) l = Log(x) z = Where(c, l, zero)",
    "c = LessOrEqual(x, zero) l = Log(x) z = Where(c, zero, l)",
    "c = Equal(y, zero) s = Where(c, one, y) z = Div(x, s)",
    "c = Equal(y, zero) d = Div(x, y) z = Where(c, zero, d)",
    "a = Abs(x) c = Greater(a, little) r = Reciprocal(x) z = Where(c, r, zero)",
    "d = Div(x, y) n = IsNaN(d) i = IsInf(d) b = Or(n, i) z = Where(b, zero, d)",
    "r = Relu(x) z = Sqrt(r)", "q = Mul(x, x) z = Sqrt(q)",
    "n = Neg(x) s = Mul(n, x) p = Neg(s) z = Sqrt(p)",
    "m = ReduceMax<axes = [1]>(x) d = Sub(x, m) e = Exp(d) s = ReduceSum(e, last) z = Div(e, s)",
    "t = Tanh(x) z = Acos(t)",
]  # fmt: skip


@pytest.mark.parametrize("body", SAFE)
def test_what_guards_and_formulas_keep_away(body):
    assert kinds(body) == []


def test_infinity_that_is_divided_by_is_harmless():
    body = "n = Neg(x) e = Exp(n) s = Add(e, one) z = Div(one, s)"
    assert kinds(body, (-500.0, 500.0)) == []


def test_infinity_divided_by_itself_is_not():
    body = "e = Exp(x) n = Neg(x) f = Exp(n) a = Sub(e, f) b = Add(e, f) z = Div(a, b)"
    assert "overflow" in kinds(body, (-500.0, 500.0))


def test_a_failed_result_is_no_second_cause():
    body = "l = Log(x) e = Exp(l) r = Reciprocal(e) z = Sqrt(r)"
    assert kinds(body)[:1] == ["log"]
    assert len(kinds(body)) == 1


def test_behind_what_squashes_a_failure_the_search_goes_on():
    body = "l = Log(x) s = Sigmoid(l) t = Sub(s, one) z = Sqrt(t)"
    assert kinds(body) == ["log", "root"]


def test_one_operand_that_is_computed_twice_is_one_cause():
    body = "a = Mul(x, y) b = Mul(x, y) p = Div(one, a) q = Div(one, b) z = Add(p, q)"
    assert kinds(body) == ["division"]


def test_an_input_without_a_range_is_told_apart():
    (hazard,) = hazards("z = Div(x, y)", None)
    assert hazard.range.free
    assert not hazard.is_tight


def test_bounds_that_are_met_are_told_apart_from_wider_ones():
    assert hazards("z = Log(x)")[0].is_tight
    assert not hazards("s = Sin(x) c = Cos(x) p = Mul(s, c) z = Log(p)")[0].is_tight


def test_every_input_fails():
    (hazard,) = hazards("a = Abs(x) n = Neg(a) m = Sub(n, one) z = Log(m)")
    assert hazard.certain


def test_the_way_and_the_output_are_named():
    (hazard,) = hazards("a = Sin(x) b = Mul(a, y) z = Log(b)")
    assert [node.op for node in hazard.way][:1] == ["Mul"]
    assert [value.name for value in hazard.reaches or ()] == ["z"]


def test_a_softmax_by_hand_is_one_hazard_of_its_kind():
    body = "e = Exp(x) s = ReduceSum(e, last) z = Div(e, s)"
    assert kinds(body, (-200.0, 200.0)) == ["softmax"]
    assert kinds(body, (-10.0, 10.0)) == []


def test_a_hazard_inside_a_branch_is_guarded_by_its_condition():
    branches = (
        "then_branch = t () => (float[B, 4] a) { a = Log(m) }, "
        "else_branch = e () => (float[B, 4] b) { b = Identity(m) }"
    )
    reduced = "m = ReduceMin<axes = [0, 1], keepdims = 1>(x)"
    guarded = f"{reduced} f = Squeeze(m) c = Greater(m, zero) d = Squeeze(c) z = If(d) <{branches}>"
    assert kinds(guarded) == []
    other = guarded.replace("Greater(m, zero)", "Less(m, one)")
    assert kinds(other) == ["log"]
