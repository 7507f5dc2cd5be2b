"""ARC012 kernel-exceeds-input."""

from collections.abc import Iterator

from onnxlint import Finding, Graph, Node, Severity, Shapes, rule
from onnxlint.model.graph.operators import POOLS

MOST_WINDOWS = 1_000
"""Windows of one axis, and elements of one, that are checked for a large dilation."""


@rule("ARC012", "kernel-exceeds-input", severity=Severity.WARNING, ops=POOLS | {"Conv"})
def kernel_exceeds_input(graph: Graph, shapes: Shapes) -> Iterator[Finding]:
    """A kernel larger than its padded input, only in the padding, or smaller than its stride.

    Why: onnxruntime refuses to run a convolution whose kernel does not fit into the padded input,
    and returns an empty or smaller result for a pooling: the image is smaller than the network was
    built for. A convolution is an error, unless it is in a branch that may never run. With a stride
    larger than the kernel some pixels are never read. Kernels of size 1 are exempt because they
    subsample on purpose: the shortcuts of ResNet, the pools of feature pyramids. So is a kernel
    that is applied only once. Before opset 22 a pooling with `ceil_mode` has a last window even if
    that starts behind the data: shape inference counts it, onnxruntime and PyTorch drop it, and
    where it is kept it has nothing to average and gives NaN (onnx issue 4958). In padding as wide
    as the kernel, or with a dilation that skips the whole input, a pooling has nothing to pool: it
    outputs the lowest value of its type, or 0 / 0. The former is an error: onnxruntime refuses it.
    Fix: pad, use a smaller kernel or feed a larger image; use a stride no larger than the kernel;
    avoid `ceil_mode` and padding, or export with opset 22.

    Bad:
    net (float[N, 1, 4, 4] x) => (float[N, 1, H, W] y)
    <float[1, 1, 1, 5] w = {1, 2, 3, 4, 5}>
    {
        y = Conv(x, w)
    }

    Bad:
    net (float[N, 1, H, W] x) => (float[N, 1, K, L] y)
    {
        y = MaxPool <kernel_shape = [2, 2], strides = [3, 3]> (x)
    }

    Bad:
    <ir_version: 8, opset_import: ["" : 17]>
    # windows at 0, 2 and 4, and the data ends at 3
    net (float[N, 1, 4, 4] x) => (float[N, 1, H, W] y)
    {
        y = AveragePool <kernel_shape = [2, 2], strides = [2, 2], pads = [0, 0, 1, 1],
                         ceil_mode = 1> (x)
    }

    Good:
    <ir_version: 8, opset_import: ["" : 17]>
    # the last window still reads two rows
    net (float[N, 1, 6, 6] x) => (float[N, 1, 3, 3] y)
    {
        y = MaxPool <kernel_shape = [3, 3], strides = [2, 2], ceil_mode = 1> (x)
    }

    Bad:
    # the first window is in the padding
    net (float[N, 1, H, W] x) => (float[N, 1, K, L] y)
    {
        y = MaxPool <kernel_shape = [2, 2], pads = [2, 0, 0, 0]> (x)
    }

    Bad:
    # elements 0 and 4 of 1 + 3 + 1
    net (float[N, 1, 3] x) => (float[N, 1, L] y)
    {
        y = MaxPool <kernel_shape = [2], dilations = [4], pads = [1, 1]> (x)
    }

    Good:
    # each window has an element of the input
    net (float[N, 1, 3] x) => (float[N, 1, L] y)
    {
        y = MaxPool <kernel_shape = [2], dilations = [3], pads = [1, 1]> (x)
    }

    Good:
    net (float[N, 1, H, W] x) => (float[N, 1, K, L] y)
    {
        y = AveragePool <kernel_shape = [3, 3], pads = [2, 2, 2, 2]> (x)
    }

    Good:
    # a shortcut of a residual block
    net (float[N, 1, H, W] x) => (float[N, 1, K, L] y)
    <float[1, 1, 1, 1] w = {1}>
    {
        y = Conv <strides = [2, 2]> (x, w)
    }

    Good:
    net (float[N, 1, 4, 4] x) => (float[N, 1, 4, 4] y)
    <float[1, 1, 1, 5] w = {1, 2, 3, 4, 5}>
    {
        y = Conv <pads = [0, 2, 0, 2]> (x, w)
    }
    """
    for node in graph.nodes("Conv", *sorted(POOLS)):
        yield from _judge_windows(node, graph, shapes)
        if node.op in POOLS:
            yield from _judge_padding(node, shapes)


