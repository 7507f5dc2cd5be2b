"""WGT002 all-zero-weight."""

from collections.abc import Iterator
from itertools import islice

from onnxlint import Finding, Graph, Node, Severity, Stage, Value, Walk, Weights, rule
from onnxlint.model.graph.operators import ON_RESIDUALS


@rule("WGT002", "all-zero-weight", severity=Severity.WARNING, stages=(Stage.TRAINED,))
def all_zero_weight(graph: Graph, weights: Weights) -> Iterator[Finding]:
    """A layer whose weights are all zero.

    Why: nothing passes through the layer. The weight was never loaded from the checkpoint, was
    pruned entirely, or received no gradient. Only weights with two or more axes are examined, and
    only after training: biases are often zero, and some layers start at zero on purpose. So do the
    last layers of residual branches, which are exempt.
    Fix: check that the names in the checkpoint match those of the model when it is loaded
    (`strict=True`), and that the layer is among the optimiser's parameters; remove it if it was
    pruned.

    Bad:
    net (float[N, 2] x) => (float[N, 2] y)
    <float[2, 2] w = {0, 0, 0, 0}, float[2] b = {1, 2}>
    {
        y = Gemm(x, w, b)
    }

    Good:
    # a residual branch that starts as the identity
    net (float[N, 2] x) => (float[N, 2] y)
    <float[2, 2] w = {0, 0, 0, 0}, float[2] b = {0, 0}>
    {
        branch = MatMul(x, w)
        biased = Add(branch, b)
        y = Add(x, biased)
    }

    Good:
    net (float[N, 2] x) => (float[N, 2] y)
    <float[2, 2] w = {0, 0, 0, 1}, float[2] b = {0, 0}>
    {
        y = Gemm(x, w, b)
    }
    """
    operands = _Operands(graph)
    for weight in weights.layers():
        if weights.repeated(weight) == 0 and not _joins_residual(weight.node, operands):
            yield Finding(
                weight,
                f"all {weight.tensor.size:,} weights are zero",
                measured=1.0,
                limit=1.0,
                unit="fraction of weights",
                hint="load the weights with strict=True, or remove the layer if it was pruned",
            )


class _Operands:
    """Knows which nodes read several computed values: a sum may be that of thousands of layers."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._computed: dict[Node, list[Value]] = {}

    def beside(self, node: Node, value: Value) -> bool:
        """Whether a node reads a computed value beside another one."""
        if node not in self._computed:
            read = filter(None, dict.fromkeys(node.inputs))
            computed = (other for other in read if self._graph.tensor(other) is None)
            self._computed[node] = list(islice(computed, 2))
        return any(other is not value for other in self._computed[node])


def _joins_residual(node: Node, operands: _Operands) -> bool:
    """Whether what a layer gives is added to a value that is computed without it."""
    walk = Walk([node.output])
    for value in walk:
        if len(value.consumers) != 1:
            return False
        follower = value.consumers[0]
        computed = operands.beside(follower, value)
        if computed or follower.op not in ON_RESIDUALS:
            return computed and follower.op in ("Add", "Sum")
        walk.add(follower.output)
    return False
