"""Which models the arguments of a command name."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from onnxlint.nearest import nearest
from onnxlint.remote.address import entered, is_remote
from onnxlint.toml_tables import exists, is_file

FOLDER_SUFFIXES = (".onnx", ".onnxtxt", ".onnxtext")


def expand(models: Iterable[str]) -> dict[str, str | None]:
    """Every model file that the arguments name, each once, in a stable order.

    What names none is there, too, with the reason and a remedy.
    """
    found: dict[str, str | None] = {}
    for name in map(entered, models):
        files = dict(_remote_files(name) if is_remote(name) else _files(name))
        found |= files or {name: f"no model matches {name!r}; {_remedy(name)}"}
    return found


def unmatched(found: Mapping[str, str | None]) -> str | None:
    """Why there is no model at all; None where there is one."""
    problems = [problem for problem in found.values() if problem is not None]
    return problems[0] if len(problems) == len(found) else None


_MEANT = {"lint": "check", "help": "--help", "version": "--version"}


def _remedy(name: str) -> str:
    """What to do about a name that is no model; it may be a command's, with a slip in it."""
    from onnxlint.cli.main import COMMANDS

    near = [_MEANT[name]] if name in _MEANT else nearest(name, COMMANDS, cutoff=0.75)
    return f"did you mean 'onnxlint {near[0]}'?" if near else "check the path"


def _files(name: str) -> Iterator[tuple[str, str | None]]:
    """The files behind one argument, and what is wrong with those that cannot be looked at."""
    path = Path(name)
    if name == "-" or is_file(path):
        yield name, None
    elif os.path.isdir(name):  # noqa: PTH112 - a name that no file can have raises nothing
        yield from sorted(_models_below(name), key=lambda each: each[0])
    elif "\0" not in name and any(sign in name for sign in "*?["):
        import glob

        files = sorted(glob.glob(name, recursive=True))  # noqa: PTH207
        yield from ((file, None) for file in files if is_file(Path(file)))
    elif exists(path) or os.path.islink(name):  # noqa: PTH114
        yield name, None


def _remote_files(name: str) -> Iterator[tuple[str, str | None]]:
    """The same of an address; a server is asked where it is a glob or a folder."""
    from onnxlint.remote.errors import RemoteError
    from onnxlint.remote.listing import expanded

    try:
        yield from ((file, None) for file in expanded(name, FOLDER_SUFFIXES))
    except RemoteError as error:
        yield name, str(error)


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
        yield str(error.filename), f"the folder cannot be listed ({error.strerror}); check the path"
