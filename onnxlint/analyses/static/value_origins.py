"""Where numbers come from and go to, past what only moves or rescales them."""

from __future__ import annotations

from collections.abc import Iterable

from onnxlint.analyses.static.layers import Layers
from onnxlint.model.graph.graph import Graph
from onnxlint.model.graph.nodes import Node, Value
from onnxlint.model.graph.operators import (
    BOUNDED,
    BOX_DECODING,
    MOVING,
    ON_SCORES,
    REARRANGING,
    ROOTS,
    SUMMING,
    TAILED,
)
from onnxlint.model.graph.traversal import behind, sources
from onnxlint.model.graph.walk import Walk

_LEAST_FACTOR = 1e-3
"""A constant as large or larger shrinks nothing to a subnormal number: the halves and roots of
GELU, and scales of attention. A choice of ours."""


def is_score(layers: Layers, value: Value) -> bool:
    """Whether it reaches an output with no layer on the way: moved, chosen from, decoded.

    Decoding is arithmetic with what no input decides (grids, strides, anchors), products of scores,
    and a sum with an input itself, which the score corrects. What a function gives may be a score
    wherever it is called.
    """
    walk = Walk([value])
    for at in walk:
        if at.is_output and (at.scope.owner is None or not layers.onwards(at)):
            return True
        walk.add(*layers.onwards(at))
        for node in at.consumers:
            others = [read for read in node.inputs if read is not None and read is not at]
            decoded = node.op in BOX_DECODING and _decodes(layers, others)
            if decoded or node.op in ON_SCORES or _corrects(node, at):
                walk.add(*node.outputs)
    return False


def _corrects(node: Node, correction: Value) -> bool:
    """Whether it corrects an input, as watermarks, denoisers and retouchers do."""
    if node.op == "Sub" and node.input(1) is not correction:
        return False
    others = [read for read in node.inputs if read is not None and read is not correction]
    return node.op in ("Add", "Sub") and all(
        any(source.is_input for source in sources(other, MOVING)) for other in others
    )


def _decodes(layers: Layers, others: Iterable[Value]) -> bool:
    return all(
        not layers.is_computed(other) or behind(other, BOUNDED, REARRANGING) for other in others
    )


def is_gate(graph: Graph, node: Node) -> bool:
    """Whether all that it gives is multiplied with what it was computed from.

    So do squeeze and excitation, spatial attention and attention gates.
    """
    readers = [reader for value in _moved(graph, node.output) for reader in value.consumers]
    readers = [reader for reader in readers if reader.op not in MOVING]
    if not readers or any(reader.op != "Mul" for reader in readers):
        return False
    before, gates = (
        graph.ancestors([node.output]) if node.output else set(),
        set(_moved(graph, node.output)),
    )
    gated = [v for reader in readers for v in reader.inputs if v is not None and v not in gates]
    return all(not set(sources(value, MOVING)).isdisjoint(before) for value in gated)


def _moved(graph: Graph, value: Value | None) -> list[Value]:
    """The value, and what it is elsewhere, outside of its scope too."""
    walk, found = Walk([value]), []
    for at in walk:
        found.append(at)
        walk.add(*graph.crossings.onwards.get(at, ()))
        walk.add(*(node.output for node in at.consumers if node.op in MOVING))
    return found


def is_compressed(graph: Graph, layers: Layers, value: Value) -> bool:
    """Whether a root or a logarithm is taken of it before anything else: a square, or a sum of
    squares, as in a norm, a variance or a spectrum of powers."""
    walk = Walk([value])
    for at in walk:
        if at.is_output or at.yielded_to or not at.consumers:
            return False
        for node in at.consumers:
            if node.op in ROOTS or (node.op == "Pow" and _is_root(graph, node, at)):
                continue
            others = [read for read in node.inputs if read is not None and read is not at]
            if node.op not in SUMMING or any(map(layers.is_computed, others)):
                return False
            walk.add(*node.outputs)
    return True


def _is_root(graph: Graph, node: Node, value: Value) -> bool:
    exponent = graph.number(node.input(1))
    return node.input(0) is value and exponent is not None and abs(exponent) < 1


def has_tails(graph: Graph, value: Value) -> bool:
    """Whether its numbers run out to 0 by design: probabilities, gates, states, SiLU and GELU.

    What was moved since, or multiplied with more than a tiny constant, still does.
    """
    walk = Walk([value])
    for at in walk:
        node = at.producer
        walk.add(*graph.crossings.backwards.get(at, ()))
        if node is None:
            continue
        if node.op in TAILED:
            return True
        if node.op in REARRANGING:
            walk.add(*node.inputs[: None if node.op == "Concat" else 3])
        elif node.op in ("Mul", "Add"):
            walk.add(*_scaled(graph, node))
        elif node.op == "Div":
            walk.add(node.input(0))
    return False


def _scaled(graph: Graph, node: Node) -> list[Value | None]:
    """The factors of a product; what a constant was added to."""
    constants = {value: _cast_from(value) for value in node.inputs if value is not None}
    constants = {value: stored for value, stored in constants.items() if graph.tensor(stored)}
    others = [value for value in node.inputs if value not in constants]
    if node.op == "Add":
        return others if constants else []
    peaks = [graph.ask(stored, _peak) for stored in constants.values()]
    return others if all(peak is not None and peak >= _LEAST_FACTOR for peak in peaks) else []


def _cast_from(value: Value) -> Value:
    node = value.producer
    before = node.input(0) if node is not None and node.op == "Cast" else None
    return value if before is None else before


def _peak(array: object) -> float:
    import numpy as np

    return float(np.abs(np.asarray(array)).max(initial=0))
