"""DAT006 duplicate-samples."""

from collections import Counter
from collections.abc import Iterator

from onnxlint import Data, Finding, NotApplicable, Place, Severity, rule


@rule("DAT006", "duplicate-samples", severity=Severity.INFO)
def duplicate_samples(data: Data, *, max_fraction: float = 0.01) -> Iterator[Finding]:
    """Samples that are there more than once, equal in every input to the last bit.

    Why: they count twice in every figure, and where a copy is in the training's data, the test
    measures memory. More than one in a hundred is more than chance brings about, unless the inputs
    can take few values only.
    Fix: drop duplicates before the data is split.

    Bad:
    # data: x = [[1.0, 2.0], [3.0, 4.0], [1.0, 2.0]]
    net (float[N, 2] x) => (float[N, 2] y)
    {
        y = Relu(x)
    }

    Good:
    # data: x = [[1.0, 2.0], [3.0, 4.0], [1.0, 3.0]]
    net (float[N, 2] x) => (float[N, 2] y)
    {
        y = Relu(x)
    }
    """
    if data.samples < 2:
        raise NotApplicable("one sample is no duplicate")
    places: dict[bytes, list[int]] = {}
    for position, digest in enumerate(data.digests):
        places.setdefault(digest, []).append(position)
    counts = Counter({digest: len(found) - 1 for digest, found in places.items()})
    doubled = counts.total()
    fraction = doubled / data.samples
    if fraction > max_fraction:
        (digest, _), *_ = counts.most_common(1)
        first, second, *_ = places[digest]
        yield Finding(
            Place(),
            f"{doubled} of {data.samples} samples repeat an earlier one, {fraction:.0%}, more than "
            f"{max_fraction:.0%}; sample {second} is sample {first}",
            measured=fraction,
            limit=max_fraction,
            unit="fraction of samples",
        )
