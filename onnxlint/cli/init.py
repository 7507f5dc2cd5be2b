"""`onnxlint init MODEL…`: a contract from what is seen, ready to be edited."""

from __future__ import annotations

import glob
import os
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from msgspec.structs import replace

from onnxlint.cli.models import expand
from onnxlint.safety.printable import printable
from onnxlint.settings import (
    DEFAULT_SAMPLES,
    DEFAULT_TIME_LIMIT,
    LABELLED_SAMPLES,
    LONGEST_TIME_LIMIT,
    InputContract,
    LabelSource,
    Settings,
)
from onnxlint.severity import Stage
from onnxlint.toml_tables import OWN_FILE, real_path

if TYPE_CHECKING:
    from onnxlint.cli.contract_facts import ModelFacts


@click.command("init")
@click.argument("models", nargs=-1, required=True, metavar="MODEL…")
@click.option("--data", type=click.Path(path_type=Path), metavar="PATH",
              help="Samples to observe ranges on: a file, a folder, or module:function. "
              "Without it, observed ranges are written as comments.")  # fmt: skip
@click.option("--labels", type=click.Path(path_type=Path), metavar="FILE[:NAME]",
              help="Ground-truth labels, as for 'check'.")  # fmt: skip
@click.option("-o", "--output", type=click.Path(path_type=Path), default=Path(OWN_FILE),
              show_default=True, metavar="FILE", help="File to write; '-' prints it.")  # fmt: skip
@click.option("--force", is_flag=True, help="Replace an existing file.")
@click.option("--stage", type=click.Choice([stage.value for stage in Stage]),
              default=Stage.TRAINED.value, show_default=True,
              help="Training stage; 'init' promises entropies near ln k.")  # fmt: skip
@click.option("--static-only", is_flag=True, help="Do not run the models.")
@click.option("--samples", type=click.IntRange(1),
              help=f"Number of samples to run.  [{DEFAULT_SAMPLES}; with --labels "
              f"{LABELLED_SAMPLES}]")  # fmt: skip
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True,
              help="Seed of synthetic inputs.")  # fmt: skip
@click.option("--time-limit", type=click.FloatRange(0, LONGEST_TIME_LIMIT, min_open=True),
              default=DEFAULT_TIME_LIMIT, show_default=True, metavar="SECONDS",
              help="Time limit for one model.")  # fmt: skip
@click.option("--memory-limit", metavar="SIZE",
              help="Memory limit for each process, e.g. 4GiB.")  # fmt: skip
def command(
    models: tuple[str, ...], data: Path | None, labels: Path | None, output: Path, force: bool,
    stage: str, static_only: bool, samples: int | None, seed: int, time_limit: float,
    memory_limit: str | None,
) -> None:  # fmt: skip
    """Write what MODEL promises into onnxlint.toml: architecture, inputs, outputs, budgets.

    The file is commented and ready to be edited; `onnxlint MODEL` then reports what a later
    release breaks. Several models get a [[per-model]] table each.
    """
    from onnxlint.cli.contract_text import contract_text
    from onnxlint.toml_tables import parse_bytes

    _check_output(output, force=force)
    if labels is not None and data is None:
        raise click.UsageError("--labels requires --data")
    given = Settings(
        stage=Stage(stage), data=data, labels=None if labels is None else LabelSource.of(labels),
        samples=samples or (DEFAULT_SAMPLES if labels is None else LABELLED_SAMPLES), seed=seed,
        time_limit=time_limit,
        memory_limit=None if memory_limit is None else parse_bytes(memory_limit),
    )  # fmt: skip
    found = expand(models)
    prepared = {path: replace(given, inputs=_prepared(path)) for path in found}
    facts = [
        (path, _facts(path, problem, prepared[path], static_only))
        for path, problem in found.items()
    ]
    home = Path() if str(output) == "-" else output.parent
    told = [(_pattern(path, home), each) for path, each in facts]
    text = contract_text(told, _head(given, home), is_initial=given.stage is Stage.INIT)
    _write(text, output)
    for path, each in facts:
        if each.unseen is not None and not static_only:
            click.echo(printable(f"{path}: no ranges were observed: {each.unseen}"), err=True)


