"""Outputs and labels as they can be compared: gathered, numbered, and what is said where not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from onnxlint.analyses.execution.execution import Execution
from onnxlint.analyses.predictions.class_names import ClassNames, Numbered
from onnxlint.analyses.predictions.outputs import Output, Outputs, tabled
from onnxlint.analyses.static.output_heads import Head, spread_classes

if TYPE_CHECKING:
    from onnxlint.types import Array

FILLING = 255
"""The class of pixels that are of none."""


def gathered(output: Output, samples: int, execution: Execution) -> Array | None:
    """An output over all samples, which lie along its first axis; None where they do not."""
    import numpy as np

    tables = (tabled(output.value, ran) for ran in execution.runs)
    arrays = [array for array in tables if array is not None and array.ndim]
    if not arrays or len({array.shape[1:] for array in arrays}) != 1:
        return None
    together = np.concatenate(arrays)
    return together[:samples] if len(together) >= samples else None


def settled(head: Head, array: Array) -> Head | None:
    """The head as its numbers show it; None where it is none, after all."""
    return head.settled(spread_classes(array, head)) if array.dtype.kind == "f" else None


def numbered(
    named: ClassNames, output: Output, labels: Array, classes: int, *, is_matrix: bool
) -> Numbered | None:
    """Labels as class numbers; of rows where the 1 stands, if each has one."""
    if not is_matrix:
        return named.numbered(labels, output.value.name, classes)
    if not (labels.sum(axis=-1) == 1).all():
        return None
    names, _ = named.of(output.value.name, classes)
    return Numbered(labels.argmax(axis=-1), names, "labels")


def without_filling(truths: Array, classes: int) -> Array:
    """Pixels and tokens of class 255 as padding, where the next lower class is one of the output's.

    Masks of bytes mark so what is of no class, as those of PASCAL VOC do.
    """
    import numpy as np

    if truths.size == len(truths) or classes > FILLING or truths.max() != FILLING:
        return truths
    others = truths[truths != FILLING]
    is_filled = others.size and others.max() < classes
    return np.where(truths == FILLING, -1, truths) if is_filled else truths


def are_signs(truths: Array) -> bool:
    """Whether two classes are written as -1 and 1."""
    import numpy as np

    return bool(np.unique(truths).tolist() == [-1, 1])


def as_texts(labels: Array) -> Array:
    """As objects: numpy's own texts are all as long as the longest."""
    import numpy as np

    return np.array([str(label) for label in labels.tolist()], object)


def misfit(
    named: ClassNames, truths: Array, known: Mapping[Output, Array],
    heads: Mapping[Output, Head | None], outputs: Outputs,
) -> str:  # fmt: skip
    """That labels fit none of the outputs, in a sentence."""
    widths = {out: array.shape[-1] for out, array in known.items() if array.ndim > 1}
    ranked = sorted(widths, key=lambda out: heads[out] is None)
    told = named.misfit({out.value.name: widths[out] for out in ranked})
    if told is not None:
        return told
    kind = {"i": "integers", "f": "floats", "O": "names"}[truths.dtype.kind]
    told = f"{kind} of shape {list(truths.shape)}"
    if truths.dtype.kind == "i":
        told += f" from {truths.min()} to {truths.max()}"
    fitted = ", ".join(_told(output) for output in outputs)
    names = next(filter(None, (named.of(out.value.name, widths[out])[0] for out in widths)), None)
    called = f"; class names: {', '.join(map(repr, names[:10]))}" if names else ""
    source = named.labels.source
    return f"{source}: labels ({told}) match no output of the model: {fitted}{called}"


def _told(output: Output) -> str:
    name = repr(output.value.name)
    if not output.arrays:
        return f"{name} is not a tensor, or too large to be kept"
    return f"{name} is {output.arrays[0].dtype}{list(output.arrays[0].shape)} in one run"
