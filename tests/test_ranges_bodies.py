"""Bounds hold in branches, loops, scans and functions, and are narrow where bodies allow it."""

from __future__ import annotations

from functools import cache

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper
from soundness import Box, Sounding, boxes

from onnxlint.analyses.ranges.range import limits
from onnxlint.testing import model_from_text

TRIP = "b (int64 i, bool ci, float[2] v) => (bool co, float[2] vo"

MODELS = {
    "branch with guard": """m (float[1] x, float[1] y) => (float[1] z) {
        k = Constant<value_floats = [0.0]>() c = Greater(x, k)
        z = If (c) <then_branch = one () => (float[1] a) { a = Div(y, x) },
                    else_branch = other () => (float[1] b) { b = Sub(y, x) }> }""",
    "branch within a branch": """m (float[1] x, float[1] y) => (float[1] z) {
        k = Constant<value_floats = [0.0]>() c = Greater(x, k) d = Less(y, k)
        h = Add(x, x)
        z = If (c) <then_branch = one () => (float[1] a) {
                        a = If (d) <then_branch = deep () => (float[1] p) { p = Div(h, y) },
                                    else_branch = flat () => (float[1] q) { q = Max(h, y) }> },
                    else_branch = other () => (float[1] b) { b = Max(h) }> }""",
    "branches of different sizes": """m (float[1] x, float[3] y) => (float[n] z) {
        k = Constant<value_floats = [0.0]>() c = Greater(x, k)
        z = If (c) <then_branch = one () => (float[2] a) {
                        s = Constant<value_floats = [5.0, 9.0]>() a = Add(x, s) },
                    else_branch = other () => (float[3] b) {
                        t = Constant<value_floats = [1.0, 2.0, 3.0]>() b = Add(y, t) }> }""",
    "loop that doubles": f"""m (int64 t, float[2] x) => (float[2] z, float[k, 2] s) {{
        z, s = Loop(t, , x) <body = {TRIP}, float[2] so) {{
            co = YES vo = Add(v, v) so = Sub(vo, v) }}> }}""",
    "loop that ends itself": f"""m (int64 t, float[2] x, float[1] y) => (float[2] z) {{
        c = Constant<value_ints = [1]>() cb = Cast<to = 9>(c) r = Constant<value_ints = [0]>()
        cs = Squeeze(cb, r)
        z = Loop(t, cs, x) <body = {TRIP}) {{
            m = ReduceMax<keepdims = 0>(v) q = Squeeze(y, r) co = Less(m, q)
            o = Constant<value_float = 1.5>() vo = Add(v, o) }}> }}""",
    "loop by its counter": f"""m (int64 t, float[2] x) => (float[2] z, float[k, 2] s) {{
        z, s = Loop(t, , x) <body = {TRIP}, float[2] so) {{
            co = YES f = Cast<to = 1>(i) vo = Sub(v, f) so = Mul(v, f) }}> }}""",
    "loop in a loop": f"""m (int64 t, float[2] x) => (float[2] z) {{
        z = Loop(t, , x) <body = {TRIP}) {{
            co = YES
            vo = Loop(t, , v) <body = c (int64 j, bool di, float[2] w) => (bool do, float[2] wo) {{
                do = YES h = Neg(w) wo = Add(h, x) }}> }}> }}""",
    "loop that grows its value": """m (int64 t, float[1] x) => (float[n] z) {
        z = Loop(t, , x) <body = b (int64 i, bool ci, float[k] v) => (bool co, float[j] vo) {
            co = YES p = Constant<value_floats = [7.0]>() vo = Concat<axis = 0>(v, p) }> }""",
    "scan": """m (float[2] x, float[4, 2] y) => (float[2] z, float[4, 2] s) {
        z, s = Scan<num_scan_inputs = 1, body = b (float[2] v, float[2] u)
            => (float[2] vo, float[2] so) {
            g = Sigmoid(u) k = Mul(g, v) d = Tanh(u) vo = Add(k, d) so = Sub(vo, u) }>(x, y) }""",
    "scan along the last axis, backwards": """m (float[2] x, float[2, 4] y)
            => (float[2] z, float[2, 4] s) {
        z, s = Scan<num_scan_inputs = 1, scan_input_axes = [1], scan_output_axes = [1],
            scan_input_directions = [1], scan_output_directions = [1],
            body = b (float[2] v, float[2] u) => (float[2] vo, float[2] so) {
            vo = Max(v, u) so = Sub(vo, u) }>(x, y) }""",
    "scan of any length": """m (float[2] x, float[n, 2] y) => (float[2] z, float[n, 2] s) {
        z, s = Scan<num_scan_inputs = 1, body = b (float[2] v, float[2] u)
            => (float[2] vo, float[2] so) {
            vo = Sub(u, v) so = Max(v) }>(x, y) }""",
}  # fmt: skip

