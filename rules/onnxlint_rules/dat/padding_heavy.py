"""DAT007 padding-heavy."""

from collections import Counter
from collections.abc import Iterator
from typing import Annotated

from onnxlint import Data, FedInput, Finding, NotApplicable, Option, Severity, rule


@rule("DAT007", "padding-heavy", severity=Severity.INFO)
def padding_heavy(
    data: Data,
    *,
    max_fraction: Annotated[float, Option("share of ids that may be padding", "fraction")] = 0.5,
) -> Iterator[Finding]:
    """Token sequences that consist mostly of padding.

    Why: padding costs as much as tokens do, in time and memory, and if the model's average or
    normalisation ignores the mask, it dilutes every answer. Padding is what the attention mask
    excludes; without a mask, the id that most rows end with (or begin with) repeatedly.
    Fix: pad to the longest sequence of each batch instead of a fixed length, or group sequences of
    similar length.

    Bad:
    # data: ids = [[5, 7, 0, 0, 0, 0], [4, 0, 0, 0, 0, 0], [3, 8, 6, 0, 0, 0]]
    net (int64[N, T] ids) => (float[N, T, 2] y)
    <float[9, 2] table = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1}>
    {
        y = Gather(table, ids)
    }

    Good:
    # data: ids = [[5, 7, 4, 2, 0, 0], [4, 1, 7, 0, 0, 0], [3, 8, 6, 3, 2, 1]]
    net (int64[N, T] ids) => (float[N, T, 2] y)
    <float[9, 2] table = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1}>
    {
        y = Gather(table, ids)
    }
    """
    tokens, masks = (
        [fed for fed in data if fed.slot.meaning == meaning and len(fed.slot.dims) == 2]
        for meaning in ("index", "mask")
    )
    if not tokens:
        raise NotApplicable("no input is a sequence of token ids")
    for fed in tokens:
        mask = next((mask for mask in masks if mask.shapes == fed.shapes), None)
        told, fraction = _repeated(fed) if mask is None else _masked(mask)
        if fraction > max_fraction:
            yield Finding(
                fed,
                f"{fraction:.0%} of token ids are padding {told} (limit {max_fraction:.0%})",
                measured=fraction,
                limit=max_fraction,
                unit="fraction of ids",
                hint="pad to the longest sequence of each batch, or group sequences by length",
            )


def _masked(mask: FedInput) -> tuple[str, float]:
    left_out = sum(int((block == 0).sum()) for block in mask.blocks)
    return "according to the mask", left_out / max(1, sum(block.size for block in mask.blocks))


def _repeated(fed: FedInput) -> tuple[str, float]:
    """The id with which most rows end, or begin, and how much of all ids that is."""
    import numpy as np

    rows = [row for block in fed.blocks for row in block if row.size > 1]
    found = [("", 0.0)]
    for turn in (-1, 1):
        ends = Counter(int(row[::turn][0]) for row in rows if row[::turn][0] == row[::turn][1])
        pad, count = next(iter(ends.most_common(1)), (0, 0))
        if len(rows) < 2 or count <= len(rows) / 2:
            continue
        padding = sum(int(np.logical_and.accumulate(row[::turn] == pad).sum()) for row in rows)
        found.append((f"by id {pad} at the {'end' if turn < 0 else 'start'}",
                      padding / sum(row.size for row in rows)))  # fmt: skip
    return max(found, key=lambda entry: entry[1])
