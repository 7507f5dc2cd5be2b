"""Reads what our cameras log, for `--data frames.camlog`: a sample a line, numbers of one input."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np


def read(path: Path) -> Iterator[np.ndarray]:
    """Yields one sample at a time; onnxlint puts them together and fits them to the model."""
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            numbers = np.array(line.split(), dtype=np.float32)
            side = int(np.sqrt(numbers.size))
            yield numbers.reshape(1, side, side)
