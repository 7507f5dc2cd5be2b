"""What a whole model costs, and what it says of itself, in lines of text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from onnxlint.inspection.amounts import of_bytes, of_time, short
from onnxlint.inspection.cost import Profiled, Totals
from onnxlint.inspection.fitting import TIMES, cut
from onnxlint.inspection.inspected import Inspected
from onnxlint.reporters.summary import counted
from onnxlint.safety.printable import printable

NAME = 24
"""Columns of the name of an input."""

NAME_OF_OPERATOR = 40
"""Columns of an operator, with its domain."""

MOST_OPERATORS = 12
"""Operators that are named of those that sums leave out; the JSON has all."""

MOST_INPUTS = 4
"""Inputs whose sizes are told; the JSON has all."""


def totals(model: Inspected) -> Iterator[str]:
    """The sums over all layers, and what they leave out."""
    if model.totals is not None:
        yield ", ".join(_amounts(model.totals)) + _sizes(model.totals)
        yield from _left_out(model.totals)
    if model.profiled is not None:
        yield _time(model.profiled)
    elif model.unprofiled is not None:
        yield printable(f"no time was measured: {model.unprofiled}")


def metadata(model: Inspected, width: int | None) -> Iterator[str]:
    """What the file says of itself beside its producer, a line each."""
    for key, text in {**({"doc": model.doc} if model.doc else {}), **model.metadata}.items():
        line = printable(f"{key}: {text}")
        yield line if width is None else cut(line, width)


def _amounts(totals: Totals) -> Iterator[str]:
    frozen = totals.parameters - totals.trainable
    quantised = f" ({frozen:,} quantised)" if frozen else ""
    yield counted(totals.parameters, "parameter") + quantised
    yield f"weights {of_bytes(totals.weight_bytes)}"
    if totals.macs is not None:
        yield f"{short(totals.macs)} MACs"
    if totals.flops is not None:
        yield f"{short(totals.flops)} FLOPs"
    if totals.peak_activations is not None:
        yield f"peak of activations {of_bytes(totals.peak_activations)}"


def _sizes(totals: Totals) -> str:
    shapes = [
        f"{cut(printable(name), NAME)} {TIMES.join(map(str, dims)) or 'scalar'}"
        for name, dims in [*totals.at.items()][:MOST_INPUTS]
    ]
    shapes += ["…"] if len(totals.at) > MOST_INPUTS else []
    return f" (for {', '.join(shapes)})" if shapes else ""


def _left_out(totals: Totals) -> Iterator[str]:
    if totals.problem is not None:
        yield printable(totals.problem)
    if totals.uncounted:
        ops = _named(totals.uncounted)
        yield f"MACs and FLOPs are without nodes whose operations are unknown: {ops}"
    if totals.unsized:
        yield f"The peak is without outputs of unknown size: {_named(totals.unsized)}"


def _named(ops: Sequence[str]) -> str:
    more = len(ops) - MOST_OPERATORS
    shown = [cut(printable(op), NAME_OF_OPERATOR) for op in ops[:MOST_OPERATORS]]
    return ", ".join([*shown, f"and {more:,} more"] if more > 0 else shown)


def _time(profiled: Profiled) -> str:
    other = ""
    if profiled.other:
        other = f", {of_time(profiled.other)} of them in kernels of no layer"
    runs = counted(profiled.runs, "run")
    return f"kernels take {of_time(profiled.milliseconds)} (median of {runs}{other})"
