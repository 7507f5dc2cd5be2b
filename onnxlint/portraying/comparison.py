"""Compares the layers of a model with those of its reference, where there is one."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from onnxlint.portrait.comparison import Comparison, Pair
from onnxlint.portraying.subject import Subject
from onnxlint.remote.address import entered
from onnxlint.settings import Settings

if TYPE_CHECKING:
    from onnxlint.analyses.comparison.reference import OutputDifference
    from onnxlint.model.graph.nodes import Value

FLOAT32_ERROR, STEPS, QUANTISED_ERROR = 1e-3, 10, 0.1
"""What rounding may do to an output, as `reference-divergence` judges by default."""


def comparison(subject: Subject) -> Comparison | None:
    """The model beside its reference; None without one, or where nothing is run."""
    settings = subject.analyses.get(Settings)
    if settings.reference is None or not subject.runs:
        return None
    from onnxlint.analyses.comparison.reference import Reference

    found = subject.analyses.get(Reference)
    limit = max(FLOAT32_ERROR, STEPS * found.epsilon)
    limit = QUANTISED_ERROR if found.quantised else limit
    layers = found.layers(limit)
    far = [output for output in found.outputs if output.misfit or output.error > limit]
    first = found.first_divergent(far, limit) if far else None
    places = {value: number for number, (value, _, _) in enumerate(layers)}
    return Comparison(
        reference=entered(str(settings.reference)),
        samples=found.samples,
        outputs=tuple(map(_output, found.outputs)),
        layers=tuple(_pair(value, like, error) for value, like, error in layers),
        first=None if first is None else places.get(first.value),
        limit=limit if first is None else first.limit,
    )


def _output(output: OutputDifference) -> Pair:
    value, like = output.value, output.like
    error = None if output.misfit else output.error
    told = f"it {output.misfit}" if output.misfit else ""
    return Pair(value.name, _label(value), like.name, _label(like), error, told,
                output.changed, output.decisions)  # fmt: skip


def _pair(value: Value, like: Value, error: float) -> Pair:
    note = "NaN or infinity in only one of the two" if math.isinf(error) else ""
    return Pair(value.name, _label(value), like.name, _label(like), error, note)


def _label(value: Value) -> str:
    """What makes a value: its module, or its operator."""
    node = value.producer
    if node is None:
        return "input"
    return f"{node.place.module} ({node.op})" if node.place.module else node.op
