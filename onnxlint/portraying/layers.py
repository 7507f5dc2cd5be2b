"""Reads off the analyses what is shown of every layer."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any

from onnxlint.analyses.static.weights import Weights
from onnxlint.inspection.bounds import Bounds
from onnxlint.inspection.collecting import Collected, fed, traced
from onnxlint.inspection.cost import Cost
from onnxlint.inspection.costing import Timing
from onnxlint.inspection.inspected import Bound
from onnxlint.inspection.inspected import Layer as Told
from onnxlint.inspection.observing import observed_of
from onnxlint.model.file.dtypes import bits
from onnxlint.model.graph.nodes import Node, Value
from onnxlint.model.graph.walk import Walk
from onnxlint.portrait.layers import Activity, Layer, Layers, Limits, Weight
from onnxlint.portraying.gradients import Gradients
from onnxlint.portraying.histograms import band, powers, weight
from onnxlint.portraying.subject import Subject
from onnxlint.settings import Settings

if TYPE_CHECKING:
    from onnxlint.analyses.trace.trace import Trace
    from onnxlint.model.file.tensors import Tensor

MOST_BOUNDED, MOST_READ = 500, 2_000_000
"""Nodes and elements of weights up to which bounds are computed that no rule asked for: a choice,
a tenth of a second."""

MOST_DETAILED = 1_000
"""Layers with histograms; a choice, one takes a kilobyte of the page."""

MOST_FEATURES = 20
"""Features of trees that are named; a choice, two lines."""

MOST_WEIGHTS = 8
"""Constants of one layer that are shown; a choice, twice as many as an LSTM reads."""


def layers(subject: Subject) -> Layers:
    """All nodes but glue, in the order of execution."""
    making = _Making(subject)
    told = [*making.layers()]
    trace, problem = (subject.trace, None) if not subject.runs else traced(subject.analyses)
    return Layers(
        tuple(told),
        glue=making.glue,
        not_run=problem if subject.runs else "the model was not run",
        not_measured=making.gradients.problem,
        costs_of=", ".join(f"{name}{list(dims)}" for name, dims in making.totals.at.items()),
        not_counted=making.totals.problem,
        **making.times,
        **({} if trace is None else fed(subject.analyses)),
    )


class _Making:
    """One model, layer by layer."""

    def __init__(self, subject: Subject) -> None:
        self._analyses, self._graph, self._trace = subject.analyses, subject.graph, subject.trace
        self._collected = Collected(subject.analyses, subject.trace, _bounds(subject))
        self._weights = subject.analyses.get(Weights)
        self.gradients, self.totals = Gradients(subject), self._collected.totals
        is_timed = subject.trace is not None and subject.analyses.get(Settings).timed
        self._timing = Timing(subject.analyses, self._collected.numbers) if is_timed else None
        self.glue = 0

    @property
    def times(self) -> dict[str, Any]:
        """How long all of it takes, or why that is not known; nothing where nobody asked."""
        if self._timing is None:
            return {}
        whole = self._timing.profiled
        if whole is None:
            return {"not_timed": self._timing.problem}
        return {"milliseconds": whole.milliseconds, "runs": whole.runs}

    def layers(self) -> Iterator[Layer]:
        """All but glue, which is counted."""
        detailed = 0
        for node, told in zip(
            self._collected.numbers, self._collected.layers(self._timing), strict=True
        ):
            if told.is_glue:
                self.glue += 1
                continue
            detailed += 1
            yield self._layer(node, told, is_detailed=detailed <= MOST_DETAILED)

    def _layer(self, node: Node, told: Told, *, is_detailed: bool) -> Layer:
        found, cost = self.gradients.of(node), told.cost or Cost()
        return Layer(
            number=told.number,
            index=told.index,
            scope=told.scope,
            title=told.title,
            op=told.op,
            node=told.node,
            output=told.output,
            shape=told.shape,
            parameters=told.parameters,
            trainable=cost.trainable,
            macs=cost.macs,
            flops=cost.flops,
            memory=cost.activation_bytes,
            time=None if told.time is None else told.time.share,
            within=None if told.time is None else told.time.within,
            reads=tuple(
                dict.fromkeys(each.layer for each in told.inputs if each.layer is not None)
            ),
            seen=_activity(self._trace, node, told, is_detailed=is_detailed),
            limits=None if told.dtype == "bool" else _limits(told.bound),
            weights=tuple(self._weights_of(node)) if is_detailed else (),
            gradient=None if found is None else _finite(found.gradient),
            gain=None if found is None else _finite(found.gain),
            trees=told.forest.told if told.forest else "",
            features=told.forest.importance(MOST_FEATURES) if told.forest else "",
            classic=told.classic.told if told.classic else "",
        )

    def _weights_of(self, node: Node) -> Iterator[Weight]:
        """The learnt constants that it reads, also behind glue."""
        walk = Walk(self._collected.constants(node))
        stored = islice(filter(None, (self._stored(value, walk) for value in walk)), MOST_WEIGHTS)
        return (weight(self._weights, name, tensor) for name, tensor in stored)

    def _stored(self, value: Value, walk: Walk[Value]) -> tuple[str, Tensor] | None:
        """What is stored of a value; of one that glue makes, what that reads is to be looked at."""
        tensor, maker = self._graph.tensor(value), value.producer
        if tensor is not None:
            is_number = tensor.size and bits(tensor.element_type) is not None
            return (self._graph.source(value).name, tensor) if is_number else None
        if maker is not None and self._collected.is_glue(maker):
            walk.add(*self._collected.constants(maker))
        return None


def _bounds(subject: Subject) -> Bounds:
    """The bounds of all values where that takes little time; else what rules asked for."""
    analyses, graph = subject.analyses, subject.graph
    weights = sum(each.tensor.size for each in analyses.get(Weights).layers())
    is_dear = len(graph.main.nodes) > MOST_BOUNDED or weights > MOST_READ
    return Bounds(analyses, graph, has_trace=False, known_only=is_dear)


def _limits(bound: Bound | None) -> Limits | None:
    """A bound that says more than the dtype does."""
    if bound is None or (bound.low is None and bound.high is None):
        return None
    return Limits(_finite(bound.low), _finite(bound.high), bound.nan, bound.basis)


def _activity(trace: Trace | None, node: Node, told: Told, *, is_detailed: bool) -> Activity | None:
    found, seen = None if trace is None else observed_of(trace, node.output), told.observed
    if found is None or seen is None:
        return None
    ends = band(found)
    return Activity(
        samples=seen.samples,
        elements=seen.elements,
        nan=seen.nan,
        positive_infinite=seen.positive_infinite,
        negative_infinite=seen.negative_infinite,
        zeros=seen.zeros,
        subnormal=seen.subnormal,
        minimum=seen.minimum,
        maximum=seen.maximum,
        mean=_finite(seen.mean),
        rms=_finite(seen.rms),
        low=None if ends is None else ends[0],
        high=None if ends is None else ends[1],
        dead=seen.dead,
        saturated=seen.saturated,
        powers=powers(found) if is_detailed else None,
    )


def _finite(number: float | None) -> float | None:
    return number if number is not None and math.isfinite(number) else None
