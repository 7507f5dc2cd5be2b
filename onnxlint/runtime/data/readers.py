"""Readers of data that packs bring: entry points of `onnxlint.data_readers`, named after suffixes.

`jsonl = "acme_rules.jsonl:read"` reads `*.jsonl`: a function of a path that yields feeds, dicts of
arrays by input, or arrays of the one input; single samples or batches.
"""

from __future__ import annotations

from pathlib import Path

from onnxlint.installed import Brought, brought
from onnxlint.model.file.errors import DataError
from onnxlint.runtime.data.fitting import Fed
from onnxlint.runtime.data.generators import fed
from onnxlint.runtime.data.wording import shortened
from onnxlint.runtime.feeds.synthesis import Slot

ENTRY_POINT_GROUP = "onnxlint.data_readers"


def reader_of(path: Path) -> Brought | None:
    """The reader for files of this suffix; of several packs the first by name."""
    suffix = path.suffix.lower().removeprefix(".")
    found = [entry for entry in brought(ENTRY_POINT_GROUP) if entry.name == suffix]
    return min(found, key=lambda entry: entry.value, default=None)


def suffixes() -> list[str]:
    """The suffixes that installed packs read."""
    return sorted({f".{entry.name}" for entry in brought(ENTRY_POINT_GROUP)})


def read(reader: Brought, path: Path, slots: list[Slot], samples: int) -> Fed:
    """What a reader yields of a file until `samples` are there.

    Raises:
        MisfitError: it does not fit the model.
        DataError: the reader does not load, or fails.
    """
    source = f"{path} ({reader.value})"
    try:
        function = reader.load()
    except Exception as error:
        told = f"{type(error).__name__}: {shortened(str(error))}"
        raise DataError(f"{source}: the reader cannot be loaded: {told}") from error
    return fed(source, lambda: function(path), slots, samples)
