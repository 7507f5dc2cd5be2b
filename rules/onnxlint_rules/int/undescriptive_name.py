"""INT006 undescriptive-name."""

import re
from collections.abc import Iterator

from onnxlint import Finding, Graph, Severity, rule

NUMBERED = re.compile(r"\d+|input\.\d+|onnx::\w+_\d+")
"""The names that PyTorch's exporter gives to values without a name."""


@rule("INT006", "undescriptive-name", severity=Severity.INFO)
def undescriptive_name(graph: Graph) -> Iterator[Finding]:
    """An input or output whose name is only a number.

    Why: callers feed and fetch by name. A number has no meaning, and the next export produces
    another one, so that every caller must change with it.
    Fix: name them at export (`input_names`, `output_names`).

    Bad:
    net (float[N] x) => (float[N] "495")
    {
        "495" = Relu(x)
    }

    Good:
    net (float[N] x1) => (float[N] logits)
    {
        logits = Relu(x1)
    }
    """
    interface = [value.name for value in (*graph.inputs, *graph.outputs)]
    numbered = [name for name in interface if NUMBERED.fullmatch(name)]
    if numbered:
        yield Finding(
            graph.main,
            f"{len(numbered)} of {len(interface)} inputs and outputs "
            f"{'are' if numbered[1:] else 'is'} named by a number: "
            f"{', '.join(numbered)}",
            measured=len(numbered),
            limit=0,
            unit="inputs and outputs",
            hint=f"name {numbered[0]!r} at export (input_names, output_names)",
        )
