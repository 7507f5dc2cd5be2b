"""`--tensorboard` and `--model-explorer`: models and findings for viewers of others."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
from msgspec import Struct

from onnxlint.safety.printable import printable

if TYPE_CHECKING:
    from onnxlint.job import Job
    from onnxlint.report import ModelReport
    from onnxlint.series_report import SeriesReport
    from onnxlint.settings import Settings
    from onnxlint.viewers.picture import Picture

F = TypeVar("F", bound=Callable[..., Any])

OPTIONS = ("tensorboard", "step", "model_explorer")
_FOLDER = click.Path(path_type=Path)


def viewer_options(command: F) -> F:
    """The options of a command that writes for viewers."""
    given = (
        click.option("--tensorboard", type=_FOLDER, metavar="DIR",
                     help="Write the graph, histograms of weights and values, scalars and findings "
                     "for TensorBoard; each model is a step of the run in DIR."),
        click.option("--step", type=click.IntRange(0, 10**10 - 1), metavar="N",
                     help="Step of the first model in --tensorboard, e.g. of a checkpoint.  [0]"),
        click.option("--model-explorer", type=_FOLDER, metavar="DIR",
                     help="Write findings and statistics to DIR, as overlays for Google's Model "
                     "Explorer."),
    )  # fmt: skip
    for option in reversed(given):
        command = option(command)
    return command


class Viewers(Struct, frozen=True):
    """Where is written to, None for what is not asked for."""

    tensorboard: Path | None
    model_explorer: Path | None
    step: int

    @classmethod
    def of(cls, tensorboard: Path | None, model_explorer: Path | None, step: int | None) -> Viewers:
        """What the command line asks for.

        Raises:
            click.UsageError: it cannot be written.
        """
        if step is not None and tensorboard is None:
            raise click.UsageError("--step counts the steps of --tensorboard DIR; give it, too")
        if tensorboard is not None and find_spec("tensorboardX") is None:
            told = "--tensorboard requires tensorboardX: pip install 'onnxlint[tensorboard]'"
            raise click.UsageError(told)
        asked = cls(tensorboard, model_explorer, step or 0)
        for option, folder in asked.folders():
            _check_folder(option, folder)
        return asked

    def __bool__(self) -> bool:
        """Whether anything is asked for."""
        return any(self.folders())

    def folders(self) -> Iterator[tuple[str, Path]]:
        """Those that are asked for, each with its option."""
        named = {"--tensorboard": self.tensorboard, "--model-explorer": self.model_explorer}
        return ((option, folder) for option, folder in named.items() if folder is not None)

    def write(
        self, at: int, of: int, picture: Picture, report: ModelReport | None = None
    ) -> Iterator[str]:
        """Writes one of so many models, and says where it is.

        Raises:
            click.ClickException: a folder cannot be written.
        """
        for option, folder in self.folders():
            try:
                if option == "--tensorboard":
                    yield self._write_step(folder, self.step + at, picture, report)
                else:
                    part = folder / _part(at, picture.model.path) if of > 1 else folder
                    yield self._write_overlays(part, picture, report)
            except OSError as error:
                told = f"{option} {str(folder)!r}: {error.strerror or error}"
                raise click.ClickException(printable(told)) from error

    def write_series(self, series: SeriesReport) -> Iterator[str]:
        """Writes the curves of a series for TensorBoard, where that is asked for; says where.

        Raises:
            click.ClickException: the folder cannot be written.
        """
        from onnxlint.viewers.tensorboard import write_series

        folder = self.tensorboard
        if folder is None:
            return
        try:
            write_series(folder, series)
        except OSError as error:
            told = f"--tensorboard {str(folder)!r}: {error.strerror or error}"
            raise click.ClickException(printable(told)) from error
        yield f"{len(series.steps):,} checkpoints in {folder} (tensorboard --logdir {folder})"

    def _write_step(
        self, folder: Path, step: int, picture: Picture, report: ModelReport | None
    ) -> str:
        from onnxlint.viewers.tensorboard import write_step

        write_step(folder, step, picture, report)
        return f"{picture.model.path}: step {step:,} in {folder} (tensorboard --logdir {folder})"

    def _write_overlays(self, folder: Path, picture: Picture, report: ModelReport | None) -> str:
        from onnxlint.viewers.model_explorer import write_overlays

        written = write_overlays(folder, picture, report)
        return f"{picture.model.path}: {len(written)} overlays for Model Explorer in {folder}"


def give(
    viewers: Viewers, jobs: Sequence[Job | ModelReport], reports: Sequence[ModelReport], *,
    quiet: bool,
) -> bool:  # fmt: skip
    """Writes the models of a run; tells whether all could be.

    Raises:
        click.ClickException: a folder cannot be written.
    """
    from onnxlint.inspection.looking import InspectionError
    from onnxlint.job import Job
    from onnxlint.viewers.looking import look

    is_whole = True
    for at, (job, report) in enumerate(zip(jobs, reports, strict=True)):
        if not isinstance(job, Job) or report.error is not None:
            continue  # the report says why
        try:
            picture = look(job.path, alone(job.settings), static_only=job.static_only)
        except InspectionError as error:
            click.echo(printable(f"Error: {error}"), err=True)
            is_whole = False
            continue
        for told in viewers.write(at, len(jobs), picture, report):
            if not quiet:
                click.echo(printable(told), err=True)
    return is_whole


def alone(settings: Settings) -> Settings:
    """What holds for the model, without those that it is compared with."""
    from msgspec.structs import replace

    return replace(settings, reference=None, compare_simple=False)


def check_models(viewers: Viewers, models: Sequence[str], *, diff: bool) -> None:
    """Refuses what cannot be read again, and where there is no report.

    Raises:
        click.UsageError: a model is standard input, or only a diff is asked for.
    """
    option = next((option for option, _ in viewers.folders()), None)
    if option is not None and diff:
        raise click.UsageError(f"--diff only shows changes; leave out {option}")
    if option is not None and "-" in models:
        raise click.UsageError(f"{option} reads the model again; give a file instead of '-'")


def _check_folder(option: str, folder: Path) -> None:
    """Whether a folder is there, or can be made, before any model is read."""
    named = f"{option} {str(folder)!r}"
    if folder.is_symlink() and not folder.exists():
        raise click.UsageError(f"{named} is a link that leads nowhere; choose another name")
    there = next((each for each in (folder, *folder.parents) if each.exists()), Path())
    if not there.is_dir():
        what = "is" if there == folder else f"lies in {str(there)!r}, which is"
        raise click.UsageError(f"{named} {what} not a folder; choose another name")
    if not os.access(there, os.W_OK | os.X_OK):
        raise click.UsageError(f"{named} cannot be written; choose another folder")


def _part(at: int, path: str) -> str:
    """The folder of one of several models, which may be called the same."""
    return f"{at}-{Path(path).stem}"
