"""Values of the first sample as images, of some layers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, TypeVar

from onnxlint.analyses.execution.run_budget import Work
from onnxlint.analyses.static.operation_counts import FREE_OPERATIONS
from onnxlint.analyses.static.shapes import Shapes
from onnxlint.inspection.numbers import NoNumbers, of_one_sample
from onnxlint.model.graph.crossings import in_order
from onnxlint.model.graph.graph import Graph
from onnxlint.model.graph.nodes import Node, Value
from onnxlint.model.graph.place import NotApplicable
from onnxlint.portrait.pictures import Image, Pictures, Shown
from onnxlint.portraying.attention import Attention, attentions
from onnxlint.portraying.images import image
from onnxlint.portraying.subject import Subject

if TYPE_CHECKING:
    from onnxlint.analyses.trace.trace import Trace
    from onnxlint.types import Array

T = TypeVar("T")

CONVOLUTIONS = ("Conv", "ConvTranspose", "com.microsoft::FusedConv")

MOST_CHANNELS, MOST_HEADS = 16, 4
MOST_CONVOLUTIONS, MOST_ATTENTIONS = 8, 4
"""What is shown; a choice, half a megabyte of the page."""

ATTENTION_SIDE = 96
"""Pixels of a side of an image of attention."""

ROOM = 64 * 1024 * 1024
"""Bytes that are fetched: a choice; what does not fit is left out."""


def pictures(subject: Subject) -> Pictures | None:
    """The feature maps and the weights of attention; None where the model has none.

    Raises:
        NotApplicable: it cannot be run again, or that costs much.
    """
    graph, trace = subject.graph, subject.trace
    convolutions = [*graph_convolutions(graph)]
    attending = [*attentions(graph)]
    if trace is None or not (convolutions or attending):
        return None
    _require_cheap(subject.analyses.get(Work))
    return _Album(subject, trace).pictures(convolutions, attending)


def graph_convolutions(graph: Graph) -> Iterator[Node]:
    """Those of the main graph that compute something of what is fed."""
    return (
        node for node in graph.main.nodes
        if node.op in CONVOLUTIONS and graph.tensor(node.input(0)) is None and node.output
    )  # fmt: skip


def _require_cheap(work: Work) -> None:
    cost = work.load + work.sample
    if cost > FREE_OPERATIONS and cost > work.budget:
        raise NotApplicable(
            f"a further run takes about {cost:.1g} operations (limit {FREE_OPERATIONS:.1g}; "
            "--trace full lifts the limit)"
        )


class _Album:
    """The first sample, layer by layer."""

    def __init__(self, subject: Subject, trace: Trace) -> None:
        self._analyses, self._data = subject.analyses, trace.execution.inputs.description
        self._shapes = subject.analyses.get(Shapes)
        self._numbers = {node: at for at, node in enumerate(in_order(subject.graph.main))}

    def pictures(self, convolutions: Sequence[Node], attending: Sequence[Attention]) -> Pictures:
        """Of some of them."""
        shown = chosen(convolutions, [self._size(node.output) for node in convolutions])
        attentive = spread(attending, MOST_ATTENTIONS)
        wanted = [node.output for node in shown if node.output is not None]
        wanted += [value for each in attentive for value in each.reads]
        try:
            found = of_one_sample(self._analyses, [*dict.fromkeys(wanted)], ROOM)
        except NoNumbers as reason:
            raise NotApplicable(str(reason)) from reason
        maps = (self._maps(node, found.get(node.output)) for node in shown if node.output)
        weights = (self._heads(each, each.weights(found)) for each in attentive)
        return Pictures(
            self._data,
            tuple(filter(None, maps)),
            tuple(filter(None, weights)),
            len(convolutions),
            len(attending),
        )

    def _size(self, value: Value | None) -> object:
        """The sizes of a value behind samples and channels."""
        shape = self._shapes.of(value)
        return None if shape is None or shape.dims is None else shape.dims[2:]

    def _maps(self, node: Node, array: Array | None) -> Shown | None:
        """The first channels of the first sample."""
        if array is None or not 3 <= array.ndim <= 5 or not array.size or array.dtype.kind != "f":
            return None
        sample = array[0]
        if sample.ndim == 2:  # a sequence: all channels above each other
            images: tuple[Image, ...] = (image(sample, None),)
        else:
            images = tuple(
                image(_plane(each), at) for at, each in enumerate(sample[:MOST_CHANNELS])
            )
        return self._shown(node, array, len(sample), images)

    def _heads(self, attention: Attention, weights: Array | None) -> Shown | None:
        if weights is None or not weights.size or weights.dtype.kind != "f":
            return None
        images = tuple(
            image(head, at, ATTENTION_SIDE) for at, head in enumerate(weights[:MOST_HEADS])
        )
        return self._shown(attention.node, weights, len(weights), images)

    def _shown(self, node: Node, array: Array, of: int, images: tuple[Image, ...]) -> Shown:
        title = node.place.module or node.name or f"#{node.index}"
        return Shown(self._numbers[node], title, node.op, tuple(array.shape), of, images)


def _plane(channel: Array) -> Array:
    """A map, of three dimensions the slice in the middle."""
    return channel if channel.ndim == 2 else channel[len(channel) // 2]


def chosen(convolutions: Sequence[Node], sizes: Sequence[object]) -> list[Node]:
    """The first one, the last one, and between them the last one of each size."""
    last = {size: at for at, size in enumerate(sizes)}
    wanted = sorted({0, *last.values()}) if convolutions else []
    return [convolutions[at] for at in spread(wanted, MOST_CONVOLUTIONS)]


def spread(those: Sequence[T], most: int) -> list[T]:
    """So many of them at most, the first and the last among them."""
    if len(those) <= most:
        return [*those]
    return [those[round(at * (len(those) - 1) / (most - 1))] for at in range(most)]
