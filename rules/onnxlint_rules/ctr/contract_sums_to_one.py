"""CTR008 contract-sums-to-one."""

from collections.abc import Iterator
from typing import Annotated

from onnxlint import DeclaredContract, Finding, NotApplicable, Option, Outputs, Severity, rule


@rule("CTR008", "contract-sums-to-one", severity=Severity.ERROR)
def contract_sums_to_one(
    contract: DeclaredContract, outputs: Outputs, *,
    tolerance: Annotated[float, Option("largest distance of a sum from 1")] = 0.01,
) -> Iterator[Finding]:  # fmt: skip
    """An output whose rows were promised to sum to 1, and do not.

    Why: thresholds, calibration and logarithmic losses expect probabilities; a softmax over the
    wrong axis, or one that was left out of the export, gives numbers that only look like them.
    `[outputs.NAME] sums-to-one = true` is a promise about the axis of the classes, where the graph
    tells it, else about the last. PRD003 judges outputs that it recognises as probabilities without
    any promise.
    Fix: end the model with a softmax over the classes, or take the promise out of the contract.

    Bad:
    # config: outputs.y.sums-to-one = true
    net (float[N, 4] x) => (float[N, 4] y)
    {
        y = Sigmoid(x)
    }

    Good:
    # config: outputs.y.sums-to-one = true
    net (float[N, 4] x) => (float[N, 4] y)
    {
        y = Softmax(x)
    }
    """
    promised = {value for value, each in contract.outputs.items() if each.sums_to_one}
    judged = [output for output in outputs if output.value in promised and output.arrays]
    if not judged:
        raise NotApplicable("the contract promises of no output that it sums to 1")
    for output in judged:
        deviation, sums = output.farthest_sum
        if not deviation <= tolerance:
            yield Finding(
                output,
                f"rows of output {output.value.name!r} sum to {sums:.4g} (promised 1, tolerance "
                f"{tolerance:g})",
                measured=sums,
                limit=1,
                hint="end the model with a softmax over the classes, or take "
                f"outputs.{output.value.name}.sums-to-one out of the contract",
            )
