"""ARC018 loop-in-hot-path."""

from collections.abc import Iterator

from onnxlint import Finding, Graph, Node, Severity, rule
from onnxlint.model.graph.crossings import carried
from onnxlint.model.graph.operators import LOOPS


@rule(
    "ARC018", "loop-in-hot-path", severity=Severity.WARNING,
    ops=("Loop", "Scan", "SequenceMap", "SplitToSequence"),
)  # fmt: skip
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
        loop = next((each for each in layer.owners if each.op in LOOPS | {"SequenceMap"}), None)
        if loop is not None and any(map(graph.tensor, layer.inputs)):
            layers.setdefault(loop, []).append(layer)
    for loop, inside in layers.items():
        results = (value for layer in inside for value in layer.outputs if value is not None)
        made = graph.descendants(results, inside=loop)
        starts = (start for end, start in carried(loop) if end in made)
        held = graph.descendants(starts, inside=loop)
        free = [layer for layer in inside if layer not in held]
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
        fixed = (r.op == "SequenceAt" and graph.tensor(r.input(1)) is not None for r in readers)
        if readers and all(fixed):
            yield Finding(
                split,
                f"sequence is only read at constant positions ({len(readers)}): Split suffices",
                hint="use Split and its outputs, with the axis static at the export",
                measured=len(readers),
                unit="parts",
            )


def _message(free: int, layers: int) -> str:
    told = free or layers
    count = f"{told} of {layers} layers" if layers > 1 else "the layer"
    one, several = ("does not depend", "do not depend") if free else ("depends", "depend")
    return f"{count} in the loop body {one if told == 1 else several} on the previous iteration"
