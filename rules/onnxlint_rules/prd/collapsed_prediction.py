"""PRD002 collapsed-prediction."""

from collections.abc import Iterator
from typing import Annotated

from onnxlint import Collapses, Finding, Option, Severity, Stage, Trace, rule
from onnxlint_rules.prd._collapses import severity_of, told, where_to_look


@rule("PRD002", "collapsed-prediction", severity=Severity.WARNING, stages=(Stage.TRAINED,))
def collapsed_prediction(
    collapses: Collapses, trace: Trace, *,
    min_spread: Annotated[
        float, Option("smallest difference between predictions",
                      unit="fraction of the largest value")
    ] = 0.001,
    min_samples: Annotated[
        int, Option("samples that make an output that is not a known head a warning",
                    unit="samples")
    ] = 8,
    min_sure_samples: Annotated[
        int, Option("the same for probabilities near 0 or 1 whose log-odds differ", unit="samples")
    ] = 300,
) -> Iterator[Finding]:  # fmt: skip
    """A trained model that predicts nearly the same for every sample.

    Why: the prediction does not depend on the input, whether always one class or always uniform:
    training collapsed, the weights were never loaded, or a layer on the path is constant. The
    relative spread is the largest difference between two samples, relative to the largest output;
    rounding in float32 accounts for 0.000001, and a model that uses its input far exceeds the
    limit. Outputs that are not recognised as predictions must be equal up to rounding. A warning
    where the graph proves it for every input (all-zero weights, a value divided by itself, a
    softmax or normalisation over an axis of size 1, trees of one leaf, bounds that leave one
    value), and on the user's data, for unrecognised outputs from `min-samples` samples on; an info
    on synthetic inputs, which a valid model may assign to one class. A detector of a rare event may
    do the same: where all probabilities are near 0 or 1 and the log-odds differ by more than the
    limit, it is an info below `min-sure-samples` (no event in 300 samples means, with 95%
    confidence, that fewer than 1% hold one). Not reported: outputs computed only from shapes, flags
    and counts; zeros and ones in the shape of a value, beside other outputs, are an info.
    Fix: compare with the framework's own output for two inputs; look for dead and all-zero layers
    (ACT003, WGT002) before the head.

    Bad:
    net (float[N, 2] x) => (float[N, 3] y)
    <float[2, 3] w = {0, 0, 0, 0, 0, 0}, float[3] b = {1, 2, 3}>
    {
        logits = Gemm(x, w, b)
        y = Softmax(logits)
    }

    Bad:
    # no head, and always 1
    net (float[N, 2] x) => (float[N, 1] p)
    <float[2, 1] w = {1, 2}>
    {
        logit = MatMul(x, w)
        score = Sigmoid(logit)
        flat = Div(score, score)
        p = Identity(flat)
    }

    Bad:
    <ir_version: 8, opset_import: ["" : 17, "ai.onnx.ml" : 3]>
    # shares of a single column
    net (float[N, 2] x) => (float[N, 1] p)
    <float[2, 1] w = {1, 2}>
    {
        logit = MatMul(x, w)
        score = Sigmoid(logit)
        p = ai.onnx.ml.Normalizer <norm = "L1"> (score)
    }

    Bad:
    # confident of one class because of the bias
    # data: x = [[0.1, 3], [2, -1], [0.5, 0.5], [-1, 1]]
    net (float[N, 2] x) => (float[N, 1] p)
    <float[2, 1] w = {0.0001, 0.0001}, float[1] b = {6}>
    {
        logit = Gemm(x, w, b)
        p = Sigmoid(logit)
    }

    Good:
    # a grid in the shape of the features, beside what is predicted
    net (float[N, 2] x) => (float[N, 2] y, float[N, 2] grid)
    <float[2, 2] w = {1, 2, 3, 4.5}, float[1, 2] cells = {0, 1}>
    {
        y = MatMul(x, w)
        size = Shape(y)
        grid = Expand(cells, size)
    }

    Good:
    net (float[N, 2] x) => (float[N, 3] y)
    <float[2, 3] w = {0, 0, 0, 0.1, 0, 0}, float[3] b = {1, 2, 3}>
    {
        logits = Gemm(x, w, b)
        y = Softmax(logits)
    }
    """
    for collapse in collapses.within(min_spread):
        yield Finding(
            collapse,
            told(collapse, trace.samples, min_spread),
            measured=collapse.spread,
            limit=min_spread,
            unit="fraction of the largest value",
            severity=severity_of(collapse, trace, min_samples, min_sure_samples, min_spread),
            hint=where_to_look(collapse, trace),
        )
