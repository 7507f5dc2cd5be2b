"""Where a model comes from that is not a file of the user's."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Source:
    """A model's name in the report, and the file that holds it; external data lies in `folder`."""

    name: str
    file: Path
    folder: Path
