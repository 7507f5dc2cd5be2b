"""PRD010 label-score-mismatch."""

from collections.abc import Iterator
from typing import Annotated

from onnxlint import ChosenLabel, ChosenLabels, Finding, Mismatch, Option, Severity, rule


@rule("PRD010", "label-score-mismatch", severity=Severity.ERROR)
def label_score_mismatch(
    decisions: ChosenLabels, *,
    clear_margin: Annotated[
        float, Option("lead of the highest score from which on it is an error",
                      unit="fraction of 1, or of the range of the scores")
    ] = 0.01,
) -> Iterator[Finding]:  # fmt: skip
    """A classifier whose label is not the class of its own highest score.

    Why: one caller reads the label, another the scores, and they get different answers for the same
    sample: class names in another order than the columns, a label from another layer, or an SVM
    whose scores have the opposite sign (sklearn-onnx issue 990). Any input shows that, synthetic
    ones too. Ties are exempt. An error where a score leads by more than `clear_margin` (of 1, or of
    the range of the scores; a choice, far above rounding), else a warning. A warning also where the
    label is chosen by other values than these scores. An info for trees of two classes, whose raw
    sum onnxruntime cuts at 0.5 or 0 whatever the columns contain, and for scores estimated by
    Platt's method, which differ from the label near the boundary in scikit-learn too, unless nearly
    all rows differ.
    Fix: output the scores and the label of one layer, with the names in the order of the columns;
    compare both with the framework's own for a few samples.

    Bad:
    <ir_version: 8, opset_import: ["" : 17, "ai.onnx.ml" : 3]>
    # names in another order
    net (float[N, 3] x) => (int64[N] label, seq(map(int64, float)) probabilities)
    <int64[3] names = {10, 20, 30}>
    {
        p = Softmax(x)
        best = ArgMax <axis = 1, keepdims = 0> (p)
        label = Gather(names, best)
        probabilities = ai.onnx.ml.ZipMap <classlabels_int64s = [30, 20, 10]> (p)
    }

    Bad:
    # the label is chosen from something else
    net (float[N, 3] x) => (int64[N] label, float[N, 3] probabilities)
    {
        probabilities = Softmax(x)
        turned = Neg(x)
        label = ArgMax <axis = 1, keepdims = 0> (turned)
    }

    Bad:
    <ir_version: 8, opset_import: ["" : 17, "ai.onnx.ml" : 3]>
    # an SVM whose scores have the other sign than its labels
    net (float[N, 2] x) => (int64[N] label, float[N, 2] scores)
    {
        label, scores = ai.onnx.ml.SVMClassifier <
            classlabels_ints = [0, 1], coefficients = [1.0, -1.0], kernel_params = [0.5, 0.0, 3.0],
            kernel_type = "LINEAR", rho = [0.1], support_vectors = [1.0, 0.5, -1.0, 0.2],
            vectors_per_class = [1, 1]> (x)
    }

    Good:
    # logits and labels, by names
    net (float[N, 3] x) => (int64[N] label, float[N, 3] probabilities)
    <int64[3] names = {10, 20, 30}>
    {
        probabilities = Softmax(x)
        best = ArgMax <axis = 1, keepdims = 0> (x)
        label = Gather(names, best)
    }

    Good:
    # two heads, each with a label of its own
    net (float[N, 3] x, float[N, 3] z) => (int64[N] a, float[N, 3] p, int64[N] b, float[N, 3] q)
    {
        p = Softmax(x)
        a = ArgMax <axis = 1, keepdims = 0> (p)
        q = Softmax(z)
        b = ArgMax <axis = 1, keepdims = 0> (q)
    }

    Good:
    # scores that are all equal
    net (float[N, 3] x) => (int64[N] label, float[N, 3] probabilities)
    <float nothing = {0}>
    {
        flat = Mul(x, nothing)
        probabilities = Softmax(flat)
        label = ArgMax <axis = 1, keepdims = 0, select_last_index = 1> (probabilities)
    }

    Good:
    <ir_version: 8, opset_import: ["" : 17, "ai.onnx.ml" : 3]>
    net (float[N, 2] x) => (int64[N] label, float[N, 3] scores)
    {
        label, scores = ai.onnx.ml.LinearClassifier <
            classlabels_ints = [5, 6, 7], coefficients = [1.0, 0.0, 0.0, 1.0, -1.0, -1.0],
            intercepts = [0.1, 0.2, 0.3], post_transform = "NONE"> (x)
    }
    """
    for decided in decisions:
        mismatches = list(decided.mismatches())
        if not mismatches:
            continue
        worst = max(mismatches, key=lambda each: each.margin)
        limit = clear_margin * decided.scale
        yield Finding(
            decided,
            f"label and highest score disagree in {len(mismatches):,} of {len(decided.labels):,} "
            f"rows: row {worst.row} is labelled {worst.label!r} ({worst.given:.3g} in "
            f"{decided.output.name!r}), but class {worst.best!r} has {worst.top:.3g}",
            measured=worst.margin,
            limit=limit,
            unit="difference of scores",
            severity=_severity(decided, mismatches, worst.margin > limit),
            hint=_hint(decided, mismatches),
        )


def _hint(decided: ChosenLabel, mismatches: list[Mismatch]) -> str:
    """What to do, by how the label was chosen."""
    scores = repr(decided.output.name)
    if decided.has_own_threshold:
        return f"take the label from {scores}, or apply the threshold of {decided.source.op}"
    if decided.is_tied and decided.is_inverted(mismatches):
        return f"check the sign of {scores} and the order of the class names"
    if decided.is_tied:
        return f"list the class names in the order of the columns of {scores}"
    return f"choose {decided.label.name!r} by the highest of {scores}"


def _severity(decided: ChosenLabel, mismatches: list[Mismatch], is_clear: bool) -> Severity:
    """An error only where no threshold of the operator explains it."""
    if decided.has_own_threshold:
        return Severity.INFO
    if decided.is_estimated and not decided.is_inverted(mismatches):
        return Severity.INFO
    return Severity.ERROR if is_clear and decided.is_tied else Severity.WARNING
