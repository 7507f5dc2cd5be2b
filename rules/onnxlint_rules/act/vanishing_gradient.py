"""ACT012 vanishing-gradient."""

from collections.abc import Iterator
from typing import Annotated

from onnxlint import Finding, Option, Propagation, Severity, rule
from onnxlint_rules.act._gradients import Direction

DIRECTION = Direction(
    grows=False,
    hint="normalise at {}, add a skip connection around this layer, or use ReLU or GELU",
    beside_hint="add normalisation or skip connections between this layer and the last one",
)


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

    Instead:
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
    return DIRECTION.findings(propagation, min_gradient, min_first_to_last)
