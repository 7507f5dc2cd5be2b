"""PRD017 initial-bias."""

from collections.abc import Iterator
from typing import Annotated

from onnxlint import Finding, InitialBias, NotApplicable, Option, Severity, Stage, rule


@rule("PRD017", "initial-bias", severity=Severity.INFO, stages=(Stage.INIT,))
def initial_bias(
    initial: InitialBias, *,
    min_perplexity: Annotated[
        float, Option("normalised perplexity of the labels below which classes are unbalanced",
                      unit="fraction")
    ] = 0.5,
    max_offset: Annotated[
        float, Option("distance of the bias from the mean of a target",
                      unit="standard deviations")
    ] = 3.0,
    min_samples: Annotated[
        int, Option("labels from which on the rule applies", unit="samples")
    ] = 50,
) -> Iterator[Finding]:  # fmt: skip
    """An untrained model whose last bias knows nothing of unbalanced classes, or of a far mean.

    Why: the first hundreds of steps then only learn how frequent each class is, or how large the
    numbers are, at a rate that is chosen for what comes after. Cross entropy begins at ln k where
    the frequencies of the classes alone reach their entropy; a squared error begins with the square
    of the mean. Classes are unbalanced where their normalised perplexity is below 0.5
    (TheDeepChecker, which also looks at the last bias); reported where the bias makes up for less
    than half of the difference. A mean is far from 3 of its standard deviations on, ours. Losses
    that weight classes or focus on hard samples begin elsewhere: not judged.
    Fix: set the bias to the logarithms of the frequencies (for a sigmoid ln(p / (1 - p)), as in
    RetinaNet, arXiv 1708.02002), or to the mean of the targets; or standardise the targets.

    Bad:
    # stage: init
    # option: min-samples = 8
    # data: x = [[1], [2], [3], [4], [5], [6], [7], [8]]
    # labels: [101, 102, 103, 101, 102, 103, 101, 102]
    net (float[N, 1] x) => (float[N, 1] y) <float[1, 1] w = {0.1}, float[1] b = {0}>
    {
        y = Gemm(x, w, b)
    }

    Bad:
    # stage: init
    # option: min-samples = 10
    # data: x = [[1], [2], [3], [4], [5], [6], [7], [8], [9], [10]]
    # labels: [0, 0, 0, 0, 0, 0, 0, 0, 0, 1]
    net (float[N, 1] x) => (float[N, 2] y) <float[1, 2] w = {0.1, -0.1}, float[2] b = {0, 0}>
    {
        h = Gemm(x, w, b)
        y = Softmax(h)
    }

    Good:
    # stage: init
    # option: min-samples = 10
    # data: x = [[1], [2], [3], [4], [5], [6], [7], [8], [9], [10]]
    # labels: [0, 0, 0, 0, 0, 0, 0, 0, 0, 1]
    net (float[N, 1] x) => (float[N, 2] y) <float[1, 2] w = {0.1, -0.1}, float[2] b = {2.2, 0}>
    {
        h = Gemm(x, w, b)
        y = Softmax(h)
    }
    """
    scores = initial.scores
    if scores.samples < min_samples:
        raise NotApplicable(f"too few labels: {scores.samples} (at least {min_samples})")
    if scores.task == "regression":
        if initial.offset > max_offset:
            yield _of_numbers(initial, max_offset)
        return
    left, whole = initial.expected - initial.best, initial.uniform - initial.best
    if initial.perplexity < min_perplexity and left > whole / 2:
        yield Finding(
            initial,
            f"{_bias(initial)} for unbalanced classes (normalised perplexity "
            f"{initial.perplexity:.2f}, limit {min_perplexity:g}): expected initial loss "
            f"{initial.expected:.3f}, {initial.best:.3f} with their frequencies in the bias",
            measured=initial.expected,
            limit=initial.best,
            unit="nats",
            hint="set the bias to the logarithms of the class frequencies, of a sigmoid to "
            "ln(p / (1 - p))",
        )


def _of_numbers(initial: InitialBias, limit: float) -> Finding:
    return Finding(
        initial,
        f"{_bias(initial)}, {initial.offset:.3g} standard deviations from the mean of the labels "
        f"(limit {limit:g}): expected initial loss {initial.expected:.4g}, {initial.best:.4g} with "
        "their mean in the bias",
        measured=initial.offset,
        limit=limit,
        unit="standard deviations",
        hint="set the bias to the mean of the labels, or standardise the labels",
    )


def _bias(initial: InitialBias) -> str:
    if not initial.has_one:
        return "no bias"
    low, high = float(initial.bias.min()), float(initial.bias.max())
    if low == high:
        return f"bias of {low:.3g}"
    return f"bias of {low:.3g} to {high:.3g}"
