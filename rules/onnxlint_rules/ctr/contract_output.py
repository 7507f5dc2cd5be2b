"""CTR007 contract-output."""

from collections.abc import Iterator

from onnxlint import Contract, Finding, NotApplicable, Severity, Shapes, rule
from onnxlint_rules.ctr._signature import broken


@rule("CTR007", "contract-output", severity=Severity.ERROR)
def contract_output(contract: Contract, shapes: Shapes) -> Iterator[Finding]:
    """An output of another dtype or shape than the contract promises.

    Why: what reads the predictions relies on the number of classes, on the axis of the batch and on
    the dtype. `[outputs.NAME] shape` is written as that of inputs: sizes, names for dynamic
    dimensions, `"*"` for any. What the file leaves open is inferred from the graph.
    Fix: export with the promised signature, or change it with the callers.

    Bad:
    # config: outputs.y.shape = ["N", 10]
    net (float[N, 3] x) => (float[N, 3] y)
    {
        y = Relu(x)
    }

    Bad:
    # config: outputs.y.dtype = "int64"
    net (float[N, 3] x) => (float[N, 3] y)
    {
        y = Relu(x)
    }

    Good:
    # config: outputs.y = {dtype = "float32", shape = ["N", 3]}
    net (float[batch, 3] x) => (float[batch, 3] y)
    {
        y = Relu(x)
    }
    """
    promised = {
        value: each
        for value, each in contract.outputs.items()
        if each.dtype or each.shape is not None
    }
    if not promised:
        raise NotApplicable("the contract promises no dtype or shape of an output")
    for value, each in promised.items():
        yield from broken(shapes, value, "output", each)
