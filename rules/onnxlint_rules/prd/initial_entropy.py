"""PRD001 initial-entropy."""

from collections.abc import Iterator
from typing import Annotated

from onnxlint import (
    Finding,
    InitialBias,
    Option,
    Predictions,
    Settings,
    Severity,
    Stage,
    Trace,
    rule,
)


@rule("PRD001", "initial-entropy", severity=Severity.ERROR, stages=(Stage.INIT,))
def initial_entropy(
    predictions: Predictions, trace: Trace, settings: Settings, initial: InitialBias | None, *,
    max_deviation: Annotated[
        float, Option("deviation of the mean entropy from ln k", unit="fraction of ln k")
    ] = 0.1,
) -> Iterator[Finding]:  # fmt: skip
    """An untrained model that already prefers some classes.

    Why: an untrained model should be uninformative, so over k classes its predictions should have
    an entropy near ln k (ln 2 for each label of a sigmoid head), which its initial loss should
    equal. A model that starts far from it spends its first epochs unlearning what the
    initialisation put in: the weights of the head are too large, or the features before it grow
    from layer to layer. A warning on synthetic samples. With labels (`--labels`), the entropy of
    the frequencies of their classes is as good: a last bias set to these begins there (PRD017).
    Fix: initialise the last layer with a smaller standard deviation (or zero), and normalise the
    features before it. Outputs that are not classes: declare them in the configuration (`outputs`).

    Bad:
    # stage: init
    net (float[N, 4] x) => (float[N, 4] y)
    <float[4, 4] w = {9, 0, 0, 0, 0, 9, 0, 0, 0, 0, 9, 0, 0, 0, 0, 9}>
    {
        logits = MatMul(x, w)
        y = Softmax(logits)
    }

    Good:
    # stage: init
    net (float[N, 4] x) => (float[N, 4] y)
    <float[4, 4] w = {0.1, 0, 0, 0, 0, 0.1, 0, 0, 0, 0, 0.1, 0, 0, 0, 0, 0.1}>
    {
        logits = MatMul(x, w)
        y = Softmax(logits)
    }
    """
    for prediction in predictions:
        name = prediction.head.value.name
        if not prediction.is_probable or _breaks_promise(name, prediction.entropy, settings):
            continue
        expected, seen = prediction.expected_entropy, prediction.entropy
        if abs(seen - expected) > max_deviation * expected:
            if initial is not None and _is_of_labels(name, seen, initial, max_deviation):
                continue
            count = 2 if prediction.head.kind == "sigmoid" else prediction.classes
            yield Finding(
                prediction,
                f"mean entropy of {prediction.rows:,} predictions is {seen:.3f} nats; an untrained "
                f"model should be near ln {count} = {expected:.3f}, its expected initial loss "
                f"(tolerance {max_deviation:.0%})",
                measured=seen,
                limit=expected,
                unit="nats",
                severity=trace.severity(Severity.ERROR, prediction.head.value),
                hint=f"initialise the layer before {prediction.head.value.name!r} with a smaller "
                "standard deviation, or with zeros",
            )


def _breaks_promise(output: str, entropy: float, settings: Settings) -> bool:
    """Whether the contract bounds the entropy otherwise, which CTR009 reports."""
    promised = settings.outputs.get(output)
    bounds = None if promised is None else promised.entropy
    return bounds is not None and not bounds[0] <= entropy <= bounds[1]


def _is_of_labels(output: str, entropy: float, initial: InitialBias, max_deviation: float) -> bool:
    """Whether predictions are as uncertain as the frequencies of the labels' classes."""
    scores = initial.scores
    if scores.task == "regression" or scores.output.value.name != output:
        return False
    return abs(entropy - initial.best) <= max_deviation * initial.best
