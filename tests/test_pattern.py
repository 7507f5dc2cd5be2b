"""Patterns: what they find, what they must not, and what is said of those that are none."""

from __future__ import annotations

import random
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import ModelProto, TensorProto, helper

from onnxlint import Graph, Pattern, PatternError
from onnxlint.model.file.load import open_model


@pytest.fixture
def found(graph_of):
    """The matches of a pattern in a model, each as names of values by names of the pattern."""

    def find(pattern: str | tuple[str, ...], model: str) -> list[dict[str, str]]:
        texts = (pattern,) if isinstance(pattern, str) else pattern
        with graph_of(model) as graph:
            return [
                {name: value.name for name, value in match.items()}
                for match in Pattern(*texts).matches(graph)
            ]

    return find


def net(nodes: str, inputs: str = "float[N, 4] x", constants: str = "") -> str:
    """A model whose outputs nobody declares the shape of."""
    given = f"<{constants}>" if constants else ""
    return f"net ({inputs}) => (float[N, 4] y) {given} {{ {nodes} }}"


FITS = {
    "a chain": ("a = Softmax(x) b = Softmax(a)", "p = Softmax(x) y = Softmax(p)"),
    "line breaks are free": ("a=\nRelu\n(x)\nb = Neg(a)", "p = Relu(x) y = Neg(p)"),
    "a comment": ("# first\na = Relu(x) # then", "y = Relu(x)"),
    "one of several operators": ("b = Softmax|LogSoftmax(x)", "y = LogSoftmax(x)"),
    "an attribute": ("b = Softmax<axis = 1>(x)", "y = Softmax<axis = 1>(x)"),
    "an attribute as onnx prints it": ("b = Softmax <axis: int = 1> (x)", "y = Softmax<axis=1>(x)"),
    "an attribute's default": ("b = Softmax<axis = -1>(x)", "y = Softmax(x)"),
    "an attribute that differs": ("b = Softmax<axis != 0>(x)", "y = Softmax(x)"),
    "an attribute above": ("b = Softmax<axis > 0, axis <= 1>(x)", "y = Softmax<axis = 1>(x)"),
    "a list": ("b = Transpose<perm = [1, 0]>(x)", "y = Transpose<perm = [1, 0]>(x)"),
    "a text": ('b = Gelu<approximate = "none">(x)', "y = Gelu(x)"),
    "a fraction": ("b = LeakyRelu<alpha = 0.01>(x)", "y = LeakyRelu(x)"),
    "the same attribute": (
        "a = Softmax<axis = n>(x) b = LogSoftmax<axis = n>(a)",
        "p = Softmax<axis = 1>(x) y = LogSoftmax<axis = 1>(p)",
    ),
    "a swapped operand": ("a = Relu(x) b = Add(a, x)", "p = Relu(x) y = Add(x, p)"),
    "a swapped operand of many": ("a = Relu(x) b = Sum(a, ...)", "p = Relu(x) y = Sum(x, x, p)"),
    "the second of two that fit": (
        "r = Relu(x) a = Tanh(r) b = Add(a, r)",
        "p = Relu(x) q = Tanh(x) r = Tanh(p) s = Identity(q) y = Add(p, r)",
    ),
    "any operand": ("b = Clip(x, _, _)", "y = Clip(x)"),
    "further operands": ("b = Clip(x, ...)", 'y = Clip(x, "", m)'),
    "an omitted operand": ("b = Clip(x, , m)", 'y = Clip(x, "", m)'),
    "an omitted operand in quotes": ('b = Clip(x, "", m)', 'y = Clip(x, "", m)'),
    "another output": ("_, i = TopK(x, k) b = Cast(i)", "v, i = TopK(x, k) y = Cast<to = 1>(i)"),
    "a number": ("b = Mul(x, 0.5)", "h = Constant<value_float = 0.5>() y = Mul(h, x)"),
    "a rounded number": (
        "b = Div(x, 1.414)",
        "h = Constant<value_float = 1.4142135>() y = Div(x, h)",
    ),
    "a number in a filled shape": (
        "b = Add(x, 0)",
        "s = Shape(x) h = ConstantOfShape(s) y = Add(x, z)",
    ),
    "a list of numbers": (
        "b = Reshape(x, [0, -1])",
        "s = Constant<value_ints = [0, -1]>() y = Reshape(x, s)",
    ),
    "a condition on a constant": ("b = Mul(x, k) where k > 1 where k <= 2", "y = Mul(x, m)"),
    "no optional node": ("a = Relu(x) ? c = Cast(a) b = Neg(c)", "p = Relu(x) y = Neg(p)"),
    "an optional node": (
        "a = Relu(x) ? c = Cast(a) b = Neg(c)",
        "p = Relu(x) c = Cast<to = 1>(p) y = Neg(c)",
    ),
    "many optional nodes": (
        "a = Relu(x) * c = Cast|Identity(a) b = Neg(c)",
        "p = Relu(x) q = Identity(p) r = Cast<to = 1>(q) s = Identity(r) y = Neg(s)",
    ),
    "an absent node hands on what a line makes": (
        "a = Relu(x) ? c = Where(_, a, _) b = Neg(c)",
        "p = Relu(x) y = Neg(p)",
    ),
    "an optional node that reads it second": (
        "a = Relu(x) ? c = Add(k, a) b = Neg(c)",
        "p = Relu(x) q = Add(p, x) y = Neg(q)",
    ),
    "another way to make a value": (
        "a = Relu(x) s = Pow(a, 2) | s = Mul(a, a) b = Neg(s)",
        "p = Relu(x) q = Mul(p, p) y = Neg(q)",
    ),
    "another way to end": (
        "a = Relu(x) r = Reciprocal(a) b = Mul(x, r) | b = Div(x, a)",
        "p = Relu(x) y = Div(x, p)",
    ),
    "one of two optional nodes": (
        "a = Relu(x) ? c = Mul(a, k) | c = Where(_, a, _) b = Neg(c)",
        "p = Relu(x) q = Greater(p, m) r = Where(q, p, m) y = Neg(r)",
    ),
    "many optional nodes of two kinds": (
        "a = Relu(x) * c = Mul(a, _) | c = Where(_, a, _) b = Neg(c)",
        "p = Relu(x) q = Mul(m, p) r = Greater(p, m) s = Where(r, q, m) y = Neg(s)",
    ),
    "a constant": ("b = MatMul(x, w) where w is constant", "i = Identity(m) y = MatMul(x, i)"),
    "no constant": ("b = Mul(x, w) where w is not constant", "w = Relu(x) y = Mul(x, w)"),
    "input and output": ("b = Relu(a) where a is input where b is output", "y = Relu(x)"),
    "a private value": (
        "a = Relu(x) b = Mul(a, a) where a is private",
        "p = Relu(x) y = Mul(p, p)",
    ),
    "a shared value": (
        "a = Relu(x) b = Neg(a) where a is not private",
        "p = Relu(x) q = Abs(p) y = Neg(p)",
    ),
}

