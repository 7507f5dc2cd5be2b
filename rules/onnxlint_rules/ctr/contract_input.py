"""CTR005 contract-input."""

from collections.abc import Iterator

from onnxlint import DeclaredContract, Finding, NotApplicable, Severity, Shapes, rule
from onnxlint_rules.ctr._signature import broken


@rule("CTR005", "contract-input", severity=Severity.ERROR)
def contract_input(contract: DeclaredContract, shapes: Shapes) -> Iterator[Finding]:
    """An input of another dtype or shape than the contract promises.

    Why: every caller prepares its arrays for the promised interface; an export that fixes the
    batch, changes the layout or takes float16 refuses them. `[inputs.NAME] shape` lists sizes,
    names for dynamic dimensions, and `"*"` for any; dimensions that are promised under the same
    name must be the same. Names themselves may differ: callers never see them.
    Fix: export with the promised signature, or change it with the callers.

    Bad:
    # config: inputs.x.shape = ["batch", 3]
    net (float[1, 3] x) => (float[1, 3] y)
    {
        y = Relu(x)
    }

    Bad:
    # config: inputs.x.dtype = "float32"
    net (float16[N, 3] x) => (float16[N, 3] y)
    {
        y = Relu(x)
    }

    Good:
    # config: inputs.x = {dtype = "float32", shape = ["batch", "*", 3]}
    net (float[N, 4, 3] x) => (float[N, 4, 3] y)
    {
        y = Relu(x)
    }
    """
    promised = {
        value: each
        for value, each in contract.inputs.items()
        if each.dtype or each.shape is not None
    }
    if not promised:
        raise NotApplicable("the contract promises no dtype or shape of an input")
    for value, each in promised.items():
        yield from broken(shapes, value, "input", each)
