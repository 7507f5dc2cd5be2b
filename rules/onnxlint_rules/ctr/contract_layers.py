"""CTR004 contract-layers."""

from collections.abc import Iterator

from onnxlint import DeclaredContract, Finding, NotApplicable, Severity, rule
from onnxlint_rules.ctr import _layers


@rule("CTR004", "contract-layers", severity=Severity.ERROR)
def contract_layers(contract: DeclaredContract) -> Iterator[Finding]:
    """A layer that the contract promises is missing, of another kind or shape, or elsewhere.

    Why: the number of parameters stays the same when two layers are swapped, and hardly changes
    when a small one is lost. `[architecture.layers]` names the layers in the order of the file, by
    module as in the training code, else by weight or node: `"layer1.0.conv1" = "Conv"`, or
    `{kind = "Conv", shape = [64, 3, 7, 7]}` with the shape of the weight as the node reads it.
    With `other-layers = false` the model has no layers beside these.
    Fix: export the network that was trained; after an intended change, `onnxlint init` writes the
    layers anew.

    Bad:
    # config: architecture.layers = {w = "MatMul", v = "MatMul"}
    net (float[N, 3] x) => (float[N, 2] y)
    <float[3, 2] w = {1, 2, 3, 4, 5, 6}>
    {
        y = MatMul(x, w)
    }

    Bad:
    # config: architecture.layers = {w = {kind = "MatMul", shape = [3, 4]}}
    net (float[N, 3] x) => (float[N, 2] y)
    <float[3, 2] w = {1, 2, 3, 4, 5, 6}>
    {
        y = MatMul(x, w)
    }

    Bad:
    # config: architecture = {layers = {w = "MatMul"}, other-layers = false}
    net (float[N, 2] x) => (float[N, 2] y)
    <float[2, 2] w = {1, 2, 3, 4}, float[2, 2] v = {1, 2, 3, 4}>
    {
        h = MatMul(x, w)
        y = MatMul(h, v)
    }

    Good:
    # config: architecture.layers = {w = "MatMul", v = {kind = "MatMul", shape = [2, 2]}}
    net (float[N, 2] x) => (float[N, 2] y)
    <float[2, 2] w = {1, 2, 3, 4}, float[2, 2] v = {1, 2, 3, 4}>
    {
        h = MatMul(x, w)
        r = Relu(h)
        y = MatMul(r, v)
    }
    """
    architecture = contract.architecture
    if not architecture.layers and architecture.other_layers:
        raise NotApplicable("the contract promises no layers")
    yield from _layers.missing(contract)
    yield from _layers.changed(contract)
    yield from _layers.moved(contract)
    if not architecture.other_layers:
        yield from _layers.additional(contract)
