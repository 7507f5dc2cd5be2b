"""GRA017 cancelling-transposes."""

from collections.abc import Iterator

from onnxlint import Finding, Graph, Pattern, Severity, rule

PAIR = Pattern("h = Transpose(x)  y = Transpose(h)")


@rule("GRA017", "cancelling-transposes", severity=Severity.INFO, ops=("Transpose",))
def cancelling_transposes(graph: Graph) -> Iterator[Finding]:
    """A Transpose that undoes the Transpose before it.

    Why: both move the whole tensor, and together they have no effect. Converters between NHWC and
    NCHW leave such pairs around every layer.
    Fix: remove both; the optimisers of onnxruntime and onnxslim do.

    Bad:
    net (float[1, 3, 4, 5] x) => (float[1, 3, 4, 5] y)
    {
        h = Transpose <perm = [0, 2, 3, 1]> (x)
        y = Transpose <perm = [0, 3, 1, 2]> (h)
    }

    Good:
    # together they reorder the axes
    net (float[1, 3, 4, 5] x) => (float[1, 4, 5, 3] y)
    {
        h = Transpose <perm = [0, 3, 1, 2]> (x)
        y = Transpose <perm = [0, 3, 1, 2]> (h)
    }
    """
    for pair in PAIR.matches(graph):
        first, second = pair.node("h"), pair.node("y")
        if first is None or second is None:
            continue
        inner, outer = first.integers("perm"), second.integers("perm")
        if inner is None or outer is None or sorted(inner) != sorted(outer):
            continue
        axes = [*range(len(inner))]
        if sorted(inner) == axes and [inner[axis] for axis in outer] == axes:
            message = f"perm {outer} undoes perm {inner} of {first.place}"
            yield Finding(second, message, hint=f"remove {first.place} and this Transpose")
