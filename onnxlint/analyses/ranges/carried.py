"""A body that runs again and again, and what it is handed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from onnxlint.analyses.ranges.bodies import Dims, inside
from onnxlint.analyses.ranges.range import Range, settled
from onnxlint.model.graph.nodes import Node, Scope, Value

if TYPE_CHECKING:
    from onnxlint.analyses.ranges.world import Knowledge


class Carried(Struct):
    """A body that runs again and again.

    `starts` are the carried values before the first step, and `handed` what the body is given of
    them; `first` is the number of its outputs before the carried ones, `steps` the least and the
    largest number of steps.
    """

    evaluation: Knowledge
    node: Node
    body: Scope
    starts: list[Range]
    start_values: Sequence[Value | None]
    handed: Callable[[Sequence[Range], float | None], Sequence[Range | None]]
    carried_inputs: Sequence[Value]
    first: int
    steps: tuple[float, float]

    @property
    def carried(self) -> Sequence[Value]:
        """The outputs of the body that the next step is given."""
        return self.body.outputs[self.first : self.first + len(self.starts)]

    def round(self, state: Sequence[Range], step: float | None = None) -> Knowledge:
        """The body with this state."""
        body = inside(self.evaluation, self.body, self.handed(state, step))
        for value, start in zip(self.carried_inputs, self.start_values, strict=False):
            shape = self.evaluation.shape_of(start)
            body.typed(value, None if shape is None else replace(shape, dims=None))
        return body

    def made(self, body: Knowledge) -> list[tuple[Range, Dims]]:
        """What a step carries on."""
        found = [(body.of(value), body.dims(value)) for value in self.carried]
        missing = self.starts[len(found) :]  # a damaged file
        return found + [(Range.top(None), None) for _ in missing]

    def fitted(self, state: Sequence[Range]) -> list[Range]:
        """What the dtypes can hold of it."""
        kinds = [self.evaluation.element_type(value) for value in self.start_values]
        pairs = zip(state, kinds, strict=True)
        return [each if kind is None else settled(each, kind) for each, kind in pairs]

    def start_dims(self, slot: int) -> Dims:
        """The sizes of a carried value before the first step."""
        return self.evaluation.dims(self.start_values[slot])
