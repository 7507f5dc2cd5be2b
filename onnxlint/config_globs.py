"""Globs of a configuration that mean no model: written wrong, or left behind."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from pathlib import Path

from onnxlint.config import Loaded, fits
from onnxlint.nearest import nearest
from onnxlint.toml_tables import ConfigError

MOST_FILES = 20_000
"""Files below a configuration that are compared with a glob; of more, none is called wrong."""

_PASSED_BY = ("node_modules", "site-packages", "__pycache__")


def check_globs(loaded: Loaded, models: Collection[str]) -> None:
    """Refuses a glob that means none of the models, and no file below the configuration.

    Those of a base that is extended are for other models, too, and are let be.

    Raises:
        ConfigError: there is one.
    """
    file = loaded.file
    if file is None:
        return
    for where, glob in _globs(loaded):
        if any(fits(model, glob, file) for model in models):
            continue
        below = [*_files_below(file.parent)]
        if len(below) > MOST_FILES or any(fits(path, glob, file) for path in below):
            continue
        near = nearest(glob, [*models, *(Path(path).name for path in models)])
        hint = f"did you mean {near[0]!r}?" if near else "correct it or remove the table"
        raise ConfigError(f"{file}: {where} {glob!r} matches no file; {hint}")


def _globs(loaded: Loaded) -> Iterator[tuple[str, str]]:
    """The globs that stand in the file itself, with their keys."""
    per_model = zip(loaded.config.per_model, loaded.per_model_files, strict=True)
    own = [table for table, file in per_model if file == loaded.file]
    yield from ((f"per-model[{number}].path", table.path) for number, table in enumerate(own, 1))
    suppress = zip(loaded.config.suppress, loaded.suppress_files, strict=True)
    mine = [entry for entry, file in suppress if file == loaded.file]
    for number, entry in enumerate(mine, 1):
        if entry.model is not None:
            yield f"suppress[{number}].model", entry.model


def _files_below(folder: Path) -> Iterator[str]:
    """The files below a folder, one more than are compared at most."""
    number = 0
    for parent, folders, files in os.walk(folder):
        folders[:] = sorted(f for f in folders if not f.startswith(".") and f not in _PASSED_BY)
        for name in files:
            number += 1
            yield f"{parent}/{name}"
            if number > MOST_FILES:
                return