FUNCTIONS = """<ir_version: 10, opset_import: ["" : 18, "l" : 1]>
m (float[N, 4] x, float[4] y) => (float[N, 4] z, float[N, 4] s, float[N, 4] r) {
    z = l.outer<a = 2.0>(x, y) s = l.scaled(y, x) r = l.short(x) }
<domain: "l", opset_import: ["" : 18, "l" : 1]>
outer <a> (x, q) => (r) { p = l.scaled<by: float = @a>(x, q) t = Sub(p, x) r = Mul(t, t) }
<domain: "l", opset_import: ["" : 18, "l" : 1]>
scaled <by: float = 3.0> (q, w) => (r) {
    c = Constant<value_float: float = @by>() s = Add(q, w) r = Mul(s, c) }
<domain: "l", opset_import: ["" : 18, "l" : 1]>
short (x) => (r) { k = Constant<value_float = 1.0>() d = Min(x, k) r = l.scaled(d, x) }
"""


@cache
def sounding(name: str) -> Sounding:
    return made_of(FUNCTIONS if name == "functions" else MODELS[name])


def made_of(text: str) -> Sounding:
    return Sounding(text.replace("YES", "Constant<value = bool {1}>()"))


@pytest.mark.parametrize("name", [*MODELS, "functions"])
@given(x=boxes(), y=boxes(), trips=boxes(0, 12), seed=st.integers(0, 99))
@settings(max_examples=6, deadline=None)
def test_what_bodies_make(name, x, y, trips, seed):
    made = sounding(name)
    known = {"x": x, "y": y, "t": trips}
    made.check({each.name: known[each.name] for each in made.graph.inputs}, 6, seed)


def bounds(text: str, **given_boxes):
    made = made_of(text)
    given_boxes = {name: Box(*map(np.float64, ends)) for name, ends in given_boxes.items()}
    return made, made.check(given_boxes)


def ends(made: Sounding, ranges, name: str, scope: str | None = None) -> tuple[float, float]:
    for each in made.graph.nodes():
        for value in each.outputs:
            if value is not None and value.name == name and scope in (None, each.scope.path):
                found = ranges.of(value)
                return found.least, found.most
    raise AssertionError(name)


def test_a_branch_lies_under_its_condition():
    text = """m (float[1] x)
            => (float[1] z) { k = Constant<value_floats = [0.5]>() c = Greater(x, k)
        z = If (c) <then_branch = one () => (float[1] a) { a = Sub(k, x) },
                    else_branch = other () => (float[1] b) { b = Max(x) }> }"""
    made, ranges = bounds(text, x=(-3, 4))
    assert ends(made, ranges, "a") == pytest.approx((-3.5, 0), abs=1e-6)
    assert ends(made, ranges, "b") == (-3, 0.5)


def test_a_branch_that_is_never_taken_says_nothing():
    text = """m (float[1] x)
            => (float[1] z) { k = Constant<value_floats = [9.0]>() c = Greater(x, k)
        z = If (c) <then_branch = one () => (float[1] a) { h = Mul(x, x) a = Mul(h, h) },
                    else_branch = other () => (float[1] b) { b = Max(x) }> }"""
    made, ranges = bounds(text, x=(-3, 4))
    assert ends(made, ranges, "z") == (-3, 4)


LOOP = f"""m (float[2] x) => (float[2] z, float[k, 2] s) {{ t = Constant<value_int = TRIPS>()
    z, s = Loop(t, , x) <body = {TRIP}, float[2] so) {{ co = YES
    o = Constant<value_float = 0.5>() vo = Add(v, o) so = Max(v) }}> }}"""


