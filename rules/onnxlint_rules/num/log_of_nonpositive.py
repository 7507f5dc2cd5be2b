"""NUM001 log-of-nonpositive."""

from collections.abc import Iterator

from onnxlint import Counterexamples, Finding, Hazard, Hazards, Severity, rule
from onnxlint_rules.num._judging import judged


@rule("NUM001", "log-of-nonpositive", severity=Severity.WARNING, ops=("Log", "ReduceLogSum"))
def log_of_nonpositive(hazards: Hazards, shown: Counterexamples | None) -> Iterator[Finding]:
    """A logarithm whose operand may be 0 or negative.

    Why: it gives -inf or NaN, and every gradient or sum behind it is lost. A softmax is exactly 0
    in float32 from a gap of 104 between two logits on, a sigmoid from -18 on (measured with
    onnxruntime), so `log(softmax(x))` and `log(sigmoid(x))` fail on confident predictions, which no
    sample may have shown yet. LogSoftmax, ReduceLogSumExp and Softplus are stable and not reported.
    One finding for each cause: what follows from it is not reported again. An error where a run
    within declared ranges shows it, or every input fails; a warning where a run on a synthetic
    sample shows it, or bounds of inputs that are known are met; else an info.
    Fix: use the stable operator (LogSoftmax, `log_sigmoid`, a loss on logits), or add an epsilon to
    the operand, or limit it from below.

    Bad:
    net (float[N, 4] x) => (float[N, 4] y)
    <float[4, 4] w = {90, 0, 0, 1, 0, 90, 1, 0, 0, 1, 90, 0, 1, 0, 0, 90}>
    {
        logits = MatMul(x, w)
        p = Softmax(logits)
        y = Log(p)
    }

    Bad:
    # config: inputs.x.range = [-30, 30]
    net (float[N, 4] x) => (float[N, 4] y)
    {
        p = Sigmoid(x)
        y = Log(p)
    }

    Good:
    net (float[N, 4] x) => (float[N, 4] y)
    <float[4, 4] w = {90, 0, 0, 1, 0, 90, 1, 0, 0, 1, 90, 0, 1, 0, 0, 90}>
    {
        logits = MatMul(x, w)
        y = LogSoftmax(logits)
    }

    Good:
    # an epsilon under the logarithm
    net (float[N, 4] x) => (float[N, 4] y)
    <float little = {1e-7}>
    {
        p = Sigmoid(x)
        kept = Add(p, little)
        y = Log(kept)
    }

    Good:
    # only where it is positive
    # config: inputs.x.range = [-3, 3]
    net (float[N, 4] x) => (float[N, 4] y)
    <float zero = {0}>
    {
        positive = Greater(x, zero)
        all = Log(x)
        y = Where(positive, all, zero)
    }
    """
    yield from judged("NUM001", hazards, shown, "log", hint=_hint)


def _hint(hazard: Hazard) -> str:
    maker = hazard.way[0].op if hazard.way else ""
    stable = {"Softmax": "replace Softmax and Log by LogSoftmax",
              "Sigmoid": "compute the logarithm of the sigmoid as -softplus(-x)"}  # fmt: skip
    return stable.get(maker, f"add an epsilon to {hazard.operand.name!r}, or limit it from below")
