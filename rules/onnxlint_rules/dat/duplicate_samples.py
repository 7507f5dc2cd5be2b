"""DAT006 duplicate-samples."""

from collections import Counter
from collections.abc import Iterator
from typing import Annotated

from onnxlint import Data, Finding, NotApplicable, Option, Place, Severity, counted, rule


@rule("DAT006", "duplicate-samples", severity=Severity.INFO)
def duplicate_samples(
    data: Data,
    *,
    max_fraction: Annotated[
        float, Option("share of samples that may be duplicates", "fraction")
    ] = 0.01,
) -> Iterator[Finding]:
    """Duplicate samples: bit-identical in every input.

    Why: they count twice in every metric, and if a copy is in the training data, the test measures
    memorisation. More than one in a hundred is more than chance produces, unless the inputs can
    only take few values.
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
        raise NotApplicable("needs at least two samples")
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
            f"{fraction:.0%} of {data.samples} samples are duplicates (limit {max_fraction:.0%}), "
            f"e.g. {data.named(second)} equals {data.named(first)}",
            measured=fraction,
            limit=max_fraction,
            unit="fraction of samples",
            hint=f"drop {counted(doubled, 'duplicate')} before the data is split",
        )
