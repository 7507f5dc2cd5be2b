"""Offsets and scales that a model takes off its input: where the input's numbers lie."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite
from typing import TYPE_CHECKING

from onnxlint.model.graph.graph import Graph
from onnxlint.model.graph.nodes import Node
from onnxlint.model.graph.operators import ARITHMETIC

if TYPE_CHECKING:
    import numpy as np

    from onnxlint.runtime.feeds.input_slots import Column

_BYTE_SCALES = (127.5, 255.0, 256.0)
"""What bytes of a picture are divided by, alone, to come near 1."""

BYTE = (127.5, 42.5)
"""Middle of 0…255, and a deviation of which three reach the ends."""


LEAST_SPREAD = 0.01
"""A smaller divisor is not a deviation: (mask - 1) * 10000 shuts scores out."""


def scales(
    graph: Graph, node: Node, slot: int, count: int | None, joint: str | None
) -> list[Column]:
    """Middle and standard deviation of each column, or of all numbers."""
    import numpy as np

    width = count or 1
    if node.op == "ai.onnx.ml::Scaler":
        offsets, factors = node.attribute("offset", [0.0]), node.attribute("scale", [1.0])
        return _columns(offsets, [_inverse(factor) for factor in factors], count)
    if node.op.startswith("ai.onnx.ml::SVM") and slot == 0:
        return _support(node, width)
    if node.op == "BatchNormalization" and slot == 0:
        mean, variance = (graph.constant(node.input(at)) for at in (3, 4))
        if mean is None or variance is None:
            return []
        spreads = np.sqrt(np.maximum(variance, 0))
        return _of_arrays(mean, np.where(spreads > 0, spreads, 1), count)
    return _written_out(graph, node, slot, count)


def _written_out(graph: Graph, node: Node, slot: int, count: int | None) -> list[Column]:
    """(x - mean) / deviation, or bytes that are divided by 255."""
    import numpy as np

    constant = graph.constant(node.input(1 - slot)) if slot < 2 and node.op in ARITHMETIC else None
    if constant is None or not constant.size or not np.isfinite(constant).all():
        return []
    if node.op in ("Sub", "Add"):
        if node.op == "Sub" and slot == 1:
            return []
        centre = constant if node.op == "Sub" else -constant
        for reader in node.output.readers if node.output is not None else ():
            spread = _divisor(graph, reader, reader.slots_of(node.output)[0])  # type: ignore[arg-type]
            fits = spread is not None and constant.size in (1, spread.size)
            if spread is not None and fits and spread.min() >= LEAST_SPREAD:
                return _of_arrays(centre, spread, count)
        return []
    divisor = _divisor(graph, node, slot)
    if divisor is None or divisor.size != 1:
        return []
    near = any(abs(float(divisor.item()) - size) < 0.01 * size for size in _BYTE_SCALES)
    return _columns([BYTE[0]], [BYTE[1]], count) if near else []


def _divisor(graph: Graph, node: Node, slot: int) -> np.ndarray | None:
    """What a Div or Mul by a constant divides by; None where it is something else."""
    import numpy as np

    if node.op not in ("Div", "Mul") or (node.op == "Div" and slot == 1):
        return None
    constant = graph.constant(node.input(1 - slot))
    if constant is None or not constant.size or not np.isfinite(constant).all():
        return None
    sizes = np.abs(constant.astype(np.float64))
    if not (sizes > 0).all():
        return None
    return np.asarray(sizes if node.op == "Div" else 1 / sizes)


def _support(node: Node, width: int) -> list[Column]:
    """An SVM's support vectors are samples of its data."""
    import numpy as np

    vectors = np.array(node.attribute("support_vectors", []), np.float64)
    if not vectors.size or vectors.size % width or not np.isfinite(vectors).all():
        return []
    rows = vectors.reshape(-1, width)
    spreads = rows.std(axis=0)
    return _columns(rows.mean(axis=0).tolist(), np.where(spreads > 0, spreads, 1).tolist(), width)


def _of_arrays(centre: np.ndarray, spread: np.ndarray, count: int | None) -> list[Column]:
    """By column where the arrays hold one number for each; else those of all numbers together."""
    import numpy as np

    centres, spreads = centre.reshape(-1).astype(float), spread.reshape(-1).astype(float)
    by_column = count is not None and count == max(len(centres), len(spreads))
    if not by_column:
        spreads = np.array([float(np.sqrt((spreads**2).mean()))])
        centres = np.array([float(centres.mean())])
    return _columns(centres.tolist(), spreads.tolist(), count)


def _columns(centres: Sequence[float], spreads: Sequence[float], count: int | None) -> list[Column]:
    from onnxlint.runtime.feeds.input_slots import Column

    width = max(len(centres), len(spreads))
    fits = all(len(numbers) in (1, width) for numbers in (centres, spreads))
    numbers = [*centres, *spreads]
    if not width or not fits or not all(map(isfinite, numbers)):
        return []
    if count is not None and width not in (1, count):
        return []
    return [
        Column((), float(centres[at % len(centres)]), float(spreads[at % len(spreads)]))
        for at in range(width)
    ]


def _inverse(factor: float) -> float:
    """The deviation that a scale was made of; a scale of 0 tells none."""
    return abs(1 / factor) if factor else 1.0
