"""Sequences and optional values: their range is that of any element of theirs."""

from __future__ import annotations

from msgspec.structs import replace

from onnxlint.analyses.ranges.at import At
from onnxlint.analyses.ranges.range import Range, join
from onnxlint.analyses.ranges.registry import transfer
from onnxlint.analyses.ranges.transfers.grids import MOST_SIZE, counted


@transfer("SequenceConstruct", "ConcatFromSequence", "SequenceErase", "SequenceAt",
          "SplitToSequence")  # fmt: skip
def of_any(at: At) -> Range | None:
    """Any element of those that go in; places and sizes make no numbers."""
    count = len(at.read) if at.node.op == "SequenceConstruct" else 1
    parts = [each.hull.without_parts() for each in at.read[:count] if each is not None]
    return join(*parts) if parts else None


@transfer("SequenceInsert")
def inserted(at: At) -> Range:
    """Any element of the sequence, or the new one; an empty sequence has none."""
    maker, new = at.producer(0), at.hull(1)
    if maker is not None and maker.op == "SequenceEmpty":
        return new
    return join(at.hull(0), new)


@transfer("SequenceEmpty")
def empty(at: At) -> Range:
    """No element at all, so that any range is right."""
    return Range.of(0, 0, integer=True)


@transfer("SequenceLength")
def counted_elements(at: At) -> Range:
    """How many elements there are."""
    maker = at.producer(0)
    if maker is not None and maker.op == "SequenceConstruct":
        return Range.of(len(maker.inputs), len(maker.inputs), integer=True)
    if maker is not None and maker.op == "SequenceEmpty":
        return Range.of(0, 0, integer=True)
    return replace(counted(at, 0, MOST_SIZE, free=True), varies=True)


@transfer("Optional", "OptionalGetElement")
def optional(at: At) -> Range | None:
    """What is in it."""
    return at.passed() if at.has(0) else None


@transfer("OptionalHasElement")
def is_there(at: At) -> Range:
    """Whether anything is in it."""
    return Range.of(0, 1, integer=True, varies=True)
