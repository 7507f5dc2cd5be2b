"""GRA013 duplicate-initializer."""

from collections.abc import Iterator
from dataclasses import replace

from onnxlint import Draft, Finding, Fix, Graph, Severity, Value, Weights, rule, together


@rule("GRA013", "duplicate-initializer", severity=Severity.WARNING)
def duplicate_initializer(
    graph: Graph, weights: Weights, *, min_bytes: int = 64 * 1024
) -> Iterator[Finding]:
    """A large constant that is stored more than once, as it is or transposed.

    Why: tied weights, such as an embedding and the layer that turns back into words, came apart at
    the export: the file, and the memory of the runtime, hold both (a model of 2.1 GiB became 3.0,
    optimum issue 1326). Equal small constants are common and cost nothing: hence the 64 KiB. Once
    per model, at the largest.
    Fix: let every reader use one of them (behind a Transpose where need be), or store them at the
    same place of the external data. `--fix` does the first where none is transposed.

    Bad:
    net (float[N, 128] x) => (float[N, 128] y)
    {
        h = MatMul(x, w)
        y = MatMul(h, v)
    }
    >>> from onnx import numpy_helper
    >>> import numpy
    >>> w = numpy.arange(128 * 128, dtype="float32").reshape(128, 128)
    >>> model.graph.initializer.append(numpy_helper.from_array(w, "w"))
    >>> model.graph.initializer.append(numpy_helper.from_array(w.T.copy(), "v"))

    Good:
    # one number differs
    net (float[N, 128] x) => (float[N, 128] y)
    {
        h = MatMul(x, w)
        y = MatMul(h, v)
    }
    >>> from onnx import numpy_helper
    >>> import numpy
    >>> w = numpy.arange(128 * 128, dtype="float32").reshape(128, 128)
    >>> model.graph.initializer.append(numpy_helper.from_array(w, "w"))
    >>> w[0, 0] = 1
    >>> model.graph.initializer.append(numpy_helper.from_array(w, "v"))
    """
    found = sorted(_copied(graph, weights, min_bytes), key=lambda each: -(each.measured or 0))
    wasted = sum(finding.measured or 0 for finding in found)
    for finding in together(found, f"constants, {wasted:,} bytes for nothing"):
        yield replace(finding, measured=wasted, limit=min_bytes, unit="bytes")


def _copied(graph: Graph, weights: Weights, min_bytes: int) -> Iterator[Finding]:
    for copies in weights.copies(min_bytes):
        (first, tensor, _), *others = copies
        wasted = len(others) * tensor.nbytes
        yield Finding(
            first,
            f"its {tensor.nbytes:,} bytes are stored {len(copies)} times, {wasted:,} of them for "
            f"nothing: also as {', '.join(copy.value.name for copy in others)}",
            measured=wasted,
            fix=None
            if any(copy.transposed for copy in others)
            else _sharing(graph, [copy.value for copy in copies]),
        )


def _sharing(graph: Graph, values: list[Value]) -> Fix | None:
    """None where no reader may use another value: an output, an overridable input, a function."""
    kept = next((v for v in values if v.scope is graph.main and v.tensor_proto is not None), None)
    fixed = all(
        not (v.is_output or v.yielded_to or v.is_input or v.scope.in_function) for v in values
    )
    if kept is None or not fixed:
        return None
    others = [value for value in values if value is not kept]
    return Fix(f"let every reader use {kept.name!r}", _share, kept, others)


def _share(draft: Draft, kept: Value, others: list[Value]) -> None:
    for value in others:
        draft.redirect(value, kept)
        draft.remove(value if value.producer is None else value.producer)
