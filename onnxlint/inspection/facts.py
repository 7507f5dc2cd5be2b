"""What can be asked of a layer by name, in `--where` and `--sort`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec import Struct

from onnxlint.inspection.cost import Cost, Timed
from onnxlint.inspection.inspected import Classic, Dims, Forest, Layer, Seen
from onnxlint.inspection.operations import Kind
from onnxlint.model.graph.operators import TREES

MOST_AXES = 8


class Fact(Struct, frozen=True):
    """What a name stands for: its kind, and how a layer tells it; None where it is not known.

    `source` is what must be had for it: `file`, `run`, `bounds` or `time`.
    """

    kind: Kind
    of: Callable[[Layer], Any]
    source: str = "file"


def _observed(kind: Kind, tell: Callable[[Seen], Any]) -> Fact:
    return Fact(kind, lambda layer: None if layer.observed is None else tell(layer.observed), "run")


def _share(tell: Callable[[Seen], int]) -> Fact:
    return _observed(Kind.NUMBER, lambda seen: tell(seen) / seen.elements)


def _cost(tell: Callable[[Cost], Any]) -> Fact:
    return Fact(Kind.NUMBER, lambda layer: None if layer.cost is None else tell(layer.cost))


def _forest(tell: Callable[[Forest], Any]) -> Fact:
    """0 of what are no trees; None of trees that are not known."""

    def of(layer: Layer) -> Any:
        unknown = None if layer.op in TREES else 0
        return unknown if layer.forest is None else tell(layer.forest)

    return Fact(Kind.NUMBER, of)


def _classic(tell: Callable[[Classic], int]) -> Fact:
    return Fact(Kind.NUMBER, lambda layer: 0 if layer.classic is None else tell(layer.classic))


def _classes(layer: Layer) -> int | None:
    """The classes or targets that a classical model gives."""
    found = layer.forest or layer.classic
    return None if found is None else found.outputs


def _time(tell: Callable[[Timed], Any]) -> Fact:
    return Fact(Kind.NUMBER, lambda layer: None if layer.time is None else tell(layer.time), "time")


def _sizes(dims: Dims) -> list[int | str | None] | None:
    return None if dims is None else list(dims)


def _elements(layer: Layer) -> int | None:
    count = 1
    for dim in layer.dims if layer.dims is not None else (None,):
        if not isinstance(dim, int):
            return None
        count *= dim
    return count


def _size(axis: int) -> Fact:
    def tell(layer: Layer) -> int | None:
        dim = layer.dims[axis] if layer.dims is not None and axis < len(layer.dims) else None
        return dim if isinstance(dim, int) else None

    return Fact(Kind.NUMBER, tell)


def _bound(kind: Kind, tell: Callable[[Any], Any]) -> Fact:
    return Fact(kind, lambda layer: None if layer.bound is None else tell(layer.bound), "bounds")


def _end(end: float | None, otherwise: float) -> float:
    return otherwise if end is None else end


FACTS: dict[str, Fact] = {
    "number": Fact(Kind.NUMBER, lambda layer: layer.number),
    "op": Fact(Kind.TEXT, lambda layer: layer.op),
    "module": Fact(Kind.TEXT, lambda layer: layer.module or ""),
    "node": Fact(Kind.TEXT, lambda layer: layer.node),
    "output": Fact(Kind.TEXT, lambda layer: layer.output or ""),
    "scope": Fact(Kind.TEXT, lambda layer: layer.scope),
    "dtype": Fact(Kind.TEXT, lambda layer: layer.dtype),
    "shape": Fact(Kind.LIST, lambda layer: _sizes(layer.dims)),
    "rank": Fact(Kind.NUMBER, lambda layer: None if layer.dims is None else len(layer.dims)),
    "elements": Fact(Kind.NUMBER, _elements),
    **{f"dim{axis}": _size(axis) for axis in range(MOST_AXES)},
    **dict.fromkeys(("parameters", "params"), Fact(Kind.NUMBER, lambda layer: layer.parameters)),
    "trainable": _cost(lambda cost: cost.trainable),
    "macs": _cost(lambda cost: cost.macs),
    "flops": _cost(lambda cost: cost.flops),
    "memory": _cost(lambda cost: cost.activation_bytes),
    "weight_memory": _cost(lambda cost: cost.weight_bytes),
    "time": _time(lambda time: time.milliseconds),
    "time_share": _time(lambda time: time.share),
    "trees": _forest(lambda forest: forest.trees),
    "leaves": _forest(lambda forest: forest.leaves),
    "tree_depth": _forest(lambda forest: forest.depth),
    "mean_depth": _forest(lambda forest: forest.mean_depth),
    "split_features": _forest(lambda forest: len(forest.features)),
    "top_share": _forest(lambda forest: forest.largest_share),
    "classes": Fact(Kind.NUMBER, _classes),
    "coefficients": _classic(lambda classic: classic.coefficients),
    "support_vectors": _classic(lambda classic: classic.support_vectors),
    "categories": _classic(lambda classic: classic.categories),
    "is_glue": Fact(Kind.TRUTH, lambda layer: layer.is_glue),
    "min": _observed(Kind.NUMBER, lambda seen: seen.lowest),
    "max": _observed(Kind.NUMBER, lambda seen: seen.highest),
    "magnitude": _observed(Kind.NUMBER, lambda seen: seen.magnitude),
    "mean": _observed(Kind.NUMBER, lambda seen: seen.mean),
    "rms": _observed(Kind.NUMBER, lambda seen: seen.rms),
    "has_nan": _observed(Kind.TRUTH, lambda seen: seen.nan > 0),
    "has_inf": _observed(Kind.TRUTH, lambda seen: seen.infinite > 0),
    "nan": _share(lambda seen: seen.nan),
    "inf": _share(lambda seen: seen.infinite),
    "zeros": _share(lambda seen: seen.zeros),
    "subnormals": _share(lambda seen: seen.subnormal),
    "dead": _observed(Kind.NUMBER, lambda seen: seen.dead),
    "saturated": _observed(Kind.NUMBER, lambda seen: seen.saturated),
    "is_constant": _observed(Kind.TRUTH, lambda seen: seen.constant),
    "samples": _observed(Kind.NUMBER, lambda seen: seen.samples),
    "times": Fact(
        Kind.NUMBER, lambda layer: None if layer.reach is None else layer.reach.times, "run"
    ),
    "bound_min": _bound(Kind.NUMBER, lambda bound: _end(bound.low, float("-inf"))),
    "bound_max": _bound(Kind.NUMBER, lambda bound: _end(bound.high, float("inf"))),
    "bound_nan": _bound(Kind.TRUTH, lambda bound: bound.nan),
}
"""In the order in which the guide and the errors list them; `nan` to `saturated` are shares of
elements or channels, from 0 to 1."""

KINDS = {name: fact.kind for name, fact in FACTS.items()}


def facts_of(layer: Layer) -> dict[str, Any]:
    """All that is known of a layer, by name."""
    return {name: fact.of(layer) for name, fact in FACTS.items()}


def told(name: str, layer: Layer) -> str:
    """A fact as a cell of the table."""
    value = FACTS[name].of(layer)
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
