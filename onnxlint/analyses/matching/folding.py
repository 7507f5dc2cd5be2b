"""Normalisations and activations that an exporter or optimiser made part of the layer before."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct, field

from onnxlint.analyses.matching.layer_graph import LayerVertex
from onnxlint.analyses.matching.pairs import Matching
from onnxlint.model.graph.operators import ACTIVATIONS

if TYPE_CHECKING:
    from onnxlint.types import Array

FOLDABLE = frozenset({"Conv", "ConvTranspose", "dense"})

LARGEST_FOLDED = 256 * 1024 * 1024
"""Elements of a weight that are multiplied with a normalisation: a choice, 2 GiB in float64."""


class Foldings(Struct):
    """The normalisations that only one of two models has as nodes, each with the new layer.

    `folded` are nodes of the old model, `unfolded` of the new one; `behind` has the normalisation
    behind each layer of either model whose weights are compared together with it. An activation
    that the other model has as an attribute of a layer is folded, too, and changes no weight.
    """

    folded: dict[LayerVertex, LayerVertex] = field(default_factory=dict)
    unfolded: dict[LayerVertex, LayerVertex] = field(default_factory=dict)
    behind: dict[LayerVertex, LayerVertex] = field(default_factory=dict)

    @classmethod
    def of(cls, matching: Matching) -> Foldings:
        """Those without a partner, right behind a layer with weights that has one."""
        found = cls()
        for layer in matching.gone:
            fused = _fused_into(matching, layer)
            if fused is not None:
                found.folded[layer] = fused
            before = _folds_into(layer)
            like = matching.pairs.get(before) if before is not None else None
            if before is not None and like is not None and not _is_normalised(like):
                found.folded[layer] = like
                found.behind[before] = layer
        for layer in matching.come:
            before = _folds_into(layer)
            like = matching.taken.get(before) if before is not None else None
            if before is not None and like is not None and not _is_normalised(like):
                found.unfolded[layer] = before
                found.behind[before] = layer
        return found


def _folds_into(layer: LayerVertex) -> LayerVertex | None:
    """The layer whose weights a normalisation can be part of."""
    if layer.node.op != "BatchNormalization" or len(layer.reads) != 1 or len(layer.reads[0]) != 1:
        return None
    before = layer.reads[0][0].source
    known = {"scale", "bias", "mean", "variance"} <= layer.parameters.keys()
    if not known or not isinstance(before, LayerVertex) or before.kind not in FOLDABLE:
        return None
    alone = [use.reader for use in before.read_by] == [layer] and "weight" in before.parameters
    return before if alone and before.parameters["weight"].tensor.size <= LARGEST_FOLDED else None


def _fused_into(matching: Matching, layer: LayerVertex) -> LayerVertex | None:
    """The new layer that has an activation as its attribute, as onnxruntime's optimiser writes."""
    if layer.node.op not in ACTIVATIONS or len(layer.reads) != 1 or len(layer.reads[0]) != 1:
        return None
    before = layer.reads[0][0].source
    while isinstance(before, LayerVertex) and before not in matching.pairs:
        if before.node.op != "BatchNormalization" or len(before.reads) != 1:
            return None
        before = before.reads[0][0].source
    like = matching.pairs.get(before) if isinstance(before, LayerVertex) else None
    has_it = like is not None and like.node.attribute("activation", "") == layer.node.op
    return like if has_it else None


def _is_normalised(layer: LayerVertex) -> bool:
    return any(use.reader.node.op == "BatchNormalization" for use in layer.read_by)


def folded_numbers(layer: LayerVertex, normalisation: LayerVertex) -> dict[str, Array] | None:
    """Weight and bias of a layer and the normalisation behind it, as one layer has them.

    None where they do not fit each other, or cannot be read.
    """
    import numpy as np

    read = {name: normalisation.parameters[name].numbers()
            for name in ("scale", "bias", "mean", "variance")}  # fmt: skip
    weight = layer.parameters["weight"].numbers()
    stored = layer.parameters.get("bias")
    bias = stored.numbers() if stored is not None else np.zeros(1)
    if weight is None or bias is None or any(array is None for array in read.values()):
        return None
    scale, shift, mean, variance = (
        np.asarray(array, np.float64).reshape(-1) for array in read.values()
    )
    epsilon = normalisation.node.attribute("epsilon", 1e-5)
    with np.errstate(all="ignore"):
        factor = scale / np.sqrt(variance + epsilon)
        axis = 1 if layer.node.op == "ConvTranspose" else weight.ndim - 2 if (
            layer.kind == "dense") else 0  # fmt: skip
        shape = [1] * weight.ndim
        shape[axis] = factor.size
        try:
            wide = weight.astype(np.float64) * factor.reshape(shape)
            return {"weight": wide, "bias": (bias - mean) * factor + shift}
        except ValueError:
            return None
