"""Makes points of what a layer gives for each sample."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

from onnxlint.analyses.execution.gathering import Gathering
from onnxlint.model.graph.place import NotApplicable, shortened
from onnxlint.portrait.representations import Plane, Representations
from onnxlint.portraying import planes
from onnxlint.portraying.colours import colours
from onnxlint.portraying.feeds import Feeds
from onnxlint.portraying.subject import Subject
from onnxlint.settings import Settings

if TYPE_CHECKING:
    from onnxlint.types import Array

LEAST = 3
"""Samples: two points always lie on a line."""

MOST_FETCHED = 256
"""Samples that are run again for a layer that the first runs did not show."""


def representations(subject: Subject) -> Representations | None:
    """The chosen layer's planes; None where the model is not to be run.

    Raises:
        NotApplicable: the layer is not there, or there are too few samples.
    """
    if not subject.runs:
        return None
    feeds = Feeds(subject)
    gathering = feeds.execution.gathering
    if gathering is None:
        return None
    rows, numbers = _finite(_rows(subject, feeds, gathering))
    settings, told = subject.analyses.get(Settings), colours(subject, feeds.count, numbers)
    made, problem = [_principal(rows, numbers)], ""
    if settings.tsne:
        problem = _no_tsne(rows)
        made += [] if problem else [_neighbours(rows, numbers, settings.seed)]
    names = tuple(map(feeds.name_of, numbers))
    value = gathering.chosen.value
    return Representations(
        layer="" if value is None else shortened(value.name), reader=_reader(gathering),
        how=_how(gathering), samples=len(rows), features=rows.shape[1],
        planes=tuple(made), by=told.by, groups=told.groups, colours=told.of,
        names=names if any(names) else (), not_made=problem, synthetic=feeds.synthetic,
    )  # fmt: skip


def _rows(subject: Subject, feeds: Feeds, gathering: Gathering) -> Array:
    """[samples, features], as the runs showed it, else of some samples that are run again.

    Raises:
        NotApplicable: there are none, or too few.
    """
    if gathering.is_blind:
        _run_again(subject, feeds, gathering)
    rows = gathering.array
    if rows is None:
        differ = "the layer's output is of another size for every sample"
        raise NotApplicable(gathering.problem or differ)
    rows = rows[: feeds.count]
    if len(rows) < LEAST:
        raise NotApplicable(f"points need at least {LEAST} samples (got {len(rows)})")
    return rows


def _run_again(subject: Subject, feeds: Feeds, gathering: Gathering) -> None:
    from onnxlint.analyses.execution.reruns import Reruns
    from onnxlint.analyses.execution.worker import RunFailure, WorkerDied

    value, attempt = gathering.chosen.value, feeds.execution.attempt
    if value is None or attempt is None:
        return
    reruns = subject.analyses.get(Reruns)
    gathering.begin([value.name])
    try:
        for feed in attempt.feeds:
            gathering.add(reruns.watched(feed, [value.name])[value.name], feed)
            if len(gathering) >= MOST_FETCHED or gathering.problem:
                return
    except (RunFailure, WorkerDied) as error:
        raise NotApplicable(f"the layer's output cannot be fetched: {error}") from error


def _finite(rows: Array) -> tuple[Array, list[int]]:
    """The rows without NaN and infinities, and the numbers of their samples.

    Raises:
        NotApplicable: too few are left.
    """
    import numpy as np

    kept = np.flatnonzero(np.isfinite(rows).all(axis=1))
    if len(kept) < LEAST:
        finite = f"only {len(kept)} of {len(rows):,} samples are finite in this layer"
        raise NotApplicable(f"{finite}; points need at least {LEAST}")
    return rows[kept], kept.tolist()


def _reader(gathering: Gathering) -> str:
    """The layer that reads the value, where it was chosen by default."""
    node = gathering.chosen.reader
    return "" if node is None else f"{node.op} {shortened(node.name)}".strip()


def _how(gathering: Gathering) -> str:
    averaged = "means over all positions of each feature" if gathering.averages else "all elements"
    return f"a regular subset of {averaged}" if gathering.is_subset else averaged


def _principal(rows: Array, numbers: list[int]) -> Plane:
    points, shares = planes.principal(rows)
    first, second = shares.tolist()
    return Plane("PCA", _points(points), tuple(numbers), (first, second))


def _no_tsne(rows: Array) -> str:
    """Why there is no t-SNE; empty where there is."""
    if len(rows) < planes.LEAST_FOR_TSNE:
        return f"needs at least {planes.LEAST_FOR_TSNE} samples (got {len(rows):,})"
    if not (rows != rows[0]).any():
        return "all samples are the same in this layer"
    if find_spec("sklearn") is None:
        return "needs scikit-learn: pip install 'onnxlint[baseline]'"
    return ""


def _neighbours(rows: Array, numbers: list[int], seed: int) -> Plane:
    step = -(-len(rows) // planes.MOST_FOR_TSNE)
    kept = rows[::step]
    points, perplexity, divergence = planes.neighbours(kept, seed)
    facts = (f"perplexity {perplexity:.3g}", f"seed {seed}", "started from the PCA",
             f"KL divergence {divergence:.3g}",
             f"{len(kept):,} of {len(rows):,} samples")  # fmt: skip
    return Plane("t-SNE", _points(points), tuple(numbers[::step]), None, facts)


def _points(points: Array) -> tuple[tuple[float, float], ...]:
    return tuple((float(f"{x:.6g}"), float(f"{y:.6g}")) for x, y in points.tolist())