FITS_NOT = {
    "another operator": ("b = Softmax(x)", "y = LogSoftmax(x)"),
    "another operator of the same name": ("b = local.Relu(x)", "y = Relu(x)"),
    "another attribute": ("b = Softmax<axis = 0>(x)", "y = Softmax<axis = 1>(x)"),
    "no default": ("b = Transpose<perm != [1, 0]>(x)", "y = Transpose(x)"),
    "a longer list": ("b = Transpose<perm = [1]>(x)", "y = Transpose<perm = [1, 0]>(x)"),
    "different attributes": (
        "a = Softmax<axis = n>(x) b = LogSoftmax<axis = n>(a)",
        "p = Softmax<axis = 1>(x) y = LogSoftmax<axis = 0>(p)",
    ),
    "the order of Sub": ("a = Relu(x) b = Sub(a, _)", "p = Relu(x) y = Sub(x, p)"),
    "two values of one name": ("b = Add(x, x)", "p = Relu(x) y = Add(x, p)"),
    "one node for two lines": (
        "a = Relu(_) c = Relu(_) b = Add(a, c)",
        "p = Relu(x) y = Add(p, p)",
    ),
    "one operand for two": ("a = Relu(x) b = Sum(a, a)", "p = Relu(x) y = Sum(p, x)"),
    "too many operands": ("b = Clip(x)", 'y = Clip(x, "", m)'),
    "too few operands": ("b = Clip(x, m, ...)", "y = Clip(x)"),
    "a given operand": ("b = Clip(x, , k)", "y = Clip(x, m, m)"),
    "the first output": ("_, i = TopK(x, k) b = Neg(i)", "v, i = TopK(x, k) y = Neg(v)"),
    "a number near one": ("b = Mul(x, 1)", "h = Constant<value_float = 1.001>() y = Mul(h, x)"),
    "a whole number near one": (
        "b = Mul(x, 1001)",
        "h = Constant<value_int = 1000>() y = Mul(h, x)",
    ),
    "some elements": ("b = Mul(x, 1)", "h = Constant<value_floats = [1.0, 2.0]>() y = Mul(h, x)"),
    "a computed value": ("b = Mul(x, 2)", "h = Relu(m) y = Mul(h, x)"),
    "a condition on a computed value": ("b = Mul(x, k) where k != 1", "h = Relu(m) y = Mul(x, h)"),
    "more than the optional node": (
        "a = Relu(x) ? c = Identity(a) b = Neg(c)",
        "p = Relu(x) q = Identity(p) r = Identity(q) y = Neg(r)",
    ),
    "an optional node's second output": (
        "a = Relu(x) ? c = Dropout(a) b = Not(c)",
        "p = Relu(x) q, mask = Dropout(p) y = Not(mask)",
    ),
    "neither of two ways": (
        "a = Relu(x) s = Pow(a, 2) | s = Mul(a, a) b = Neg(s)",
        "p = Relu(x) q = Mul(p, x) y = Neg(q)",
    ),
    "no input": ("b = Neg(a) where a is input", "p = Relu(x) y = Neg(p)"),
    "a value that others read": (
        "a = Relu(x) b = Neg(a) where a is private",
        "p = Relu(x) q = Abs(p) y = Neg(p)",
    ),
    "a value that is an output": (
        "a = Relu(x) b = Neg(a) where a is private",
        "y = Relu(x) q = Neg(y)",
    ),
}

