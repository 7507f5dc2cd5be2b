"""WGT001 nonfinite-weight."""

from collections.abc import Iterator

from onnxlint import Finding, Graph, Severity, Value, Walk, Weights, counted, rule
from onnxlint.model.graph.operators import LAYERS, MOVING, NORMALISATIONS
from onnxlint_rules._nan_marks import is_mark

_LEARNT = NORMALISATIONS | set(LAYERS)
"""Operators whose constants are learnt."""


@rule("WGT001", "nonfinite-weight", severity=Severity.ERROR)
def nonfinite_weight(graph: Graph, weights: Weights) -> Iterator[Finding]:
    """A constant that contains NaN, or a layer's weight or bias that contains infinities.

    Why: training diverged, or a conversion to half precision overflowed, before the checkpoint was
    written; everything computed from the weight becomes NaN, and an argmax after it still names a
    class. Infinities outside of layers are exempt unless the constant contains NaN, too: attention
    masks are made of them. So is NaN that Where, Pad or Scatter puts beside an answer, and that is
    only moved from there to an output: it marks a missing answer.
    Fix: return to a checkpoint from before the divergence; clip gradients, lower the learning rate,
    or keep the tensor in float32.

    Bad:
    net (float[N, 2] x) => (float[N, 2] y) <float[2, 2] w = {1, 2, 3, 4}> { y = MatMul(x, w) }
    >>> model.graph.initializer[0].float_data[3] = float("nan")

    Bad:
    net (float[N, 2] x) => (float[N, 2] y) <float[2, 2] w = {1, 2, 3, 4}> { y = MatMul(x, w) }
    >>> model.graph.initializer[0].float_data[3] = float("inf")

    Bad:
    # what is chosen is computed with
    net (float[N, 2] x, bool[N, 2] known) => (float[N, 2] y) <float none = {0}>
    {
        h = Where(known, x, none)
        y = Softmax(h)
    }
    >>> model.graph.initializer[0].float_data[0] = float("nan")

    Good:
    # no answer
    net (float[N, 2] x, bool[N, 2] known) => (float[2, N, 1] y)
    <float none = {0}, int64[1] at = {2}>
    {
        h = Where(known, x, none)
        t = Transpose(h)
        y = Unsqueeze(t, at)
    }
    >>> model.graph.initializer[0].float_data[0] = float("nan")

    Good:
    # a mask
    net (float[N, 2] x) => (float[N, 2] y)
    <float[2] mask = {0, 1}>
    {
        masked = Add(x, mask)
        y = Softmax(masked)
    }
    >>> model.graph.initializer[0].float_data[1] = float("-inf")
    """
    for value, tensor in weights.constants():
        seen = None if weights.is_surely_finite(tensor) else weights.of(tensor)
        if seen is None:
            continue
        bad = seen.nan + (seen.infinite if seen.nan or _in_layer(value) else 0)
        if bad and not is_mark(graph, value):
            yield Finding(
                value,
                f"{bad:,} of {counted(seen.elements, 'element')} NaN or infinite",
                measured=bad,
                limit=0,
                unit="elements",
                hint="export again from a checkpoint whose weights are finite",
            )


def _in_layer(value: Value) -> bool:
    """Whether a layer reads the constant, be it stored in another dtype or order."""
    walk = Walk([value])
    for each in walk:
        for node in each.readers:
            if node.op in _LEARNT:
                return True
            if node.op in MOVING:
                walk.add(node.output)
    return False
