import pytest
from conftest import findings

from onnxlint.rules.rule import Rule
from onnxlint_rules.gra.cancelling_transposes import cancelling_transposes
from onnxlint_rules.gra.cast_chain import cast_chain
from onnxlint_rules.gra.constant_output import constant_output
from onnxlint_rules.gra.disconnected_component import disconnected_component
from onnxlint_rules.gra.duplicate_node_name import duplicate_node_name
from onnxlint_rules.gra.empty_graph import empty_graph
from onnxlint_rules.gra.fill_constant import fill_constant
from onnxlint_rules.gra.foldable_constant import foldable_constant
from onnxlint_rules.gra.identical_branches import identical_branches
from onnxlint_rules.gra.identity_of_constant import identity_of_constant
from onnxlint_rules.gra.initializer_as_input import initializer_as_input
from onnxlint_rules.gra.no_inputs import no_inputs
from onnxlint_rules.gra.passthrough_output import passthrough_output
from onnxlint_rules.gra.static_shape_subgraph import static_shape_subgraph
from onnxlint_rules.gra.unused_function import unused_function
from onnxlint_rules.gra.unused_initializer import unused_initializer
from onnxlint_rules.gra.unused_input import unused_input
from onnxlint_rules.gra.unused_node import unused_node
from onnxlint_rules.gra.unused_opset_import import unused_opset_import

BRANCHES = """
net (bool flag, float[2] x, float[2] z) => (float[2] y)
<float[2] w = {1, 2}>
{
    h = Exp(x)
    y = If(flag) <
        then_branch = a () => (float[2] p) { p = Add(h, w) },
        else_branch = b () => (float[2] q) { q = Mul(z, w) }
    >
}
"""

LOOP = """
net (int64 n, bool go, float[2] x) => (float[2] y)
{
    y = Loop(n, go, x) <
        body = step (int64 i, bool c, float[2] s) => (bool c2, float[2] s2)
        { c2 = Identity(c) s2 = Relu(s) }
    >
}
"""

FUNCTION = """
<ir_version: 10, opset_import: ["" : 21, "own" : 1]>
net (float[2] x) => (float[2] y)
{
    y = own.twice(x)
}
<domain: "own", opset_import: ["" : 21]>
twice (a) => (b)
{
    two = Constant <value = float {2}> ()
    b = Mul(a, two)
}
"""

OMITTED = """
net (float[2] x, float high) => (float[2] y)
{
    y = Clip(x, "", high)
}
"""

EMPTY_NAMES = """
net (float[2] x) => (float[2] y)
{
    h = Relu(x)
    y = Exp(h)
}
>>> model.graph.node[0].name = model.graph.node[1].name = ""
"""

RULES = [
    cancelling_transposes,
    cast_chain,
    disconnected_component,
    empty_graph,
    fill_constant,
    foldable_constant,
    identical_branches,
    identity_of_constant,
    static_shape_subgraph,
    unused_function,
    unused_opset_import,
    constant_output,
    duplicate_node_name,
    initializer_as_input,
    no_inputs,
    passthrough_output,
    unused_initializer,
    unused_input,
    unused_node,
]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
@pytest.mark.parametrize("text", [BRANCHES, LOOP, FUNCTION, OMITTED, EMPTY_NAMES])
def test_sound_graphs_get_no_finding(rule: Rule, text: str) -> None:
    assert findings(rule, text) == ()


