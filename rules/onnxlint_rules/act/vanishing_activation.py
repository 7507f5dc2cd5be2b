"""ACT005 vanishing-activation."""

from collections.abc import Iterator

from onnxlint import Activations, Finding, Severity, rule


@rule("ACT005", "vanishing-activation", severity=Severity.WARNING)
def vanishing_activation(
    activations: Activations, *, min_fraction: float = 1e-6, min_added_fraction: float = 1e-10
) -> Iterator[Finding]:
    """Activations that fade away from layer to layer.

    Why: what arrives at the next layer is nothing but its bias, so the prediction hardly depends on
    the input, and no gradient comes back. Compared is the root mean square of what a layer gives
    with that of the input, or with 1 if that is smaller; the limit is about the relative precision
    of float32, below which a bias of ordinary size drowns it. A branch that is added to something
    else may start as small (scales of 1e-6 are usual), so its limit is `min-added-fraction`, far
    below what changes the sum. Left alone are outputs and layers that are exactly 0 (ACT003,
    WGT002). Only the first layer on a path is told.
    Fix: initialise with a variance of 2 / inputs (Kaiming), normalise between the layers, add
    residual connections. An untrained network with batch normalisation fades where its running
    statistics were never fitted: export it after some batches.

    Bad:
    net (float[N, 2] x) => (float[N, 2] y)
    <float[2, 2] w = {0.0007, 0.0003, -0.0003, 0.0007}>
    {
        a = MatMul(x, w)
        b = Relu(a)
        c = MatMul(b, w)
        d = Relu(c)
        y = MatMul(d, w)
    }

    Good:
    # as small, and added to the input
    net (float[N, 2] x) => (float[N, 2] y)
    <float[2, 2] w = {0.7, 0.3, -0.3, 0.7}, float scale = {0.0000001}>
    {
        a = MatMul(x, w)
        b = Relu(a)
        c = MatMul(b, w)
        d = Mul(c, scale)
        sum = Add(x, d)
        y = Relu(sum)
    }
    """
    reference = min(activations.input_rms, 1.0)
    limits = {
        seen.value: reference
        * (min_added_fraction if activations.is_added(seen.value) else min_fraction)
        for seen in activations.of_layers_and_branches()
    }
    small = (
        seen
        for seen in activations.of_layers_and_branches()
        if 0 < seen.statistics.rms < limits[seen.value] and not activations.leaves(seen.value)
    )
    for seen in activations.firsts(small):
        rms, limit = seen.statistics.rms, limits[seen.value]
        yield Finding(
            seen,
            f"its root mean square on {seen.of_samples} samples is {rms:.2g}, that of the input "
            f"{activations.input_rms:.2g}; the limit is {limit:.2g}",
            measured=rms,
            limit=limit,
            unit="root mean square",
        )
