"""SEC004 external-data-overlap."""

from collections.abc import Iterator

from onnxlint import External, ExternalData, Finding, Severity, rule
from onnxlint_rules.sec._ranges import Ranges, ranges


@rule("SEC004", "external-data-overlap", severity=Severity.INFO)
def external_data_overlap(external: ExternalData) -> Iterator[Finding]:
    """External tensors that partially overlap.

    Why: a writer with a wrong offset gives a tensor the end of its neighbour, and every value in it
    looks plausible. Two tensors with the same range are tied weights and exempt; a gap between two
    is padding. A tensor may be a slice of another on purpose, so this is only an info, once per
    file.
    Fix: export again, or load the model and save it anew with external data.

    Bad:
    net (float[2] x) => (float[2] y) <float[2] v = {1, 2}, float[2] w = {3, 4}> {
        y = Sum(x, v, w)
    }
    >>> from onnx.external_data_helper import set_external_data as move
    >>> v, w = model.graph.initializer
    >>> v.raw_data = w.raw_data = bytes(8)
    >>> move(v, "weights.bin", offset=0, length=8)
    >>> move(w, "weights.bin", offset=4, length=8)

    Good:
    # tied weights, and another behind a gap
    net (float[2] x) => (float[2] y)
    <float[2] u = {1, 2}, float[2] v = {1, 2}, float[2] w = {3, 4}>
    {
        y = Sum(x, u, v, w)
    }
    >>> from onnx.external_data_helper import set_external_data as move
    >>> u, v, w = model.graph.initializer
    >>> u.raw_data = v.raw_data = w.raw_data = bytes(8)
    >>> move(u, "weights.bin", offset=0, length=8)
    >>> move(v, "./weights.bin", offset=0, length=8)
    >>> move(w, "weights.bin", offset=4096, length=8)
    """
    for file, known in ranges(external.files).items():
        shared = list(_shared(known))
        if shared:
            before, after = shared[0]
            yield Finding(
                after,
                f"{_told(after)} overlaps {_told(before)} in external data {str(file)!r}; "
                f"{len(shared)} of {len(known)} ranges {'overlap' if shared[1:] else 'overlaps'}",
                measured=len(shared),
                limit=0,
                unit="ranges that begin inside another",
                hint="export again, unless one tensor is a slice of the other on purpose",
            )


def _shared(known: Ranges) -> Iterator[tuple[External, External]]:
    """Each tensor that begins before an earlier one ends, behind that earlier one."""
    furthest: tuple[External, int] | None = None
    for (offset, end), tensor in known.items():
        if furthest is not None and offset < furthest[1]:
            yield furthest[0], tensor
        if furthest is None or end > furthest[1]:
            furthest = tensor, end


def _told(tensor: External) -> str:
    offset, size = tensor.extent or (0, 0)
    return f"tensor {tensor.proto.name!r} (bytes {offset:,} to {offset + size:,})"
