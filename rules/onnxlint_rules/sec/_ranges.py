"""What the rules share that look at the ranges of external files."""

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import PurePath

from onnxlint import External

Ranges = dict[tuple[int, int], External]
"""The first external tensor of each range, by (offset, end), in the order of the file."""


def ranges(files: Iterable[list[External]]) -> Mapping[PurePath, Ranges]:
    """The ranges of each external file that hold anything; tied weights have one in common."""
    found: dict[PurePath, Ranges] = {}
    for tensors in files:
        known = found.setdefault(PurePath(tensors[0].location), {})
        for tensor in tensors:
            if tensor.extent is not None and tensor.extent[1] > 0:
                offset, size = tensor.extent
                known.setdefault((offset, offset + size), tensor)
    return {file: dict(sorted(known.items())) for file, known in found.items()}


def prepacked(tensor: External) -> Iterator[tuple[int, int]]:
    """Offset and end of what onnxruntime packed for its kernels and wrote beside a tensor."""
    for key, value in tensor.entries.items():
        if key.startswith("prepacked"):
            for offset, size in re.findall(r"\|(\d{1,18});(\d{1,18});", value):
                yield int(offset), int(offset) + int(size)
