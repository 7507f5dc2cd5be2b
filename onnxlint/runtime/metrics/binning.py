"""Bins of a column of two pooled sets: frequent values for themselves, the others by quantiles."""

from __future__ import annotations

import numpy as np

from onnxlint.runtime.protocol import Array

QUANTILES = 10
"""Bins of what has no frequent values: deciles, as scorecards take them."""

MOST_ATOMS = 32
"""Values that have a bin of their own; a choice."""

LEAST_SHARE = 0.02
"""Of the smaller set; a value that is rarer has no bin of its own. A choice."""

LEAST_COUNT = 5
"""Samples with a value, likewise: the usual least of a chi-squared test."""


def binned(column: Array, smaller: int) -> Array:
    """[samples, bins], each sample in one: by values alone, not by which set they are of.

    NaN and the infinities have bins; `smaller` is the size of the smaller set.
    """
    column = column.astype(np.float64)
    is_finite = np.isfinite(column)
    apart = [np.isnan(column), np.isposinf(column), np.isneginf(column)]
    values, counts = np.unique(column[is_finite], return_counts=True)
    atoms = _atoms(values, counts, smaller)
    at = np.full(len(column), -1)
    places = np.searchsorted(atoms, column)
    known = places < len(atoms)
    known[known] = atoms[places[known]] == column[known]
    at[known] = places[known]
    rest = is_finite & ~known
    edges = _edges(column[rest], len(column))
    at[rest] = len(atoms) + np.searchsorted(edges, column[rest], side="right")
    count = len(atoms) + len(edges) + 1
    for number, rows in enumerate(apart):
        at[rows] = count + number
    return one_hot(at, count + len(apart))


def categories(column: Array, smaller: int) -> Array:
    """The same of texts: frequent ones have a bin, all others share one."""
    values, rows, counts = np.unique(column.astype(str), return_inverse=True, return_counts=True)
    atoms = _atoms(np.arange(len(values)), counts, smaller).astype(int)
    bins = np.full(len(values), len(atoms))
    bins[atoms] = np.arange(len(atoms))
    return one_hot(bins[rows.reshape(-1)], len(atoms) + 1)


def frequencies(samples: list[Array], smaller: int) -> Array:
    """[samples, bins]: how much of each sample is each of the frequent numbers; one for the rest.

    Samples are of ids; those that few samples hold are binned together by their quantiles.
    """
    ids = np.concatenate([np.unique(sample) for sample in samples])
    values, counts = np.unique(ids, return_counts=True)
    atoms = _atoms(values, counts, smaller)
    rest = np.setdiff1d(values, atoms)
    edges = _edges(rest.astype(np.float64), len(rest) or 1)
    found = np.zeros((len(samples), len(atoms) + len(edges) + 1), np.float32)
    for row, sample in enumerate(samples):
        flat = sample.reshape(-1)
        places = np.searchsorted(atoms, flat)
        known = places < len(atoms)
        known[known] = atoms[places[known]] == flat[known]
        np.add.at(found[row], places[known], 1)
        others = len(atoms) + np.searchsorted(edges, flat[~known], side="right")
        np.add.at(found[row], others, 1)
        found[row] /= max(1, flat.size)
    return found


def one_hot(at: Array, count: int) -> Array:
    """A column for each bin that some sample is in."""
    _, places = np.unique(at, return_inverse=True)
    places = places.reshape(-1)
    found = np.zeros((len(at), int(places.max()) + 1 if len(at) else count), bool)
    found[np.arange(len(at)), places] = True
    return found


def _atoms(values: Array, counts: Array, smaller: int) -> Array:
    """Values so frequent that chance alone rarely makes all of them of one set."""
    least = max(LEAST_COUNT, LEAST_SHARE * smaller)
    frequent = np.flatnonzero(counts >= least)
    most = frequent[np.argsort(-counts[frequent], kind="stable")][:MOST_ATOMS]
    return np.asarray(np.sort(values[most]))


def _edges(rest: Array, of: int) -> Array:
    """Quantiles of what is left: fewer where that is a small share of all."""
    parts = max(1, round(QUANTILES * len(rest) / max(1, of)))
    if len(rest) == 0 or parts == 1:
        return np.zeros(0)
    return np.unique(np.quantile(rest, np.arange(1, parts) / parts))
