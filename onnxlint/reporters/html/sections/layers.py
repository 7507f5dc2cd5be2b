"""The section of layers: a chart over depth, and a table of which each row unfolds."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from msgspec import Struct

from onnxlint.model.graph.place import Place
from onnxlint.portrait.layers import Activity, Layer, Layers, Limits, Weight
from onnxlint.report import ModelReport
from onnxlint.reporters.html.items import argument, command_line
from onnxlint.reporters.html.sections import profile
from onnxlint.reporters.html.sections.amounts import EXACT, count, figure, share, size
from onnxlint.reporters.html.sections.histograms import Histogram, of_activity, of_weight
from onnxlint.reporters.summary import counted

if TYPE_CHECKING:
    from onnxlint.reporters.html.items import Item
    from onnxlint.reporters.html.models import Group

MOST_ROWS = 20_000
"""Layers that are shown; a choice, some ten megabytes of a page."""

AT_ONCE = 1_000
"""Layers that are shown before one asks for more; a choice, a browser lays them out in a moment."""

MOST_UNFOLDED = 1_000
"""Layers of which each has its details on the page; of more only those with findings have."""

MOST_READ = 8
"""Layers named of which one reads; a choice, a Concat may read a hundred."""

_BASES = {
    "exact": "", "loose": ", not tight", "dtype": ", by the dtype of an input alone",
}  # fmt: skip


class Column(Struct, frozen=True):
    """A column of the table: how a layer is told in it, and what it is sorted by."""

    title: str
    text: Callable[[Layer], str]
    key: Callable[[Layer], float | None]


def _number(title: str, of: Callable[[Layer], float | None], tell: Callable[..., str]) -> Column:
    def text(layer: Layer) -> str:
        value = of(layer)
        return "" if value is None or (not value and tell is not figure) else tell(value)

    return Column(title, text, of)


def _share(of: Callable[[Activity], float]) -> Callable[[Layer], float | None]:
    return lambda layer: None if layer.seen is None else of(layer.seen)


COLUMNS = (
    _number("Parameters", lambda layer: layer.parameters, count),
    _number("MACs", lambda layer: layer.macs, count),
    _number("Memory", lambda layer: layer.memory, size),
    _number("Time", lambda layer: layer.time, share),
    Column("Range", lambda layer: _range(layer.seen), lambda layer: _magnitude(layer.seen)),
    _number("Zeros", _share(lambda seen: seen.zeros / seen.elements), share),
    _number("Dead", _share(lambda seen: seen.dead), share),
    _number("Saturated", _share(lambda seen: seen.saturated), share),
)
"""Those that no layer has anything to say in are left out."""


class Row(Struct, frozen=True):
    """A layer as the template reads it."""

    layer: Layer
    cells: Sequence[tuple[str, str]]
    findings: Sequence[Item]
    unfolds: bool

    @property
    def spark(self) -> Histogram | None:
        """What was observed, small."""
        seen = self.layer.seen
        return None if seen is None or seen.powers is None else of_activity(seen)

    @property
    def place(self) -> Place:
        """Where it stands in the model."""
        return Place(scope=self.layer.scope, node_index=self.layer.index)

    @property
    def weights(self) -> list[tuple[Weight, str, Histogram | None]]:
        """The constants that it reads, each with its numbers and its distribution."""
        return [(each, _numbers(each), of_weight(each)) for each in self.layer.weights]

    @property
    def facts(self) -> list[tuple[str, str]]:
        """All that is known, each with its title."""
        return [(title, text) for title, text in _facts(self.layer) if text]


class View(Struct, frozen=True, dict=True):
    """What the template reads."""

    part: Layers
    report: ModelReport

    @cached_property
    def columns(self) -> list[Column]:
        """Those with something to say."""
        return [column for column in COLUMNS if any(map(column.text, self.part.layers))]

    def rows(self, groups: Sequence[Group]) -> Iterator[Row]:
        """The layers, each with the findings at it, of those on the page."""
        at = self._findings(groups)
        for place, layer in enumerate(self.part.layers[:MOST_ROWS]):
            cells = [(column.text(layer), _sorted(column.key(layer))) for column in self.columns]
            found = at.get(layer.number, ())
            yield Row(layer, cells, found, place < MOST_UNFOLDED or bool(found))

    def has_findings(self, groups: Sequence[Group]) -> bool:
        """Whether any finding is at a layer that is shown."""
        return bool(self._findings(groups))

    @property
    def at_once(self) -> int:
        """How many rows are shown at first."""
        return AT_ONCE

    @property
    def shown(self) -> int:
        """How many layers the table has."""
        return min(len(self.part.layers), MOST_ROWS)

    @property
    def chart(self) -> profile.Chart | None:
        """The scale of activations and gradients over depth."""
        return profile.chart(self.part.layers)

    @property
    def notes(self) -> Iterator[str]:
        """What is to be known of the table."""
        part = self.part
        total = sum(layer.parameters for layer in part.layers)
        yield f"{counted(len(part.layers), 'layer')}, {counted(total, 'parameter')}." + _all(part)
        if part.glue:
            yield (f"{counted(part.glue, 'node')} left out that only compute sizes or prepare "
                   "constants.")  # fmt: skip
        if part.samples is not None:
            seen = sum(layer.seen is not None for layer in part.layers)
            over = counted(part.samples, "sample")
            told = f"Activations of {counted(seen, 'layer')}, over {over}: {part.data}."
            yield told + _hidden(part, seen)
        if part.not_counted is not None:
            yield f"Costs were not counted: {part.not_counted}."
        if part.milliseconds is not None:
            yield (f"All kernels take {part.milliseconds:.3g} ms, the median of "
                   f"{counted(part.runs, 'run')}; a time is its layer's share.")  # fmt: skip
        if part.not_timed is not None:
            yield f"Times were not measured: {part.not_timed}."
        if part.not_run is not None:
            yield f"No activations were observed: {part.not_run}."
        elif part.not_measured is not None:
            yield f"Gradients were not measured: {part.not_measured}."
        if len(part.layers) > MOST_UNFOLDED:
            yield (f"The first {MOST_UNFOLDED:,} layers and those with findings have their details "
                   "here; onnxlint inspect shows those of the others.")  # fmt: skip
        if len(part.layers) > MOST_ROWS:
            yield f"{len(part.layers) - MOST_ROWS:,} more layers are not shown."

    @property
    def command(self) -> str:
        """The command that shows the first layer in a terminal."""
        first = self.part.layers[0].number if self.part.layers else 0
        return command_line(["onnxlint", "inspect", argument(self.report.path), f"#{first}"])

    def read(self, layer: Layer) -> list[int]:
        """The layers that one reads, as many as are named."""
        last = self.part.layers[self.shown - 1].number
        return [number for number in layer.reads[:MOST_READ] if number <= last]

    def _findings(self, groups: Sequence[Group]) -> Mapping[int, list[Item]]:
        """The findings at each layer: at its node, its output or a constant that it reads."""
        nodes = {(layer.scope, layer.index): layer.number for layer in self.part.layers}
        values: dict[tuple[str, str], int] = {}
        for layer in self.part.layers[:MOST_ROWS]:
            for name in (layer.output, *(weight.name for weight in layer.weights)):
                values.setdefault((layer.scope, name or ""), layer.number)
        found: dict[int, list[Item]] = {}
        for item in (item for group in groups for item in group.items):
            place = item.finding.place
            by_node = nodes.get((place.scope, -1 if place.node_index is None else place.node_index))
            number = values.get((place.scope, place.value or "")) if by_node is None else by_node
            if number is not None:
                found.setdefault(number, []).append(item)
        return found


def _all(part: Layers) -> str:
    """Sums over all layers, of what is known."""
    told = []
    for title, of in (("MACs", "macs"), ("FLOPs", "flops")):
        numbers = [getattr(layer, of) for layer in part.layers]
        if any(numbers):
            told.append(f"{count(sum(number or 0 for number in numbers))} {title}")
    of = f" of {part.costs_of}" if part.costs_of else ""
    return f" One run{of} takes {' and '.join(told)}." if told else ""


def _hidden(part: Layers, seen: int) -> str:
    is_whole = seen == len(part.layers)
    return "" if is_whole else " With --trace full those inside fused kernels are observed, too."


def _sorted(key: float | None) -> str:
    """What a cell is sorted by, where its text does not say it."""
    return "" if key is None else f"{key:.6g}"


def _range(seen: Activity | None) -> str:
    """The range, then what is not finite."""
    if seen is None:
        return ""
    ends = "" if seen.minimum is None or seen.maximum is None else (
        f"{seen.minimum:.3g} … {seen.maximum:.3g}")  # fmt: skip
    odd = {"NaN": seen.nan, "+Inf": seen.positive_infinite, "-Inf": seen.negative_infinite}
    return ", ".join(filter(None, [ends, *(name for name, number in odd.items() if number)]))


def _magnitude(seen: Activity | None) -> float | None:
    """The largest magnitude, infinities and NaN above all."""
    if seen is None:
        return None
    if seen.nan or seen.positive_infinite or seen.negative_infinite:
        return float("inf")
    return (
        None if seen.minimum is None or seen.maximum is None else max(-seen.minimum, seen.maximum)
    )


def _facts(layer: Layer) -> Iterator[tuple[str, str]]:
    yield "Node", layer.node
    yield "Scope", layer.scope
    yield "Output", layer.output or ""
    if layer.parameters:
        yield "Parameters", f"{layer.parameters:,}"
    yield "Trees", layer.trees
    yield "Features by share of splits", layer.features
    yield "Consists of", layer.classic
    if layer.trainable is not None and layer.parameters:
        yield "Trainable parameters", f"{layer.trainable:,}"
    yield "MACs", _exact(layer.macs)
    yield "FLOPs", f"{layer.flops:,}" if layer.flops else ""
    yield "Bytes of outputs", _exact(layer.memory)
    yield "Share of time", share(layer.time) if layer.time is not None else ""
    yield "Computed with", f"#{layer.within}" if layer.within is not None else ""
    if layer.seen is not None:
        yield from _observed(layer.seen)
    if layer.limits is not None:
        yield "Bound for any input", _limits(layer.limits)
    yield "Gradient", "" if layer.gradient is None else figure(layer.gradient)
    yield "Gain", "" if layer.gain is None else figure(layer.gain)


def _exact(number: int | None) -> str:
    """What the row tells in three digits; empty where it tells all."""
    return f"{number:,}" if number is not None and number >= EXACT else ""


def _observed(seen: Activity) -> Iterator[tuple[str, str]]:
    if seen.minimum is not None and seen.maximum is not None:
        yield "Observed", f"{figure(seen.minimum)} … {figure(seen.maximum)}"
    if seen.mean is not None and seen.rms is not None:
        yield "Mean, RMS", f"{figure(seen.mean)}, {figure(seen.rms)}"
    apart = {"NaN": seen.nan, "+Inf": seen.positive_infinite, "-Inf": seen.negative_infinite,
             "Zeros": seen.zeros, "Subnormal": seen.subnormal}  # fmt: skip
    for title, number in apart.items():
        yield title, f"{number:,} ({share(number / seen.elements)})" if number else ""
    yield "Dead channels", share(seen.dead) if seen.dead else ""
    yield "Saturated", share(seen.saturated) if seen.saturated else ""
    yield "Elements", f"{seen.elements:,} in {counted(seen.samples, 'sample')}"


def _limits(limits: Limits) -> str:
    low = "-∞" if limits.low is None else figure(limits.low)
    high = "∞" if limits.high is None else figure(limits.high)
    return f"{low} … {high}{', or NaN' * limits.nan}{_BASES.get(limits.basis, '')}"


def _numbers(weight: Weight) -> str:
    """A constant's range and what stands out in it."""
    told = [weight.type]
    if weight.minimum is not None and weight.maximum is not None:
        is_one = weight.minimum == weight.maximum
        ends = f"all {figure(weight.minimum)}" if is_one and weight.elements > 1 else (
            figure(weight.minimum) if is_one else
            f"{figure(weight.minimum)} … {figure(weight.maximum)}")  # fmt: skip
        told.append(ends)
        if not is_one and weight.rms is not None:
            told.append(f"RMS {figure(weight.rms)}")
    apart = {"NaN": weight.nan, "infinite": weight.infinite, "zero": weight.zeros}
    told += [f"{share(number / weight.elements)} {name}" for name, number in apart.items()
             if number and weight.minimum != weight.maximum]  # fmt: skip
    return ", ".join(told)
