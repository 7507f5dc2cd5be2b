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
    """Layers that run one step at a time though no step needs the one before, or split lists.

    Why: a loop over the parts of a tensor runs a layer on each of them alone, where one call on all
    would do: kernels stay small, nothing is fused, GPUs wait at every step, and compilers for
    devices refuse the model (onnxruntime issues 11986, 23154). It comes of a Python loop that was
    scripted. The same goes for a list that is split only to take parts out at fixed places: Split
    does that. A loop whose layers need what they gave at the step before, as decoders and recurrent
    cells do, may be the only way, and is an info.
    Fix: put the parts on a batch axis and call the layer once; use `x[:, :k]` or `unbind` with the
    axis static at the export; for a recurrent cell, use `nn.LSTM` or `nn.GRU`.

    Bad:
    # every row of x by itself
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
    # nothing heavy in the loop
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
    # which part is taken, the caller says
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
        step = "need nothing of the step before" if free else "need the step before"
        yield Finding(
            loop,
            f"{len(free or inside)} of the {len(inside)} layers that it repeats {step}",
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
                f"of its list {len(readers)} parts are taken, all at fixed places, as Split does",
                measured=len(readers),
                unit="parts",
            )


def _loop_around(layer: Node) -> Node | None:
    """The innermost loop in whose body a layer stands."""
    scope: Scope | None = layer.scope
    while scope is not None and scope.owner is not None:
        if scope.owner.op in ("Loop", "Scan", "SequenceMap"):
            return scope.owner
        scope = scope.parent
    return None


def _states(loop: Node) -> Iterator[tuple[Value, Value]]:
    """What a body gets of the step before, with what it hands to the next in its place."""
    for body in loop.subgraphs:
        if loop.op == "Loop":
            yield from zip(body.inputs[2:], body.outputs[1:], strict=False)
        elif loop.op == "Scan":
            scanned = loop.attribute("num_scan_inputs", len(body.inputs))
            yield from zip(body.inputs[: len(body.inputs) - scanned], body.outputs, strict=False)


def _takes_fixed_part(graph: Graph, reader: Node) -> bool:
    return reader.op == "SequenceAt" and graph.tensor(reader.input(1)) is not None