CONSTANTS = "float[1] m = {2}, float[4] z = {0, 0, 0, 0}, int64[1] k = {1}"


@pytest.mark.parametrize("case", FITS)
def test_pattern_fits(case, found):
    pattern, nodes = FITS[case]
    assert len(found(pattern, net(nodes, constants=CONSTANTS))) == 1


@pytest.mark.parametrize("case", FITS_NOT)
def test_pattern_does_not_fit(case, found):
    pattern, nodes = FITS_NOT[case]
    assert found(pattern, net(nodes, constants=CONSTANTS)) == []


CALLED = """<ir_version: 10, opset_import: ["" : 21, "local" : 1]>
net (float[N] x) => (float[N] y) {p = Softmax(x)  y = local.again(p)}
<domain: "local", opset_import: ["" : 20]>
again (a) => (b) {b = Softmax(a)}"""

INSIDE = CALLED.replace("{b = Softmax(a)}", "{p = Softmax(a)  b = Softmax(p)}")

BRANCHES = """net (float[N] x, bool c) => (float[N] y) {
    p = Softmax(x)
    y = If(c)<then_branch: graph = t () => (float[N] a) {a = Softmax(p)},
              else_branch: graph = e () => (float[N] b) {q = Relu(x)  b = Softmax(q)}>
}"""

HANDED_OUT = """net (float[N] x, bool c) => (float[N] y) {
    h = If(c)<then_branch: graph = t () => (float[N] a) {a = Softmax(x)},
              else_branch: graph = e () => (float[N] b) {b = Softmax(x)}>
    y = Softmax(h)
}"""

FIXTURES = Path(__file__).parent.parent / "fixtures"

TWICE = "a = Softmax(x) b = Softmax(a)"


@pytest.mark.parametrize(
    ("model", "places"),
    [(BRANCHES, ["If_1/then_branch"]), (INSIDE, ["function:local::again"]), (CALLED, []),
     (HANDED_OUT, [])],
    ids=["a branch sees what is around it", "a function's body", "not into a function",
         "not out of a branch"],
)  # fmt: skip
def test_scopes(model, places, graph_of):
    with graph_of(model) as graph:
        assert [match.place.scope for match in Pattern(TWICE).matches(graph)] == places


