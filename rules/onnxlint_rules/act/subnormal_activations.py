"""ACT011 subnormal-activations."""

from collections.abc import Iterator
from typing import Annotated

from onnxlint import Activations, Finding, Option, Severity, Trace, counted, rule
from onnxlint.analyses.comparison.shares import least_share


@rule("ACT011", "subnormal-activations", severity=Severity.WARNING)
def subnormal_activations(
    trace: Trace, activations: Activations, *,
    max_fraction: Annotated[
        float, Option("share of elements that may be subnormal", unit="fraction")
    ] = 0.01,
) -> Iterator[Finding]:  # fmt: skip
    """A value with many subnormal elements.

    Why: a CPU computes with subnormal values many times slower (models ran 5 to 30 times slower), a
    GPU often treats them as 0, and they lose digits the smaller they are. Values that small carry
    no information: the layers before have all but vanished. The limit of 1% is our choice, enough
    to measure. One of a few elements is no such share: the lower bound counts (95%, Wilson). Not
    reported: values with tails, wherever they are moved: probabilities, gates, states of recurrent
    layers, SiLU and GELU contain such values, in float16 from 6e-5 on. Only the first such value on
    a path is reported.
    Fix: find out why the values shrink: decayed weights (WGT005), an activation that vanishes
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
    # squares of ordinary values in float16: one of 32 happens to be that small
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
            f"{share:.0%} of elements are subnormal {seen.statistics.dtype} on "
            f"{counted(seen.of_samples, 'sample')} (limit {max_fraction:.0%})",
            measured=share,
            limit=max_fraction,
            unit="fraction of elements",
            hint="find what shrinks these values (WGT005, ACT005), or set "
            "session.set_denormal_as_zero in onnxruntime",
        )
