"""CTR013 contract-latency."""

from collections.abc import Iterator
from typing import Annotated

from onnxlint import DeclaredContract, Finding, Latency, NotApplicable, Option, Severity, rule


@rule("CTR013", "contract-latency", severity=Severity.ERROR)
def contract_latency(
    contract: DeclaredContract, latency: Latency, *,
    margin: Annotated[
        float, Option("how far beyond the promised ratio counts", unit="fraction of the ratio")
    ] = 0.1,
) -> Iterator[Finding]:  # fmt: skip
    """A run that takes longer, beside a reference model, than the contract promises.

    Why: a release that is slower than the last one is noticed by its users first. `[budgets]
    latency = {reference = "v1.onnx", ratio = 1.2}` promises at most 1.2 times the time of the
    reference: both run the same samples, in turns, in one process, and the medians of several runs
    are compared. This rule alone is measured by the clock, and runs only where the contract asks
    for it. It reports what every one of three rounds shows, and by more than the margin, so that a
    busy machine breaks no promise; the measured ratio is in the JSON report.
    Fix: find what became dearer (`[budgets] flops` is exact), or raise the ratio.

    Bad:
    # the reference has the ReLU alone
    # config: budgets.latency = {reference = "v1.onnx", ratio = 1.2}
    >>> v1 = type(model).FromString(model.SerializeToString())
    >>> v1.graph.node[-1].input[0] = "x"
    >>> del v1.graph.node[:-1]
    >>> (folder / "v1.onnx").write_bytes(v1.SerializeToString())
    net (float[400, 400] x) => (float[400, 400] y)
    {
        h = MatMul(x, x)
        z = MatMul(h, x)
        y = Relu(z)
    }

    Good:
    # the reference is the model itself
    # config: budgets.latency = {reference = "v1.onnx", ratio = 20}
    >>> (folder / "v1.onnx").write_bytes(model.SerializeToString())
    net (float[N, 3] x) => (float[N, 3] y)
    {
        y = Relu(x)
    }
    """
    promised = contract.budgets.latency
    if promised is None:
        raise NotApplicable("the contract has no budget for latency")
    if latency.least > promised.ratio * (1 + margin):
        yield Finding(
            contract.line("budgets", "latency"),
            f"one run takes more than {promised.ratio * (1 + margin):.4g} times as long as the "
            f"reference in all {len(latency.ratios)} rounds (promised at most {promised.ratio:g}, "
            f"margin {margin:.0%})",
            measured=round(latency.ratio, 2),
            limit=promised.ratio,
            unit="ratio of medians",
            hint="find what became dearer, or raise budgets.latency.ratio",
        )
