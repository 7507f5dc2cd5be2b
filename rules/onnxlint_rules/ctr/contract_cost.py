"""CTR012 contract-cost."""

from collections.abc import Iterator

from onnxlint import Costs, DeclaredContract, Finding, NotApplicable, Severity, rule
from onnxlint_rules.ctr._bounds import scaled, size_text


@rule("CTR012", "contract-cost", severity=Severity.ERROR)
def contract_cost(contract: DeclaredContract, costs: Costs) -> Iterator[Finding]:
    """More operations or memory for one run than the contract promises.

    Why: a layer that was widened, an attention over the whole sequence or a resolution that was
    raised costs every call. Both are counted from the shapes, so they are the same on every
    machine. `[budgets] flops` counts two operations for each multiplication with its addition, in
    convolutions, products of matrices, recurrent layers and attention. `peak-memory` counts the
    weights and the values that are alive at once in the order of the file; a runtime takes some
    more. Dynamic dimensions are 1, or as `[budgets] sizes` says.
    Fix: undo what made the run dearer, or raise the budget.

    Bad:
    # config: budgets = {flops = 100, sizes = {N = 16}}
    net (float[N, 3] x) => (float[N, 2] y)
    <float[3, 2] w = {1, 2, 3, 4, 5, 6}>
    {
        y = MatMul(x, w)
    }

    Bad:
    # config: budgets.peak-memory = "32B"
    net (float[N, 3] x) => (float[N, 2] y)
    <float[3, 2] w = {1, 2, 3, 4, 5, 6}>
    {
        y = MatMul(x, w)
    }

    Good:
    # 6 weights, 3 elements in and 2 out are 44 bytes
    # config: budgets = {flops = 12, peak-memory = "44B"}
    net (float[N, 3] x) => (float[N, 2] y)
    <float[3, 2] w = {1, 2, 3, 4, 5, 6}>
    {
        y = MatMul(x, w)
    }
    """
    budgets = contract.budgets
    if budgets.flops is None and budgets.memory_bytes is None:
        raise NotApplicable("the contract has no budget for operations or memory")
    if budgets.flops is not None:
        if costs.uncounted:
            yield _unknown(contract, "flops", "operations", costs.uncounted)
        if costs.product_flops > budgets.flops:
            what, most = f"one run takes {scaled(costs.product_flops)}", scaled(budgets.flops)
            yield _beyond(contract, "flops", what, most, costs.product_flops, budgets.flops)
    if budgets.memory_bytes is not None:
        if costs.unsized:
            yield _unknown(contract, "peak-memory", "memory", costs.unsized)
        if costs.peak_memory > budgets.memory_bytes:
            what = f"one run holds {size_text(costs.peak_memory)} at once"
            most, seen = size_text(budgets.memory_bytes), costs.peak_memory
            yield _beyond(contract, "peak-memory", what, most, seen, budgets.memory_bytes)


def _unknown(contract: DeclaredContract, key: str, what: str, ops: tuple[str, ...]) -> Finding:
    return Finding(
        contract.line("budgets", key),
        f"{what} of a run cannot be counted: sizes at {', '.join(ops)} are unknown (promised "
        "a budget)",
        hint=f"give the sizes of dynamic dimensions in budgets.sizes, or take budgets.{key} out of "
        "the contract",
    )


def _beyond(
    contract: DeclaredContract, key: str, what: str, most: str, seen: float, limit: float
) -> Finding:
    return Finding(
        contract.line("budgets", key),
        f"{what} (promised at most {most})",
        measured=seen,
        limit=limit,
        unit="operations" if key == "flops" else "bytes",
        hint=f"undo what made the run dearer, or raise budgets.{key}",
    )
