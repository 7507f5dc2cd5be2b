"""`onnxlint inspect MODEL`: what the linter sees, layer by layer."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from msgspec.structs import replace

from onnxlint.cli.colours import color_option
from onnxlint.cli.inspect_one import (
    check_dump,
    check_name,
    check_place,
    check_time,
    index_of,
    show_one,
)
from onnxlint.cli.inspect_output import FORMATS, check_inspect_format, print_layers
from onnxlint.cli.sections import sectioned
from onnxlint.cli.streams import require_working_directory
from onnxlint.cli.viewers import OPTIONS as VIEWER_OPTIONS
from onnxlint.cli.viewers import Viewers, viewer_options
from onnxlint.safety.printable import printable
from onnxlint.settings import DEFAULT_SAMPLES, DEFAULT_TIME_LIMIT, LONGEST_TIME_LIMIT, MOST_SAMPLES

if TYPE_CHECKING:
    from onnxlint.config import Loaded
    from onnxlint.inspection.choosing import Choice
    from onnxlint.inspection.inspected import Layer
    from onnxlint.settings import Settings

SECTIONS = {
    "Layers": ("module", "node", "where", "find", "sort", "unfolds"),
    "One node or value": ("slice_", "dump", "iteration", "call"),
    "Input data": ("data", "labels", "samples", "sample", "seed", "config", "trust_config"),
    "Execution": ("bounds", "time", "static_only", "trace", "time_limit", "memory_limit"),
    "Report": ("format_", "as_json", "color"),
    "Viewers": VIEWER_OPTIONS,
}
DECIDING = {"data", "labels", "samples", "seed", "trace", "time-limit", "memory-limit"}
"""Keys of the configuration that decide what is run, and how."""
FINDS = ["has-nan", "has-inf", "dead", "saturated", "constant", "largest"]
_FILE = click.Path(path_type=Path)


@click.command("inspect", cls=sectioned(SECTIONS))
@click.argument("model")
@click.argument("name", required=False, metavar="[NODE|VALUE|#N]")
@click.option("--module", multiple=True, metavar="GLOB",
              help="Show only layers of these modules, e.g. 'encoder.layers.0.*'.")  # fmt: skip
@click.option("--node", multiple=True, metavar="GLOB",
              help="Show only nodes with such a name, or an output of such a name.")  # fmt: skip
@click.option("--where", multiple=True, metavar="EXPR",
              help="Show only layers that meet a condition, e.g. "
              "'max > 1e4 and op == \"Relu\"'.")  # fmt: skip
@click.option("--find", multiple=True, type=click.Choice(FINDS),
              help="Show only layers of a common condition.")  # fmt: skip
@click.option("--sort", metavar="KEY[,desc]",
              help="Sort layers by a fact of --where, e.g. 'parameters,desc'.  "
              "[order of execution]")  # fmt: skip
@click.option("--all", "unfolds", is_flag=True,
              help="Also show nodes that only compute sizes or prepare constants.")  # fmt: skip
@click.option("--slice", "slice_", metavar="INDEX",
              help="Show these numbers of NODE's first output, or of VALUE, e.g. '0,:,3'; "
              "of the first run.")  # fmt: skip
@click.option("--dump", type=_FILE, metavar="FILE.npy|.npz",
              help="Write the numbers of NODE's outputs, or of VALUE, "
              "in the first run.")  # fmt: skip
@click.option("--iteration", type=click.IntRange(min=0), metavar="N",
              help="Of a value inside Loop or Scan, the numbers of this iteration, "
              "counted from 0.  [0]")  # fmt: skip
@click.option("--call", metavar="NODE|#N",
              help="Of a value inside a function, the numbers in the call by this node.  "
              "[the first that runs]")  # fmt: skip
@click.option("--data", type=_FILE, metavar="PATH",
              help="Samples to run, as for 'check'.  [synthetic inputs]")  # fmt: skip
@click.option("--labels", type=_FILE, metavar="FILE[:NAME]",
              help="Ground-truth labels, where they lie in the data.")  # fmt: skip
@click.option("--samples", type=click.IntRange(1, MOST_SAMPLES), metavar="N",
              help=f"Number of samples to run.  [{DEFAULT_SAMPLES}]")  # fmt: skip
@click.option("--sample", type=click.IntRange(0, MOST_SAMPLES - 1), metavar="N",
              help="Run this sample only, counted from 0.  [all]")  # fmt: skip
@click.option("--seed", type=click.IntRange(0, 2**63 - 1), metavar="N",
              help="Seed of synthetic inputs.  [0]")  # fmt: skip
@click.option("--config", type=_FILE, metavar="FILE",
              help="Configuration file; its data and [inputs] tables hold.  "
              "[nearest onnxlint.toml or pyproject.toml]")  # fmt: skip
@click.option("--trust-config", is_flag=True, envvar="ONNXLINT_TRUST_CONFIG",
              help="Trust a configuration that lies with the model.")  # fmt: skip
@click.option("--bounds", is_flag=True,
              help="Also show what each value can be for any input in range.")  # fmt: skip
@click.option("--time", is_flag=True,
              help="Also show how long each layer takes, by onnxruntime's profiler.")  # fmt: skip
@click.option("--static-only", is_flag=True,
              help="Do not run the model; no ranges are observed.")  # fmt: skip
@click.option("--trace", type=click.Choice(["default", "full"]),
              help="Values to record: outputs of fused kernels, or every value.  "
              "[default]")  # fmt: skip
@click.option("--time-limit", type=click.FloatRange(0, LONGEST_TIME_LIMIT, min_open=True),
              metavar="SECONDS", help="Time limit for reading and running the model.  "
              f"[{DEFAULT_TIME_LIMIT:g}]")  # fmt: skip
@click.option("--memory-limit", metavar="SIZE",
              help="Memory limit for each process, e.g. 4GiB.")  # fmt: skip
@click.option("--format", "-f", "format_", type=click.Choice(FORMATS), default="text",
              help="Format of the summary; 'table' is the same as 'text'.  [text]")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
@color_option
@viewer_options
def command(
    model: str, name: str | None, slice_: str | None, dump: Path | None, format_: str,
    as_json: bool, static_only: bool, unfolds: bool, bounds: bool, time: bool,
    module: tuple[str, ...], node: tuple[str, ...], where: tuple[str, ...], find: tuple[str, ...],
    sort: str | None, trace: str | None, iteration: int | None, call: str | None,
    tensorboard: Path | None, model_explorer: Path | None, step: int | None, **given: Any,
) -> None:  # fmt: skip
    """Summarise MODEL layer by layer, or show one NODE or VALUE with all that is known of it.

    Layers are numbered; the inputs of each are shown by name, on a narrow terminal by number. Nodes
    that only compute sizes or prepare constants are folded: the values behind them are shown as
    inputs of the layer that uses them.

    \b
      onnxlint inspect model.onnx --data test.npz            ranges on your own samples
      onnxlint inspect model.onnx --module 'encoder.*'       part of a model
      onnxlint inspect model.onnx --find has-nan             layers that put out NaN
      onnxlint inspect model.onnx conv1 --slice '0,:,3'      one node, and numbers of it
      onnxlint inspect model.onnx -f json                    for tools
    """
    from onnxlint.inspection.looking import InspectionError, look

    require_working_directory()
    choosing = {"--module": module, "--node": node, "--where": where, "--find": find,
                "--sort": sort, "--all": unfolds}  # fmt: skip
    check_name(
        name,
        choosing,
        {"--slice": slice_, "--dump": dump, "--iteration": iteration, "--call": call},
    )
    check_place(iteration, call, has_numbers=slice_ is not None or dump is not None)
    format_ = "json" if as_json else format_
    check_inspect_format(format_, is_one=name is not None)
    index = index_of(slice_)
    check_dump(dump)
    viewers = Viewers.of(tensorboard, model_explorer, step)
    if viewers:
        shown = {"--bounds": bounds, "--json": as_json or format_ == "json"}
        _check_whole(viewers, name, choosing | shown)
        check_time(time, name, static_only=static_only)
        settings = _settings(model, trace=trace, **given)
        _give(viewers, model, settings, static_only=static_only, time=time)
        return
    choice = _choice(where, find, sort, static_only=static_only)
    if trace is None and (
        name is not None or choice.needs("run")
    ):  # what is not recorded is not found
        trace = "full"
    settings = _settings(model, trace=trace, **given)
    bounds = bounds or choice.needs("bounds")
    time = time or choice.needs("time")
    check_time(time, name, static_only=static_only)
    if name is not None:
        show_one(model, name, settings, static_only=static_only, bounds=bounds, index=index,
                 dump=dump, as_json=format_ == "json", iteration=iteration, call=call)  # fmt: skip
        return
    try:
        seen = look(model, settings, static_only=static_only, bounds=bounds, time=time)
    except InspectionError as error:
        raise click.ClickException(str(error)) from error
    among = _selected(seen.layers, module, node)
    layers, unknown = choice.of_layers(among)
    if seen.unobserved is not None:
        click.echo(printable(f"no observed ranges: {seen.unobserved}"), err=True)
    print_layers(seen, layers, choice, format_, unfolds=unfolds or choice.unfolds,
                 among=len(among), unknown=unknown)  # fmt: skip


def _check_whole(viewers: Viewers, name: str | None, choosing: Mapping[str, Any]) -> None:
    """Refuses to write a part of a model, or to print it as well.

    Raises:
        click.UsageError: one of these is asked for.
    """
    option = next(viewers.folders())[0]
    parts = [name, *(part for part, given in choosing.items() if given)]
    if any(parts):
        told = printable(next(filter(None, parts)) or "")
        raise click.UsageError(f"{option} writes the whole model; leave out {told!r}")


def _give(
    viewers: Viewers, model: str, settings: Settings, *, static_only: bool, time: bool
) -> None:
    """Writes the model for viewers, and says where it is."""
    from onnxlint.inspection.looking import InspectionError
    from onnxlint.viewers.looking import look

    try:
        picture = look(model, settings, static_only=static_only, time=time)
    except InspectionError as error:
        raise click.ClickException(str(error)) from error
    if picture.model.unobserved is not None:
        click.echo(printable(f"no observed ranges: {picture.model.unobserved}"), err=True)
    for told in viewers.write(0, 1, picture):
        click.echo(printable(told))


def _choice(
    where: Sequence[str], find: Sequence[str], sort: str | None, *, static_only: bool
) -> Choice:
    """The layers that are asked for by facts.

    Raises:
        click.UsageError: a condition cannot be read, or asks for what is not to be had.
    """
    from onnxlint.inspection.choosing import Choice
    from onnxlint.inspection.expressions import ExpressionError

    try:
        choice = Choice.of(where, find, sort)
    except ExpressionError as error:
        raise click.UsageError(str(error)) from error
    if static_only and choice.needs("run"):
        names = ", ".join(choice.of_source("run"))
        raise click.UsageError(f"{names}: known from a run only; leave out --static-only")
    return choice


def _settings(
    model: str, *, config: Path | None, trust_config: bool, data: Path | None, labels: Path | None,
    trace: str | None, memory_limit: str | None, sample: int | None, **given: Any,
) -> Settings:  # fmt: skip
    """The configuration's settings with those of the command line.

    Raises:
        click.UsageError: what the command line names is not there.
        ConfigError: the configuration cannot be used.
    """
    from onnxlint.cli.planning import check_data, check_files
    from onnxlint.config import load_for
    from onnxlint.job import contracted_settings
    from onnxlint.settings import LabelSource
    from onnxlint.toml_tables import parse_bytes

    check_data(data)
    loaded = load_for(model, config, trusts_all=trust_config)
    _tell_ignored(loaded)
    settings = contracted_settings(
        loaded, model, data=data,
        labels=labels and LabelSource.of(labels), full_trace=trace and trace == "full",
        memory_limit=memory_limit and parse_bytes(memory_limit), **given,
    )  # fmt: skip
    settings = replace(settings, reference=None, compare_simple=False, integers=True, sample=sample)
    if sample is not None:
        settings = replace(settings, samples=max(settings.samples, sample + 1))
    check_files(settings)
    return settings


def _tell_ignored(loaded: Loaded) -> None:
    """What would decide what is seen, if the configuration beside the model were trusted."""
    from onnxlint.config import shown

    beside = loaded.declared
    keys = [key for key in beside.ignored if key in DECIDING] if beside is not None else []
    if beside is not None and beside.file is not None and keys:
        told = (f"{shown(beside.file)} lies with the model and is not trusted; ignored: "
                f"{', '.join(keys)} (--trust-config or --config trusts it)")  # fmt: skip
        click.echo(printable(told), err=True)


def _selected(
    layers: Sequence[Layer], modules: Sequence[str], nodes: Sequence[str]
) -> Sequence[Layer]:
    """The layers that are asked for.

    Raises:
        click.UsageError: there is none.
    """
    for option, globs, names in (("--module", modules, _modules), ("--node", nodes, _names)):
        kept = [layer for layer in layers if _matches(names(layer), globs)]
        if layers and not kept:
            raise click.UsageError(_nothing(option, globs, layers, names))
        layers = kept
    return layers


def _matches(names: Sequence[str], globs: Sequence[str]) -> bool:
    return not globs or any(fnmatchcase(name, glob) for name in names for glob in globs)


def _modules(layer: Layer) -> Sequence[str]:
    return [layer.module] if layer.module else []


def _names(layer: Layer) -> Sequence[str]:
    return [name for name in (layer.node, *layer.outputs) if name]


def _nothing(
    option: str, globs: Sequence[str], layers: Sequence[Layer],
    names: Callable[[Layer], Sequence[str]],
) -> str:  # fmt: skip
    from difflib import get_close_matches

    told = f"no layer matches {option} {', '.join(map(repr, globs))}"
    known = dict.fromkeys(name for layer in layers for name in names(layer))
    if not known:
        return f"{told}: the model names none"
    near = get_close_matches(globs[0], known, n=1)
    return f"{told}; did you mean {near[0]!r}?" if near else f"{told}; one is {next(iter(known))!r}"
