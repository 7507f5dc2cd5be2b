"""SEC011 decompression-mismatch."""

from collections.abc import Iterator

from onnxlint import Finding, Model, Place, Preflight, Severity, rule
from onnxlint_rules.sec._ranges import prepacked, ranges


@rule("SEC011", "decompression-mismatch", severity=Severity.INFO)
def decompression_mismatch(
    model: Model, preflight: Preflight, *, max_bytes: int = 1024**2, max_share: float = 0.1
) -> Iterator[Finding]:
    """A file that is far larger than what the model says of it.

    Why: fields that onnx does not know and bytes that no tensor refers to are carried along by
    every copy and read by no runtime: weights of an earlier export that were never removed, or
    something hidden. Told beyond 1 MiB and a tenth of the file, of the model and of each external
    file: padding takes less, for onnx aligns tensors from 1 MiB on to 64 KiB. Several models may
    share an external file, so this is only information.
    Fix: load the model with onnx and save it under a new name, external data included, and compare
    sizes.

    Bad:
    # option: max-bytes = 100
    net (float[N] x) => (float[N] y) { y = Relu(x) }
    >>> model.MergeFromString(b"\\xfa\\x3f\\x80\\x01" + bytes(128))

    Good:
    # option: max-bytes = 100
    net (float[2] x) => (float[2] y) <float[2] w = {1, 2}> { y = Add(x, w) }
    """
    files = [("the model file", model.size, model.explained_bytes or model.size)]
    if preflight.externals and preflight.refusal is None:
        for file, known in ranges(preflight).items():
            size = (model.files.folder / file).stat().st_size
            packed = (extent for tensor in known.values() for extent in prepacked(tensor))
            files.append((f"external data {str(file)!r}", size, _covered([*known, *packed])))
    for name, size, explained in files:
        limit = max(max_bytes, int(max_share * size))
        if size - explained > limit:
            yield Finding(
                Place(),
                f"{name} has {size:,} bytes and its contents explain {explained:,}: "
                f"{size - explained:,} are left over, more than {limit:,}",
                measured=size - explained,
                limit=limit,
                unit="bytes",
            )


def _covered(extents: list[tuple[int, int]]) -> int:
    """Bytes that lie in one range or more."""
    total = reached = 0
    for offset, end in sorted(extents):
        total += max(0, end - max(offset, reached))
        reached = max(reached, end)
    return total
