"""WGT001 nonfinite-weight."""

from collections.abc import Iterator

from onnxlint import Finding, Graph, Severity, Value, Weights, rule
from onnxlint_rules.wgt._marks import is_mark

_LAYERS = frozenset({
    "BatchNormalization", "Conv", "ConvTranspose", "GRU", "Gemm", "GroupNormalization",
    "InstanceNormalization", "LSTM", "LayerNormalization", "MatMul", "RNN",
})  # fmt: skip
"""Operators whose constants are learned."""

_STORED_AS = frozenset({"Cast", "Identity", "Transpose", "Reshape"})
"""Operators between a weight as it is stored and its layer."""


@rule("WGT001", "nonfinite-weight", severity=Severity.ERROR)
def nonfinite_weight(graph: Graph, weights: Weights) -> Iterator[Finding]:
    """A constant that holds NaN, or a layer's weight or bias that holds infinities.

    Why: training diverged, or a conversion to half precision overflowed, before the checkpoint was
    written; whatever touches the weight becomes NaN, and an argmax behind it still names a class.
    Infinities outside of layers are left alone, unless NaN stands beside them: attention masks are
    made of them. So is NaN that Where, Pad or Scatter puts beside an answer, and that is only moved
    from there to an output: it says that there is none.
    Fix: go back to a checkpoint from before the divergence; clip gradients, lower the learning
    rate, or keep the tensor in float32.

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
                f"{bad:,} of {seen.elements:,} elements are NaN or infinite, and none may be",
                measured=bad,
                limit=0,
                unit="elements",
            )


def _in_layer(value: Value) -> bool:
    """Whether a layer reads the constant, be it stored in another dtype or order."""
    read, pending = {value}, [value]
    for each in pending:
        for node in each.readers:
            if node.op in _LAYERS:
                return True
            made = node.output if node.op in _STORED_AS else None
            if made is not None and made not in read:
                read.add(made)
                pending.append(made)
    return False
