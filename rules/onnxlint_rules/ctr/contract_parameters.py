"""CTR002 contract-parameters."""

from collections.abc import Iterator

from onnxlint import DeclaredContract, Finding, NotApplicable, Severity, rule
from onnxlint_rules.ctr._bounds import crossed, is_kept, told


@rule("CTR002", "contract-parameters", severity=Severity.ERROR)
def contract_parameters(contract: DeclaredContract) -> Iterator[Finding]:
    """Another number of trainable parameters than the contract promises.

    Why: a layer that is left out, doubled or of another width changes the number, and nothing else
    need fail. Counted are the weights, biases, scales and slopes that a training changes; running
    statistics, limits, shapes and other constants are not, and a weight that two layers share
    counts once. `[architecture] parameters` is the exact number, or `[lowest, highest]`.
    Fix: compare the layers with `onnxlint inspect`, and export the network that was trained; after
    an intended change, write the new number.

    Bad:
    # config: architecture.parameters = 8
    net (float[N, 3] x) => (float[N, 2] y)
    <float[3, 2] w = {1, 2, 3, 4, 5, 6}>
    {
        y = MatMul(x, w)
    }

    Good:
    # config: architecture.parameters = 6
    net (float[N, 3] x) => (float[N, 2] y)
    <float[3, 2] w = {1, 2, 3, 4, 5, 6}>
    {
        y = MatMul(x, w)
    }

    Good:
    # running statistics are not trained
    # config: architecture.parameters = [4, 4]
    net (float[N, 2] x) => (float[N, 2] y)
    <float[2] scale = {1, 2}, float[2] bias = {0, 1}, float[2] mean = {0, 1}, float[2] var = {1, 2}>
    {
        y = BatchNormalization(x, scale, bias, mean, var)
    }
    """
    promised = contract.architecture.parameters
    if promised is None:
        raise NotApplicable("the contract promises no number of parameters")
    if not is_kept(contract.parameters, promised):
        yield Finding(
            contract.line("architecture", "parameters"),
            f"{contract.parameters:,} trainable parameters ({told(promised)})",
            measured=contract.parameters,
            limit=crossed(contract.parameters, promised),
            unit="parameters",
            hint="export the network that was trained, or change architecture.parameters",
        )
