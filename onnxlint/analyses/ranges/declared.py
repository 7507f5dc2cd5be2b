"""The range of an input as the configuration promises it: by feature, by channel, or for all."""

from __future__ import annotations

import numpy as np

from onnxlint.analyses.ranges.leaf import Basis, Leaf, leaf_of
from onnxlint.analyses.ranges.range import MOST_BOXES, limits
from onnxlint.analyses.static.shapes import Shape
from onnxlint.settings import InputContract

SPREADS = 10.0
"""An input whose mean and deviation the graph tells lies within so many deviations. A choice: of a
normal distribution nothing lies beyond 6, and columns of real tables have longer tails."""

PIXELS = (0.0, 255.0)
"""What a channel of an image of bytes holds."""


def declared(shape: Shape, contract: InputContract) -> Leaf | None:
    """By feature or channel, by how images are prepared, or one range for all."""
    if contract.features:
        found = _by_feature(shape, contract)
        if found is not None:
            return found
    if contract.range is not None:
        return leaf_of(shape, *contract.range, Basis.DECLARED)
    if contract.scale is not None or contract.mean or contract.std:
        return _prepared(shape, contract)
    return None


def _by_feature(shape: Shape, contract: InputContract) -> Leaf | None:
    """The range of each feature along its axis; features without one have that of the input."""
    ranges = contract.feature_ranges
    axis = feature_axis(shape, contract, len(ranges))
    size = None if axis is None or shape.dims is None else shape.dims[axis]
    low, high = contract.range or limits(shape.element_type)
    numbers = {int(name): bounds for name, bounds in ranges.items() if name.isdecimal()}
    if not isinstance(size, int) or not size or size > MOST_BOXES:
        bounds = list(numbers.values())
        if isinstance(contract.features, dict) or not bounds:  # there may be features without one
            return None
        return leaf_of(shape, *_hull(bounds), Basis.DECLARED)
    pairs = [numbers.get(at, (low, high)) for at in range(size)]
    if not any(at < size for at in numbers):
        return None
    lows, highs = np.array(pairs, np.float64).T
    return leaf_of(shape, lows, highs, Basis.DECLARED, axis)


def _hull(pairs: list[tuple[float, float]]) -> tuple[float, float]:
    return min(low for low, _ in pairs), max(high for _, high in pairs)


_CHANNELS = (1, 3, 4)


def feature_axis(shape: Shape, contract: InputContract | None, count: int) -> int | None:
    """The axis of features, or of an image's channels; None where it cannot be told.

    Args:
        shape: that of the input.
        contract: its `layout` tells.
        count: the features that something is known of; it tells where the shape does not.
    """
    dims = shape.dims
    if not dims:
        return None
    rank = len(dims)
    if contract is not None and contract.layout is not None and rank > 2:
        return 1 if contract.layout == "NCHW" else rank - 1
    if rank <= 2:
        return rank - 1
    if rank == 4 and not {dims[1], dims[3]}.isdisjoint(_CHANNELS):
        return 1 if dims[1] in _CHANNELS else 3
    fitting = [axis for axis in range(1, rank) if dims[axis] == count]
    return fitting[0] if len(fitting) == 1 else None


def _prepared(shape: Shape, contract: InputContract) -> Leaf:
    """What images of bytes become: multiplied by a scale, less the mean, by the deviation."""
    scale = 1.0 if contract.scale is None else contract.scale
    mean, std = (np.asarray(numbers or [default], np.float64)
                 for numbers, default in ((contract.mean, 0.0), (contract.std, 1.0)))  # fmt: skip
    ends = np.array(np.broadcast_arrays(*((pixel * scale - mean) / std for pixel in PIXELS)))
    low, high = ends.min(axis=0), ends.max(axis=0)
    slip = 1e-6 * (np.abs(mean) + abs(PIXELS[1] * scale)) / np.abs(std)  # it is done in float32
    axis = feature_axis(shape, contract, low.size)
    fits = axis is not None and shape.dims is not None and shape.dims[axis] == low.size
    return leaf_of(shape, low - slip, high + slip, Basis.DECLARED, axis if fits else None)


def by_statistics(shape: Shape, contract: InputContract | None) -> Leaf | None:
    """Declared mean and deviation of the data: no promise of each number, but what it implies."""
    if contract is None:
        return None
    mean, std = contract.data_mean, contract.data_std
    if contract.normalised:
        mean, std = mean or (0.0, 0.0), std or (1.0, 1.0)
    if mean is None or std is None:
        return None
    reach = SPREADS * std[1]
    return leaf_of(shape, mean[0] - reach, mean[1] + reach, Basis.IMPLIED)
