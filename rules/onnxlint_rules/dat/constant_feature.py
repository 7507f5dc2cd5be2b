"""DAT004 constant-feature."""

from collections.abc import Iterator

from onnxlint import Data, FedInput, Finding, NotApplicable, Severity, rule


@rule("DAT004", "constant-feature", severity=Severity.WARNING)
def constant_feature(data: Data, *, min_samples: int = 100, wide: int = 64) -> Iterator[Finding]:
    """A feature that is the same in every sample.

    Why: it carries no information. Mostly a step that prepares the data failed: a column read from
    the wrong place, a join that found nothing, a channel that is never filled. Of images and series
    whole channels are looked at. In fewer than 100 samples, chance makes rare flags constant; in
    tables of more than 64 columns, zeros are left alone: the border of flattened images, words
    that do not occur.
    Fix: mend what prepares the feature, or leave it out of the model.

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
        raise NotApplicable("no input has features that the graph tells apart")
    if data.samples < min_samples:
        raise NotApplicable(
            f"{data.samples} samples are too few to judge by, fewer than {min_samples}"
        )
    for fed in judged:
        seen = fed.features
        constant = [int(at) for at in seen.constant.nonzero()[0]]
        if fed.is_table and len(seen.constant) > wide:
            constant = [at for at in constant if seen.minimum[at] != 0]
        if not constant:
            continue
        what = "features" if fed.is_table else "channels"
        values = ", ".join(f"{at} is {seen.minimum[at]:.4g}" for at in constant[:3])
        more = f" and {len(constant) - 3} more" if len(constant) > 3 else ""
        yield Finding(
            fed,
            f"{len(constant)} of {len(seen.constant)} {what} never vary in {data.samples} samples: "
            f"{values}{more}",
            measured=len(constant),
            limit=0,
            unit=what,
        )


def _has(fed: FedInput) -> bool:
    """Whether features can be told apart, or it is one feature for itself."""
    alone = fed.slot.dims[1:] == (1,) or (fed.is_float and len(fed.slot.dims) == 1)
    return fed.axis is not None or alone
