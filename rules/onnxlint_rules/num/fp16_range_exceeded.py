"""NUM007 fp16-range-exceeded."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from onnxlint import (
    Counterexamples,
    Finding,
    Graph,
    Hazard,
    Hazards,
    Node,
    Ranges,
    Severity,
    Targets,
    rule,
    together,
)
from onnxlint_rules.num._judging import judged

if TYPE_CHECKING:
    from onnxlint import Range

FLOAT16_MAXIMUM = 65504.0


@rule("NUM007", "fp16-range-exceeded", severity=Severity.WARNING)
def fp16_range_exceeded(
    graph: Graph, hazards: Hazards, ranges: Ranges, targets: Targets, shown: Counterexamples | None
) -> Iterator[Finding]:
    """A float16 that may exceed 65,504, or a value that a float16 target could not hold.

    Why: what exceeds the largest float16 becomes infinity, and infinity less itself NaN. Some CPU
    kernels compute in float32 and hide it until the model runs on a GPU. Products of attention
    without a scale, sums over thousands of elements and squares reach it. Observed values near the
    limit are fp16-headroom (ACT009); this rule is about what inputs may still bring. For a float32
    model only if a target computes in float16.
    One finding for each cause: what follows from it is not reported again. An error where a run
    within declared ranges shows it, or every input fails; a warning where a run on a synthetic
    sample shows it, or bounds of inputs that are known are met; else an info.
    Fix: scale the values down before they are summed, compute this part in float32, or use
    bfloat16.

    Bad:
    # config: inputs.x.range = [-100, 100]
    net (float16[N, 16] x) => (float16[N, 1] y)
    <int64[1] last = {1}>
    {
        squares = Mul(x, x)
        y = ReduceSum(squares, last)
    }

    Bad:
    # target: tensorrt
    # config: inputs.x.range = [-300, 300]
    net (float[N, 4] x) => (float[N, 4] y)
    {
        y = Mul(x, x)
    }

    Good:
    # scaled down first
    # config: inputs.x.range = [-100, 100]
    net (float16[N, 16] x) => (float16[N, 1] y)
    <int64[1] last = {1}, float hundredth = {0.01}>
    {
        scale = Cast <to = 10> (hundredth)
        small = Mul(x, scale)
        squares = Mul(small, small)
        y = ReduceSum(squares, last)
    }
    """
    yield from judged("NUM007", hazards, shown, "half", hint=_hint)
    if targets.any(float16="native"):
        yield from _at_target(graph, ranges)


def _hint(hazard: Hazard) -> str:
    return f"scale down what {hazard.node.op_type} reads, or compute it in float32"


def _at_target(graph: Graph, ranges: Ranges) -> Iterator[Finding]:
    """The first float32 on each path that a float16 could not hold, by bounds that are known."""
    infos = []
    for node in graph.main.nodes:
        found = ranges.of(node.output) if node.output is not None else None
        if found is None or not _exceeds(found) or not found.is_finite or not ranges.is_float(node):
            continue
        if any(_exceeds(ranges.of(value)) for value in node.inputs if value is not None):
            continue
        finding = _finding(node, found)
        if finding.severity is Severity.INFO:
            infos.append(finding)
        else:
            yield finding
    yield from together(infos, "values")


def _exceeds(found: Range) -> bool:
    return found.varies and not found.free and found.magnitude > FLOAT16_MAXIMUM


def _finding(node: Node, found: Range) -> Finding:
    return Finding(
        node,
        f"{node.op_type} may give values from {found.least:.4g} to {found.most:.4g} "
        "(float16 maximum 65504), and a target computes in float16",
        measured=found.magnitude,
        limit=FLOAT16_MAXIMUM,
        unit="magnitude",
        severity=Severity.INFO if found.loose else None,
        hint=f"scale down what {node.op_type} reads, or keep it in float32",
    )
