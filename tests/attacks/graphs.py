"""Large graphs of odd shapes: judged in time that grows as they do."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from attacks.harness import Case, Command
from attacks.structures import ONCE_SQUARE, STRUCTURES

SIZE = 20_000
"""Nodes, or whatever a structure has many of; the square of it would take hours."""


def cases() -> Iterator[Case]:
    """Each is judged, or refused in a sentence where nesting is deeper than protobuf goes."""
    for name in ONCE_SQUARE:
        yield Case(name, "structure", partial(_written, name), (), (0, 1, 2), slow=True)


def _written(name: str, folder: Path) -> Command:
    path = folder / "model.onnx"
    path.write_bytes(STRUCTURES[name](SIZE).SerializeToString())
    return Command((path, "--static-only", "--format", "json"))
