"""`onnxlint inspect MODEL`: what the linter sees, layer by layer."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict, dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

import click

from onnxlint.cli.colours import color_option, console
from onnxlint.safety.printable import json_text, printable
from onnxlint.settings import DEFAULT_TIME_LIMIT, LONGEST_TIME_LIMIT

if TYPE_CHECKING:
    from onnxlint.analyses import Analyses
    from onnxlint.analyses.trace.trace import Observed, Trace
    from onnxlint.model.graph.graph import Graph
    from onnxlint.model.graph.nodes import Value
    from onnxlint.settings import Settings


@dataclass(frozen=True)
class Layer:
    """One node as the linter sees it; `parameters` counts what was learnt.

    `scope` is the path of the subgraph or function it stands in, empty for the main graph.
    """

    index: int
    module: str | None
    op: str
    node: str
    output: str | None
    shape: str | None
    parameters: int
    minimum: float | None = None
    maximum: float | None = None
    scope: str = ""


@click.command("inspect")
@click.argument("model")
@click.option("--format", "format_", type=click.Choice(["table", "json"]), default="table",
              show_default=True, help="Format of the summary.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Short for --format json.")
@click.option("--static-only", is_flag=True,
              help="Do not run the model; no ranges are observed.")  # fmt: skip
@click.option("--samples", type=click.IntRange(1), default=8, show_default=True,
              help="Number of samples to run.")  # fmt: skip
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True,
              help="Seed of synthetic inputs.")  # fmt: skip
@click.option("--trace", type=click.Choice(["default", "full"]), default="default",
              show_default=True,
              help="Values to record: outputs of fused kernels, or every value.")  # fmt: skip
@click.option("--time-limit", type=click.FloatRange(0, LONGEST_TIME_LIMIT, min_open=True),
              default=DEFAULT_TIME_LIMIT, show_default=True, metavar="SECONDS",
              help="Time limit for reading and running the model.")  # fmt: skip
@click.option("--memory-limit", metavar="SIZE",
              help="Memory limit for each process, e.g. 4GiB.")  # fmt: skip
@color_option
def command(
    model: str, format_: str, as_json: bool, static_only: bool, samples: int, seed: int, trace: str,
    time_limit: float, memory_limit: str | None,
) -> None:  # fmt: skip
    """Summarise MODEL layer by layer: module, shape, parameters and range observed in a run."""
    from onnxlint.safety.forked import Crashed, Isolated
    from onnxlint.safety.limits import Budget
    from onnxlint.settings import Settings
    from onnxlint.toml_tables import parse_bytes

    settings = Settings(
        samples=samples, seed=seed, full_trace=trace == "full", time_limit=time_limit,
        memory_limit=None if memory_limit is None else parse_bytes(memory_limit),
    )  # fmt: skip
    look = partial(_looked, settings=settings, static_only=static_only)
    try:
        seen = json.loads(
            Isolated(look, model.encode("utf-8", _RAW), Budget.build(settings)).result()
        )
    except Crashed as error:
        raise click.ClickException(f"{model}: cannot be inspected: {error}") from error
    if "error" in seen:
        raise click.ClickException(seen["error"])
    if seen["note"] is not None:
        click.echo(printable(f"no observed ranges: {seen['note']}"), err=True)
    if as_json or format_ == "json":
        click.echo(json_text({**seen["head"], "layers": seen["layers"]}))
    else:
        _print(seen["head"], [Layer(**layer) for layer in seen["layers"]])


_RAW = "surrogateescape"
"""How a path that is no UTF-8 becomes bytes and a path again."""


def _looked(path: bytes, *, settings: Settings, static_only: bool) -> bytes:
    """What there is to show, as JSON; in a child process, for the model may be anybody's."""
    from onnxlint.analyses import Analyses
    from onnxlint.analyses.execution.worker import Workers
    from onnxlint.model.file.errors import ModelError
    from onnxlint.model.file.load import open_model
    from onnxlint.model.graph.graph import Graph
    from onnxlint.safety.limits import Budget

    model, budget = path.decode("utf-8", _RAW), Budget.build(settings)
    with closing(Workers()) as workers, closing(Analyses(settings, budget)) as analyses:
        if not static_only:
            worker = workers.with_limits(settings.time_limit, settings.memory_limit)
            worker.serve(budget)
            analyses.give(worker)
        try:
            with open_model(model, budget) as opened:
                analyses.give(opened)
                trace, note = _trace(analyses, static_only)
                layers = [asdict(layer) for layer in _layers(analyses, trace)]
                head = _header(analyses.get(Graph), model)
        except ModelError as error:
            return json.dumps({"error": str(error)}).encode()
    return json.dumps({"head": head, "layers": layers, "note": note}).encode()


