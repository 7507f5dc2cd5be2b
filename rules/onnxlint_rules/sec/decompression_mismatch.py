"""SEC011 decompression-mismatch."""

from collections.abc import Iterator
from typing import Annotated

from onnxlint import Finding, Model, Option, Place, Preflight, Severity, rule
from onnxlint_rules.sec._ranges import prepacked, ranges


@rule("SEC011", "decompression-mismatch", severity=Severity.INFO)
def decompression_mismatch(
    model: Model,
    preflight: Preflight,
    *,
    max_bytes: Annotated[int, Option("unexplained part of a file that is allowed", "bytes")] = 1024
    ** 2,
    max_share: Annotated[
        float, Option("share of a file that may be unexplained", "fraction")
    ] = 0.1,
) -> Iterator[Finding]:
    """A file much larger than its declared contents.

    Why: fields that onnx does not know and bytes that no tensor refers to are copied with the file
    and read by no runtime: weights of an earlier export that were never removed, or something
    hidden. Reported beyond 1 MiB and a tenth of the file, for the model and for each external file:
    padding takes less, since onnx aligns tensors of 1 MiB and more to 64 KiB. Several models may
    share an external file, so this is only an info.
    Fix: load the model with onnx and save it under a new name, external data included, and compare
    the sizes.

    Bad:
    # option: max-bytes = 100
    net (float[N] x) => (float[N] y) { y = Relu(x) }
    >>> model.MergeFromString(b"\\xfa\\x3f\\x80\\x01" + bytes(128))

    Good:
    # option: max-bytes = 100
    # weights account for the size
    net (float[2] x) => (float[2] y) <float[2] w = {1, 2}> { y = Add(x, w) }
    """
    files = [("the model file", model.size, model.explained_bytes or model.size)]
    if preflight.externals and preflight.refusal is None:
        for file, known in ranges(preflight.files()).items():
            size = (model.files.folder / file).stat().st_size
            packed = (extent for tensor in known.values() for extent in prepacked(tensor))
            files.append((f"external data {str(file)!r}", size, _covered([*known, *packed])))
    for name, size, explained in files:
        limit = max(max_bytes, int(max_share * size))
        if size - explained > limit:
            yield Finding(
                Place(),
                f"{size - explained:,} of {size:,} bytes in {name} are not accounted for "
                f"(limit {limit:,})",
                measured=size - explained,
                limit=limit,
                unit="bytes",
                hint="load the model with onnx, save it under a new name, and compare the sizes",
            )


def _covered(extents: list[tuple[int, int]]) -> int:
    """Bytes that lie in one range or more."""
    total = reached = 0
    for offset, end in sorted(extents):
        total += max(0, end - max(offset, reached))
        reached = max(reached, end)
    return total
