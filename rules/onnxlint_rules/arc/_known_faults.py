"""The knowledge base of ARC025: `[[fault]]` tables in `known_faults/*.toml`, read when asked for.

A fault is known by `producer` (the model's, in any capitals; none: any), `since` and `before`
(versions of it, the latter excluded), `until_opset` (the last one that shows it), a `pattern` or
several (docs/patterns.md), `named` (an expression that is found in the name or metadata of the last
node), `samples` ("nan": only where the user's data holds NaN) and `severity`, where it is not the
rule's. `bad` and `good` are an example and a near miss, in ONNX text; the tests run them.
`exporter` is who wrote the fault, where that is not the producer: some sign nothing, others hand
their model to another one.

Four further conditions, each met by what is known for certain:

- `types`: the dtypes that a value of the pattern may have, by ONNX's names, `{ a = ["float"] }`.
- `shapes`: its sizes, as the file declares them, else as inferred. Each is a number, `"_"` (any),
  `"?"` (dynamic), `"=text"` (the symbol of this text) or a name: the same size wherever it stands.
  `"not 1"`, `"not c"` is any other one; `"..."` at the end, any further ones. What the pattern does
  not name is an input of the model.
- `filled`: how large a share of a constant's elements is not 0, at least: `{ b = 0.75 }`.
- `unless`: a pattern that does not fit at the same node.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec import Struct, field

from onnxlint import Graph, Match, Pattern, Shapes, Value

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, np.dtype[Any]]

HERE = Path(__file__).parent / "known_faults"

_BEGIN = "[[fault]]\n"
_PRODUCER = re.compile(r'^producer = "(.*)"$', re.MULTILINE)

Size = int | str | None


class Fault(Struct, frozen=True):
    """One fault that an exporter is known for."""

    name: str
    pattern: str | list[str]
    message: str
    remedy: str
    reference: str
    bad: str
    good: str
    producer: str = ""
    since: str = ""
    before: str = ""
    until_opset: int = 0
    named: str = ""
    samples: str = ""
    exporter: str = ""
    severity: str = ""
    types: dict[str, list[str]] = field(default_factory=dict)
    shapes: dict[str, list[int | str]] = field(default_factory=dict)
    filled: dict[str, float] = field(default_factory=dict)
    unless: str = ""

    def may_be_in(self, producer: str, version: str) -> bool:
        """Whether the producer of a model is the one, in one of the versions."""
        if self.producer and producer.lower() != self.producer.lower():
            return False
        found = _numbers(version)
        if (self.since or self.before) and not found:
            return False
        late_enough = not self.since or found >= _numbers(self.since)
        return late_enough and (not self.before or found < _numbers(self.before))

    def matches(self, graph: Graph, shapes: Shapes) -> Iterator[Match]:
        """Where its pattern fits, at a node that is named so, on values of these types."""
        if 0 < self.until_opset < graph.main.opsets.get("", 0):
            return
        texts = [self.pattern] if isinstance(self.pattern, str) else self.pattern
        found = [match for match in Pattern(*texts).matches(graph) if self._is_named(match)]
        if found and self.unless:
            sound = {match.last for match in Pattern(self.unless).matches(graph)}
            found = [match for match in found if match.last not in sound]
        for match in found:
            values = {value.name: value for value in graph.inputs} | dict(match)
            typed = self._are_of_types(values, shapes) and self._are_of_shapes(values, shapes)
            if typed and self._are_filled(values, graph):
                yield match

    def _is_named(self, match: Match) -> bool:
        proto = match.last.proto
        words = [proto.name, *(entry.value for entry in proto.metadata_props)]
        return not self.named or any(re.search(self.named, each) for each in words)

    def _are_of_types(self, values: dict[str, Value], shapes: Shapes) -> bool:
        known = ((shapes.of(values.get(name)), dtypes) for name, dtypes in self.types.items())
        return all(shape is not None and shape.dtype in dtypes for shape, dtypes in known)

    def _are_of_shapes(self, values: dict[str, Value], shapes: Shapes) -> bool:
        names: dict[str, Size] = {}
        for name, expected in self.shapes.items():
            sizes = _sizes(values.get(name), shapes)
            least = [size for size in expected if size != "..."]
            if sizes is None or len(sizes) < len(least):
                return False
            if least == expected and len(sizes) > len(least):
                return False
            if not all(_fits(*pair, names) for pair in zip(sizes, least, strict=False)):
                return False
        return True

    def _are_filled(self, values: dict[str, Value], graph: Graph) -> bool:
        shares = {name: graph.ask(values.get(name), _share) for name in self.filled}
        return all((shares[name] or 0.0) >= least for name, least in self.filled.items())


def _share(array: Array) -> float:
    """The share of elements that are not 0."""
    return int((array != 0).sum()) / max(array.size, 1)


def _sizes(value: Value | None, shapes: Shapes) -> list[Size] | None:
    """What the file declares of a value's shape, else what is inferred."""
    declared = value.type.tensor_type if value and value.type else None
    if declared is not None and declared.HasField("shape"):
        return [
            dim.dim_value if dim.HasField("dim_value") else dim.dim_param or None
            for dim in declared.shape.dim
        ]
    known = shapes.of(value)
    return None if known is None or known.dims is None else list(known.dims)


def _fits(size: Size, expected: int | str, names: dict[str, Size]) -> bool:
    """Whether a size is as expected; a name that is new takes it."""
    if expected == "_" or isinstance(expected, int):
        return expected in ("_", size)
    if expected == "?":
        return not isinstance(size, int)
    if expected.startswith("="):
        return size == expected[1:]
    if expected.startswith("not "):
        other = expected[4:]
        return size != (int(other) if other.isdecimal() else names.get(other))
    return size is not None and names.setdefault(expected, size) == size


def _numbers(version: str) -> tuple[int, ...]:
    """The numbers that a version begins with: (2, 10) of 2.10.0a0+cu121 and of 2.10."""
    found = re.match(r"\d{1,9}(?:\.\d{1,9})*", version)
    numbers = [int(each) for each in found[0].split(".")] if found else []
    while numbers and not numbers[-1]:
        numbers.pop()
    return tuple(numbers)


def known_faults(
    producer: str | None = None, ops: Iterable[str] | None = None
) -> tuple[Fault, ...]:
    """All of them, in the order of the files' names; or those that may be in a model.

    Only these are read, by its producer and its operators: to read all takes longer than most
    rules.
    """
    names = None if ops is None else {op.rpartition("::")[2] for op in ops}
    return tuple(
        _fault(entry) for entry in _entries()
        if (producer is None or _is_by(entry, producer))
        and (names is None or not names.isdisjoint(_words(entry)))
    )  # fmt: skip


@cache
def _entries() -> tuple[str, ...]:
    texts = (file.read_text("utf-8") for file in sorted(HERE.glob("*.toml")))
    return tuple(entry for text in texts for entry in text.split(_BEGIN)[1:])


@cache
def _fault(entry: str) -> Fault:
    import tomllib  # few models have operators with known faults

    return Fault(**tomllib.loads(entry))


@cache
def _words(entry: str) -> frozenset[str]:
    """The words before its message, among which are all operators of its pattern."""
    return frozenset(re.findall(r"\w+", entry.partition("\nmessage = ")[0]))


def _is_by(entry: str, producer: str) -> bool:
    found = _PRODUCER.search(entry)
    return found is None or found[1].lower() == producer.lower()