def _trace(analyses: Analyses, static_only: bool) -> tuple[Trace | None, str | None]:
    """What was observed; or, where nothing was though it was asked for, the reason."""
    from onnxlint.analyses.trace.trace import Trace
    from onnxlint.model.graph.place import NotApplicable

    if static_only:
        return None, None
    try:
        return analyses.get(Trace), None
    except NotApplicable as reason:
        return None, str(reason)


def _header(graph: Graph, path: str) -> dict[str, Any]:
    proto = graph.model.proto
    return {
        "path": path,
        "ir_version": proto.ir_version,
        "opsets": dict(graph.main.opsets),
        "producer": f"{proto.producer_name} {proto.producer_version}".strip(),
        "inputs": [value.name for value in graph.inputs],
        "outputs": [value.name for value in graph.outputs],
        "nodes": sum(len(scope.nodes) for scope in graph.scopes),
    }


def _layers(analyses: Analyses, trace: Trace | None) -> Iterator[Layer]:
    from onnxlint.analyses.static.shapes import Shapes
    from onnxlint.analyses.static.trained_parameters import learnt_parameters
    from onnxlint.model.graph.crossings import in_order
    from onnxlint.model.graph.graph import Graph

    graph, shapes = analyses.get(Graph), analyses.get(Shapes)
    for node in in_order(graph.main):
        shape = shapes.of(node.output)
        seen = _seen(trace, node.output) if trace is not None else None
        finite = seen is not None and seen.statistics.finite
        yield Layer(
            index=node.index,
            module=node.place.module,
            op=node.op,
            node=node.name,
            output=node.output.name if node.output else None,
            shape=str(shape) if shape is not None else None,
            parameters=learnt_parameters(graph, node),
            minimum=seen.statistics.minimum if seen is not None and finite else None,
            maximum=seen.statistics.maximum if seen is not None and finite else None,
            scope=node.scope.path,
        )


def _seen(trace: Trace, value: Value | None) -> Observed | None:
    return trace.of(value) or trace.integers(value)


def _print(head: dict[str, Any], layers: list[Layer]) -> None:
    from rich.table import Table
    from rich.text import Text

    from onnxlint.reporters.summary import counted

    opsets = ", ".join(
        f"{domain or 'ai.onnx'} {version}" for domain, version in head["opsets"].items()
    )
    printer = console(otherwise=160)
    facts = (f"IR {head['ir_version']}, opset {opsets}, {head['producer'] or 'unknown producer'}, "
             f"{counted(head['nodes'], 'node')}")  # fmt: skip
    title = Text.assemble((printable(head["path"]), "bold"), "  ", printable(facts))
    printer.print(title, soft_wrap=True)
    table = Table(box=None, pad_edge=False)
    whole = not sys.stdout.isatty()  # a line for each layer: a log obeys what begins one
    for heading in ("Module", "Operator", "Output", "Shape", "Parameters", "Observed"):
        side: Literal["left", "right"] = "right" if heading == "Parameters" else "left"
        table.add_column(heading, justify=side, no_wrap=whole)
    for layer in layers:
        named = layer.module or layer.node or f"#{layer.index}"
        module = f"{layer.scope} {named}" if layer.scope else named
        seen = "" if layer.minimum is None else f"{layer.minimum:.4g} … {layer.maximum:.4g}"
        count = f"{layer.parameters:,}" if layer.parameters else ""
        cells = (module, layer.op, layer.output or "", layer.shape or "?", count, seen)
        table.add_row(*(Text(printable(cell)) for cell in cells))  # Text: no markup, no emoji
    printer.print(table)
    parameters = sum(layer.parameters for layer in layers)
    printer.print(counted(parameters, "parameter"))
