"""Compares the layers of a model with those of its reference, where there is one."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from onnxlint.model.graph.place import NotApplicable
from onnxlint.portrait.comparison import Comparison, Pair
from onnxlint.portraying.subject import Subject
from onnxlint.remote.address import entered
from onnxlint.settings import Settings

if TYPE_CHECKING:
    from onnxlint.analyses.comparison.reference import OutputDifference
    from onnxlint.analyses.comparison.similarity import Similarity
    from onnxlint.model.graph.nodes import Value

FLOAT32_ERROR, STEPS, QUANTISED_ERROR = 1e-3, 10, 0.1
"""What rounding may do to an output, as `reference-divergence` judges by default."""


def comparison(subject: Subject) -> Comparison | None:
    """The model beside its reference; None without one, or where nothing is run."""
    settings = subject.analyses.get(Settings)
    if settings.reference is None or not subject.runs:
        return None
    from onnxlint.analyses.comparison.reference import Reference

    alike = _similarity(subject)
    try:
        found = subject.analyses.get(Reference)
    except NotApplicable:
        if alike is None:
            raise
        return _by_similarity(str(settings.reference), alike)
    ckas = {} if alike is None else {each.value: each.cka for each in alike.layers}
    limit = max(FLOAT32_ERROR, STEPS * found.epsilon)
    limit = QUANTISED_ERROR if found.quantised else limit
    layers = found.layers(limit)
    far = [output for output in found.outputs if output.misfit or output.error > limit]
    first = found.first_divergent(far, limit) if far else None
    places = {value: number for number, (value, _, _) in enumerate(layers)}
    return Comparison(
        reference=entered(str(settings.reference)),
        samples=found.samples,
        outputs=tuple(_output(output, ckas.get(output.value)) for output in found.outputs),
        layers=tuple(_pair(value, like, error, ckas.get(value)) for value, like, error in layers),
        first=None if first is None else places.get(first.value),
        limit=limit if first is None else first.limit,
        aligned=0 if alike is None else alike.samples,
        mode=None if alike is None else alike.mode,
    )


def _similarity(subject: Subject) -> Similarity | None:
    """How alike the layers are; None where that is not known."""
    from onnxlint.analyses.comparison.similarity import Similarity

    try:
        return subject.analyses.get(Similarity)
    except NotApplicable:
        return None


def _by_similarity(reference: str, alike: Similarity) -> Comparison:
    """Where no two runs of a model agree, what both say of many samples is all there is."""
    pairs = [
        Pair(each.value.name, _label(each.value), each.like.name, _label(each.like), None,
             "drawn at random", cka=each.cka)
        for each in alike.layers
    ]  # fmt: skip
    outputs = [pair for pair, each in zip(pairs, alike.layers, strict=True) if each.is_output]
    return Comparison(
        reference, alike.samples, tuple(outputs), tuple(pairs), aligned=alike.samples,
        mode=alike.mode,
    )  # fmt: skip


def _output(output: OutputDifference, cka: float | None) -> Pair:
    value, like = output.value, output.like
    error = None if output.misfit else output.error
    told = f"it {output.misfit}" if output.misfit else ""
    return Pair(value.name, _label(value), like.name, _label(like), error, told,
                output.changed, output.decisions, cka)  # fmt: skip


def _pair(value: Value, like: Value, error: float, cka: float | None) -> Pair:
    note = "NaN or infinity in only one of the two" if math.isinf(error) else ""
    return Pair(value.name, _label(value), like.name, _label(like), error, note, cka=cka)


def _label(value: Value) -> str:
    """What makes a value: its module, or its operator."""
    node = value.producer
    if node is None:
        return "input"
    return f"{node.place.module} ({node.op})" if node.place.module else node.op
