"""DAT003 unnormalised-input."""

from collections.abc import Iterator
from typing import Annotated

from onnxlint import (
    Data,
    Finding,
    NotApplicable,
    Option,
    Settings,
    Severity,
    rule,
)
from onnxlint_rules.dat._unnormalised import raw_pixels, table


@rule("DAT003", "unnormalised-input", severity=Severity.WARNING)
def unnormalised_input(
    data: Data,
    settings: Settings,
    *,
    max_mean: Annotated[
        float, Option("distance of a feature's mean from 0", "standard deviations")
    ] = 0.2,
    max_scale_ratio: Annotated[
        float, Option("ratio of the largest standard deviation of a feature to the smallest")
    ] = 100.0,
    min_samples: Annotated[int, Option("fewest samples to judge by", "samples")] = 8,
) -> Iterator[Finding]:
    """Unnormalised features (off-centre, or on very different scales) that feed an affine layer.

    Why: the largest feature dominates the others, and an offset pushes all units to one side, so
    training is slow or converges badly. A mean counts from a fifth of a standard deviation on
    (SageMaker's rule), plus the deviation by chance in so few samples: as an info, and as a warning
    where that of the typical feature is a whole one, which is ours. Not reported: graphs that
    normalise by themselves, trees and kernels, flags of 0 and 1, tables within -1…1, images in 0…1
    or on a scale that the weights compensate, and a trained first layer whose bias compensates at
    least half of the offset. Random weights with a mean of 0 compensate none. Raw bytes of images
    are an info: some networks are trained that way.
    Fix: subtract the mean and divide by the standard deviation of the training data, for each
    feature, best in the graph itself.

    Bad:
    # data: x = [[1.0, 52000.0], [3.0, 31000.0], [2.0, 75000.0], [4.0, 48000.0], [1.0, 15000.0], [2.0, 99000.0], [3.0, 60000.0], [1.0, 43000.0]]
    net (float[N, 2] x) => (float[N, 3] y)
    <float[2, 3] w = {0.3, -0.2, 0.5, -0.4, 0.1, 0.6}>
    {
        h = MatMul(x, w)
        y = Relu(h)
    }

    Instead:
    # normalised by the graph
    # data: x = [[1.0, 52000.0], [3.0, 31000.0], [2.0, 75000.0], [4.0, 48000.0], [1.0, 15000.0], [2.0, 99000.0], [3.0, 60000.0], [1.0, 43000.0]]
    net (float[N, 2] x) => (float[N, 3] y)
    <float[2, 3] w = {0.3, -0.2, 0.5, -0.4, 0.1, 0.6}, float[2] mean = {2, 50000},
     float[2] spread = {1, 25000}>
    {
        centred = Sub(x, mean)
        normal = Div(centred, spread)
        h = MatMul(normal, w)
        y = Relu(h)
    }
    """  # noqa: E501 - data is on one line
    judged = [fed for fed in data if fed.is_float and fed.opening.is_neural]
    judged = [fed for fed in judged if fed.axis is not None and not fed.opening.is_scaled]
    if not judged:
        raise NotApplicable("no input feeds an affine layer directly")
    if data.samples < min_samples:
        raise NotApplicable(f"needs at least {min_samples} samples (got {data.samples})")
    for fed in judged:
        if fed.is_image:
            yield from raw_pixels(fed)
        else:
            yield from table(fed, max_mean, max_scale_ratio, settings.stage)
