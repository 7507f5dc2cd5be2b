"""The knowledge base of ARC025: `[[fault]]` tables in `known_faults/*.toml`, read when asked for.

A fault is known by `producer` (the model's, in any capitals; none: any), `since` and `before`
(versions of it, the latter excluded), `until_opset` (the last one that shows it), a `pattern` or
several (docs/patterns.md), `named` (an expression that is found in the name or metadata of the last
node) and `samples` ("nan": only where the user's data holds NaN). `bad` and `good` are an example
and a near miss, in ONNX text; the tests run them.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from onnxlint import Graph, Match, Pattern

HERE = Path(__file__).parent / "known_faults"


@dataclass(frozen=True, slots=True)
class Fault:
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

    def may_be_in(self, producer: str, version: str) -> bool:
        """Whether the producer of a model is the one, in one of the versions."""
        if self.producer and producer.lower() != self.producer.lower():
            return False
        found = _numbers(version)
        if (self.since or self.before) and not found:
            return False
        late_enough = not self.since or found >= _numbers(self.since)
        return late_enough and (not self.before or found < _numbers(self.before))

    def matches(self, graph: Graph) -> Iterator[Match]:
        """Where its pattern fits, at a node that is named so."""
        if 0 < self.until_opset < graph.main.opsets.get("", 0):
            return
        texts = [self.pattern] if isinstance(self.pattern, str) else self.pattern
        for match in Pattern(*texts).matches(graph):
            proto = match.last.proto
            words = [proto.name, *(entry.value for entry in proto.metadata_props)]
            if not self.named or any(re.search(self.named, each) for each in words):
                yield match


def _numbers(version: str) -> tuple[int, ...]:
    """The numbers that a version begins with: (2, 10) of 2.10.0a0+cu121 and of 2.10."""
    found = re.match(r"\d{1,9}(?:\.\d{1,9})*", version)
    numbers = [int(each) for each in found[0].split(".")] if found else []
    while numbers and not numbers[-1]:
        numbers.pop()
    return tuple(numbers)


@cache
def known_faults() -> tuple[Fault, ...]:
    """All of them, in the order of the files' names."""
    files = sorted(HERE.glob("*.toml"))
    tables = (tomllib.loads(file.read_text("utf-8"))["fault"] for file in files)
    return tuple(Fault(**table) for faults in tables for table in faults)
