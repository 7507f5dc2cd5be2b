"""The layers of the model beside those of the contract."""

from bisect import bisect_left
from collections.abc import Iterator, Sequence

from onnxlint import Contract, Finding, NamedLayer, counted


def missing(contract: Contract) -> Iterator[Finding]:
    """Layers that are not there; where none has a promised name, that is one finding."""
    promised, seen = contract.architecture.layers, _seen(contract)
    lost = [name for name in promised if name not in seen]
    if len(lost) == len(promised) > 1 and seen:
        yield Finding(
            contract.line("architecture", "layers"),
            f"none of the {len(promised):,} promised layers is there; the first of the model's "
            f"{len(seen):,} is {next(iter(seen))!r}, of the promised {lost[0]!r}",
            hint="export with the names of modules and weights, or write the contract anew",
        )
        return
    for name in lost:
        each = promised[name]
        kind, shape = (each, None) if isinstance(each, str) else (each.kind, each.shape)
        yield Finding(
            contract.line("architecture", "layers", name),
            f"layer {name!r} is missing (promised {_told(kind, shape)})",
            hint="export the network that was trained, or take the layer out of the contract",
        )


def changed(contract: Contract) -> Iterator[Finding]:
    """Layers of another operator, or whose weight has another shape."""
    seen = _seen(contract)
    for name, each in contract.architecture.layers.items():
        kind, shape = (each, None) if isinstance(each, str) else (each.kind, each.shape)
        layer = seen.get(name)
        if layer is None or (layer.kind == kind and shape in (None, list(layer.dims))):
            continue
        got = _told(layer.kind, None if shape is None else layer.dims)
        yield Finding(
            layer,
            f"layer {name!r} is {got} (promised {_told(kind, shape)})",
            hint=f"export the layer as it was, or change architecture.layers.{name}",
        )


def additional(contract: Contract) -> Iterator[Finding]:
    """Layers that the contract does not name."""
    promised = contract.architecture.layers
    for layer in (layer for layer in contract.layers if layer.name not in promised):
        yield Finding(
            layer,
            f"layer {layer.name!r} ({_told(layer.kind, layer.dims)}) is new (promised only "
            f"{counted(len(promised), 'layer')})",
            hint="take the layer out, or add it to architecture.layers",
        )


def moved(contract: Contract) -> Iterator[Finding]:
    """The fewest layers that must move to restore the promised order."""
    seen = _seen(contract)
    promised = [name for name in contract.architecture.layers if name in seen]
    place = {name: at for at, name in enumerate(promised)}
    staying = set(_longest_rising([place[name] for name in seen if name in place]))
    for at, name in enumerate(promised):
        if at not in staying:
            where = f"after {promised[at - 1]!r}" if at else "first"
            yield Finding(
                seen[name],
                f"layer {name!r} is in another place (promised {where})",
                hint="restore the order of the layers, or reorder architecture.layers",
            )


def _seen(contract: Contract) -> dict[str, NamedLayer]:
    return {layer.name: layer for layer in contract.layers}


def _told(kind: str, shape: Sequence[int] | None) -> str:
    return kind if shape is None else f"{kind} [{', '.join(map(str, shape))}]"


def _longest_rising(numbers: Sequence[int]) -> list[int]:
    """A longest part of the sequence that rises."""
    ends: list[int] = []
    before: dict[int, int | None] = {}
    for number in numbers:
        at = bisect_left(ends, number)
        before[number] = ends[at - 1] if at else None
        ends[at : at + 1] = [number]
    rising: list[int] = []
    last = ends[-1] if ends else None
    while last is not None:
        rising.append(last)
        last = before[last]
    return rising
