"""ARC019 data-dependent-shape."""

from collections.abc import Iterator

from onnxlint import Finding, Graph, Node, Severity, Shapes, Walk, rule
from onnxlint.model.graph.operators import DATA_SIZED

SIZE_KEEPERS = {
    "ScatterND": (0,), "ScatterElements": (0,), "Scatter": (0,), "ReduceSum": (), "ReduceMean": (),
    "ReduceMax": (), "ReduceMin": (), "GlobalAveragePool": (), "GlobalMaxPool": (),
}  # fmt: skip
"""Operators whose result has the sizes of the inputs in these slots, whatever the others hold."""


@rule("ARC019", "data-dependent-shape", severity=Severity.INFO, ops=DATA_SIZED)
def data_dependent_shape(graph: Graph, shapes: Shapes) -> Iterator[Finding]:
    """Layers whose input size depends on the data (NonZero, NonMaxSuppression, Unique, Compress).

    Why: a compiler for a phone, an NPU or TensorRT needs the sizes before the run: it splits the
    network there or refuses it (onnxruntime issues 22346, 23262), and an input in which nothing is
    found makes empty tensors, which some providers refuse too (issue 14212). A search at the end,
    as in a detector, has none of these costs. One finding for a model.
    Fix: keep a fixed number of entries (TopK, padding), or mask entries instead of selecting them.

    Bad:
    net (float[N, 4] x, bool[N] keep) => (float[M, 2] y)
    <float[4, 2] w = {1, 2, 3, 4, 5, 6, 7, 8}>
    {
        kept = Compress <axis = 0> (x, keep)
        y = MatMul(kept, w)
    }

    Instead:
    # the search comes last
    net (float[N, 4] x, bool[N] keep) => (float[M, 2] y)
    <float[4, 2] w = {1, 2, 3, 4, 5, 6, 7, 8}>
    {
        h = MatMul(x, w)
        y = Compress <axis = 0> (h, keep)
    }

    Good:
    # the result is written into a tensor of known size
    net (float[N, 4] x, float[K, 4] news) => (float[N, 2] y)
    <float[4, 2] w = {1, 2, 3, 4, 5, 6, 7, 8}>
    {
        found = NonZero(x)
        places = Transpose(found)
        written = ScatterND(x, places, news)
        y = MatMul(written, w)
    }
    """
    searches = [n for n in graph.nodes() if n.op in DATA_SIZED and n in graph.varying]
    reached = _sized_by(searches)
    given = {d for value in graph.inputs for d in getattr(shapes.of(value), "dims", None) or ()}
    layers = [
        layer
        for layer in graph.layers()
        if layer in reached and _is_weighted(layer, graph) and _is_free(layer, given, shapes)
    ]
    if layers:
        layers.sort(key=lambda layer: (layer.scope.path, layer.index))
        behind = graph.ancestors(filter(None, layers[0].inputs))
        first = next((node for node in searches if node in behind), searches[0])
        yield Finding(
            first,
            f"the input size of {len(layers)} layer{'s' * (len(layers) != 1)} depends on this "
            f"result (first: {layers[0].place})",
            hint=f"keep a fixed number of entries (TopK, padding) instead of those that {first.op} "
            "finds, or mask them",
            measured=len(layers),
            limit=0,
            unit="layers",
        )


def _sized_by(searches: list[Node]) -> set[Node]:
    """The nodes whose sizes may depend on the result of the searches."""
    reached: set[Node] = set()
    handed_out: set[Node] = set()
    walk = Walk([value for node in searches for value in node.outputs])
    for value in walk:
        for reader, slot in value.uses:
            if reader not in reached and slot in SIZE_KEEPERS.get(reader.op, (slot,)):
                reached.add(reader)
                walk.add(*reader.outputs)
                walk.add(*(v for body in reader.subgraphs for v in body.inputs))
        for owner in {*value.yielded_to} - handed_out:
            handed_out.add(owner)
            walk.add(*owner.outputs)
    return reached


def _is_weighted(layer: Node, graph: Graph) -> bool:
    return any(graph.tensor(value) is not None for value in layer.inputs)


def _is_free(layer: Node, given: set[int | str | None], shapes: Shapes) -> bool:
    """Whether an input of a layer has a size that neither the file nor a caller fixes."""
    types = [shapes.of(value) for value in layer.inputs if value is not None]
    sizes = [size for shape in types for size in getattr(shape, "dims", None) or (None,)]
    return any(not isinstance(size, int) and size not in given - {None} for size in sizes)
