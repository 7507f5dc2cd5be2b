"""Layers that changed in words; those that only serve quantisation as one row a kind."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from onnxlint.findings import listed
from onnxlint.model.graph.operators import UNSCALED_AFFINE
from onnxlint.release_diff import LayerChange
from onnxlint.reporters.diff_rows import ADDED, CHANGED, REMOVED, Row
from onnxlint.reporters.summary import counted

_QUANTISING = frozenset({"QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear"})
"""Operators that only go from real numbers to integers, or back."""

_BESIDE = frozenset({"Cast", "Mul", "Add"})
"""What these nodes are."""

SHOWN = 3
"""Layers that a row of many names; a choice, as many as fit into a line."""


def layer_rows(changes: Sequence[LayerChange]) -> Iterator[Row]:
    """A row for each layer, or for several that serve quantisation: where the first of these is."""
    groups: dict[tuple[str, str], list[LayerChange]] = {}
    stems = _integer_layers(changes)
    serving = [_serves(each, stems) for each in changes]
    for each, serves in zip(changes, serving, strict=True):
        if serves:
            groups.setdefault((each.change, each.layer.op), []).append(each)
    for each, serves in zip(changes, serving, strict=True):
        group = groups[each.change, each.layer.op] if serves else []
        if len(group) < 2:
            yield _layer(each)
        elif group[0] is each:
            yield _grouped(group)


def _integer_layers(changes: Sequence[LayerChange]) -> tuple[str, ...]:
    """How the names begin of nodes that scale the results of integer layers."""
    sides = [side for each in changes for side in (each.old, each.new) if side is not None]
    return tuple(each.label.removesuffix("_quant") for each in sides if each.op in UNSCALED_AFFINE)


def _serves(change: LayerChange, stems: tuple[str, ...]) -> bool:
    """Whether a layer that was added, or removed, is there for quantisation alone."""
    if change.change not in ("added", "removed"):
        return False
    layer = change.layer
    return layer.op in _QUANTISING or (layer.op in _BESIDE and layer.label.startswith(stems))


def _grouped(group: Sequence[LayerChange]) -> Row:
    first = group[0]
    labels = [*dict.fromkeys(each.layer.label for each in group)]
    told = f"{first.change} for quantisation: {listed(labels, SHOWN)}"
    sign = ADDED if first.change == "added" else REMOVED
    return Row(sign, counted(len(group), f"{first.layer.op} node"), told)


def _layer(change: LayerChange) -> Row:
    layer, sizes = change.layer, f" {change.layer.shape}" if change.layer.shape else ""
    subject = f"{layer.op} {layer.label}"
    if change.change == "added":
        return Row(ADDED, subject, f"added{sizes}")
    if change.change == "removed":
        return Row(REMOVED, subject, f"removed{sizes}")
    if change.change == "folded":
        is_norm = change.layer.op == "BatchNormalization"
        told = "folded into the weights of" if is_norm else "fused into"
        return Row(CHANGED, subject, f"{told} {change.into}")
    if change.change == "unfolded":
        return Row(CHANGED, subject, f"no longer folded into the weights of {change.into}")
    details = "; ".join(f"{each.what} {each.old} → {each.new}" for each in change.details)
    if change.change == "retyped" and change.old is not None:
        return Row(CHANGED, subject, f"was {change.old.op}" + (f"; {details}" if details else ""))
    return Row(CHANGED, subject, details if change.change == "changed" else f"moved: {details}")