def test_match_knows_values_nodes_and_attributes(graph_of):
    pattern = Pattern("a = Softmax<axis = n>(x) ? c = Mul(a, k) b = Neg(c)")
    with graph_of(net("p = Softmax(x) y = Neg(p)")) as graph:
        (match,) = pattern.matches(graph)
        softmax, neg = graph.main.nodes
        assert {name: value.name for name, value in match.items()} == {
            "x": "x", "a": "p", "c": "p", "b": "y"
        }  # fmt: skip
        assert match.node("a") is softmax
        assert match.node("b") is match.last is neg
        assert match.node("c") is None
        assert match.node("x") is None
        assert match.nodes == (softmax, neg)
        assert match.place == neg.place
        assert match.attribute("n") == -1
        assert "k" not in match
        with pytest.raises(KeyError):
            match.node("nobody")


def test_one_match_for_each_last_node(found):
    model = net("p = Relu(x) q = Relu(p) s = Add(q, p) r = Add(s, p) y = Add(r, r)")
    (match,) = found("a = Relu(x) b = Relu(a) c = Add(b, a)", model)
    assert match == {"x": "x", "a": "p", "b": "q", "c": "s"}
    assert [match["c"] for match in found("a = Relu(x) c = Add(a, _)", model)] == ["s", "r"]
    (first, *_) = found("a = Relu(x) c = Add(a, _)", model)
    assert first["a"] == "q"


def test_alternatives(found):
    texts = ("a = Relu(x) b = Neg(a)", "b = Abs|Neg(c)")
    matches = found(texts, net("p = Relu(x) q = Neg(p) y = Abs(q)"))
    assert matches == [{"x": "x", "a": "p", "b": "q"}, {"c": "q", "b": "y"}]


@pytest.mark.parametrize(
    ("dtype", "number", "count"),
    [("float", "1.7", 1), ("float16", "1.7", 1), ("bfloat16", "1.7", 1), ("bfloat16", "2", 0),
     ("int4", "2", 1), ("uint4", "2", 1), ("int64", "2", 1), ("int64", "1.7", 0), ("bool", "1", 1),
     ("complex64", "1", 0)],
)  # fmt: skip
def test_numbers_in_constants_of_every_dtype(dtype, number, count, graph_of):
    number_type = float if "float" in dtype else int
    with graph_of(net("y = Mul(x, c)", constants="float[3] c = {1, 1, 1}")) as graph:
        made = {"bool": 1, "complex64": 1}.get(dtype, 1.7 if number_type is float else 2)
        element = TensorProto.DataType.Value(dtype.upper())
        graph.main.values["c"].tensor_proto.CopyFrom(
            helper.make_tensor("c", element, [3], [made] * 3)
        )
        for pattern in (f"b = Mul(x, {number})", f"b = Mul(x, c) where c == {number}",
                        f"b = Mul(x, [{number}, {number}, {number}])"):  # fmt: skip
            assert len([*Pattern(pattern).matches(graph)]) == count


@given(st.text(alphabet='ab=(),.?*|<>_ 1\n"[]#', max_size=40))
def test_any_text_is_a_pattern_or_a_mistake(text):
    try:
        Pattern(text)
    except PatternError as error:
        assert "\n" not in str(error)


MISTAKES = {
    "": "contains no node",
    "b = Softmax a": "line 1, column 13: expected '(' after the operator, found 'a'",
    "b = Softmax(a": "line 1, column 14: expected ',' after an operand, the pattern ends",
    "b Softmax(a)": "line 1, column 3: expected '=' after the outputs, found 'Softmax'",
    "b = (a)": "line 1, column 5: expected an operator, found '('",
    "b = Softmax|(a)": "line 1, column 13: expected an operator, found '('",
    "a = Relu(x)\n  b = Neg(a) ;": "line 2, column 14: ';' is unexpected",
    "b = Softmax<axis>(a)": "line 1, column 18: expected a number",
    "b = Softmax<axis ! 1>(a)": "'!' is unexpected",
    "b = Softmax<axis : 1>(a)": "expected the type of an attribute",
    "b = Softmax<axis = >(a)": "expected a number, a text in double quotes or a list",
    "b = Softmax<axis != n>(a)": "'!=' cannot compare with a name",
    "b = Softmax<axis > [1]>(a)": "'>' needs a number on its right side",
    "a = Relu(x)\na = Neg(a)": "line 2, column 1: 'a' is defined twice",
    "b = Neg(a)\na = Relu(x)": "line 2, column 1: 'a' is read by a line above",
    "a = Relu(x)\nb = Neg(x)": "line 1: no line after it reads a; every node must lead to",
    "a = Relu(x)\n? b = Neg(a)": "line 2: the last node cannot be optional",
    "? a = Constant() b = Neg(a)": "must read a value that it may hand on",
    "? a, b = Split(x) c = Neg(a)": "an optional node has one output",
    "a = Relu(x)\n| b = Neg(x)": "line 2, column 3: an alternative must define the same output",
    "| a = Relu(x)": "line 1, column 1: expected the name of an output, found '|'",
    "b = Conv(x, ..., w)": "expected ')' after '...'",
    'b = Conv("x")': "a text cannot be an operand",
    "layer.1 = Relu(x)": "'layer.1' is not a valid value name",
    "b = Relu(x) where k is constant": "no node defines or reads 'k'",
    "base = Relu(x) where bse is output": "did you mean 'base'?",
    "b = Relu(x) where x is constnt": "did you mean 'constant'?",
    "b = Relu(x) where x": "expected a comparison",
    "b = Relu(x) where x == y": "'where' only compares a value with a number",
    "where b = Relu(x)": "line 1, column 11: 'where' only compares a value with a number",
}


