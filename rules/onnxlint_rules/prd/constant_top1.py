"""PRD004 constant-top1."""

from collections.abc import Iterator

from onnxlint import Finding, NotApplicable, Predictions, Severity, Stage, Trace, rule


@rule("PRD004", "constant-top1", severity=Severity.WARNING, stages=(Stage.TRAINED,))
def constant_top1(
    predictions: Predictions, trace: Trace, *,
    min_samples: int = 8, enough_samples: int = 100, min_spread: float = 0.001,
) -> Iterator[Finding]:  # fmt: skip
    """A trained classifier that gives every sample the same class.

    Why: the scores differ from sample to sample, and one class wins all the same: the model learnt
    the majority class, a bias outweighs the features, or the preprocessing differs from training.
    With 100 samples another class that makes up 3% of them is missed once in twenty times, so from
    there on it is a warning. It is an info on fewer, on made-up samples, which many a sound model
    takes for background, and behind a dense layer, which may end a regression as well. Predictions
    that are nearly equal are PRD002's.
    Fix: compare the classes predicted in training; check normalisation and the order of channels;
    with labels (`--labels`) the recall of each class tells which ones are lost. Scores of classes
    without a softmax: name them in the configuration (`outputs.NAME.head = "logits"`).

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
        raise NotApplicable(f"{trace.samples} samples are too few; give --samples {min_samples}")
    for prediction in predictions:
        classes = set(prediction.winners.tolist())
        if prediction.is_multi_label or len(classes) > 1 or prediction.spread < min_spread:
            continue
        sure = not trace.synthetic and trace.samples >= enough_samples
        yield Finding(
            prediction,
            f"class {classes.pop()} wins all {prediction.rows:,} predictions on {trace.samples} "
            f"samples, though the scores differ by {prediction.spread:.2g} of the largest",
            measured=1.0,
            limit=1.0,
            unit="fraction of predictions",
            severity=None if sure and not prediction.head.guessed else Severity.INFO,
        )
