import pytest

from onnxlint.findings import Diagnostic
from onnxlint.rules.rule import Rule
from onnxlint.severity import Severity
from onnxlint.testing import Example, run_rule, saved
from onnxlint_rules.onx.conflicting_attribute_values import conflicting_attribute_values
from onnxlint_rules.onx.declared_shape_mismatch import declared_shape_mismatch
from onnxlint_rules.onx.deprecated_operator import deprecated_operator
from onnxlint_rules.onx.duplicate_definition import duplicate_definition
from onnxlint_rules.onx.duplicate_graph_output import duplicate_graph_output
from onnxlint_rules.onx.duplicate_initializer_name import duplicate_initializer_name
from onnxlint_rules.onx.duplicate_metadata_key import duplicate_metadata_key
from onnxlint_rules.onx.duplicate_opset_import import duplicate_opset_import
from onnxlint_rules.onx.experimental_operator import experimental_operator
from onnxlint_rules.onx.function_not_sorted_or_ssa import function_not_sorted_or_ssa
from onnxlint_rules.onx.function_opset_conflict import function_opset_conflict
from onnxlint_rules.onx.invalid_attribute import invalid_attribute
from onnxlint_rules.onx.invalid_function import invalid_function
from onnxlint_rules.onx.invalid_ir_version import invalid_ir_version
from onnxlint_rules.onx.missing_opset_import import missing_opset_import
from onnxlint_rules.onx.reference_attribute_outside_function import (
    reference_attribute_outside_function,
)
from onnxlint_rules.onx.shadowed_name import shadowed_name
from onnxlint_rules.onx.shape_conflict import shape_conflict
from onnxlint_rules.onx.shapeless_input import shapeless_input
from onnxlint_rules.onx.shapeless_output import shapeless_output
from onnxlint_rules.onx.type_constraint_violation import type_constraint_violation
from onnxlint_rules.onx.undefined_dtype import undefined_dtype
from onnxlint_rules.onx.undefined_output import undefined_output
from onnxlint_rules.onx.undefined_value import undefined_value
from onnxlint_rules.onx.unexpected_opset_import import unexpected_opset_import
from onnxlint_rules.onx.unknown_ir_version import unknown_ir_version
from onnxlint_rules.onx.unknown_operator import unknown_operator
from onnxlint_rules.onx.unnamed_graph import unnamed_graph
from onnxlint_rules.onx.unnamed_initializer import unnamed_initializer
from onnxlint_rules.onx.unsorted_nodes import unsorted_nodes
from onnxlint_rules.onx.untyped_input import untyped_input
from onnxlint_rules.onx.untyped_output import untyped_output
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
    conflicting_attribute_values,
    declared_shape_mismatch,
    deprecated_operator,
    duplicate_graph_output,
    duplicate_initializer_name,
    duplicate_metadata_key,
    duplicate_opset_import,
    experimental_operator,
    function_not_sorted_or_ssa,
    function_opset_conflict,
    invalid_attribute,
    invalid_function,
    invalid_ir_version,
    reference_attribute_outside_function,
    shadowed_name,
    shapeless_input,
    shapeless_output,
    type_constraint_violation,
    undefined_dtype,
    unexpected_opset_import,
    unknown_ir_version,
    unnamed_graph,
    unnamed_initializer,
    untyped_input,
    untyped_output,
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
            relu(">>> model.graph.node[0].op_type = 'New'\n>>> model.opset_import[0].version = 99"),
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
            1,
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
            'net (float[2, 2] x) => (float[2] y) { y, "", "" = LSTM <hidden_size = 1> (x, x, x) }',
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
            1,
            id="more inputs than the model's own function has",
        ),
        pytest.param(
            duplicate_opset_import,
            relu(">>> model.opset_import.append(model.opset_import[0])"),
            1,
            id="the same version twice, as skl2onnx writes it: an info",
        ),
        pytest.param(
            conflicting_attribute_values,
            "net (float[2] x) => (float[2] y) { y = LeakyRelu <alpha = 0.0> (x) }",
            0,
            id="a value that is zero is there",
        ),
        pytest.param(
            conflicting_attribute_values,
            relu(">>> model.graph.node[0].attribute.add(name='axes', type=7)"),
            0,
            id="an empty list is a value",
        ),
        pytest.param(
            unknown_operator,
            relu(">>> model.graph.node[0].op_type = ''\n>>> model.graph.node[0].domain = 'own'"),
            1,
            id="no operator named, in whatever domain",
        ),
        pytest.param(
            wrong_arity,
            'net (float[2, 2] x) => (float[1, 2] a) { a, "" = Split <num_outputs = 2> (x) }',
            0,
            id="an output of a variadic operator may be left out",
        ),
        pytest.param(
            wrong_arity,
            OWN,
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
            """net (float[3, 2] x) => (float[3, 2] y)
            <float[3] w = {1, 2, 3}, float[2] b = {1, 2}, float one = {1}, int64[1] last = {-1}> {
                c = Div(w, one) column = Unsqueeze(c, last) row = Div(b, one)
                table = Add(column, row) y = Add(x, table)
            }""",
            0,
            id="constants that broadcast, which onnx takes for shapes",
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
            "net (float[2, 3, 4, 5] x) => (float[N, 3, 4, 5] y)"
            "{ y = MeanVarianceNormalization(x) }",
            0,
            id="onnx's own expansion of an operator",
        ),
        pytest.param(
            function_not_sorted_or_ssa,
            OWN.replace("b = Add(a, one)", "b = Add(a, b)"),
            1,
            id="a function's node that reads itself",
        ),
        pytest.param(
            unsorted_nodes,
            OWN.replace("b = Add(a, one)", "b = Add(a, b)"),
            0,
            id="functions are another rule's",
        ),
        pytest.param(
            function_opset_conflict,
            OWN.replace('opset_import: ["" : 21]>\nshift', 'opset_import: ["" : 99]>\nshift'),
            1,
            id="a function's opset that onnx does not know yet, and not the model's",
        ),
        pytest.param(
            invalid_function,
            OWN + ">>> model.functions[0].domain = ''\n>>> model.functions[0].name = ''",
            2,
            id="neither name nor domain",
        ),
        pytest.param(
            invalid_function,
            OWN.replace('["" : 21]>\nshift', '["" : 21, "own" : 1]>\nshift')
            .replace("Add(a, one)", "own.back(a)") + """
<domain: "own", opset_import: ["" : 21, "own" : 1]>
back (c) => (d) { d = own.shift(c) }
""",
            1,
            id="two functions that call each other are one finding",
        ),
        pytest.param(
            shadowed_name,
            "net (int64 n, bool go, float[2] x) => (float[2] y) { y = Loop(n, go, x) <"
            "body = step (int64 i, bool c, float[2] x) => (bool c2, float[2] s)"
            "{ c2 = Identity(c) s = Relu(x) }> }",
            1,
            id="a loop's input named as what it starts from",
        ),
        pytest.param(
            duplicate_opset_import,
            relu(">>> model.opset_import[0].domain = 'ai.onnx'"),
            0,
            id="the long name alone",
        ),
        pytest.param(
            type_constraint_violation,
            "net (float[2] x, int64[2] i) => (float[4] y) { y = Concat <axis = 0> (x, x, i, i) }",
            2,
            id="each input that differs from the first",
        ),
        pytest.param(
            type_constraint_violation,
            "net (bool f, float[2] x, int64[2] i) => (float[2] y) { y = Where(f, x, x)"
            " z = Gather(x, i) }",
            0,
            id="parameters of different types",
        ),
        pytest.param(
            declared_shape_mismatch,
            "net (float[2] x) => (float[2] y) <float[2] w = {1, 2}> { y = Mul(x, w) }\n"
            ">>> info = model.graph.value_info.add(name='w')\n"
            ">>> info.type.CopyFrom(model.graph.input[0].type)\n"
            ">>> info.type.tensor_type.shape.dim[0].dim_value = 3",
            1,
            id="a weight's value_info that is stale",
        ),
        pytest.param(
            declared_shape_mismatch,
            "net (float[2] x) => (float[2] y) <float[2] w = {1, 2}> { y = Mul(x, w) }\n"
            ">>> info = model.graph.value_info.add(name='w')\n"
            ">>> info.type.CopyFrom(model.graph.input[0].type)\n"
            ">>> info.type.tensor_type.shape.dim[0].dim_param = 'n'",
            0,
            id="a weight's value_info with a symbol",
        ),
        pytest.param(
            shape_conflict,
            '<ir_version: 10, opset_import: ["" : 21, "own" : 1]>'
            "net (float[1, 1, 4, 4] x, float s, int8 z) => (int8[1, 1, 4, 4] y)"
            "<int8[1, 1, 1, 1] w = {1}> { h = own.quantise(x)"
            " y = QLinearConv(h, s, z, w, s, z, s, z) }",
            0,
            id="QLinearConv of a type that is not known",
        ),
        pytest.param(
            declared_shape_mismatch,
            "net (float[2] x) => (float[2] y) <float[3] g, float[3] h>"
            "{ g = Relu(x) h = Exp(g) y = Neg(h) }",
            1,
            id="what follows from a contradiction is none",
        ),
        pytest.param(
            invalid_attribute,
            "net (float[2] x) => (float[2] y) { y = Cast <to = 1> (x) }"
            "\n>>> del model.graph.node[0].attribute[:]",
            1,
            id="a required attribute is missing",
        ),
        pytest.param(
            untyped_output,
            "net (float[2] x) => (float[2] y) { h = Relu(x) }\n"
            ">>> model.graph.output[0].ClearField('type')",
            0,
            id="an undefined output is another rule's",
        ),
        pytest.param(
            shapeless_output,
            relu(">>> model.graph.output[0].ClearField('type')"),
            0,
            id="an untyped output is another rule's",
        ),
    ],
)  # fmt: skip
def test_near_misses(rule: Rule, text: str, count: int) -> None:
    assert len(findings(rule, text)) == count


