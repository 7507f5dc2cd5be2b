"""GRA020 identical-branches."""

from collections.abc import Hashable, Iterator, Mapping

from onnxlint import Finding, Graph, Node, Severity, Value, rule


@rule("GRA020", "identical-branches", severity=Severity.WARNING)
def identical_branches(graph: Graph) -> Iterator[Finding]:
    """A layer that duplicates the computation of another layer.

    Why: operator, attributes, weights and input are the same, so the result is the same. Either the
    work is done twice, or a block was copied without adapting its input, which trains and runs
    without a complaint. Of a longer copy only the first layer is reported. Weights count as the
    same if they are one tensor.
    Fix: give the copied layer the intended input; otherwise compute it once and use the result
    twice.

    Bad:
    net (float[N, 2] x) => (float[N, 2] y)
    <float[2, 2] w = {1, 2, 3, 4}>
    {
        a = MatMul(x, w)
        b = MatMul(x, w)
        s = Relu(a)
        y = Add(s, b)
    }

    Good:
    # the same weights on another input
    net (float[N, 2] x, float[N, 2] z) => (float[N, 2] y)
    <float[2, 2] w = {1, 2, 3, 4}>
    {
        a = MatMul(x, w)
        b = MatMul(z, w)
        y = Add(a, b)
    }
    """
    layers = set(graph.layers())
    same: dict[Value, Value] = {}
    alone: dict[Hashable, Node | None] = {}
    firsts: dict[Hashable, Node] = {}
    told: set[Node] = set()
    for node in graph.nodes():
        operands = _operands(node, same)
        other = alone.setdefault(operands, node)
        if other is node:  # as nearly all are: no more of it is looked at
            continue
        if other is not None:
            alone[operands] = None
            firsts[operands, _details(other)] = other
        first = firsts.setdefault((operands, _details(node)), node)
        if first is node:
            continue
        same.update((a, b) for a, b in zip(node.outputs, first.outputs, strict=True) if a and b)
        if any(value.producer in told for value in node.inputs if value):
            told.add(node)
        elif node in layers:
            told.add(node)
            hint = f"give it the intended input, or use the output of {first.place} instead"
            yield Finding(node, f"duplicates the computation of {first.place}", hint=hint)


def _operands(node: Node, same: Mapping[Value, Value]) -> Hashable:
    """Operator and inputs of a node."""
    return node.op, *[same.get(value, value) if value else None for value in node.inputs]


def _details(node: Node) -> Hashable:
    """What else determines a node's result: two for which both are equal compute the same."""
    if node.subgraphs or node.is_random:
        return node
    attributes = sorted([a.SerializeToString(deterministic=True) for a in node.attribute_list])
    outputs = len(node.outputs), *(at for at, each in enumerate(node.outputs) if each is None)
    return node.scope, outputs, tuple(attributes)
