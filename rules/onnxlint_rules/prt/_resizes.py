"""How a Resize computes coordinates, and when that does not matter."""

from __future__ import annotations

from typing import Any

from onnxlint import Graph, Node, Shapes

DEFAULT = "half_pixel"
"""The mode that all importers implement alike."""


def mode_of(node: Node) -> str:
    """Before opset 11 there is no attribute, and asymmetric is implied."""
    if node.op == "Upsample" or node.opset < 11:
        return "asymmetric"
    mode: str = node.attribute("coordinate_transformation_mode", DEFAULT)
    return mode


def copies_pixels(node: Node, mode: str, graph: Graph, shapes: Shapes) -> bool:
    """Whether it enlarges by integer factors with the nearest pixel, rounded down."""
    if node.attribute("mode", "nearest") != "nearest" or mode == "align_corners":
        return False
    if mode == "asymmetric" and node.attribute("nearest_mode", "floor") != "floor":
        return False
    before, after = shapes.of(node.input(0)), shapes.of(node.output)
    if before and after and before.dims and after.dims:
        pairs = list(zip(before.dims, after.dims, strict=False))
        known = [(a, b) for a, b in pairs if isinstance(a, int) and isinstance(b, int)]
        if len(known) == len(pairs):
            return all(small > 0 and large % small == 0 for small, large in known)
    return graph.ask(node.input(2) or node.input(1), _are_whole) or False


def _are_whole(scales: Any) -> bool:
    return scales.size > 0 and bool((scales % 1 == 0).all())
