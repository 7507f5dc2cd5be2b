"""The samples fed to the model: the user's data, or valid ones synthesised from the graph."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from onnxlint.analyses import Unavailable
from onnxlint.analyses.shapes import Shapes
from onnxlint.model.dtypes import dtype_name, is_float, is_integer
from onnxlint.model.errors import DataError, Misfit, MisfitError
from onnxlint.model.graph import Graph, Node, Value
from onnxlint.settings import Settings

if TYPE_CHECKING:
    from onnxlint.runtime.data import Fed
    from onnxlint.runtime.synthesis import Attempt, Meaning, Slot

FEEDABLE = {
    "bool": "bool", "string": "str", "float": "float32", "float16": "float16",
    "double": "float64", "int8": "int8", "int16": "int16", "int32": "int32", "int64": "int64",
    "uint8": "uint8", "uint16": "uint16", "uint32": "uint32", "uint64": "uint64",
}  # fmt: skip
"""ONNX element types that onnxruntime exchanges with numpy, and their numpy names."""

_PASSING = frozenset({
    "Cast", "Identity", "Unsqueeze", "Squeeze", "Reshape", "Flatten", "Transpose", "Expand",
    "Clip", "Slice", "Concat",
})  # fmt: skip
"""Operators behind which an input still means the same."""

_TABLES = {"Gather": (1, 0, "axis"), "GatherElements": (1, 0, "axis"), "GatherND": (1, 0, None)}
"""Look-ups: slot of the indices, slot of the table, attribute of the axis that is indexed."""

_PARAMETERS = {
    "AffineGrid": (1,), "BitShift": (1,), "Bernoulli": (0,), "CenterCropPad": (1,), "Clip": (1, 2),
    "Col2Im": (1, 2), "ConstantOfShape": (0,), "CumSum": (1,), "DFT": (1, 2),
    "DequantizeLinear": (1, 2), "Dropout": (1, 2), "Expand": (1,), "Gather": (1,),
    "GatherElements": (1,), "GatherND": (1,), "GridSample": (1,), "If": (0,), "Loop": (0, 1),
    "MaxUnpool": (1, 2), "MaxRoiPool": (1,), "Mod": (1,), "Div": (1,),
    "NonMaxSuppression": (0, 1, 2, 3, 4), "OneHot": (0, 1, 2), "Pad": (1, 2, 3), "Pow": (0, 1),
    "QuantizeLinear": (1, 2), "Range": (0, 1, 2), "Reshape": (1,), "Resize": (1, 2, 3),
    "RoiAlign": (1, 2), "STFT": (1, 2, 3), "Scatter": (1,), "ScatterElements": (1,),
    "ScatterND": (1,), "SequenceAt": (1,), "SequenceErase": (1,), "SequenceInsert": (2,),
    "Slice": (1, 2, 3, 4), "Split": (1,), "SplitToSequence": (1,), "Squeeze": (1,),
    "StringSplit": (0,), "TensorScatter": (2,), "Tile": (1,), "TopK": (1,), "Trilu": (1,),
    "Unsqueeze": (1,), "Upsample": (1,), "BlackmanWindow": (0,), "HammingWindow": (0,),
    "HannWindow": (0,), "MelWeightMatrix": (0, 1, 2, 3, 4), "ReduceSum": (1,), "ReduceMean": (1,),
    "ReduceMax": (1,), "ReduceMin": (1,), "ReduceProd": (1,), "ReduceL1": (1,), "ReduceL2": (1,),
    "ReduceLogSum": (1,), "ReduceLogSumExp": (1,), "ReduceSumSquare": (1,),
    "NegativeLogLikelihoodLoss": (1,), "SoftmaxCrossEntropyLoss": (1,), "LSTM": (4,), "GRU": (4,),
    "RNN": (4,), "RotaryEmbedding": (1, 2, 3), "Attention": (3, 4, 5, 6), "ImageDecoder": (0,),
}  # fmt: skip
"""Input slots whose numbers are shapes, axes, indices and the like: not every number is valid."""

_POSITIVE = {
    "Acos": (0,), "Asin": (0,), "Atanh": (0,), "BatchNormalization": (4,), "Div": (1,), "Log": (0,),
    "Reciprocal": (0,), "Sqrt": (0,),
}  # fmt: skip
"""Slots that a sound caller feeds positive numbers, up to 1."""


NO_DATA = "it judges your data: give it with --data"


@dataclass(frozen=True)
class Inputs:
    """What the model can be fed, input by input.

    `obstacle` says why no sample can be made; `guessed` is true where a synthesised sample may be
    invalid, because sizes or parameters had to be guessed.
    """

    slots: list[Slot] = field(default_factory=list)
    obstacle: str | None = None
    guessed: bool = False
    synthetic: bool = True
    settings: Settings = field(default_factory=Settings)

    @classmethod
    def build(cls, graph: Graph, shapes: Shapes, settings: Settings) -> Inputs:
        """Reads the meaning of every input off the nodes that use it."""
        from onnxlint.runtime.synthesis import Meaning, free_symbols

        synthetic = settings.data is None
        try:
            slots = [_slot(graph, shapes, value) for value in graph.inputs]
        except _NotFeedableError as error:
            return cls(obstacle=str(error), synthetic=synthetic, settings=settings)
        counts = any(slot.meaning is Meaning.COUNT for slot in slots)
        guessed = (
            counts
            or bool(free_symbols(slots))
            or any(
                _is_parameter(shapes, node, slot)
                for value in graph.inputs
                for node, slot in _uses(value)
            )
        )
        return cls(slots, None, guessed, synthetic, settings)

    def attempts(self) -> Iterator[Attempt]:
        """Feeds to try in turn until the model runs: of the user's data there is one.

        Raises:
            DataError: the user's data does not fit the model.
        """
        from onnxlint.runtime.synthesis import Attempt, attempts

        settings = self.settings
        if settings.data is None:
            yield from attempts(self.slots, settings.samples, settings.seed)
            return
        from onnxlint.runtime.data.batching import samples_in

        batch = samples_in(self.fed.feeds[0], self.slots)
        yield Attempt({}, batch, self.fed.feeds, self.fed.samples)

    @property
    def fed(self) -> Fed:
        """The user's data, read once.

        Raises:
            MisfitError: it does not fit the model.
            DataError: it cannot be read.
        """
        if isinstance(self._read, DataError):
            raise self._read
        return self._read

    @property
    def misfits(self) -> list[Misfit]:
        """What of the user's data does not fit the model.

        Raises:
            Unavailable: there is no data.
            DataError: it cannot be read.
        """
        if self.synthetic or self.obstacle is not None:
            raise Unavailable(self.obstacle or NO_DATA)
        if isinstance(self._read, MisfitError):
            return self._read.misfits
        _ = self.fed
        return []

    @cached_property
    def _read(self) -> Fed | DataError:
        from onnxlint.runtime.data import read

        settings = self.settings
        assert settings.data is not None
        try:
            return read(settings.data, self.slots, settings.samples, settings.inputs)
        except DataError as error:
            return error

    @property
    def is_noise(self) -> bool:
        """Whether synthesised numbers without meaning are fed, no ids, masks and text alone."""
        from onnxlint.runtime.synthesis import Meaning

        noise = (Meaning.NOISE, Meaning.PIXEL)
        return self.synthetic and any(slot.meaning in noise for slot in self.slots)

    @property
    def description(self) -> str:
        """What was fed, in a few words for the summary."""
        if not self.synthetic:
            note = f" ({self.fed.note})" if self.fed.note else ""
            return f"data {self.settings.data}{note}"
        return f"synthesised samples (seed {self.settings.seed})"


class _NotFeedableError(Exception):
    pass


def _slot(graph: Graph, shapes: Shapes, value: Value) -> Slot:
    from onnxlint.runtime.synthesis import Slot

    shape = shapes.of(value)
    if shape is None:
        raise _NotFeedableError(f"input {value.name!r} is no tensor")
    if shape.dtype not in FEEDABLE:
        raise _NotFeedableError(f"input {value.name!r} has dtype {shape.dtype}")
    if shape.dims is None:
        raise _NotFeedableError(f"input {value.name!r} has no shape")
    dims = tuple(_dim(value, axis, dim) for axis, dim in enumerate(shape.dims))
    meaning, bound = _meaning(graph, shapes, value, shape.element_type, len(dims))
    return Slot(value.name, FEEDABLE[shape.dtype], dims, meaning, bound)


def _dim(value: Value, axis: int, dim: int | str | None) -> int | str:
    if dim is None or dim == -1:
        return "batch" if axis == 0 else f"{value.name}[{axis}]"
    return dim


def _meaning(
    graph: Graph, shapes: Shapes, value: Value, element_type: int, rank: int
) -> tuple[Meaning, int]:
    from onnxlint.runtime.synthesis import Meaning

    uses = list(_uses(value))
    if is_float(element_type):
        positive = any(slot in _POSITIVE.get(node.op, ()) for node, slot in uses)
        return (Meaning.POSITIVE if positive else Meaning.NOISE), 0
    if dtype_name(element_type) == "string":
        return Meaning.TEXT, 0
    rows = [_rows(shapes, node) for node, slot in uses if _TABLES.get(node.op, (-1,))[0] == slot]
    known = [count for count in rows if count]
    if known:
        return Meaning.INDEX, min(known)
    name = value.name.lower()
    if dtype_name(element_type) == "bool" or "mask" in name:
        return Meaning.MASK, 0
    if rank >= 3 and is_integer(element_type) and "8" in dtype_name(element_type):
        return Meaning.PIXEL, 0
    return (Meaning.COUNT if rank < 2 or "len" in name else Meaning.INDEX), 2


def _uses(value: Value) -> Iterator[tuple[Node, int]]:
    """(node, slot) that read the value, directly or behind operators that keep its meaning."""
    pending, seen = [value], {value}
    while pending:
        current = pending.pop()
        for node in dict.fromkeys(current.consumers):
            yield from ((node, slot) for slot, read in enumerate(node.inputs) if read is current)
            if node.op in _PASSING and node.input(0) is current and node.output not in seen:
                pending.extend(filter(None, [node.output]))
                seen.update(filter(None, [node.output]))


def _is_parameter(shapes: Shapes, node: Node, slot: int) -> bool:
    """Whether not every number is valid there; indices into a table of known size are bounded."""
    table = _TABLES.get(node.op)
    if table is not None and slot == table[0]:
        return _rows(shapes, node) is None
    return slot in _PARAMETERS.get(node.op, ()) or bool(node.domain)


def _rows(shapes: Shapes, node: Node) -> int | None:
    """How many rows the table of a look-up has, if that is fixed."""
    _, table_slot, axis_name = _TABLES[node.op]
    table = shapes.of(node.input(table_slot))
    axis = node.attribute(axis_name, 0) if axis_name else 0
    rows = table.dim(axis) if table is not None else None
    return rows if isinstance(rows, int) else None
