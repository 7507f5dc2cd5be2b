"""What as many principal components as a bottleneck is wide leave of samples."""

from __future__ import annotations

import numpy as np

from onnxlint.runtime.metrics.fits import folds
from onnxlint.runtime.protocol import Array


def left_over(rows: Array, components: int, seed: int) -> Array:
    """Of each sample the squared error, over all features, of its projection.

    The components are those of samples among which it was not, in five folds.
    """
    errors = np.empty(len(rows))
    for fold in folds(np.zeros(len(rows)), seed):
        mine = rows[fold.fitted]
        centre = mine.mean(axis=0)
        others = rows[fold.predicted] - centre
        kept = others @ _components(mine - centre, components)
        left = (others**2).sum(axis=1) - (kept**2).sum(axis=1)
        errors[fold.predicted] = np.maximum(left, 0)
    return errors


def _components(rows: Array, count: int) -> Array:
    """The directions of the largest variance: [features, count], each of length 1."""
    samples, features = rows.shape
    if features <= samples:
        return np.asarray(np.linalg.eigh(rows.T @ rows)[1][:, -count:])
    variances, vectors = np.linalg.eigh(rows @ rows.T)  # the same, in the space of the samples
    kept = slice(max(0, samples - count), samples)
    lengths = np.sqrt(np.maximum(variances[kept], 0))
    is_there = lengths > 1e-9 * max(lengths[-1], 1e-300)
    return np.asarray(rows.T @ vectors[:, kept][:, is_there] / lengths[is_there])
