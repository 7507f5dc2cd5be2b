"""What the model declares of its outputs, and what came out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import TYPE_CHECKING

from msgspec import Struct

from onnxlint.analyses import Unavailable
from onnxlint.analyses.execution.execution import Execution
from onnxlint.analyses.inputs.input_semantics import FEEDABLE
from onnxlint.analyses.static.inference_failures import InferenceFailures
from onnxlint.analyses.static.shapes import Shape, declared
from onnxlint.model.graph.graph import Graph
from onnxlint.model.graph.nodes import Value

if TYPE_CHECKING:
    from onnxlint.runtime.protocol import Ran, Seen


class ShapeViolation(Struct, frozen=True):
    """An output that is not as declared: `what` says in which way, with the two numbers."""

    value: Value
    declared: Shape
    actual: str
    what: str
    measured: int | None = None
    promised: int | None = None


class Promises:
    """The declarations of the outputs, held against every run."""

    def __init__(self, graph: Graph, failures: InferenceFailures, execution: Execution) -> None:
        self._graph, self._failures, self._execution = graph, failures, execution

    @classmethod
    def build(cls, graph: Graph, failures: InferenceFailures, execution: Execution) -> Promises:
        """Nothing is compared yet.

        Raises:
            Unavailable: the model did not run.
        """
        if not execution.ran:
            raise Unavailable(execution.failure or "the model did not run")
        return cls(graph, failures, execution)

    @cached_property
    def broken(self) -> list[ShapeViolation]:
        """The first contradiction of each output; those that inference sees already are left out.

        A symbol that is bound by no input is bound by the first output that it names. Outputs
        whose sizes may follow from synthetic parameters, as those of a Pad, are left out.
        """
        told = {
            value
            for failure in self._failures.found
            if failure.contradicts_declaration
            for value in failure.node.outputs
        }
        inputs = self._execution.inputs
        guesses = [
            v for v in self._graph.inputs if inputs.synthetic and v.name in inputs.parameters
        ]
        told |= {v for v in self._graph.descendants(guesses) if isinstance(v, Value)}
        found: dict[Value, ShapeViolation] = {}
        for ran in self._execution.runs:
            sizes = dict(self._bound(ran.fed))
            for value in self._graph.outputs:
                broken = _broken(value, _seen(ran, value), sizes)
                if broken is not None and value not in told:
                    found.setdefault(value, broken)
        return list(found.values())

    def _bound(self, fed: dict[str, tuple[int, ...]]) -> Iterator[tuple[str, int]]:
        for value in self._graph.inputs:
            shape = declared(value)
            if shape is None or value.name not in fed:
                continue
            for dim, size in zip(shape.dims or (), fed[value.name], strict=False):
                if isinstance(dim, str):
                    yield dim, size


def _seen(ran: Ran, value: Value) -> Seen | None:
    """The type of an output as it came, whether it was kept or only looked at."""
    if value.name in ran.outputs:
        array = ran.outputs[value.name]
        return ("str" if array.dtype.kind == "O" else array.dtype.name), array.shape
    return ran.types.get(value.name)


def _broken(value: Value, seen: Seen | None, sizes: dict[str, int]) -> ShapeViolation | None:
    promised = declared(value)
    if promised is None or seen is None:
        return None
    dtype, actual = seen
    came = f"{dtype}{list(actual)}"
    if FEEDABLE.get(promised.dtype, dtype) != dtype:
        return ShapeViolation(value, promised, came, "different dtype")
    if promised.dims is None:
        return None
    if len(promised.dims) != len(actual):
        what = f"rank {len(actual)} (declared {len(promised.dims)})"
        return ShapeViolation(value, promised, came, what, len(actual), len(promised.dims))
    for axis, (dim, size) in enumerate(zip(promised.dims, actual, strict=True)):
        known = dim if isinstance(dim, int) else _size(dim, sizes)
        if known is not None and 0 <= known != size:  # some exporters write -1 for a free one
            expected = (
                f"{dim!r} is {known} elsewhere" if isinstance(dim, str) else f"declared {known}"
            )
            what = f"axis {axis} has size {size} ({expected})"
            return ShapeViolation(value, promised, came, what, size, known)
        if isinstance(dim, str):
            sizes.setdefault(dim, size)
    return None


def _size(dim: str | None, sizes: Mapping[str, int]) -> int | None:
    """The size of a symbol, if it is bound."""
    return None if dim is None else sizes.get(dim)
