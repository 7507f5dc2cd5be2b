"""CTR011 contract-size."""

from collections.abc import Iterator

from onnxlint import (
    Contract,
    DeclaredContract,
    Finding,
    Graph,
    NotApplicable,
    Preflight,
    Severity,
    rule,
)
from onnxlint_rules.ctr._bounds import size_text


@rule("CTR011", "contract-size", severity=Severity.ERROR)
def contract_size(
    contract: DeclaredContract, graph: Graph, preflight: Preflight
) -> Iterator[Finding]:
    """A file, a number of parameters or of nodes beyond its budget.

    Why: what is downloaded, kept on a phone or loaded at every start has a limit that nobody looks
    at when a model is exported: weights in float64, an embedding twice, a loop that was unrolled.
    `[budgets] file-size` counts the file and its external data; `parameters` and `nodes` are
    numbers, nodes those of all subgraphs and functions.
    Fix: store weights once and in the promised dtype, simplify the graph, or raise the budget.

    Bad:
    # config: budgets.file-size = "100B"
    net (float[N, 3] x) => (float[N, 2] y)
    <float[3, 2] w = {1, 2, 3, 4, 5, 6}>
    {
        y = MatMul(x, w)
    }

    Bad:
    # config: budgets = {nodes = 1, parameters = 5}
    net (float[N, 3] x) => (float[N, 2] y)
    <float[3, 2] w = {1, 2, 3, 4, 5, 6}>
    {
        h = MatMul(x, w)
        y = Relu(h)
    }

    Good:
    # config: budgets = {file-size = "1MiB", nodes = 1, parameters = 6}
    net (float[N, 3] x) => (float[N, 2] y)
    <float[3, 2] w = {1, 2, 3, 4, 5, 6}>
    {
        y = MatMul(x, w)
    }
    """
    budgets = contract.budgets
    if (budgets.file_size, budgets.parameters, budgets.nodes) == (None, None, None):
        raise NotApplicable("the contract has no budget for file size, parameters or nodes")
    if budgets.file_bytes is not None and (nbytes := preflight.total_bytes) > budgets.file_bytes:
        yield _beyond(contract, "file-size", "file size", nbytes, budgets.file_bytes, "bytes")
    nodes = sum(len(scope.nodes) for scope in graph.scopes)
    for key, seen, most in (
        ("parameters", contract.parameters, budgets.parameters), ("nodes", nodes, budgets.nodes),
    ):  # fmt: skip
        if most is not None and seen > most:
            yield _beyond(contract, key, f"number of {key}", seen, most, key)


def _beyond(contract: Contract, key: str, what: str, seen: int, most: int, unit: str) -> Finding:
    shown, limit = (
        (size_text(seen), size_text(most)) if unit == "bytes" else (f"{seen:,}", f"{most:,}")
    )
    return Finding(
        contract.line("budgets", key),
        f"{what} is {shown} (promised at most {limit})",
        measured=seen,
        limit=most,
        unit=unit,
        hint=f"make the model smaller, or raise budgets.{key}",
    )
