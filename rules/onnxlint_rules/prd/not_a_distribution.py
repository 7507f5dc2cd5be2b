"""PRD003 not-a-distribution."""

from collections.abc import Iterator
from typing import Annotated

from onnxlint import Finding, Misnomer, Option, Predictions, Settings, Severity, Trace, rule


@rule("PRD003", "not-a-distribution", severity=Severity.ERROR)
def not_a_distribution(
    predictions: Predictions, trace: Trace, settings: Settings, *,
    tolerance: Annotated[
        float, Option("largest distance from [0, 1] and of the sum from 1", unit="probability")
    ] = 0.01,
) -> Iterator[Finding]:  # fmt: skip
    """Probabilities that leave [0, 1], or whose sum over the classes is not 1.

    Why: thresholds, calibration and every logarithmic loss expect probabilities. The softmax runs
    over the batch instead of the classes, or arithmetic after the softmax (smoothing, class
    weights) does not normalise. An output that is named after probabilities must hold them too: an
    SVM trained without probabilities outputs margins under sklearn-onnx's `probabilities`. Before
    opset 13 a softmax is a distribution over all axes from `axis` on. The tolerance covers a
    float16 softmax over thousands of classes; quantised probabilities are rounded further, and
    exempt. An error where every prediction is invalid or the data is the user's, else a warning; a
    warning where only the name claims probabilities.
    Fix: set the axis of the softmax to that of the classes; divide by the sum after arithmetic;
    train the classifier with probabilities, or name the output after what it holds. An output that
    is not a distribution: declare it in the configuration (`outputs`).

    Bad:
    # smoothing that adds probability
    net (float[N, 4] x) => (float[N, 4] y)
    <float extra = {0.1}>
    {
        p = Softmax(x)
        y = Add(p, extra)
    }

    Bad:
    # over the batch
    net (float[N, 4] x) => (float[N, 4] y)
    {
        y = Softmax <axis = 0> (x)
    }

    Bad:
    <ir_version: 8, opset_import: ["" : 17, "ai.onnx.ml" : 3]>
    # an SVM without probabilities
    net (float[N, 2] x) => (int64[N] label, float[N, 2] probabilities)
    {
        label, probabilities = ai.onnx.ml.SVMClassifier <
            classlabels_ints = [0, 1], coefficients = [1.0, -1.0], kernel_params = [0.5, 0.0, 3.0],
            kernel_type = "LINEAR", rho = [0.1], support_vectors = [1.0, 0.5, -1.0, 0.2],
            vectors_per_class = [1, 1]> (x)
    }

    Good:
    <ir_version: 8, opset_import: ["" : 17, "ai.onnx.ml" : 3]>
    # the same, by another name
    net (float[N, 2] x) => (int64[N] label, float[N, 2] scores)
    {
        label, scores = ai.onnx.ml.SVMClassifier <
            classlabels_ints = [0, 1], coefficients = [1.0, -1.0], kernel_params = [0.5, 0.0, 3.0],
            kernel_type = "LINEAR", rho = [0.1], support_vectors = [1.0, 0.5, -1.0, 0.2],
            vectors_per_class = [1, 1]> (x)
    }

    Good:
    <ir_version: 6, opset_import: ["" : 11]>
    # over both axes at once, as opset 11 has it
    net (float[N, 4, 5] x) => (float[N, 4, 5] y)
    {
        y = Softmax <axis = 1> (x)
    }

    Good:
    net (float[N, 4] x) => (float[N, 4] y)
    <float keep = {0.6}, float extra = {0.1}>
    {
        p = Softmax(x)
        kept = Mul(p, keep)
        y = Add(kept, extra)
    }
    """
    promised = {name for name, each in settings.outputs.items() if each.sums_to_one}
    for prediction in predictions:
        sums = prediction.probabilities.sum(axis=1)
        if prediction.head.value.name in promised and (abs(sums - 1) > tolerance).any():
            continue  # as CTR008 reports
        off = prediction.deviations > tolerance
        if off.any() and prediction.is_probable and not prediction.head.quantised:
            worst = float(prediction.deviations.max())
            yield Finding(
                prediction,
                f"{off.sum():,} of {off.size:,} predictions are not probability distributions "
                f"(error up to {worst:.3g}, tolerance {tolerance:g})",
                measured=worst,
                limit=tolerance,
                unit="probability",
                severity=None if off.all() else trace.severity(Severity.ERROR),
                hint=_hint(prediction.head.value.name, prediction.head.kind),
            )
    for misnomer in predictions.misnomers:
        yield Finding(
            misnomer,
            _told(misnomer),
            severity=Severity.WARNING,
            hint="train the classifier with probabilities, or rename "
            f"{misnomer.value.name!r} to scores",
        )


def _hint(output: str, kind: str) -> str:
    if kind == "sigmoid":
        return f"keep {output!r} within [0, 1], or declare another head for this output"
    return f"normalise {output!r} over the classes: check the axis of Softmax and what follows"


def _told(misnomer: Misnomer) -> str:
    """What the output holds, and where that comes from."""
    what = f"holds values from {misnomer.low:.3g} to {misnomer.high:.3g}"
    if misnomer.low >= 0 and misnomer.high <= 1:
        what = f"the rows sum to {misnomer.least:.3g} to {misnomer.most:.3g} (expected 1)"
    head = misnomer.head
    source = f": raw scores of {head.node.op}" if head and head.node and head.by_classifier else ""
    return f"output {misnomer.value.name!r} is named after probabilities, but {what}{source}"