def test_the_same_import_twice_is_an_info():
    same = ">>> model.opset_import.append(model.opset_import[0])"
    (finding,) = findings(duplicate_opset_import, relu(same))
    assert finding.severity is Severity.INFO
    other = ">>> model.opset_import.add(version=12)"
    (finding,) = findings(duplicate_opset_import, relu(other))
    assert finding.severity is Severity.ERROR


CONSTANT_OUTPUT = """net (float[2] x) => (float[2] y, float[2] w)
<float[2] w = {1, 2}> { y = Mul(x, w) }
>>> """


@pytest.mark.parametrize(
    ("rule", "change"),
    [
        (untyped_output, 'model.graph.output[1].ClearField("type")'),
        (shapeless_output, 'model.graph.output[1].type.tensor_type.ClearField("shape")'),
        (undefined_dtype, "model.graph.value_info.add(name='w').type.tensor_type.elem_type = 0"),
        (declared_shape_mismatch, "model.graph.output[1].type.tensor_type.elem_type = 8"),
        (declared_shape_mismatch,
         "model.graph.output[1].type.tensor_type.shape.dim[0].dim_value = 3"),
    ],
)  # fmt: skip
def test_declarations_of_constants_count(rule: Rule, change: str) -> None:
    (found,) = findings(rule, CONSTANT_OUTPUT + change)
    assert found.place.value == "w"
    assert not findings(rule, CONSTANT_OUTPUT + "pass")


