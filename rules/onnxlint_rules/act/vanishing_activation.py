"""ACT005 vanishing-activation."""

from collections.abc import Iterator
from typing import Annotated

from onnxlint import Activations, Finding, Option, Severity, counted, rule


@rule("ACT005", "vanishing-activation", severity=Severity.WARNING)
def vanishing_activation(
    activations: Activations, *,
    min_fraction: Annotated[
        float, Option("smallest RMS of a layer's output", unit="fraction of the input's RMS")
    ] = 1e-6,
    min_added_fraction: Annotated[
        float, Option("the same for a branch that is added to another value",
                      unit="fraction of the input's RMS")
    ] = 1e-10,
) -> Iterator[Finding]:  # fmt: skip
    """Activations that shrink towards zero from layer to layer.

    Why: the next layer computes little more than its bias, so the prediction hardly depends on the
    input, and almost no gradient flows back. The RMS of a layer's output is compared with that of
    the input, or with 1 if that is smaller; the limit is about the relative precision of float32,
    below which a bias of ordinary size hides it. A branch that is added to another value may start
    that small (scales of 1e-6 are usual), so its limit is `min-added-fraction`, far below what
    changes the sum. Not reported: outputs, and layers that are exactly 0 (ACT003, WGT002). Only the
    first layer on a path is reported.
    Fix: initialise with a variance of 2 / inputs (Kaiming), normalise between the layers, add
    residual connections. An untrained network with batch normalisation shrinks where its running
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
            f"RMS {rms:.2g} on {counted(seen.of_samples, 'sample')}, model input RMS "
            f"{activations.input_rms:.2g} (limit {limit:.2g})",
            measured=rms,
            limit=limit,
            unit="root mean square",
            hint="normalise between the layers before this value, add residual connections, or "
            "initialise the weights with variance 2 / inputs",
        )
