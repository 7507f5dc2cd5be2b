"""Whether chance explains how two sets of samples differ: permutations, PSI, and a classifier.

What is exchangeable under the null hypothesis is exchanged: sides are drawn anew within strata
(classes, or one stratum for all), so that sets which differ in the frequencies of classes alone
do not differ. Of many tests the largest statistic of each permutation is compared with (maxT,
Westfall and Young, Resampling-Based Multiple Testing, 1993): no test of all is a false alarm more
often than a single one would be.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
from msgspec import Struct

from onnxlint.runtime.protocol import Array

PERMUTATIONS = 499
"""The least p-value is then 1 in 500: a choice, far below the level of the test."""

ROUNDING = 1e-6
"""Statistics that differ by less are the same: those of a column that is constant in both sets."""

MOST_CELLS = 8_000_000
"""Elements of the largest array: permutations times bins of the columns that are tested at once."""


STREAM = 20_18
"""Samples are often drawn by `default_rng(0)` themselves: the same numbers would shuffle them."""


def generator(seed: int) -> np.random.Generator:
    """Random numbers of this seed that nobody else has of it."""
    return np.random.default_rng((STREAM, seed))


class Sides(Struct, frozen=True, eq=False):
    """Which samples are of the first set, as they are (row 0) and permuted within strata.

    `first` and `second` are the weights of a sample on either side: strata count by how many pairs
    they have, as in Mantel and Haenszel's test. A stratum of one set only counts nothing.
    """

    drawn: Array
    first: Array
    second: Array

    @classmethod
    def of(
        cls, is_first: Array, strata: Array, seed: int, permutations: int = PERMUTATIONS
    ) -> Sides:
        """Permutations from this seed."""
        rng = generator(seed)
        ordered = np.argsort(strata, kind="stable")
        drawn = np.empty((permutations + 1, len(is_first)), bool)
        drawn[0] = is_first
        for row in range(1, permutations + 1):
            shuffled = np.lexsort((rng.random(len(strata)), strata))
            drawn[row, shuffled] = is_first[ordered]
        return cls(drawn, *_weights(is_first, strata))

    def overlap(self, of_first: bool) -> float:
        """The share of a set's samples whose stratum both sets have."""
        both = (self.first > 0) & (self.second > 0)
        return float(both[self.drawn[0] == of_first].mean())

    def shares(self, cells: Array) -> tuple[Array, Array]:
        """Weighted means of each column, [permutations + 1, columns], of either side."""
        mine = self.drawn.astype(np.float32) * self.first.astype(np.float32)
        others = (~self.drawn).astype(np.float32) * self.second.astype(np.float32)
        wide = cells.astype(np.float32)
        return np.asarray(mine @ wide), np.asarray(others @ wide)


def _weights(is_first: Array, strata: Array) -> tuple[Array, Array]:
    _, rows = np.unique(strata, return_inverse=True)
    rows = rows.reshape(-1)
    counts = [np.bincount(rows, side, rows.max() + 1) for side in (is_first, ~is_first)]
    pairs = counts[0] * counts[1] / np.maximum(counts[0] + counts[1], 1)
    pairs = pairs / max(pairs.sum(), 1e-12)
    each = [np.where(pairs > 0, pairs / np.maximum(count, 1), 0.0)[rows] for count in counts]
    return np.asarray(each[0]), np.asarray(each[1])


class Tested(Struct, frozen=True, eq=False):
    """Of each test the `effect`, what `chance` makes of it on average, and the corrected p."""

    effect: Array
    chance: Array
    p: Array

    @property
    def beyond(self) -> Array:
        """The effect less what chance makes of it: 0 where the sets do not differ."""
        return np.asarray(np.maximum(self.effect - self.chance, 0.0))


