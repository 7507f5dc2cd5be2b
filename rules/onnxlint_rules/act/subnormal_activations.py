"""ACT011 subnormal-activations."""

from collections.abc import Iterator

from onnxlint import Activations, Finding, Severity, Trace, rule
from onnxlint.analyses.comparison.reference import least_share


@rule("ACT011", "subnormal-activations", severity=Severity.WARNING)
def subnormal_activations(
    trace: Trace, activations: Activations, *, max_fraction: float = 0.01
) -> Iterator[Finding]:
    """A value with many subnormal elements: nearer to 0 than its dtype is made for.

    Why: a CPU computes with subnormal numbers many times slower (models ran 5 to 30 times slower
    for it), a GPU often takes them for 0, and they have fewer digits the smaller they are. Values
    that small carry nothing: the layers before have all but vanished. One of a hundred, the limit,
    is enough to be felt; it is ours. Of a few elements a single one is no such share: the least
    that is likely counts (95%, Wilson's bound). Not reported are values with tails, wherever they
    were moved: probabilities, gates, the states of recurrent layers, SiLU and GELU run out into
    such numbers, in float16 from 6e-5 on. Only the first value on a path is reported.
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

    Good:
    # squares of ordinary numbers in float16: one of 32 happens to be that small
    net (float16[N, 4] x) => (float16[N, 4] y)
    {
        y = Mul(x, x)
    }

    Good:
    # SiLU in float16
    net (float16[N, 64] x) => (float16[N, 64] y)
    <float far = {-9}>
    {
        low = Cast <to = 10> (far)
        a = Add(x, low)
        gate = Sigmoid(a)
        h = Mul(a, gate)
        y = Add(h, x)
    }
    """
    many = (
        seen
        for seen in activations.computed()
        if least_share(seen.statistics.subnormal, seen.statistics.elements) > max_fraction
        and not activations.has_tails(seen.value)
    )
    for seen in activations.firsts(many):
        share = seen.statistics.subnormal / seen.statistics.elements
        yield Finding(
            seen,
            f"{share:.0%} of elements are subnormal {seen.statistics.dtype} on {seen.of_samples} "
            f"samples (limit {max_fraction:.0%})",
            measured=share,
            limit=max_fraction,
            unit="fraction of elements",
        )