def test_a_few_known_steps_are_taken_one_by_one():
    made, ranges = bounds(LOOP.replace("TRIPS", "6"), x=(0, 1))
    assert ends(made, ranges, "z") == pytest.approx((3, 4), abs=1e-5)
    assert ends(made, ranges, "s") == pytest.approx((0, 3.5), abs=1e-5)
    assert ends(made, ranges, "vo") == pytest.approx((0.5, 4), abs=1e-5)


def test_no_step_leaves_what_there_was():
    made, ranges = bounds(LOOP.replace("TRIPS", "0"), x=(0, 1))
    assert ends(made, ranges, "z") == (0, 1)


def test_many_known_steps_grow_by_their_terms():
    made, ranges = bounds(LOOP.replace("TRIPS", "100"), x=(0, 1))
    assert ends(made, ranges, "z") == pytest.approx((0.5, 51), abs=0.6)
    assert ends(made, ranges, "so") == pytest.approx((0, 51), abs=0.6)


def test_a_counter_of_whole_numbers():
    text = """m (float[2] x)
            => (int64 z) { t = Constant<value_int = 1000>() o = Constant<value_int = 3>()
        z = Loop(t, , o) <body = b (int64 i, bool ci, int64 v) => (bool co, int64 vo) {
            co = YES vo = Add(v, o) }> }"""
    made, ranges = bounds(text, x=(0, 1))
    low, high = ends(made, ranges, "z")
    assert 3 <= low <= 6
    assert 3003 <= high <= 3006


def test_what_grows_in_an_unknown_number_of_steps_is_widened():
    text = LOOP.replace("t = Constant<value_int = TRIPS>()", "").replace(
        "m (float[2] x)", "m (float[2] x, int64 t)"
    )
    made = made_of(text)
    ranges = made.ranges({"x": Box(np.float64(0), np.float64(1)), "t": Box(np.float64(0), 2.0**62)})
    low, high = ends(made, ranges, "z")
    assert low == 0
    assert high > 1e15


def test_a_state_that_is_squashed_stays_within_1():
    text = """m (float[2] h, float[2] c, float[T, 2] y)
            => (float[2] hn, float[2] cn, float[T, 2] s) {
        hn, cn, s = Scan<num_scan_inputs = 1, body = b (float[2] a, float[2] d, float[2] u)
            => (float[2] ao, float[2] do, float[2] so) {
            w = Add(u, a) f = Sigmoid(w) i = Sigmoid(u) g = Tanh(w) k = Mul(f, d) j = Mul(i, g)
            do = Add(k, j) e = Tanh(do) ao = Mul(f, e) so = Max(ao) }>(h, c, y) }"""
    for length, most in (("T", None), ("20", 21)):
        made, ranges = bounds(text.replace("[T,", f"[{length},"), h=(0, 0), c=(0, 0), y=(-9, 9))
        assert ends(made, ranges, "hn") == pytest.approx((-1, 1), abs=1e-4)
        assert ends(made, ranges, "s") == pytest.approx((-1, 1), abs=1e-4)
        if most is not None:
            assert ends(made, ranges, "cn")[1] <= most


def test_a_function_has_the_types_of_its_call():
    made, ranges = bounds(FUNCTIONS, x=(-1, 1), y=(0, 2))
    assert ends(made, ranges, "s", "") == pytest.approx((-3, 9), abs=1e-5)
    assert ends(made, ranges, "z", "") == pytest.approx((0, 49), abs=1e-4)


def test_a_function_is_bounded_over_all_its_calls():
    made, ranges = bounds(FUNCTIONS, x=(-1, 1), y=(0, 2))
    low, high = ends(made, ranges, "r", "function:l::scaled")
    assert low <= -6
    assert high >= 9


def test_functions_that_call_themselves_end():
    text = """<ir_version: 10, opset_import: ["" : 18, "l" : 1]>
    m (float[4] x) => (float[4] z) { z = l.one(x) }
    <domain: "l", opset_import: ["" : 18, "l" : 1]>
    one (x) => (r) { a = l.two(x) b = l.two(a) r = Add(a, b) }
    <domain: "l", opset_import: ["" : 18, "l" : 1]>
    two (x) => (r) { a = l.one(x) b = l.one(a) r = Add(a, b) }"""
    ranges, graph = unrun(model_from_text(text))
    assert ranges.of(graph.outputs[0]).nan
    assert ranges.main.world.spent <= ranges.main.world.most + 1


