"""One node or value as text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from onnxlint.inspection.amounts import of_bytes
from onnxlint.inspection.detail import Detail, End, Power, Spot, Tensor
from onnxlint.inspection.inspected import Bound, Layer, Reach, Seen
from onnxlint.reporters.summary import counted
from onnxlint.safety.printable import printable, printable_lines

BAR = 40
"""Columns of the longest bar."""

MOST_FEATURES = 20
"""Features of trees that are named, by their share of splits; the JSON has all."""

MOST_CONSUMERS = 20
"""Consumers of a value that are listed; the JSON has all."""


def lines(detail: Detail, numbers: str | None) -> Iterator[str]:
    """The lines of the text, with the chosen numbers of the first output at the end."""
    yield from _node(detail)
    for slot, tensor in enumerate(detail.inputs):
        yield f"Input {slot}   {'omitted' if tensor is None else _described(tensor)}"
    for slot, tensor in enumerate(detail.outputs):
        yield f"Output {slot}  {_described(tensor)}" if detail.layer else _described(tensor)
        yield from (f"  {line}" for line in _facts(tensor))
    yield from _cost(detail.layer)
    yield from _origin(detail)
    if detail.samples is not None:
        yield f"Observed on {counted(detail.samples, 'sample')}: {printable(detail.data or '')}"
    if detail.spot is not None:
        yield _spot(detail.spot)
    if numbers is not None:
        yield ""
        yield printable_lines(numbers)


def _spot(spot: Spot) -> str:
    """Where numbers were taken; counted from 0, as the options that choose it."""
    way = " in ".join(_end(end) for end in reversed(spot.nodes))
    return printable(f"Numbers of {spot.scope}: run {spot.run}, iteration {spot.iteration} of "
                     f"{spot.of:,}, run by {way}")  # fmt: skip


def _node(detail: Detail) -> Iterator[str]:
    layer = detail.layer
    if layer is None:
        return
    yield printable(f"#{layer.number}  {layer.op}  {layer.node}".rstrip())
    told = {"Module": layer.module, "Scope": layer.scope,
            "Parameters": f"{layer.parameters:,}" if layer.parameters else None,
            "Trees": layer.forest.told if layer.forest else None,
            "Features": layer.forest.importance(MOST_FEATURES) if layer.forest else None,
            "Model": layer.classic.told if layer.classic else None,
            }  # fmt: skip
    for heading, text in told.items():
        if text:
            yield f"{heading:10} {printable(text)}"
    for name, text in detail.attributes.items():
        yield f"  {printable(name)} = {printable(text)}"


def _cost(layer: Layer | None) -> Iterator[str]:
    """What one run of one sample costs."""
    if layer is None or layer.cost is None:
        return
    cost, none = layer.cost, "unknown"
    told = [f"MACs {none if cost.macs is None else f'{cost.macs:,}'}",
            f"FLOPs {none if cost.flops is None else f'{cost.flops:,}'}"]  # fmt: skip
    size = none if cost.activation_bytes is None else of_bytes(cost.activation_bytes)
    stored = f", weights {of_bytes(cost.weight_bytes)}" if cost.weight_bytes else ""
    yield f"Cost   {', '.join(told)}, outputs {size}{stored}"


def _described(tensor: Tensor) -> str:
    made = {"input": "an input", "initializer": "a constant", "nothing": "not defined"}
    origin = made.get(tensor.origin, "" if tensor.producer is None else _end(tensor.producer))
    origin = f"from {origin}" if tensor.producer is not None else origin
    return f"{printable(tensor.name)}  {printable(tensor.type)}  {origin}".rstrip()


def _end(end: End) -> str:
    number = "" if end.layer is None else f"#{end.layer} "
    return printable(f"{number}{end.op} {end.node}".rstrip())


def _facts(tensor: Tensor) -> Iterator[str]:
    readers = [_end(end) for end in tensor.consumers[:MOST_CONSUMERS]]
    more = len(tensor.consumers) - len(readers)
    readers += [f"{more:,} others"] if more else []
    readers += ["the outputs of the graph"] if tensor.is_output else []
    yield f"read by {', '.join(readers) or 'nothing'}"
    if tensor.bound is not None:
        yield _bound(tensor.bound)
    if tensor.scope and tensor.reach is not None and tensor.reach.times:
        yield _reach(tensor.reach)
    if tensor.observed is not None:
        yield from _statistics(tensor.observed)
        yield from histogram(tensor.powers)
        for call in tensor.calls:
            yield f"in {' in '.join(_end(end) for end in reversed(call.nodes))}:"
            yield from (f"  {line}" for line in _statistics(call.observed))
    elif tensor.reach is not None and not tensor.reach.times:
        yield f"no statistics: never reached in {counted(tensor.reach.of_runs, 'run')}"
    elif tensor.origin != "nothing":
        yield "no statistics: not recorded, or no numbers"


def _reach(reach: Reach) -> str:
    cut = " (only so many were measured)" if reach.is_cut else ""
    times = counted(reach.times, "time")
    return f"reached {times}{cut} in {reach.runs:,} of {counted(reach.of_runs, 'run')}"


def _bound(bound: Bound) -> str:
    low = "-∞" if bound.low is None else f"{bound.low:.6g}"
    high = "∞" if bound.high is None else f"{bound.high:.6g}"
    return f"bound {low} … {high} ({bound.basis})" + ", NaN possible" * bound.nan


def _statistics(seen: Seen) -> Iterator[str]:
    if seen.minimum is not None:
        yield (f"min {seen.minimum:.6g}, max {seen.maximum:.6g}, mean {seen.mean:.6g}, "
               f"rms {seen.rms:.6g}")  # fmt: skip
    counts = {"zeros": seen.zeros, "NaN": seen.nan, "Inf": seen.positive_infinite,
              "-Inf": seen.negative_infinite, "subnormal": seen.subnormal}  # fmt: skip
    told = [f"{name} {count:,} ({count / seen.elements:.3g})" for name, count in counts.items()
            if count]  # fmt: skip
    yield ", ".join([counted(seen.elements, "element"), *told])


def histogram(powers: Iterable[Power]) -> Iterator[str]:
    """A bar for each power of two: `-` for negative elements, `#` for positive ones."""
    powers = [*powers]
    total = sum(each.negative + each.positive for each in powers)
    most = max((each.negative + each.positive for each in powers), default=0)
    for each in reversed(powers):
        below, above = (-(-count * BAR // most) for count in (each.negative, each.positive))
        share = (each.negative + each.positive) / total
        yield f"2^{each.exponent:<5}{share:>7.1%} {'-' * below}{'#' * above}".rstrip()


def _origin(detail: Detail) -> Iterator[str]:
    if detail.source is not None:
        yield f"Source {printable(detail.source)}"
    for key, text in (detail.metadata or {}).items():
        yield f"{printable(key)}: {printable(text)}"
    if detail.traceback is not None:
        yield from _block("Traceback of the exporter", detail.traceback)
    if detail.note is not None:
        yield from _block("Note at the node", detail.note)


def _block(heading: str, text: str) -> Iterator[str]:
    yield heading
    yield from (f"  {line}" for line in printable_lines(text.strip()).split("\n"))
