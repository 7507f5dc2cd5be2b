"""PRD004 constant-top1."""

from collections.abc import Iterator
from typing import Annotated

from onnxlint import (
    ConstantGuess,
    Finding,
    NotApplicable,
    Option,
    Predictions,
    Severity,
    Stage,
    Trace,
    rule,
)

LABELLED = 50
"""Labels from which on PRD016 judges, by default."""


@rule("PRD004", "constant-top1", severity=Severity.WARNING, stages=(Stage.TRAINED,))
def constant_top1(
    predictions: Predictions, trace: Trace, guess: ConstantGuess | None, *,
    min_samples: Annotated[
        int, Option("samples from which on the rule applies", unit="samples")
    ] = 8,
    enough_samples: Annotated[
        int, Option("samples of the user's data that make it a warning", unit="samples")
    ] = 100,
    min_spread: Annotated[
        float, Option("difference between scores from which on they vary",
                      unit="fraction of the largest value")
    ] = 0.001,
) -> Iterator[Finding]:  # fmt: skip
    """A trained classifier that predicts the same class for every sample.

    Why: the scores vary from sample to sample, but one class always wins: the model learnt the
    majority class, a bias outweighs the features, or the preprocessing differs from training. In
    100 samples a second class with a share of 3% is missed once in twenty times, so from there on
    it is a warning. An info on fewer samples, on synthetic samples, which many valid models assign
    to the background, and behind a dense layer, which may also end a regression. Predictions that
    are nearly equal are reported by PRD002; what would be an info is left to PRD016 where at least
    50 labels tell that it is no better.
    Fix: compare the classes predicted in training; check normalisation and the order of channels;
    with labels (`--labels`) the recall of each class shows which ones are lost. Scores of classes
    without a softmax: declare them in the configuration (`outputs.NAME.head = "logits"`).

    Bad:
    net (float[N, 3] x) => (float[N, 3] y)
    <float[3, 3] w = {1, 0, 0, 0, 1, 0, 0, 0, 1}, float[3] b = {9, 0, 0}>
    {
        logits = Gemm(x, w, b)
        y = Softmax(logits)
    }

    Good:
    net (float[N, 3] x) => (float[N, 3] y)
    <float[3, 3] w = {1, 0, 0, 0, 1, 0, 0, 0, 1}, float[3] b = {0.1, 0, 0}>
    {
        logits = Gemm(x, w, b)
        y = Softmax(logits)
    }
    """
    if trace.samples < min_samples:
        raise NotApplicable(f"too few samples: {trace.samples} (--samples {min_samples})")
    for prediction in predictions:
        classes = set(prediction.winners.tolist())
        if prediction.is_multi_label or len(classes) > 1 or prediction.spread < min_spread:
            continue
        sure = not trace.synthetic and trace.samples >= enough_samples
        grave = sure and not prediction.head.guessed
        if not grave and guess is not None and _judges(guess, prediction.head.value.name):
            continue
        yield Finding(
            prediction,
            f"class {classes.pop()} is predicted {prediction.rows:,} of {prediction.rows:,} times "
            f"on {trace.samples:,} samples although the scores vary (relative spread "
            f"{prediction.spread:.2g})",
            measured=1.0,
            limit=1.0,
            unit="fraction of predictions",
            severity=None if grave else Severity.INFO,
            hint="check normalisation and channel order; --labels measures the recall per class"
            if sure
            else f"run with {enough_samples} or more samples of your own (--data)",
        )


def _judges(guess: ConstantGuess, output: str) -> bool:
    """Whether PRD016 reports the same of this output."""
    scores = guess.scores
    return scores.output.value.name == output and scores.samples >= LABELLED and not guess.is_beaten
