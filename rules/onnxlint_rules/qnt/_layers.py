"""Layers that multiply quantised data with constant quantised weights, however they are written."""

from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass

from onnxlint import Graph, Node, Shapes, Value, WayBack
from onnxlint_rules.qnt._parameters import DEQUANTIZE

FLOAT_LAYERS = ("Conv", "ConvTranspose", "Gemm", "MatMul")

INTEGER_LAYERS: Mapping[str, tuple[int, int | None, int]] = {
    "ConvInteger": (0, 2, 1),
    "MatMulInteger": (0, 2, 1),
    "QLinearConv": (0, 2, 3),
    "QLinearMatMul": (0, 2, 3),
    "com.microsoft::DynamicQuantizeMatMul": (0, None, 1),
    "com.microsoft::MatMulIntegerToFloat": (0, 4, 1),
    "com.microsoft::QAttention": (0, 6, 1),
    "com.microsoft::QGemm": (0, 2, 3),
}
"""Slots of the data, of its zero point, and of the weights."""

MOVEMENTS = frozenset(
    ("Expand", "Flatten", "Gather", "Identity", "MaxPool", "Pad", "Reshape", "Slice", "Split",
     "Squeeze", "Transpose", "Unsqueeze")
)  # fmt: skip
"""Operators that hand on what they get, whatever it counts."""


@dataclass(frozen=True, slots=True)
class Layer:
    """A layer with constant quantised weights.

    `data` is what it multiplies them with as it is quantised, None where it stays float. `is_8_bit`
    says that the weights have 8 bits, and no scales for blocks of them.
    """

    node: Node
    data: Value | None
    zero_point: Value | None
    weights: Value
    is_8_bit: bool

    def dtype(self, shapes: Shapes) -> str | None:
        """The type of the data, told by its zero point where inference knows nothing."""
        known = shapes.of(self.data) or shapes.of(self.zero_point)
        return None if known is None else known.dtype


def layers(graph: Graph) -> Iterator[Layer]:
    """All of them; a float layer between DequantizeLinear nodes counts where its weights do."""
    for node in graph.nodes(*INTEGER_LAYERS):
        data, zero_point, weights = (
            None if slot is None else node.input(slot) for slot in INTEGER_LAYERS[node.op]
        )
        if weights is not None and graph.tensor(weights) is not None:
            yield Layer(node, data, zero_point, weights, is_8_bit=True)
    dequantiser = Behind(DEQUANTIZE)
    for node in graph.nodes(*FLOAT_LAYERS):
        dequantised = dequantiser(node.input(1))
        weights = dequantised and dequantised.input(0)
        stored = graph.tensor(weights)
        if dequantised is not None and weights is not None and stored is not None:
            before = dequantiser(node.input(0))
            data, zero_point = (before and before.input(slot) for slot in (0, 2))
            is_8_bit = stored.dtype in ("int8", "uint8") and not dequantised.attribute(
                "block_size", 0
            )
            yield Layer(node, data, zero_point, weights, is_8_bit)


class Behind:
    """Finds the node with one of some operators that a value comes from by moving alone."""

    def __init__(self, ops: Container[str]) -> None:
        self._ops = ops
        self._way = WayBack(self._before, self._found)

    def __call__(self, value: Value | None) -> Node | None:
        """The node; None where there is none."""
        return None if value is None else self._way(value)

    def _before(self, value: Value) -> Value | None:
        node = value.producer
        moved = node is not None and node.op not in self._ops and node.op in MOVEMENTS
        return node.input(0) if moved else None

    def _found(self, value: Value) -> Node | None:
        node = value.producer
        return node if node is not None and node.op in self._ops else None
