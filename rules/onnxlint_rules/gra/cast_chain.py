"""GRA016 cast-chain."""

from collections.abc import Iterator

from onnxlint import Finding, Graph, Pattern, Severity, Shapes, rule

CHAIN = Pattern("b = Cast(a)  c = Cast(b)")


@rule("GRA016", "cast-chain", severity=Severity.INFO, ops=("Cast",))
def cast_chain(graph: Graph, shapes: Shapes) -> Iterator[Finding]:
    """A Cast of a Cast.

    Why: two conversions cost two passes over the tensor where one or none would do. A warning where
    the type in between has fewer bits than those around it: precision is lost there and not
    regained, as at the borders that a converter to float16 inserts. Casts that are meant to change
    the values, as to bool or from float to integer, are exempt.
    Fix: cast once; where precision is lost, keep the wider type throughout or the narrower one.

    Bad:
    net (float[N] x) => (float[N] y)
    {
        h = Cast <to = 10> (x)
        y = Cast <to = 1> (h)
    }

    Good:
    # 0 and 1 for whatever x holds
    net (float[N] x) => (float[N] y)
    {
        h = Cast <to = 9> (x)
        y = Cast <to = 1> (h)
    }

    Good:
    net (float[N] x) => (float16[N] y)
    {
        h = Relu(x)
        y = Cast <to = 10> (h)
    }
    """
    for chain in CHAIN.matches(graph):
        before, between, after = (shapes.of(chain[name]) for name in "abc")
        if before is None or between is None or after is None:
            continue
        rounds = before.is_float and between.is_float
        widens = before.is_integer and between.is_integer and between.bits > before.bits
        if rounds or widens:
            lossy = between.bits < min(before.bits, after.bits)
            yield Finding(
                chain,
                f"cast from {before.dtype} to {between.dtype} and then to {after.dtype}",
                severity=Severity.WARNING if lossy else None,
                hint=_hint(before.dtype, after.dtype),
            )


def _hint(before: str, after: str) -> str:
    return "remove both Casts" if before == after else f"cast from {before} to {after} directly"
