"""ACT013 exploding-gradient."""

from collections.abc import Iterator
from typing import Annotated

from onnxlint import Finding, Option, Propagation, Severity, rule
from onnxlint_rules.act._gradients import Direction

DIRECTION = Direction(
    grows=True,
    hint="initialise the weights of {} smaller, normalise after this layer, or clip gradients",
    beside_hint="add normalisation between this layer and the last one, or clip gradients",
)


@rule("ACT013", "exploding-gradient", severity=Severity.WARNING)
def exploding_gradient(
    propagation: Propagation, *,
    max_gradient: Annotated[
        float, Option("largest gradient at a layer for a unit gradient at the output",
                      unit="length of the gradient")
    ] = 1e7,
    max_first_to_last: Annotated[
        float, Option("largest gradient of the first layer relative to the last one's",
                      unit="ratio")
    ] = 70.0,
) -> Iterator[Finding]:  # fmt: skip
    """A layer at which gradients from the output have grown by orders of magnitude.

    Why: every layer in between multiplies the gradient by its own gain, and with many gains above 1
    the first training step moves the weights arbitrarily far; a small change of the input changes
    the output as much. Gradients are estimated from forward runs, from how a small random change of
    a layer's output arrives at the model's output, so the estimate holds for any framework. The
    output is taken before its softmax or sigmoid. At the limit of 1e7 a learning rate of 1e-3 still
    moves weights by thousands (TheDeepChecker has 1e6). A gradient at the first layer above 70
    times the last layer's is an info (AUTOTRAINER).
    Fix: use an initialisation that fits the activation (Kaiming, Xavier; N(0, 1) is far too wide),
    normalisation, or clip gradients; look for weights that have grown in training.

    Bad:
    net (float[N, 2] x) => (float[N, 2] y)
    <float[2, 2] w = {10000, 0, 0, 10000}>
    {
        [first] a = MatMul(x, w)
        b = Relu(a)
        [second] c = MatMul(b, w)
        d = Relu(c)
        [third] y = MatMul(d, w)
    }

    Good:
    # large in between, and back again
    net (float[N, 2] x) => (float[N, 2] y)
    <float[2, 2] w = {10000, 0, 0, 10000}, float[2, 2] v = {0.0001, 0, 0, 0.0001}>
    {
        [first] a = MatMul(x, w)
        b = Relu(a)
        [second] c = MatMul(b, v)
        d = Relu(c)
        [third] y = MatMul(d, w)
    }
    """
    return DIRECTION.findings(propagation, max_gradient, max_first_to_last)
