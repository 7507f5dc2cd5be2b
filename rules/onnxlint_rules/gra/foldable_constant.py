"""GRA015 foldable-constant."""

from collections.abc import Iterator

from onnxlint import Finding, Graph, Severity, rule, together
from onnxlint.model.graph.operators import LARGER_THAN_STORED


@rule("GRA015", "foldable-constant", severity=Severity.INFO)
def foldable_constant(graph: Graph) -> Iterator[Finding]:
    """A node whose inputs are all constant.

    Why: it computes the same in every call. Some runtimes fold it when they load the model, others
    compute it every time, and converters that require a constant operand reject the model. Only the
    last node of such a part counts, and the model has one finding, at the first of them. Exempt are
    operators that make large tensors of small ones, and dequantised weights, which are stored that
    way on purpose.
    Fix: export with constant folding, or run onnxslim or onnxsim.

    Bad:
    net (float[N, 2] x) => (float[N, 2] y)
    <float[2] w = {1, 2}, float[2] v = {3, 4}>
    {
        scale = Mul(w, v)
        y = Mul(x, scale)
    }

    Good:
    # the size depends on the input
    net (float[N, 2] x) => (float[N, 2] y)
    <float[2] w = {1, 2}>
    {
        size = Shape(x)
        scale = Expand(w, size)
        y = Mul(x, scale)
    }
    """
    yield from together(_foldable(graph), "nodes")


def _foldable(graph: Graph) -> Iterator[Finding]:
    for node in graph.nodes():
        if node in graph.varying or node.scope.in_function or node.op in LARGER_THAN_STORED:
            continue
        results = [value for value in node.outputs if value is not None]
        used = any(reader in graph.varying for value in results for reader in value.consumers)
        if used and any(node.inputs):
            names = ", ".join(repr(value.name) for value in node.inputs if value)
            hint = "fold it at export, or with onnxslim or onnxsim"
            yield Finding(node, f"every input is constant: {names}", hint=hint)
