"""ACT006 exploding-activation."""

from collections.abc import Iterator

from onnxlint import Activations, Finding, Severity, rule


@rule("ACT006", "exploding-activation", severity=Severity.WARNING)
def exploding_activation(
    activations: Activations, *, max_growth: float = 1e4, max_magnitude: float = 1e8
) -> Iterator[Finding]:
    """Activations that grow from layer to layer, far beyond what was fed.

    Why: the layers multiply too much (diverged training, an initialisation without a scale, a lost
    normalisation or epsilon); further on they overflow, saturate every softmax and tanh, and round
    off what tells samples apart. Compared is the root mean square of what a layer gives with that
    of the input, or with 1 if that is larger; published networks stay within a factor of a hundred.
    Told, too, is any number beyond `max-magnitude`, where neighbours in float32 are 8 apart. Masks
    are left alone. Only the first layer on a path is told.
    Fix: look for exploded weights (WGT006) and missing normalisation before this layer; initialise
    with a variance of 2 / inputs (Kaiming); clip gradients or lower the learning rate.

    Bad:
    net (float[N, 2] x) => (float[N, 2] y)
    <float[2, 2] w = {700, 300, -300, 700}>
    {
        a = MatMul(x, w)
        b = Relu(a)
        c = MatMul(b, w)
        d = Relu(c)
        y = MatMul(d, w)
    }

    Good:
    net (float[N, 2] x) => (float[N, 2] y)
    <float[2, 2] w = {7, 3, -3, 7}>
    {
        a = MatMul(x, w)
        b = Relu(a)
        c = MatMul(b, w)
        d = Relu(c)
        y = MatMul(d, w)
    }
    """
    reference = max(activations.input_rms, 1.0)
    limit = min(max_growth * reference, max_magnitude)
    layers = {seen.value for seen in activations.of_layers() if seen.statistics.rms > limit}
    most = max(max_growth * reference, max_magnitude)
    large = (
        seen
        for seen in activations.computed()
        if seen.value in layers or (seen.peak > most and not activations.is_masked(seen.value))
    )
    for seen in activations.firsts(large):
        of_layer = seen.value in layers
        size, told = seen.statistics.rms, "root mean square"
        if not of_layer:
            size, told = seen.peak, "largest magnitude"
        yield Finding(
            seen,
            f"its {told} on {seen.of_samples} samples is {size:.2g}, the root mean square of the "
            f"input {activations.input_rms:.2g}; the limit is {limit if of_layer else most:.2g}",
            measured=size,
            limit=limit if of_layer else most,
            unit=told,
        )
