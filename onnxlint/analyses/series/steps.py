"""Two neighbouring checkpoints, layer by layer: the same weights, wherever exporters put them."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING

from msgspec import Struct

from onnxlint.analyses import Analyses
from onnxlint.analyses.matching.folding import Foldings, folded_numbers
from onnxlint.analyses.matching.layer_graph import LayerGraph, LayerVertex, layers_among
from onnxlint.analyses.matching.pairs import Matching
from onnxlint.analyses.matching.parameters import Parameter
from onnxlint.analyses.matching.ports import paired_ports
from onnxlint.analyses.series.initial import looks_drawn
from onnxlint.analyses.series.tensors import Move, moved
from onnxlint.model.file.errors import DataError
from onnxlint.model.graph.graph import Graph
from onnxlint.model.graph.operators.layers import GATES
from onnxlint.model.graph.place import Place

if TYPE_CHECKING:
    from onnxlint.types import Array

SAMPLED = 512
"""Elements of a weight that are looked at to tell alike layers apart: a choice."""


class Moved(Struct, frozen=True):
    """A tensor at two checkpoints: of which layers, by their numbers in both, and how it moved.

    `above` are the layers with matrices that are next before it.
    """

    old: int
    new: int
    parameter: str
    place: Place
    shape: tuple[int, ...]
    move: Move
    looks_drawn: bool
    folded: bool
    above: tuple[int, ...]


class Step(Struct, frozen=True):
    """From one checkpoint to the next: the old number of each layer by its new one, and tensors."""

    layers: dict[int, int]
    tensors: list[Moved]


def step_between(old: Analyses, new: Analyses, files: tuple[str, str]) -> Step:
    """Matches two checkpoints and compares what they hold.

    Raises:
        DataError: they are not of one architecture.
    """
    sides = LayerGraph(old), LayerGraph(new)
    before, after = old.get(Graph), new.get(Graph)
    ports = paired_ports(before.inputs, after.inputs) | paired_ports(before.outputs, after.outputs)
    matching = Matching(*sides, ports, alike=_distance)
    foldings = Foldings.of(matching)
    _check_same(matching, files)
    for side, file in zip(sides, files, strict=True):
        _check_readable(side, file)
    above = _above(sides[1])
    tensors = [
        each for one, other in matching.pairs.items()
        for each in _tensors(foldings, one, other, above[other])
    ]  # fmt: skip
    layers = {other.index: one.index for one, other in matching.pairs.items()}
    return Step(layers, sorted(tensors, key=lambda each: (each.new, each.parameter)))


def is_matrix(name: str, shape: tuple[int, ...]) -> bool:
    """Whether an operand is what a layer multiplies with."""
    return name.endswith("weight") and len(shape) > 1


def _matrices(layer: LayerVertex) -> list[Parameter]:
    return [each for name, each in layer.parameters.items() if is_matrix(name, each.dims)]


def _check_same(matching: Matching, files: tuple[str, str]) -> None:
    """Raises DataError where a layer with weights has no partner, or one of another shape."""
    for layers, file in ((matching.gone, files[0]), (matching.come, files[1])):
        for layer in layers:
            if _matrices(layer):
                raise _other_architecture(*files, f"{layer.node.place} is only in {file}")
    for one, new in matching.pairs.items():
        for name, parameter in new.parameters.items():
            before = one.parameters.get(name)
            if (
                before is not None
                and is_matrix(name, parameter.dims)
                and (before.dims != parameter.dims)
            ):
                told = (f"the {name} of {new.node.place} is {[*parameter.given_dims]}, "
                        f"before {[*before.given_dims]}")  # fmt: skip
                raise _other_architecture(*files, told)


def _check_readable(side: LayerGraph, file: str) -> None:
    """Raises DataError where the data of a weight is not there."""
    for layer in side.layers:
        for parameter in _matrices(layer):
            if side.weights.digest(parameter.tensor) is None:
                raise DataError(
                    f"{file}: the weight of {layer.node.place} cannot be read; check its external "
                    "data"
                )


def _other_architecture(old: str, new: str, told: str) -> DataError:
    return DataError(
        f"{new} and {old} are not of one architecture: {told}; "
        "give checkpoints of one training run only"
    )


def _tensors(
    foldings: Foldings, one: LayerVertex, other: LayerVertex, above: tuple[int, ...]
) -> Iterator[Moved]:
    """What both hold, as numbers of one layout."""
    is_folded = one in foldings.behind or other in foldings.behind
    sides = _numbers(one, foldings), _numbers(other, foldings)
    for name, read in sides[1].items():
        load = sides[0].get(name)
        before = None if load is None else load()
        after = None if before is None else read()
        if before is None or after is None or before.shape != after.shape or not after.size:
            continue
        yield Moved(
            one.index, other.index, name, other.node.place, tuple(map(int, after.shape)),
            moved(before, after), _looks_drawn(other, name, after), is_folded, above,
        )  # fmt: skip


def _looks_drawn(layer: LayerVertex, name: str, array: Array) -> bool:
    """Whether a matrix, or a table of embeddings, is as an initialisation draws it."""
    is_table = layer.node.op == "Gather" and array.ndim == 2
    if not is_table and not is_matrix(name, array.shape):
        return False
    return looks_drawn(array, GATES.get(layer.node.op, 0))


def _numbers(layer: LayerVertex, foldings: Foldings) -> dict[str, partial[Array | None]]:
    """What reads each of a layer's tensors; with the normalisation that another export folded."""
    normalisation = foldings.behind.get(layer)
    if normalisation is not None:
        return {name: partial(_folded, layer, normalisation, name) for name in ("weight", "bias")}
    return {name: partial(each.numbers) for name, each in layer.parameters.items()
            if each.tensor.size > 1 or name in ("weight", "bias")}  # fmt: skip


def _folded(layer: LayerVertex, normalisation: LayerVertex, name: str) -> Array | None:
    numbers = folded_numbers(layer, normalisation)
    return None if numbers is None else numbers.get(name)


def _above(side: LayerGraph) -> dict[LayerVertex, tuple[int, ...]]:
    """For each layer the nearest ones before it that have matrices."""
    found: dict[LayerVertex, tuple[int, ...]] = {}
    for layer in side.layers:
        near: dict[int, None] = {}
        for before in layers_among(read for reads in layer.reads for read in reads):
            own = [before.index] if _matrices(before) else found.get(before, ())
            near |= dict.fromkeys(own)
        found[layer] = tuple(sorted(near))
    return found


def _distance(one: LayerVertex, other: LayerVertex) -> float:
    """How far the weights of two layers are apart: 0 the same, near 1 where they have no relation.

    Rounded, so that names decide between layers that are about as near.
    """
    import numpy as np

    total = size = 0.0
    for name, parameter in other.parameters.items():
        before = one.parameters.get(name)
        if before is None or before.dims != parameter.dims or not is_matrix(name, before.dims):
            continue
        arrays = [each.numbers() for each in (before, parameter)]
        if arrays[0] is None or arrays[1] is None:
            continue
        old, new = (np.asarray(each, np.float64).reshape(-1) for each in arrays)
        places = np.linspace(0, old.size - 1, min(SAMPLED, old.size)).astype(np.int64)
        total += float(np.abs(new[places] - old[places]).sum())
        size += float(np.abs(new[places]).sum() + np.abs(old[places]).sum())
    return round(total / size, 1) if size else 0.0