@pytest.mark.parametrize(("outputs", "count"), [("y", 0), ("y, a", 1), ("y, a, b", 0)])
def test_batchnorm_outputs_are_one_or_three(outputs: str, count: int) -> None:
    text = f"""net (float[N, 2, 3] x) => (float[N, 2, 3] y)
    <float[2] s = {{1, 1}}, float[2] b0 = {{0, 0}}, float[2] m = {{0, 0}}, float[2] v = {{1, 1}}> {{
        {outputs} = BatchNormalization <training_mode = {int("b" in outputs)}> (x, s, b0, m, v)
    }}"""
    assert len(findings(wrong_arity, text)) == count


@pytest.mark.parametrize("last", ["Identity", 'ai.onnx.ml.Normalizer <norm = "L1">'])
def test_type_that_only_the_schema_tells(last: str) -> None:
    text = f"""<ir_version: 8, opset_import: ["" : 8, "ai.onnx.ml" : 1]>
    net (float[N, 2] x) => (TYPE[N, 1] y) {{
        h = ai.onnx.ml.TreeEnsembleRegressor <n_targets = 1> (x)
        y = {last}(h)
    }}"""
    (found,) = findings(type_constraint_violation, text.replace("TYPE", "string"))
    assert "string" in found.message
    assert not findings(type_constraint_violation, text.replace("TYPE", "float"))


