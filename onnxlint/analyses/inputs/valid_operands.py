"""Numbers that an operator takes for shapes, axes and the like, as the shapes around it tell."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod

from onnxlint.analyses.static.shapes import Shapes
from onnxlint.model.graph.nodes import Node

Numbers = Sequence[float]

MOST_NUMBERS = 1 << 16
"""Shapes and axes are some numbers; lengths are one for each sample. A choice of ours."""

END = 1 << 30
"""Where a slice ends that takes all."""


def parameter(shapes: Shapes, node: Node, slot: int, count: int) -> Numbers | None:
    """`count` numbers that are valid in a slot; None where they are not known."""
    maker = _MAKERS.get(node.op, {}).get(slot)
    if maker is None or count > MOST_NUMBERS:
        return None
    try:
        numbers = maker(shapes, node, count)
    except (ArithmeticError, LookupError):  # shapes or attributes that the operator cannot have
        return None
    return numbers if numbers is not None and len(numbers) == count else None


Maker = Callable[[Shapes, Node, int], Numbers | None]


def _always(*numbers: float) -> Maker:
    """These numbers, or the one of them as often as it is wanted."""
    return lambda shapes, node, count: numbers * count if len(numbers) == 1 else numbers


def _axes(shapes: Shapes, node: Node, count: int) -> Numbers:
    return range(count)


def _dims(shapes: Shapes, node: Node, slot: int | None = None) -> tuple[int, ...] | None:
    """The dims of the node's output, or of what it reads in a slot, where all are fixed."""
    shape = shapes.of(node.output if slot is None else node.input(slot))
    dims = shape.dims if shape is not None else None
    if dims is None or not all(isinstance(dim, int) for dim in dims):
        return None
    return tuple(int(dim) for dim in dims if dim is not None)


def _target(shapes: Shapes, node: Node, count: int) -> Numbers | None:
    """The dims that the output is declared to have, or those of the axes that are named."""
    dims = _dims(shapes, node)
    axes = node.integers("axes")
    return [dims[axis] for axis in axes] if dims is not None and axes else dims


def _ratios(shapes: Shapes, node: Node, count: int) -> Numbers | None:
    """The output's size over the input's, by axis."""
    before, after = _dims(shapes, node, 0), _dims(shapes, node)
    if before is None or after is None or len(before) != len(after) or 0 in before:
        return None
    axes = node.integers("axes") or range(len(before))
    return [after[axis] / before[axis] for axis in axes]


def _same_size(shapes: Shapes, node: Node, count: int) -> Numbers:
    """The output's size over the input's; 1 where it is free."""
    return _ratios(shapes, node, count) or [1] * count


def _expanded(shapes: Shapes, node: Node, count: int) -> Numbers:
    """The output's dims; where they are free, those that leave the input as it is."""
    return _target(shapes, node, count) or [1] * count


def _resized(shapes: Shapes, node: Node, count: int) -> Numbers | None:
    return _target(shapes, node, count) or _dims(shapes, node, 0)


def _repeats(shapes: Shapes, node: Node, count: int) -> Numbers | None:
    return _ratios(shapes, node, count) or [1] * count


def _grid(shapes: Shapes, node: Node, count: int) -> Numbers | None:
    """The size of an image [N, C, H, W] or volume for a grid [N, H, W, 2]."""
    dims = _dims(shapes, node)
    return None if dims is None else (dims[0], 1, *dims[1:-1])


def _depth(shapes: Shapes, node: Node, count: int) -> Numbers | None:
    dims = _dims(shapes, node)
    return [dims[node.attribute("axis", -1)]] if dims else [8]


def _parts(shapes: Shapes, node: Node, count: int) -> Numbers | None:
    """The sizes of a split's outputs along its axis; else as even ones as can be."""
    axis = node.attribute("axis", 0)
    found = [shapes.of(output) for output in node.outputs]
    dims = [shape.dim(axis) if shape is not None else None for shape in found]
    if len(dims) == count and all(isinstance(dim, int) for dim in dims):
        return [int(dim) for dim in dims if isinstance(dim, int)]
    whole = shapes.of(node.input(0))
    size = whole.dim(axis) if whole is not None else None
    if not isinstance(size, int):
        return None
    return [size // count + (at < size % count) for at in range(count)]


def _removable(shapes: Shapes, node: Node, count: int) -> Numbers | None:
    """Axes of one element."""
    dims = _dims(shapes, node, 0)
    return None if dims is None else [at for at, dim in enumerate(dims) if dim == 1][:count]


def _image(shapes: Shapes, node: Node, count: int) -> Numbers | None:
    dims = _dims(shapes, node)
    return None if dims is None else dims[2:]


def _block(shapes: Shapes, node: Node, count: int) -> Numbers | None:
    """A kernel of as many places as columns hold of each channel; of two axes a square or a row."""
    columns, image = _dims(shapes, node, 0), _dims(shapes, node)
    if columns is None or image is None or not image[1]:
        return None
    places = columns[1] // image[1]
    side = round(places ** (1 / count))
    return [side] * count if prod([side] * count) == places else [1] * (count - 1) + [places]


def _sequence(shapes: Shapes, node: Node, count: int) -> Numbers | None:
    """Every sequence as long as all of them, which is the first axis of what is read."""
    shape = shapes.of(node.input(0))
    steps = shape.dim(0) if shape is not None else None
    return [steps] * count if isinstance(steps, int) and node.attribute("layout", 0) == 0 else None


_LENGTHS = {0: _always(10)}

_MAKERS: dict[str, dict[int, Maker]] = {
    "AffineGrid": {1: _grid},
    "BlackmanWindow": _LENGTHS,
    "Col2Im": {1: _image, 2: _block},
    "ConstantOfShape": {0: _target},
    "CumProd": {1: _always(0)},
    "CumSum": {1: _always(0)},
    "Dropout": {1: _always(0.5), 2: _always(0)},
    "Expand": {1: _expanded},
    "GRU": {4: _sequence},
    "HammingWindow": _LENGTHS,
    "HannWindow": _LENGTHS,
    "LSTM": {4: _sequence},
    "MelWeightMatrix": {
        0: _always(8), 1: _always(64), 2: _always(8000), 3: _always(0), 4: _always(4000),
    },
    "MaxUnpool": {2: _target},
    "NonMaxSuppression": {2: _always(4), 3: _always(0.5), 4: _always(0.1)},
    "OneHot": {1: _depth, 2: _always(0, 1)},
    "Pad": {1: _always(0), 3: _axes},
    "RNN": {4: _sequence},
    "Range": {0: _always(0), 1: _always(8), 2: _always(1)},
    "Reshape": {1: _target},
    "Resize": {2: _same_size, 3: _resized},
    "Slice": {1: _always(0), 2: _always(END), 3: _axes, 4: _always(1)},
    "Split": {1: _parts},
    "SplitToSequence": {1: _parts},
    "Squeeze": {1: _removable},
    "Tile": {1: _repeats},
    "Unsqueeze": {1: _axes},
    "Upsample": {1: _same_size},
    **{f"Reduce{kind}": {1: _axes} for kind in (
        "Max", "Mean", "Min", "Prod", "Sum", "L1", "L2", "LogSum", "LogSumExp", "SumSquare",
    )},
}  # fmt: skip
"""What makes a valid operand for a slot of an operator."""
