"""CKP007 stuck-entropy."""

from collections.abc import Iterator
from typing import Annotated

from onnxlint import Finding, Option, SeriesRuns, Severity, rule
from onnxlint_rules.ckp._curves import beats_guessing, is_beyond_chance, known


@rule("CKP007", "stuck-entropy", severity=Severity.WARNING)
def stuck_entropy(
    runs: SeriesRuns, *,
    min_fall: Annotated[
        float, Option("fall of the entropy below ln k that counts", unit="fraction of ln k")
    ] = 0.01,
    min_checkpoints: Annotated[int, Option("fewest checkpoints", unit="checkpoints")] = 3,
) -> Iterator[Finding]:  # fmt: skip
    """Predictions that stay as uninformative as at the start: the entropy does not leave ln k.

    Why: an untrained classifier of k classes predicts each with 1/k, an entropy of ln k (ln 2 for
    each label of a sigmoid head); training lowers it. If it stays within 1% of ln k at every
    checkpoint, nothing was learnt: no gradient arrives, the learning rate is far too low, or labels
    and samples do not belong together. Models whose loss on labels is 5% below that of guessing are
    exempt; where it is below by more than three standard errors, as on tasks that are nearly all
    chance, it is an info. So it is on synthetic inputs, of which trained models may know nothing.
    Fix: train on a handful of samples first, which must be learnt by heart; raise the learning
    rate; check that labels and samples are shuffled together.

    Bad:
    # series: [0, 10, 20, 30]
    # data: x = [[1.0, 2.0], [2.0, 1.0], [-0.5, 0.5], [1.0, -1.0]]
    net (float[N, 2] x) => (float[N, 4] y)
    <float[2, 4] w = {0.01, -0.01, 0.02, 0.01, 0.01, 0.02, -0.01, 0.01}>
    {
        logits = MatMul(x, w)
        y = Softmax(logits)
    }
    >>> weights["w"] = weights["w"] * (1 + 0.1 * k)

    Good:
    # series: [0, 10, 20, 30]
    # data: x = [[1.0, 2.0], [2.0, 1.0], [-0.5, 0.5], [1.0, -1.0]]
    net (float[N, 2] x) => (float[N, 4] y)
    <float[2, 4] w = {0.01, -0.01, 0.02, 0.01, 0.01, 0.02, -0.01, 0.01}>
    {
        logits = MatMul(x, w)
        y = Softmax(logits)
    }
    >>> weights["w"] = weights["w"] * 6 ** k
    """
    scores = runs.report.scores
    if any(map(beats_guessing, scores)):
        return
    is_mild = runs.synthetic or any(map(is_beyond_chance, scores))
    for curve in runs.report.entropies:
        seen = [value for _, value in known(curve.entropy)]
        limit = (1 - min_fall) * curve.expected
        if len(seen) < min_checkpoints or min(seen) <= limit:
            continue
        yield Finding(
            curve,
            f"mean entropy is {seen[0]:.4g} nats at {runs.report.named(0)} and {seen[-1]:.4g} at "
            f"the end, never below {limit:.4g}: still ln {curve.classes}, as before training",
            measured=min(seen), limit=limit, unit="nats",
            severity=Severity.INFO if is_mild else None,
            hint="see whether the network learns ten samples by heart; if not, no gradient arrives",
        )  # fmt: skip
