"""ARC018 loop-in-hot-path."""

from collections.abc import Iterator

from onnxlint import Finding, Graph, Node, Scope, Severity, Value, rule


@rule(
    "ARC018",
    "loop-in-hot-path",
    severity=Severity.WARNING,
    ops=("Loop", "Scan", "SequenceMap", "SplitToSequence"),
)
def loop_in_hot_path(graph: Graph) -> Iterator[Finding]:
    """A loop whose iterations are independent, or a sequence that is split only to be indexed.

    Why: a loop over slices of a tensor runs a layer once per slice where one batched call would do:
    kernels stay small, nothing is fused, GPUs wait in every iteration, and compilers for devices
    refuse the model (onnxruntime issues 11986, 23154). The usual origin is a scripted Python loop.
    The same holds for a sequence of which only constant positions are used: Split does that. A loop
    whose layers depend on the previous iteration, as decoders and recurrent cells do, may be
    unavoidable, and is an info.
    Fix: move the slices to a batch axis and call the layer once; use `x[:, :k]` or `unbind` with
    the axis static at the export; for a recurrent cell, use `nn.LSTM` or `nn.GRU`.

    Bad:
    # every row of x separately
    net (float[4, 2] x, int64 n, bool go) => (float[M, 2] y)
    <float[2, 2] w = {1, 2, 3, 4}>
    {
        y = Loop(n, go) <
            body = step (int64 i, bool c) => (bool c2, float[2] h) {
                c2 = Identity(c)
                row = Gather(x, i)
                h = MatMul(row, w)
            }
        >
    }

    Bad:
    net (float[N, 4] x) => (float[N, 4] y)
    <int64 half = {2}, int64 zero = {0}, int64 one = {1}>
    {
        parts = SplitToSequence <axis = 1> (x, half)
        a = SequenceAt(parts, zero)
        b = SequenceAt(parts, one)
        y = Concat <axis = 1> (b, a)
    }

    Good:
    # no layer in the loop
    net (float[4, 2] x, int64 n, bool go) => (float[M, 2] y)
    {
        y = Loop(n, go) <
            body = step (int64 i, bool c) => (bool c2, float[2] h) {
                c2 = Identity(c)
                row = Gather(x, i)
                h = Relu(row)
            }
        >
    }

    Good:
    # the caller chooses the position
    net (float[N, 4] x, int64 i) => (float[N, M] y)
    <int64 half = {2}>
    {
        parts = SplitToSequence <axis = 1> (x, half)
        y = SequenceAt(parts, i)
    }
    """
    layers: dict[Node, list[Node]] = {}
    for layer in graph.layers():
        loop = _loop_around(layer)
        if loop is not None and any(graph.tensor(value) is not None for value in layer.inputs):
            layers.setdefault(loop, []).append(layer)
    for loop, inside in layers.items():
        results = (value for layer in inside for value in layer.outputs if value is not None)
        made = graph.descendants(results, inside=loop)
        starts = (start for start, end in _states(loop) if end in made)
        carried = graph.descendants(starts, inside=loop)
        free = [layer for layer in inside if layer not in carried]
        yield Finding(
            loop,
            _message(len(free), len(inside)),
            hint=f"move {free[0].place} out of the loop, and call it once on all slices"
            if free
            else "use LSTM or GRU if the body is a recurrent cell",
            measured=len(free),
            limit=0,
            unit="layers",
            severity=None if free else Severity.INFO,
        )
    for split in graph.nodes("SplitToSequence"):
        readers = split.output.consumers if split.output is not None else []
        if readers and all(_takes_fixed_part(graph, reader) for reader in readers):
            yield Finding(
                split,
                f"sequence is only read at constant positions ({len(readers)}): Split suffices",
                hint="use Split and its outputs, with the axis static at the export",
                measured=len(readers),
                unit="parts",
            )


def _message(free: int, layers: int) -> str:
    count = f"{free or layers} of {layers} layers" if layers > 1 else "the layer"
    depends = "do not depend" if free else "depend"
    if (free or layers) == 1:
        depends = "does not depend" if free else "depends"
    return f"{count} in the loop body {depends} on the previous iteration"


def _loop_around(layer: Node) -> Node | None:
    """The innermost loop whose body contains a layer."""
    scope: Scope | None = layer.scope
    while scope is not None and scope.owner is not None:
        if scope.owner.op in ("Loop", "Scan", "SequenceMap"):
            return scope.owner
        scope = scope.parent
    return None


def _states(loop: Node) -> Iterator[tuple[Value, Value]]:
    """The state that a body reads from the previous iteration, with what it passes to the next."""
    for body in loop.subgraphs:
        if loop.op == "Loop":
            yield from zip(body.inputs[2:], body.outputs[1:], strict=False)
        elif loop.op == "Scan":
            scanned = loop.attribute("num_scan_inputs", len(body.inputs))
            yield from zip(body.inputs[: len(body.inputs) - scanned], body.outputs, strict=False)


def _takes_fixed_part(graph: Graph, reader: Node) -> bool:
    return reader.op == "SequenceAt" and graph.tensor(reader.input(1)) is not None
