"""ARC012 kernel-exceeds-input."""

from collections.abc import Iterator
from itertools import islice

from onnxlint import Finding, Graph, Node, Severity, Window, Windows, rule
from onnxlint.model.graph.operators import POOLS


@rule("ARC012", "kernel-exceeds-input", severity=Severity.WARNING, ops=POOLS | {"Conv"})
def kernel_exceeds_input(graph: Graph, windows: Windows) -> Iterator[Finding]:
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
        for judge in (_misfit, _within_padding):
            found = (judge(node, window) for window in windows.of(node))
            yield from islice(filter(None, found), 1)  # of the first axis that has one


def _misfit(node: Node, window: Window) -> Finding | None:
    """The finding of a window larger than the input, or with gaps to the next one."""
    axis, extent, stride = f"axis {window.axis}", window.extent, window.stride
    if window.padded is not None and extent > window.padded:
        is_error = node.op == "Conv" and node.scope.parent is None
        return Finding(
            node,
            f"{axis}: kernel extent {extent} exceeds the padded input size {window.padded}",
            hint=f"pad {axis} by at least {extent - window.padded} more, use a smaller kernel, "
            "or feed a larger input",
            measured=extent,
            limit=window.padded,
            unit="values",
            severity=Severity.ERROR if is_error else None,
        )
    if window.ends_in_padding:
        return Finding(
            node,
            f"{axis}: the last window, added by ceil_mode, starts in the padding: "
            "runtimes drop it or return NaN",
            hint=f"set ceil_mode=0, remove the padding at the end of {axis}, or "
            "export with opset 22 or later",
        )
    if window.unread == 0 or extent <= 1:
        return None
    are = "is" if window.unread == 1 else "are"
    return Finding(
        node,
        f"{axis}: stride {stride} exceeds kernel extent {extent}, so {window.unread} of "
        f"every {stride} positions {are} never read",
        hint=f"use a stride of at most {extent} along {axis}, or a larger kernel",
        measured=stride,
        limit=extent,
        unit="values",
    )


def _within_padding(node: Node, window: Window) -> Finding | None:
    """The finding of a pooling of which a window only covers padding."""
    refused, width = window.fits_into_padding, max(window.before, window.after)
    if node.op not in POOLS or not (refused or window.steps_over_input):
        return None
    apart = f" and dilation {window.dilation}" if window.dilation > 1 else ""
    most = f"use a dilation of at most {window.length} along axis {window.axis}"
    return Finding(
        node,
        f"axis {window.axis}: a window of size {window.size}{apart} covers only padding "
        f"(width {width})",
        hint=f"pad axis {window.axis} by at most {window.size - 1}" if refused else most,
        measured=width,
        limit=window.size - 1,
        unit="values",
        severity=Severity.ERROR if refused and node.scope.parent is None else None,
    )
