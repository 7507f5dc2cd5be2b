"""Statistics of the intermediate values over all samples."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar

from msgspec import Struct
from msgspec.structs import replace

from onnxlint.analyses import Unavailable
from onnxlint.analyses.execution.body_values import Within
from onnxlint.analyses.execution.execution import Execution
from onnxlint.analyses.execution.probes import dequantised, quantiser
from onnxlint.contributions import Contributions
from onnxlint.model.file.dtypes import is_float
from onnxlint.model.graph.crossings import in_order
from onnxlint.model.graph.graph import Graph
from onnxlint.model.graph.nodes import Node, Scope, Value
from onnxlint.model.graph.operators import DEQUANTIZE, QUANTIZE
from onnxlint.model.graph.place import Place
from onnxlint.report import TraceRow
from onnxlint.severity import Severity

if TYPE_CHECKING:
    from onnxlint.analyses.execution.body_values import InnerRun
    from onnxlint.analyses.static.body_models import Body
    from onnxlint.runtime.protocol import Array, Ran, Statistics


Bad = Callable[["Statistics"], int]
"""Counts the elements that are not as they should be."""

MASK_BYTES = 16 * 1024 * 1024
"""Constants up to this size are searched for NaN and infinities that a node may have hidden."""

MEASURED_FEEDS = 64
"""Runs whose inputs are measured, where a rule compares what was seen with what was fed."""


class ChannelActivity(Struct, frozen=True):
    """Extrema of each channel over all samples: arrays, one element a channel."""

    minimum: Array
    maximum: Array


class Observed(Struct, frozen=True, dict=True):
    """One recorded value: its statistics over all samples.

    `of_samples` is their number: values inside a fused kernel are recorded for some only.
    """

    value: Value
    statistics: Statistics
    of_samples: int = 1

    @property
    def place(self) -> Place:
        """The value's place."""
        return self.value.place

    @property
    def is_whole(self) -> bool:
        """Whether its elements are integers or booleans (and not quantised real values)."""
        return self.statistics.dtype.startswith(("int", "uint", "bool"))

    def made_by(self, *ops: str) -> bool:
        """Whether its producer is a node with one of these operators."""
        return self.value.producer is not None and self.value.producer.op in ops

    @property
    def peak(self) -> float:
        """The largest magnitude among its finite elements; 0 where there are none."""
        seen = self.statistics
        return max(-seen.minimum, seen.maximum) if seen.finite else 0.0

    @property
    def channels(self) -> ChannelActivity | None:
        """Its channels, or None where it has none."""
        seen = self.statistics
        if seen.channel_minimum is None or seen.channel_maximum is None:
            return None
        return ChannelActivity(seen.channel_minimum, seen.channel_maximum)

    def channel_fraction(self, judge: Callable[[ChannelActivity], Array]) -> float:
        """Fraction of channels that `judge` is true for; 0 where there are none.

        `judge` gets the extrema of all channels as arrays and answers with a boolean array.
        """
        channels = self.channels
        if channels is None or not channels.minimum.size:
            return 0.0
        return float(judge(channels).mean())

    def fraction_of_magnitudes(self, at_least: float = 0.0, below: float = math.inf) -> float:
        """Fraction of finite elements with a magnitude in [at_least, below), both powers of two.

        Zeros are counted exactly, the others on a subset of the elements.
        """
        seen = self.statistics
        counts = seen.exponents
        if counts is None or not seen.finite:
            return 0.0
        first, last = _bucket(at_least), _bucket(below)
        zeros = seen.zeros / seen.finite
        nonzero = float(counts[first:last].sum() / max(1, counts.sum())) * (1 - zeros)
        return nonzero + (zeros if at_least == 0 else 0.0)

    def quantile(self, q: float) -> float:
        """The value that a fraction `q` of the finite elements does not exceed; 0 without any.

        Right within a factor of two: elements are counted by powers of two, on a subset of them.
        Minimum and maximum are exact.
        """
        import numpy as np

        from onnxlint.runtime.statistics.compiled import EXPONENT_BUCKETS

        seen = self.statistics
        if seen.exponents is None or seen.negative_exponents is None or not seen.finite:
            return 0.0
        negative = seen.negative_exponents
        nonzero = (seen.finite - seen.zeros) / max(1, seen.exponents.sum())
        edges = np.ldexp(1.0, np.arange(EXPONENT_BUCKETS + 1) - EXPONENT_BUCKETS // 2)
        counts = [*negative[::-1] * nonzero, seen.zeros, *(seen.exponents - negative) * nonzero]
        bounds = [*-edges[:0:-1], 0.0, 0.0, *edges[1:]]
        at = np.interp(q * seen.finite, np.cumsum([0.0, *counts]), bounds)
        return float(min(max(at, seen.minimum), seen.maximum))

    @cached_property
    def samples(self) -> Array | None:
        """A row for each of the first samples: the mean of its elements, then a subset of them.

        None where fewer than two samples can be told apart.
        """
        rows = self.statistics.samples
        return rows if rows is not None and len(rows) > 1 and rows.shape[1] else None

    @property
    def similarity(self) -> float | None:
        """The cosine between the kept elements of two samples, on average over all pairs.

        None where the samples cannot be compared, or one of them is all zero.
        """
        import numpy as np

        if self.samples is None or not np.isfinite(self.samples).all():
            return None
        rows = self.samples[:, 1:].astype(np.float64)
        lengths = np.linalg.norm(rows, axis=1, keepdims=True)
        if not lengths.all():
            return None
        total = float(np.square((rows / lengths).sum(axis=0)).sum())
        count = len(rows)
        return (total - count) / (count * (count - 1))

    @cached_property
    def spread(self) -> float | None:
        """The largest difference between two samples, relative to the largest magnitude.

        None where the samples cannot be compared.
        """
        import numpy as np

        rows = self.samples
        if rows is None or not np.isfinite(rows).all():
            return None
        peak = np.abs(rows).max()
        return float((rows.max(axis=0) - rows.min(axis=0)).max() / peak) if peak else 0.0

    def is_constant(self, max_spread: float) -> bool:
        """Whether no two samples differ by more than this fraction of the largest magnitude.

        Only a subset of each sample is kept: where all of it is one value, the whole must be.
        """
        import numpy as np

        if self.spread is None or self.samples is None or self.spread > max_spread:
            return False
        seen, limit = self.statistics, max_spread * self.peak
        return bool(np.ptp(self.samples[:, 1:]) > limit or seen.maximum - seen.minimum <= limit)

    @property
    def sample_size(self) -> int:
        """How many elements of each sample are kept; 0 where the samples cannot be compared."""
        return 0 if self.samples is None else int(self.samples.shape[1]) - 1

    @property
    def epsilon(self) -> float:
        """The relative precision of its dtype."""
        import numpy as np

        return float(np.finfo(self.statistics.dtype).eps)


class ObservedNode(Struct, frozen=True):
    """A node whose first output was recorded."""

    node: Node
    output: Observed

    @property
    def place(self) -> Place:
        """Where the node stands."""
        return self.node.place


class Contamination(Struct, frozen=True):
    """A node that is the first to output what `bad` counts, or that hides it; in how many runs.

    `first_run` is the first of them, counted from 0. `bodies` are those in which the node was seen,
    where it is not one of the main graph.
    """

    node: Node
    runs: int
    of_runs: int
    first_run: int
    born: bool
    bad: Bad
    bodies: tuple[Body, ...] = ()

    @property
    def place(self) -> Place:
        """Where the node stands."""
        return self.node.place

    @property
    def sources(self) -> Iterator[Value]:
        """What the node reads, and the nodes that run it: a loop also reads its last outputs."""
        for node in (self.node, *(node for body in self.bodies for node in body.calls)):
            yield from filter(None, node.inputs)
        yield from (value for body in self.bodies if body.repeats for value in body.scope.outputs)


class Trace:
    """Statistics of the values inside the model.

    `samples` is how many were run, `synthetic` whether they are synthetic.
    """

    effort: ClassVar = 100
    settles: ClassVar = True

    def __init__(self, graph: Graph, execution: Execution, within: Within) -> None:
        self._graph = graph
        self._quantises = not (QUANTIZE | DEQUANTIZE).isdisjoint(graph.ops)
        self.execution, self.within = execution, within
        self.samples = execution.samples
        self.synthetic = execution.synthetic
        self._constants: dict[Value, Statistics | None] = {}

    @classmethod
    def build(cls, graph: Graph, execution: Execution, within: Within) -> Trace:
        """Merges the statistics of all runs.

        Raises:
            Unavailable: the model did not run.
        """
        if not execution.ran:
            raise Unavailable(execution.failure or "the model did not run")
        execution.look_closer()
        return cls(graph, execution, within)

    @property
    def is_noise(self) -> bool:
        """Whether the inputs are noise: synthetic pixels, features or the like, not only ids."""
        return self.execution.inputs.is_noise

    @cached_property
    def _fed(self) -> dict[str, Statistics]:
        """The numbers that were fed, in the first runs."""
        from onnxlint.runtime.statistics.measure import measure, merge

        attempt = self.execution.attempt
        assert attempt is not None
        fed: dict[str, Statistics] = {}
        for feed in attempt.feeds[:MEASURED_FEEDS]:
            for name, array in feed.items():
                if array.dtype.kind not in "fiub" or not array.size:
                    continue
                counted = array.ndim and array.shape[0] == attempt.samples_per_run
                counts = counted or attempt.samples_per_run == 1
                seen = measure(array, None, attempt.samples_per_run if counts else None)
                fed[name] = merge(fed[name], seen) if name in fed else seen
        return fed

    def of(self, value: Value | None) -> Observed | None:
        """The statistics of a value, or None where it was not recorded, or always empty.

        For quantised values these are of the real values; for an input, of what was fed. Other
        integers, and booleans: see `integers`.
        """
        found = self._of(value)
        is_fed = value is not None and value.producer is None and not value.scope.path
        return None if found is None or (found.is_whole and not is_fed) else found

    def integers(self, value: Value | None) -> Observed | None:
        """The statistics of booleans, and of integers that are not quantised real values, as `of`
        for floats."""
        found = self._of(value)
        return found if found is not None and found.is_whole else None

    def _of(self, value: Value | None) -> Observed | None:
        if value is None or value.scope is not self._graph.main:
            return None if value is None else self._within(value)
        watched, count = self.execution.statistics, self.samples
        seen = watched.get(value.name) or watched.get(self._quantised_name(value))
        if seen is None and value.producer is None:
            seen = self._fed.get(value.name)
        if seen is None:
            return self._inside(value)
        return Observed(value, seen, count) if seen.elements else None

    def _within(self, value: Value) -> Observed | None:
        """What was seen of a value in a subgraph or a function."""
        for name in (value.name, self._quantised_name(value)):
            inner = value.scope.values.get(name)
            seen = None if inner is None else self.within.statistics.get(inner)
            if inner is not None and seen is not None:
                return Observed(value, seen, self.within.samples[inner]) if seen.elements else None
        return None

    def _quantised_name(self, value: Value) -> str:
        """The name of the integers that stand for a value: it is only quantised, or made of them.

        Most models have no such values, and thousands of others.
        """
        if not self._quantises:
            return ""
        reader = quantiser(value)
        integers = reader.output if reader is not None else dequantised(value)
        return "" if integers is None else integers.name

    def _inside(self, value: Value) -> Observed | None:
        """What a fused kernel hides of a value, or its quantised numbers."""
        seen, count = self.execution.inner.get(value.name), self.execution.inner_samples
        return Observed(value, seen, count) if seen is not None and seen.elements else None

    def nodes(self, *ops: str) -> Iterator[ObservedNode]:
        """Nodes (of these operators) whose first output was recorded."""
        for node in self._graph.nodes(*ops):
            observed = self.of(node.output)
            if observed is not None:
                yield ObservedNode(node, observed)

    def first_normalisations(self) -> list[Node]:
        """Batch normalisations with no other one between them and the model's inputs."""
        from onnxlint.analyses.execution.probes import first_normalisations

        return first_normalisations(self._graph)

    def gates_itself(self, node: Node) -> bool:
        """Whether a sigmoid or tanh only gates its own input, as in SiLU and GELU."""
        from onnxlint.analyses.execution.probes import gates_itself

        return gates_itself(self._graph, node)

    def values(self) -> Iterator[Observed]:
        """Every recorded value, in the order of the file, the inside of a node before the node.

        A quantised value comes once, and again as before quantisation where that was recorded.
        """
        return iter(self._values)

    @cached_property
    def _values(self) -> list[Observed]:
        return list(self._all_values())

    def _all_values(self) -> Iterator[Observed]:
        told: set[int] = set()
        for node in in_order(self._graph.main):
            is_main = node.scope is self._graph.main
            for value in filter(None, node.outputs):
                fused = self._inside(value) if is_main else None
                for observed in filter(None, (self.of(value), fused)):
                    if id(observed.statistics) not in told:
                        told.add(id(observed.statistics))
                        yield observed

    def empty(self) -> Iterator[Observed]:
        """Values that are empty in every run, in the order of the file."""
        execution = self.execution
        for value in (value for node in self._graph.main.nodes for value in node.outputs):
            if value is None or value.name not in execution.statistics:
                continue
            types = [ran.types.get(value.name) for ran in execution.runs]
            if all(seen is not None and 0 in seen[1] for seen in types):
                yield Observed(value, execution.statistics[value.name], self.samples)
        for value, seen in self.within.statistics.items():
            if not seen.elements:
                yield Observed(value, seen, self.within.samples[value])

    def contribute(self, report: Contributions) -> None:
        """All rows, where a full trace was asked for."""
        if self.execution.inputs.settings.full_trace:
            report.trace = tuple(self.rows())

    def rows(self) -> Iterator[TraceRow]:
        """Every recorded value, integers too, for the report."""
        nodes = in_order(self._graph.main)
        whole = filter(None, (self.integers(value) for node in nodes for value in node.outputs))
        for observed in (*self.values(), *whole):
            seen, value = observed.statistics, observed.value
            row = TraceRow(
                scope=value.scope.path,
                value=value.name,
                node=value.producer.name if value.producer else "",
                op_type=value.producer.op if value.producer else "",
                dtype=seen.dtype,
                shape=tuple(seen.shape),
                elements=seen.elements,
                nan=seen.nan,
                infinite=seen.infinite,
                zeros=seen.zeros,
                subnormal=seen.subnormal,
            )
            if seen.finite:
                p1, p50, p99 = (observed.quantile(q) for q in (0.01, 0.5, 0.99))
                row = replace(
                    row, minimum=seen.minimum, maximum=seen.maximum, mean=seen.mean,
                    deviation=seen.variance**0.5, p1=p1, p50=p50, p99=p99,
                )  # fmt: skip
            yield row

    def severity(self, on_data: Severity, origin: Value | None = None) -> Severity:
        """The severity of a numeric defect: at most a warning where only synthetic samples show it.

        A value that depends on no input shows it for every input.
        """
        if not self.synthetic or on_data is not Severity.ERROR:
            return on_data
        if origin is None or origin.scope.in_function:
            return Severity.WARNING  # what its callers give depends, as a rule
        depends = not self._graph.ancestors([origin]).isdisjoint(self._graph.inputs)
        return Severity.WARNING if depends else on_data

    def origins(
        self, bad: Bad, runs: list[Ran] | None = None, inner: list[InnerRun] | None = None
    ) -> list[Contamination]:
        """Nodes whose output is bad (`bad` counts elements) although none of their inputs is.

        In the order of the file; each with the number of runs in which it was so. `runs` are others
        than those of the trace, with every value watched, and `inner` the steps in them. A node
        whose body shows the origin is none.
        """
        if runs is None:
            runs, inner = self.execution.close_runs, self.within.close_runs
        inside = self._located_inside(bad, inner or [], True)
        behind = {node for found in inside for body in found.bodies for node in body.calls}
        found = [*self._located(bad, runs, True), *inside]
        return [one for one in found if one.node not in behind]

    def swallowers(self, bad: Bad) -> list[Contamination]:
        """Nodes with a bad input although none of their outputs is: these look valid."""
        inside = self._located_inside(bad, self.within.close_runs, False)
        return [*self._located(bad, self.execution.close_runs, False), *inside]

    def _located(self, bad: Bad, runs: list[Ran], born: bool) -> Iterator[Contamination]:
        for node in self._graph.main.nodes if runs else ():
            if self._graph.tensor(node.output) is not None:
                continue  # a constant is not a computation
            at = [run for run, ran in enumerate(runs) if self._is_located(node, ran, bad, born)]
            if at:
                yield Contamination(node, len(at), len(runs), at[0], born, bad)

    def _located_inside(self, bad: Bad, runs: list[InnerRun], born: bool) -> list[Contamination]:
        """The same of subgraphs and functions, each node once for all steps and calls."""
        met: dict[Node, list[InnerRun]] = {}
        for run in runs:
            for node in run.body.scope.nodes:
                constant = self._graph.tensor(node.output) is not None
                if not constant and self._is_located(node, run.ran, bad, born):
                    met.setdefault(node, []).append(run)
        of_runs = self.within.of_runs
        return [
            Contamination(
                node, len(at := {run.run for run in found}), max(of_runs, len(at)), min(at), born,
                bad, tuple(dict.fromkeys(run.body for run in found)),
            )
            for node, found in met.items()
        ]  # fmt: skip

    def shows(self, found: Contamination, ran: Ran) -> bool:
        """Whether another run, with every value recorded, shows the same at the same node."""
        return not found.bodies and self._is_located(found.node, ran, found.bad, found.born)

    def _is_located(self, node: Node, ran: Ran, bad: Bad, born: bool) -> bool:
        after = any(self._is_bad(value, ran, bad) for value in node.outputs)
        if after is not born:
            return False
        largest = math.inf if born else MASK_BYTES  # few nodes are bad, and all are looked at else
        return any(self._is_bad(value, ran, bad, largest) for value in _read(node)) is not born

    def _is_bad(self, value: Value | None, ran: Ran, bad: Bad, largest: float = 0.0) -> bool:
        if value is None:
            return False
        seen = ran.statistics.get(value.name) or self._constant(value, largest)
        return seen is not None and bool(bad(seen))

    def _constant(self, value: Value, largest: float) -> Statistics | None:
        """The statistics of a constant of floats that a node reads, of at most so many bytes."""
        from onnxlint.runtime.statistics.measure import measure

        tensor = self._graph.tensor(value)
        if tensor is None or not is_float(tensor.element_type) or tensor.nbytes > largest:
            return None
        if value not in self._constants:
            array = self._graph.constant(value)
            self._constants[value] = None if array is None else measure(array)
        return self._constants[value]


def _read(node: Node) -> Iterator[Value]:
    """What a node reads; what its subgraphs and the functions that it calls read, too."""
    yield from filter(None, node.inputs)
    scopes = _inside(node)
    for scope in scopes:
        for inner in scope.nodes:
            yield from filter(None, inner.inputs)
            scopes += [found for found in _inside(inner) if found not in scopes]


def _inside(node: Node) -> list[Scope]:
    return [*node.subgraphs, *([node.called] if node.called else [])]


def _bucket(magnitude: float) -> int:
    """Where `Statistics.exponents` counts a magnitude."""
    from onnxlint.runtime.statistics.compiled import EXPONENT_BUCKETS

    if magnitude in (0.0, math.inf):
        return EXPONENT_BUCKETS if magnitude else 0
    return EXPONENT_BUCKETS // 2 + math.frexp(magnitude)[1] - 1
