"""GRA020 identical-branches."""

from collections.abc import Hashable, Iterator, Mapping

from onnxlint import Finding, Graph, Node, Severity, Value, rule


@rule("GRA020", "identical-branches", severity=Severity.WARNING)
def identical_branches(graph: Graph) -> Iterator[Finding]:
    """A layer that computes what another one computes already.

    Why: operator, attributes, weights and input are the same, so the result is, too. Either the
    work is done twice, or a block was copied and its input left as it was, which trains and runs
    without a complaint. Of a longer copy only its first layer is told. Weights count as the same
    where they are one tensor.
    Fix: give the copied layer the input that was meant; else compute it once and use it twice.

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
    firsts: dict[Hashable, Node] = {}
    told: set[Node] = set()
    for node in graph.nodes():
        first = firsts.setdefault(_identity(node, same), node)
        if first is node:
            continue
        same.update((a, b) for a, b in zip(node.outputs, first.outputs, strict=True) if a and b)
        if any(value.producer in told for value in node.inputs if value):
            told.add(node)
        elif node in layers:
            told.add(node)
            yield Finding(node, f"it computes the same as {first.place}")


def _identity(node: Node, same: Mapping[Value, Value]) -> Hashable:
    """What decides a node's result: equal for two nodes, they compute the same."""
    if node.subgraphs or node.is_random:
        return node
    inputs = [same.get(value, value) if value else None for value in node.inputs]
    attributes = sorted([a.SerializeToString(deterministic=True) for a in node.proto.attribute])
    outputs = len(node.outputs), *(at for at, each in enumerate(node.outputs) if each is None)
    return node.scope, node.op, tuple(inputs), outputs, tuple(attributes)