@pytest.mark.parametrize("text", MISTAKES)
def test_mistakes_are_told_with_their_place(text):
    with pytest.raises(PatternError) as caught:
        Pattern(text)
    assert MISTAKES[text] in str(caught.value)


def test_a_misspelled_operator_is_told_and_an_unknown_one_is_not():
    assert Pattern("b = Sofmax(a)").misspelled() == (
        "line 1: there is no operator 'Sofmax'; did you mean 'Softmax'?"
    )
    assert "did you mean 'Relu'?" in Pattern("b = relu(a)").misspelled()
    for text in ("b = Softmax(a)", "b = FlashThing9(a)", "b = com.acme.Sofmax(a)"):
        assert Pattern(text).misspelled() is None


def test_what_every_match_knows():
    pattern = Pattern("""
        a = Softmax<axis = n>(x)
        ? c = Mul(a, k)
        r = Reciprocal(c)
        b = Mul(c, r)
        | b = Div(c, w)
    """)
    assert pattern.certain == {"n", "x", "a", "c", "b"}
    assert pattern.certain_nodes == {"a", "b"}
    assert Pattern("a = Relu(x) b = Neg(a)", "b = Abs(x)").certain == {"x", "b"}


# Real exports.

GELU = (
    """
    d = Div|Mul(x, _)
    e = Erf(d)
    a = Add(e, 1)
    m = Mul(x, a)
    g = Mul(m, 0.5)
    """,
)
LAYER_NORM = (
    """
    m = ReduceMean(x, ...)
    d = Sub(x, m)
    s = Pow(d, 2)
    | s = Mul(d, d)
    v = ReduceMean(s, ...)
    e = Add(v, epsilon)
    r = Sqrt(e)
    n = Div(d, r)
    where epsilon > 0
    """,
)
ATTENTION = (
    """
    s = MatMul(q, k)
    ? c = Div|Mul(s, scale)
    ? m = Add(c, mask)
    p = Softmax<axis = -1>(m)
    o = MatMul(p, v)
    """,
)

IN_EXPORTS = {
    "transformer_opset14_torchscript": {GELU: 1, LAYER_NORM: 2, ATTENTION: 1},
    "transformer_torchscript": {GELU: 0, LAYER_NORM: 0, ATTENTION: 1},
    "transformer_dynamo": {GELU: 0, LAYER_NORM: 0, ATTENTION: 1},
    "cnn_torchscript": {GELU: 0, LAYER_NORM: 0, ATTENTION: 0},
}


@pytest.mark.parametrize("name", IN_EXPORTS)
def test_layers_of_real_exports(name):
    with open_model(str(FIXTURES / "pytorch" / f"{name}.onnx")) as model:
        graph = Graph(model)
        counts = {texts: len([*Pattern(*texts).matches(graph)]) for texts in IN_EXPORTS[name]}
    assert counts == IN_EXPORTS[name]


# A pattern is found in any graph that holds it, and no longer when one edge of it is broken.

