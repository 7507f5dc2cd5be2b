"""ACT006 exploding-activation."""

from collections.abc import Iterator
from typing import Annotated

from onnxlint import Activations, Finding, Option, Ranges, Severity, Trace, counted, rule


@rule("ACT006", "exploding-activation", severity=Severity.WARNING)
def exploding_activation(
    trace: Trace, activations: Activations, ranges: Ranges, *,
    max_growth: Annotated[
        float, Option("largest RMS of a layer's output", unit="times the input's RMS")
    ] = 1e4,
    max_magnitude: Annotated[float, Option("largest magnitude of any element")] = 1e8,
    told_growth: Annotated[
        float, Option("RMS of a layer's output from which on it is an info",
                      unit="times the input's RMS")
    ] = 100.0,
) -> Iterator[Finding]:  # fmt: skip
    """Activations that grow from layer to layer, far beyond the scale of the input.

    Why: the layers amplify too much (diverged training, an initialisation without a scale, a lost
    normalisation or epsilon); later layers overflow, saturate every softmax and tanh, and round off
    what distinguishes samples. The RMS of a layer's output is compared with that of the input, or
    with 1 if that is larger. A warning from a factor of 10,000 on, our choice; an info from
    `told-growth` on, a hundred, within which published networks stay (AUTOTRAINER requires a mean
    of at most 10). Any value beyond `max-magnitude` is reported too: there, adjacent float32 values
    are 8 apart. The scale of noise compared with that of real inputs is unknown, so on synthetic
    samples it is an info, unless weights and bounds prove the magnitude for every input. Not
    reported: masks, and what a root or a logarithm is taken of (the squares in a norm or in a
    spectrum). Only the first layer on a path is reported.
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
    <float[2, 2] w = {3, 1, -1, 3}>
    {
        a = MatMul(x, w)
        b = Relu(a)
        c = MatMul(b, w)
        d = Relu(c)
        y = MatMul(d, w)
    }
    """
    reference = max(activations.input_rms, 1.0)
    least = min(told_growth * reference, max_magnitude)
    limit, most = sorted((max_growth * reference, max_magnitude))
    layers = {seen.value for seen in activations.of_layers() if seen.statistics.rms > least}
    large = [
        seen
        for seen in activations.computed()
        if (seen.value in layers or (seen.peak > most and not activations.is_masked(seen.value)))
        and not activations.is_compressed(seen.value)
    ]
    graver = [seen for seen in large if seen.value not in layers or seen.statistics.rms > limit]
    for seen in activations.firsts(graver or large):
        of_layer = seen.value in layers
        size, told = (seen.statistics.rms, "RMS") if of_layer else (seen.peak, "maximum magnitude")
        bound = (limit if graver else least) if of_layer else most
        proven = bool(graver) and ranges.of(seen.value).least_rms > bound
        samples = counted(seen.of_samples, f"{'synthetic ' * trace.synthetic}sample")
        yield Finding(
            seen,
            f"{told} {size:.2g} on {samples}, model input RMS {activations.input_rms:.2g} "
            f"(limit {bound:.2g})"
            + ("; weights and bounds prove this for every input" if proven else ""),
            measured=size,
            limit=bound,
            unit="root mean square" if of_layer else "largest magnitude",
            severity=None if graver and (proven or not trace.synthetic) else Severity.INFO,
            hint="normalise before this layer, and look for exploded weights (WGT006)"
            if of_layer
            else f"normalise before this node, or scale its values down by {size / bound:.2g}",
        )