def _judge_windows(node: Node, graph: Graph, shapes: Shapes) -> Iterator[Finding]:
    """Windows larger than the input, or with gaps between them; at the first such axis."""
    for axis, (window, stride) in enumerate(_windows(node, graph)):
        size = _padded_size(node, shapes, axis)
        if size is not None and window > size:
            fails = node.op == "Conv" and node.scope.parent is None
            yield Finding(
                node,
                f"axis {axis + 2}: kernel extent {window} exceeds the padded input size {size}",
                hint=f"pad axis {axis + 2} by at least {window - size} more, use a smaller kernel, "
                "or feed a larger input",
                measured=window,
                limit=size,
                unit="values",
                severity=Severity.ERROR if fails else Severity.WARNING,
            )
            break
        if size is not None and _starts_behind(node, axis, window, stride, size):
            yield Finding(
                node,
                f"axis {axis + 2}: the last window, added by ceil_mode, starts in the padding: "
                "runtimes drop it or return NaN",
                hint=f"set ceil_mode=0, remove the padding at the end of axis {axis + 2}, or "
                f"export with opset {DROPPED_BY_SPECIFICATION} or later",
            )
            break
        if stride > window > 1 and (size is None or size >= window + stride):
            skipped, are = stride - window, "is" if stride - window == 1 else "are"
            yield Finding(
                node,
                f"axis {axis + 2}: stride {stride} exceeds kernel extent {window}, so {skipped} of "
                f"every {stride} positions {are} never read",
                hint=f"use a stride of at most {window} along axis {axis + 2}, or a larger kernel",
                measured=stride,
                limit=window,
                unit="values",
            )
            break


def _judge_padding(node: Node, shapes: Shapes) -> Iterator[Finding]:
    """Windows of a pooling that only cover padding; at the first such axis."""
    kernel, pads = node.integers("kernel_shape") or [], node.integers("pads") or []
    if len(pads) != 2 * len(kernel) or node.attribute("auto_pad", "NOTSET") != "NOTSET":
        return
    shape = shapes.of(node.input(0))
    steps = node.integers("dilations") or [1] * len(kernel)
    strides = node.integers("strides") or [1] * len(kernel)
    for axis, (size, step, stride) in enumerate(zip(kernel, steps, strides, strict=False)):
        ends = pads[axis], pads[axis + len(kernel)]
        dim = None if shape is None else shape.dim(axis + 2)
        refused = max(ends) >= size > 0
        if refused or _steps_over(dim, size, step, stride, ends):
            is_error = refused and node.scope.parent is None
            yield Finding(
                node,
                f"axis {axis + 2}: a window of size {size}"
                + (f" and dilation {step}" if step > 1 else "")
                + f" covers only padding (width {max(ends)})",
                hint=f"pad axis {axis + 2} by at most {size - 1}"
                if refused
                else f"use a dilation of at most {dim} along axis {axis + 2}",
                measured=max(ends),
                limit=size - 1,
                unit="values",
                severity=Severity.ERROR if is_error else Severity.WARNING,
            )
            break


def _steps_over(dim: object, size: int, step: int, stride: int, ends: tuple[int, int]) -> bool:
    """Whether a dilated window of a fixed axis has its elements on both sides of the input."""
    if not isinstance(dim, int) or step <= dim or stride < 1 or not 0 < size <= MOST_WINDOWS:
        return False  # steps as small hit the input
    starts = range(-ends[0], dim + ends[1] - step * (size - 1), stride)
    windows = ([start + step * at for at in range(size)] for start in starts[:MOST_WINDOWS])
    return any(all(not 0 <= at < dim for at in window) for window in windows)


DROPPED_BY_SPECIFICATION = 22
"""From this opset on a last window behind the data does not count."""


def _starts_behind(node: Node, axis: int, window: int, stride: int, size: int) -> bool:
    """Whether the last window of a pooling starts where the padding behind the data does."""
    early = node.scope.opsets.get("", 0) < DROPPED_BY_SPECIFICATION
    if node.op not in POOLS or not early or not node.attribute("ceil_mode"):
        return False
    pads = node.integers("pads") or []
    behind = sum(pads[len(pads) // 2 :][axis : axis + 1])
    return -(-(size - window) // stride) * stride >= size - behind


def _windows(node: Node, graph: Graph) -> Iterator[tuple[int, int]]:
    """For each spatial axis the extent of a window, with dilation, and its stride."""
    weight = graph.tensor(node.input(1)) if node.op == "Conv" else None
    kernel = list(weight.dims[2:]) if weight is not None else node.integers("kernel_shape") or []
    ones = [1] * len(kernel)
    dilations, strides = node.integers("dilations") or ones, node.integers("strides") or ones
    for size, dilation, stride in zip(kernel, dilations, strides, strict=False):
        yield dilation * (size - 1) + 1, stride


def _padded_size(node: Node, shapes: Shapes, axis: int) -> int | None:
    """The size of a spatial axis with its padding; None where it is not fixed."""
    shape = shapes.of(node.input(0))
    size = None if shape is None else shape.dim(axis + 2)
    if not isinstance(size, int) or node.attribute("auto_pad", "NOTSET") not in ("NOTSET", "VALID"):
        return None
    pads = node.integers("pads") or []
    begins, ends = pads[: len(pads) // 2], pads[len(pads) // 2 :]
    return size + sum(begins[axis : axis + 1]) + sum(ends[axis : axis + 1])
