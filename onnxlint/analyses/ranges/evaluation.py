"""The evaluation of values by the transfer functions of what makes them, on demand."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from msgspec.structs import replace

from onnxlint.analyses.ranges import types
from onnxlint.analyses.ranges.at import At
from onnxlint.analyses.ranges.range import Part, Range, precision, settled, smallest
from onnxlint.analyses.ranges.registry import Transfer
from onnxlint.analyses.ranges.transfers import is_pointwise, relations_of, transfer_of
from onnxlint.analyses.ranges.world import Knowledge, World
from onnxlint.model.file.dtypes import is_float
from onnxlint.model.graph.nodes import Node, Origin, Value, attribute_value
from onnxlint.model.graph.walk import postorder

if TYPE_CHECKING:
    from onnx import AttributeProto

    from onnxlint.analyses.ranges.forms import Form
    from onnxlint.analyses.static.shapes import Shape

MALFORMED = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
"""What a transfer raises where a node does not fit its operator: shapes that do not go together, an
attribute of nonsense. Rules of the families ONX and RUN tell of such nodes."""

SHAPE_OPERANDS = {"ConstantOfShape": 0, "Expand": 1, "Reshape": 1}
"""Operators whose output has the sizes that an input tells, and its slot."""

MOST_AXES = 64


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
        depth: bodies that it stands in; by default as many as the evaluation around it.
    """

    def __init__(
        self, world: World, owns: Callable[[Value], bool], around: Knowledge | None = None,
        bound: Mapping[Value, Range] | None = None,
        attributes: Mapping[str, AttributeProto] | None = None, depth: int | None = None,
    ) -> None:  # fmt: skip
        self.world, self._owns, self.around = world, owns, around
        self._facts: dict[Value, Range] = dict(bound or {})
        self._attributes = attributes
        self._open: set[Node] = set()
        self.types = {}
        self.depth = (around.depth if around else 0) if depth is None else depth
        self.assumed = around.assumed if around else 0
        self.is_dropped = False

    def of(self, value: Value | None) -> Range:
        """What is known of a value."""
        if value is None:
            return Range.top(None)
        if value in self._facts:
            return self._facts[value]
        if not self._owns(value) and self.around is not None:
            return self.around.of(value)
        for _ in self.learning(value):
            pass
        return self._facts[value]

    def learning(self, value: Value) -> Iterator[None]:
        """Finds out what is to be known of a value, node by node."""
        if value in self._facts:
            return
        if not self._owns(value) and self.around is not None:
            yield from self.around.learning(value)
            return
        for each in postorder([value], self._before):
            if each not in self._facts:
                self._learn(each)
                yield

    def known(self, value: Value) -> Range | None:
        """What was already found of a value of its own."""
        return self._facts.get(value)

    def _before(self, value: Value) -> Iterable[Value]:
        node = value.producer
        if node is None or value in self._facts or self.world.graph.tensor(value) is not None:
            return ()
        read = [*node.inputs, *self.world.captured(node)] if node.subgraphs else node.inputs
        return (v for v in read
                if v is not None and v not in self._facts and self._owns(v))  # fmt: skip

    def _learn(self, value: Value) -> None:
        node = value.producer
        if node is None or self.world.graph.tensor(value) is not None:
            self._facts[value] = self._leaf(value)
        elif node in self._open or self.world.is_exhausted:  # a circle, or too much to do
            self._facts[value] = Range.top(self.element_type(value))
        else:
            self._open.add(node)
            self.world.spent += 1
            if node.scope.in_function:
                self._infer(node)
            for made, found in zip(node.outputs, self.made(node), strict=False):
                if made is not None and made not in self._facts:
                    self._facts[made] = found
            self._open.discard(node)
            self._facts.setdefault(value, Range.top(self.element_type(value)))

    def _leaf(self, value: Value) -> Range:
        graph = self.world.graph
        tensor = graph.tensor(value)
        if tensor is not None:
            found = graph.ask(value, Range.constant)
            return found if found is not None else Range.top(self.element_type(value))
        if value.origin is Origin.INPUT and value.scope is graph.main:
            known = self.world.leaves.get(value.name)
            return Range.top(self.element_type(value)) if known is None else known
        return Range.top(self.element_type(value))

    def inner(
        self, owns: Callable[[Value], bool], bound: Mapping[Value, Range],
        attributes: Mapping[str, AttributeProto] | None = None, depth: int | None = None,
    ) -> Knowledge:  # fmt: skip
        """The evaluation of a body, or of what hangs on a branch's condition, inside this one."""
        return Evaluation(self.world, owns, self, bound, attributes, depth)

    def assuming(self, owns: Callable[[Value], bool], bound: Mapping[Value, Range]) -> Knowledge:
        """A plain evaluation under assumptions."""
        return Evaluation(self.world, owns, self, bound)

    # nodes

    def made(self, node: Node) -> list[Range]:
        """What a node gives, output by output."""
        read = [None if value is None else self.of(value) for value in node.inputs]
        return self.transferred(node, read)

    def transferred(self, node: Node, read: list[Range | None]) -> list[Range]:
        """What a node gives when it reads this; anything, where it does not fit its operator."""
        try:
            with np.errstate(all="ignore"):
                made = self._transferred(node, read)
        except MALFORMED:
            made = None
            self.world.malformed.append(node)
        return (
            [Range.top(self.element_type(value)) for value in node.outputs]
            if made is None
            else made
        )

    def _transferred(self, node: Node, read: list[Range | None]) -> list[Range] | None:
        transfer = transfer_of(node.op)
        found: Range | Iterable[Range] | None = None
        if node.called is not None or node.subgraphs:
            from onnxlint.analyses.ranges import control

            found, transfer = control.transferred(self, node, read), None
        elif transfer is not None:
            found = transfer.function(At(self, node, read))
        elif node.op == "Constant":
            found = self._constant(node)
        if found is None:
            if transfer is None:
                self.world.met_unknown(node)
            return None
        return self._settled(node, read, found, transfer)

    def _settled(
        self, node: Node, read: list[Range | None], found: Range | Iterable[Range],
        transfer: Transfer | None,
    ) -> list[Range]:  # fmt: skip
        """All outputs, rounded to their dtypes, and as narrow as formulas make them."""
        results = [found] if isinstance(found, Range) else list(found)
        for narrowed in relations_of(node.op) if transfer is not None and results else ():
            results[0] = narrowed(At(self, node, read), results[0])
        kinds = [self.element_type(value) for value in node.outputs]
        results += [Range.top(each) for each in kinds[len(results) :]]
        slack = transfer.ulps if transfer is not None else 1.0
        made = [
            settled(each, kind, slack=slack) for each, kind in zip(results, kinds, strict=False)
        ]
        if transfer is not None and made:
            made[0] = self._narrowed(node, self._anchored(node, read, made[0]))
        return made

    def _anchored(self, node: Node, read: list[Range | None], made: Range) -> Range:
        """With the anchor that a function of single elements makes of the only one that it reads.

        The others must be the same for all elements along its axes.
        """
        transfer = transfer_of(node.op)
        if transfer is None or not is_pointwise(node.op) or made.anchor is not None:
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
            found = transfer.function(At(self, node, there))
        one = found if isinstance(found, Range) else None if found is None else next(iter(found))
        if one is None or one.nan:
            return made
        one = settled(one, self.element_type(node.output), slack=transfer.ulps)
        return replace(made, anchor=Part(anchor.axes, one.least, one.most))

    def _narrowed(self, node: Node, made: Range) -> Range:
        """Within what the sum that it is allows, where its terms hang together."""
        value = node.output
        element_type = self.element_type(value)
        if value is None or element_type is None or not is_float(element_type) or not made.varies:
            return made
        if node.op not in ("Add", "Sub"):
            return made
        form = self.world.forms.of(value)
        if not _is_related(node, form) or not all(self.of(v).is_finite for v in node.inputs):
            return made
        low, high = self._ends(form, element_type)
        shape = np.broadcast_shapes(low.shape, made.low.shape)
        if np.prod(shape, dtype=int) > made.low.size:
            low, high = low.min(), high.max()
        low, high = np.maximum(made.low, low), np.minimum(made.high, high)
        if bool((low > high).any()):
            return made
        return replace(made, low=low, high=high, loose=made.loose and form.single is None)

    def _ends(self, form: Form, element_type: int) -> tuple[Any, Any]:
        """The ends of a sum: of each value together, and what the steps were rounded by."""
        forms, low, high = self.world.forms, np.asarray(form.constant), np.asarray(form.constant)
        for number, slope in form.slopes.items():
            least, most = slope.ends(self.of(forms.values[number]))
            low, high = low + least, high + most
        lost = form.lost * smallest(element_type) if form.lost else 0.0
        if form.is_exact:
            return low - lost, high + lost
        size = sum(weight * (self.of(forms.values[number]).magnitude if number >= 0 else 1.0)
                   for number, weight in form.touched.items())  # fmt: skip
        slip = len(form.touched) * 4 * precision(element_type) * size + lost
        return low - slip, high + slip

    # types

    def shape_of(self, value: Value | None) -> Shape | None:
        """The type of a value; in a function what follows from the call."""
        found = self.world.shapes.of(value)
        if found is not None or value is None or not value.scope.in_function:
            return found
        known = (each.types[value] for each in self.lineage if value in each.types)
        return next(known, None)

    def element_type(self, value: Value | None) -> int | None:
        """The element type of a value, as onnx numbers them; of a sequence that of its tensors."""
        found = self.shape_of(value)
        return self.world.element_type(value) if found is None else found.element_type

    def dims(self, value: Value | None) -> tuple[int | str | None, ...] | None:
        """The sizes of a value's axes; None where not even their number is known."""
        found = self.shape_of(value)
        dims = None if found is None else found.dims
        if dims is not None and all(isinstance(dim, int) for dim in dims):
            return dims
        told = None if value is None else self._told_dims(value)
        if told is None or (dims is not None and len(dims) != len(told)):
            return dims
        known = dims or (None,) * len(told)
        return tuple(a if isinstance(a, int) or b is None else b
                     for a, b in zip(known, told, strict=True))  # fmt: skip

    def _told_dims(self, value: Value) -> tuple[int | None, ...] | None:
        """The sizes that the shape operand of what makes a value tells."""
        node = value.producer
        slot = SHAPE_OPERANDS.get(node.op) if node is not None else None
        operand = node.input(slot) if node is not None and slot is not None else None
        told = None if operand is None else self.of(operand)
        if node is None or told is None or told.low.ndim != 1 or told.low.size > MOST_AXES:
            return None
        length = self.world.dims(operand)
        if length != (told.low.size,):
            return None
        least = 2 if node.op == "Expand" else 1  # 1 leaves a size as it is, 0 and -1 too
        pairs = zip(told.low.tolist(), told.high.tolist(), strict=True)
        return tuple(int(low) if low == high and low >= least else None for low, high in pairs)

    def typed(self, value: Value | None, shape: Shape | None) -> None:
        """Takes note of a type that only this evaluation knows."""
        if value is not None and shape is not None:
            self.types.setdefault(value, shape)

    def _infer(self, node: Node) -> None:
        attribute = partial(self.attribute, node)
        for value, shape in zip(
            node.outputs, types.inferred(node, self.shape_of, attribute, is_pointwise(node.op)),
            strict=False,
        ):  # fmt: skip
            self.typed(value, shape)

    # attributes

    def _constant(self, node: Node) -> Range | None:
        """A constant that the caller of a function decides."""
        for name in ("value_float", "value_int", "value_floats", "value_ints"):
            found = self.attribute(node, name)
            if found is not None:
                return Range.constant(np.asarray(found))
        return None

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
        return None if self.around is None else self.around.resolved(given)


def _is_related(node: Node, form: Form) -> bool:
    """Whether a sum says more than its two operands: fewer values than they have, or none."""
    if any(slope.plain and slope.bent for slope in form.slopes.values()):
        return True
    return len(form.slopes) < sum(number >= 0 for number in form.touched)
