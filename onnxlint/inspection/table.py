"""Draws what is seen of a model: its inputs and outputs, then a row for each layer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from msgspec.structs import replace

from onnxlint.inspection.amount_lines import metadata, totals
from onnxlint.inspection.columns import COLUMNS, Column, asked_for, layouts
from onnxlint.inspection.fitting import cut, cut_apart, cut_types, width_of
from onnxlint.inspection.grid import Cells, least_width, rows
from onnxlint.inspection.inspected import Inspected, Layer, Port
from onnxlint.reporters.summary import counted
from onnxlint.reporters.wrapping import wrapped
from onnxlint.safety.printable import printable

if TYPE_CHECKING:
    from rich.text import Text


def summary(
    model: Inspected, layers: Sequence[Layer], *, width: int | None, unfolds: bool,
    facts: Sequence[str] = (), told: Sequence[str] = (),
) -> Iterator[Text | str]:  # fmt: skip
    """The lines of the summary, in so many columns where there is a width.

    `layers` are those of the model that are shown. Glue among them is folded unless `unfolds`. What
    is asked for by `facts` has columns; `told` is said of the choice of layers.
    """
    shown = shown_layers(layers, unfolds=unfolds)
    yield from _head(model, width)
    missing: list[str] = []
    if shown:
        cells, missing = _chosen(shown, model, width, [*map(asked_for, facts)])
        yield from _table(cells, width)
    foot = [*_left_out(missing, width), *told, *feet(model, layers, len(layers) - len(shown))]
    for line in foot:
        yield from [line] if width is None else wrapped(line, width)


def shown_layers(layers: Sequence[Layer], *, unfolds: bool) -> Sequence[Layer]:
    """The layers without glue; with it, as what they read is there to be seen."""
    if unfolds:
        return [replace(layer, inputs=layer.reads) for layer in layers]
    return [layer for layer in layers if not layer.is_glue]


def cells_of(
    layers: Sequence[Layer], model: Inspected, facts: Sequence[str] = ()
) -> Iterator[tuple[Column, Sequence[str]]]:
    """Every column, those of the `facts` at the end, with the texts below its heading."""
    for column in (*COLUMNS, *map(asked_for, facts)):
        yield column, [column.text(layer, model) for layer in layers]


def about(model: Inspected) -> str:
    """Versions, producer and size of a model, on one line."""
    return printable(", ".join(_facts(model)))


def _head(model: Inspected, width: int | None) -> Iterator[Text | str]:
    from rich.text import Text

    path, facts = printable(model.path), about(model)
    if width is None or width_of(f"{path}  {facts}") <= width:
        yield Text.assemble((path, "bold"), "  ", facts)
    else:
        yield Text(path, "bold")
        yield from wrapped(facts, width)
    yield from rows(_ports(model), width)
    for line in totals(model):
        yield from [line] if width is None else wrapped(line, width)
    yield from metadata(model, width)


def _facts(model: Inspected) -> Iterator[str]:
    yield f"IR {model.ir_version}"
    opsets = (f"{domain or 'ai.onnx'} {version}" for domain, version in model.opsets.items())
    yield f"opset {', '.join(opsets)}"
    yield model.producer or "unknown producer"
    yield counted(model.nodes, "node")
    if model.model_version:
        yield f"version {model.model_version}"
    if model.domain:
        yield cut(printable(model.domain), 24)


def _ports(model: Inspected) -> list[Cells]:
    ports = [*(("Input", each) for each in model.inputs),
             *(("Output", each) for each in model.outputs)]  # fmt: skip
    return [
        Cells([kind for kind, _ in ports]),
        Cells([printable(port.name) for _, port in ports], 20, cut_apart),
        Cells([printable(port.type) for _, port in ports], 12, cut_types),
        Cells([_origin(port) for _, port in ports]),
    ]


def _table(columns: Sequence[Cells], width: int | None) -> Iterator[Text | str]:
    from rich.text import Text

    table = rows(columns, width)
    yield ""
    yield Text(next(table), "bold")
    yield from table
    yield ""


def _origin(port: Port) -> str:
    return "" if port.layer is None else f"from #{port.layer}"


def _chosen(
    layers: Sequence[Layer], model: Inspected, width: int | None, asked: Sequence[Column]
) -> tuple[list[Cells], list[str]]:
    """The columns that fit, without empty ones, and the headings of those that do not fit."""
    made: dict[Column, Cells] = {}
    cells: list[Cells] = []
    gone: tuple[Column, ...] = ()
    for columns, left_out in layouts(asked):
        gone = left_out
        made |= {each: each.cells(layers, model) for each in columns if each not in made}
        cells = [made[each] for each in columns if any(made[each].texts[1:])]
        if width is None or least_width(cells) <= width:
            break
    return cells, [each.heading for each in gone if any(made[each].texts[1:])]


def _left_out(missing: Sequence[str], width: int | None) -> Iterator[str]:
    if missing:
        yield (f"{', '.join(missing)} not shown in {width} columns (a wider terminal, a file and "
               "--format json have all)")  # fmt: skip


def _reaches(layers: Sequence[Layer]) -> Iterator[str]:
    """The subgraphs and functions that never ran, or that ran more often than was measured."""
    scopes = {layer.scope: layer.reach for layer in layers if layer.reach is not None}
    idle = [scope for scope, reach in scopes.items() if not reach.times]
    if idle:
        runs = counted(max(scopes[scope].of_runs for scope in idle), "run")
        yield f"Never reached in {runs}: {printable(', '.join(idle))}"
    for scope, reach in scopes.items():
        if reach.is_cut:
            yield f"Only {reach.times:,} iterations were measured: {printable(scope)}"


def feet(model: Inspected, layers: Sequence[Layer], folded: int) -> Iterator[str]:
    """What is said below the layers."""
    if model.samples is not None:
        yield f"Observed on {counted(model.samples, 'sample')}: {printable(model.data or '')}"
    yield from _reaches(layers)
    if folded:
        yield (f"{counted(folded, 'node')} folded that only compute sizes or prepare constants "
               "(--all shows them)")  # fmt: skip
    if model.unknown_operators:
        told = ", ".join(f"{printable(op)} {n:,}" for op, n in model.unknown_operators.items())
        yield f"No bounds are known of: {told}"
    among = "" if len(layers) == len(model.layers) else " in the layers shown"
    yield counted(sum(layer.parameters for layer in layers), "parameter") + among
