"""The columns of the table of layers, and which of them give way where it is narrow."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial

from msgspec import Struct
from msgspec.structs import replace

from onnxlint.inspection import facts
from onnxlint.inspection.amounts import of_bytes, of_time, short
from onnxlint.inspection.fitting import TIMES, cut_apart, cut_dims, cut_lists, cut_types
from onnxlint.inspection.grid import Cells, Cutter, cut_each
from onnxlint.inspection.inspected import Bound, Dims, Input, Inspected, Layer
from onnxlint.reporters.summary import counted
from onnxlint.safety.printable import printable


class Column(Struct, frozen=True):
    """One column: a heading, and the text of each layer, for which it may look at the whole model.

    `least` is the width below which it is not cut, None where it is not cut at all.
    """

    heading: str
    text: Callable[[Layer, Inspected], str]
    least: int | None = None
    cutter: Cutter = cut_each
    is_right: bool = False

    def cells(self, layers: Sequence[Layer], model: Inspected) -> Cells:
        """The column of these layers."""
        texts = [self.heading, *(self.text(layer, model) for layer in layers)]
        return Cells(texts, self.least, self.cutter, self.is_right)


def _inputs_by_name(layer: Layer, _model: Inspected) -> str:
    return ", ".join(_sized(each, printable(each.name)) for each in layer.inputs)


def _inputs_by_number(layer: Layer, model: Inspected) -> str:
    return ", ".join(_sized(each, _reference(each, model)) for each in layer.inputs)


def _sized(read: Input, text: str) -> str:
    return f"size of {text}" if read.size_only else text


def _reference(read: Input, model: Inspected) -> str:
    """`#3`, for a further output of the layer `#3:1`; the name of what no layer gives."""
    if read.layer is None:
        return printable(read.name)
    outputs = model.layers[read.layer].outputs
    slot = outputs.index(read.name)
    return f"#{read.layer}:{slot}" if slot else f"#{read.layer}"


def _shape(layer: Layer, _model: Inspected) -> str:
    return printable(layer.shape or "?")


def _dims_alone(layer: Layer, model: Inspected) -> str:
    return _shape(layer, model) if layer.dims is None else _dims(layer.dims)


def _weights(layer: Layer, _model: Inspected) -> str:
    return ", ".join(_dims(each.dims) for each in layer.weights)


def _dims(dims: Dims) -> str:
    if not dims:
        return "?" if dims is None else "scalar"
    return TIMES.join("?" if dim is None else printable(str(dim)) for dim in dims)


def _count(layer: Layer, _model: Inspected) -> str:
    if layer.forest is not None:
        return f"{counted(layer.forest.trees, 'tree')}, depth {layer.forest.depth:,}"
    if layer.classic is not None and layer.classic.main:
        return layer.classic.main
    return f"{layer.parameters:,}" if layer.parameters else ""


def _short_count(layer: Layer, model: Inspected) -> str:
    if layer.forest is not None:
        return counted(layer.forest.trees, "tree")
    return _count(layer, model) if layer.parameters < 1_000_000 else short(layer.parameters)


def _observed(layer: Layer, _model: Inspected) -> str:
    return _seen(layer, ".4g")


def _short_observed(layer: Layer, _model: Inspected) -> str:
    return _seen(layer, ".2g")


def _seen(layer: Layer, digits: str) -> str:
    """The range, then how many elements are not finite."""
    seen = layer.observed
    if seen is None:
        return "never ran" if layer.reach is not None and not layer.reach.times else ""
    ends = [] if seen.minimum is None else [f"{seen.minimum:{digits}} … {seen.maximum:{digits}}"]
    apart = {"NaN": seen.nan, "Inf": seen.positive_infinite, "-Inf": seen.negative_infinite}
    return ", ".join(ends + [f"{name} {count:,}" for name, count in apart.items() if count])


def _bound(layer: Layer, _model: Inspected) -> str:
    return "" if layer.bound is None else _ends(layer.bound, ".4g")


def _short_bound(layer: Layer, _model: Inspected) -> str:
    return "" if layer.bound is None else _ends(layer.bound, ".2g")


def _ends(bound: Bound, digits: str) -> str:
    low = "-∞" if bound.low is None else f"{bound.low:{digits}}"
    high = "∞" if bound.high is None else f"{bound.high:{digits}}"
    marks = ", NaN" * bound.nan + " (violated)" * bound.violated
    return f"{low} … {high}{marks}"


def _macs(layer: Layer, _model: Inspected) -> str:
    cost = layer.cost
    if cost is None or cost.macs == 0:
        return ""
    return "?" if cost.macs is None else short(cost.macs)


def _memory(layer: Layer, _model: Inspected) -> str:
    cost = layer.cost
    if cost is None or cost.activation_bytes is None:
        return "" if cost is None else "?"
    return of_bytes(cost.activation_bytes)


def _time(layer: Layer, model: Inspected) -> str:
    time = layer.time
    if time is None or time.milliseconds is None:
        return _time_share(layer, model)
    return f"{of_time(time.milliseconds)} {_time_share(layer, model):>6}"


def _time_share(layer: Layer, _model: Inspected) -> str:
    """The share; of what another layer's kernel computes that layer's number."""
    if layer.time is None:
        return ""
    if layer.time.share is None:
        return "" if layer.time.within is None else f"in #{layer.time.within}"
    return f"{layer.time.share:.1%}"


NUMBER = Column("#", lambda layer, _: f"#{layer.number}", is_right=True)
MODULE = Column("Module", lambda layer, _: printable(layer.title), 28, cut_apart)
SHORT_MODULE = replace(MODULE, least=16)
OPERATOR = Column("Operator", lambda layer, _: printable(layer.op), 18, cut_apart)
SHORT_OPERATOR = replace(OPERATOR, least=10)
INPUTS = Column("Inputs", _inputs_by_name)
INPUT_NUMBERS = Column("Inputs", _inputs_by_number, 14, cut_lists)
SHORT_INPUTS = replace(INPUT_NUMBERS, least=9)
OUTPUT = Column("Output", lambda layer, _: printable(layer.output or ""), 20, cut_apart)
SHAPE = Column("Shape", _shape, 20, cut_types)
DIMS = Column("Shape", _dims_alone, 16, cut_dims)
SHORT_DIMS = replace(DIMS, least=10)
WEIGHTS = Column("Weights", _weights, 16, cut_lists)
PARAMETERS = Column("Parameters", _count, is_right=True)
SHORT_PARAMETERS = Column("Params", _short_count, is_right=True)
MACS = Column("MACs", _macs, is_right=True)
MEMORY = Column("Memory", _memory, is_right=True)
TIME = Column("Time", _time, is_right=True)
SHORT_TIME = Column("Time", _time_share, is_right=True)
OBSERVED = Column("Observed", _observed)
SHORT_OBSERVED = Column("Observed", _short_observed)
BOUND = Column("Bound", _bound)
SHORT_BOUND = Column("Bound", _short_bound)

COLUMNS = (
    NUMBER, MODULE, OPERATOR, INPUTS, OUTPUT, SHAPE, WEIGHTS, PARAMETERS, MACS, MEMORY, TIME,
    OBSERVED, BOUND,
)  # fmt: skip

CONCESSIONS: tuple[tuple[Column, Column | None], ...] = (
    (INPUTS, INPUT_NUMBERS),
    (WEIGHTS, None),
    (MEMORY, None),
    (SHAPE, DIMS),
    (OUTPUT, None),
    (TIME, SHORT_TIME),
    (BOUND, SHORT_BOUND),
    (OBSERVED, SHORT_OBSERVED),
    (MACS, None),
    (PARAMETERS, SHORT_PARAMETERS),
    (MODULE, SHORT_MODULE),
    (INPUT_NUMBERS, SHORT_INPUTS),
    (OPERATOR, SHORT_OPERATOR),
    (DIMS, SHORT_DIMS),
    (SHORT_OBSERVED, None),
    (SHORT_BOUND, None),
    (SHORT_PARAMETERS, None),
    (SHORT_DIMS, None),
    (SHORT_TIME, None),
)
"""What gives way first, and to what: names to numbers of layers, then what the file or the JSON has
as well; what a layer is, and what it reads, stay. A new column needs a line here, or is always
there."""


def asked_for(name: str) -> Column:
    """The column of a fact that a condition or an order is about."""
    return Column(name, partial(_fact, name), is_right=True)


def _fact(name: str, layer: Layer, _model: Inspected) -> str:
    return printable(facts.told(name, layer))


def layouts(
    asked: Sequence[Column] = (),
) -> Iterator[tuple[tuple[Column, ...], tuple[Column, ...]]]:
    """The columns to try, from all of them to the least, each with those that are left out.

    Those `asked` for are always among them.
    """
    named = {column.heading for column in asked}
    current = {c: c for c in (*COLUMNS, *asked) if c in asked or c.heading.lower() not in named}
    yield tuple(current), ()
    for wider, narrower in CONCESSIONS:
        place = next((column for column, now in current.items() if now is wider), None)
        if place is None:  # it is shown as a fact that was asked for
            continue
        if narrower is None:
            del current[place]
        else:
            current[place] = narrower
        gone = tuple(c for c in COLUMNS if c not in current and c.heading.lower() not in named)
        yield tuple(current.values()), gone
