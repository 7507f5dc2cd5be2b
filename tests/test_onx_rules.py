import pytest

from onnxlint.findings import Diagnostic
from onnxlint.rules import Rule
from onnxlint.testing import Example, run_rule, saved
from onnxlint_rules.onx.duplicate_definition import duplicate_definition
from onnxlint_rules.onx.missing_opset_import import missing_opset_import
from onnxlint_rules.onx.shape_conflict import shape_conflict
from onnxlint_rules.onx.undefined_output import undefined_output
from onnxlint_rules.onx.undefined_value import undefined_value
from onnxlint_rules.onx.unknown_operator import unknown_operator
from onnxlint_rules.onx.unsorted_nodes import unsorted_nodes
from onnxlint_rules.onx.wrong_arity import wrong_arity


def findings(rule: Rule, text: str) -> tuple[Diagnostic, ...]:
    with saved(Example.parse(text)) as path:
        report = run_rule(rule, path)
    assert report.complete, report
    return report.findings


OWN = """
<ir_version: 10, opset_import: ["" : 21, "own" : 1]>
net (float[2, 3] x) => (float[2, 3] y)
{
    y = own.shift(x)
}
<domain: "own", opset_import: ["" : 21]>
shift (a) => (b)
{
    one = Constant <value = float {1}> ()
    b = Add(a, one)
}
"""

NESTED = """
net (bool flag, float[2] x) => (float[2] y)
{
    h = Exp(x)
    y = If(flag) <
        then_branch = a () => (float[2] p) {
            g = Relu(h)
            p = If(flag) <
                then_branch = c () => (float[2] r) { r = Add(g, h) },
                else_branch = d () => (float[2] s) { s = Neg(x) }
            >
        },
        else_branch = b () => (float[2] q) { q = Clip(x) }
    >
}
"""

RULES = [
    duplicate_definition,
    missing_opset_import,
    shape_conflict,
    undefined_output,
    undefined_value,
    unknown_operator,
    unsorted_nodes,
    wrong_arity,
]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
@pytest.mark.parametrize("text", [OWN, NESTED])
def test_valid_models_get_no_finding(rule: Rule, text: str) -> None:
    assert findings(rule, text) == ()


def relu(changes: str) -> str:
    return f"net (float[2] x) => (float[2] y) {{ y = Relu(x) }}\n{changes}"


@pytest.mark.parametrize(
    ("rule", "text", "count"),
    [
        pytest.param(
            missing_opset_import,
            relu(">>> model.ir_version = 2\n>>> del model.opset_import[:]"),
            0,
            id="IR 2 implies the standard domain",
        ),
        pytest.param(
            missing_opset_import,
            OWN.replace(', "own" : 1', ""),
            1,
            id="the domain of the model's own function",
        ),
        pytest.param(
            missing_opset_import,
            OWN + ">>> model.functions[0].opset_import[0].domain = 'other'",
            1,
            id="within a function its own imports hold",
        ),
        pytest.param(
            unknown_operator,
            relu(">>> model.graph.node[0].op_type = 'Later'\n>>> model.opset_import[0].version = 999"),
            0,
            id="an opset that onnx does not know yet",
        ),
        pytest.param(
            unknown_operator,
            "net (float[2] x) => (float[2] y) { h = Reluu(x) y = Reluu(h) }",
            1,
            id="once per operator",
        ),
        pytest.param(
            unsorted_nodes,
            NESTED + ">>> nodes = model.graph.node\n"
            ">>> nodes.append(nodes[0])\n"
            ">>> del nodes[0]",
            2,
            id="subgraphs that read ahead, the inner one too",
        ),
        pytest.param(
            unsorted_nodes,
            "net (float[2] x) => (float[2] y) { y = Add(x, y) }",
            1,
            id="a node that reads itself",
        ),
        pytest.param(
            undefined_value,
            NESTED.replace("Neg(x)", "Neg(q)"),
            1,
            id="a name of the sibling branch",
        ),
        pytest.param(
            undefined_value,
            "net (float[2] x) => (float[2] y) { h = Add(lost, lost) y = Mul(h, lost) }",
            1,
            id="one name is one finding",
        ),
        pytest.param(
            duplicate_definition,
            relu(">>> model.graph.input.append(model.graph.input[0])"),
            1,
            id="an input listed twice",
        ),
        pytest.param(
            duplicate_definition,
            relu(">>> model.graph.node[0].output.append('y')"),
            1,
            id="twice by one node",
        ),
        pytest.param(
            duplicate_definition,
            "net (float[2, 2] x) => (float[2] y) { y, \"\", \"\" = LSTM <hidden_size = 1> (x, x, x) }",
            0,
            id="omitted outputs share the empty name",
        ),
        pytest.param(
            wrong_arity,
            relu(">>> model.graph.node[0].input[:] = []"),
            1,
            id="no input",
        ),
        pytest.param(
            wrong_arity,
            OWN.replace("own.shift(x)", "own.shift(x, x)"),
            0,
            id="the model's own functions have no schema",
        ),
        pytest.param(
            wrong_arity,
            "net (float[2] x) => (float[8] y) { y = Concat <axis = 0> (x, x, x, x) }",
            0,
            id="as many as one likes",
        ),
        pytest.param(
            shape_conflict,
            OWN.replace("Add(a, one)", "MatMul(a, a)"),
            1,
            id="inside a function",
        ),
        pytest.param(
            shape_conflict,
            "net (float[2, 3] x) => (float[2, 2] y, float[2, 2] z)"
            "{ h = MatMul(x, x) y = Relu(h) z = MatMul(x, x) }",
            2,
            id="every node, and none that only follows",
        ),
        pytest.param(
            shape_conflict,
            "net (float[2, 3] x) => (float[2, 4] y) { y = Relu(x) }",
            0,
            id="a wrong declaration is another rule's",
        ),
        pytest.param(
            shape_conflict,
            "net (float[2] x) => (float[2] y) { y = Relu(lost) }",
            0,
            id="an undefined input is another rule's",
        ),
        pytest.param(
            shape_conflict,
            "net (float[2, 3, 4, 5] x) => (float[2, 3, 4, 5] y) { y = MeanVarianceNormalization(x) }",
            0,
            id="onnx's own expansion of an operator",
        ),
    ],
)  # fmt: skip
def test_near_misses(rule: Rule, text: str, count: int) -> None:
    assert len(findings(rule, text)) == count