def _check_output(output: Path, *, force: bool) -> None:
    from onnxlint.safety.writing import obstacle

    if str(output) == "-":
        return
    named = f"--output {str(output)!r}"
    if output.suffix != ".toml":
        raise click.UsageError(f"{named} is not a configuration: name a file that ends in .toml")
    if not output.parent.is_dir():
        raise click.UsageError(f"{named}: folder {str(output.parent)!r} does not exist")
    if (problem := obstacle(output)) is not None:
        raise click.UsageError(f"{named} {problem}; choose another name")
    if output.exists() and not force:
        raise click.UsageError(f"{named} exists; --force replaces it")
    if output.name == "pyproject.toml":
        raise click.UsageError(f"{named} holds more than a contract; write {OWN_FILE}")


def _facts(path: str, problem: str | None, settings: Settings, static_only: bool) -> ModelFacts:
    """What is seen of a model, in a process of its own: it may be anybody's."""
    from onnxlint.cli.contract_facts import decoded
    from onnxlint.safety.forked import Crashed, Isolated
    from onnxlint.safety.limits import Budget

    if problem is not None:
        raise click.ClickException(problem)
    look = partial(_looked, settings=settings, static_only=static_only)
    try:
        seen = decoded(Isolated(look, os.fsencode(path), Budget.build(settings)).result())
    except Crashed as error:
        raise click.ClickException(f"{path}: cannot be looked at: {error}") from error
    if isinstance(seen, str):
        raise click.ClickException(seen)
    return seen


def _looked(path: bytes, *, settings: Settings, static_only: bool) -> bytes:
    """The facts as JSON, or an error."""
    import msgspec

    from onnxlint.analyses import Analyses
    from onnxlint.analyses.execution.worker import Workers
    from onnxlint.cli.contract_facts import observed_facts
    from onnxlint.model.file.errors import DataError, ModelError
    from onnxlint.model.file.load import open_model
    from onnxlint.safety.limits import Budget

    model, budget = os.fsdecode(path), Budget.build(settings)
    with closing(Workers()) as workers, closing(Analyses(settings, budget)) as analyses:
        if not static_only:
            worker = workers.with_limits(settings.time_limit, settings.memory_limit)
            worker.serve(budget)
            analyses.give(worker)
        try:
            with open_model(model, budget) as opened:
                analyses.give(opened)
                return msgspec.json.encode(observed_facts(analyses, static_only=static_only))
        except (ModelError, DataError) as error:
            return msgspec.json.encode({"error": str(error)})


def _prepared(path: str) -> dict[str, InputContract]:
    """How the configuration that holds already has images prepared, by input."""
    from onnxlint.config import find, load

    choices = load(find("-")).for_model(path)
    declared = {name: each for table in choices for name, each in table.inputs.items()}
    return {name: each.preparation for name, each in declared.items()}


def _pattern(path: str, home: Path) -> str:
    """The glob by which a configuration in a folder finds a model."""
    real, folder = real_path(path), real_path(home)
    named = real.relative_to(folder) if real.is_relative_to(folder) else real
    text = str(named).encode("utf-8", "replace").decode()  # a name that is no UTF-8 has a ? there
    return glob.escape(text).replace("\N{REPLACEMENT CHARACTER}", "?")


def _head(settings: Settings, home: Path) -> dict[str, Any]:
    """The keys that hold for all models: the stage, and the data that was observed."""
    head: dict[str, Any] = {}
    if settings.stage is not Stage.TRAINED:
        head["stage"] = settings.stage.value
    if settings.data is not None:
        head["data"] = _placed(settings.data, home)
        if settings.labels is not None:
            head["labels"] = _placed_labels(settings.labels, home)
        default = DEFAULT_SAMPLES if settings.labels is None else LABELLED_SAMPLES
        if settings.samples != default:
            head["samples"] = settings.samples
    elif settings.seed:
        head["seed"] = settings.seed
    return head


def _placed(data: Path, home: Path) -> str:
    """The data as the configuration names it: from its own folder; a function as it is."""
    from onnxlint.runtime.data.generators import is_one

    if is_one(data):
        return str(data)
    try:
        return os.path.relpath(real_path(data), real_path(home))
    except ValueError:  # on another drive
        return str(real_path(data))


def _placed_labels(labels: LabelSource, home: Path) -> str:
    return str(replace(labels, file=Path(_placed(labels.file, home))))


def _write(text: str, output: Path) -> None:
    from onnxlint.safety.writing import replacing

    if str(output) == "-":
        click.echo(text, nl=False)
        return
    with replacing(output) as file:
        file.write(text.encode())
    click.echo(f"wrote {printable(str(output))}")
