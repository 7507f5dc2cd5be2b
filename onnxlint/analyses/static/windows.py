"""The windows that convolutions and poolings slide over their input, axis by axis."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from onnxlint.analyses.static.shapes import Shapes
from onnxlint.model.graph.graph import Graph
from onnxlint.model.graph.nodes import Node
from onnxlint.model.graph.operators import POOLS

MOST_WINDOWS = 1_000
"""Windows of one axis, and elements of one, that are checked for a large dilation."""

DROPPED_BY_SPECIFICATION = 22
"""From this opset on a last window that starts behind the data does not count."""


class Window(Struct, frozen=True):
    """What a convolution or pooling slides along one axis of its input.

    `axis` counts all axes of the input, `length` is its size there, None where that is not fixed;
    `before` and `after` are the widths of the padding, `auto_padded` says that `auto_pad` decides
    them: then they are 0 here. `keeps_last` says that the last window counts, even if it starts
    behind the data.
    """

    axis: int
    size: int
    dilation: int
    stride: int
    length: int | None
    before: int = 0
    after: int = 0
    auto_padded: bool = False
    keeps_last: bool = False

    @property
    def extent(self) -> int:
        """From its first element to its last, both included."""
        return self.dilation * (self.size - 1) + 1

    @property
    def padded(self) -> int | None:
        """The size of the axis with its padding; None where that is not fixed."""
        if self.length is None or self.auto_padded:
            return None
        return self.length + self.before + self.after

    @property
    def fits(self) -> bool:
        """Whether it is no larger than the padded input, as far as that is known."""
        return self.padded is None or self.extent <= self.padded

    @property
    def unread(self) -> int:
        """How many elements between a window and the next one no window reads."""
        follows = self.padded is None or self.padded >= self.extent + self.stride
        return max(0, self.stride - self.extent) if follows else 0

    @property
    def ends_in_padding(self) -> bool:
        """Whether a last window counts that starts where the padding behind the data does."""
        if not self.keeps_last or self.padded is None or self.stride < 1:
            return False
        last = -(-(self.padded - self.extent) // self.stride) * self.stride
        return last >= self.padded - self.after

    @property
    def fits_into_padding(self) -> bool:
        """Whether the padding at one end is as wide as it, a dilation left out."""
        return max(self.before, self.after) >= self.size > 0

    @property
    def steps_over_input(self) -> bool:
        """Whether somewhere its elements, far apart as they are, stand all beside the input."""
        length = self.length
        if length is None or self.dilation <= length or self.stride < 1:
            return False  # steps as small hit the input
        if not 0 < self.size <= MOST_WINDOWS:
            return False
        starts = range(-self.before, length + self.after + 1 - self.extent, self.stride)
        reach = range(0, self.extent, self.dilation)
        return any(
            all(not 0 <= start + step < length for step in reach) for start in starts[:MOST_WINDOWS]
        )


class Windows:
    """The windows of every convolution and pooling."""

    def __init__(self, graph: Graph, shapes: Shapes) -> None:
        self._graph = graph
        self._shapes = shapes

    @classmethod
    def build(cls, graph: Graph, shapes: Shapes) -> Windows:
        """Looks at nothing yet."""
        return cls(graph, shapes)

    def of(self, node: Node) -> Iterator[Window]:
        """The window of a Conv or a pooling along each axis; nothing where its size is unknown."""
        kernel = self._kernel(node)
        ones, pads = [1] * len(kernel), node.integers("pads") or []
        dilations, strides = node.integers("dilations") or ones, node.integers("strides") or ones
        auto_pad = node.attribute("auto_pad", "NOTSET")
        if auto_pad != "NOTSET" or len(pads) != 2 * len(kernel):
            pads = [0] * 2 * len(kernel)
        steps = zip(kernel, dilations, strides, strict=False)
        for axis, (size, dilation, stride) in enumerate(steps):
            length = self._shapes.dim(node.input(0), axis + 2)
            yield Window(
                axis + 2,
                size,
                dilation,
                stride,
                length if isinstance(length, int) else None,
                pads[axis],
                pads[axis + len(kernel)],
                auto_padded=auto_pad not in ("NOTSET", "VALID"),
                keeps_last=_keeps_last(node),
            )

    def _kernel(self, node: Node) -> list[int]:
        """The sizes of the kernel; those of a weight are what counts."""
        weight = self._graph.tensor(node.input(1)) if node.op == "Conv" else None
        return node.integers("kernel_shape") or [] if weight is None else list(weight.dims[2:])


def _keeps_last(node: Node) -> bool:
    rounds_up = node.op in POOLS and bool(node.attribute("ceil_mode"))
    return rounds_up and node.scope.opsets.get("", 0) < DROPPED_BY_SPECIFICATION
