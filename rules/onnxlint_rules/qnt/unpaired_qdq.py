"""QNT004 unpaired-qdq."""

from collections.abc import Iterator

from onnxlint import Finding, Graph, Node, Quantisation, Severity, rule
from onnxlint.model.graph.operators import DEQUANTIZE, QUANTIZE, UNSCALED_INTEGERS

QUANTISERS = QUANTIZE | DEQUANTIZE | {"DynamicQuantizeLinear"}


_KINDS = (
    ("computes on quantised integers without their scale",
     "dequantise the operands of {op}, and quantise its result again", None),
    ("result is dequantised immediately, without an integer operator between",
     "remove {op} and DequantizeLinear, or read the integers with MatMulInteger", None),
    ("weights are quantised, but data is float",
     "quantise the data of this {op}, too, or exclude the layer as a whole", None),
    ("quantises a dequantised value again with the same scale",
     "remove {op} and the DequantizeLinear before it", Severity.INFO),
    ("requantises a value that was rounded to a different scale",
     "use one scale on both sides if the range allows it", Severity.INFO),
)  # fmt: skip
"""Message, hint and severity of each kind."""


@rule("QNT004", "unpaired-qdq", severity=Severity.WARNING, ops=QUANTISERS)
def unpaired_qdq(graph: Graph, quantisation: Quantisation) -> Iterator[Finding]:
    """Quantize/Dequantize nodes that do not form a pattern integer kernels can replace.

    Why: runtimes look for data and weights that are dequantised before a layer, and for a result
    that is quantised after it. Any other node costs time and accuracy and gains nothing (TensorRT
    issues 2323 and 3861, onnxruntime-qnn issue 490). A warning: arithmetic on quantised integers,
    which loses their scale; data that is quantised dynamically and dequantised immediately, without
    an integer operator between; a layer with int8 weights and float data in a model in which most
    layers have both quantised. An info: a value that is dequantised and quantised again, which is
    redundant with the same parameters, and rounds twice with others, as a concat needs them. Models
    in which only the weights are quantised save memory and are exempt, as are quantised outputs.
    One finding for each kind.
    Fix: dequantise before arithmetic; exclude a layer as a whole, or quantise its data, too;
    remove the redundant pair.

    Bad:
    # arithmetic without the scales
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
    # only weights are quantised
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
    kinds = (
        [
            node
            for node in graph.nodes(*UNSCALED_INTEGERS)
            if any(map(quantisation.quantiser, node.inputs))
        ],
        [node for node in graph.nodes("DynamicQuantizeLinear") if _is_dequantised_at_once(node)],
        _half_quantised(quantisation),
        [node for node, alike in quantisation.requantised if alike],
        [node for node, alike in quantisation.requantised if not alike],
    )
    for nodes, (what, hint, severity) in zip(kinds, _KINDS, strict=True):
        if nodes:
            hint = hint.format(op=nodes[0].op_type)
            yield Finding.of_nodes(nodes, what, hint=hint, severity=severity)


def _is_dequantised_at_once(node: Node) -> bool:
    """Whether no consumer reads the integers but DequantizeLinear."""
    integers = node.output
    if integers is None or not integers.consumers or integers.is_output or integers.yielded_to:
        return False
    return all(reader.op in DEQUANTIZE for reader in integers.consumers)


def _half_quantised(quantisation: Quantisation) -> list[Node]:
    """Layers with weights of 8 bits and float data, where they are fewer than the others."""
    judged = [layer for layer in quantisation.layers if layer.is_float and layer.is_8_bit]
    halves = [layer.node for layer in judged if layer.data is None]
    return halves if 2 * len(halves) < len(judged) else []
