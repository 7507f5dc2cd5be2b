"""GRA022 disconnected-component."""

from collections.abc import Iterator

from onnxlint import Finding, Graph, Severity, counted, rule


@rule("GRA022", "disconnected-component", severity=Severity.WARNING)
def disconnected_component(graph: Graph) -> Iterator[Finding]:
    """A graph with disconnected components.

    Why: one file contains several networks that have nothing in common. Usually a branch lost its
    connection at export, for example by `detach` or numpy; if intended, callers pay for all
    components in every call. Components without a layer, and those that no input reaches, are left
    to other rules.
    Fix: connect the components as the network was designed, or export one file for each.

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
            f"component {number} of {len(parts)} is disconnected ({counted(len(part), 'layer')}"
            f"{', first one shown' * (len(part) > 1)})",
            measured=len(parts),
            limit=1,
            unit="components",
            hint="connect it to the rest of the graph, or export one file per component",
        )