NODES = (
    ("m", "ReduceMean", "x"), ("d", "Sub", "x m"), ("s", "Mul", "d d"), ("v", "ReduceMean", "s"),
    ("e", "Add", "v k"), ("r", "Sqrt", "e"), ("n", "Div", "d r"), ("g", "Mul", "n w"),
    ("y", "Add", "g b"),
)  # fmt: skip
NORMALISED = Pattern("\n".join(f"{out} = {op}({', '.join(ins.split())})" for out, op, ins in NODES))


@dataclass
class Piece:
    """A node to be: operator, output, inputs."""

    op: str
    output: str
    inputs: list[str]


def pieces(chance: random.Random) -> list[Piece]:
    """The nodes of the pattern under other names, commutative operands in any order."""
    names = dict(zip("xmdsvernygkwb", chance.sample([f"t{n}" for n in range(13)], 13), strict=True))
    made = [Piece(op, names[out], [names[each] for each in ins.split()]) for out, op, ins in NODES]
    for piece in made:
        if piece.op in ("Add", "Mul"):
            chance.shuffle(piece.inputs)
    return made


def break_one_edge(made: list[Piece], chance: random.Random) -> None:
    """Lets one node read a stranger in place of a value that another node makes or reads too."""
    shared = Counter(name for piece in made for name in {piece.output, *piece.inputs})
    edges = [(piece, slot) for piece in made for slot, name in enumerate(piece.inputs)
             if shared[name] > 1]  # fmt: skip
    piece, slot = chance.choice(edges)
    piece.inputs[slot] = "stranger"


def among_others(made: list[Piece], chance: random.Random) -> ModelProto:
    """A model of these nodes and of unary ones that read anything, in some order that is sorted."""
    outputs = [piece.output for piece in made]
    inputs = {name for piece in made for name in piece.inputs} - {*outputs}
    others = [Piece(chance.choice(("Relu", "Abs")), f"other{n}", [chance.choice(outputs)])
              for n in range(chance.randrange(6))]  # fmt: skip
    left, known, nodes = [*made, *others], {*inputs}, []
    while left:
        piece = chance.choice([each for each in left if known.issuperset(each.inputs)])
        left.remove(piece)
        known.add(piece.output)
        nodes.append(helper.make_node(piece.op, piece.inputs, [piece.output]))
    infos = [helper.make_tensor_value_info(name, 1, ["N"]) for name in sorted(inputs)]
    output = helper.make_tensor_value_info(made[-1].output, 1, ["N"])
    return helper.make_model(helper.make_graph(nodes, "net", infos, [output]))


def fits(model: ModelProto) -> int:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        path.write_bytes(model.SerializeToString())
        with open_model(str(path)) as opened:
            return len([*NORMALISED.matches(Graph(opened))])


@settings(deadline=None)  # the machine may be busy
@given(st.randoms(use_true_random=False))
def test_a_hidden_pattern_is_found_until_an_edge_is_broken(chance):
    made = pieces(chance)
    assert fits(among_others(made, chance)) == 1
    break_one_edge(made, chance)
    assert fits(among_others(made, chance)) == 0


def calls_of_search(pattern: Pattern, graph: Graph) -> int:
    """How many functions of the matcher are entered while it searches."""
    calls = 0

    def count(frame, event, _argument):
        nonlocal calls
        calls += event == "call" and frame.f_code.co_filename.endswith("matcher.py")

    sys.setprofile(count)
    try:
        list(pattern.matches(graph))
    finally:
        sys.setprofile(None)
    return calls


@pytest.mark.parametrize(
    "text",
    [
        "a = Relu(x) b = Relu(a)",
        "* a = Relu(x) b = Relu(a)",
        "a = Neg(x) * c = Relu(a) b = Relu(c)",
    ],
)
def test_cost_is_linear_in_a_long_chain(text, tmp_path):
    costs = []
    for length in (1_000, 2_000):
        nodes = [helper.make_node("Relu", [f"v{n}"], [f"v{n + 1}"]) for n in range(length)]
        ends = [helper.make_tensor_value_info(name, 1, ["N"]) for name in ("v0", f"v{length}")]
        model = helper.make_model(helper.make_graph(nodes, "chain", ends[:1], ends[1:]))
        path = tmp_path / f"{length}.onnx"
        path.write_bytes(model.SerializeToString())
        with open_model(str(path)) as opened:
            costs.append(calls_of_search(Pattern(text), Graph(opened)))
    short, long = costs
    assert short > 1_000
    assert long < 2.1 * short
