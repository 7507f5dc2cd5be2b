"""GRA013 duplicate-initializer."""

from collections.abc import Iterator
from typing import Annotated

from msgspec.structs import replace

from onnxlint import Draft, Finding, Fix, Graph, Option, Severity, Value, Weights, rule, together


@rule("GRA013", "duplicate-initializer", severity=Severity.WARNING)
def duplicate_initializer(
    graph: Graph,
    weights: Weights,
    *,
    min_bytes: Annotated[int, Option("size of the smallest copy that counts", "bytes")] = 64 * 1024,
) -> Iterator[Finding]:
    """A large constant stored more than once, as is or transposed.

    Why: tied weights, such as those of an embedding and of the output layer of a language model,
    were separated at export: the file, and the memory of the runtime, contain both (a model of 2.1
    GiB became 3.0 GiB, optimum issue 1326). Equal small constants are common and cost nothing,
    hence the 64 KiB. Once per model, at the largest.
    Fix: use one of them everywhere (behind a Transpose where needed), or store them at the same
    place of the external data. `--fix` does the first where none is transposed.

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
    # one element differs
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
    for finding in together(found, f"constants, {wasted:,} bytes wasted"):
        yield replace(finding, measured=wasted, limit=min_bytes, unit="bytes")


def _copied(graph: Graph, weights: Weights, min_bytes: int) -> Iterator[Finding]:
    for copies in weights.copies(min_bytes):
        (first, tensor, _), *others = copies
        wasted = len(others) * tensor.nbytes
        transposed = any(copy.transposed for copy in others)
        yield Finding(
            first,
            f"{tensor.nbytes:,} bytes stored {len(copies)} times ({wasted:,} wasted): "
            f"also as {', '.join(repr(copy.value.name) for copy in others)}",
            measured=wasted,
            hint=f"use {first.name!r} everywhere{transposed * ', behind a Transpose where needed'}",
            fix=None if transposed else _sharing(graph, [copy.value for copy in copies]),
        )


def _sharing(graph: Graph, values: list[Value]) -> Fix | None:
    """None where no consumer may use another value: an output, an overridable input, a function."""
    kept = next((v for v in values if v.scope is graph.main and v.tensor_proto is not None), None)
    fixed = all(
        not (v.is_output or v.yielded_to or v.is_input or v.scope.in_function) for v in values
    )
    if kept is None or not fixed:
        return None
    others = [value for value in values if value is not kept]
    return Fix(f"use {kept.name!r} everywhere", _share, kept, others)


def _share(draft: Draft, kept: Value, others: list[Value]) -> None:
    for value in others:
        draft.redirect(value, kept)
        draft.remove(value if value.producer is None else value.producer)
