"""CTR003 contract-operators."""

from collections.abc import Iterator

from onnxlint import DeclaredContract, Finding, NotApplicable, Severity, counted, rule
from onnxlint_rules.ctr._bounds import crossed, is_kept, told


@rule("CTR003", "contract-operators", severity=Severity.ERROR)
def contract_operators(contract: DeclaredContract) -> Iterator[Finding]:
    """More or fewer nodes of an operator than the contract promises.

    Why: a dropped layer, a second softmax, dropout that is still there: each changes the number of
    nodes of one operator. `[architecture] operators` counts them, those in subgraphs and functions
    included, as a number or `[lowest, highest]`; operators of other domains are written
    `"com.microsoft::FusedConv"`. With `other-operators = false` there is none beside these.
    Fix: find what the exporter or the change did to these nodes (`onnxlint inspect`), or write the
    new number.

    Bad:
    # config: architecture.operators = {Softmax = 1}
    net (float[N, 3] x) => (float[N, 3] y)
    {
        p = Softmax(x)
        y = Softmax(p)
    }

    Bad:
    # config: architecture = {operators = {Softmax = 1}, other-operators = false}
    net (float[N, 3] x) => (float[N, 3] y)
    {
        r = Relu(x)
        y = Softmax(r)
    }

    Good:
    # config: architecture.operators = {Softmax = 1, Relu = [0, 2]}
    net (float[N, 3] x) => (float[N, 3] y)
    {
        r = Relu(x)
        y = Softmax(r)
    }
    """
    promised, seen = contract.architecture.operators, contract.operators
    closed = not contract.architecture.other_operators
    if not promised and not closed:
        raise NotApplicable("the contract promises no operators")
    others = {op: 0 for op in sorted(seen) if closed and op not in promised}
    for op, bounds in {**promised, **others}.items():
        if not is_kept(seen[op], bounds):
            yield Finding(
                contract.line("architecture", "operators", op),
                f"{counted(seen[op], f'{op} node')} ({told(bounds)})",
                measured=seen[op],
                limit=crossed(seen[op], bounds),
                unit="nodes",
                hint=f"undo what changed the {op} nodes, or change architecture.operators",
            )
