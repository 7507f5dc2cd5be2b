"""ARC019 data-dependent-shape."""

from collections.abc import Collection, Iterator

from onnxlint import Finding, Graph, Node, Severity, Shapes, Value, counted, rule
from onnxlint.model.graph.operators import DATA_SIZED, SIZE_SLOTS
from onnxlint.model.graph.traversal import Vertex, flows_to, reach


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
    searches = [node for node in graph.nodes(*DATA_SIZED) if node in graph.varying]
    found = (value for node in searches for value in node.outputs if value is not None)
    reached = reach(found, _gives_sizes, ())
    given = {d for value in graph.inputs for d in getattr(shapes.of(value), "dims", None) or ()}
    layers = [
        layer
        for layer in graph.layers()
        if layer in reached
        and any(map(graph.tensor, layer.inputs))
        and _is_free(layer, given, shapes)
    ]
    if layers:
        first = min(layers, key=lambda layer: (layer.scope.path, layer.index))
        behind = graph.ancestors(filter(None, first.inputs))
        search = next((node for node in searches if node in behind), searches[0])
        yield Finding(
            search,
            f"the input size of {counted(len(layers), 'layer')} depends on this result "
            f"(first: {first.place})",
            hint="keep a fixed number of entries (TopK, padding) instead of those that "
            f"{search.op} finds, or mask them",
            measured=len(layers),
            limit=0,
            unit="layers",
        )


def _gives_sizes(vertex: Vertex) -> Collection[Vertex | None]:
    """The vertices that data flows to and that may get sizes from it."""
    return [
        each
        for each in flows_to(vertex)
        if not isinstance(each, Node)
        or not isinstance(vertex, Value)
        or any(slot in SIZE_SLOTS.get(each.op, (slot,)) for slot in each.slots_of(vertex))
    ]


def _is_free(layer: Node, given: set[int | str | None], shapes: Shapes) -> bool:
    """Whether an input of a layer has a size that neither the file nor a caller fixes."""
    types = [shapes.of(value) for value in layer.inputs if value is not None]
    sizes = [size for shape in types for size in getattr(shape, "dims", None) or (None,)]
    return any(not isinstance(size, int) and size not in given - {None} for size in sizes)
