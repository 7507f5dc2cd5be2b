"""Measures what a model was fed, beside what is declared of its inputs and what it expects."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from onnxlint.analyses.inputs.user_data import FedInput
from onnxlint.model.graph.place import shortened
from onnxlint.portrait.samples import Feature, Fed, Samples, Texts
from onnxlint.portraying.distributions import histogram, quantiles, rows
from onnxlint.portraying.expectations import expectations
from onnxlint.portraying.feeds import Feeds
from onnxlint.portraying.subject import Subject

if TYPE_CHECKING:
    from onnxlint.runtime.statistics.features import Features
    from onnxlint.types import Array

MOST_FEATURES = 24
FIRST_SAMPLES = 6
MOST_TEXTS = 8
LONGEST_TEXT = 80
COUNTED_TEXTS = 100_000

Declared = tuple[float | None, float | None]


def samples(subject: Subject) -> Samples | None:
    """The inputs and the first samples; None where the model is not to be run.

    Raises:
        NotApplicable: it did not run.
    """
    if not subject.runs:
        return None
    feeds = Feeds(subject)
    first = [feeds.sample(number) for number in range(min(FIRST_SAMPLES, feeds.count))]
    ends = ((name, *pair) for name, pair in feeds.ends.items())
    return Samples(
        source=feeds.execution.inputs.description,
        synthetic=feeds.synthetic,
        looked_at=_looked_at(feeds),
        run=feeds.count,
        inputs=tuple(map(_fed, feeds.inputs)),
        first=tuple(first),
        ranges=tuple(ends),
    )


def _looked_at(feeds: Feeds) -> int:
    """How many samples were measured."""
    for fed in feeds.inputs:
        axis = fed.batch_axis
        if axis is not None:
            return sum(block.shape[axis] for block in fed.blocks)
    return feeds.count


def _fed(fed: FedInput) -> Fed:
    name, kind = fed.slot.name, _type(fed)
    if fed.slot.dtype == "str":
        return Fed(name, kind, by="text", texts=_texts(fed.blocks))
    if not any(block.size for block in fed.blocks):
        return Fed(name, kind, by="all")
    axis, seen = _features(fed)
    count = len(seen.mean)
    declared = _declared(fed, count)
    order = sorted(range(count), key=lambda at: not _is_outside(seen, at, declared.get(at)))
    chosen = sorted(order[:MOST_FEATURES])
    table, is_subset = rows(fed.blocks, axis, chosen)
    features = [_feature(fed, seen, at, table[:, column], declared.get(at), axis)
                for column, at in enumerate(chosen)]  # fmt: skip
    return Fed(
        name,
        kind,
        by="all" if axis is None else "channel" if fed.is_image else "feature",
        features=tuple(features),
        of_features=count,
        expects=tuple(expectations(fed)),
        is_subset=is_subset,
    )


def _features(fed: FedInput) -> tuple[int | None, Features]:
    """The axis of the features, and their statistics; ids have none, wherever they stand."""
    axis = fed.axis
    if axis is None and len(fed.slot.dims) == 2 and (fed.is_float or fed.table is not None):
        return 1, fed.by_feature
    return axis, fed.features


def _type(fed: FedInput) -> str:
    dims = ", ".join(map(str, fed.slot.dims))
    converted = f", given as {fed.given}" if fed.given != fed.slot.dtype else ""
    return f"{fed.slot.dtype}[{dims}]{converted}"


def _declared(fed: FedInput, count: int) -> dict[int, Declared]:
    """The declared range of each feature that has one, by its number."""
    contract, columns = fed.contract, fed.columns
    found: dict[int, Declared] = {}
    if contract.range is not None:
        found = dict.fromkeys(range(count), contract.range)
    for name, bounds in contract.feature_ranges.items():
        at = columns.index(name) if name in columns else int(name) if name.isdecimal() else None
        if at is not None and at < count:
            found[at] = bounds
    return found


def _is_outside(seen: Features, at: int, declared: Declared | None) -> bool:
    low, high = declared or (None, None)
    if not seen.count[at]:
        return bool(seen.nan[at] or seen.infinite[at])
    below = low is not None and bool(seen.minimum[at] < low)
    return below or (high is not None and bool(seen.maximum[at] > high))


def _feature(
    fed: FedInput, seen: Features, at: int, numbers: Array, declared: Declared | None,
    axis: int | None,
) -> Feature:  # fmt: skip
    count = int(seen.count[at])
    name = fed.columns[at] if at < len(fed.columns) else str(at)
    nan, infinite = int(seen.nan[at]), int(seen.infinite[at])
    is_constant = bool(seen.constant[at]) and count > 1
    if not count:
        return Feature(name, 0, nan, infinite, constant=False, declared=declared)
    outside = 0
    if declared is not None and _is_outside(seen, at, declared):
        outside = sum(_outside(block, axis, at, declared) for block in fed.blocks)
    ends = float(seen.minimum[at]), float(seen.maximum[at])
    return Feature(
        name, count, nan, infinite, is_constant, minimum=ends[0], maximum=ends[1],
        mean=float(seen.mean[at]), deviation=float(seen.spread[at]), quantiles=quantiles(numbers),
        histogram=histogram(numbers, ends), declared=declared, outside=outside,
    )  # fmt: skip


def _outside(block: Array, axis: int | None, at: int, declared: Declared) -> int:
    """How many numbers of a feature are beyond its range."""
    numbers = block if axis is None else block.take(at, axis)
    low, high = declared
    below = 0 if low is None else int((numbers < low).sum())
    return below + (0 if high is None else int((numbers > high).sum()))


def _texts(blocks: Sequence[Array]) -> Texts:
    counts = Counter(_first_texts(blocks))
    total = sum(counts.values())
    most = sorted(counts.items(), key=lambda each: (-each[1], each[0]))[:MOST_TEXTS]
    shown = tuple((shortened(text, LONGEST_TEXT), count) for text, count in most)
    return Texts(total, len(counts), counts.get("", 0), shown)


def _first_texts(blocks: Sequence[Array]) -> Iterator[str]:
    left = COUNTED_TEXTS
    for block in blocks:
        yield from map(str, block.reshape(-1)[:left].tolist())
        left -= block.size
        if left <= 0:
            return
