"""CMP001 baseline-not-beaten."""

from collections.abc import Iterator

from onnxlint import Baselines, Finding, Scores, Severity, Stage, rule


@rule("CMP001", "baseline-not-beaten", severity=Severity.WARNING, stages=(Stage.TRAINED,))
def baseline_not_beaten(baselines: Baselines, scores: Scores) -> Iterator[Finding]:
    """A model that is no better than a guess of the majority, or than a linear model.

    Why: a network that a linear model equals has learnt nothing that its depth is for: the data is
    simpler than thought, the labels or the preprocessing do not belong to the model, or training
    failed. Compared on the same samples are scikit-learn's majority class and logistic regression
    (the mean and a ridge regression for numbers) on the flattened, standardised inputs, each
    predicting samples that it was not fitted on (five folds). From 50 samples on. A model of one
    layer is linear itself: it counts where a linear baseline is better by more than chance (1.645
    standard errors).
    Fix: check that samples and labels belong together and are prepared as in training; over-fit a
    few samples to see that the network can learn; or ship the simpler model.

    Bad:
    # config: data = "data.npz"
    # config: labels = "data.npz:truths"
    # config: baseline = true
    net (float[N, 2] x) => (float[N, 2] y)
    {
        y = Softmax(x)
    }
    >>> import numpy
    >>> x = numpy.float32([[0, 0], [0, 1], [1, 0], [1, 1]] * 25)
    >>> numpy.savez(folder / "data.npz", x=x, truths=x[:, 0] == x[:, 1])

    Good:
    # config: data = "data.npz"
    # config: labels = "data.npz:truths"
    # config: baseline = true
    net (float[N, 2] x) => (int64[N, 1] y) <float[2, 1] w = {1, -1}>
    {
        difference = MatMul(x, w)
        unequal = Abs(difference)
        y = Cast<to = 7>(unequal)
    }
    >>> import numpy
    >>> x = numpy.float32([[0, 0], [0, 1], [1, 0], [1, 1]] * 25)
    >>> numpy.savez(folder / "data.npz", x=x, truths=x[:, 0] != x[:, 1])
    """
    if baselines.unbeaten:
        told = [f"the {name} reaches {baselines.figures[name]:.4g}" for name in baselines.unbeaten]
        yield Finding(
            scores,
            f"{scores.measure} {scores.figure:.4g} on {scores.samples:,} samples, and "
            f"{' and '.join(told)}",
            measured=scores.figure,
            limit=baselines.figures[baselines.unbeaten[0]],
            unit=scores.measure,
        )
