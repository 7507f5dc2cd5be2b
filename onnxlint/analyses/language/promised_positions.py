"""How many positions a model is said to take: by the configuration, or by the file beside it."""

from __future__ import annotations

import json

from msgspec import Struct

from onnxlint.model.file.mapped_files import Files, NotAFileError, opened
from onnxlint.settings import Settings

FILE = "config.json"
"""What transformers writes into the folder of a model, and optimum copies beside its export."""

KEYS = ("max_target_positions", "max_position_embeddings", "n_positions")
"""Its entries that count rows of a table of positions; the first that is there holds."""

LARGEST_FILE = 1 << 20
"""Bytes: a choice, a hundred times what such files have."""

MOST_POSITIONS = 1 << 24
"""What is larger stands for no limit at all. A choice of ours."""


class Promise(Struct, frozen=True):
    """So many positions, and who says so."""

    count: int
    source: str


def promise_of(settings: Settings, tokens: str, files: Files) -> Promise | None:
    """What is declared of the tokens, else what the file beside the model says."""
    declared = settings.inputs[tokens].positions if tokens in settings.inputs else None
    if declared is not None:
        return Promise(declared, f"declared for {tokens!r}")
    table = _read(files)
    for key in KEYS:
        count = table.get(key)
        if isinstance(count, int) and 0 < count < MOST_POSITIONS:
            return Promise(count, f"{key} in {FILE}")
    return None


def _read(files: Files) -> dict[str, object]:
    """The file's entries; none where it is not there, or is something else."""
    path = files.folder / FILE
    try:
        if not files.model_file.is_file() or path.stat().st_size > LARGEST_FILE:
            return {}
        with opened(path) as file:
            found = json.loads(file.read(LARGEST_FILE))
    except (OSError, ValueError, RecursionError, NotAFileError):
        return {}
    return found if isinstance(found, dict) else {}
