"""How far the weights of each layer are from the old ones."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

from msgspec import Struct, field
from msgspec.structs import replace

from onnxlint.analyses.matching.folding import Foldings, folded_numbers
from onnxlint.analyses.matching.layer_graph import LayerGraph, LayerVertex
from onnxlint.analyses.matching.pairs import Matching
from onnxlint.analyses.matching.parameters import Parameter
from onnxlint.analyses.static.precision import Distance
from onnxlint.model.graph.operators import INTEGER_AFFINE
from onnxlint.release_diff import OTHER_SHAPE, WeightChange

if TYPE_CHECKING:
    from onnxlint.types import Array

AT_ONCE = 1 << 20
"""Elements that are compared at once, in float64."""

SAME = 1e-5
"""A folded normalisation gives the weights that it was folded into up to rounding: 100 steps of
float32."""


class WeightChanges(Struct):
    """The constants that differ, of `compared` ones; `unchanged` are the same to the last bit.

    `unreadable` ones are of neither: the data of both models is missing, or may not be read.
    """

    changes: list[WeightChange] = field(default_factory=list)
    compared: int = 0
    unchanged: int = 0
    unreadable: int = 0


def weight_changes(matching: Matching, foldings: Foldings) -> WeightChanges:
    """The constants of all paired layers, those that are farthest from the old ones first."""
    found = WeightChanges()
    behind = {(one, other) for one, other in matching.pairs.items()
              if one in foldings.behind or other in foldings.behind}  # fmt: skip
    for one, other in matching.pairs.items():
        compare = _folded if (one, other) in behind else _compared
        found.changes += compare(matching, foldings, one, other, found)
    found.changes.sort(key=lambda change: -_rank(change))
    return found


def _rank(change: WeightChange) -> float:
    return math.inf if change.distance is None else change.distance


def _compared(
    matching: Matching, _foldings: Foldings, one: LayerVertex, other: LayerVertex,
    found: WeightChanges,
) -> Iterator[WeightChange]:  # fmt: skip
    for name, new in other.parameters.items():
        old = one.parameters.get(name)
        if old is None:
            continue
        readable = _is_readable(matching.old, old), _is_readable(matching.new, new)
        if not any(readable):
            found.unreadable += 1
            continue
        found.compared += 1
        change = None
        if not all(readable):
            change = _noted(
                _told(matching, other, name, old, new), "only one of the two is readable"
            )
        elif not _is_same(matching, old, new):
            change = _change(matching, other, name, old, new)
        found.unchanged += change is None
        if change is not None:
            yield change
    yield from _biases(matching, one, other, found)


def _is_readable(side: LayerGraph, parameter: Parameter) -> bool:
    return side.weights.digest(parameter.tensor) is not None


def _biases(
    matching: Matching, one: LayerVertex, other: LayerVertex, found: WeightChanges
) -> Iterator[WeightChange]:
    """A bias that only one of two layers has, unless it is all zeros, or integers hide it."""
    old, new = one.parameters.get("bias"), other.parameters.get("bias")
    only = new if old is None else old if new is None else None
    if only is None or INTEGER_AFFINE & {one.node.op, other.node.op}:
        return
    numbers = only.numbers()
    if numbers is None or numbers.any():
        found.compared += 1
        note = "added" if old is None else "removed"
        yield _noted(_told(matching, other, "bias", only, only), note)


def _is_same(matching: Matching, old: Parameter, new: Parameter) -> bool:
    """Whether both are stored with the same bytes, and read in the same way."""
    alike = old.dims == new.dims and old.dtype == new.dtype and old.turned == new.turned
    if not alike or old.recipe() != new.recipe():
        return False
    digest = matching.old.weights.digest(old.tensor)
    return digest is not None and digest == matching.new.weights.digest(new.tensor)


def _change(
    matching: Matching, layer: LayerVertex, name: str, old: Parameter, new: Parameter
) -> WeightChange | None:
    """The distance of two constants; None where they are equal after all, turned around maybe."""
    told = _told(matching, layer, name, old, new)
    if old.dims != new.dims:
        return _noted(told, OTHER_SHAPE)
    if old.is_unscaled or new.is_unscaled:
        return _noted(told, "not compared: nodes behind the layer scale its integers")
    before, after = old.numbers(), new.numbers()
    if before is None or after is None:
        return _noted(told, "cannot be read")
    distance, largest = _distance(before, after)
    if largest == 0 and distance.difference == 0 and old.dtype == new.dtype:
        return None
    return _measured(told, distance, largest)


def _told(
    matching: Matching, layer: LayerVertex, name: str, old: Parameter, new: Parameter
) -> WeightChange:
    ref = matching.new.ref(layer)
    return WeightChange(ref, name, old.dtype, new.dtype, old.given_dims, new.given_dims)


def _folded(
    matching: Matching, foldings: Foldings, one: LayerVertex, other: LayerVertex,
    found: WeightChanges,
) -> Iterator[WeightChange]:  # fmt: skip
    """Weights and biases of which one side has a normalisation of its own."""
    sides = [_numbers(layer, foldings.behind.get(layer)) for layer in (one, other)]
    names = [name for name in ("weight", "bias") if name in sides[0] or name in sides[1]]
    for name in names:
        found.compared += 1
        old, new = (side.get(name) for side in sides)
        parameter = other.parameters.get(name) or one.parameters.get(name)
        dtype = parameter.dtype if parameter is not None else "float"
        dims = [() if array is None else array.shape for array in (old, new)]
        told = WeightChange(matching.new.ref(other), name, dtype, dtype, dims[0], dims[1])
        if old is None or new is None or old.shape != new.shape:
            yield _noted(told, "cannot be compared with the normalisation behind it")
            continue
        distance, largest = _distance(old, new)
        if distance.relative <= SAME:
            found.unchanged += 1
        else:
            yield _measured(told, distance, largest)


def _numbers(layer: LayerVertex, normalisation: LayerVertex | None) -> dict[str, Array]:
    if normalisation is not None:
        return folded_numbers(layer, normalisation) or {}
    numbers = {name: layer.parameters[name].numbers() for name in ("weight", "bias")
               if name in layer.parameters}  # fmt: skip
    return {name: array for name, array in numbers.items() if array is not None}


def _noted(change: WeightChange, note: str) -> WeightChange:
    return replace(change, note=note)


def _measured(change: WeightChange, distance: Distance, largest: float) -> WeightChange:
    if math.isinf(distance.difference):
        note = "NaN or infinity in one of the two"
        return replace(change, largest=largest, note=note)
    if not distance.length and distance.difference:
        return replace(change, largest=largest, note="all old elements are 0")
    return replace(change, distance=distance.relative, largest=largest)


def _distance(old: Array, new: Array) -> tuple[Distance, float]:
    """How far apart two arrays of one shape are, and the largest change of an element."""
    import numpy as np

    total, largest = Distance(), 0.0
    for before, after in _pieces(old, new):
        one, other = before.astype(np.float64), after.astype(np.float64)
        total += Distance.between(other, one)
        with np.errstate(all="ignore"):
            apart = np.abs(other - one)
        finite = apart[np.isfinite(apart)]
        largest = max(largest, float(finite.max(initial=0.0)))
    return total, largest


def _pieces(old: Array, new: Array) -> Iterator[tuple[Array, Array]]:
    if not old.ndim or old.size <= AT_ONCE:
        yield old, new
        return
    if old.flags.c_contiguous and new.flags.c_contiguous:
        old, new = old.reshape(-1), new.reshape(-1)
    step = max(1, AT_ONCE // max(1, old[:1].size))
    for start in range(0, len(old), step):
        yield old[start : start + step], new[start : start + step]