def unrun(model: onnx.ModelProto):
    """Bounds of a model that nothing could run, of inputs of any numbers."""
    from contextlib import ExitStack

    from onnxlint.analyses.inputs.inputs import Inputs
    from onnxlint.analyses.ranges.ranges import Ranges
    from onnxlint.analyses.static.shapes import Shapes
    from onnxlint.model.file.load import open_model
    from onnxlint.model.file.source import in_memory
    from onnxlint.model.graph.graph import Graph
    from onnxlint.settings import Settings

    opened = ExitStack()
    source = opened.enter_context(in_memory(model))
    graph = Graph(opened.enter_context(open_model(source)))
    shapes = Shapes(graph, None, None)
    return Ranges(graph, shapes, Inputs(), Settings()), graph


def typed(nodes, outputs=("y",), values=()) -> onnx.ModelProto:
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1])
    made = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in outputs]
    infos = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in values]
    return helper.make_model(helper.make_graph(nodes, "g", [x], made, value_info=infos))


def branches(captured: str, output: str) -> onnx.NodeProto:
    def branch(name: str, op: str) -> onnx.GraphProto:
        made = helper.make_tensor_value_info(name, TensorProto.FLOAT, [1])
        return helper.make_graph([helper.make_node(op, [captured], [name])], name, [], [made])

    return helper.make_node("If", ["c"], [output], then_branch=branch(f"{output}a", "Neg"),
                            else_branch=branch(f"{output}b", "Max"))  # fmt: skip


def test_a_long_chain_costs_a_visit_a_node():
    count = 5_000
    nodes = [helper.make_node("Neg", [f"v{at}" if at else "x"], [f"v{at + 1}"])
             for at in range(count)]  # fmt: skip
    ranges, graph = unrun(typed(nodes, [f"v{count}"], [f"v{at}" for at in range(1, count)]))
    found = ranges.of(graph.outputs[0])
    assert (found.least, found.most) == limits(TensorProto.FLOAT)
    assert ranges.main.world.spent == count


def test_many_branches_cost_a_few_visits_a_node():
    count = 400
    nodes = [helper.make_node("Cast", ["x"], ["c"], to=TensorProto.BOOL)]
    nodes += [branches(f"v{at}" if at else "x", f"v{at + 1}") for at in range(count)]
    ranges, graph = unrun(typed(nodes, [f"v{count}"], [f"v{at}" for at in range(1, count)]))
    found = ranges.of(graph.outputs[0])
    assert (found.least, found.most) == limits(TensorProto.FLOAT)
    assert not found.nan
    assert ranges.main.world.spent <= 4 * count


def test_deep_nests_end_without_a_word():
    inner = helper.make_node("Neg", ["x"], ["d0"])
    for depth in range(1, 28):
        made = helper.make_tensor_value_info(f"d{depth - 1}", TensorProto.FLOAT, [1])
        body = helper.make_graph([inner], f"g{depth}", [], [made])
        other = helper.make_tensor_value_info(f"e{depth}", TensorProto.FLOAT, [1])
        none = helper.make_graph([helper.make_node("Identity", ["x"], [f"e{depth}"])], "e", [],
                                 [other])  # fmt: skip
        inner = helper.make_node("If", ["c"], [f"d{depth}"], then_branch=body, else_branch=none)
    cast = helper.make_node("Cast", ["x"], ["c"], to=TensorProto.BOOL)
    ranges, graph = unrun(typed([cast, inner], ["d27"]))
    assert ranges.of(graph.outputs[0]).infinite


def test_conditions_within_conditions_do_not_multiply():
    lines, last = [], "x"
    for at in range(40):
        lines.append(f"k{at} = Constant<value_float = {at / 7}>() c{at} = Greater(x, k{at})"
                     f" n{at} = Neg({last}) w{at} = Where(c{at}, n{at}, {last})")  # fmt: skip
        last = f"w{at}"
    made = Sounding(f"m (float[B] x) => (float[B] z) {{ {' '.join(lines)} z = Max({last}) }}")
    ranges = made.check({"x": Box(np.float64(-3), np.float64(4))})
    assert not ranges.main.world.is_exhausted
    assert ends(made, ranges, "z") == (-4, 4)
