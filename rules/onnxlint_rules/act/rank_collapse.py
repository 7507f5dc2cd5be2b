"""ACT015 rank-collapse."""

from collections.abc import Iterator
from typing import Annotated

from onnxlint import Activations, Finding, NotApplicable, Option, Severity, Trace, counted, rule

ROUNDING = 1e-6
"""Samples that differ by no more are the same, which ACT007 reports."""


@rule("ACT015", "rank-collapse", severity=Severity.INFO)
def rank_collapse(
    trace: Trace, activations: Activations, *,
    max_cosine: Annotated[
        float, Option("largest mean cosine similarity of a layer's outputs", unit="cosine")
    ] = 0.999,
    max_input_cosine: Annotated[
        float, Option("mean cosine similarity of the inputs beyond which nothing is judged",
                      unit="cosine")
    ] = 0.99,
    min_elements: Annotated[
        int, Option("elements of a sample from which on a value is judged", unit="elements")
    ] = 8,
) -> Iterator[Finding]:  # fmt: skip
    """A layer whose outputs are almost identical for all samples.

    Why: a layer's outputs for two samples point in the same direction, so they hold little of the
    input: 0.999 means that two samples differ by 4% of their length. Deep networks without
    normalisation or skip connections lose more with every layer (Dong et al., Attention is not all
    you need, 2021, arXiv 2103.03404; Daneshmand et al., Batch normalization provably avoids rank
    collapse, 2020, arXiv 2003.01652), and a large bias has this effect at once. Only a subset of
    each sample's elements is compared, and only where float inputs are not as similar themselves
    (`max-input-cosine`). Not reported: outputs, and values that are exactly the same (ACT007). Only
    the first such layer on a path is reported.
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
        raise NotApplicable("at least 3 samples are needed")
    fed = activations.input_similarity()
    if fed is not None and fed > max_input_cosine:
        raise NotApplicable(
            f"the inputs are too similar: mean cosine {fed:.3f} (limit {max_input_cosine:g})"
        )
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
                f"mean pairwise cosine similarity of {counted(seen.of_samples, 'sample')} is "
                f"{seen.similarity:.4f} (limit {max_cosine:g})",
                measured=seen.similarity,
                limit=max_cosine,
                unit="cosine",
                hint="normalise before this layer or add a skip connection, and compare the size "
                "of the bias with that of the weighted sum",
            )