def test_zip_map_needs_its_labels() -> None:
    text = """<ir_version: 8, opset_import: ["" : 13, "ai.onnx.ml" : 1]>
    net (float[N, 2] x) => (seq(map(int64, float)) y) {
        y = ai.onnx.ml.ZipMap <classlabels_int64s = [0, 1]> (x)
    }"""
    assert not findings(invalid_attribute, text)
    (found,) = findings(invalid_attribute, text.replace("<classlabels_int64s = [0, 1]>", ""))
    assert "classlabels_strings" in found.message


# Operators that onnxruntime expands, or whose operands nobody compares before they run

NORMALISED = """<ir_version: 10, opset_import: ["" : %d]>
net (float[2, 4, 3] x, float%s s, float%s b, int64%s t) => (float[2, 4, 3] y)
{ u = %s y = Relu(x) }"""


@pytest.mark.parametrize(
    ("nodes", "sizes", "opset", "fits"),
    [
        ("GroupNormalization<num_groups = 3>(x, s, b)", "[4]", 21, False),
        ("GroupNormalization<num_groups = 2>(x, s, b)", "[4]", 21, True),
        ("GroupNormalization<num_groups = 2>(x, s, b)", "[1]", 21, True),
        ("GroupNormalization<num_groups = 2>(x, s, b)", "[2]", 21, False),
        ("GroupNormalization<num_groups = 2>(x, s, b)", "[2]", 18, True),
        ("LayerNormalization(x, s)", "[4]", 21, False),
        ("LayerNormalization(x, s)", "[3]", 21, True),
        ("LayerNormalization(x, s)", "[1, 4, 1]", 21, True),
        ("LayerNormalization<axis = 1>(x, s, b)", "[4, 3]", 21, True),
        ("LayerNormalization(x, , b)", "[N]", 21, True),
        ("RMSNormalization(x, s)", "[2]", 23, False),
        ("Clip(x, s)", "[1]", 21, True),
        ("Clip(x, s)", "", 21, True),
        ("Clip(x, , s)", "[3]", 21, False),
        ('SoftmaxCrossEntropyLoss<reduction = "none">(x, t)', "[2, 3]", 21, True),
        ('SoftmaxCrossEntropyLoss<reduction = "none">(x, t)', "[2, 4]", 21, False),
        ('SoftmaxCrossEntropyLoss<reduction = "none">(x, t, b)', "[2, 3]", 21, False),
    ],
)
def test_operands_fit_the_sizes_that_they_go_with(nodes, sizes, opset, fits):
    found = findings(shape_conflict, NORMALISED % (opset, sizes, sizes, sizes, nodes))
    assert bool(found) is not fits
