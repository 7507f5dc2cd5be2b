"""Which models the arguments of a command name."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

import click

from onnxlint.toml_tables import exists, is_file

FOLDER_SUFFIXES = (".onnx", ".onnxtxt", ".onnxtext")


def expand(models: Iterable[str]) -> dict[str, str | None]:
    """Every model file that the arguments name, each once, in a stable order.

    What names none is there, too, with the reason; unless there is nothing else.

    Raises:
        click.UsageError: no argument names a model.
    """
    found: dict[str, str | None] = {}
    for name in models:
        files = dict(_files(name))
        found |= files or {name: f"no model matches {name!r}"}
    problems = [problem for problem in found.values() if problem is not None]
    if len(problems) == len(found):
        raise click.UsageError(f"{problems[0]}; check the path")
    return found


def _files(name: str) -> Iterator[tuple[str, str | None]]:
    """The files behind one argument, and what is wrong with those that cannot be looked at."""
    path = Path(name)
    if name == "-" or is_file(path):
        yield name, None
    elif os.path.isdir(name):  # noqa: PTH112 - a name that no file can have raises nothing
        yield from sorted(_models_below(name), key=lambda each: each[0])
    elif "\0" not in name and glob.has_magic(name):
        files = sorted(glob.glob(name, recursive=True))  # noqa: PTH207
        yield from ((file, None) for file in files if is_file(Path(file)))
    elif exists(path) or os.path.islink(name):  # noqa: PTH114
        yield name, None


def _models_below(folder: str) -> Iterator[tuple[str, str | None]]:
    """In a folder, .json and the like are seldom models: only onnx's own endings count.

    Links to folders are not followed, for they may lead in circles.
    """
    unlisted: list[OSError] = []
    for parent, _, names in os.walk(folder, onerror=unlisted.append):
        for name in names:
            file = Path(parent, name)
            if file.suffix.lower() in FOLDER_SUFFIXES and is_file(file):
                yield str(file), None
    for error in unlisted:
        yield str(error.filename), f"the folder cannot be listed ({error.strerror})"
