"""How much may be read over the network for one model: asked before a byte of it is."""

from __future__ import annotations

import os

from msgspec import Struct, field

from onnxlint.remote.errors import RemoteError
from onnxlint.toml_tables import ConfigError, parse_bytes

OPTION = "--max-download"
VARIABLE = "ONNXLINT_MAX_DOWNLOAD"

MOST = 10 * 1024**3
"""Bytes; a choice, larger than most models that one machine runs."""


_asked: list[int] = []
"""What the command line says; children of this process inherit it."""


def allow(limit: int | None) -> None:
    """From now on so many bytes may be read for a model; None leaves it to the environment."""
    _asked[:] = [] if limit is None else [limit]


def most() -> int:
    """What may be read for one model, in bytes.

    Raises:
        RemoteError: the environment names no size.
    """
    if _asked:
        return _asked[0]
    given = os.environ.get(VARIABLE)
    try:
        return parse_bytes(given) if given else MOST
    except ConfigError as error:
        raise RemoteError(f"{VARIABLE}: {error}", "correct it, or leave it out") from error


class Allowance(Struct):
    """What may still be read, of `limit` bytes."""

    limit: int = field(default_factory=most)
    taken: int = 0

    def check(self, size: int) -> None:
        """Whether so many bytes may be read.

        Raises:
            RemoteError: they are too many.
        """
        if self.taken + size > self.limit:
            told = f"needs a download of {self.taken + size:,} bytes (limit {self.limit:,})"
            raise RemoteError(told, f"raise {OPTION}, or run fewer rules with --static-only")

    def take(self, size: int) -> None:
        """Before so many bytes are read.

        Raises:
            RemoteError: they are too many.
        """
        self.check(size)
        self.taken += size
