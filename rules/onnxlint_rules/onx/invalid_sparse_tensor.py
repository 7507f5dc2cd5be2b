"""ONX033 invalid-sparse-tensor."""

from collections.abc import Iterator, Sequence
from math import prod
from typing import Any

from onnxlint import Finding, Graph, Severity, rule


@rule("ONX033", "invalid-sparse-tensor", severity=Severity.ERROR)
def invalid_sparse_tensor(graph: Graph) -> Iterator[Finding]:
    """A sparse tensor whose indices do not fit its values or its dims.

    Why: readers scatter the values by these indices without looking: one outside the tensor writes
    into foreign memory, and one that is out of order or there twice gives every reader another
    result.
    Fix: one int64 index a value, ascending and inside the dims: a number, or a row with one number
    a dim.

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
    # a row of two numbers for each value
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
        problem = None
        if len(sparse.values.dims) != 1:
            problem = f"has values of rank {len(sparse.values.dims)}, not 1"
        elif indices.dims not in ((count,), (count, rank)) or indices.dtype != "int64":
            problem = (
                f"has indices {indices.dtype}{list(indices.dims)} where its values need "
                f"int64[{count}] or int64[{count}, {rank}]"
            )
        elif count and not indices.is_external:
            problem = _misplaced(indices, sparse.dims)
        if problem is not None:
            yield Finding(place, f"sparse tensor {sparse.values.name!r} {problem}")


def _misplaced(indices: Any, dims: Sequence[int]) -> str | None:
    """What is wrong with the numbers of the indices; unreadable ones have a rule of their own."""
    try:
        columns = indices.array().reshape(indices.dims[0], -1).T
    except ValueError:
        return None
    sizes = dims if len(indices.dims) == 2 else [prod(dims)]
    position = 0
    for column, size in zip(columns, sizes, strict=True):
        if column.min() < 0 or column.max() >= size:
            return f"has indices from {column.min()} to {column.max()}, and a size of {size}"
        position = position * size + column
    descents = int((position[1:] <= position[:-1]).sum())
    return f"has {descents} indices that do not ascend, not 0" if descents else None