def corrected(statistics: Array) -> Tested:
    """Tests in columns, as observed in row 0, each compared with the largest of all in each row."""
    mean, spread = statistics.mean(axis=0), statistics.std(axis=0)
    scaled = np.where(spread > ROUNDING, (statistics - mean) / np.maximum(spread, ROUNDING), 0.0)
    largest = scaled[1:].max(axis=1) if scaled.shape[1] else np.zeros(len(scaled) - 1)
    beaten = (largest[:, None] >= scaled[0] - ROUNDING).sum(axis=0)
    return Tested(statistics[0], statistics[1:].mean(axis=0), (beaten + 1) / len(statistics))


def stability_indices(sides: Sides, columns: Iterable[Array]) -> Tested:
    """The population stability index (PSI) of columns whose bins these are, [samples, bins] each.

    The sum over bins of (p - q) ln(p / q) (Siddiqi, Credit Risk Scorecards, 2006, calls 0.1 a small
    and 0.25 a large shift), half a sample added to each bin: none is empty.
    """
    found = [_indices(sides, block) for block in _blocks(columns, len(sides.drawn))]
    empty = np.zeros((len(sides.drawn), 0))
    return corrected(np.concatenate(found, axis=1) if found else empty)


def _blocks(columns: Iterable[Array], rows: int) -> Iterator[list[Array]]:
    block: list[Array] = []
    for bins in columns:
        if block and rows * (sum(each.shape[1] for each in block) + bins.shape[1]) > MOST_CELLS:
            yield block
            block = []
        block.append(bins)
    if block:
        yield block


def _indices(sides: Sides, block: list[Array]) -> Array:
    p, q = sides.shares(np.concatenate(block, axis=1))
    starts = np.cumsum([0, *(bins.shape[1] for bins in block)])
    widths = np.repeat(np.diff(starts), np.diff(starts))
    counts = int(sides.drawn[0].sum()), int((~sides.drawn[0]).sum())
    p, q = ((side * n + 0.5) / (n + 0.5 * widths) for side, n in zip((p, q), counts, strict=True))
    return np.asarray(np.add.reduceat((p - q) * np.log(p / q), starts[:-1], axis=1))


class Halves(Struct, frozen=True, eq=False):
    """Two halves of the samples, each with sides that are drawn for it: a classifier is fitted to
    one and judged on the other, whose sides alone are permuted."""

    rows: tuple[Array, Array]
    sides: tuple[Sides, Sides]
    strata: tuple[Array, Array]

    @classmethod
    def of(
        cls, is_first: Array, strata: Array, seed: int, permutations: int = PERMUTATIONS
    ) -> Halves:
        """Every second sample of each set and stratum, in an order that is drawn."""
        rng = generator(seed)
        shuffled = np.lexsort((rng.random(len(strata)), is_first, strata))
        rows = np.sort(shuffled[::2]), np.sort(shuffled[1::2])
        sides = [Sides.of(is_first[each], strata[each], seed + 1 + at, permutations)
                 for at, each in enumerate(rows)]  # fmt: skip
        return cls(rows, (sides[0], sides[1]), (strata[rows[0]], strata[rows[1]]))


def told_apart(halves: Halves, layers: Iterable[Array], seed: int) -> Tested:
    """How well a classifier tells the sets apart by each layer, [samples, numbers]: its AUC.

    A classifier two-sample test (Lopez-Paz and Oquab, arXiv 1610.06545): ridge regression on
    principal components, their products and random Fourier features (Rahimi and Recht, NIPS 2007).
    0.5 is guessing; an AUC below it says as little.
    """
    areas = [_areas(halves, featured(layer, seed)) for layer in layers]
    if not areas:
        return corrected(np.zeros((len(halves.sides[0].drawn), 0)))
    folds = [corrected(np.stack([each[fold] for each in areas], axis=1)) for fold in (0, 1)]
    both = corrected(np.stack([each for pair in areas for each in pair], axis=1))
    p = np.minimum(both.p[::2], both.p[1::2])  # the largest of both folds' was compared with
    return Tested((folds[0].effect + folds[1].effect) / 2, np.full(len(p), 0.5), p)