@pytest.mark.parametrize(
    ("rule", "text", "expected"),
    [
        pytest.param(
            unused_initializer,
            "net (float[2] x) => (float[2] y, float[2] w) <float[2] w = {1, 2}> { y = Relu(x) }",
            [],
            id="an initializer that is an output",
        ),
        pytest.param(
            unused_initializer,
            BRANCHES.replace("Mul(z, w)", "Relu(z)").replace("Add(h, w)", "Relu(h)"),
            [("info", "w")],
            id="an initializer that no branch reads any more",
        ),
        pytest.param(
            unused_initializer,
            "net (float[2] x) => (float[2] y) <float[2, 2] w = {1, 2, 3, 4}> { y = Relu(x) }",
            [("warning", "w")],
            id="a matrix that no node reads",
        ),
        pytest.param(
            fill_constant,
            "net (float[N, 512] x) => (float[N, 1024] y) { y = MatMul(x, w) }"
            "\n>>> import numpy; from onnx import numpy_helper"
            "\n>>> w = numpy_helper.from_array(numpy.zeros((512, 1024), 'float32'), 'w')"
            "\n>>> model.graph.initializer.append(w)",
            [],
            id="the weight of a layer",
        ),
        pytest.param(
            identity_of_constant,
            "net (float[N, 2] x) => (float[N, 2] y) <float[2, 2] w = {1, 2, 3, 4},"
            " float[2] b = {1, 2}> { v = Identity(w) c = Identity(b) y = Gemm(x, v, c) }",
            [("warning", None), ("info", None)],
            id="a weight and a bias behind Identity",
        ),
        pytest.param(
            identity_of_constant,
            "net (float[N, 2] x) => (float[N, 2] y) <float16[2, 2] w = {1, 2, 3, 4}>"
            " { v = Cast<to = 1>(w) y = MatMul(x, v) }",
            [("info", None)],
            id="weights stored in half precision",
        ),
        pytest.param(
            identity_of_constant,
            "net (float[N, 2] x) => (float[N, 2] y) <int32[2] s = {-1, 2}>"
            " { t = Cast<to = 7>(s) y = Reshape(x, t) }",
            [("warning", None)],
            id="a shape that is cast",
        ),
        pytest.param(
            unused_node,
            BRANCHES.replace("Add(h, w)", "Relu(w)"),
            [("warning", None)],
            id="a node that no branch reads any more",
        ),
        pytest.param(
            unused_node,
            "net (float[2] x) => (float[2] y) { y = Relu(x) a = Exp(x) b = Abs(a) c = Neg(a) }",
            [("warning", None)],
            id="a dead fork is one finding",
        ),
        pytest.param(
            unused_node,
            "net (float[2] x) => (float[2] y) { y = Relu(x) s = Shape(x) t = Cast<to = 1>(s) }",
            [("info", None)],
            id="dead shape computation",
        ),
        pytest.param(
            unused_node,
            "net (bool f, float[2] x) => (float[2] y) { y = Relu(x) d = If(f) <"
            "then_branch = a () => (float[2] p) { p = Exp(x) s = Abs(x) },"
            "else_branch = b () => (float[2] q) { q = Neg(x) }> }",
            [("warning", None)],
            id="a dead If is one finding, whatever is in it",
        ),
        pytest.param(
            unused_node,
            "net (float[2] x) => (float[2] y, float[2] lost) { h = Relu(x) y = Exp(x) }",
            [],
            id="what an undefined output needs cannot be known",
        ),
        pytest.param(
            unused_input,
            BRANCHES.replace("Mul(z, w)", "Relu(w)"),
            [("warning", "z")],
            id="an input that no branch reads any more",
        ),
        pytest.param(
            no_inputs,
            "net () => (float[2] y) { y = RandomNormal <shape = [2]> () }",
            [("warning", None)],
            id="a generator without layers",
        ),
        pytest.param(
            no_inputs,
            "net (float[2, 2] w = {1, 2, 3, 4}) => (float[2, 2] y) { y = MatMul(w, w) }",
            [("error", None)],
            id="an overridable default is no input",
        ),
        pytest.param(
            constant_output,
            "net (float[2] x) => (float[2] y) <float[2] w = {1, 2}> { h = Relu(x) y = Exp(w) }",
            [("error", "y")],
            id="no output depends on the input",
        ),
        pytest.param(
            passthrough_output,
            "net (float[2] x) => (float[2] x, float[2] y) { y = Relu(x) }",
            [("error", "x")],
            id="beside a computed output",
        ),
        pytest.param(
            passthrough_output,
            "net (float[2] x) => (float[2] x) { }",
            [("warning", "x")],
            id="nothing is computed at all",
        ),
        pytest.param(
            passthrough_output,
            LOOP.replace("s2 = Relu(s)", "").replace("float[2] s2)", "float[2] s)"),
            [],
            id="a loop may carry a value unchanged",
        ),
        pytest.param(
            duplicate_node_name,
            "net (float[2] x) => (float[2] y) { [n] a = Relu(x) [n] b = Exp(a) [n] y = Neg(b) }",
            [("error", None)],
            id="three of a name are one finding",
        ),
        pytest.param(
            cancelling_transposes,
            "net (float[2, 3] x) => (float[2, 3] y) { h = Transpose(x) y = Transpose(h) }",
            [("info", None)],
            id="two reversals without perm",
        ),
        pytest.param(
            cast_chain,
            "net (float[2] x) => (float[2] y) { h = Cast<to = 7>(x) y = Cast<to = 1>(h) }",
            [],
            id="rounding to integers is meant",
        ),
        pytest.param(
            cast_chain,
            "net (int32[2] x) => (float[2] y) { h = Cast<to = 7>(x) y = Cast<to = 1>(h) }",
            [("info", None)],
            id="a detour by a wider integer",
        ),
        pytest.param(
            identical_branches,
            "net (float[2, 2] x) => (float[2, 2] y) <float[2, 2] w = {1, 2, 3, 4}> {"
            "a = MatMul(x, w) b = Relu(a) c = MatMul(b, w)"
            "d = MatMul(x, w) e = Relu(d) f = MatMul(e, w) y = Add(c, f) }",
            [("warning", None)],
            id="a copied block is one finding",
        ),
        pytest.param(
            identical_branches,
            "net (bool f, float[2, 2] x) => (float[2, 2] y) <float[2, 2] w = {1, 2, 3, 4}>"
            " { y = If(f) <"
            " then_branch = a () => (float[2, 2] p) { p = MatMul(x, w) },"
            " else_branch = b () => (float[2, 2] q) { h = MatMul(x, w) q = Relu(h) } > }",
            [],
            id="one layer in both branches",
        ),
        pytest.param(
            identical_branches,
            "net (float[N, 2] x) => (float[N, 2] y)"
            " <float[2, 2] w = {1, 2, 3, 4}, float r = {0.5}, bool t = {1}>"
            " { d = Dropout(x, r, t) e = Dropout(x, r, t) a = MatMul(d, w) b = MatMul(e, w)"
            " y = Add(a, b) }",
            [],
            id="two draws of an active dropout",
        ),
        pytest.param(
            disconnected_component,
            "net (float[N, 2] i, float[M, 2] t) => (float[N, 2] a, float[M, 2] b)"
            " <float[2, 2] w = {1, 2, 3, 4}, float[2, 2] v = {1, 2, 3, 5}, float s = {2}>"
            " { c = MatMul(i, w) d = MatMul(t, v) a = Mul(c, s) b = Mul(d, s) }",
            [],
            id="two towers that share a learned scale",
        ),
        pytest.param(
            disconnected_component,
            "net (float[N, 2] i, float[M, 2] t) => (float[N, 2] a, float[M, 2] b)"
            " <float[2, 2] w = {1, 2, 3, 4}, float[2, 2] v = {1, 2, 3, 5}>"
            " { a = MatMul(i, w) b = MatMul(t, v) }",
            [("warning", None)],
            id="two towers without a link",
        ),
        pytest.param(
            identical_branches,
            "net (float[2, 2] x) => (float[2, 2] y) <float[2, 2] w = {1, 2, 3, 4}> {"
            "a = Gemm<alpha = 1.0>(x, w) b = Gemm<alpha = 2.0>(x, w) y = Add(a, b) }",
            [],
            id="another attribute",
        ),
        pytest.param(
            identical_branches,
            "net (float[2, 2] x) => (float[2, 2] y) <float[2, 2] w = {1, 2, 3, 4}> {"
            "a, m = Dropout(x) b, n = Dropout(x) c = MatMul(a, w) d = MatMul(b, w) y = Add(c, d) }",
            [],
            id="what chance decides is not the same",
        ),
        pytest.param(
            static_shape_subgraph,
            "net (float[N, 3] x) => (int64[1] y) { y = Shape<start = 1>(x) }",
            [("info", None)],
            id="the part that is asked for is known",
        ),
        pytest.param(
            foldable_constant,
            "net (float[2] x) => (float[2] y) <int8[2] w = {1, 2}, float s = {0.5}> {"
            "d = DequantizeLinear(w, s) y = Mul(x, d) }",
            [],
            id="a quantised weight",
        ),
        pytest.param(
            unused_function,
            FUNCTION.replace("own.twice(x)", "Relu(x)") + """
<domain: "own", opset_import: ["" : 21, "own" : 1]>
other (c) => (d) { d = own.twice(c) }
""",
            [("info", None), ("info", None)],
            id="called only by a function that nobody calls",
        ),
        pytest.param(
            unused_opset_import,
            FUNCTION + ">>> model.opset_import.add(domain='ai.onnx.ml', version=3)",
            [("info", None)],
            id="the domain of a function is used",
        ),
    ],
)  # fmt: skip
def test_near_misses(rule: Rule, text: str, expected: list[tuple[str, str | None]]) -> None:
    assert [(f.severity, f.place.value) for f in findings(rule, text)] == expected


@pytest.mark.parametrize(
    ("step", "count"),
    [
        ("w = com.microsoft.DequantizeLinear(q, scale, zero)", 0),
        ("w = DequantizeLinear(q, scale, zero)", 0),
        ("w = Cast <to = 1> (q)", 1),
    ],
)
def test_dequantised_weights_are_stored_that_way_on_purpose(step, count):
    found = findings(
        foldable_constant,
        f"""<ir_version: 10, opset_import: ["" : 21, "com.microsoft" : 1]>
        net (float[N, 2] x) => (float[N, 2] y)
        <int8[2] q = {{1, 2}}, float scale = {{2}}, int8 zero = {{0}}>
        {{ {step} y = Mul(x, w) }}""",
    )
    assert len(found) == count
