"""How far the outputs are from a reference model's, in sentences."""

from collections.abc import Iterable
from math import isinf

from onnxlint import FirstDivergence, OutputDifference, counted

SMALL = 1e-3
"""Below it shares are not written in percent."""


def worst_of(outputs: Iterable[OutputDifference]) -> OutputDifference:
    """The one that is farthest from the reference; of another shape is farther than any error."""
    return max(outputs, key=lambda output: (bool(output.misfit), output.error))


def distance(worst: OutputDifference, count: int, samples: int, limit: float) -> str:
    """How far the worst of so many outputs is."""
    told = f"output {worst.value.name!r} {worst.misfit or _differs(worst.error, limit)}"
    if worst.decisions:
        told += f", {worst.changed:,} of {worst.decisions:,} decisions change"
    others = {1: "", 2: " (1 more output differs)"}.get(
        count, f" ({count - 1} more outputs differ)"
    )
    return f"{told} on {counted(samples, 'sample')}{others}"


def _differs(error: float, limit: float) -> str:
    if isinf(error):
        return "contains NaN or infinity in only one of the two models"
    return f"differs from the reference by {share(error)} (limit {share(limit)})"


def share(error: float) -> str:
    """A relative error, in percent where that is short."""
    return f"{error:.0%}" if error >= 1 else f"{error:.1%}" if error >= SMALL else f"{error:.1e}"


def beginning(first: FirstDivergence | None, worst: OutputDifference) -> str:
    """Which layer is the first to diverge."""
    if first is None or not first.compared:
        return "no layer before this output is comparable, by name or by structure"
    if first.value is worst.value:
        return f"all comparable layers agree ({first.compared})"
    like = "" if first.like.name == first.value.name else f" (in the reference {first.like.name!r})"
    error = "infinite" if isinf(first.error) else share(first.error)
    return (
        f"first of {first.compared} comparable layers to diverge{like}: relative error {error} "
        f"(rounding explains at most {share(first.limit)})"
    )


def remedy(first: FirstDivergence | None, worst: OutputDifference) -> str:
    """What to do about outputs that diverge from here on."""
    if worst.misfit:
        return f"export output {worst.value.name!r} with the shape and dtype of the reference"
    if first is None or not first.compared:
        return "compare two exports of one architecture, or give their layers the same names"
    if first.value is worst.value:
        return f"look at the operators between the last comparable layer and {worst.value.name!r}"
    return f"keep {first.place} in float32, recalibrate this layer, or disable its fusion"
