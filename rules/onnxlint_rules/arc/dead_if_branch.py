"""ARC020 dead-if-branch."""

from collections.abc import Iterator

from onnxlint import ConstantFolding, Finding, Graph, Node, Severity, Shapes, rule


@rule("ARC020", "dead-if-branch", severity=Severity.INFO, ops=("If",))
def dead_if_branch(graph: Graph, shapes: Shapes, folding: ConstantFolding) -> Iterator[Finding]:
    """An If with a constant condition, or whose branches return different ranks.

    Why: one branch is dead weight, and compilers without control flow reject the model because of
    it. A warning if the caller's values or sizes decide the rank: memory for the consumers of the
    output cannot be planned, and TensorRT refuses the model (issues 2846, 4032). TorchScript writes
    such an If for the squeeze of an axis that may or may not be 1. Branches that only differ in
    sizes, as in merged decoders, are exempt, and so is everything inside an If that is reported.
    Fix: fold the If (onnxslim, onnxsim), or write what is meant: `x[:, 0]` or `flatten` instead of
    the squeeze, with the axis static at the export.

    Bad:
    # axis 1 of x has size 1
    net (float[N, 1, 4] x) => (float[N, 1, 4] y)
    <int64 axis = {1}, int64 one = {1}>
    {
        sizes = Shape(x)
        size = Gather(sizes, axis)
        single = Equal(size, one)
        y = If(single) <
            then_branch = a () => (float[N, 1, 4] p) { p = Relu(x) },
            else_branch = b () => (float[N, 1, 4] q) { q = Tanh(x) }
        >
    }

    Bad:
    net (float[N, M, 4] x, bool single) => (y)
    <int64[1] axis = {1}>
    {
        y = If(single) <
            then_branch = a () => (float[N, 4] p) { p = Squeeze(x, axis) },
            else_branch = b () => (float[N, M, 4] q) { q = Identity(x) }
        >
    }

    Good:
    # with the past and without: different sizes, the same rank
    net (float[N, M, 4] x, float[N, 1, 4] past, bool first) => (float[N, K, 4] y)
    {
        y = If(first) <
            then_branch = a () => (float[N, M, 4] p) { p = Identity(x) },
            else_branch = b () => (float[N, L, 4] q) { q = Concat <axis = 1> (past, x) }
        >
    }
    """
    reported: set[Node] = set()
    for node in graph.nodes("If"):
        if not reported.isdisjoint(node.owners):
            continue
        always, ranks = folding.of(node.input(0)), _differing_ranks(node, shapes)
        if always is not None:
            reported.add(node)
            branch = "then_branch" if always else "else_branch"
            yield Finding(
                node,
                f"condition is {bool(always)} for every input",
                hint=f"replace this If by the nodes of its {branch} (onnxslim and onnxsim fold it)",
            )
        elif ranks is not None:
            reported.add(node)
            yield Finding(
                node,
                f"branches return ranks {ranks[0]} and {ranks[1]}",
                hint=f"make both branches return one rank: where rank {min(ranks)} comes from a "
                "squeeze, write x[:, 0] or flatten, or export with that axis static",
                severity=Severity.WARNING,
            )


def _differing_ranks(node: Node, shapes: Shapes) -> list[int] | None:
    """The ranks of the first output for which those of the branches differ."""
    for outputs in zip(*(branch.outputs for branch in node.subgraphs), strict=False):
        types = [shapes.of(value) for value in outputs]
        ranks = [shape.rank for shape in types if shape is not None and shape.rank is not None]
        if len(set(ranks)) > 1:
            return ranks
    return None
