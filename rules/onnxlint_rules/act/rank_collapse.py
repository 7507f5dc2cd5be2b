"""ACT015 rank-collapse."""

from collections.abc import Iterator

from onnxlint import Activations, Finding, NotApplicable, Severity, Trace, rule

ROUNDING = 1e-6
"""Samples that differ by no more are the same, which ACT007 tells."""


@rule("ACT015", "rank-collapse", severity=Severity.INFO)
def rank_collapse(
    trace: Trace, activations: Activations,
    *, max_cosine: float = 0.999, max_input_cosine: float = 0.99, min_elements: int = 8,
) -> Iterator[Finding]:  # fmt: skip
    """A layer at which all samples look (almost) the same.

    Why: what the layer gives for one sample and for the next points in the same direction, so
    little of the input is left in it: 0.999 means that two samples differ by 4% of their length.
    Deep networks without normalisation or skip connections do so with every layer (Dong et al.,
    Attention is not all you need, 2021; Daneshmand et al., Batch normalization provably avoids
    rank collapse, 2020), and a large bias does it at once. Judged is a part of each sample's
    numbers, and only where float inputs are not as alike themselves (`max-input-cosine`); outputs
    and values that are exactly the same (ACT007) are left alone. Only the first layer on a path is
    told.
    Fix: subtract the mean over the samples (batch normalisation), add skip connections; look for
    biases that are larger than what the weights give.

    Bad:
    net (float[N, 8] x) => (float[N, 8] y)
    <float[8] large = {90, 60, -70, 80, 90, 50, 70, -60}, float[8, 8] w = {
        1, 0, 0, 0, 0, 0, 0, 0,  0, 1, 0, 0, 0, 0, 0, 0,  0, 0, 1, 0, 0, 0, 0, 0,
        0, 0, 0, 1, 0, 0, 0, 0,  0, 0, 0, 0, 1, 0, 0, 0,  0, 0, 0, 0, 0, 1, 0, 0,
        0, 0, 0, 0, 0, 0, 1, 0,  0, 0, 0, 0, 0, 0, 0, 1}>
    {
        a = Gemm(x, w, large)
        h = Relu(a)
        y = MatMul(h, w)
    }

    Good:
    net (float[N, 8] x) => (float[N, 8] y)
    <float[8] small = {0.9, 0.6, -0.7, 0.8, 0.9, 0.5, 0.7, -0.6}, float[8, 8] w = {
        1, 0, 0, 0, 0, 0, 0, 0,  0, 1, 0, 0, 0, 0, 0, 0,  0, 0, 1, 0, 0, 0, 0, 0,
        0, 0, 0, 1, 0, 0, 0, 0,  0, 0, 0, 0, 1, 0, 0, 0,  0, 0, 0, 0, 0, 1, 0, 0,
        0, 0, 0, 0, 0, 0, 1, 0,  0, 0, 0, 0, 0, 0, 0, 1}>
    {
        a = Gemm(x, w, small)
        h = Relu(a)
        y = MatMul(h, w)
    }
    """
    if trace.samples < 3:
        raise NotApplicable("it takes three samples to tell a collapse from a coincidence")
    fed = activations.input_similarity()
    if fed is not None and fed > max_input_cosine:
        raise NotApplicable(f"the samples themselves are alike: their cosine is {fed:.3f}")
    alike = (
        seen
        for seen in activations.of_layers()
        if not activations.leaves(seen.value)
        and seen.sample_size >= min_elements
        and seen.of_samples > 2
        and (seen.similarity or 0.0) > max_cosine
        and activations.varies(seen.value)
    )
    for seen in activations.firsts(alike):
        if (seen.spread or 0.0) > ROUNDING:
            yield Finding(
                seen,
                f"the cosine between two of {seen.of_samples} samples is {seen.similarity:.4f} on "
                f"average, above {max_cosine:g}",
                measured=seen.similarity,
                limit=max_cosine,
                unit="cosine",
            )
