"""ONX033 invalid-sparse-tensor."""

from collections.abc import Iterator, Sequence
from math import prod
from typing import Any

from onnxlint import Finding, Graph, Severity, rule


@rule("ONX033", "invalid-sparse-tensor", severity=Severity.ERROR)
def invalid_sparse_tensor(graph: Graph) -> Iterator[Finding]:
    """A sparse tensor whose indices do not match its values or dims.

    Why: readers scatter the values by these indices without a check: an index outside the tensor
    writes out of bounds, and indices that are duplicated or out of order give different results in
    different readers.
    Fix: write one int64 index per value, ascending and within the dims: one integer, or a row with
    one integer per dimension.

    Bad:
    net () => (float[4] y)
    {
        y = Constant()
    }
    >>> from onnx import SparseTensorProto, numpy_helper
    >>> import numpy
    >>> values = numpy_helper.from_array(numpy.float32([1, 2]), "w")
    >>> indices = numpy_helper.from_array(numpy.int64([1, 4]))
    >>> sparse = SparseTensorProto(values=values, indices=indices, dims=[4])
    >>> attribute = model.graph.node[0].attribute.add(name="sparse_value", type=11)
    >>> attribute.sparse_tensor.CopyFrom(sparse)

    Good:
    # a row of two integers for each value
    net () => (float[2, 2] y)
    {
        y = Constant()
    }
    >>> from onnx import SparseTensorProto, numpy_helper
    >>> import numpy
    >>> values = numpy_helper.from_array(numpy.float32([1, 2]), "w")
    >>> indices = numpy_helper.from_array(numpy.int64([[0, 1], [1, 0]]))
    >>> sparse = SparseTensorProto(values=values, indices=indices, dims=[2, 2])
    >>> attribute = model.graph.node[0].attribute.add(name="sparse_value", type=11)
    >>> attribute.sparse_tensor.CopyFrom(sparse)
    """
    for place, sparse, indices in graph.sparse_tensors():
        count, rank = prod(sparse.values.dims), len(sparse.dims)
        problem: tuple[str, str] | None = None
        if len(sparse.values.dims) != 1:
            problem = (
                f"has values of rank {len(sparse.values.dims)} (expected 1)",
                "store the values as a vector",
            )
        elif indices.dims not in ((count,), (count, rank)) or indices.dtype != "int64":
            problem = (
                f"has indices {indices.dtype}{list(indices.dims)}, expected int64[{count}] or "
                f"int64[{count}, {rank}]",
                "write one int64 index, or one row of them, per value",
            )
        elif count and not indices.is_external:
            problem = _misplaced(indices, sparse.dims)
        if problem is not None:
            message, hint = problem
            yield Finding(place, f"sparse tensor {sparse.values.name!r} {message}", hint=hint)


def _misplaced(indices: Any, dims: Sequence[int]) -> tuple[str, str] | None:
    """What is wrong with the values of the indices, and what to do; unreadable ones are SEC's."""
    try:
        columns = indices.array().reshape(indices.dims[0], -1).T
    except ValueError:
        return None
    sizes = dims if len(indices.dims) == 2 else [prod(dims)]
    position: Any = 0
    for column, size in zip(columns, sizes, strict=True):
        if column.min() < 0 or column.max() >= size:
            span = f"from {column.min()} to {column.max()}"
            message = f"has indices {span} for a dimension of size {size}"
            return message, f"keep the indices between 0 and {size - 1}"
        position = position * size + column
    descents = int((position[1:] <= position[:-1]).sum())
    if not descents:
        return None
    indices_ = "index" if descents == 1 else "indices"
    message = f"has {descents} {indices_} out of ascending order"
    return message, "sort the entries by index, and merge duplicates"
