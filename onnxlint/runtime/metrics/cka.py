"""How alike two representations of the same samples are."""

from __future__ import annotations

import numpy as np

from onnxlint.runtime.protocol import Array


def linear_cka(one: Array, other: Array) -> float | None:
    """Linear centred kernel alignment of [samples, features] each (Kornblith, arXiv 1905.00414).

    1 for what differs by rotation, reflection, offset or one scale for all, 0 for nothing in
    common; also where only one of the two is the same for all samples, and 1 where both are. None
    where something is not finite.
    """
    if not (np.isfinite(one).all() and np.isfinite(other).all()):
        return None
    mine, theirs = _similarities(one), _similarities(other)
    lengths = np.linalg.norm(mine), np.linalg.norm(theirs)
    if not all(lengths):
        return 1.0 if not any(lengths) else 0.0
    return float(np.clip((mine * theirs).sum() / lengths[0] / lengths[1], 0.0, 1.0))


def _similarities(rows: Array) -> Array:
    """The products of every two samples, about their mean; scaled, that nothing overflows."""
    wide = rows.astype(np.float64)
    largest = float(np.abs(wide).max()) if wide.size else 0.0
    wide = wide / largest if largest else wide
    centred = wide - wide.mean(axis=0)
    noise = np.abs(centred).max() if centred.size else 0.0
    if noise <= 1e-6:  # the rounding of float32: the same for all samples
        return np.zeros((len(rows), len(rows)))
    return np.asarray(centred @ centred.T)
