"""ACT012 vanishing-gradient."""

from collections.abc import Iterator

from onnxlint import Finding, Propagation, Severity, rule


@rule("ACT012", "vanishing-gradient", severity=Severity.WARNING)
def vanishing_gradient(
    propagation: Propagation, *, min_gradient: float = 1e-7, min_first_to_last: float = 1e-3
) -> Iterator[Finding]:
    """A layer that receives almost no gradient from the output.

    Why: every layer between multiplies the gradient with its own gain, and many gains below 1 leave
    nothing: the first layers stay as they were initialised. It is read off forwards, from how a
    small random change of what the layer gives arrives at the output, so it holds for any
    framework. The output is taken before its softmax or sigmoid. Below the limit of 1e-7
    (DeepDiagnosis; TheDeepChecker has 1e-6), about the relative precision of float32, an update is
    lost in rounding. A first layer whose gradient is below a thousandth of the last one's is an
    info (AUTOTRAINER).
    Fix: use ReLU or GELU instead of sigmoid and tanh in hidden layers, an initialisation that fits
    the activation (Kaiming, Xavier), normalisation, or connections that skip layers.

    Bad:
    net (float[N, 2] x) => (float[N, 2] y)
    <float[2, 2] w = {0.0001, 0, 0, 0.0001}>
    {
        [first] a = MatMul(x, w)
        b = Tanh(a)
        [second] c = MatMul(b, w)
        d = Tanh(c)
        [third] y = MatMul(d, w)
    }

    Good:
    # the same layers, skipped
    net (float[N, 2] x) => (float[N, 2] y)
    <float[2, 2] w = {0.0001, 0, 0, 0.0001}, float[2, 2] v = {0.5, 0.2, -0.2, 0.5}>
    {
        [first] a = MatMul(x, w)
        b = Add(a, x)
        [second] c = MatMul(b, w)
        d = Add(c, b)
        [third] y = MatMul(d, v)
    }
    """
    layer = propagation.first(lambda gradient: gradient < min_gradient)
    if layer is None:
        yield from _small_beside_the_last(propagation, min_first_to_last)
        return
    behind = propagation.behind(layer)
    worst = min(behind, key=lambda later: later.gain)
    if layer.gradient:
        told = f"a gradient of 1 at {propagation.output.name!r} is {layer.gradient:.1e} here"
    else:
        told = f"no change of what it gives reaches {propagation.output.name!r}"
    yield Finding(
        layer,
        f"{told}, below {min_gradient:g}, {len(behind)} layers or blocks before it; the least gain "
        f"of a single one is {worst.gain:.1e}, of {worst.place}",
        measured=layer.gradient,
        limit=min_gradient,
        unit="length of the gradient",
        evidence={"layers": propagation.evidence()},
    )


def _small_beside_the_last(propagation: Propagation, least: float) -> Iterator[Finding]:
    layer = propagation.beyond(lambda ratio: ratio < least)
    if layer is not None:
        ratio = propagation.to_last(layer)
        yield Finding(
            layer,
            f"the gradient is {ratio:.1e} of that at the last layer (limit {least:g})",
            measured=ratio,
            limit=least,
            unit="gradient by that of the last layer",
            severity=Severity.INFO,
        )
