"""WGT005 denormal-weight."""

from collections.abc import Iterator
from typing import Annotated

from onnxlint import Draft, Finding, Fix, Option, Severity, Value, Weights, counted, rule


@rule("WGT005", "denormal-weight", severity=Severity.WARNING)
def denormal_weight(
    weights: Weights,
    *,
    max_fraction: Annotated[
        float, Option("share of weights that may be subnormal", "fraction")
    ] = 0.001,
    min_subnormal: Annotated[int, Option("fewest subnormal weights to report", "weights")] = 100,
) -> Iterator[Finding]:
    """A layer with subnormal weights (below 1.2e-38 for float32).

    Why: CPUs need a hundred cycles and more for a product with a subnormal value, so that one in a
    thousand is measurable, and many make a layer many times slower (2400 ms instead of 70,
    onnxruntime issue 7448; 10 times in issue 5472). Weight decay makes them of weights that no
    longer matter; a text recogniser in daily use has 31% in a layer. Fewer than 100 are not
    noticeable. float16 is exempt: its subnormals, below 6.1e-5, are common, and normal once widened
    to float32.
    Fix: set them to zero, which changes no result (`w[abs(w) < 1e-30] = 0`), or let the runtime
    flush them (`session.set_denormal_as_zero` of onnxruntime). `--fix` sets those to zero that are
    stored in the model file itself.

    Bad:
    # option: min_subnormal = 1
    net (float[N, 2] x) => (float[N, 2] y)
    <float[2, 2] w = {1e-40, 1, 2, 3}>
    {
        y = MatMul(x, w)
    }

    Good:
    # small, but normal
    net (float[N, 2] x) => (float[N, 2] y)
    <float[2, 2] w = {1e-37, 0, 2, 3}>
    {
        y = MatMul(x, w)
    }
    """
    for weight, seen in weights.judged():
        fraction = seen.subnormal / seen.elements
        slow = weight.tensor.dtype in ("float", "bfloat16", "double")
        if slow and fraction > max_fraction and seen.subnormal >= min_subnormal:
            yield Finding(
                weight,
                f"{seen.subnormal:,} of {seen.elements:,} weights are subnormal "
                f"({fraction:.2%}, limit {max_fraction:.2%})",
                measured=fraction,
                limit=max_fraction,
                unit="fraction of weights",
                hint=f"set the {counted(seen.subnormal, 'subnormal weight')} to zero",
                fix=None
                if weight.tensor.is_external
                else Fix("set them to zero", _flush, weight.value, exact=False),
            )


def _flush(draft: Draft, value: Value) -> None:
    import numpy as np

    stored = draft.graph.constant(value)
    if stored is None:
        return
    elements = stored.copy()
    smallest = np.finfo(np.float64 if elements.dtype == np.float64 else np.float32).tiny
    elements[np.abs(elements.astype(np.float64)) < smallest] = 0
    draft.fill(value, elements)
