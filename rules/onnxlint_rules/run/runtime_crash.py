"""RUN003 runtime-crash."""

from collections.abc import Iterator

from onnxlint import Execution, Finding, Graph, Place, Severity, rule


@rule("RUN003", "runtime-crash", severity=Severity.ERROR)
def runtime_crash(graph: Graph, execution: Execution) -> Iterator[Finding]:
    """A model that crashes onnxruntime, never ends, or takes more memory than is allowed.

    Why: it will do the same to the server that loads it, and take the other requests along. The
    limits are those of `--time-limit` and `--memory-limit`.
    Fix: bound the sizes that the model computes from its input; give a large model a higher limit;
    report a crash of the process to onnxruntime with the model.

    Bad:
    # one sample asks for 400 TB
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
        yield Finding(Place(), execution.crash, severity=severity)
