"""The evaluation of values by the transfer functions of what makes them, on demand."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from onnxlint.analyses.ranges import control
from onnxlint.analyses.ranges.at import At
from onnxlint.analyses.ranges.range import Part, Range, precision, settled
from onnxlint.analyses.ranges.transfers import POINTWISE, TRANSFERS
from onnxlint.analyses.ranges.world import Knowledge, World
from onnxlint.model.file.dtypes import is_float
from onnxlint.model.graph.nodes import Node, Origin, Value, attribute_value
from onnxlint.model.graph.walk import postorder

if TYPE_CHECKING:
    from onnx import AttributeProto

    from onnxlint.analyses.ranges.forms import Form


class Evaluation(Knowledge):
    """Ranges of the values that it owns; of all others, those of the evaluation around it.

    One stands for the main graph; each round of a loop, each call of a function, and what holds
    under a condition is an evaluation inside another.

    Args:
        world: what all evaluations of a model share.
        owns: whether a value is evaluated here.
        around: the evaluation that the other values are asked of.
        bound: ranges that are given, of inputs of a body or of what a condition speaks of.
        attributes: those of the function's caller, by name.
    """

    def __init__(
        self, world: World, owns: Callable[[Value], bool], around: Knowledge | None = None,
        bound: Mapping[Value, Range] | None = None,
        attributes: Mapping[str, AttributeProto] | None = None,
    ) -> None:  # fmt: skip
        self.world, self._owns, self._around = world, owns, around
        self._facts: dict[Value, Range] = dict(bound or {})
        self._attributes = attributes
        self._open: set[Node] = set()

    def of(self, value: Value | None) -> Range:
        """What is known of a value."""
        if value is None:
            return Range.top(None)
        if value in self._facts:
            return self._facts[value]
        if not self._owns(value) and self._around is not None:
            return self._around.of(value)
        for each in postorder([value], self._before):
            if each not in self._facts:
                self._learn(each)
        return self._facts[value]

    def known(self, value: Value) -> Range | None:
        """What was already found of a value of its own."""
        return self._facts.get(value)

    def _before(self, value: Value) -> Iterable[Value]:
        node = value.producer
        if node is None or value in self._facts or self.world.graph.tensor(value) is not None:
            return ()
        return (v for v in node.inputs
                if v is not None and v not in self._facts and self._owns(v))  # fmt: skip

    def _learn(self, value: Value) -> None:
        node = value.producer
        if node is None or self.world.graph.tensor(value) is not None:
            self._facts[value] = self._leaf(value)
        elif node in self._open or self.world.is_exhausted:  # a circle, or too much to do
            self._facts[value] = Range.top(self.world.element_type(value))
        else:
            self._open.add(node)
            self.world.spent += 1
            for made, found in zip(node.outputs, self.made(node), strict=False):
                if made is not None and made not in self._facts:
                    self._facts[made] = found
            self._open.discard(node)
            self._facts.setdefault(value, Range.top(self.world.element_type(value)))

    def _leaf(self, value: Value) -> Range:
        graph = self.world.graph
        tensor = graph.tensor(value)
        if tensor is not None:
            found = graph.ask(value, Range.constant)
            return found if found is not None else Range.top(self.world.element_type(value))
        if value.origin is Origin.INPUT and value.name in self.world.leaves:
            return self.world.leaves[value.name]
        return Range.top(self.world.element_type(value))

    def inner(
        self, owns: Callable[[Value], bool], bound: Mapping[Value, Range],
        attributes: Mapping[str, AttributeProto] | None = None,
    ) -> Knowledge:  # fmt: skip
        """The evaluation of a body, or of what hangs on a branch's condition, inside this one."""
        return Evaluation(self.world, owns, self, bound, attributes)

    def assuming(self, owns: Callable[[Value], bool], bound: Mapping[Value, Range]) -> Knowledge:
        """A plain evaluation under assumptions."""
        return Evaluation(self.world, owns, self, bound)

    # nodes

    def made(self, node: Node) -> list[Range]:
        """What a node gives, output by output."""
        read = [None if value is None else self.of(value) for value in node.inputs]
        return self.transferred(node, read)

    def transferred(self, node: Node, read: list[Range | None]) -> list[Range]:
        """What a node gives when it reads this."""
        if node.called is not None or node.subgraphs:
            found: Range | Iterable[Range] | None = control.transferred(self, node, read)
            transfer = None
        else:
            transfer = TRANSFERS.get(node.op)
            found = None
        types = [self.world.element_type(value) for value in node.outputs]
        if transfer is not None:
            at = At(self, node, read)
            with np.errstate(all="ignore"):
                found = transfer.function(at)
        if found is None:
            if transfer is None:
                self.world.met_unknown(node)
            return [Range.top(element_type) for element_type in types]
        results = [found] if isinstance(found, Range) else list(found)
        results += [Range.top(each) for each in types[len(results) :]]
        slack = transfer.ulps if transfer is not None else 1.0
        made = [
            settled(each, kind, slack=slack) for each, kind in zip(results, types, strict=False)
        ]
        if transfer is not None and made:
            made[0] = self._anchored(node, read, made[0])
            made[0] = self._narrowed(node, made[0])
        return made

    def _anchored(self, node: Node, read: list[Range | None], made: Range) -> Range:
        """With the anchor that a function of single elements makes of the only one that it reads.

        The others must be the same for all elements along its axes.
        """
        if node.op not in POINTWISE or made.anchor is not None:
            return made
        anchored = [slot for slot, each in enumerate(read) if each is not None and each.anchor]
        if len(anchored) != 1:
            return made
        (slot,) = anchored
        anchor = read[slot].anchor  # type: ignore[union-attr]
        assert anchor is not None
        others = [each for at, each in enumerate(read) if at != slot and each is not None]
        if any(each.low.size > 1 or each.varies for each in others):
            return made
        there = [Range.of(anchor.low, anchor.high) if at == slot else each
                 for at, each in enumerate(read)]  # fmt: skip
        with np.errstate(all="ignore"):
            found = TRANSFERS[node.op].function(At(self, node, there))
        one = found if isinstance(found, Range) else None if found is None else next(iter(found))
        if one is None or one.nan:
            return made
        one = settled(one, self.world.element_type(node.output), slack=TRANSFERS[node.op].ulps)
        return replace(made, anchor=Part(anchor.axes, one.least, one.most))

    def _narrowed(self, node: Node, made: Range) -> Range:
        """Within what the sum that it is allows, where its terms hang together."""
        value = node.output
        element_type = self.world.element_type(value)
        if value is None or element_type is None or not is_float(element_type) or not made.varies:
            return made
        if node.op not in ("Add", "Sub"):
            return made
        form = self.world.forms.of(value)
        if not _is_related(node, form) or not all(self.of(v).is_finite for v in node.inputs):
            return made
        low, high = self._ends(form, precision(element_type))
        shape = np.broadcast_shapes(low.shape, made.low.shape)
        if np.prod(shape, dtype=int) > made.low.size:
            low, high = low.min(), high.max()
        low, high = np.maximum(made.low, low), np.minimum(made.high, high)
        if bool((low > high).any()):
            return made
        return replace(made, low=low, high=high, loose=made.loose and form.single is None)

    def _ends(self, form: Form, eps: float) -> tuple[Any, Any]:
        """The ends of a sum: of each value together, and what the steps were rounded by."""
        forms, low, high = self.world.forms, np.asarray(form.constant), np.asarray(form.constant)
        for number, slope in form.slopes.items():
            least, most = slope.ends(self.of(forms.values[number]))
            low, high = low + least, high + most
        if form.is_exact:
            return low, high
        size = sum(weight * (self.of(forms.values[number]).magnitude if number >= 0 else 1.0)
                   for number, weight in form.touched.items())  # fmt: skip
        slip = len(form.touched) * 4 * eps * size
        return low - slip, high + slip

    # attributes

    def attribute(self, node: Node, name: str, default: Any = None) -> Any:
        """An attribute of a node, of its caller where it refers to one."""
        if not node.scope.in_function:
            return node.attribute(name, default)
        found = node.attributes.get(name)
        given = None if found is None else self.resolved(found)
        return default if given is None else attribute_value(given, default)

    def resolved(self, given: AttributeProto) -> AttributeProto | None:
        """An attribute, or what it refers to; None where that is not known."""
        if not given.ref_attr_name:
            return given
        if self._attributes is not None:
            return self._attributes.get(given.ref_attr_name)
        return None if self._around is None else self._around.resolved(given)


def _is_related(node: Node, form: Form) -> bool:
    """Whether a sum says more than its two operands: fewer values than they have, or none."""
    if any(slope.plain and slope.bent for slope in form.slopes.values()):
        return True
    return len(form.slopes) < sum(number >= 0 for number in form.touched)
