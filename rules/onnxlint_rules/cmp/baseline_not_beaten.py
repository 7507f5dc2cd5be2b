"""CMP001 baseline-not-beaten."""

from collections.abc import Iterator

from onnxlint import Baselines, Finding, Scores, Severity, Stage, rule

LINEAR = (
    "a model of one layer can reach what a linear baseline does: check labels and preprocessing, "
    "standardise the inputs, and train until the loss stops falling"
)


@rule("CMP001", "baseline-not-beaten", severity=Severity.WARNING, stages=(Stage.TRAINED,))
def baseline_not_beaten(baselines: Baselines, scores: Scores) -> Iterator[Finding]:
    """A model that does not beat a simple baseline, or one of the user's own.

    Why: a network that a linear model equals has learnt nothing that needs its depth: the data is
    simpler than assumed, the labels or the preprocessing do not belong to the model, or training
    failed. With `--compare-simple`, the baselines are the majority class and a logistic
    regression (for regression the mean and a ridge regression) on the flattened, standardised
    inputs; with `--baseline`, an ONNX file or code of your own. They are fitted to the samples of
    `--train-data`; without such each predicts samples that it was not fitted on (five folds). From
    50 samples on.
    A model of one dense layer is linear itself, and is compared with the linear baseline unasked:
    reported is one whose errors are more than the baseline's by a tenth and by more than chance
    (1.645 standard errors), and whose mean recall is not higher either; trained to the end, it
    would be as good. An error below 2% of the targets' standard deviation is never reported.
    Fix: check that samples and labels belong together and are preprocessed as in training; overfit
    a few samples to see that the network can learn; or ship the simpler model. A model of one layer
    lacks steps of training, or standardised inputs.

    Bad:
    # config: data = "data.npz"
    # config: labels = "data.npz:truths"
    # config: compare-simple = true
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
    # config: compare-simple = true
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
        named = [f"{name} ({baselines.figures[name]:.4g})" for name in baselines.unbeaten]
        yield Finding(
            scores,
            f"{scores.measure} {scores.figure:.4g} on {scores.samples:,} samples does not beat "
            f"the baseline: {', '.join(named)}",
            measured=scores.figure,
            limit=baselines.figures[baselines.unbeaten[0]],
            unit=scores.measure,
            hint=LINEAR
            if baselines.is_linear
            else "check that labels and preprocessing are those "
            "of training, and overfit a few samples; else ship the baseline",
        )
