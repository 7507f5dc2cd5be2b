"""RUN003 runtime-crash."""

from collections.abc import Iterator

from onnxlint import Execution, Finding, Graph, Place, Severity, rule


@rule("RUN003", "runtime-crash", severity=Severity.ERROR)
def runtime_crash(graph: Graph, execution: Execution) -> Iterator[Finding]:
    """A model that crashes onnxruntime, hangs, or exceeds the memory limit.

    Why: the model does the same to the server that loads it, together with all other requests. The
    limits are those of `--time-limit` and `--memory-limit`.
    Fix: bound the sizes that the model computes from its input; allow a large model a higher limit;
    report a crash of the process to onnxruntime with the model.

    Bad:
    # one sample allocates 400 TB
    net (int64[2] size) => (float[A, B] y)
    <int64[2] step = {10000000, 10000000}>
    {
        one = Div(size, size)
        many = Mul(one, step)
        y = ConstantOfShape(many)
    }

    Good:
    net (int64[2] size) => (float[A, B] y)
    <int64[2] step = {10, 10}>
    {
        one = Div(size, size)
        many = Mul(one, step)
        y = ConstantOfShape(many)
    }
    """
    if execution.crash is not None:
        hangs_on_data = execution.synthetic and any(graph.nodes("Loop"))
        severity = Severity.WARNING if hangs_on_data and execution.over_limit else None
        hint = "report the crash to onnxruntime with the model"
        if execution.over_limit:
            hint = (
                "bound the sizes computed from the input, or raise --time-limit or --memory-limit"
            )
        yield Finding(Place(), execution.crash, severity=severity, hint=hint)
