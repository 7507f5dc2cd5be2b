"""What is declared of an input, and what the graph does with it first, in sentences."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from onnxlint.analyses.inputs.user_data import FedInput

if TYPE_CHECKING:
    from onnxlint.settings import InputContract
    from onnxlint.types import Array


def expectations(fed: FedInput) -> Iterator[str]:
    """Declared preparation, then the graph's own, then what reads the input."""
    from onnxlint.runtime.feeds.synthesis import Meaning

    prepared = ", ".join(_prepared(fed.contract))
    if prepared:
        yield f"Declared: {prepared}."
    if fed.slot.meaning is Meaning.INDEX:
        yield (f"Values are used as indices from {fed.slot.lowest:,} to {fed.slot.bound - 1:,}.")
    yield from _in_graph(fed)


def _prepared(contract: InputContract) -> Iterator[str]:
    told = {
        "range": contract.range, "layout": contract.layout, "scale": contract.scale,
        "mean": contract.mean, "std": contract.std, "size": contract.size,
        "data mean": contract.data_mean, "data std": contract.data_std,
    }  # fmt: skip
    for name, value in told.items():
        if value:
            numbers = value if isinstance(value, list | tuple) else [value]
            joint = " to " if name in ("range", "data mean", "data std") else ", "
            yield f"{name} {joint.join(map(_number, numbers))}"
    if contract.normalised:
        yield "normalised"
    if contract.colour != "RGB":
        yield f"colour {contract.colour}"


def _in_graph(fed: FedInput) -> Iterator[str]:
    """How the graph scales it, and where that leaves the data."""
    opening = fed.opening
    if not fed.is_float and fed.slot.dtype not in ("uint8", "int8"):
        return
    scaling = opening.scaling
    if scaling is not None and scaling.scale.size in (1, fed.features.mean.size):
        after = fed.features.mean * scaling.scale + scaling.offset
        spread = fed.features.spread * abs(scaling.scale)
        learnt = ", learnt in training" if scaling.fitted else ""
        yield (
            f"The graph itself first computes scale · x + offset{learnt}: scale "
            f"{_span(scaling.scale)}, offset {_span(scaling.offset)}. Features of this data then "
            f"have means {_span(after)} and standard deviations {_span(spread)}."
        )
    elif opening.is_scaled:
        yield "The graph itself scales or normalises this input first."
    elif opening.is_neural:
        ops = ", ".join(dict.fromkeys(node.op for node in opening.readers))
        yield (
            f"{ops} reads it without any scaling in the graph; such layers expect features near "
            f"mean 0 and standard deviation 1 (here means {_span(fed.features.mean)}, standard "
            f"deviations {_span(fed.features.spread)})."
        )


def _span(numbers: Array) -> str:
    low, high = float(numbers.min()), float(numbers.max())
    return _number(low) if low == high else f"{_number(low)} to {_number(high)}"


def _number(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
