"""ACT013 exploding-gradient."""

from collections.abc import Iterator

from onnxlint import Finding, Propagation, Severity, rule


@rule("ACT013", "exploding-gradient", severity=Severity.WARNING)
def exploding_gradient(
    propagation: Propagation, *, max_gradient: float = 1e7, max_first_to_last: float = 70.0
) -> Iterator[Finding]:
    """A layer at which gradients from the output arrive grown out of all proportion.

    Why: every layer between multiplies the gradient with its own gain, and many gains above 1 make
    a first step that throws the weights anywhere; so does a small change of the input with the
    output. It is read off forwards, from how a small random change of what the layer gives arrives
    at the output, so it holds for any framework. The output is taken before its softmax or
    sigmoid. The limit of 1e7 is where a learning rate of 1e-3 still moves weights by thousands
    (TheDeepChecker has 1e6). A first layer whose gradient is 70 times the last one's is an info
    (AUTOTRAINER).
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
    layer = propagation.first(lambda gradient: gradient > max_gradient)
    if layer is None:
        yield from _large_beside_the_last(propagation, max_first_to_last)
        return
    behind = propagation.behind(layer)
    worst = max(behind, key=lambda later: later.gain)
    yield Finding(
        layer,
        f"a gradient of 1 at {propagation.output.name!r} is {layer.gradient:.1e} here, above "
        f"{max_gradient:g}, {len(behind)} layers or blocks before it; the greatest gain of a "
        f"single one is {worst.gain:.1e}, of {worst.place}",
        measured=layer.gradient,
        limit=max_gradient,
        unit="length of the gradient",
        evidence={"layers": propagation.evidence()},
    )


def _large_beside_the_last(propagation: Propagation, most: float) -> Iterator[Finding]:
    layer = propagation.beyond(lambda ratio: ratio > most)
    if layer is not None:
        ratio = propagation.to_last(layer)
        yield Finding(
            layer,
            f"the gradient is {ratio:.0f} times that at the last layer (limit {most:g})",
            measured=ratio,
            limit=most,
            unit="gradient by that of the last layer",
            severity=Severity.INFO,
        )
