"""QNT004 unpaired-qdq."""

from collections.abc import Iterator

from onnxlint import Finding, Graph, Node, Severity, Value, rule
from onnxlint_rules.qnt._layers import FLOAT_LAYERS, Behind, layers
from onnxlint_rules.qnt._parameters import DEQUANTIZE, QUANTIZE

ARITHMETIC = frozenset(("Add", "Sub", "Mul", "Div", "Pow", "Neg", "Abs", "Sum", "Mean"))
"""Operators that take small integers and know nothing of scales."""

QUANTISERS = (*QUANTIZE, *DEQUANTIZE, "DynamicQuantizeLinear")


@rule("QNT004", "unpaired-qdq", severity=Severity.WARNING, ops=QUANTISERS)
def unpaired_qdq(graph: Graph) -> Iterator[Finding]:
    """QuantizeLinear and DequantizeLinear that are not where an integer kernel replaces them.

    Why: runtimes look for data and weights dequantised before a layer and the result quantised
    behind it. What is left over costs time and accuracy and gains nothing (TensorRT issues 2323 and
    3861, onnxruntime-qnn issue 490). A warning are: quantised numbers that arithmetic takes for
    plain ones, so that their scale is lost; data that is quantised dynamically and dequantised
    at once, with no integer operator between; a layer with int8 weights and float data in a model
    most of whose layers have both quantised, which somebody forgot. Information is what is
    dequantised and quantised again: needless with the same parameters; with others, as a concat
    needs them, it rounds twice. Weights alone quantised throughout save memory and are left alone,
    as are quantised outputs. Once for each kind.
    Fix: dequantise before arithmetic; leave a layer out as a whole, or quantise its data, too;
    remove the pair that is left over.

    Bad:
    # the scales are lost
    net (float[N, 4] a, float[N, 4] b) => (float[N, 4] y)
    <float s = {0.1}, float t = {0.2}, int8 z = {0}>
    {
        p = QuantizeLinear(a, s, z)
        q = QuantizeLinear(b, t, z)
        r = Add(p, q)
        y = DequantizeLinear(r, s, z)
    }

    Bad:
    net (float[N, 4] x) => (float[N, 2] y)
    <float[4, 2] w = {1, 2, 3, 4, 5, 6, 7, 8}>
    {
        q, s, z = DynamicQuantizeLinear(x)
        h = DequantizeLinear(q, s, z)
        y = MatMul(h, w)
    }

    Good:
    # weights alone
    net (float[N, 4] x) => (float[N, 2] y)
    <int8[4, 2] w = {1, 2, 3, 4, 5, 6, 7, 8}, float s = {0.1}>
    {
        h = DequantizeLinear(w, s)
        y = MatMul(x, h)
    }

    Good:
    net (float[N, 4] x) => (int8[4, N] y)
    <float s = {0.1}, int8 z = {0}>
    {
        q = QuantizeLinear(x, s, z)
        y = Transpose(q)
    }
    """
    equal, other = _round_trips(graph)
    for nodes, what, severity in (
        (_plain_arithmetic(graph), "it takes quantised integers for plain numbers", None),
        (
            _dynamic(graph),
            "what it quantises is dequantised at once, for no integer operator",
            None,
        ),
        (_half_quantised(graph), "its weights are quantised and its data is float", None),
        (equal, "it quantises again with the same scale what was dequantised", Severity.INFO),
        (other, "it quantises anew what was rounded to another scale", Severity.INFO),
    ):
        if nodes:
            yield Finding(
                nodes[0],
                f"{what}; nodes like it: {len(nodes)}",
                measured=len(nodes),
                limit=0,
                unit="nodes",
                severity=severity,
            )


def _plain_arithmetic(graph: Graph) -> list[Node]:
    """Arithmetic on quantised numbers, of which only their scales say what they are."""
    quantiser = Behind(QUANTIZE)
    return [
        node
        for node in graph.nodes(*ARITHMETIC)
        if any(quantiser(value) is not None for value in node.inputs)
    ]


def _dynamic(graph: Graph) -> list[Node]:
    """What is quantised dynamically and read by nothing but DequantizeLinear."""
    return [
        node
        for node in graph.nodes("DynamicQuantizeLinear")
        if (quantised := node.output) is not None
        and quantised.consumers
        and not (quantised.is_output or quantised.yielded_to)
        and all(reader.op in DEQUANTIZE for reader in quantised.consumers)
    ]


def _half_quantised(graph: Graph) -> list[Node]:
    """Layers with weights of 8 bits and float data, where they are fewer than the others."""
    judged = [layer for layer in layers(graph) if layer.node.op in FLOAT_LAYERS and layer.is_8_bit]
    halves = [layer.node for layer in judged if layer.data is None]
    return halves if 2 * len(halves) < len(judged) else []


def _round_trips(graph: Graph) -> tuple[list[Node], list[Node]]:
    """What quantises what was just dequantised: with equal parameters, and with others."""
    equal: list[Node] = []
    other: list[Node] = []
    same = _Same(graph)
    for node in graph.nodes(*QUANTIZE):
        data = node.input(0)
        before = None if data is None else graph.source(data).producer
        if before is not None and before.op in DEQUANTIZE:
            (equal if same.parameters(node, before) else other).append(node)
    return equal, other


class _Same:
    """Compares scales and zero points, each pair once."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._known: dict[tuple[Value | None, Value | None], bool] = {}

    def parameters(self, one: Node, other: Node) -> bool:
        """Whether two nodes have the same scale and zero point."""
        pairs = ((one.input(slot), other.input(slot)) for slot in (1, 2))
        alike = all(a is b or self._equal(a, b) for a, b in pairs)
        return alike and one.attribute("axis", 1) == other.attribute("axis", 1)

    def _equal(self, one: Value | None, other: Value | None) -> bool:
        if (one, other) not in self._known:
            self._known[one, other] = self._compared(one, other)
        return self._known[one, other]

    def _compared(self, one: Value | None, other: Value | None) -> bool:
        import numpy as np

        a, b = self._graph.constant(one), self._graph.constant(other)
        return a is not None and b is not None and a.dtype == b.dtype and np.array_equal(a, b)
