"""CKP004 oscillating-updates."""

from collections.abc import Iterator
from statistics import mean, median
from typing import Annotated

from onnxlint import Finding, Option, Series, Severity, rule


@rule("CKP004", "oscillating-updates", severity=Severity.WARNING)
def oscillating_updates(
    series: Series, *,
    max_cosine: Annotated[
        float, Option("cosine between successive changes above which they go on", unit="cosine")
    ] = -0.3,
    min_ratio: Annotated[
        float, Option("change of the weights, relative to them, that is large", unit="ratio")
    ] = 0.2,
    min_turns: Annotated[int, Option("fewest pairs of changes that tell", unit="pairs")] = 4,
) -> Iterator[Finding]:  # fmt: skip
    """Weights that go back and forth by much, instead of coming to rest.

    Why: around an optimum each change undoes the one before: the cosine between them is negative,
    -0.5 where they have nothing else in common. That is how stochastic training ends, and no fault
    while the changes are small. By a fifth of the weights and more from checkpoint to checkpoint,
    the learning rate is too high for what is left to learn (TheDeepChecker counts changes of sign
    of the loss, and takes a tenth as the largest update of one step). Judged is the second half of
    the series, three quarters of whose turns must be such.
    Fix: lower the learning rate over time (a cosine or step schedule), raise the batch size, or
    ship an average of the last checkpoints' weights.

    Bad:
    # series: [0, 10, 20, 30, 40, 50, 60, 70, 80, 90]
    net (float[N, 2] x) => (float[N, 2] y) <float[2, 2] w = {1, 2, 3, 4}> { y = MatMul(x, w) }
    >>> weights["w"] = weights["w"] + (-1) ** k

    Good:
    # small ones
    # series: [0, 10, 20, 30, 40, 50, 60, 70, 80, 90]
    net (float[N, 2] x) => (float[N, 2] y) <float[2, 2] w = {1, 2, 3, 4}> { y = MatMul(x, w) }
    >>> weights["w"] = weights["w"] + 0.01 * (-1) ** k
    """
    found = []
    for tensor in series.matrices:
        late = len(tensor.turn) // 2
        turns = [cosine for cosine in tensor.turn[late:] if cosine is not None]
        moves = [ratio for ratio in tensor.update[late:] if ratio is not None]
        if len(turns) < min_turns or not moves or median(moves) < min_ratio:
            continue
        if sum(cosine < max_cosine for cosine in turns) >= 0.75 * len(turns):
            found.append((tensor, mean(turns), median(moves)))
    for tensor, turn, move in found:
        yield Finding(
            tensor,
            f"successive changes have a cosine of {turn:.2f} (limit {max_cosine:g}), each "
            f"{move:.2g} of the weights (limit {min_ratio:g}): back and forth in the second half",
            measured=turn, limit=max_cosine, unit="cosine", evidence={"update": move},
            hint="lower the learning rate towards the end, or ship averaged weights",
        )  # fmt: skip
