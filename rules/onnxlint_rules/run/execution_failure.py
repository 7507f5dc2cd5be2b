"""RUN002 execution-failure."""

from collections.abc import Iterator

from onnxlint import Execution, Finding, Limits, Severity, rule


@rule("RUN002", "execution-failure", severity=Severity.ERROR)
def execution_failure(execution: Execution, limits: Limits) -> Iterator[Finding]:
    """A model that loads and cannot be run.

    Why: the model passes every check of the file and fails with the first request: a Reshape keeps
    the batch of the export, a look-up runs past its table, sizes do not broadcast. An info where a
    made-up sample of zeros, or of the least and largest numbers, fails and others do not.
    Fix: follow the node that is named to the layer it came from; export with dynamic axes where
    sizes vary, and with an example input that is not of size 1.

    Bad:
    net (float[4] x) => (float[M] y)
    <float[3] w = {1, 2, 3}, int64[2] rows = {0, 7}>
    {
        picked = Gather(w, rows)
        y = Concat <axis = 0> (picked, x)
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
        yield Finding(refusal, f"a run on {refusal.fed} fails: {refusal}")
    if limits.failure is not None:
        told = f"all zeros, or the least and largest numbers, as {limits.failure.fed} fail"
        yield Finding(limits.failure, f"{told}: {limits.failure}", severity=Severity.INFO)
