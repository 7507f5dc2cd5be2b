"""What the rules share that look at the ranges of external files."""

from collections.abc import Mapping
from pathlib import PurePath

from onnxlint import External, Preflight

Ranges = dict[tuple[int, int], External]
"""The first external tensor of each range, by (offset, end), in the order of the file."""


def ranges(preflight: Preflight) -> Mapping[PurePath, Ranges]:
    """The ranges of each external file that hold anything; tied weights have one in common."""
    found: dict[PurePath, Ranges] = {}
    for tensors in preflight.files():
        known = found.setdefault(PurePath(tensors[0].location), {})
        for tensor in tensors:
            if tensor.extent is not None and tensor.extent[1] > 0:
                offset, size = tensor.extent
                known.setdefault((offset, offset + size), tensor)
    return {file: dict(sorted(known.items())) for file, known in found.items()}
