"""WGT001 nonfinite-weight."""

from collections.abc import Iterator

from onnxlint import Finding, Severity, Weights, rule

_LAYERS = frozenset({
    "BatchNormalization", "Conv", "ConvTranspose", "GRU", "Gemm", "GroupNormalization",
    "InstanceNormalization", "LSTM", "LayerNormalization", "MatMul", "RNN",
})  # fmt: skip
"""Operators whose constants are learned."""


@rule("WGT001", "nonfinite-weight", severity=Severity.ERROR)
def nonfinite_weight(weights: Weights) -> Iterator[Finding]:
    """A constant that holds NaN, or a layer's weight or bias that holds infinities.

    Why: training diverged, or a conversion to half precision overflowed, before the checkpoint was
    written; whatever touches the weight becomes NaN, and an argmax behind it still names a class.
    Infinities outside of layers are left alone: attention masks are made of them.
    Fix: go back to a checkpoint from before the divergence; clip gradients, lower the learning
    rate, or keep the tensor in float32.

    Bad:
    net (float[N, 2] x) => (float[N, 2] y) <float[2, 2] w = {1, 2, 3, 4}> { y = MatMul(x, w) }
    >>> model.graph.initializer[0].float_data[3] = float("nan")

    Bad:
    net (float[N, 2] x) => (float[N, 2] y) <float[2, 2] w = {1, 2, 3, 4}> { y = MatMul(x, w) }
    >>> model.graph.initializer[0].float_data[3] = float("inf")

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
        in_layer = any(node.op in _LAYERS for node in value.consumers)
        bad = seen.nan + (seen.infinite if in_layer else 0)
        if bad:
            yield Finding(
                value,
                f"{bad:,} of {seen.elements:,} elements are NaN or infinite, and none may be",
                measured=bad,
                limit=0,
                unit="elements",
            )
