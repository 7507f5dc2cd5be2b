"""ARC020 dead-if-branch."""

from collections.abc import Iterator

from onnxlint import Finding, Graph, Node, Severity, Shapes, rule
from onnxlint_rules.arc._folding import Folding


@rule("ARC020", "dead-if-branch", severity=Severity.INFO, ops=("If",))
def dead_if_branch(graph: Graph, shapes: Shapes) -> Iterator[Finding]:
    """An If whose condition is always the same, or whose branches give different ranks.

    Why: one of the branches is shipped, checked and loaded for nothing, and compilers that know no
    control flow refuse the model for its sake. A warning where it is the caller's numbers or sizes
    that decide of the rank: whatever reads the output cannot be planned, and TensorRT refuses it
    (issues 2846, 4032). TorchScript writes such an If for the squeeze of an axis that may or may
    not be 1. Branches whose sizes alone differ, as in merged decoders, are left alone, and so is
    what stands inside an If that is told.
    Fix: fold the If (onnxslim, onnxsim), or write what is meant: `x[:, 0]` or `flatten` instead of
    the squeeze, with the axis static at the export.

    Bad:
    # the second size of x is 1
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
    # with the past and without: another size, the same rank
    net (float[N, M, 4] x, float[N, 1, 4] past, bool first) => (float[N, K, 4] y)
    {
        y = If(first) <
            then_branch = a () => (float[N, M, 4] p) { p = Identity(x) },
            else_branch = b () => (float[N, L, 4] q) { q = Concat <axis = 1> (past, x) }
        >
    }
    """
    told: set[Node] = set()
    folding = Folding(graph, shapes)
    for node in graph.nodes("If"):
        if not told.isdisjoint(_owners(node)):
            continue
        always, ranks = folding.of(node.input(0)), _differing_ranks(node, shapes)
        if always is not None:
            told.add(node)
            yield Finding(node, f"its condition is {bool(always)} for every input")
        elif ranks is not None:
            told.add(node)
            message = (
                f"its output has rank {ranks[0]} from one branch and {ranks[1]} from the other"
            )
            yield Finding(node, message, severity=Severity.WARNING)


def _owners(node: Node) -> Iterator[Node]:
    """The nodes in whose subgraphs a node stands."""
    while node.scope.owner is not None:
        node = node.scope.owner
        yield node


def _differing_ranks(node: Node, shapes: Shapes) -> list[int] | None:
    """The ranks of the first output of which the branches give different ones."""
    for outputs in zip(*(branch.outputs for branch in node.subgraphs), strict=False):
        types = [shapes.of(value) for value in outputs]
        ranks = [shape.rank for shape in types if shape is not None and shape.rank is not None]
        if len(set(ranks)) > 1:
            return ranks
    return None
