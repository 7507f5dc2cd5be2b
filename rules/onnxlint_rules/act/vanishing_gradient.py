"""ACT012 vanishing-gradient."""

from collections.abc import Iterator
from typing import Annotated

from onnxlint import Finding, Option, Propagation, Severity, rule
from onnxlint_rules.act._counts import counted


@rule("ACT012", "vanishing-gradient", severity=Severity.WARNING)
def vanishing_gradient(
    propagation: Propagation, *,
    min_gradient: Annotated[
        float, Option("smallest gradient at a layer for a unit gradient at the output",
                      unit="length of the gradient")
    ] = 1e-7,
    min_first_to_last: Annotated[
        float, Option("smallest gradient of the first layer relative to the last one's",
                      unit="ratio")
    ] = 1e-3,
) -> Iterator[Finding]:  # fmt: skip
    """A layer that receives almost no gradient from the output.

    Why: every layer in between multiplies the gradient by its own gain, and many gains below 1
    leave nothing: the first layers stay as they were initialised. Gradients are estimated from
    forward runs, from how a small random change of a layer's output arrives at the model's output,
    so the estimate holds for any framework. The output is taken before its softmax or sigmoid.
    Below the limit of 1e-7 (DeepDiagnosis; TheDeepChecker has 1e-6), about the relative precision
    of float32, an update is lost in rounding. A gradient at the first layer below a thousandth of
    the last layer's is an info (AUTOTRAINER).
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
    output = repr(propagation.output.name)
    told = f"a unit gradient at {output} shrinks to {layer.gradient:.1e} here"
    if not layer.gradient:
        told = f"changes of this layer's output never reach {output}: gradient 0"
    yield Finding(
        layer,
        f"{told} (limit {min_gradient:g}) across {counted(len(behind), 'layer')}; smallest "
        f"single-layer gain {worst.gain:.1e} at {worst.place}",
        measured=layer.gradient,
        limit=min_gradient,
        unit="length of the gradient",
        evidence={"layers": propagation.evidence()},
        hint=f"normalise at {worst.place}, add a skip connection around it, or use ReLU or GELU in "
        "hidden layers",
    )


def _small_beside_the_last(propagation: Propagation, least: float) -> Iterator[Finding]:
    layer = propagation.beyond(lambda ratio: ratio < least)
    if layer is not None:
        ratio = propagation.to_last(layer)
        yield Finding(
            layer,
            f"gradient is {ratio:.1e} times the last layer's (limit {least:g})",
            measured=ratio,
            limit=least,
            unit="gradient by that of the last layer",
            severity=Severity.INFO,
            hint="add normalisation or skip connections between this layer and the last one",
        )
