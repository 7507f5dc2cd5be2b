import pytest

from onnxlint.findings import Diagnostic
from onnxlint.rules import Rule
from onnxlint.testing import Example, run_rule, saved
from onnxlint_rules.gra.constant_output import constant_output
from onnxlint_rules.gra.duplicate_node_name import duplicate_node_name
from onnxlint_rules.gra.initializer_as_input import initializer_as_input
from onnxlint_rules.gra.no_inputs import no_inputs
from onnxlint_rules.gra.passthrough_output import passthrough_output
from onnxlint_rules.gra.unused_initializer import unused_initializer
from onnxlint_rules.gra.unused_input import unused_input
from onnxlint_rules.gra.unused_node import unused_node


def findings(rule: Rule, text: str) -> tuple[Diagnostic, ...]:
    with saved(Example.parse(text)) as path:
        report = run_rule(rule, path)
    assert report.complete, report
    return report.findings


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
            [("warning", "w")],
            id="an initializer that no branch reads any more",
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
            [("warning", None)],
            id="three of a name are one finding",
        ),
    ],
)  # fmt: skip
def test_near_misses(rule: Rule, text: str, expected: list[tuple[str, str | None]]) -> None:
    assert [(f.severity, f.place.value) for f in findings(rule, text)] == expected
