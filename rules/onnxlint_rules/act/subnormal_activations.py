"""ACT011 subnormal-activations."""

from collections.abc import Iterator

from onnxlint import Activations, Finding, Observed, Severity, Trace, rule

_LEFT_ALONE = (
    "Softmax", "Sigmoid", "Exp", "BitCast", "ai.onnx.ml::LinearClassifier",
    "ai.onnx.ml::SVMClassifier", "ai.onnx.ml::TreeEnsembleClassifier", "ai.onnx.ml::Normalizer",
)  # fmt: skip
"""Operators whose tails run out into subnormal numbers, or that make no numbers of numbers."""


@rule("ACT011", "subnormal-activations", severity=Severity.WARNING)
def subnormal_activations(
    trace: Trace, activations: Activations, *, max_fraction: float = 0.01
) -> Iterator[Finding]:
    """Many of a value's numbers are subnormal: nearer to 0 than its dtype is made for.

    Why: a CPU computes with subnormal numbers many times slower (models ran 5 to 30 times slower
    for it), a GPU often takes them for 0, and they have fewer digits the smaller they are. Values
    that small carry nothing: the layers before have all but vanished. One of a hundred, the limit,
    is enough to be felt. Probabilities are left alone: a softmax runs out into such numbers. Only
    the first value on a path is told.
    Fix: find out why the numbers shrink: decayed weights (WGT005), an activation that vanishes
    (ACT005); or set `session.set_denormal_as_zero` in onnxruntime.

    Bad:
    net (float[N, 4] x) => (float[N, 4] y)
    <float small = {1e-20}>
    {
        h = Mul(x, small)
        y = Mul(h, small)
    }

    Good:
    net (float[N, 4] x) => (float[N, 4] y)
    <float small = {1e-15}>
    {
        h = Mul(x, small)
        y = Mul(h, small)
    }
    """
    many = (
        seen
        for seen in activations.computed()
        if seen.statistics.subnormal > max_fraction * seen.statistics.elements
        and not _is_left_alone(seen)
    )
    for seen in activations.firsts(many):
        share = seen.statistics.subnormal / seen.statistics.elements
        yield Finding(
            seen,
            f"{share:.0%} of its elements on {seen.of_samples} samples are subnormal numbers of "
            f"{seen.statistics.dtype}, more than {max_fraction:.0%}",
            measured=share,
            limit=max_fraction,
            unit="fraction of elements",
        )


def _is_left_alone(seen: Observed) -> bool:
    """Whether it is a probability, or a softmax in parts."""
    node = seen.value.producer
    before = node.input(0) if node is not None and node.op == "Div" else None
    exponential = before is not None and before.producer is not None and before.producer.op == "Exp"
    return exponential or seen.made_by(*_LEFT_ALONE)