def _areas(halves: Halves, features: Array) -> tuple[Array, Array]:
    """Of each half, judged by the classifier of the other: the AUC as observed, and permuted."""
    areas = []
    for fitted, judged in ((0, 1), (1, 0)):
        mine, sides = halves.sides[fitted], halves.sides[judged]
        is_first = mine.drawn[0]
        weights = np.where(is_first, mine.first, mine.second)
        slope = _ridge(features[halves.rows[fitted]], np.where(is_first, 1.0, -1.0), weights)
        areas.append(_area(features[halves.rows[judged]] @ slope, sides, halves.strata[judged]))
    return areas[0], areas[1]


def _ridge(features: Array, targets: Array, weights: Array) -> Array:
    weights = weights / max(weights.sum(), 1e-12)
    centred = features - weights @ features
    strength = 0.1 + features.shape[1] / len(features)
    matrix = centred.T @ (centred * weights[:, None]) + strength * np.eye(features.shape[1])
    return np.asarray(np.linalg.solve(matrix, centred.T @ (weights * targets)))


def _area(scores: Array, sides: Sides, strata: Array) -> Array:
    """The share of pairs (one of each set, of one stratum) that the scores put into order."""
    is_first = sides.drawn[0]
    ranks = np.zeros(len(scores))
    lowest = np.zeros(len(scores))
    for stratum in np.unique(strata):
        rows = strata == stratum
        ranks[rows] = _ranks(scores[rows])
        lowest[rows] = (int((rows & is_first).sum()) + 1) / 2
        others = int((rows & ~is_first).sum())
        ranks[rows] = (ranks[rows] - lowest[rows]) / max(others, 1)
    return np.asarray(sides.drawn @ (ranks * sides.first))


def _ranks(values: Array) -> Array:
    """From 1 on, those of equal values their mean."""
    _, rows, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    return np.asarray((ends - (counts - 1) / 2)[rows.reshape(-1)])


COMPONENTS, MULTIPLIED, WAVES = 16, 8, 64
"""Principal components, those that are multiplied with each other, and random Fourier features."""

WIDEST = 256
"""Numbers of a sample; wider ones are projected at random (Johnson and Lindenstrauss, 1984)."""


def featured(layer: Array, seed: int) -> Array:
    """Features of about one scale, with which a linear classifier sees more than means."""
    rng = generator(seed)
    rows = _finite(layer.astype(np.float64))
    rows = _standardised(np.clip(_standardised(rows), -10, 10))
    if rows.shape[1] > WIDEST:
        rows = rows @ rng.normal(0, rows.shape[1] ** -0.5, (rows.shape[1], WIDEST))
    values, vectors = np.linalg.eigh(rows.T @ rows / len(rows))
    kept = values[::-1][:COMPONENTS] > 1e-9 * max(values[-1], 1e-12)
    parts = rows @ vectors[:, ::-1][:, :COMPONENTS][:, kept]
    first, second = np.triu_indices(min(MULTIPLIED, parts.shape[1]))
    waves = _waves(parts, rng)
    return _standardised(np.concatenate([parts, parts[:, first] * parts[:, second], waves], axis=1))


def _finite(rows: Array) -> Array:
    """What is not finite replaced by the mean of its column."""
    known = np.isfinite(rows)
    means = np.where(known, rows, 0.0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    return np.asarray(np.where(known, rows, means))


def _waves(parts: Array, rng: np.random.Generator) -> Array:
    """Of a Gaussian kernel as wide as the median distance of samples."""
    pairs = rng.integers(0, len(parts), (2, 500))
    distances = np.linalg.norm(parts[pairs[0]] - parts[pairs[1]], axis=1)
    width = float(np.median(distances[distances > 0])) if (distances > 0).any() else 1.0
    angles = parts @ rng.normal(0, 1 / width, (parts.shape[1], WAVES // 2))
    return np.concatenate([np.cos(angles), np.sin(angles)], axis=1)


def _standardised(rows: Array) -> Array:
    centred = rows - rows.mean(axis=0)
    spread = centred.std(axis=0)
    return np.asarray(centred / np.where(spread > 1e-12, spread, 1.0))
