"""INT005 anonymous-dimension."""

import re
from collections.abc import Iterator

from onnxlint import Finding, Graph, Severity, Shapes, counted, rule

MADE_UP = re.compile(r"unk__\d+|[su]\d+|DynamicDimension\.\d+|\w+_dynamic_axes_\d+|\?|")
"""The symbols of tf2onnx and onnx, of PyTorch's two exporters, of Paddle; and none at all."""


@rule("INT005", "anonymous-dimension", severity=Severity.INFO)
def anonymous_dimension(graph: Graph, shapes: Shapes) -> Iterator[Finding]:
    """A dynamic input dimension without a name, or with an exporter-generated one.

    Why: callers cannot tell the batch from the length of a text, nor which inputs must agree; and
    the generated number changes with every export (PyTorch issues 143443, 144273).
    Fix: name the dimensions at export (`dynamic_shapes`, `dynamic_axes`), for example `batch`.

    Bad:
    net (float[unk__7, 3] x) => (float[unk__7, 3] y)
    {
        y = Relu(x)
    }

    Good:
    net (float[batch, 3] x) => (float[batch, 3] y)
    {
        y = Relu(x)
    }
    """
    found = [
        f"{value.name}[{axis}]"
        for value in graph.inputs
        for axis, dim in enumerate(getattr(shapes.of(value), "dims", None) or ())
        if not isinstance(dim, int) and MADE_UP.fullmatch(dim or "")
    ]
    if found:
        yield Finding(
            graph.main,
            f"{counted(len(found), 'dynamic input dimension')} without a meaningful name: "
            f"{', '.join(found)}",
            measured=len(found),
            limit=0,
            unit="dimensions",
            hint=f"name {found[0]} at export, e.g. batch",
        )
