"""GRA022 disconnected-component."""

from collections.abc import Iterator

from onnxlint import Finding, Graph, Severity, rule


@rule("GRA022", "disconnected-component", severity=Severity.WARNING)
def disconnected_component(graph: Graph) -> Iterator[Finding]:
    """Parts of the graph that share neither inputs nor weights nor nodes.

    Why: one file holds several networks that have nothing to do with each other. Mostly a branch
    lost its connection at export, as when `detach` or numpy stood on the way; on purpose, it makes
    callers pay for both parts at every call. Parts without a layer, and those that no input
    reaches, are left to other rules.
    Fix: connect the parts as the network was meant, or export one file for each.

    Bad:
    net (float[N, 2] x, float[N, 2] z) => (float[N, 2] y, float[N, 2] v)
    <float[2, 2] a = {1, 2, 3, 4}, float[2, 2] b = {1, 2, 3, 5}>
    {
        y = MatMul(x, a)
        v = MatMul(z, b)
    }

    Good:
    # twins share their weights
    net (float[N, 2] x, float[N, 2] z) => (float[N, 2] y, float[N, 2] v)
    <float[2, 2] a = {1, 2, 3, 4}>
    {
        y = MatMul(x, a)
        v = MatMul(z, a)
    }
    """
    layers = set(graph.layers())
    inputs = set(graph.inputs)
    if len(inputs) < 2:  # every part needs one of its own
        return
    parts = [
        layers & part
        for part in graph.parts()
        if not layers.isdisjoint(part) and not inputs.isdisjoint(part)
    ]
    for number, part in enumerate(parts[1:], start=2):
        first = min(part, key=lambda node: node.index)
        yield Finding(
            first,
            f"part {number} of {len(parts)} shares nothing with the others; it has "
            f"{len(part)} layers, of which this is the first",
            measured=len(parts),
            limit=1,
            unit="parts",
        )
