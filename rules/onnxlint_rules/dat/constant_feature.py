"""DAT004 constant-feature."""

from collections.abc import Iterator
from typing import Annotated

from onnxlint import Data, FedInput, Finding, NotApplicable, Option, Severity, rule


@rule("DAT004", "constant-feature", severity=Severity.WARNING)
def constant_feature(
    data: Data,
    *,
    min_samples: Annotated[int, Option("fewest samples to judge by", "samples")] = 100,
    wide: Annotated[int, Option("columns beyond which zeros are exempt", "columns")] = 64,
) -> Iterator[Finding]:
    """A feature that is the same in every sample.

    Why: it carries no information. Usually a step of the preprocessing failed: a column read from
    the wrong place, a join without matches, a channel that is never filled. Of images and series
    whole channels are examined. In fewer than 100 samples, chance makes rare flags constant; in
    tables of more than 64 columns, zeros are exempt: the border of flattened images, words that do
    not occur.
    Fix: fix the preprocessing of the feature, or leave it out of the model.

    Bad:
    # option: min-samples = 4
    # data: x = [[1.0, 7.0], [2.0, 7.0], [5.0, 7.0], [0.0, 7.0]]
    net (float[N, 2] x) => (float[N, 1] y)
    <float[2, 1] w = {1, 2}>
    {
        y = MatMul(x, w)
    }

    Good:
    # option: min-samples = 4
    # data: x = [[1.0, 7.0], [2.0, 7.0], [5.0, 7.0], [0.0, 8.0]]
    net (float[N, 2] x) => (float[N, 1] y)
    <float[2, 1] w = {1, 2}>
    {
        y = MatMul(x, w)
    }
    """
    judged = [fed for fed in data if fed.is_numeric and fed.batch_axis is not None and _has(fed)]
    if not judged:
        raise NotApplicable("no input has an axis of features")
    if data.samples < min_samples:
        raise NotApplicable(f"needs at least {min_samples} samples (got {data.samples})")
    for fed in judged:
        seen = fed.features
        constant = [int(at) for at in seen.constant.nonzero()[0]]
        if fed.is_table and len(seen.constant) > wide:
            constant = [at for at in constant if seen.minimum[at] != 0]
        if not constant:
            continue
        what = "features" if fed.is_table else "channels"
        values = ", ".join(f"{what[:-1]} {at} = {seen.minimum[at]:.4g}" for at in constant[:3])
        more = ", …" if len(constant) > 3 else ""
        yield Finding(
            fed,
            f"{len(constant)} of {len(seen.constant)} {what} {'are' if constant[1:] else 'is'} "
            f"constant over {data.samples} samples ({values}{more})",
            measured=len(constant),
            limit=0,
            unit=what,
            hint=f"check the preprocessing of {what[:-1]} {constant[0]}, or leave it out",
        )


def _has(fed: FedInput) -> bool:
    """Whether it has an axis of features, or is one feature itself."""
    alone = fed.slot.dims[1:] == (1,) or (fed.is_float and len(fed.slot.dims) == 1)
    return fed.axis is not None or alone
