"""Predictions of models that are fitted to other samples than those which they predict."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cached_property
from typing import NamedTuple

import numpy as np
from msgspec import Struct

from onnxlint.runtime.protocol import Array

FOLDS = 5
"""Every sample is predicted by a baseline that was fitted on the other four fifths."""


class Samples(Struct, frozen=True, eq=False, dict=True):
    """Labelled samples: by input what is fed, a row a sample, and the numbers of it as a table.

    `numeric` are the inputs whose numbers mean a size or a degree.
    """

    inputs: dict[str, Array]
    numeric: tuple[str, ...]
    truths: Array

    def __len__(self) -> int:
        """How many there are."""
        return len(self.truths)

    @cached_property
    def table(self) -> Array:
        """The numeric inputs, flattened: [samples, features]."""
        rows = [self.inputs[name].reshape(len(self), -1) for name in self.numeric]
        return np.concatenate(rows, axis=1).astype(np.float64)

    def taken(self, rows: Array) -> Samples:
        """Some of them."""
        inputs = {name: array[rows] for name, array in self.inputs.items()}
        return Samples(inputs, self.numeric, self.truths[rows])


Fit = Callable[[Samples, Samples], Array]
"""Fits a model to the first samples and predicts the second, whose truths it must not read."""


class Fold(NamedTuple):
    """The rows that a model is fitted to, and those that it predicts."""

    fitted: Array
    predicted: Array


def predictions(fit: Fit, samples: Samples, trained: Samples | None, seed: int) -> Array:
    """What a model predicts for samples, fitted to those of training; else by folds."""
    if trained is not None:
        return fit(trained, samples)
    found: Array | None = None
    for fold in folds(samples.truths, seed):
        part = fit(samples.taken(fold.fitted), samples.taken(fold.predicted))
        if found is None:
            found = np.empty((len(samples), *part.shape[1:]), part.dtype)
        found[fold.predicted] = part
    assert found is not None
    return found


def folds(truths: Array, seed: int) -> Iterator[Fold]:
    """Five parts of about equal size; classes are dealt out evenly."""
    order = np.random.default_rng(seed).permutation(len(truths))
    if truths.ndim == 1 and truths.dtype.kind != "f":
        _, codes = np.unique(truths, return_inverse=True)
        order = order[np.argsort(codes.reshape(-1)[order], kind="stable")]
    part = np.empty(len(truths), np.int64)
    part[order] = np.arange(len(truths)) % FOLDS
    for number in range(FOLDS):
        yield Fold(np.flatnonzero(part != number), np.flatnonzero(part == number))
