"""RUN002 execution-failure."""

from collections.abc import Iterator

from onnxlint import Execution, Finding, Limits, Severity, rule
from onnxlint_rules.run._remedies import to_run


@rule("RUN002", "execution-failure", severity=Severity.ERROR)
def execution_failure(execution: Execution, limits: Limits) -> Iterator[Finding]:
    """A model that loads but fails at run time.

    Why: the model passes every check of the file and fails with the first request: a Reshape keeps
    the batch size of the export, a look-up exceeds its table, sizes do not broadcast. A warning
    where usual samples run and an all-zero or constant one, or a sequence of one step, fails; an
    info where samples of minimum and maximum values fail, or where kernels over the steps, sizes or
    parameters may explain the failure.
    Fix: follow the node that is named to the layer it came from; export with dynamic axes where
    sizes vary, and with an example input that is not of size 1.

    Bad:
    net (float[4] x) => (float[M] y)
    <float[3] w = {1, 2, 3}, int64[2] rows = {0, 7}>
    {
        picked = Gather(w, rows)
        y = Concat <axis = 0> (picked, x)
    }

    Bad:
    # integers, and one step
    net (float[N, steps, 2] x, int64 span) => (int64 y)
    <int64 second = {1}, int64 one = {1}>
    {
        shape = Shape(x)
        steps = Gather(shape, second)
        gaps = Sub(steps, one)
        y = Div(span, gaps)
    }

    Good:
    net (float[N, steps, 2] x, int64 span) => (int64 y)
    <int64 second = {1}, int64 one = {1}>
    {
        shape = Shape(x)
        steps = Gather(shape, second)
        gaps = Sub(steps, one)
        least = Max(gaps, one)
        y = Div(span, least)
    }

    Good:
    net (float[4] x) => (float[M] y)
    <float[3] w = {1, 2, 3}, int64[2] rows = {0, -1}>
    {
        picked = Gather(w, rows)
        y = Concat <axis = 0> (picked, x)
    }
    """
    refusal = execution.execution_failure
    if refusal is not None:
        yield Finding(refusal, f"run with {refusal.fed} fails: {refusal}", hint=to_run(refusal))
    places = {refusal.place} if refusal is not None else set()
    for refused in limits.refused:
        why = refused.refusal
        if why.place in places:
            continue
        places.add(why.place)
        yield Finding(
            why,
            "fails only for synthetic boundary samples: "
            f"{refused.boundary.told} ({why.fed}): {why}",
            severity=Severity.WARNING if refused.sure else Severity.INFO,
            hint=to_run(why),
        )
