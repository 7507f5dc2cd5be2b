"""Every file that a command reads, and by what name: no report and no fixed model replaces one."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from onnxlint.settings import LabelSource, Settings

if TYPE_CHECKING:
    from onnxlint.job import Job
    from onnxlint.report import ModelReport

ONE_FILE = (
    "data", "reference", "labels", "train_data", "train_labels", "config", "accepted",
)  # fmt: skip
"""Options of one file each, by the names of their parameters; `labels` may name a column, too."""

SEVERAL_FILES = ("rules", "baseline")
"""Options that can be given again."""

CONFIGURED = ("data", "reference", "labels", "train_data", "train_labels", "baselines")
"""Keys of the configuration that name files, by the names of the settings."""


def named_files(given: Mapping[str, Any]) -> Iterator[tuple[str, Path]]:
    """What the options of a command name to be read beside models, and by which option."""
    for name in ONE_FILE:
        if given.get(name) is not None:
            yield _option(name), _file(given[name])
    for name in SEVERAL_FILES:
        yield from ((_option(name), _file(each)) for each in given.get(name) or ())


def models(paths: Iterable[str]) -> Iterator[tuple[str, Path]]:
    """The models of a command line; `-` is standard input."""
    yield from (("a model to lint", Path("/dev/stdin" if path == "-" else path)) for path in paths)


def of_jobs(jobs: Iterable[Job | ModelReport]) -> Iterator[tuple[str, Path]]:
    """What the jobs read beside that: checkpoints, accepted findings, what a file configures."""
    from onnxlint.job import Job

    for job in (job for job in jobs if isinstance(job, Job)):
        if job.settings.series is not None:
            yield from (("a checkpoint of the series", file) for file in job.settings.series.files)
        if job.accepted is not None:
            yield "the accepted findings", job.accepted.file
        yield from _configured(job.settings)


def check_unread(named: str, written: Path, read: Iterable[tuple[str, Path]]) -> None:
    """Refuses to write a file that is read; `named` is the option that names it.

    Raises:
        click.UsageError: it is one of those.
    """
    for what, file in read:
        if is_same(written, file):
            raise click.UsageError(f"{named} would overwrite {what}; choose another name")


def is_same(one: Path, other: Path) -> bool:
    """Whether two paths lead to one file, by links, another name of it, or another spelling."""
    try:
        return one.samefile(other)
    except OSError:  # one is not there
        return os.path.realpath(one) == os.path.realpath(other)
    except ValueError:  # one that no file is called, as it holds NUL
        return False


def _configured(settings: Settings) -> Iterator[tuple[str, Path]]:
    for name in CONFIGURED:
        value = getattr(settings, name, None)
        for each in value if isinstance(value, tuple) else (value,):
            if each is not None:
                yield f"'{name.replace('_', '-')}' of the configuration", _file(each)


def _option(name: str) -> str:
    return f"the file of --{name.replace('_', '-')}"


def _file(written: Path | str | LabelSource) -> Path:
    """The file itself, without the column or array of labels in it."""
    return (written if isinstance(written, LabelSource) else LabelSource.of(Path(written))).file
