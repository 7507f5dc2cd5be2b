"""Patterns: what they find, what they must not, and what is said of those that are none."""

from __future__ import annotations

import pytest

from onnxlint import Pattern


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
